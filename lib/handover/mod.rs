//! The sender's side: from a record to a receipt, and on to a Leader's answer.
//!
//! Nothing is sent before it is in the spool, and nothing leaves the spool
//! without a receipt that counts. Must not know how a node is reached ([`Link`]
//! is all it sees of that), nor streams or exit codes.

mod answer;
mod batch;
mod link;
mod notice;
mod record;
mod sender;
mod trusted;
mod waiter;

pub use answer::{Answer, Awaited, judge};
pub use link::{Connect, Link, LinkError};
pub use notice::Notice;
pub use record::{Author, Prepared, Preparer, RecordError, Sequence, Wrap, needs_author};
pub use sender::Sender;
pub use trusted::Trusted;
pub use waiter::{Outcome, Waiter};
