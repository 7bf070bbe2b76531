//! From what somebody wants said to a signed event.

use super::{Error, Event, envelope::DOMAIN, rfc3339, type_of};
use crate::canon::{base64url, canonical};
use crate::key::Key;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What its author wants said. Filters print it as `{type, subject, expires,
/// data}`; `cooee-pub` completes and signs it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// A short name (`note`) or a whole type.
    pub kind: String,
    /// A UCXL address.
    pub subject: String,
    /// From when on it counts for nothing.
    pub expires: Timestamp,
    /// JSON data; null for none.
    pub data: Value,
    /// Bytes instead of `data`.
    pub data_base64: Option<Vec<u8>>,
    /// The request it answers.
    pub in_reply_to: Option<String>,
    /// The tiny id of the agent that speaks.
    pub agent: Option<String>,
}

/// What makes an event this one and no other.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// A UUIDv7.
    pub id: Uuid,
    /// When it is said.
    pub time: Timestamp,
    /// From the key's sequence file.
    pub sequence: u64,
}

impl Draft {
    /// Completes and signs.
    pub fn sign(&self, key: &Key, stamp: &Stamp) -> Result<Event, Error> {
        let mut members = Map::new();
        let mut set = |name: &str, value: String| members.insert(name.to_owned(), Value::String(value));
        set("specversion", "1.0".to_owned());
        set("id", stamp.id.to_string());
        set(
            "source",
            self.agent.as_ref().map_or_else(|| key.did().to_string(), |agent| format!("{}#{agent}", key.did())),
        );
        set("type", type_of(&self.kind).into_owned());
        set("subject", self.subject.clone());
        set("time", rfc3339(stamp.time));
        set("sequence", stamp.sequence.to_string());
        set("expires", rfc3339(self.expires));
        if let Some(request) = &self.in_reply_to {
            set("inreplyto", request.clone());
        }
        if let Some(bytes) = &self.data_base64 {
            set("datacontenttype", "application/octet-stream".to_owned());
            set("data_base64", data_encoding::BASE64.encode(bytes));
        } else if !self.data.is_null() {
            set("datacontenttype", "application/json".to_owned());
            members.insert("data".to_owned(), self.data.clone());
        }
        let signature = key.sign(DOMAIN, &canonical(&members));
        members.insert("sig".to_owned(), Value::String(base64url(&signature)));
        let wire = canonical(&members);
        Event::from_members(members, wire)
    }
}
