//! The frames of the node's socket and of request-response, and a blocking
//! client on std alone.
//!
//! Must not know libp2p, tokio or SQL.
