//! What a member whose host was taken over can do to gossip; and a stranger.

use super::client::{PATIENCE, Peer, field, gossip_message, number, prefixed, varint};
use super::fleet::{NOTE, Names, event};
use cooee::key::Key;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use serde_json::json;

/// The kinds of attack.
pub const KINDS: usize = 14;

/// What is sent on the gossip stream: many messages of one kind.
fn attack(kind: usize, names: &Names, key: &Keypair, count: u64) -> Vec<u8> {
    let topic = names.topic();
    let rpc = |number: u64, bytes: &[u8]| {
        let mut rpc = Vec::new();
        field(&mut rpc, number, bytes);
        prefixed(&rpc)
    };
    let subscription = |topic: &str| {
        let mut one = Vec::new();
        number(&mut one, 1, 1);
        field(&mut one, 2, topic.as_bytes());
        one
    };
    let publish = |sequence: u64, data: &[u8]| rpc(2, &gossip_message(key, &topic, sequence, data));
    let control = |inner: u64, bytes: &[u8]| {
        let mut control = Vec::new();
        field(&mut control, inner, bytes);
        rpc(3, &control)
    };
    let ids = |first: u64, each: u64, of_topic: bool| {
        let mut message = Vec::new();
        if of_topic {
            field(&mut message, 1, topic.as_bytes());
        }
        let number = if of_topic { 2 } else { 1 };
        (first..first + each).for_each(|id| field(&mut message, number, &[&id.to_be_bytes()[..], &[7; 30]].concat()));
        message
    };
    // First as an honest one would: it listens to the topic, and is grafted.
    let mut all = rpc(1, &subscription(&topic));
    let mut graft = Vec::new();
    field(&mut graft, 1, topic.as_bytes());
    all.extend(control(3, &graft));
    for sequence in 0..count {
        match kind % KINDS {
            0 => all.extend(publish(sequence, b"{}")),
            1 => all.extend(publish(sequence, b"")),
            2 => all.extend(publish(sequence, br#"{"events":[],"op":"put"}"#)),
            // The event's author did not sign it.
            3 => {
                let host = Key::generate().expect("randomness");
                let good = event(&host, "note", NOTE, json!("x"));
                let forged = String::from_utf8(good.into_wire()).expect("text").replace("\"x\"", "\"y\"");
                all.extend(publish(sequence, format!("{{\"events\":[{forged}],\"op\":\"put\"}}").as_bytes()));
            }
            // The message's author did not.
            4 => {
                let mut message = gossip_message(key, &topic, sequence, b"x");
                *message.last_mut().expect("its signature") ^= 1;
                all.extend(rpc(2, &message));
            }
            // Nobody signed it.
            5 => {
                let mut message = Vec::new();
                field(&mut message, 2, b"x");
                field(&mut message, 4, topic.as_bytes());
                all.extend(rpc(2, &message));
            }
            6 => (0..50).for_each(|n| all.extend(rpc(1, &subscription(&format!("topic {sequence} {n}\u{1b}[31m"))))),
            // A back-off of centuries, and one that overflows.
            7 => {
                let mut prune = Vec::new();
                field(&mut prune, 1, topic.as_bytes());
                number(&mut prune, 3, if sequence % 2 == 0 { u64::MAX } else { u64::MAX / 1_000_000_000 });
                all.extend(control(4, &prune));
            }
            8 => all.extend(control(3, &graft)),
            9 => all.extend(control(1, &ids(sequence * 500, 500, true))),
            10 => all.extend(control(2, &ids(sequence * 500, 500, false))),
            // Ids as long as a message may be.
            11 => {
                let mut message = Vec::new();
                field(&mut message, 1, &[&sequence.to_be_bytes()[..], &vec![7; 60_000]].concat());
                all.extend(control(5, &message));
            }
            // PRUNE with peers to call.
            12 => {
                let mut prune = Vec::new();
                field(&mut prune, 1, topic.as_bytes());
                for _ in 0..20 {
                    let mut peer = Vec::new();
                    field(&mut peer, 1, &Keypair::generate_ed25519().public().to_peer_id().to_bytes());
                    field(&mut peer, 2, &[0xff; 200]);
                    field(&mut prune, 2, &peer);
                }
                all.extend(control(4, &prune));
            }
            // A message that says it is of four gibibytes, and no protobuf.
            _ => {
                varint(&mut all, if sequence == 0 { 30 } else { u64::from(u32::MAX) });
                all.extend_from_slice(&[0xff; 30]);
            }
        }
    }
    all
}

/// Sends it, again on a new stream while it is let.
pub async fn send(address: &Multiaddr, names: &Names, key: Keypair, kind: usize, count: u64) {
    let _ =
        tokio::time::timeout(std::time::Duration::from_secs(3), is_parted_with(address, names, key, kind, count)).await;
}

/// The same; true if the node then parts with it.
pub async fn is_parted_with(address: &Multiaddr, names: &Names, key: Keypair, kind: usize, count: u64) -> bool {
    let Ok(peer) = Peer::call(address, key).await else { return true };
    let bytes = attack(kind, names, &peer.key, count);
    let protocol = names.gossip();
    let mut streams = Vec::new();
    for _ in 0..3 {
        // A stranger's stream is not read: it does not end by itself.
        let speaking = peer.speak(&protocol, &bytes);
        match tokio::time::timeout(PATIENCE, speaking).await {
            Ok(Ok(stream)) => streams.push(stream),
            _ => break,
        }
    }
    peer.ends().await
}
