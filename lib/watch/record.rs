//! The records that a node answers `peers` with, and `cooee-peers` prints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of what a node sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // one node, and peers by the hundred
pub enum Record {
    /// The node itself; there is one, and it is the first.
    Node(Node),
    /// A peer, or an address where one is looked for.
    Peer(Peer),
}

/// The node itself. What is not known, or does not apply, is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// 1.
    pub v: u32,
    /// The host's key.
    pub did: String,
    /// The same key as libp2p spells it.
    pub peer_id: String,
    /// The fleet's id; null for an ad hoc node.
    pub fleet: Option<String>,
    /// The version of cooee.
    pub version: String,
    /// The node's clock when this was gathered.
    #[serde(with = "moment")]
    pub time: Timestamp,
    /// How long it has been running.
    pub uptime_ms: u64,
    /// The addresses it listens on; none: it only calls others.
    pub listen: Vec<String>,
    /// What its own key is in the fleet.
    pub standing: Standing,
    /// Until when its host is enrolled.
    #[serde(with = "moment::option")]
    pub enrolled_until: Option<Timestamp>,
    /// Does it take part in the gossip and compare logs?
    pub gossip: bool,
    /// Why not: `not_enrolled`, `expired` or `revoked`.
    pub gossip_hindrance: Option<String>,
    /// Are neighbours looked for by mDNS?
    pub mdns: bool,
    /// Events in the log.
    pub log_events: u64,
    /// What the log takes on disk.
    pub log_bytes: u64,
    /// Where the oldest events are removed.
    pub log_limit_bytes: u64,
    /// When the event that came last was made, by its author's clock.
    #[serde(with = "moment::option")]
    pub log_newest: Option<Timestamp>,
    /// Why the log could not be read or written, the last time it was tried.
    pub log_error: Option<String>,
    /// When that was.
    #[serde(with = "moment::option")]
    pub log_error_at: Option<Timestamp>,
    /// How it was seen that this host's key is in use in another folder too.
    pub key_elsewhere: Option<String>,
    /// When that was, the last time.
    #[serde(with = "moment::option")]
    pub key_elsewhere_at: Option<Timestamp>,
    /// What is free on the log's disk for the node.
    pub disk_free_bytes: Option<u64>,
    /// Memory of the process that is in RAM.
    pub memory_bytes: Option<u64>,
    /// Above it no new connection is taken.
    pub memory_limit_bytes: u64,
    /// Connections that others made, and how many there may be.
    pub connections_in: u32,
    /// See above.
    pub connections_in_limit: u32,
    /// Connections that this node made, and how many there may be.
    pub connections_out: u32,
    /// See above.
    pub connections_out_limit: u32,
    /// Connections on the node's socket, this one included.
    pub socket_connections: u32,
    /// How many there may be.
    pub socket_connections_limit: u32,
}

/// A peer, or an address where one is looked for. What is not known, or does
/// not apply, is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// 1.
    pub v: u32,
    /// The peer's key.
    pub did: Option<String>,
    /// The same key as libp2p spells it.
    pub peer_id: Option<String>,
    /// Connected, or about to be.
    pub state: State,
    /// Where it is connected, or is called.
    pub address: Option<String>,
    /// Where that address was learnt.
    pub source: Option<Source>,
    /// Other addresses of it, as the peer itself says.
    pub addresses: Vec<String>,
    /// Who called.
    pub direction: Option<Direction>,
    /// Over what.
    pub transport: Option<Transport>,
    /// Connections to it.
    pub connections: u32,
    /// Since when the oldest of them stands.
    #[serde(with = "moment::option")]
    pub connected_since: Option<Timestamp>,
    /// The last ping, there and back.
    pub round_trip_ms: Option<f64>,
    /// What the peer says it is: `cooee/0.1.0`.
    pub agent_version: Option<String>,
    /// What its key is in the fleet.
    pub standing: Standing,
    /// Gossip topics it listens to.
    pub topics: Vec<String>,
    /// Do we gossip to it directly?
    pub gossip_mesh: bool,
    /// What we think of its gossip; below 0 is bad.
    pub gossip_score: Option<f64>,
    /// Bytes that came from it, on the connections that stand.
    pub bytes_in: u64,
    /// Bytes that went to it.
    pub bytes_out: u64,
    /// How far its clock is ahead of ours.
    pub clock_offset_ms: Option<i64>,
    /// When the last comparison of logs ended.
    #[serde(with = "moment::option")]
    pub compared_at: Option<Timestamp>,
    /// How it ended.
    pub comparison: Option<Comparison>,
    /// How many events the peer held that were missing here.
    pub differing: Option<u64>,
    /// Calls that failed, one after the other.
    pub failures: u32,
    /// What the last error is about.
    pub error_code: Option<ErrorCode>,
    /// The last error, for people.
    pub error: Option<String>,
    /// When that was.
    #[serde(with = "moment::option")]
    pub error_at: Option<Timestamp>,
    /// When it is called next.
    #[serde(with = "moment::option")]
    pub next_call: Option<Timestamp>,
}

