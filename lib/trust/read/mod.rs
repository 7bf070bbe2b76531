//! Lines → signals: plain ones, what happened (the engine's five conversions),
//! and mesh events.
//!
//! The general path says what a line is; the fast path takes the common line in
//! a third of the time, and only where the general one would take it too. Must
//! not know where lines come from, nor what becomes of a signal.

mod block;
mod convert;
mod fast;
mod fault;
mod fields;
mod quick;
mod time;

pub use block::{Item, LineError, Parsed, Seen};
pub use fault::Fault;
pub use fields::{DETAILS_LIMIT_BYTES, NAME_LIMIT_BYTES};
pub use time::{civil, millis, millis_of, rfc3339};

use super::Signal;
use crate::event::{self, Event};
use crate::jsonl::Scanner;

/// So far a clock may be wrong: one hour. What an author dates further ahead
/// than that would make all that others say late, and its agent's score never
/// fade.
pub const AHEAD_MS: i64 = 3_600_000;

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<'a> {
    /// A signal, or what one was made of.
    Signal(Box<Signal<'a>>),
    /// A mesh event of another type: a pipe from `cooee-sub` carries many.
    Other,
}

/// Reads lines; keeps the scratch space that takes.
#[derive(Default)]
pub struct Reader {
    outer: Scanner,
    inner: Scanner,
}

impl Reader {
    /// Reads one line, without its end.
    pub fn line<'a>(&'a mut self, line: &'a [u8]) -> Result<Line<'a>, Fault> {
        let object = self.outer.object(line)?;
        let kind = fields::kind(&object)?;
        if object.get("specversion").is_none() {
            return Ok(Line::Signal(Box::new(convert::signal(&object, &kind)?)));
        }
        if event::short(&kind) != "signal" {
            return Ok(Line::Other);
        }
        let event = Event::from_json(line)?;
        event.verify()?;
        let data = object.get("data").ok_or(Fault::Missing("data"))?;
        let data = self
            .inner
            .object(data.raw().as_bytes())
            .map_err(|_| Fault::Kind { name: "data", expected: "an object" })?;
        let kind = fields::kind(&data)?;
        let mut signal = convert::signal(&data, &kind)?;
        let time = event.time().as_millisecond();
        let at = signal.at.unwrap_or(time);
        if at > time.saturating_add(AHEAD_MS) {
            return Err(Fault::AheadOfEvent);
        }
        signal.at = Some(at);
        // Only the event's own are believed: its id is what counts once.
        signal.author = Some(event.source().into());
        signal.id = Some(event.id().to_owned().into());
        Ok(Line::Signal(Box::new(signal)))
    }
}

#[cfg(test)]
mod fast_tests;
#[cfg(test)]
mod tests;
