//! What the swarm knows of the node and its peers, for whoever watches.
//!
//! Until somebody asks it is a few words a connection, written when something
//! happens to the connection, never for a message.

use super::Driver;
use crate::attach::Reply;
use crate::canon::canonical;
use crate::key::Did;
use crate::mesh::{CallFacts, Facts, PeerFacts, Reader, Source};
use crate::net::peer::{did_of, peer_id_of, place};
use crate::net::socket::CONNECTIONS;
use crate::net::traffic::Traffic;
use crate::watch::{self, Direction, ErrorCode, Node, Peer, Record, Standing, State, Transport};
use jiff::{SignedDuration, Timestamp};
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, identify};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// What is kept of a text that a peer says.
const WORDS_LIMIT: usize = 200;
/// Addresses that are kept of those a peer says it has.
const ADDRESSES_LIMIT: usize = 8;
/// Addresses whose last error is kept.
const TROUBLES_LIMIT: usize = 1024;

struct Connection {
    peer: PeerId,
    address: Multiaddr,
    direction: Direction,
    since: Timestamp,
    round_trip: Option<Duration>,
    traffic: Option<Arc<Traffic>>,
}

/// What a peer says of itself.
struct Told {
    agent_version: String,
    addresses: Vec<String>,
}

#[derive(Clone)]
struct Trouble {
    code: ErrorCode,
    words: String,
    at: Timestamp,
}

/// What has been seen.
#[derive(Default)]
pub(super) struct Sights {
    connections: HashMap<ConnectionId, Connection>,
    told: HashMap<PeerId, Told>,
    /// The last error at an address that was called.
    troubles: BTreeMap<String, Trouble>,
}

impl Sights {
    /// A connection has come up.
    pub fn opened(&mut self, id: ConnectionId, peer: PeerId, point: &ConnectedPoint, traffic: Option<Arc<Traffic>>) {
        let direction = if point.is_dialer() { Direction::Out } else { Direction::In };
        let (address, since) = (point.get_remote_address().clone(), Timestamp::now());
        self.connections.insert(id, Connection { peer, address, direction, since, round_trip: None, traffic });
    }

    /// It has closed, with an error if it was not meant.
    pub fn closed(&mut self, id: ConnectionId, error: Option<String>) {
        let Some(connection) = self.connections.remove(&id) else { return };
        if let (Direction::Out, Some(words)) = (connection.direction, error) {
            self.trouble(&connection.address, ErrorCode::Broken, &words);
        }
        if !self.connections.values().any(|other| other.peer == connection.peer) {
            self.told.remove(&connection.peer);
        }
    }

    /// A ping came back.
    pub fn pinged(&mut self, id: ConnectionId, round_trip: Duration) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.round_trip = Some(round_trip);
        }
    }

    /// The peer said who it is, and is of our fleet.
    pub fn told(&mut self, peer: PeerId, info: &identify::Info) {
        let addresses =
            info.listen_addrs.iter().take(ADDRESSES_LIMIT).map(|address| cut(&address.to_string())).collect();
        self.told.insert(peer, Told { agent_version: cut(&info.agent_version), addresses });
        let there = self.connections.values().filter(|connection| connection.peer == peer);
        for address in there.map(|connection| place(&connection.address)).collect::<Vec<_>>() {
            self.troubles.remove(&address);
        }
    }

    /// The node at the other end is of another fleet.
    pub fn other_fleet(&mut self, id: ConnectionId) {
        let called = self.connections.get(&id).filter(|connection| connection.direction == Direction::Out);
        if let Some(address) = called.map(|connection| connection.address.clone()) {
            self.trouble(&address, ErrorCode::OtherFleet, "a node of another fleet answers there");
        }
    }

    /// A call came to nothing, or what it came to is no good.
    pub fn trouble(&mut self, address: &Multiaddr, code: ErrorCode, words: &str) {
        let address = place(address);
        let now = Timestamp::now();
        // The end of a connection says less than why it was ended.
        let known = self.troubles.get(&address).filter(|_| code == ErrorCode::Broken);
        if known.is_some_and(|known| now.duration_since(known.at) < SignedDuration::from_secs(5)) {
            return;
        }
        if self.troubles.len() >= TROUBLES_LIMIT && !self.troubles.contains_key(&address) {
            let oldest = self.troubles.iter().min_by_key(|(_, trouble)| trouble.at).map(|(address, _)| address.clone());
            oldest.and_then(|oldest| self.troubles.remove(&oldest));
        }
        self.troubles.insert(address, Trouble { code, words: cut(words), at: now });
    }
}

