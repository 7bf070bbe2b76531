//! Who may pull the plug, and on whom.

use super::judge::timely;
use super::refusal::malformed as bad;
use super::{Fleet, Refusal};
use crate::agentid::TinyId;
use crate::event::Event;
use crate::key::{Did, DidError};
use jiff::Timestamp;
use serde_json::Value;

/// A reason is a line for people.
const REASON_LIMIT_BYTES: usize = 1024;

/// A key or one of its agents, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The key.
    pub did: Did,
    /// One of its agents; none: all of them, and the key itself.
    pub agent: Option<TinyId>,
    /// For people.
    pub reason: String,
}

/// What becomes of a `revoked` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeVerdict {
    /// A Leader said it: it holds, and needs no answer.
    Said(Revocation),
    /// A key that may: the Leader says it too.
    Revoke(Revocation),
    /// Anybody else: a human must say.
    Ask(Revocation),
    /// Not a revocation, or not to be believed.
    Refuse(Refusal),
}

impl Revocation {
    /// Reads the data of a `revoked` event: `agent_did` or `did`, and `reason`.
    pub fn read(event: &Event) -> Result<Self, Refusal> {
        let data = event.data().as_object().ok_or_else(|| bad("data", "not an object"))?;
        let text = |field| data.get(field).and_then(Value::as_str);
        let (did, agent) = match (text("agent_did"), text("did")) {
            (Some(agent), None) => parse_agent_did(agent).ok_or_else(|| bad("agent_did", "not a did:key#TINY_ID"))?,
            (None, Some(did)) => (did.parse().map_err(|error: DidError| bad("did", error.to_string()))?, None),
            _ => return Err(bad("data", "needs either agent_did or did")),
        };
        let reason = text("reason").ok_or_else(|| bad("reason", "not a string"))?;
        if reason.trim().is_empty() || reason.len() > REASON_LIMIT_BYTES {
            return Err(bad("reason", format!("empty or longer than {REASON_LIMIT_BYTES} bytes")));
        }
        Ok(Self { did, agent, reason: reason.to_owned() })
    }

    /// `did:key…`, or `did:key…#TINY_ID`.
    pub fn target(&self) -> String {
        match self.agent {
            Some(agent) => format!("{}#{agent}", self.did),
            None => self.did.to_string(),
        }
    }

    /// The address of an event that says it.
    pub fn subject(&self) -> String {
        if let Some(agent) = self.agent {
            return format!("ucxl://any:admin@COOEE:revoke/#/agentid/{agent}");
        }
        // A did has colons, which no path has; what follows the last is the key.
        let did = self.did.to_string();
        format!("ucxl://any:admin@COOEE:revoke/#/key/{}", did.rsplit(':').next().unwrap_or(&did))
    }

    /// The member of an event's data that names the target.
    pub fn member(&self) -> &'static str {
        if self.agent.is_some() { "agent_did" } else { "did" }
    }
}

/// Reads `did:key…#TINY_ID`, or a plain did for a whole key.
pub fn parse_agent_did(text: &str) -> Option<(Did, Option<TinyId>)> {
    match text.split_once('#') {
        None => Some((text.parse().ok()?, None)),
        Some((did, agent)) => Some((did.parse().ok()?, Some(agent.parse().ok()?))),
    }
}

/// Judges a `revoked` event. A Leader's own key is nobody's to revoke but
/// another Leader's.
pub fn judge_revoked(event: &Event, fleet: &Fleet, now: Timestamp) -> RevokeVerdict {
    let by_leader = fleet.is_leader(&event.author());
    // A Leader's word outlives every request's time.
    let judged = if by_leader { Ok(()) } else { timely(event, now) };
    let judged = judged.and_then(|()| event.verify().map_err(|_| Refusal::Signature));
    match judged.and_then(|()| Revocation::read(event)) {
        Err(refusal) => RevokeVerdict::Refuse(refusal),
        Ok(revocation) if by_leader => RevokeVerdict::Said(revocation),
        Ok(revocation) if fleet.may_revoke(&event.author()) && !fleet.is_leader(&revocation.did) => {
            RevokeVerdict::Revoke(revocation)
        }
        Ok(revocation) => RevokeVerdict::Ask(revocation),
    }
}
