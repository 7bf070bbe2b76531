//! What earlier runs have left in the spool.

use super::super::Notice;
use super::super::batch::{Batch, State, Waiting};
use super::{Sender, microseconds};
use crate::event::Event;
use crate::jsonl::Lines;
use crate::spool::{Entry, SpoolError};
use jiff::Timestamp;
use std::io;

impl Sender {
    /// Sends what earlier runs have left, oldest first, as long as a node takes
    /// it.
    pub fn send_leftovers(&mut self, now: Timestamp) -> Result<(), SpoolError> {
        let failures = self.failures;
        for entry in self.spool.unlocked()? {
            match self.leftover(entry, now) {
                Ok(Some(batch)) => self.enqueue(batch),
                Ok(None) => {}
                Err(error) => self.notices.push_back(Notice::Trouble(error.to_string())),
            }
            self.advance()?;
            if self.failures > failures {
                break;
            }
        }
        Ok(())
    }

    fn leftover(&mut self, entry: Entry, now: Timestamp) -> Result<Option<Batch>, io::Error> {
        let mut lines = Lines::new(entry.reader()?);
        let (mut events, mut reduced) = (Vec::new(), false);
        while let Some(line) = lines.next()? {
            match line.map(Event::from_wire) {
                Ok(Ok(event)) if event.expires() > now => {
                    events.push(Waiting { event, ours: false, state: State::Sent });
                    continue;
                }
                Ok(Ok(event)) => self.notices.push_back(Notice::Expired(event.id().to_owned())),
                Ok(Err(error)) => self.damaged(&entry, &error),
                Err(fault) => self.damaged(&entry, &fault),
            }
            reduced = true;
        }
        let made_us = microseconds(now);
        let batch = Batch { entry: Some(entry), made_us, events, frames: 0, reduced, leftover: true };
        if batch.events.is_empty() {
            self.close(batch);
            return Ok(None);
        }
        Ok(Some(batch))
    }

    fn damaged(&mut self, entry: &Entry, error: &dyn std::fmt::Display) {
        let trouble = format!("{}: a damaged line was dropped: {error}", entry.path().display());
        self.notices.push_back(Notice::Trouble(trouble));
    }
}
