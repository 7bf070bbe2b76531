//! Messages ↔ the JSON of frames, read strictly.
//!
//! An event's wire form is embedded as it is, never parsed or printed again on
//! the way. Everything around the events is checked by printing it again and
//! comparing the bytes.

mod parts;

use super::frame::{FRAME_LIMIT_BYTES, FrameError, seal};
use super::message::{Compared, Held, Refused, Reply, Request, WAIT_LIMIT_MS};
use crate::event::rfc3339;
use crate::jsonl::{Object, Scanner, Value, string};
use jiff::Timestamp;

impl Request {
    /// Appends it as a frame, header included.
    pub fn frame(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        seal(out, |out| self.json(out))
    }

    /// Reads a frame's JSON.
    pub fn decode(body: &[u8]) -> Result<Self, FrameError> {
        decode(body, Self::read, Self::json)
    }

    // Members stand in RFC 8785 order, which is alphabetic for these names.
    fn json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Put { events } => {
                array(out, "{\"events\":[", events, |out, event| out.extend_from_slice(event));
                out.extend_from_slice(b",\"op\":\"put\"}");
            }
            Self::Await { ids, wait_ms } => {
                array(out, "{\"ids\":[", ids, |out, id| string(out, id));
                out.extend_from_slice(format!(",\"op\":\"await\",\"wait_ms\":{wait_ms}}}").as_bytes());
            }
            Self::Sub { patterns, types, since, unanswered, follow } => {
                out.extend_from_slice(format!("{{\"follow\":{follow},\"op\":\"sub\"").as_bytes());
                array(out, ",\"patterns\":[", patterns, |out, pattern| string(out, pattern));
                if let Some(since) = since {
                    out.extend_from_slice(format!(",\"since\":\"{}\"", rfc3339(*since)).as_bytes());
                }
                array(out, ",\"types\":[", types, |out, kind| string(out, kind));
                out.extend_from_slice(format!(",\"unanswered\":{unanswered}}}").as_bytes());
            }
            Self::Consume { name, patterns, types, since, taken, follow } => {
                out.extend_from_slice(format!("{{\"follow\":{follow},\"name\":").as_bytes());
                string(out, name);
                array(out, ",\"op\":\"consume\",\"patterns\":[", patterns, |out, pattern| string(out, pattern));
                if let Some(since) = since {
                    out.extend_from_slice(format!(",\"since\":\"{}\"", rfc3339(*since)).as_bytes());
                }
                if let Some(place) = taken {
                    out.extend_from_slice(format!(",\"taken\":{place}").as_bytes());
                }
                array(out, ",\"types\":[", types, |out, kind| string(out, kind));
                out.push(b'}');
            }
            Self::Took { place } => {
                out.extend_from_slice(format!("{{\"op\":\"took\",\"place\":{place}}}").as_bytes());
            }
            Self::Forget { name } => {
                out.extend_from_slice(b"{\"name\":");
                string(out, name);
                out.extend_from_slice(b",\"op\":\"forget\"}");
            }
            Self::Ids { only, news, ranges } => {
                out.push(b'{');
                if *news {
                    out.extend_from_slice(b"\"news\":true,");
                }
                if let Some(only) = only {
                    member_text(out, "only", only);
                    out.push(b',');
                }
                array(out, "\"op\":\"ids\",\"ranges\":[", ranges, |out, range| {
                    out.push(b'{');
                    member_text(out, "fingerprint", &range.fingerprint);
                    out.push(b',');
                    member_text(out, "from", &range.from);
                    out.push(b',');
                    member_text(out, "to", &range.to);
                    out.push(b'}');
                });
                out.push(b'}');
            }
            Self::Get { elements } => {
                array(out, "{\"elements\":[", elements, |out, element| string(out, element));
                out.extend_from_slice(b",\"op\":\"get\"}");
            }
            Self::Find { name, wait_ms } => {
                out.extend_from_slice(b"{\"name\":");
                string(out, name);
                out.extend_from_slice(format!(",\"op\":\"find\",\"wait_ms\":{wait_ms}}}").as_bytes());
            }
            Self::Consumers => out.extend_from_slice(b"{\"op\":\"consumers\"}"),
            Self::Peers => out.extend_from_slice(b"{\"op\":\"peers\"}"),
            Self::Clock => out.extend_from_slice(b"{\"op\":\"clock\"}"),
        }
    }

    fn read(op: &str, object: &Object<'_>) -> Result<Self, FrameError> {
        Ok(match op {
            "put" => Self::Put { events: objects(object, "events")? },
            "await" => Self::Await { ids: strings(object, "ids")?, wait_ms: member(object, "wait_ms", wait)? },
            "sub" => Self::Sub {
                patterns: strings(object, "patterns")?,
                types: strings(object, "types")?,
                since: optional(object, "since", moment)?,
                unanswered: member(object, "unanswered", |value| value.as_bool())?,
                follow: member(object, "follow", |value| value.as_bool())?,
            },
            "consume" => Self::Consume {
                name: member(object, "name", text)?,
                patterns: strings(object, "patterns")?,
                types: strings(object, "types")?,
                since: optional(object, "since", moment)?,
                taken: optional(object, "taken", place)?,
                follow: member(object, "follow", |value| value.as_bool())?,
            },
            "took" => Self::Took { place: member(object, "place", place)? },
            "forget" => Self::Forget { name: member(object, "name", text)? },
            "ids" => Self::Ids {
                only: optional(object, "only", text)?,
                news: optional(object, "news", |value| value.as_bool())?.unwrap_or(false),
                ranges: list(object, "ranges", |value| {
                    inner(value, |object| {
                        let text = |name| text(object.get(name)?);
                        Some(Compared { from: text("from")?, to: text("to")?, fingerprint: text("fingerprint")? })
                    })
                })?,
            },
            "get" => Self::Get { elements: strings(object, "elements")? },
            "find" => Self::Find { name: member(object, "name", text)?, wait_ms: member(object, "wait_ms", wait)? },
            "consumers" => Self::Consumers,
            "peers" => Self::Peers,
            "clock" => Self::Clock,
            _ => return Err(FrameError::UnknownOp(op.to_owned())),
        })
    }
}

