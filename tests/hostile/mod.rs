//! A hostile client of ours against a node in a process of its own: whatever it
//! does, the node stays up and within its memory, what honest hosts publish
//! through it is receipted and reaches a second node, and nothing else does.
//!
//! Small enough here to take seconds; `./scripts/chaos hostile` runs the same at
//! full size, with COOEE_HOSTILE=full.

mod client;
mod connections;
mod fleet;
mod frames;
mod gossip;
mod hearing;
mod memory;
mod quic;
mod socket;

use crate::shell::until;
use cooee::key::Key;
use fleet::{Fleet, keypair};
use futures::future::join_all;
use libp2p::identity::Keypair;
use std::future::Future;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How often something is done: `few`, or `many` at full size.
fn times(few: usize, many: usize) -> usize {
    if std::env::var_os("COOEE_HOSTILE").is_some_and(|size| size == "full") { many } else { few }
}

fn hostile<T>(attack: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("threads").block_on(attack)
}

/// Keys that the Leader has enrolled: hosts that were taken over.
fn members(fleet: &Fleet, count: usize) -> Vec<Keypair> {
    let keys = (0..count).map(|_| Key::generate().expect("randomness"));
    keys.map(|key| {
        fleet.enrol(&key);
        keypair(&key)
    })
    .collect()
}

#[test]
fn junk_connections_hurt_nobody() {
    let mut fleet = Fleet::found();
    let (port, address) = (fleet.attacked.port(), fleet.attacked.address());
    for _ in 0..4 {
        hostile(connections::junk(port, times(200, 2_500)));
        fleet.say(10);
    }
    hostile(connections::broken_muxing(&address));
    fleet.say(1);
    fleet.is_whole();
}

#[test]
fn strangers_beyond_the_limit_are_not_let_in_and_members_are() {
    let mut fleet = Fleet::found();
    let address = fleet.attacked.address();
    let members = members(&fleet, 1);
    hostile(async {
        let strangers = connections::strangers(&address, 100).await;
        assert!((1..=64).contains(&strangers.len()), "{} are in", strangers.len());
        let member = client::Peer::call(&address, members[0].clone()).await.expect("a member is let in");
        let stream = member.speak(&fleet.names().frames(), &frames::get()).await;
        drop(stream.expect("and heard"));
        fleet.say(10);
    });
    let said = fleet.attacked.said();
    assert!(said.contains("too many connections from one address"), "{said}");
    fleet.is_whole();
}

const QUIC: [&str; 2] = ["--listen", "/ip4/127.0.0.1/udp/0/quic-v1"];

#[test]
fn junk_datagrams_and_handshakes_that_are_left_hurt_nobody() {
    let mut fleet = Fleet::found_with(&QUIC);
    let address = fleet.attacked.quic();
    let port = fleet::port_of(&address);
    let member = members(&fleet, 1).remove(0);
    for _ in 0..4 {
        hostile(quic::junk(port, times(2_000, 25_000))).expect("sent");
        fleet.say(10);
    }
    for _ in 0..2 {
        hostile(async {
            let open = quic::half_open(port, times(200, 2_500)).await;
            assert!(open.len() >= 150, "{} handshakes were begun", open.len());
            // From another address one is let in meanwhile.
            let peer = client::Peer::call(&address, member.clone()).await.expect("a member is let in");
            drop(peer.speak(&fleet.names().frames(), &frames::get()).await.expect("and heard"));
            fleet.say(10);
        });
    }
    fleet.is_whole();
}

/// What holds for TCP holds for QUIC.
#[test]
fn over_quic_strangers_are_bounded_and_junk_shuts_its_sender_out() {
    let mut fleet = Fleet::found_with(&QUIC);
    let (address, names) = (fleet.attacked.quic(), fleet.names());
    let members = members(&fleet, gossip::KINDS + 3);
    hostile(async {
        let strangers = connections::strangers(&address, 100).await;
        assert!((1..=64).contains(&strangers.len()), "{} are in", strangers.len());
        let member = client::Peer::call(&address, members[0].clone()).await.expect("a member is let in");
        drop(member.speak(&names.frames(), &frames::get()).await.expect("and heard"));
        fleet.say(10);
    });
    assert!(fleet.attacked.said().contains("too many connections from one address"), "{}", fleet.attacked.said());
    for (number, key) in members[3..].iter().enumerate() {
        hostile(gossip::send(&address, &names, key.clone(), number, times(50, 2_000) as u64));
    }
    fleet.say(3);
    let (_, let_in) = hostile(frames::flood(&address, &names, &members[1..2], times(400, 10_000)));
    assert!(let_in >= 1, "a member was let in");
    hostile(frames::never_reads(&address, &names, members[2].clone()));
    hostile(frames::awaits(&address, &names, Keypair::generate_ed25519()));
    fleet.say(10);
    assert!(fleet.attacked.said().contains("shut out for a while"), "{}", fleet.attacked.said());
    fleet.is_whole();
}

#[test]
fn junk_frames_shut_their_sender_out() {
    let mut fleet = Fleet::found();
    let (address, names) = (fleet.attacked.address(), fleet.names());
    let members = members(&fleet, 8);
    let stranger = hostile(frames::asks_for_the_log(&address, &names, Keypair::generate_ed25519()));
    assert!(stranger.contains("not_permitted"), "{stranger}");
    for round in 0..4 {
        let some = &members[round * 2..round * 2 + 2];
        // Until their address is shut out.
        let (_, let_in) = hostile(frames::flood(&address, &names, some, 400));
        assert!(let_in >= 1, "members were let in");
        fleet.say(10);
    }
    let fresh = Keypair::generate_ed25519();
    hostile(frames::never_reads(&address, &names, members[7].clone()));
    hostile(frames::awaits(&address, &names, fresh));
    fleet.say(10);
    let said = fleet.attacked.said();
    assert!(said.contains("shut out for a while"), "{said}");
    fleet.is_whole();
}

