//! What a node says of itself and of those it sees, and what that means: its
//! records, what is wrong with it, which agents are there.
//!
//! Pure: must not know how a node gathers this, nor how it is shown. Nothing in
//! a record of another machine is believed here: it is text to be escaped.

mod consumer;
mod doctor;
mod presence;
mod record;

pub use consumer::NamedReader;
pub use doctor::{CODES, Enrolment, Finding, Severity, diagnose, is_company, no_node};
pub use presence::{Doing, Presence, Presences};
pub use record::{Comparison, Direction, ErrorCode, Node, Peer, Record, Source, Standing, State, Transport};
