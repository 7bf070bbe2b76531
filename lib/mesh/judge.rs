//! What becomes of an event that somebody hands over.

use super::Members;
use super::log::id_of;
use crate::event::{self, CLOCK_LEEWAY, EVENT_LIMIT_BYTES, Event};
use crate::ucxl::Address;
use jiff::{SignedDuration, Timestamp};

/// A request to enrol lives 7 days at most.
const ENROL_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A request to enrol comes from anybody, so it is kept small: 64 KiB.
const ENROL_LIMIT_BYTES: usize = 64 * 1024;

/// Why an event was not taken, as the one word in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not an event in its wire form.
    Malformed,
    /// Larger than an event may be.
    TooLarge,
    /// Its author did not sign it.
    BadSignature,
    /// It counts for nothing any more.
    Expired,
    /// Its time or its sequence is ahead of the node's clock.
    Clock,
    /// Its author is not enrolled.
    NotAMember,
    /// Its author has been revoked.
    Revoked,
    /// Too many at once from one place.
    Busy,
}

impl Code {
    /// As frames spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::Clock => "clock",
            Self::NotAMember => "not_a_member",
            Self::Revoked => "revoked",
            Self::Busy => "busy",
        }
    }

    /// Is whoever passed it on at fault, since the bytes alone show it?
    pub fn is_provable(self) -> bool {
        matches!(self, Self::Malformed | Self::TooLarge | Self::BadSignature)
    }
}

/// One event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its id, as far as one could be read.
    pub id: String,
    /// Why.
    pub code: Code,
    /// For people.
    pub reason: String,
}

/// Reads an event's wire form and checks its author's signature. The costly
/// part of judging, and the one that needs no state: run it on any core.
pub fn check(wire: &[u8]) -> Result<Event, Fault> {
    let event = Event::from_wire(wire).map_err(|error| Fault {
        id: id_in(wire),
        code: match error {
            event::Error::TooLarge(_) | event::Error::DataTooLarge(_) => Code::TooLarge,
            event::Error::BadSignature => Code::BadSignature,
            _ => Code::Malformed,
        },
        reason: error.to_string(),
    })?;
    if let Err(error) = event.subject().parse::<Address>() {
        let reason = format!("subject: {error}");
        return Err(Fault { id: event.id().to_owned(), code: Code::Malformed, reason });
    }
    match event.verify() {
        Ok(()) => Ok(event),
        Err(error) => Err(Fault { id: event.id().to_owned(), code: Code::BadSignature, reason: error.to_string() }),
    }
}

/// The id of a malformed event, so that its sender knows which one it was.
fn id_in(wire: &[u8]) -> String {
    let mut scanner = crate::jsonl::Scanner::default();
    let id = scanner.object(wire).ok().and_then(|object| object.get("id")?.as_str().map(std::borrow::Cow::into_owned));
    id.filter(|id| id.len() <= 64 && wire.len() <= EVENT_LIMIT_BYTES).unwrap_or_default()
}

/// The time in a UUIDv7, Unix time in ms.
fn id_ms(event: &Event) -> i64 {
    id_of(event.id()).map_or(0, |id| (u128::from_be_bytes(id) >> 80) as i64)
}

/// May this well-signed event be stored now? Says nothing of whether it is
/// there already.
pub fn judge(event: &Event, members: &Members, now: Timestamp) -> Result<(), Fault> {
    let fault = |code, reason: &str| Err(Fault { id: event.id().to_owned(), code, reason: reason.to_owned() });
    if event.expires() + CLOCK_LEEWAY <= now && !members.outlives(event, now) {
        return fault(Code::Expired, "it has expired");
    }
    let ahead = now + CLOCK_LEEWAY;
    if event.time() > ahead {
        return fault(Code::Clock, "its time is more than 60 s ahead of this node's clock");
    }
    if event.sequence() > u64::try_from(ahead.as_microsecond()).unwrap_or(0) {
        return fault(Code::Clock, "its sequence is more than 60 s ahead of this node's clock");
    }
    if id_ms(event) > ahead.as_millisecond() {
        // The oldest ids go first where a log is full: nobody is the youngest for ever.
        return fault(Code::Clock, "the time in its id is more than 60 s ahead of this node's clock");
    }
    if members.record(event).is_some() {
        // Who revokes may be revoked later. All keep what it said before, so all
        // take it, in whichever order they hear of it; the fleet file says who
        // may revoke.
        return Ok(());
    }
    if members.is_revoked(event) {
        return fault(Code::Revoked, "its author has been revoked");
    }
    if event.kind() == "enrol" {
        if event.wire().len() > ENROL_LIMIT_BYTES {
            return fault(Code::TooLarge, "a request to enrol is larger than 64 KiB");
        }
        if event.expires().duration_since(event.time()) > ENROL_LIFE {
            return fault(Code::Malformed, "a request to enrol lives 7 days at most");
        }
        return Ok(());
    }
    if members.may_speak(&event.author(), now) {
        Ok(())
    } else {
        fault(Code::NotAMember, "its author is not enrolled in this fleet")
    }
}