#[test]
fn hostile_members_hurt_the_gossip_of_nobody() {
    let mut fleet = Fleet::found();
    let (address, names) = (fleet.attacked.address(), fleet.names());
    let members = members(&fleet, gossip::KINDS);
    for some in members.chunks(5).enumerate() {
        let (first, keys) = (some.0 * 5, some.1);
        let sends = keys.iter().enumerate().map(|(number, key)| {
            let (address, names, kind) = (&address, &names, first + number);
            async move {
                let stranger = gossip::send(address, names, Keypair::generate_ed25519(), kind, 50);
                let member = gossip::send(address, names, key.clone(), kind, times(100, 2_000) as u64);
                futures::join!(stranger, member)
            }
        });
        hostile(async { join_all(sends.collect::<Vec<_>>()).await });
        fleet.say(3);
    }
    fleet.is_whole();
}

/// FACTS-security.md: of 5,000 bad messages none reaches a second node.
#[test]
fn of_5000_bad_messages_none_passes_the_first_node() {
    let mut fleet = Fleet::found();
    let (address, names) = (fleet.attacked.address(), fleet.names());
    let members = members(&fleet, 20);
    let parted = hostile(async {
        // Malformed, empty, without events, and forged.
        let sends = members.into_iter().enumerate().map(|(number, key)| {
            let (address, names) = (address.clone(), names.clone());
            async move { gossip::is_parted_with(&address, &names, key, number % 4, 250).await }
        });
        join_all(sends.collect::<Vec<_>>()).await
    });
    assert_eq!(parted, [true; 20], "{}", fleet.attacked.said());
    fleet.say(5);
    fleet.is_whole();
}

#[test]
fn the_socket_takes_junk_silence_and_slow_readers() {
    let mut fleet = Fleet::found();
    let silent: Vec<_> = (0..300).filter_map(|_| UnixStream::connect(fleet.attacked.socket()).ok()).collect();
    assert_eq!(silent.len(), 300, "more than there are places");
    fleet.say(1);
    drop(silent);
    for _ in 0..3 {
        let open = socket::junk(&fleet.attacked.socket(), times(400, 4_000));
        fleet.say(10);
        drop(open);
    }
    fleet.is_whole();
}

#[test]
fn limits_are_as_they_are_told() {
    let node = fleet::Node::alone(&["--max-peers", "8", "--max-memory", "1G", "--max-rate", "64K"]);
    let address = node.address();
    hostile(async {
        let inside = connections::strangers(&address, 20).await;
        assert!((1..=8).contains(&inside.len()), "{} are in", inside.len());
        // Two seconds' worth at once, ten more that wait, and then no more.
        let replies = frames::largest_at_once(&inside[0], &fleet::Names::ad_hoc(), 16).await;
        let count = |word: &str| replies.iter().filter(|reply| reply.contains(word)).count();
        let (served, refused) = (count("\"op\":\"answers\""), count("\"code\":\"busy\""));
        assert!(served >= 6 && refused >= 1, "{served} served, {refused} refused: {replies:?}");
    });
}

/// It accepts and says nothing; and members ask for what is never answered, and
/// never answer what they are asked.
#[test]
fn silent_peers_delay_nobody() {
    let mut fleet = Fleet::found();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().expect("an address").port());
    let (third, key) = fleet.join(&place);
    let (called, _) = silent.accept().expect("it calls");
    let (address, names) = (third.address(), fleet.names());
    let members = members(&fleet, 3);
    hostile(async {
        for member in members {
            frames::never_reads(&address, &names, member.clone()).await;
            frames::awaits(&address, &names, member).await;
        }
        fleet.say(5);
        let said = fleet::event(&key, "note", fleet::NOTE, serde_json::json!("still heard"));
        fleet::put(&third, std::slice::from_ref(&said));
        let limit = Duration::from_mins(1);
        let there = || {
            let ids = third.ids();
            (ids == fleet.attacked.ids() && ids.contains(said.id())).then_some(())
        };
        until(limit, there).expect("what is said reaches the others, and what they say reaches it");
    });
    drop(called);
    fleet.is_whole();
}

/// Where everybody belongs a key costs nothing, and no address is shut out.
#[test]
fn a_node_stands_junk_frames_without_end() {
    let mut node = fleet::Node::alone(&[]);
    let (address, names, each) = (node.address(), fleet::Names::ad_hoc(), times(250, 12_500));
    let floods = hostile(join_all((0..8).map(|_| frames::flood(&address, &names, &[], each))));
    let (sent, keys) = floods.iter().fold((0, 0), |sum, flood| (sum.0 + flood.0, sum.1 + flood.1));
    assert_eq!(sent, 8 * each, "under {keys} keys");
    assert!(keys > sent / 200, "{keys} keys were enough for {sent} frames");
    assert!(node.runs() && node.said().contains("shut out for a while"));
    let host = Key::generate().expect("randomness");
    let said = fleet::event(&host, "note", fleet::NOTE, serde_json::json!("still here"));
    assert_eq!(fleet::put(&node, std::slice::from_ref(&said)), [said.id()]);
    assert!(node.ids().contains(said.id()));
    let peak = node.peak_kb();
    assert!(peak < fleet::MOST_MEMORY_KB, "it held {peak} kB");
}
