//! What a sender has to say.

use super::Awaited;
use crate::attach::Refused;
use crate::event::{Event, Receipt};
use jiff::Timestamp;
use std::time::Instant;

/// What a sender has to say, in its order.
#[derive(Debug)]
pub enum Notice {
    /// A receipt that counts.
    Stored(Receipt),
    /// These requests are stored, and wait for their answers until then.
    Awaits(Vec<Awaited>, Instant),
    /// The node refused an event; it stays in the spool if that may change.
    Refused {
        /// Which, and why.
        refused: Refused,
        /// An earlier run's event.
        leftover: bool,
    },
    /// An event of ours runs ahead of the node's clock: to be signed again.
    Clock {
        /// As it was refused; no longer in the spool.
        event: Box<Event>,
        /// The node's clock.
        node_time: Timestamp,
    },
    /// Events stay in the spool.
    Kept {
        /// Which.
        ids: Vec<String>,
        /// Why.
        why: String,
        /// Somebody else answered in the node's place.
        security: bool,
        /// They are an earlier run's.
        leftover: bool,
    },
    /// An event of an earlier run had expired and was dropped: its id.
    Expired(String),
    /// Something about the spool that loses nothing.
    Trouble(String),
}
