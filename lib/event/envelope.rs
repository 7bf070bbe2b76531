//! The envelope: read strictly, checked against its author's key.

use crate::canon::{canonical, from_base64url};
use crate::jsonl::{self, Scanner};
use crate::key::Did;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// `data`, or what `data_base64` stands for: 64 KiB. A string counts as its
/// UTF-8, anything else as its RFC 8785 form.
pub const DATA_LIMIT_BYTES: usize = 64 * 1024;
/// An event in its wire form: 96 KiB.
pub const EVENT_LIMIT_BYTES: usize = 96 * 1024;
/// Signatures over events count for nothing else.
pub(super) const DOMAIN: &str = "cooee-event-v1";

/// Why a text is no event of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`EVENT_LIMIT_BYTES`].
    #[error("event of {0} bytes is larger than {EVENT_LIMIT_BYTES}")]
    TooLarge(usize),
    /// More than [`DATA_LIMIT_BYTES`].
    #[error("data of {0} bytes is larger than {DATA_LIMIT_BYTES}")]
    DataTooLarge(usize),
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] jsonl::Error),
    /// Not the RFC 8785 form on the wire.
    #[error("not in RFC 8785 form")]
    NotCanonical,
    /// A member that must be there is not.
    #[error("member \"{0}\" is missing")]
    Missing(&'static str),
    /// A member is not what it must be.
    #[error("member \"{0}\" is malformed")]
    Malformed(Cow<'static, str>),
    /// The signature is not the author's over this text.
    #[error("the signature does not match its author")]
    BadSignature,
}

/// A well-formed event. [`Event::verify`] says whether its author signed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    wire: Vec<u8>,
    /// Where `"sig":"…",` lies in `wire`.
    signature_span: (usize, usize),
    signature: [u8; 64],
    id: String,
    author: Did,
    agent: Option<String>,
    kind: String,
    subject: String,
    time: Timestamp,
    expires: Timestamp,
    sequence: u64,
    in_reply_to: Option<String>,
    data: Value,
    data_base64: Option<Vec<u8>>,
}

impl Event {
    /// From a frame: must be in RFC 8785 form to the byte.
    pub fn from_wire(wire: &[u8]) -> Result<Self, Error> {
        Self::read(wire, true)
    }

