//! A node that may hold little parts with strangers when they make it hold
//! more, and with nobody else; and lets strangers in again afterwards.

use super::client::{PATIENCE, Peer, read_all};
use super::connections::strangers;
use super::fleet::{Fleet, Names};
use super::{frames, hostile, members};
use crate::shell::until;
use cooee::attach::FRAME_LIMIT_BYTES;
use futures::future::join_all;
use libp2p::core::muxing::SubstreamBox;
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(1);
/// Requests that a node reads from one connection at once.
const STREAMS: usize = 16;

/// Sends the largest frames but for their last byte, all at once: the node
/// waits for it, and holds the rest.
async fn hoard(peer: &Peer, names: &Names) -> Vec<SubstreamBox> {
    let mut frame = (FRAME_LIMIT_BYTES as u32).to_be_bytes().to_vec();
    frame.resize(4 + FRAME_LIMIT_BYTES - 1, b' ');
    let protocol = names.frames();
    let streams = (0..STREAMS).map(|_| peer.speak(&protocol, &frame));
    join_all(streams.collect::<Vec<_>>()).await.into_iter().flatten().collect()
}

#[test]
fn strangers_that_take_the_memory_are_parted_with_and_members_are_not() {
    let mut fleet = Fleet::found_with(&["--max-memory", "64M"]);
    let (address, names) = (fleet.attacked.address(), fleet.names());
    let key = members(&fleet, 1).remove(0);
    let before = fleet.attacked.memory_kb();
    assert!(before < 64 << 10, "{before} kB without anybody");
    hostile(async {
        let member = Peer::call(&address, key).await.expect("a member is let in");
        let strangers = strangers(&address, 40).await;
        assert!(strangers.len() >= 8, "{} are in", strangers.len());
        let held = join_all(strangers.iter().map(|stranger| hoard(stranger, &names))).await;
        let parted = || fleet.attacked.said().contains("strangers are parted with").then_some(());
        let parted = until(PATIENCE, parted);
        parted.unwrap_or_else(|| panic!("it holds {} kB: {}", fleet.attacked.memory_kb(), fleet.attacked.said()));
        let ended = join_all(strangers.into_iter().map(Peer::ends)).await;
        assert!(ended.iter().all(|ended| *ended), "{ended:?}");
        drop(held);
        assert!(!member.is_over(), "{}", fleet.attacked.said());
        let stream = member.speak(&names.frames(), &frames::get()).await.expect("it is there");
        let reply = String::from_utf8_lossy(&read_all(stream).await).into_owned();
        assert!(reply.ends_with(r#"{"events":[],"op":"events"}"#), "{reply}");
        fleet.say(10);
    });
    // The memory comes back, and with it room for others.
    let again = || (!hostile(strangers(&address, 10)).is_empty()).then_some(());
    until(LIMIT, again).unwrap_or_else(|| panic!("it holds {} kB for good", fleet.attacked.memory_kb()));
    fleet.is_whole();
}
