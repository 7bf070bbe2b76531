//! The mesh protocol as a state machine: events in, actions out.
//!
//! Time is passed in and every queue is bounded. Must not know tokio, libp2p,
//! SQL or sockets.
