//! Does an event answer a request, and what does it say?

use super::Trusted;
use crate::event::{Event, answers_of, is_request};

/// A request that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The request's id.
    pub id: String,
    /// Its subject, which the answer must have.
    pub subject: String,
    /// Its type's short name.
    pub kind: String,
}

impl Awaited {
    /// `None` if nothing answers it: an event of another type, or a Leader's own
    /// `revoked`.
    pub fn of(event: &Event, trusted: &Trusted) -> Option<Self> {
        is_request(event.kind(), trusted.is_leader(&event.author())).then(|| Self {
            id: event.id().to_owned(),
            subject: event.subject().to_owned(),
            kind: event.kind().to_owned(),
        })
    }
}

/// What a Leader said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `enrolled`, `accepted`, `answer` or `revoked`.
    Yes,
    /// `refused`.
    Refused {
        /// Refused for security.
        security: bool,
    },
}

/// Reads `event` as the answer to `request`; `None` if it does not count: not
/// signed by a Leader, or for another request, subject or type.
pub fn judge(event: &Event, request: &Awaited, trusted: &Trusted) -> Option<Answer> {
    let fits = event.in_reply_to() == Some(&request.id)
        && event.subject() == request.subject
        && answers_of(&request.kind).contains(&event.kind())
        && trusted.is_leader(&event.author())
        // A Leader speaks for itself, never as one of its agents.
        && event.agent().is_none();
    if !fits || event.verify().is_err() {
        return None;
    }
    Some(match event.kind() {
        "refused" => Answer::Refused {
            security: event.data().get("security").and_then(serde_json::Value::as_bool) == Some(true),
        },
        _ => Answer::Yes,
    })
}
