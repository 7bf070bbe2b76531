//! Who may join: the fleet file, the join string, and the Leader's rules as
//! functions of (request, state, now). Pure.
//!
//! Must not know files, SQL, sockets or age.

mod fleet;
mod judge;
mod number;
mod refusal;
mod request;
mod revoke;
mod sealed;
mod token;

pub use fleet::{Fleet, FleetError, Invitation, Leader, Policy, is_node_address};
pub use judge::{
    Grant, Held, Holder, JoinTokenState, Known, Rules, Seen, State, Verdict, is_locally_administered, is_sane_clock,
    judge,
};
pub use number::{Allotted, Full, LONG_NUMBERS, Numbers, Own, SHORT_NUMBERS, allot};
pub use refusal::Refusal;
pub use request::{Request, subject};
pub use revoke::{Revocation, RevokeVerdict, judge_revoked, parse_agent_did};
pub use sealed::judge_sealed;
pub use token::{is_token, token_text};
