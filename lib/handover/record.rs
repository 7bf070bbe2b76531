//! A line of input → a signed event, or what is wrong with it.

use crate::event::{self, Draft, Event, Stamp};
use crate::jsonl::{self, Kind, Object, Scanner};
use crate::key::Key;
use crate::ucxl::{Address, AddressError};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::borrow::Cow;
use std::io;
use uuid::Uuid;

/// What a draft may say.
const DRAFT_MEMBERS: [&str; 8] = ["type", "v", "subject", "expires", "data", "data_base64", "inreplyto", "agent"];

/// Why a line is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not strict JSON, or no object.
    #[error(transparent)]
    Json(#[from] jsonl::Error),
    /// Text that is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// No signed event, no draft, no `unchanged`.
    #[error("not an event or a draft: member \"{0}\" is missing")]
    Missing(&'static str),
    /// A member of a draft is not what it must be.
    #[error("member \"{0}\" is malformed")]
    Malformed(&'static str),
    /// A draft has a member that drafts do not have.
    #[error("a draft has no member \"{0}\"")]
    Unknown(String),
    /// The subject is no address.
    #[error("subject: {0}")]
    Subject(#[from] AddressError),
    /// It has expired.
    #[error("expired at {0}")]
    Expired(Timestamp),
    /// Nothing can be signed without the host's key.
    #[error("no key to sign it with")]
    NoKey,
    /// No sequence number could be had.
    #[error("sequence file: {0}")]
    Sequence(#[source] io::Error),
    /// Too large, or not well-formed as an event.
    #[error(transparent)]
    Event(#[from] event::Error),
}

impl RecordError {
    /// Refused for security: a wrong signature, or a signed event after its
    /// expiry.
    pub fn is_security(&self) -> bool {
        matches!(self, Self::Event(event::Error::BadSignature) | Self::Expired(_))
    }
}

/// Gives out the next sequence number.
pub type Sequence<'a> = &'a mut dyn FnMut() -> io::Result<u64>;

/// Who signs drafts and plain lines.
pub struct Author {
    /// The host's key.
    pub key: Key,
    /// The tiny id of the agent that speaks.
    pub agent: Option<String>,
}

/// How plain lines become events.
#[derive(Clone, Debug)]
pub struct Wrap {
    /// Their subject.
    pub subject: Address,
    /// Their type.
    pub kind: String,
    /// Each line is a JSON value, not text.
    pub json: bool,
}

/// Makes events of lines.
pub struct Preparer {
    /// None where only signed events are passed on.
    pub author: Option<Author>,
    /// Some: every line is data.
    pub wrap: Option<Wrap>,
    /// How long an event counts that does not say it.
    pub expires_after: SignedDuration,
}

/// What a line is.
#[derive(Debug)]
pub enum Prepared {
    /// An event that was signed here, and so can be signed again.
    Ours(Event),
    /// An event that came signed.
    Signed(Event),
    /// A record to pass on to stdout.
    Passed,
}

/// Will this line need a key and a sequence number? A first guess: true for what
/// does not look like a signed event or an `unchanged` record.
pub fn needs_author(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"\"sig\"").is_none() && memchr::memmem::find(line, b"\"unchanged\"").is_none()
}

impl Preparer {
    /// Reads one line; a sequence number is asked for only if it is signed here.
    pub fn prepare(
        &self,
        line: &[u8],
        scanner: &mut Scanner,
        now: Timestamp,
        sequence: Sequence<'_>,
    ) -> Result<Prepared, RecordError> {
        if let Some(wrap) = &self.wrap {
            let data = if wrap.json {
                scanner.value(line)?.to_json()
            } else {
                Value::String(std::str::from_utf8(line).map_err(|_| RecordError::NotUtf8)?.to_owned())
            };
            let draft = Draft {
                kind: wrap.kind.clone(),
                subject: wrap.subject.to_string(),
                expires: self.expiry(now),
                data,
                data_base64: None,
                in_reply_to: None,
                agent: None,
            };
            return self.complete(draft, now, sequence);
        }
        let object = scanner.object(line)?;
        if object.get("sig").is_some() && object.get("specversion").is_some() {
            return passed_on(line, now);
        }
        let kind = text(&object, "type")?.ok_or(RecordError::Missing("type"))?;
        if kind == "unchanged" {
            return Ok(Prepared::Passed);
        }
        self.complete(self.draft(&object, kind, now)?, now, sequence)
    }

    fn draft(&self, object: &Object<'_>, kind: Cow<'_, str>, now: Timestamp) -> Result<Draft, RecordError> {
        if let Some((key, _)) = object.iter().find(|(key, _)| !DRAFT_MEMBERS.contains(&key.as_ref())) {
            return Err(RecordError::Unknown(key.into_owned()));
        }
        if object.get("v").is_some_and(|v| v.as_u64() != Some(1)) {
            return Err(RecordError::Malformed("v"));
        }
        let subject: Address = text(object, "subject")?.ok_or(RecordError::Missing("subject"))?.parse()?;
        let expires = match text(object, "expires")? {
            Some(text) => text.parse().map_err(|_| RecordError::Malformed("expires"))?,
            None => self.expiry(now),
        };
        if expires <= now {
            return Err(RecordError::Malformed("expires"));
        }
        let bytes = match text(object, "data_base64")? {
            Some(_) if object.get("data").is_some() => return Err(RecordError::Malformed("data_base64")),
            Some(text) => {
                let bytes = data_encoding::BASE64.decode(text.as_bytes());
                Some(bytes.map_err(|_| RecordError::Malformed("data_base64"))?)
            }
            None => None,
        };
        Ok(Draft {
            kind: kind.into_owned(),
            subject: subject.to_string(),
            expires,
            data: object.get("data").map_or(Value::Null, |data| data.to_json()),
            data_base64: bytes,
            in_reply_to: text(object, "inreplyto")?.map(Cow::into_owned),
            agent: text(object, "agent")?.map(Cow::into_owned),
        })
    }

    fn complete(&self, mut draft: Draft, now: Timestamp, sequence: Sequence<'_>) -> Result<Prepared, RecordError> {
        let author = self.author.as_ref().ok_or(RecordError::NoKey)?;
        if draft.agent.is_none() {
            draft.agent.clone_from(&author.agent);
        }
        let stamp = Stamp { id: Uuid::now_v7(), time: now, sequence: sequence().map_err(RecordError::Sequence)? };
        Ok(Prepared::Ours(draft.sign(&author.key, &stamp)?))
    }

    /// Signs an event of ours again, under its id: its sequence was refused.
    pub fn sign_again(&self, event: &Event, time: Timestamp, sequence: u64) -> Result<Event, RecordError> {
        let author = self.author.as_ref().ok_or(RecordError::NoKey)?;
        let draft = Draft {
            kind: event.kind().to_owned(),
            subject: event.subject().to_owned(),
            expires: event.expires(),
            data: event.data().clone(),
            data_base64: event.data_bytes().map(<[u8]>::to_vec),
            in_reply_to: event.in_reply_to().map(str::to_owned),
            agent: event.agent().map(str::to_owned),
        };
        let id = event.id().parse().map_err(|_| RecordError::Malformed("id"))?;
        Ok(draft.sign(&author.key, &Stamp { id, time, sequence })?)
    }

    fn expiry(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.expires_after).unwrap_or(Timestamp::MAX)
    }
}

/// A signed event goes on as it is, if its signature is right.
fn passed_on(line: &[u8], now: Timestamp) -> Result<Prepared, RecordError> {
    let event = Event::from_json(line)?;
    event.verify()?;
    if event.expires() <= now {
        return Err(RecordError::Expired(event.expires()));
    }
    Ok(Prepared::Signed(event))
}

fn text<'a>(object: &Object<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, RecordError> {
    match object.get(name) {
        None => Ok(None),
        Some(value) if value.kind() == Kind::String => Ok(value.as_str()),
        Some(_) => Err(RecordError::Malformed(name)),
    }
}
