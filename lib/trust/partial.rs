//! A whole agent as one line of JSON, so that a cluster can shard signals by
//! agent and one process can put the parts together again. Nothing is lost:
//! floats are written so that they read back to the same bits.

use super::read::{millis, rfc3339};
use super::{Agent, Dimension, Parts, Point, Revocation, Said, Shown, key_of};
use crate::jsonl::{self, Scanner};
use serde::{Deserialize, Serialize};

/// What is said of a member that cannot be read; it may fill a whole line.
const SHOWN_CHARS: usize = 120;

/// A line that is put in.
#[derive(Clone, Debug)]
pub enum Partial {
    /// An agent.
    Agent(Box<Whole>),
    /// What a key has said of an agent's collaboration.
    Heard {
        /// The key.
        speaker: String,
        /// The agent's DID.
        agent: String,
        /// Its words.
        said: Said,
    },
}

/// All that is known of an agent.
#[derive(Clone, Debug)]
pub struct Whole {
    /// Its DID.
    pub did: String,
    /// Its window and its history.
    pub agent: Agent,
    /// Its last signals, oldest first.
    pub recent: Vec<Shown>,
}

/// Why a line is no part.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] jsonl::Error),
    /// A record of another type.
    #[error("\"type\" is neither \"partial\" nor \"heard\"")]
    Type,
    /// Another version's.
    #[error("\"v\" is not 1")]
    Version,
    /// A member is missing, or of another type.
    #[error("{0}")]
    Member(String),
    /// A member says what cannot be.
    #[error("\"{0}\" is not what --partial prints")]
    Value(&'static str),
    /// Each member can be, but not all of them of one agent.
    #[error("\"order\", \"values\" and \"history\" are not of one agent")]
    Agent,
}

#[derive(Serialize, Deserialize)]
struct AgentText<'a> {
    r#type: &'a str,
    v: u8,
    agent_did: String,
    /// One letter a signal: p, r, o, s or c.
    order: String,
    values: Values,
    history: Vec<(String, u16)>,
    /// Must be there, if only as null: a part that lost it would let a revoked
    /// agent go on.
    #[serde(deserialize_with = "Option::deserialize")]
    revocation: Option<RevocationText>,
    last_signal: Option<String>,
    signals: u64,
    late_signals: u32,
    total_score: u16,
    stale: bool,
    recent_signals: Vec<ShownText>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object")]