impl<R: Reader + 'static> Driver<R> {
    /// All that is known, as records: the node, then its peers.
    pub(super) fn watched(&self, facts: &Facts) -> Reply {
        let mut records = vec![canonical(&Record::Node(self.node_record(facts)))];
        records.extend(self.peer_records(facts).into_iter().map(|peer| canonical(&Record::Peer(peer))));
        Reply::Peers { records }
    }

    fn node_record(&self, facts: &Facts) -> Node {
        let id = *self.swarm.local_peer_id();
        let limits = self.swarm.behaviour().doors.limits();
        let counters = self.swarm.network_info().connection_counters().clone();
        let hindrance = match facts.standing {
            _ if facts.gossips => None,
            Standing::Expired => Some("expired"),
            Standing::Revoked => Some("revoked"),
            _ => Some("not_enrolled"),
        };
        let (log_error_at, log_error) = facts.log_error.clone().unzip();
        Node {
            v: 1,
            did: did_of(&id).map(|did| did.to_string()).unwrap_or_default(),
            peer_id: id.to_string(),
            fleet: self.names.fleet().map(str::to_owned),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: facts.now.wall,
            uptime_ms: facts.now.uptime_ms,
            listen: self.addresses.iter().map(ToString::to_string).collect(),
            standing: facts.standing,
            enrolled_until: facts.enrolled_until,
            gossip: facts.gossips,
            gossip_hindrance: hindrance.map(str::to_owned),
            mdns: self.swarm.behaviour().mdns.is_enabled(),
            log_events: facts.totals.events,
            log_bytes: facts.totals.bytes,
            log_limit_bytes: facts.log_limit_bytes,
            log_newest: facts.totals.newest,
            log_error,
            log_error_at,
            key_elsewhere: self.double.seen.as_ref().map(|(how, _)| how.clone()),
            key_elsewhere_at: self.double.seen.as_ref().map(|(_, at)| *at),
            disk_free_bytes: self.disk_free_bytes(),
            memory_bytes: memory_bytes(),
            memory_limit_bytes: limits.memory_bytes,
            connections_in: counters.num_established_incoming(),
            connections_in_limit: limits.peers as u32,
            connections_out: counters.num_established_outgoing(),
            connections_out_limit: limits.outgoing() as u32,
            // One place is held for who comes next.
            socket_connections: CONNECTIONS.saturating_sub(self.shared.places.available_permits() + 1) as u32,
            socket_connections_limit: CONNECTIONS as u32,
        }
    }

    fn disk_free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.listen_file.parent()?).ok()?;
        Some(disk.f_bavail * disk.f_frsize)
    }

    fn peer_records(&self, facts: &Facts) -> Vec<Peer> {
        let gossip = &self.swarm.behaviour().gossip;
        let topic = self.names.topic().hash();
        let mesh: HashSet<&PeerId> = gossip.mesh_peers(&topic).collect();
        let mut topics: HashMap<&PeerId, Vec<String>> = gossip
            .all_peers()
            .map(|(peer, topics)| (peer, topics.into_iter().map(|topic| cut(topic.as_str())).collect()))
            .collect();
        let mut by_peer: BTreeMap<PeerId, Vec<&Connection>> = BTreeMap::new();
        for connection in self.sights.connections.values() {
            by_peer.entry(connection.peer).or_default().push(connection);
        }
        let mut sources: HashMap<Option<Did>, watch::Source> = HashMap::new();
        for call in &facts.calls {
            let best = sources.entry(call.peer).or_insert(watch::Source::Exchange);
            *best = (*best).min(source_of(call.source));
        }
        let mut peers = Vec::new();
        let unknown = PeerFacts::default();
        for (id, mut connections) in by_peer {
            connections.sort_by_key(|connection| connection.since);
            let did = did_of(&id);
            let known = did.and_then(|did| facts.peers.get(&did)).unwrap_or(&unknown);
            let mut peer = self.connected_record(&id, &connections, known);
            peer.source = sources.get(&did).copied();
            peer.topics = topics.remove(&id).unwrap_or_default();
            peer.gossip_mesh = mesh.contains(&id);
            peer.gossip_score = gossip.peer_score(&id);
            peers.push(peer);
        }
        peers.sort_by(|a, b| (a.standing, &a.did).cmp(&(b.standing, &b.did)));
        let mut others = Vec::new();
        // Those that are connected are above.
        for call in facts.calls.iter().filter(|call| call.state != State::Connected) {
            others.push(self.called_record(call, facts));
        }
        others.sort_by(|a, b| (a.source, &a.address).cmp(&(b.source, &b.address)));
        peers.append(&mut others);
        peers
    }

    /// A peer by its connections, oldest first; there is one at least.
    fn connected_record(&self, id: &PeerId, connections: &[&Connection], known: &PeerFacts) -> Peer {
        let first = connections[0];
        let told = self.sights.told.get(id);
        let traffic = connections.iter().filter_map(|connection| Some(connection.traffic.as_ref()?.bytes()));
        let (bytes_in, bytes_out) =
            traffic.fold((0, 0), |sum, (more_in, more_out)| (sum.0 + more_in, sum.1 + more_out));
        let trouble = self.sights.troubles.get(&place(&first.address)).cloned();
        let refused = known.refused.clone().map(|(code, words, at)| Trouble { code, words: cut(&words), at });
        let trouble = [trouble, refused].into_iter().flatten().max_by_key(|trouble| trouble.at);
        let mut record = Peer {
            v: 1,
            did: did_of(id).map(|did| did.to_string()),
            peer_id: Some(id.to_string()),
            state: State::Connected,
            address: Some(place(&first.address)),
            addresses: told.map(|told| told.addresses.clone()).unwrap_or_default(),
            direction: Some(first.direction),
            transport: Some(transport_of(&first.address)),
            connections: connections.len() as u32,
            connected_since: Some(first.since),
            round_trip_ms: connections.iter().filter_map(|connection| connection.round_trip).next_back().map(in_ms),
            agent_version: told.map(|told| told.agent_version.clone()),
            standing: known.standing,
            bytes_in,
            bytes_out,
            clock_offset_ms: known.clock_offset_ms,
            compared_at: known.compared.map(|(at, _)| at),
            comparison: known.compared.map(|(_, how)| how),
            differing: known.compared.map(|_| known.differing),
            ..Peer::default()
        };
        put(&mut record, trouble);
        record
    }

    /// An address that nobody answers at now.
    fn called_record(&self, call: &CallFacts, facts: &Facts) -> Peer {
        let peer_id = call.peer.as_ref().and_then(peer_id_of);
        let wait = call.next_ms.map(|next| next.saturating_sub(facts.now.uptime_ms));
        let wait = wait.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis);
        let mut record = Peer {
            v: 1,
            did: call.peer.map(|did| did.to_string()),
            peer_id: peer_id.map(|id| id.to_string()),
            state: call.state,
            address: Some(call.address.clone()),
            source: Some(source_of(call.source)),
            transport: call.address.parse().ok().map(|address| transport_of(&address)),
            standing: call.standing,
            failures: call.failures,
            next_call: wait.and_then(|wait| facts.now.wall.checked_add(wait).ok()),
            ..Peer::default()
        };
        put(&mut record, self.sights.troubles.get(&call.address).cloned());
        record
    }
}

fn put(record: &mut Peer, trouble: Option<Trouble>) {
    if let Some(Trouble { code, words, at }) = trouble {
        (record.error_code, record.error, record.error_at) = (Some(code), Some(words), Some(at));
    }
}

fn source_of(source: Source) -> watch::Source {
    match source {
        Source::Given => watch::Source::Given,
        Source::Remembered => watch::Source::Remembered,
        Source::Local => watch::Source::Local,
        Source::Exchange => watch::Source::Exchange,
    }
}

fn transport_of(address: &Multiaddr) -> Transport {
    let quic = |part| matches!(part, Protocol::QuicV1 | Protocol::Quic);
    if address.iter().any(quic) { Transport::Quic } else { Transport::Tcp }
}

/// Milliseconds to the microsecond.
#[allow(clippy::cast_precision_loss)] // a round trip is no 285 years
fn in_ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn cut(words: &str) -> String {
    match words.char_indices().nth(WORDS_LIMIT) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

/// What this process has in RAM, where the system tells.
fn memory_bytes() -> Option<u64> {
    memory_stats::memory_stats().map(|stats| stats.physical_mem as u64)
}
