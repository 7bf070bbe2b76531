//! The only room with SQL: registry, event log, trust state, migrations, retries.
//!
//! Must not know sockets, libp2p or the rules it stores the outcome of.

pub mod database;
mod log;
mod registry;
mod trust;

pub use database::{Database, Error, Fault, Schema};
pub use log::{LOG, Log};
pub use registry::{AuditFault, Checkpoint, Entry, JoinToken, Query, Registration, Registry, Standing, Turn};
pub use trust::{SignalKey, Trust};