impl Reply {
    /// Appends it as a frame, header included.
    pub fn frame(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        seal(out, |out| self.json(out))
    }

    /// Reads a frame's JSON.
    pub fn decode(body: &[u8]) -> Result<Self, FrameError> {
        decode(body, Self::read, Self::json)
    }

    fn json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Stored { receipt, refused } => {
                out.extend_from_slice(b"{\"op\":\"stored\",");
                if let Some(receipt) = receipt {
                    out.extend_from_slice(b"\"receipt\":");
                    out.extend_from_slice(&crate::canon::canonical(receipt));
                    out.push(b',');
                }
                array(out, "\"refused\":[", refused, |out, refused| refused.json(out));
                out.push(b'}');
            }
            Self::Answers { events } => {
                array(out, "{\"events\":[", events, |out, event| out.extend_from_slice(event));
                out.extend_from_slice(b",\"op\":\"answers\"}");
            }
            Self::Events { events } => {
                array(out, "{\"events\":[", events, |out, event| out.extend_from_slice(event));
                out.extend_from_slice(b",\"op\":\"events\"}");
            }
            Self::Found { events, asked, answered } => {
                out.extend_from_slice(format!("{{\"answered\":{answered},\"asked\":{asked}").as_bytes());
                array(out, ",\"events\":[", events, |out, event| out.extend_from_slice(event));
                out.extend_from_slice(b",\"op\":\"found\"}");
            }
            Self::Began { place, since } => {
                out.extend_from_slice(format!("{{\"op\":\"began\",\"place\":{place}").as_bytes());
                if let Some(since) = since {
                    out.extend_from_slice(format!(",\"since\":\"{}\"", rfc3339(*since)).as_bytes());
                }
                out.push(b'}');
            }
            Self::Left => out.extend_from_slice(b"{\"op\":\"left\"}"),
            Self::Handed { events, places } => {
                array(out, "{\"events\":[", events, |out, event| out.extend_from_slice(event));
                array(out, ",\"op\":\"handed\",\"places\":[", places, |out, place| {
                    out.extend_from_slice(place.to_string().as_bytes());
                });
                out.push(b'}');
            }
            Self::Ids { ranges } => {
                array(out, "{\"op\":\"ids\",\"ranges\":[", ranges, |out, held| held.json(out));
                out.push(b'}');
            }
            Self::Consumers { records } => {
                array(out, "{\"op\":\"consumers\",\"records\":[", records, |out, record| {
                    out.extend_from_slice(record);
                });
                out.push(b'}');
            }
            Self::Peers { records } => {
                array(out, "{\"op\":\"peers\",\"records\":[", records, |out, record| out.extend_from_slice(record));
                out.push(b'}');
            }
            Self::Clock { time } => {
                out.extend_from_slice(format!("{{\"op\":\"clock\",\"time\":\"{}\"}}", rfc3339(*time)).as_bytes());
            }
            Self::End => out.extend_from_slice(b"{\"op\":\"end\"}"),
            Self::Error { code, reason } => {
                out.extend_from_slice(b"{\"code\":");
                string(out, code);
                out.extend_from_slice(b",\"op\":\"error\",\"reason\":");
                string(out, reason);
                out.push(b'}');
            }
        }
    }

    fn read(op: &str, object: &Object<'_>) -> Result<Self, FrameError> {
        Ok(match op {
            "stored" => Self::Stored {
                receipt: optional(object, "receipt", |value| serde_json::from_str(value.raw()).ok())?,
                refused: list(object, "refused", |value| Refused::read(value.raw()))?,
            },
            "answers" => Self::Answers { events: objects(object, "events")? },
            "events" => Self::Events { events: objects(object, "events")? },
            "found" => Self::Found {
                events: objects(object, "events")?,
                asked: member(object, "asked", place)?,
                answered: member(object, "answered", place)?,
            },
            "consumers" => Self::Consumers { records: objects(object, "records")? },
            "peers" => Self::Peers { records: objects(object, "records")? },
            "clock" => Self::Clock { time: member(object, "time", moment)? },
            "began" => {
                Self::Began { place: member(object, "place", place)?, since: optional(object, "since", moment)? }
            }
            "left" => Self::Left,
            "handed" => {
                let (events, places) = (objects(object, "events")?, list(object, "places", place)?);
                if events.len() != places.len() {
                    return Err(FrameError::Malformed("places".into()));
                }
                Self::Handed { events, places }
            }
            "ids" => Self::Ids { ranges: list(object, "ranges", Held::read)? },
            "end" => Self::End,
            "error" => Self::Error { code: member(object, "code", text)?, reason: member(object, "reason", text)? },
            _ => return Err(FrameError::UnknownOp(op.to_owned())),
        })
    }
}