/// What a key is in the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A Leader's own node.
    Leader,
    /// A node that the fleet file names.
    Node,
    /// An enrolled host.
    Member,
    /// A host whose enrolment is over.
    Expired,
    /// A key that a Leader has revoked.
    Revoked,
    /// None of these, as is everybody where there is no fleet.
    #[default]
    Stranger,
}

/// How far an address has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A connection stands.
    Connected,
    /// It is being called.
    Calling,
    /// It will be called again.
    #[default]
    Waiting,
}

/// Where an address was learnt; what is called before all else comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A flag, or the fleet file.
    Given,
    /// This node reached it in an earlier run.
    Remembered,
    /// Announced on the local network.
    Local,
    /// Told by another node.
    Exchange,
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The peer.
    In,
    /// This node.
    Out,
}

/// Over what a connection runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP, Noise and Yamux.
    Tcp,
    /// QUIC, version 1.
    Quic,
}

/// How a comparison of logs ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Everything the peer holds is here.
    Done,
    /// The peer refused, or did not answer.
    Failed,
}

/// What an error is about: what the doctor goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A machine is there, and nothing listens on the port.
    PortClosed,
    /// Nothing answered in time.
    TimedOut,
    /// There is no way to the machine.
    Unreachable,
    /// Another key answered than the address says.
    WrongPeer,
    /// A node of another fleet.
    OtherFleet,
    /// What answered does not speak our protocols.
    Protocol,
    /// This node itself answered.
    Myself,
    /// A limit of this node was reached.
    Limit,
    /// The peer does not let us read: it does not know us as a member.
    NotPermitted,
    /// The connection broke.
    Broken,
    /// Anything else.
    Other,
}

impl Standing {
    /// As it stands in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Node => "node",
            Self::Member => "member",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Stranger => "stranger",
        }
    }
}

impl State {
    /// As it stands in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Calling => "calling",
            Self::Waiting => "waiting",
        }
    }
}

/// Times as RFC 3339 with milliseconds.
pub(super) mod moment {
    use crate::event::rfc3339;
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(*time))
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }

    pub mod option {
        use super::{Deserializer, Serializer, Timestamp, rfc3339};
        use serde::{Deserialize as _, de::Error as _};

        #[allow(clippy::ref_option)] // serde asks for it
        pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.serialize_some(&rfc3339(*time)),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
        }
    }
}

impl Record {
    /// Reads what came in a frame; a reason if it is none of these.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(json).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_begins_with_its_type() {
        let time: Timestamp = "2026-11-21T12:00:00.25Z".parse().expect("a time");
        let peer = Peer {
            v: 1,
            round_trip_ms: Some(0.412),
            clock_offset_ms: Some(-3),
            error_code: Some(ErrorCode::PortClosed),
            next_call: Some(time),
            ..Peer::default()
        };
        for record in [Record::Peer(peer), Record::Node(Node { v: 1, time, ..Node::default() })] {
            let text = serde_json::to_string(&record).expect("JSON");
            assert!(text.starts_with("{\"type\":\"") && text.contains(",\"v\":1,"), "{text}");
            assert_eq!(Record::read(text.as_bytes()), Ok(record.clone()));
            let canonical = crate::canon::canonical(&record);
            assert_eq!(Record::read(&canonical), Ok(record));
        }
        let late = Peer { next_call: Some(time), ..Peer::default() };
        assert!(serde_json::to_string(&late).expect("JSON").contains("\"next_call\":\"2026-11-21T12:00:00.250Z\""));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bad in ["{}", r#"{"type":"peer"}"#, r#"{"type":"else","v":1}"#, "[]", "1"] {
            assert!(Record::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
