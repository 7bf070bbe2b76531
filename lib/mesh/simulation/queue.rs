//! What happens next in a world, in its order.

use crate::attach::{Reply, Request};
use std::cmp::Ordering;
use std::rc::Rc;

/// Whom a node's reply is for.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// The test, by its number.
    Test(u64),
    /// Another node's ask, over the link of this number.
    Ask { from: usize, link: u64, ask: u64 },
    /// A gossip message and the node it came from.
    Gossip { message: u64, from: usize },
}

/// What goes over a link.
#[derive(Clone)]
pub(super) enum Letter {
    Request {
        ask: u64,
        request: Box<Request>,
    },
    Reply {
        ask: u64,
        reply: Box<Reply>,
    },
    Gossip {
        message: u64,
        hops: u8,
    },
    /// "I listen to gossip", or no longer.
    Listens(bool),
    Graft,
    Prune,
    Have(Rc<[u64]>),
    Want(Vec<u64>),
}

pub(super) enum Happens {
    Arrives {
        to: usize,
        from: usize,
        link: u64,
        letter: Letter,
    },
    /// A gossip message is read and checked.
    Judged {
        at: usize,
        from: usize,
        message: u64,
    },
    Tick {
        at: usize,
        boot: u64,
    },
    Heartbeat {
        at: usize,
        boot: u64,
    },
}

/// The queue's order: the earliest first, then the one that was put in first.
pub(super) struct Entry {
    pub at_ms: u64,
    pub number: u64,
    pub happens: Happens,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.number).cmp(&(self.at_ms, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}