fn decode<T>(
    body: &[u8],
    read: impl FnOnce(&str, &Object<'_>) -> Result<T, FrameError>,
    json: impl FnOnce(&T, &mut Vec<u8>),
) -> Result<T, FrameError> {
    if body.len() > FRAME_LIMIT_BYTES {
        return Err(FrameError::TooLarge(body.len()));
    }
    let mut scanner = Scanner::default();
    let object = scanner.object(body)?;
    let op = member(&object, "op", text)?;
    let message = read(&op, &object)?;
    let mut again = Vec::with_capacity(body.len());
    json(&message, &mut again);
    if again == body { Ok(message) } else { Err(FrameError::NotCanonical) }
}

fn array<T>(out: &mut Vec<u8>, head: &str, items: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    out.extend_from_slice(head.as_bytes());
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// An object inside the frame's.
fn inner<T>(value: Value<'_>, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Option<T> {
    let mut scanner = Scanner::default();
    read(&scanner.object(value.raw().as_bytes()).ok()?)
}

/// `"name":"text"`.
fn member_text(out: &mut Vec<u8>, name: &str, text: &str) {
    string(out, name);
    out.push(b':');
    string(out, text);
}

fn optional<'a, T>(
    object: &Object<'a>,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Option<T>,
) -> Result<Option<T>, FrameError> {
    object.get(name).map(|value| read(value).ok_or(FrameError::Malformed(name.into()))).transpose()
}

fn member<'a, T>(
    object: &Object<'a>,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Option<T>,
) -> Result<T, FrameError> {
    optional(object, name, read)?.ok_or(FrameError::Malformed(name.into()))
}

fn list<'a, T>(
    object: &Object<'a>,
    name: &'static str,
    read: impl FnMut(Value<'a>) -> Option<T>,
) -> Result<Vec<T>, FrameError> {
    member(object, name, |value| value.elements()?.map(read).collect())
}

fn strings(object: &Object<'_>, name: &'static str) -> Result<Vec<String>, FrameError> {
    list(object, name, text)
}

/// Objects as they stand, not looked at.
fn objects(object: &Object<'_>, name: &'static str) -> Result<Vec<Vec<u8>>, FrameError> {
    list(object, name, |value| value.raw().starts_with('{').then(|| value.raw().as_bytes().to_vec()))
}

fn text(value: Value<'_>) -> Option<String> {
    value.as_str().map(std::borrow::Cow::into_owned)
}

/// How long a node may wait.
fn wait(value: Value<'_>) -> Option<u64> {
    value.as_u64().filter(|wait| *wait <= WAIT_LIMIT_MS)
}

/// A place in a log, or a number: what a JSON number holds exactly.
fn place(value: Value<'_>) -> Option<u64> {
    value.as_u64().filter(|place| *place < 1 << 53)
}

fn moment(value: Value<'_>) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
