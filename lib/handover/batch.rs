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

/// Events that go together, and their spool file, in its order.
#[derive(Debug)]
pub(super) struct Batch {
    /// Its file; none yet while the folder's own node may still take it all.
    pub(super) entry: Option<Entry>,
    /// When it was made, Unix time in µs: files sort by it.
    pub(super) made_us: u64,
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

    /// Would what is not over outlast a power cut?
    pub(super) fn is_durable(&self) -> bool {
        self.entry.as_ref().is_some_and(Entry::is_durable)
    }

    /// In the spool and on disk when this returns.
    pub(super) fn keep(&mut self, spool: &Spool) -> Result<(), SpoolError> {
        if let Some(entry) = &mut self.entry {
            return entry.sync(spool);
        }
        let open = self.events.iter().filter(|waiting| waiting.state != State::Done);
        self.entry = Some(spool.keep(self.made_us, open.map(|waiting| waiting.event.wire()))?);
        Ok(())
    }

    /// Leaves in the spool what is not over, unlocked for the next run.
    pub(super) fn close(mut self, spool: &Spool) -> Result<(), SpoolError> {
        self.shrink();
        match self.entry.take() {
            entry if self.events.is_empty() => entry.map_or(Ok(()), Entry::done),
            Some(entry) if self.reduced => {
                entry.reduce(spool, self.events.iter().map(|waiting| waiting.event.wire())).map(drop)
            }
            entry => {
                self.entry = entry;
                self.keep(spool)
            }
        }
    }
}
