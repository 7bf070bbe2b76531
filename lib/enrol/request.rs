//! What a host asks for, read out of its inner event and checked in itself.

use super::Refusal;
use super::refusal::malformed as bad;
use crate::agentid::{Hash, TinyId, Tuple};
use crate::event::Event;
use serde_json::{Map, Value};

/// The highest slot that any token holds.
const SLOT_MAX: u64 = 63;

/// An enrolment as its host signed it, well-formed but not judged.
#[derive(Clone, Debug)]
pub struct Request {
    /// The inner event.
    pub event: Event,
    /// Which fleet it is meant for.
    pub audience: String,
    /// What a host that is not known brings.
    pub join_token: Option<String>,
    /// Which model, on which host, on which GPU.
    pub tuple: Tuple,
    /// The tuple's hash, made here.
    pub hash: Hash,
    /// The GPU's place, 0 to 63.
    pub slot: u8,
    /// The whole probe record.
    pub record: Map<String, Value>,
    /// BLAKE3 of the signed bytes.
    pub digest: [u8; 32],
    /// Its author did sign it.
    pub signed: bool,
}

/// The subject of every enrolment of this agent.
pub fn subject(tiny_id: TinyId) -> String {
    format!("ucxl://any:admin@COOEE:enrol/#/agentid/{tiny_id}")
}

impl Request {
    /// Reads the inner event and checks its signature. A request that is not
    /// what it must be comes back as its event and the refusal.
    pub fn read(event: Event) -> Result<Self, Box<(Event, Refusal)>> {
        match parts(&event) {
            Ok((audience, join_token, tuple, hash, slot, record)) => {
                let digest = *blake3::hash(event.wire()).as_bytes();
                let signed = event.verify().is_ok();
                Ok(Self { event, audience, join_token, tuple, hash, slot, record, digest, signed })
            }
            Err(refusal) => Err(Box::new((event, refusal))),
        }
    }

    /// `did:key…#TINY_ID`
    pub fn agent_did(&self) -> String {
        format!("{}#{}", self.event.author(), self.hash.tiny_id())
    }

    /// BLAKE3 of the join token's text.
    pub fn join_token_hash(&self) -> Option<[u8; 32]> {
        self.join_token.as_ref().map(|text| *blake3::hash(text.as_bytes()).as_bytes())
    }
}

type Parts = (String, Option<String>, Tuple, Hash, u8, Map<String, Value>);

fn parts(event: &Event) -> Result<Parts, Refusal> {
    if event.kind() != "enrol" {
        return Err(bad("type", "not an enrolment"));
    }
    if event.agent().is_some() {
        return Err(bad("source", "a host enrols, not an agent"));
    }
    let data = event.data().as_object().ok_or_else(|| bad("data", "not an object"))?;
    if let Some(unknown) = data.keys().find(|key| !matches!(key.as_str(), "audience" | "join_token" | "agent")) {
        return Err(bad("data", format!("unknown member \"{unknown}\"")));
    }
    let audience = data.get("audience").and_then(Value::as_str).ok_or_else(|| bad("audience", "not a string"))?;
    let join_token = match data.get("join_token") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => return Err(bad("join_token", "neither a string nor null")),
    };
    let record = data.get("agent").and_then(Value::as_object).ok_or_else(|| bad("agent", "not an object"))?;
    if record.get("type").and_then(Value::as_str) != Some("agent") || record.get("v").and_then(Value::as_u64) != Some(1)
    {
        return Err(bad("agent", "not an agent record of version 1"));
    }
    let text = |field: &'static str| {
        record.get(field).and_then(Value::as_str).ok_or_else(|| bad("agent", format!("\"{field}\" is not a string")))
    };
    let tuple = Tuple::new(text("gpu_id")?, text("hostname")?, text("mac")?, text("model")?)
        .map_err(|error| bad("agent", error.to_string()))?;
    let slot = record
        .get("gpu_slot")
        .and_then(Value::as_u64)
        .filter(|slot| *slot <= SLOT_MAX)
        .ok_or_else(|| bad("agent", format!("\"gpu_slot\" is not an integer from 0 to {SLOT_MAX}")))?;
    let hash = tuple.hash();
    if text("hash")? != hash.to_string() {
        return Err(bad("agent", "\"hash\" is not the hash of its tuple"));
    }
    if text("tiny_id")? != hash.tiny_id().to_string() {
        return Err(bad("agent", "\"tiny_id\" does not follow from its tuple"));
    }
    if event.subject() != subject(hash.tiny_id()) {
        return Err(bad("subject", "does not name the agent"));
    }
    Ok((audience.to_owned(), join_token, tuple, hash, slot as u8, record.clone()))
}
