//! Who may join: the fleet file, the join string, and the Leader's rules as
//! functions of (request, state, now). Pure.
//!
//! Must not know files, SQL, sockets or age.

mod fleet;
mod token;

pub use fleet::{Fleet, FleetError, Invitation, Leader, Policy, is_node_address};
pub use token::{is_token, token_text};
