//! What a Leader says, not signed yet.

use cooee::enrol::{Grant, Request, Revocation};
use cooee::event::{Draft, Event, rfc3339};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// An answer outlives its request by a day, or a log would hand the request out
/// again.
pub const ANSWER_FOR: SignedDuration = SignedDuration::from_hours(24);
/// A revocation is for good: ten years.
const REVOKED_FOR: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// An answer to the request `id`.
pub fn answer(kind: &str, subject: &str, id: &str, expires: Timestamp, data: Value) -> Draft {
    Draft {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        expires,
        data,
        data_base64: None,
        in_reply_to: Some(id.to_owned()),
        agent: None,
    }
}

/// Yes.
pub fn enrolled(request: &Request, grant: &Grant) -> Draft {
    let data = json!({
        "agent_did": request.agent_did(),
        "tiny_id": request.hash.tiny_id().to_string(),
        "token": grant.text(),
        "hash": request.hash.to_string(),
        "expires": rfc3339(grant.expires),
    });
    let event = &request.event;
    answer("enrolled", event.subject(), event.id(), grant.expires.max(event.expires() + ANSWER_FOR), data)
}

/// The data of a no.
pub fn refused(code: &str, reason: &str, security: bool, now: Timestamp) -> Value {
    json!({"code": code, "reason": reason, "security": security, "leader_time": rfc3339(now)})
}

/// The Leader's own word that a key or an agent is out.
pub fn revoked(revocation: &Revocation, subject: &str, id: Option<&str>, now: Timestamp) -> Draft {
    let data = json!({revocation.member(): revocation.target(), "reason": revocation.reason});
    Draft { in_reply_to: id.map(str::to_owned), ..answer("revoked", subject, "", now + REVOKED_FOR, data) }
}

/// A human is to say whether an agent may join.
pub fn ask_to_join(request: &Request) -> Draft {
    let tuple = &request.tuple;
    let question = format!(
        "may {} join: model {} on host {}, gpu {}, key {}?",
        request.hash.tiny_id(),
        tuple.model(),
        tuple.hostname(),
        tuple.gpu_id(),
        request.event.author()
    );
    ask(&request.event, &question)
}

/// A human is to say whether somebody's word is enough to revoke.
pub fn ask_to_revoke(event: &Event, revocation: &Revocation) -> Draft {
    let question =
        format!("{} wants {} revoked: {}; shall it be?", event.source(), revocation.target(), revocation.reason);
    ask(event, &question)
}

fn ask(event: &Event, question: &str) -> Draft {
    let data = json!({
        "question": question,
        "options": ["yes", "no"],
        "default": "no",
        "deadline": rfc3339(event.expires()),
        "request": event.id(),
    });
    answer("help", event.subject(), event.id(), event.expires() + ANSWER_FOR, data)
}
