//! Who hears the gossip, and who is parted with.

use super::client::Peer;
use super::fleet::{self, Fleet, NOTE, Names, event, keypair, put};
use super::hostile;
use crate::shell::until;
use cooee::key::Key;
use futures::StreamExt as _;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity};
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, Swarm, identify, noise, tcp, yamux};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

#[derive(NetworkBehaviour)]
struct Protocols {
    identify: identify::Behaviour,
    gossip: gossipsub::Behaviour,
}

/// One that follows every rule of libp2p, and says what it likes of itself.
fn listener(key: &Keypair, names: &Names, address: &Multiaddr) -> Swarm<Protocols> {
    let mut swarm = libp2p::SwarmBuilder::with_existing_identity(key.clone())
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|key| {
            let config = gossipsub::ConfigBuilder::default()
                .protocol_id_prefix(names.gossip().trim_end_matches("/1.1.0").to_owned())
                .heartbeat_interval(Duration::from_millis(100))
                .build()
                .expect("a good configuration");
            let gossip = gossipsub::Behaviour::new(MessageAuthenticity::Signed(key.clone()), config).expect("it is");
            let ill = format!("\u{1b}[2J\u{1b}]0;x\u{7}\r\n\0{}", "é".repeat(1000));
            let config = identify::Config::new(names.version(), key.public()).with_agent_version(ill);
            Protocols { identify: identify::Behaviour::new(config), gossip }
        })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_mins(5)))
        .build();
    swarm.behaviour_mut().gossip.subscribe(&IdentTopic::new(names.topic())).expect("no filter");
    swarm.dial(address.clone()).expect("it may call");
    swarm
}

/// Runs it until it hears a message, or the time is over.
async fn hears(swarm: &mut Swarm<Protocols>, limit: Duration) -> bool {
    let heard = async {
        loop {
            if let SwarmEvent::Behaviour(ProtocolsEvent::Gossip(gossipsub::Event::Message { .. })) =
                swarm.select_next_some().await
            {
                return;
            }
        }
    };
    timeout(limit, heard).await.is_ok()
}

#[test]
fn a_stranger_hears_nothing_until_it_is_a_member_and_nothing_once_it_is_revoked() {
    let mut fleet = Fleet::found();
    let (address, names) = (fleet.attacked.address(), fleet.names());
    let host = Key::generate().expect("randomness");
    hostile(async {
        let mut swarm = listener(&keypair(&host), &names, &address);
        // It has said that it listens, over the very connection that is later
        // taken up; what it hears proves that the wait was long enough.
        let let_in = async {
            while swarm.connected_peers().next().is_none() {
                swarm.select_next_some().await;
            }
        };
        timeout(Duration::from_mins(1), let_in).await.expect("it is let in");
        for _ in 0..5 {
            fleet.say(1);
            assert!(!hears(&mut swarm, Duration::from_millis(400)).await, "a stranger heard a note");
        }
        let connected = swarm.is_connected(&swarm.connected_peers().next().copied().expect("it is let in"));
        assert!(connected);
        fleet.enrol(&host);
        let heard = async {
            loop {
                fleet.say(1);
                if hears(&mut swarm, Duration::from_millis(400)).await {
                    return;
                }
            }
        };
        timeout(Duration::from_mins(1), heard).await.expect("a member hears");

        fleet.revoke(&host);
        let parted = async {
            while swarm.connected_peers().next().is_some() {
                swarm.select_next_some().await;
            }
        };
        timeout(Duration::from_mins(1), parted).await.expect("it is parted with");
        for _ in 0..3 {
            let again = Peer::call(&address, keypair(&host)).await;
            assert!(match again {
                Ok(peer) => peer.ends().await,
                Err(_) => true,
            });
        }
    });
    let said = fleet.attacked.said();
    assert!(said.contains("its key was revoked"), "{said}");
}

/// On every node, within one reconciliation: here at once.
#[test]
fn a_revoked_node_is_parted_with_by_every_node() {
    let mut fleet = Fleet::found();
    let (third, key) = fleet.join("/ip4/127.0.0.1/tcp/9");
    let before = event(&key, "note", NOTE, json!("soon regretted"));
    put(&third, std::slice::from_ref(&before));
    fleet.say(1);
    let limit = Duration::from_mins(1);
    let everywhere = || {
        let all = [&fleet.attacked, &fleet.second, &third].map(fleet::Node::ids);
        (all[0].contains(before.id()) && all[0] == all[1] && all[1] == all[2]).then_some(())
    };
    until(limit, everywhere).expect("three nodes hold the same");

    fleet.revoke(&key);
    // It calls both again, as nodes do, and is refused by both.
    let refused = || [&fleet.attacked, &fleet.second].iter().all(|node| node.said().contains("its key was revoked"));
    until(limit, || refused().then_some(())).expect("both refuse it");
    fleet.say(5);
    fleet.is_whole();
    let (there, here) = (third.ids(), fleet.attacked.ids());
    assert!(!here.contains(before.id()));
    assert!(fleet.honest()[2..].iter().all(|id| !there.contains(id)), "a revoked node hears nothing");
}
