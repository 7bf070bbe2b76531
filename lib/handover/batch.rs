//! What becomes of the events of one spool file.

use super::{Awaited, Trusted};
use crate::attach::Refused;
use crate::event::{Event, Receipt};
use crate::spool::{Entry, Spool, SpoolError};
use std::collections::HashSet;
use std::ops::Range;

/// An event of a batch and how far it has come.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: Event,
    pub(super) ours: bool,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// On its way; nobody has said anything of it.
    Sent,
    /// Over: stored, answered, or refused for good.
    Done,
    /// Stored, but kept here until it is answered.
    Held,
    /// Stays in the spool.
    Kept,
}

/// One spool file and its events, in its order.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entry: Entry,
    pub(super) events: Vec<Waiting>,
    /// Frames that are not answered yet.
    pub(super) frames: usize,
    /// The file holds events that are no longer in `events`.
    pub(super) reduced: bool,
    /// From an earlier run: sent, but its answers are nobody's here.
    pub(super) leftover: bool,
}

impl Batch {
    /// Marks what the receipt names; with `hold`, requests stay until they are
    /// answered. Returns how many it named.
    pub(super) fn stored(&mut self, range: Range<usize>, receipt: &Receipt, hold: Option<&Trusted>) -> usize {
        let named: HashSet<&str> = receipt.ids.iter().map(String::as_str).collect();
        let hold = hold.filter(|_| !self.leftover);
        let mut count = 0;
        for waiting in &mut self.events[range] {
            if waiting.state == State::Sent && named.contains(waiting.event.id()) {
                let is_request = hold.is_some_and(|trusted| Awaited::of(&waiting.event, trusted).is_some());
                waiting.state = if is_request { State::Held } else { State::Done };
                count += 1;
            }
        }
        count
    }

    /// Marks what was refused: for good, or until a later run. Returns the
    /// event if it was in the frame.
    pub(super) fn refused(&mut self, range: Range<usize>, refused: &Refused) -> Option<&mut Waiting> {
        let named = |waiting: &&mut Waiting| waiting.state == State::Sent && waiting.event.id() == refused.id;
        let waiting = self.events[range].iter_mut().find(named)?;
        waiting.state = if refused.is_temporary() { State::Kept } else { State::Done };
        Some(waiting)
    }

    /// Nothing more will be heard of these: they stay. Returns their ids.
    pub(super) fn unheard(&mut self, range: Range<usize>) -> Vec<String> {
        let unheard = self.events[range].iter_mut().filter(|waiting| waiting.state == State::Sent);
        let keep = |waiting: &mut Waiting| {
            waiting.state = State::Kept;
            waiting.event.id().to_owned()
        };
        unheard.map(keep).collect()
    }

    /// Forgets what is over, once every frame has been answered.
    pub(super) fn shrink(&mut self) {
        let before = self.events.len();
        self.events.retain(|waiting| waiting.state != State::Done);
        self.reduced |= self.events.len() < before;
    }

    /// Marks a held request as answered.
    pub(super) fn answered(&mut self, id: &str) {
        for waiting in &mut self.events {
            if waiting.event.id() == id && waiting.state == State::Held {
                waiting.state = State::Done;
            }
        }
        // Frames that are under way know their events by place.
        if self.frames == 0 {
            self.shrink();
        }
    }

    /// Is everything in this part of it over, so that nobody needs the file for
    /// its sake?
    pub(super) fn is_over(&self, range: Range<usize>) -> bool {
        self.events[range].iter().all(|waiting| waiting.state == State::Done)
    }

    /// Does a request in it wait for its answer?
    pub(super) fn holds(&self) -> bool {
        self.events.iter().any(|waiting| waiting.state == State::Held)
    }

    /// Leaves in the spool what is not over, unlocked for the next run.
    pub(super) fn close(mut self, spool: &Spool) -> Result<(), SpoolError> {
        self.shrink();
        if self.events.is_empty() {
            self.entry.done()
        } else if self.reduced {
            self.entry.reduce(spool, self.events.iter().map(|waiting| waiting.event.wire())).map(drop)
        } else {
            self.entry.sync(spool)
        }
    }
}
