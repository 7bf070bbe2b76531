//! The mesh protocol as a state machine: inputs in, actions out.
//!
//! Time is passed in and every queue is bounded. Must not know tokio, libp2p,
//! SQL or sockets.

mod action;
mod admission;
mod announce;
mod carry;
mod consume;
pub mod degree;
pub mod dht;
mod dial;
mod directory;
mod element;
mod find;
mod guard;
mod input;
mod judge;
mod log;
mod lookup;
mod members;
mod node;
mod peers;
mod prune;
mod put;
mod rate;
mod reconcile;
mod renew;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod subscribe;
mod sums;
mod waits;
mod watch;

pub use action::{Action, Verdict};
pub use announce::Announced;
pub use consume::{CONSUMERS_LIMIT, Consumer, Consumers, Known, NAME_LIMIT, is_consumer_name};
pub use dial::{Call, Remembered, Source, Target};
pub use element::{Element, Span, Sum, count_in};
pub use guard::{Admission, Denied, Guard, Limits, Offence, PATIENCE_MS, Pace};
pub use input::{Checked, Input, Now, Origin, Outcome};
pub use judge::{Code, Fault, check};
pub use log::{Floors, Id, Log, LogError, Mark, Opener, Pruned, Reader, Record, Row, Set, Totals, View, id_of};
pub use members::Members;
pub use node::{Config, Node};
pub use renew::Renewal;
pub use subscribe::{Page, Subscription, SubscriptionError};
pub use sums::Sums;
pub use watch::{CallFacts, Facts, PeerFacts};
