//! The mesh protocol as a state machine: inputs in, actions out.
//!
//! Time is passed in and every queue is bounded. Must not know tokio, libp2p,
//! SQL or sockets.

mod judge;
mod log;
mod members;
mod node;
mod subscribe;

pub use judge::{Code, Fault, check};
pub use log::{Fingerprint, Id, Log, LogError, Mark, Opener, Reader, Record, Row, id_of};
pub use members::Members;
pub use node::{Action, Checked, Config, Input, Node, Now, Origin, Verdict};
pub use subscribe::{Page, Subscription, SubscriptionError};
