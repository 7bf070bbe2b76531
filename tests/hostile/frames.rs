//! Junk over request-response, and readers that do not read.

use super::client::{Peer, read_all};
use super::fleet::{NOTE, Names, event};
use cooee::attach::{FRAME_LIMIT_BYTES, Request};
use cooee::key::Key;
use futures::future::join_all;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use serde_json::json;

/// The kinds of junk.
const KINDS: usize = 12;

/// A frame that no honest client sends, header included.
fn junk(kind: usize) -> Vec<u8> {
    let framed = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
    match kind % KINDS {
        0 => vec![0xff; 64],
        1 => u32::MAX.to_be_bytes().to_vec(),
        2 => 131_073_u32.to_be_bytes().to_vec(),
        // The largest frame is announced, and one byte comes.
        3 => [&131_072_u32.to_be_bytes()[..], b"{"].concat(),
        4 => framed(b""),
        5 => framed(b"{}"),
        6 => framed(&vec![b'['; 131_072]),
        7 => framed(br#"{"events":[{}],"op":"put"}"#),
        8 => framed(br#"{"op":"put","events":[]}"#),
        9 => framed(&vec![0; 131_072]),
        10 => {
            let host = Key::generate().expect("randomness");
            let good = event(&host, "note", NOTE, json!("x"));
            let forged = String::from_utf8(good.into_wire()).expect("text").replace("\"x\"", "\"y\"");
            framed(format!("{{\"events\":[{forged}],\"op\":\"put\"}}").as_bytes())
        }
        _ => framed(br#"{"ids":["\ud800"],"op":"get"}"#),
    }
}

/// A request as an honest client frames it.
fn framed(request: &Request) -> Vec<u8> {
    let mut frame = Vec::new();
    request.frame(&mut frame).expect("it fits");
    frame
}

/// Asks for nothing of the log.
pub fn get() -> Vec<u8> {
    framed(&Request::Get { elements: Vec::new() })
}

/// Sends `count` junk frames under as many keys as it takes: a key that is shut
/// out is thrown away. Says how many frames were sent, and under how many keys.
pub async fn flood(address: &Multiaddr, names: &Names, members: &[Keypair], count: usize) -> (usize, usize) {
    let mut keys = members.iter().cloned();
    let mut sent = 0;
    let mut let_in = 0;
    let mut refused = 0;
    while sent < count && refused < 20 {
        let key = keys.next().unwrap_or_else(Keypair::generate_ed25519);
        let Ok(peer) = Peer::call(address, key).await else {
            refused += 1;
            continue;
        };
        let mut streams = Vec::new();
        let before = sent;
        while sent < count && !peer.is_over() {
            let Ok(stream) = peer.speak(&names.frames(), &junk(sent)).await else { break };
            sent += 1;
            streams.push(stream);
            if streams.len() >= 8 {
                // What is only announced would be waited for: dropped.
                drop(streams.drain(..));
            }
        }
        let_in += usize::from(sent > before);
        refused = if sent > before { 0 } else { refused + 1 };
    }
    (sent, let_in)
}

/// Asks again and again, and reads no answer. Says that the node has not kept
/// more of it than its streams.
pub async fn never_reads(address: &Multiaddr, names: &Names, key: Keypair) {
    let Ok(peer) = Peer::call(address, key).await else { return };
    let frame = get();
    let mut held = Vec::new();
    for _ in 0..200 {
        match peer.speak(&names.frames(), &frame).await {
            Ok(stream) => held.push(stream),
            Err(_) => break,
        }
    }
}

/// Waits for answers that never come, as often as it is let.
pub async fn awaits(address: &Multiaddr, names: &Names, key: Keypair) {
    let Ok(peer) = Peer::call(address, key).await else { return };
    let wait = br#"{"ids":["01890a5d-ac96-774b-bcce-b302099a8057"],"op":"await","wait_ms":30000}"#;
    let frame = [&(wait.len() as u32).to_be_bytes()[..], wait].concat();
    let frames = names.frames();
    let asks = (0..200).map(|_| peer.speak(&frames, &frame));
    drop(join_all(asks.collect::<Vec<_>>()).await);
}

/// What a stranger is told when it asks for the log.
pub async fn asks_for_the_log(address: &Multiaddr, names: &Names, key: Keypair) -> String {
    let peer = Peer::call(address, key).await.expect("it is let in");
    let stream = peer.speak(&names.frames(), &get()).await.expect("a stream");
    String::from_utf8_lossy(&read_all(stream).await).into_owned()
}

/// Asks with frames of 128 KiB, all at once; the replies.
pub async fn largest_at_once(peer: &Peer, names: &Names, count: usize) -> Vec<String> {
    let room = FRAME_LIMIT_BYTES - r#"{"ids":[""],"op":"await","wait_ms":0}"#.len();
    let frame = framed(&Request::Await { ids: vec!["x".repeat(room)], wait_ms: 0 });
    let protocol = names.frames();
    let asks = (0..count).map(|_| async {
        let stream = peer.speak(&protocol, &frame).await.expect("a stream");
        String::from_utf8_lossy(&read_all(stream).await).into_owned()
    });
    join_all(asks.collect::<Vec<_>>()).await
}
