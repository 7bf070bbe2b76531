//! The frames of the node's socket and of request-response, and a blocking
//! client on std alone.
//!
//! Must not know libp2p, tokio or SQL.

mod client;
mod codec;
mod frame;
mod message;
mod put;

pub use client::{Client, ClientError};
pub use frame::{FRAME_LIMIT_BYTES, FrameError, HEADER_BYTES, body_length, read_body, seal};
pub use message::{
    Compared, Held, PIECES_LIMIT, RANGES_LIMIT, Refused, Reply, Request, WAIT_LIMIT_MS, WireEvent, WireRecord,
};
pub use put::{PutFrame, PutFrames};