struct Values {
    policy_compliance: Vec<f64>,
    resource_efficiency: Vec<f64>,
    output_quality: Vec<f64>,
    security_posture: Vec<f64>,
    collaboration_health: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object")]
struct RevocationText {
    total_score: u16,
    at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object")]
struct ShownText {
    dimension: String,
    value: f64,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct HeardText<'a> {
    r#type: &'a str,
    v: u8,
    agent_did: String,
    speaker: String,
    sum: f64,
    count: u16,
}

fn letter(dimension: Dimension) -> char {
    dimension.name().chars().next().unwrap_or_default()
}

fn time(text: &str, name: &'static str) -> Result<i64, PartialError> {
    millis(text.as_bytes()).ok_or(PartialError::Value(name))
}

/// A `partial` record, one line without its end.
pub fn write_agent<'s>(out: &mut Vec<u8>, did: &str, agent: &Agent, recent: impl Iterator<Item = &'s Shown>) {
    let parts = agent.parts();
    let [policy_compliance, resource_efficiency, output_quality, security_posture, collaboration_health] = parts.values;
    let shown = |shown: &Shown| ShownText {
        dimension: shown.dimension.name().to_owned(),
        value: shown.value,
        source: shown.source.to_string(),
        details: shown.details.as_deref().map(str::to_owned),
        timestamp: rfc3339(shown.at),
        author: shown.author.as_deref().map(str::to_owned),
        trace_id: shown.trace_id.as_deref().map(str::to_owned),
        weight: shown.weight,
    };
    let text = AgentText {
        r#type: "partial",
        v: 1,
        agent_did: did.to_owned(),
        order: parts.order.iter().copied().map(letter).collect(),
        values: Values {
            policy_compliance,
            resource_efficiency,
            output_quality,
            security_posture,
            collaboration_health,
        },
        history: parts.history.iter().map(|point| (rfc3339(point.at), point.total)).collect(),
        revocation: parts
            .revocation
            .map(|revoked| RevocationText { total_score: revoked.total, at: rfc3339(revoked.at) }),
        last_signal: agent.last_signal().map(rfc3339),
        signals: parts.signals,
        late_signals: parts.late,
        total_score: parts.total,
        stale: parts.stale,
        recent_signals: recent.map(shown).collect(),
    };
    serde_json::to_writer(out, &text).expect("a Vec takes all bytes");
}

/// A `heard` record, one line without its end.
pub fn write_heard(out: &mut Vec<u8>, speaker: &str, agent: &str, said: Said) {
    let text = HeardText {
        r#type: "heard",
        v: 1,
        agent_did: agent.to_owned(),
        speaker: speaker.to_owned(),
        sum: said.sum,
        count: said.count,
    };
    serde_json::to_writer(out, &text).expect("a Vec takes all bytes");
}

/// Reads what [`write_agent`] and [`write_heard`] write; other members are
/// ignored.
pub fn read(line: &[u8], scanner: &mut Scanner) -> Result<Partial, PartialError> {
    let object = scanner.object(line)?;
    let kind = object.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
    if !matches!(&*kind, "partial" | "heard") {
        return Err(PartialError::Type);
    }
    if object.get("v").and_then(|v| v.as_u64()) != Some(1) {
        return Err(PartialError::Version);
    }
    let text = object.text();
    if kind == "heard" { heard(parse(text)?) } else { agent(parse(text)?) }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, PartialError> {
    serde_json::from_str(text).map_err(|error| {
        // Line and column are of this text alone, and our callers name the line.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        PartialError::Member(message.chars().take(SHOWN_CHARS).collect())
    })
}

fn named(did: String) -> Result<String, PartialError> {
    let good = !did.is_empty() && did.len() <= super::read::NAME_LIMIT_BYTES && !did.chars().any(char::is_control);
    if good { Ok(did) } else { Err(PartialError::Value("agent_did")) }
}

fn heard(text: HeardText<'_>) -> Result<Partial, PartialError> {
    let (agent, said) = (named(text.agent_did)?, Said { sum: text.sum, count: text.count });
    let good = !text.speaker.is_empty() && key_of(&text.speaker) == text.speaker && text.speaker != key_of(&agent);
    if !good || text.speaker.len() > super::read::NAME_LIMIT_BYTES {
        return Err(PartialError::Value("speaker"));
    }
    if !said.holds() {
        return Err(PartialError::Value("sum"));
    }
    Ok(Partial::Heard { speaker: text.speaker, agent, said })
}

fn agent(text: AgentText<'_>) -> Result<Partial, PartialError> {
    let dimension = |letter_read: char| {
        let known = Dimension::ALL.into_iter().find(|dimension| letter(*dimension) == letter_read);
        known.ok_or(PartialError::Value("order"))
    };
    let values = text.values;
    let point = |(at, total): &(String, u16)| Ok(Point { at: time(at, "history")?, total: *total });
    let parts = Parts {
        order: text.order.chars().map(dimension).collect::<Result<_, _>>()?,
        values: [
            values.policy_compliance,
            values.resource_efficiency,
            values.output_quality,
            values.security_posture,
            values.collaboration_health,
        ],
        history: text.history.iter().map(point).collect::<Result<_, PartialError>>()?,
        revocation: match text.revocation {
            Some(revoked) if revoked.total_score <= 1000 => {
                Some(Revocation { total: revoked.total_score, at: time(&revoked.at, "revocation")? })
            }
            Some(_) => return Err(PartialError::Value("revocation")),
            None => None,
        },
        last_signal: text.last_signal.map_or(Ok(i64::MIN), |at| time(&at, "last_signal"))?,
        signals: text.signals,
        late: text.late_signals,
        total: text.total_score,
        stale: text.stale,
    };
    if parts.signals < parts.order.len() as u64 || (parts.last_signal == i64::MIN) != (parts.signals == 0) {
        return Err(PartialError::Value("signals"));
    }
    let recent = text.recent_signals.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    if recent.len() > super::RECENT {
        return Err(PartialError::Value("recent_signals"));
    }
    let agent = Agent::from_parts(&parts).ok_or(PartialError::Agent)?;
    Ok(Partial::Agent(Box::new(Whole { did: named(text.agent_did)?, agent, recent })))
}

fn shown(text: ShownText) -> Result<Shown, PartialError> {
    let dimension = Dimension::from_name(text.dimension.as_bytes());
    let (good, weighed) = ((0.0..=1.0).contains(&text.value), text.weight.is_none_or(|weight| weight >= 0.0));
    let dimension = dimension.filter(|_| good && weighed).ok_or(PartialError::Value("recent_signals"))?;
    Ok(Shown {
        dimension,
        value: text.value,
        at: time(&text.timestamp, "recent_signals")?,
        source: text.source.into(),
        details: text.details.map(Into::into),
        trace_id: text.trace_id.map(Into::into),
        weight: text.weight,
        author: text.author.map(Into::into),
    })
}

#[cfg(test)]
mod tests;
