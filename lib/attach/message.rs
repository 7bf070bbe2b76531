//! What frames say: requests and replies.
//!
//! An event inside a frame is its wire form, not looked at: whoever judges it
//! reads it with [`crate::event::Event::from_wire`].

use crate::event::Receipt;
use jiff::Timestamp;

/// An event's RFC 8785 form with `sig`, not looked at.
pub type WireEvent = Vec<u8>;

/// A record's RFC 8785 form, not looked at.
pub type WireRecord = Vec<u8>;

/// The longest `wait_ms` of an `await`: 30 s.
pub const WAIT_LIMIT_MS: u64 = 30_000;
/// The most ranges in one `ids`.
pub const RANGES_LIMIT: usize = 64;
/// The most pieces in one reply to `ids`.
pub const PIECES_LIMIT: usize = 256;

/// What is asked of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Store these events. Answered by [`Reply::Stored`].
    Put {
        /// Signed events.
        events: Vec<WireEvent>,
    },
    /// Leaders' answers to these requests, as soon as there are any.
    /// Answered by [`Reply::Answers`].
    Await {
        /// The requests' ids.
        ids: Vec<String>,
        /// How long the node may wait for a first answer, at most
        /// [`WAIT_LIMIT_MS`].
        wait_ms: u64,
    },
    /// Events as they match, oldest stored first. Answered by any number of
    /// [`Reply::Events`], then, unless `follow`, by [`Reply::End`].
    Sub {
        /// UCXL patterns; an event that matches one is handed out.
        patterns: Vec<String>,
        /// Types by short name; none: all.
        types: Vec<String>,
        /// Stored events from this time on; none: with `unanswered` all of
        /// them, else none.
        since: Option<Timestamp>,
        /// Only requests that no Leader has answered, each again after 60 s.
        unanswered: bool,
        /// Go on with what comes.
        follow: bool,
    },
    /// As [`Request::Sub`], from where the consumer of this name has got to.
    /// Answered by [`Reply::Began`], then any number of [`Reply::Handed`], then,
    /// unless `follow`, by [`Reply::End`].
    Consume {
        /// The consumer.
        name: String,
        /// As in a `sub`.
        patterns: Vec<String>,
        /// As in a `sub`.
        types: Vec<String>,
        /// Where a new name begins: stored events from this time on; none: what
        /// comes from now on. Counts for nothing where the name is known.
        since: Option<Timestamp>,
        /// The last place that the consumer knows it has taken; for one that has
        /// lost its node before the node could write that down.
        taken: Option<u64>,
        /// Go on with what comes.
        follow: bool,
    },
    /// Everything that was handed out up to this place is taken. Not answered.
    Took {
        /// As [`Reply::Handed`] said it.
        place: u64,
    },
    /// Forget a consumer. Answered by [`Reply::End`].
    Forget {
        /// Its name.
        name: String,
    },
    /// Which consumers the node remembers. Only on the node's own socket.
    /// Answered by [`Reply::Consumers`].
    Consumers,
    /// Which of these ranges the node holds otherwise, and what is in them.
    /// Answered by [`Reply::Ids`].
    Ids {
        /// A part of the log instead of all of it: `kept` (records and requests
        /// that no Leader has answered) or `records`.
        only: Option<String>,
        /// The asker has something, not from this node, that gossip may have
        /// lost here: compare with it soon.
        news: bool,
        /// Ranges of elements, at most [`RANGES_LIMIT`].
        ranges: Vec<Compared>,
    },
    /// These events. Answered by [`Reply::Events`] with what is there and fits.
    Get {
        /// Elements.
        elements: Vec<String>,
    },
    /// What Leaders said of the agent of this name. On the node's own socket,
    /// wherever in the mesh it is held; other machines learn what this node
    /// holds. Answered by [`Reply::Found`].
    Find {
        /// A token or a tiny id, as printed.
        name: String,
        /// How long the node may look beyond its own log, at most
        /// [`WAIT_LIMIT_MS`].
        wait_ms: u64,
    },
    /// What the node sees: itself, then its peers. Only on the node's own
    /// socket. Answered by any number of [`Reply::Peers`], then by
    /// [`Reply::End`].
    Peers,
    /// The node's clock. Answered by [`Reply::Clock`].
    Clock,
}

/// A range of elements and what the asker holds of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The first element that may be in it.
    pub from: String,
    /// The first behind it.
    pub to: String,
    /// The asker's: count and digest.
    pub fingerprint: String,
}

/// What a node holds of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The same, by the fingerprint.
    Same,
    /// These elements, in order.
    Elements(Vec<String>),
    /// More than is listed at once. The range in pieces, one behind the other:
    /// where each ends, and its fingerprint.
    Pieces(Vec<(String, String)>),
}

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What became of a `put`.
    Stored {
        /// For what is on disk now; none if nothing is.
        receipt: Option<Receipt>,
        /// What was not taken.
        refused: Vec<Refused>,
    },
    /// Leaders' answers, as many as fit; none if the wait is over.
    Answers {
        /// Signed events.
        events: Vec<WireEvent>,
    },
    /// Events.
    Events {
        /// Signed events.
        events: Vec<WireEvent>,
    },
    /// What a name was found to be. None found says only that.
    Found {
        /// The Leaders' `enrolled` and, where there is one, the `revoked` of its
        /// agent.
        events: Vec<WireEvent>,
        /// How many others were asked.
        asked: u64,
        /// How many of them answered.
        answered: u64,
    },
    /// A consumer goes on.
    Began {
        /// Behind this place.
        place: u64,
        /// Of what is there, events from this time on.
        since: Option<Timestamp>,
    },
    /// Events for a consumer.
    Handed {
        /// Signed events.
        events: Vec<WireEvent>,
        /// Each one's place in the node's log, rising.
        places: Vec<u64>,
    },
    /// All that a consumer said it took is written down; the last reply to one
    /// that sends nothing more.
    Left,
    /// The consumers, by name.
    Consumers {
        /// Each in its RFC 8785 form, not looked at: see [`crate::watch`].
        records: Vec<WireRecord>,
    },
    /// What there is of the ranges that were asked for, in their order. Where
    /// not all fits into the frame the last ones are left out, never the first.
    Ids {
        /// At most one for each range.
        ranges: Vec<Held>,
    },
    /// Records of the node and its peers.
    Peers {
        /// Each in its RFC 8785 form, not looked at: see [`crate::watch`].
        records: Vec<WireRecord>,
    },
    /// The node's clock.
    Clock {
        /// When it made this reply.
        time: Timestamp,
    },
    /// Nothing more will come.
    End,
    /// The request was not taken.
    Error {
        /// One word: `malformed`, `busy`, `not_permitted`, …
        code: String,
        /// For people.
        reason: String,
    },
}

/// Why one event was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The event's id; empty where none could be read.
    pub id: String,
    /// One word: `bad_signature`, `malformed`, `expired`, `clock`,
    /// `not_a_member`, `revoked`, `too_large`, `busy`, …
    pub code: String,
    /// For people.
    pub reason: String,
    /// The node's clock.
    pub node_time: Timestamp,
}

impl Refused {
    /// The event's time or sequence is too far ahead of the node's clock.
    pub const CLOCK: &str = "clock";

    /// May the same event be stored another time?
    pub fn is_temporary(&self) -> bool {
        matches!(self.code.as_str(), Self::CLOCK | "busy" | "not_a_member")
    }

    /// Is it a security refusal, rather than a plain no?
    pub fn is_security(&self) -> bool {
        matches!(self.code.as_str(), "bad_signature" | "expired" | "revoked" | "replayed")
    }
}
