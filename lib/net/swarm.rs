//! The swarm: transport, protocols and their limits.
//!
//! Every number here replaces a default that is not safe for us.

use super::Say;
use super::codec::Frames;
use super::core::Clock;
use super::doors::Doors;
use super::gate::Gate;
use super::peer::keypair;
use super::routing::Routing;
use super::traffic::Meter;
use super::transport;
use crate::attach::FRAME_LIMIT_BYTES;
use crate::key::Key;
use crate::mesh::{Limits, degree, dht};
use libp2p::gossipsub::{
    self, IdentTopic, MessageAuthenticity, PeerScoreParams, PeerScoreThresholds, TopicScoreParams, ValidationMode,
    WhitelistSubscriptionFilter,
};
use libp2p::kad::RecordKey;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{PeerId, StreamProtocol, Swarm, identify, mdns, ping};
use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

/// Where there is no fleet file.
pub(super) const AD_HOC: &str = "adhoc";
/// Resident nodes keep a quiet connection this long.
const IDLE: Duration = Duration::from_secs(150);
/// Longer than the longest `await`.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
/// Requests and replies on their way over one connection.
const STREAMS: usize = 16;
/// Streams of one connection, ours and theirs together; each may hold 256 KiB
/// that nobody has read yet.
pub(super) const ALL_STREAMS: usize = 64;
/// Of these, those whose protocol has not been agreed on.
const NEGOTIATING: usize = 32;
/// A caller must have proved its key by then.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// The score under which gossip listens to nothing from a peer.
pub(super) const GRAYLIST: f64 = -80.0;
/// A gossip message: one frame and gossipsub's own members. It is compared to
/// all that gossipsub has read and not yet taken apart (0.50), which may hold up
/// to 8 KiB of the next message: with less room, two full messages one behind the
/// other end the stream, and neither side opens another.
const GOSSIP_LIMIT_BYTES: usize = FRAME_LIMIT_BYTES + 4096 + 8192;

pub(super) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

#[derive(NetworkBehaviour)]
pub(super) struct Protocols {
    // They come first: whom they let not in, nobody else sees.
    pub doors: Doors,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub frames: request_response::Behaviour<Frames>,
    pub gossip: Gate<Gossip>,
    pub mdns: Toggle<mdns::tokio::Behaviour>,
    pub routing: Routing,
}

/// Names that only one fleet uses, so that nodes of two find nothing to say to
/// each other.
#[derive(Clone, Debug)]
pub(super) struct Names {
    fleet: String,
}

impl Names {
    pub fn of(fleet: Option<&str>) -> Self {
        Self { fleet: fleet.unwrap_or(AD_HOC).to_owned() }
    }

    /// The fleet's id; `None` for an ad hoc node, to which everybody belongs.
    pub fn fleet(&self) -> Option<&str> {
        Some(self.fleet.as_str()).filter(|fleet| *fleet != AD_HOC)
    }

    /// What identify says; another fleet's is a reason to part.
    pub fn version(&self) -> String {
        format!("cooee/{}/1", self.fleet)
    }

    pub fn frames(&self) -> StreamProtocol {
        StreamProtocol::try_from_owned(format!("/cooee/{}/frames/1", self.fleet)).expect("it starts with a slash")
    }

    pub fn topic(&self) -> IdentTopic {
        IdentTopic::new(format!("cooee/{}/events/1", self.fleet))
    }

    /// The key of the record of this name.
    pub fn record(&self, name: &str) -> RecordKey {
        RecordKey::new(&dht::key(&self.fleet, name))
    }

    /// Kademlia's protocol.
    pub fn routing(&self) -> StreamProtocol {
        StreamProtocol::try_from_owned(format!("/cooee/{}/kad/1", self.fleet)).expect("it starts with a slash")
    }

