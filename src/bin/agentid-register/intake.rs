//! From a line to what is to be judged. Needs no state, so many lines are read,
//! and their signatures checked, at once.

use cooee::cli::Reject;
use cooee::enrol::{Refusal, Request};
use cooee::event::Event;
use cooee::jsonl::{Object, Scanner};
use cooee::key::Did;

/// Reasons and codes of refusals are lines for people, not documents.
const REASON_LIMIT_BYTES: usize = 1024;

/// One line of stdin.
pub enum Item {
    /// An enrolment, well-formed.
    Request(Box<Request>),
    /// An enrolment that is not what it must be.
    Malformed(Box<(Event, Refusal)>),
    /// What age-enrol could not open or believe.
    Unopened(Unopened),
    /// A revocation.
    Revoked(Box<Event>),
    /// Nothing to judge here: another event, or a record of another command.
    Other(String),
}

/// A refusal that needed no state.
pub struct Unopened {
    pub id: String,
    pub source: Did,
    pub subject: String,
    pub code: String,
    pub reason: String,
    pub security: bool,
}

/// Reads one line.
pub fn read(line: &[u8], scanner: &mut Scanner) -> Result<Item, Reject> {
    let object = scanner.object(line).map_err(Reject::new)?;
    let kind = object.get("type").and_then(|value| value.as_str()).unwrap_or_default();
    if object.get("specversion").is_some() {
        return event(line, &kind);
    }
    match kind.as_ref() {
        "opened" => opened(&object),
        "refusal" => unopened(&object).map(Item::Unopened),
        "" => Err(Reject::new("neither a record nor an event: no \"type\"")),
        other => Ok(Item::Other(other.to_owned())),
    }
}

fn event(line: &[u8], kind: &str) -> Result<Item, Reject> {
    match cooee::event::short(kind) {
        "revoked" => Ok(Item::Revoked(Box::new(Event::from_json(line).map_err(Reject::new)?))),
        "enrol" => Err(Reject::new("a sealed enrolment").hint("age-enrol --open opens it")),
        other => Ok(Item::Other(other.to_owned())),
    }
}

fn opened(object: &Object<'_>) -> Result<Item, Reject> {
    let event = object.get("event").ok_or_else(|| Reject::new("\"event\" is missing"))?;
    let event =
        Event::from_json(event.raw().as_bytes()).map_err(|error| Reject::new(format_args!("event: {error}")))?;
    if text(object, "id", 64)? != event.id() {
        return Err(Reject::new("\"id\" is not the event's"));
    }
    Ok(match Request::read(event) {
        Ok(request) => Item::Request(Box::new(request)),
        Err(malformed) => Item::Malformed(malformed),
    })
}

fn unopened(object: &Object<'_>) -> Result<Unopened, Reject> {
    let source = text(object, "source", 128)?;
    let did = source.split_once('#').map_or(source.as_str(), |(did, _)| did);
    Ok(Unopened {
        id: text(object, "id", 64)?,
        source: did.parse().map_err(|error| Reject::new(format_args!("\"source\": {error}")))?,
        subject: text(object, "subject", 1024)?,
        code: text(object, "code", 64)?,
        reason: text(object, "reason", REASON_LIMIT_BYTES)?,
        security: object
            .get("security")
            .and_then(|value| value.as_bool())
            .ok_or_else(|| Reject::new("\"security\" is not true or false"))?,
    })
}

fn text(object: &Object<'_>, name: &str, most: usize) -> Result<String, Reject> {
    let value = object.get(name).and_then(|value| value.as_str());
    let value = value.ok_or_else(|| Reject::new(format_args!("\"{name}\" is not a string")))?;
    if value.is_empty() || value.len() > most || value.chars().any(char::is_control) {
        return Err(Reject::new(format_args!(
            "\"{name}\" is empty, longer than {most} bytes, or has a control character"
        )));
    }
    Ok(value.into_owned())
}
