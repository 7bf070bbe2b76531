//! The only room with SQL: registry, event log, migrations, retries.
//!
//! Must not know sockets, libp2p or the rules it stores the outcome of.