    fn gossip(&self) -> String {
        format!("/cooee/{}/gossip", self.fleet)
    }
}

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// The swarm; with `finds`, it looks around on the local network. What it has
/// to do without, `say` hears.
pub(super) fn build(
    key: &Key,
    names: &Names,
    finds: bool,
    meter: &Meter,
    (limits, clock): (Limits, Clock),
    say: &Say,
) -> Result<Swarm<Protocols>, Failure> {
    let keypair = keypair(key);
    let own = keypair.public().to_peer_id();
    let (transport, no_names) = transport::counted(&keypair, meter)?;
    if let Some(error) = no_names {
        say.log(|| format!("names of hosts are not resolved: {error}"));
    }
    let identify = identify::Config::new(names.version(), keypair.public())
        .with_agent_version(concat!("cooee/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_cache_size(0);
    let frames =
        request_response::Config::default().with_request_timeout(REQUEST_TIMEOUT).with_max_concurrent_streams(STREAMS);
    let everybody = names.fleet().is_none();
    let protocols = Protocols {
        doors: Doors::new(limits, everybody, clock),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
        frames: request_response::Behaviour::new([(names.frames(), ProtocolSupport::Full)], frames),
        gossip: Gate::new(gossip(MessageAuthenticity::Signed(keypair), names)?, everybody),
        mdns: finds.then(|| mdns(own, say)).flatten().into(),
        routing: Routing::new(own, names),
    };
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE)
        .with_max_negotiating_inbound_streams(NEGOTIATING);
    Ok(Swarm::new(transport, protocols, own, config))
}

/// Finding on the local network. A machine where that cannot be does without.
fn mdns(own: PeerId, say: &Say) -> Option<mdns::tokio::Behaviour> {
    match mdns::tokio::Behaviour::new(mdns::Config::default(), own) {
        Ok(behaviour) => Some(behaviour),
        Err(error) => {
            say.log(|| format!("mDNS: {error}"));
            None
        }
    }
}

fn gossip(author: MessageAuthenticity, names: &Names) -> Result<Gossip, Failure> {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(names.gossip())
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .heartbeat_initial_delay(Duration::from_millis(200))
        .max_transmit_size(GOSSIP_LIMIT_BYTES)
        // By default a peer that does not read may have 5,000 messages waiting.
        .connection_handler_queue_len(64)
        .mesh_n(degree::DEGREE)
        .mesh_n_low(degree::DEGREE_LOW)
        .mesh_n_high(degree::DEGREE_HIGH)
        .mesh_outbound_min(degree::DEGREE_OUTBOUND)
        .gossip_lazy(degree::LAZY)
        .gossip_factor(degree::LAZY_FACTOR)
        .heartbeat_interval(Duration::from_millis(degree::HEARTBEAT_MS))
        .history_length(degree::HISTORY)
        .history_gossip(degree::HISTORY_TOLD)
        .prune_backoff(Duration::from_millis(degree::BACKOFF_MS))
        .build()?;
    let topic = names.topic();
    let only = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let mut gossip = Gossip::new_with_subscription_filter(author, config, only)?;
    // A quiet peer is no bad peer, and many may share an address: what counts
    // is what was invalid.
    let score = TopicScoreParams {
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -10.0,
        invalid_message_deliveries_decay: 0.9,
        ..TopicScoreParams::default()
    };
    let params = PeerScoreParams {
        topics: [(topic.hash(), score)].into(),
        ip_colocation_factor_weight: 0.0,
        // It fetches what it was too slow for.
        slow_peer_weight: 0.0,
        ..PeerScoreParams::default()
    };
    gossip.with_peer_score(
        params,
        PeerScoreThresholds { graylist_threshold: GRAYLIST, ..PeerScoreThresholds::default() },
    )?;
    Ok(gossip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use libp2p::swarm::SwarmEvent;

    /// Fewer than may wait for a peer.
    const MESSAGES: usize = 30;

    fn node(seed: u8) -> Swarm<Protocols> {
        let outfit = (Limits::default(), Clock::start());
        let say = Say::new(|_, _| {});
        build(&Key::from_seed(&[seed; 32]), &Names::of(None), false, &Meter::default(), outfit, &say).expect("a swarm")
    }

    /// The next event of either; the second's are told apart.
    async fn next(one: &mut Swarm<Protocols>, other: &mut Swarm<Protocols>) -> (bool, SwarmEvent<ProtocolsEvent>) {
        tokio::select! {
            event = one.select_next_some() => (false, event),
            event = other.select_next_some() => (true, event),
        }
    }

    #[tokio::test]
    async fn full_messages_one_behind_the_other_all_arrive() {
        let (mut one, mut other) = (node(1), node(2));
        let topic = Names::of(None).topic();
        for swarm in [&mut one, &mut other] {
            swarm.behaviour_mut().gossip.subscribe(&topic).expect("a topic");
        }
        other.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("a port");
        let all = async {
            let mut heard = 0;
            while heard < MESSAGES {
                match next(&mut one, &mut other).await {
                    (true, SwarmEvent::NewListenAddr { address, .. }) => one.dial(address).expect("a call"),
                    (false, SwarmEvent::Behaviour(ProtocolsEvent::Gossip(gossipsub::Event::Subscribed { .. }))) => {
                        for number in 0..MESSAGES {
                            let body = vec![number as u8; FRAME_LIMIT_BYTES];
                            one.behaviour_mut().gossip.publish(topic.clone(), body).expect("room to wait");
                        }
                    }
                    (
                        true,
                        SwarmEvent::Behaviour(ProtocolsEvent::Gossip(gossipsub::Event::Message { message, .. })),
                    ) => {
                        assert_eq!(message.data, vec![heard as u8; FRAME_LIMIT_BYTES]);
                        heard += 1;
                    }
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), all).await.expect("all of them");
    }
}
