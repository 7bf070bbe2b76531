//! What happens to a node.

use super::dial::Source;
use super::judge::Fault;
use super::renew::Renewal;
use crate::attach::{Reply, Request};
use crate::event::Event;
use crate::key::Did;
use jiff::Timestamp;
use std::net::IpAddr;

/// An event read and checked against its author's key, or why not.
pub type Checked = Result<Event, Fault>;

/// The time: the wall's for what authors said, a clock that never jumps for
/// waiting.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Milliseconds since the node began.
    pub uptime_ms: u64,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The node's own socket.
    Local,
    /// Another machine.
    Peer {
        /// The key its transport proved; a throw-away key for `cooee-pub`.
        did: Did,
        /// Its address.
        address: Option<IpAddr>,
    },
}

/// What happens to a node. `T` names whom a reply goes to.
#[derive(Debug)]
pub enum Input<T> {
    /// Events handed over.
    Put {
        /// Whom to answer.
        ticket: T,
        /// From where.
        origin: Origin,
        /// The events.
        events: Vec<Checked>,
    },
    /// Any other request but `sub`, which readers of the log serve.
    Ask {
        /// Whom to answer.
        ticket: T,
        /// From where.
        origin: Origin,
        /// What is asked.
        request: Request,
    },
    /// A consumer has taken what was handed out up to a place.
    Took {
        /// Whom to tell that it is written down.
        ticket: T,
        /// The consumer.
        name: String,
        /// The place.
        place: u64,
    },
    /// A gossip message.
    Gossip {
        /// What the verdict is on.
        ticket: T,
        /// Its events.
        events: Vec<Checked>,
    },
    /// A peer is connected.
    Connected {
        /// Its key.
        peer: Did,
        /// The call that it came of.
        call: Option<u64>,
        /// The address that answered, if we called.
        address: Option<String>,
    },
    /// A peer's last connection has closed.
    Disconnected {
        /// Its key.
        peer: Did,
    },
    /// A call came to nothing.
    CallFailed {
        /// Its number.
        call: u64,
    },
    /// Addresses of a peer were learnt.
    Found {
        /// Its key.
        peer: Did,
        /// Where it may be.
        addresses: Vec<String>,
        /// How they were learnt.
        source: Source,
    },
    /// A connected peer is of another fleet.
    Foreign {
        /// Its key.
        peer: Did,
    },
    /// A peer began to listen to gossip, or gossip of its was lost: what it
    /// holds may be missing here.
    Behind {
        /// Its key.
        peer: Did,
    },
    /// Gossip to a peer was dropped: it may lack what this node holds.
    Missed {
        /// Its key.
        peer: Did,
    },
    /// What became of an [`super::Action::Ask`].
    Answered {
        /// Its number.
        ask: u64,
        /// The reply.
        outcome: Outcome,
    },
    /// Something that the DHT had under the name of an [`super::Action::Lookup`].
    LookedUp {
        /// Its number.
        lookup: u64,
        /// The events of one record, signed by their authors.
        events: Vec<Event>,
        /// Nothing more will come: how many were asked, and how many answered.
        over: Option<(u64, u64)>,
    },
    /// A peer sends a record to be kept in the DHT.
    Offered {
        /// What it would be found under.
        name: String,
        /// Its events, signed by their authors, and those of the record that is
        /// there.
        events: Vec<Event>,
        /// That record's value.
        there: Option<Vec<u8>>,
    },
    /// The fleet file has changed.
    Renew {
        /// Whom to tell whether it is taken.
        ticket: T,
        /// What it says now.
        renewal: Box<Renewal>,
    },
    /// Nothing; time has passed.
    Tick,
    /// The node is about to end: nobody waits any longer.
    Stop,
}

/// A peer's reply.
#[derive(Debug)]
pub enum Outcome {
    /// Events, or Leaders' answers.
    Events(Vec<Checked>),
    /// Any other reply.
    Other(Reply),
    /// None came.
    Failed,
}

/// The time of a node that began so long ago, in tests.
#[cfg(test)]
pub fn at(uptime_ms: u64) -> Now {
    let wall = Timestamp::from_second(1_800_000_000).expect("a time");
    Now { wall: wall + jiff::SignedDuration::from_millis(uptime_ms.cast_signed()), uptime_ms }
}
