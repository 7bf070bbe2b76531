//! What crosses the mesh: CloudEvents 1.0 in RFC 8785 form, signed.
//!
//! Owns the envelope, its types, signing and checking, and receipts. Must not
//! know files, networks, or what a payload means.

mod availability;
mod draft;
mod envelope;
mod kind;
mod receipt;

pub use availability::{Availability, AvailabilityError, LIFE, TEXT_LIMIT_BYTES};
pub use draft::{Draft, Stamp};
pub use envelope::{DATA_LIMIT_BYTES, EVENT_LIMIT_BYTES, Error, Event};
pub use kind::{answers_of, is_request, short, type_of};
pub use receipt::Receipt;

/// Clocks may differ by this much: what is further ahead is refused.
pub const CLOCK_LEEWAY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Times on the wire: RFC 3339, UTC, `Z`, whole milliseconds.
pub fn rfc3339(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}