    /// From a pipe: any spelling; the wire form is made here.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        Self::read(text, false)
    }

    fn read(text: &[u8], strict: bool) -> Result<Self, Error> {
        if text.len() > EVENT_LIMIT_BYTES && strict {
            return Err(Error::TooLarge(text.len()));
        }
        let Value::Object(members) = jsonl::parse(text)? else {
            return Err(Error::Malformed("event".into()));
        };
        let wire = canonical(&members);
        if strict && wire != text {
            return Err(Error::NotCanonical);
        }
        Self::from_members(members, wire)
    }

    pub(super) fn from_members(mut members: Map<String, Value>, wire: Vec<u8>) -> Result<Self, Error> {
        if wire.len() > EVENT_LIMIT_BYTES {
            return Err(Error::TooLarge(wire.len()));
        }
        if text(&members, "specversion")? != "1.0" {
            return Err(Error::Malformed("specversion".into()));
        }
        let malformed = |name: &'static str| Error::Malformed(name.into());
        let (author, agent) = source(text(&members, "source")?).ok_or_else(|| malformed("source"))?;
        let signature = from_base64url(text(&members, "sig")?).and_then(|bytes| bytes.try_into().ok());
        let id = text(&members, "id")?;
        let is_v7 = uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.get_version_num() == 7 && uuid.to_string() == id);
        let sequence = text(&members, "sequence")?;
        let time = moment(text(&members, "time")?).ok_or_else(|| malformed("time"))?;
        let expires = moment(text(&members, "expires")?).ok_or_else(|| malformed("expires"))?;
        for (name, value) in &members {
            let plain = matches!(value, Value::String(_));
            let known = matches!(name.as_str(), "data" | "data_base64");
            let spelled = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let extension = plain && spelled && name.len() <= 20;
            if !(known || extension) {
                return Err(Error::Malformed(name.clone().into()));
            }
        }
        let data_base64 = match members.get("data_base64") {
            None => None,
            Some(_) if members.contains_key("data") => return Err(malformed("data_base64")),
            // CloudEvents' JSON format says base64 of RFC 4648 section 4, padded.
            Some(Value::String(text)) => {
                Some(data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| malformed("data_base64"))?)
            }
            Some(_) => return Err(malformed("data_base64")),
        };
        let event = Self {
            signature_span: signature_span(&wire).ok_or_else(|| malformed("sig"))?,
            signature: signature.ok_or_else(|| malformed("sig"))?,
            id: if is_v7 { id.to_owned() } else { return Err(malformed("id")) },
            author,
            agent,
            kind: nonempty(&members, "type", 128)?,
            subject: nonempty(&members, "subject", 1024)?,
            time,
            expires: if expires > time { expires } else { return Err(malformed("expires")) },
            sequence: number(sequence).ok_or_else(|| malformed("sequence"))?,
            in_reply_to: match members.get("inreplyto") {
                Some(_) => Some(nonempty(&members, "inreplyto", 64)?),
                None => None,
            },
            data: members.remove("data").unwrap_or(Value::Null),
            data_base64,
            wire,
        };
        let data_bytes = match &event.data_base64 {
            Some(bytes) => bytes.len(),
            // Canonical `data` cannot be longer than the event that holds it.
            None if event.wire.len() <= DATA_LIMIT_BYTES => 0,
            None => event.data.as_str().map_or_else(|| canonical(&event.data).len(), str::len),
        };
        if data_bytes > DATA_LIMIT_BYTES { Err(Error::DataTooLarge(data_bytes)) } else { Ok(event) }
    }

    /// Did its author sign it? Strict Ed25519 over the domain and the wire form
    /// without `sig`.
    pub fn verify(&self) -> Result<(), Error> {
        let (from, to) = self.signature_span;
        let mut signed = Vec::with_capacity(self.wire.len());
        signed.extend_from_slice(&self.wire[..from]);
        signed.extend_from_slice(&self.wire[to..]);
        if self.author.verify(DOMAIN, &signed, &self.signature) { Ok(()) } else { Err(Error::BadSignature) }
    }

    /// The RFC 8785 form with `sig`: what is sent, stored and printed.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The RFC 8785 form, taken out.
    pub fn into_wire(self) -> Vec<u8> {
        self.wire
    }

    /// A UUIDv7.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose key signed it.
    pub fn author(&self) -> Did {
        self.author
    }

    /// The agent's tiny id when an agent speaks.
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// The whole `source`: `did:key…` or `did:key…#TINY_ID`.
    pub fn source(&self) -> String {
        match &self.agent {
            Some(agent) => format!("{}#{agent}", self.author),
            None => self.author.to_string(),
        }
    }

    /// The type's short name: `enrol` of `cooee.enrol.v1`.
    pub fn kind(&self) -> &str {
        super::short(&self.kind)
    }

    /// The UCXL address it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When its author says it was made.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// From when on it counts for nothing.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Rises within (source, subject).
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The request it answers.
    pub fn in_reply_to(&self) -> Option<&str> {
        self.in_reply_to.as_deref()
    }

    /// `data`; null where there is none.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// What `data_base64` stands for.
    pub fn data_bytes(&self) -> Option<&[u8]> {
        self.data_base64.as_deref()
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Error> {
    let value = members.get(name).ok_or(Error::Missing(name))?;
    value.as_str().ok_or_else(|| Error::Malformed(name.into()))
}

fn nonempty(members: &Map<String, Value>, name: &'static str, most: usize) -> Result<String, Error> {
    let value = text(members, name)?;
    let fits = !value.is_empty() && value.len() <= most && !value.chars().any(char::is_control);
    if fits { Ok(value.to_owned()) } else { Err(Error::Malformed(name.into())) }
}

/// `did:key…` or `did:key…#TINY_ID`.
fn source(text: &str) -> Option<(Did, Option<String>)> {
    let (did, agent) = match text.split_once('#') {
        Some((did, agent)) => (did, Some(agent)),
        None => (text, None),
    };
    // Ten Crockford characters, upper case; the agentid room decodes them.
    let spelled = |id: &str| {
        id.len() == 10 && id.bytes().all(|b| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"ILOU".contains(&b)))
    };
    if agent.is_some_and(|id| !spelled(id)) {
        return None;
    }
    Some((did.parse().ok()?, agent.map(str::to_owned)))
}

/// RFC 3339 with `Z`.
fn moment(text: &str) -> Option<Timestamp> {
    if text.len() <= 35 && text.ends_with('Z') { text.parse().ok() } else { None }
}

/// Decimal without sign or leading zero, up to 2^63 − 1, which SQLite holds.
fn number(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    (value <= i64::MAX.cast_unsigned() && value.to_string() == text).then_some(value)
}

/// Where the member `sig` with its comma lies in a canonical object; there
/// `source` always follows it.
fn signature_span(wire: &[u8]) -> Option<(usize, usize)> {
    let mut scanner = Scanner::default();
    let object = scanner.object(wire).ok()?;
    let value = object.get("sig")?.raw();
    let from = value.as_ptr() as usize - wire.as_ptr() as usize;
    Some((from - "\"sig\":".len(), from + value.len() + 1))
}
