//! What a Leader can say of an opened request without knowing anything else.

use super::judge::timely;
use super::refusal::malformed;
use super::{Refusal, Request};
use crate::event::Event;
use jiff::Timestamp;

/// Reads the inner event that was sealed into `outer`, and judges it through
/// its signature, in this order: strict JSON, schema, audience, time,
/// signature, inner = outer.
pub fn judge_sealed(outer: &Event, plaintext: &[u8], fleet: &str, now: Timestamp) -> Result<Event, Refusal> {
    let inner = Event::from_wire(plaintext).map_err(|error| malformed("event", error.to_string()))?;
    let request = Request::read(inner).map_err(|refused| refused.1)?;
    if request.audience != fleet {
        return Err(Refusal::Audience);
    }
    timely(&request.event, now)?;
    if !request.signed || outer.verify().is_err() {
        return Err(Refusal::Signature);
    }
    let inner = request.event;
    for (field, same) in [
        ("id", inner.id() == outer.id()),
        ("source", inner.source() == outer.source()),
        ("subject", inner.subject() == outer.subject()),
        ("time", inner.time() == outer.time()),
        ("sequence", inner.sequence() == outer.sequence()),
        ("expires", inner.expires() == outer.expires()),
        ("inreplyto", inner.in_reply_to().is_none() && outer.in_reply_to().is_none()),
    ] {
        if !same {
            return Err(Refusal::Mismatch(field));
        }
    }
    Ok(inner)
}
