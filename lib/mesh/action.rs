//! What a node wants done.

use super::LogError;
use super::announce::Announced;
use super::dial::{Call, Remembered};
use super::guard::{Admission, Offence};
use super::watch::Facts;
use crate::attach::{Reply, Request};
use crate::key::Did;

/// What became of a gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on.
    Accept,
    /// Whoever sent it is at fault.
    Reject,
    /// Keep it back; nobody is at fault.
    Ignore,
}

/// What a node wants done. Everything is on disk before any of it.
#[derive(Debug)]
pub enum Action<T> {
    /// Answer.
    Reply(T, Reply),
    /// Say what becomes of a gossip message.
    Verdict(T, Verdict),
    /// Gossip these events' wire forms.
    Publish(Vec<Vec<u8>>),
    /// Take part in the gossip from now on, or no longer.
    Gossip(bool),
    /// Ask a peer; the outcome comes back as [`super::Input::Answered`].
    Ask {
        /// Names the outcome.
        ask: u64,
        /// Whom.
        peer: Did,
        /// What.
        request: Request,
    },
    /// Ask the DHT; what it has comes back as [`super::Input::LookedUp`].
    Lookup {
        /// Names the outcome.
        lookup: u64,
        /// A token or a tiny id.
        name: String,
    },
    /// Put these into the DHT, at the nodes near their names.
    Announce(Vec<Announced>),
    /// These are what the log says; keep those near to this node, for others.
    Hold(Vec<Announced>),
    /// Keep a record for others, if what it was weighed against is there still.
    Keep {
        /// The record.
        record: Announced,
        /// What was there.
        there: Option<Vec<u8>>,
    },
    /// Call a peer.
    Call(Call),
    /// These are the keys of all who belong; `None`: everybody does.
    Members(Option<Vec<Did>>),
    /// Write down whom to call after a restart.
    Remember(Vec<Remembered>),
    /// The log holds something new, up to this place.
    Grown(u64),
    /// Answer a request for what the node sees.
    Watched(T, Box<Facts>),
    /// The log was at its limit, and this many events went: such as nobody
    /// waits for, and requests that no Leader has answered.
    Dropped {
        /// What is no request, or is answered.
        plain: u64,
        /// Open requests.
        open: u64,
    },
    /// From now on a peer stands so; nobody said of is a stranger.
    Admission(Did, Admission),
    /// A peer did what no honest one does.
    Blame(Did, Offence),
    /// An event under this node's own key came from another machine, and was
    /// made while this node ran.
    Ours {
        /// Its id.
        id: String,
        /// Its sequence number.
        sequence: u64,
    },
    /// The log failed; what depended on it was answered so.
    Failed(LogError),
}
