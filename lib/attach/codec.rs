//! Messages ↔ the JSON of frames, read strictly.
//!
//! An event's wire form is embedded as it is, never parsed or printed again on
//! the way. Everything around the events is checked by printing it again and
//! comparing the bytes.

use super::frame::{FRAME_LIMIT_BYTES, FrameError, seal};
use super::message::{Refused, Reply, Request, WAIT_LIMIT_MS, WireEvent};
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
            Self::Ids { from, to, after, fingerprint } => {
                out.push(b'{');
                for (name, value) in [("\"after\":", after), ("\"fingerprint\":", fingerprint)] {
                    if let Some(value) = value {
                        out.extend_from_slice(name.as_bytes());
                        string(out, value);
                        out.push(b',');
                    }
                }
                let (from, to) = (rfc3339(*from), rfc3339(*to));
                out.extend_from_slice(format!("\"from\":\"{from}\",\"op\":\"ids\",\"to\":\"{to}\"}}").as_bytes());
            }
            Self::Get { ids } => {
                array(out, "{\"ids\":[", ids, |out, id| string(out, id));
                out.extend_from_slice(b",\"op\":\"get\"}");
            }
        }
    }

    fn read(op: &str, object: &Object<'_>) -> Result<Self, FrameError> {
        Ok(match op {
            "put" => Self::Put { events: events(object)? },
            "await" => Self::Await {
                ids: strings(object, "ids")?,
                wait_ms: member(object, "wait_ms", |value| value.as_u64().filter(|wait| *wait <= WAIT_LIMIT_MS))?,
            },
            "sub" => Self::Sub {
                patterns: strings(object, "patterns")?,
                types: strings(object, "types")?,
                since: optional(object, "since", moment)?,
                unanswered: member(object, "unanswered", |value| value.as_bool())?,
                follow: member(object, "follow", |value| value.as_bool())?,
            },
            "ids" => Self::Ids {
                from: member(object, "from", moment)?,
                to: member(object, "to", moment)?,
                after: optional(object, "after", text)?,
                fingerprint: optional(object, "fingerprint", text)?,
            },
            "get" => Self::Get { ids: strings(object, "ids")? },
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
            Self::Ids { ids, more, same } => {
                array(out, "{\"ids\":[", ids, |out, id| string(out, id));
                out.extend_from_slice(format!(",\"more\":{more},\"op\":\"ids\",\"same\":{same}}}").as_bytes());
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
            "answers" => Self::Answers { events: events(object)? },
            "events" => Self::Events { events: events(object)? },
            "ids" => Self::Ids {
                ids: strings(object, "ids")?,
                more: member(object, "more", |value| value.as_bool())?,
                same: member(object, "same", |value| value.as_bool())?,
            },
            "end" => Self::End,
            "error" => Self::Error { code: member(object, "code", text)?, reason: member(object, "reason", text)? },
            _ => return Err(FrameError::UnknownOp(op.to_owned())),
        })
    }
}

impl Refused {
    fn json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"code\":");
        string(out, &self.code);
        out.extend_from_slice(b",\"id\":");
        string(out, &self.id);
        out.extend_from_slice(format!(",\"node_time\":\"{}\",\"reason\":", rfc3339(self.node_time)).as_bytes());
        string(out, &self.reason);
        out.push(b'}');
    }

    fn read(raw: &str) -> Option<Self> {
        let mut scanner = Scanner::default();
        let object = scanner.object(raw.as_bytes()).ok()?;
        Some(Self {
            id: text(object.get("id")?)?,
            code: text(object.get("code")?)?,
            reason: text(object.get("reason")?)?,
            node_time: moment(object.get("node_time")?)?,
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

fn events(object: &Object<'_>) -> Result<Vec<WireEvent>, FrameError> {
    list(object, "events", |value| value.raw().starts_with('{').then(|| value.raw().as_bytes().to_vec()))
}

fn text(value: Value<'_>) -> Option<String> {
    value.as_str().map(std::borrow::Cow::into_owned)
}

fn moment(value: Value<'_>) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::{HEADER_BYTES, body_length, read_body};
    use crate::event::Receipt;
    use crate::key::Key;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn requests() -> Vec<Request> {
        let ids = vec!["a".to_owned(), "\"\\\n\u{1}é😀".to_owned()];
        vec![
            Request::Put { events: vec![br#"{"a":[1,{"b":"}],\""}]}"#.to_vec(), b"{}".to_vec()] },
            Request::Put { events: vec![] },
            Request::Await { ids: ids.clone(), wait_ms: WAIT_LIMIT_MS },
            Request::Sub {
                patterns: ids.clone(),
                types: vec![],
                since: Some(time("2026-01-02T03:04:05.678Z")),
                unanswered: true,
                follow: false,
            },
            Request::Sub { patterns: vec![], types: ids.clone(), since: None, unanswered: false, follow: true },
            Request::Ids {
                from: Timestamp::UNIX_EPOCH,
                to: time("2026-01-02T03:04:05Z"),
                after: None,
                fingerprint: None,
            },
            Request::Ids {
                from: Timestamp::UNIX_EPOCH,
                to: Timestamp::UNIX_EPOCH,
                after: ids.first().cloned(),
                fingerprint: Some("0-00".into()),
            },
            Request::Get { ids },
        ]
    }

    fn replies() -> Vec<Reply> {
        let key = Key::from_seed(&[3; 32]);
        let refused = Refused {
            id: String::new(),
            code: "clock".into(),
            reason: "\u{1b}[31m".into(),
            node_time: time("2026-01-02T03:04:05.678Z"),
        };
        let receipt = Receipt::sign(&key, vec!["a".into()], Timestamp::UNIX_EPOCH);
        vec![
            Reply::Stored { receipt: Some(receipt), refused: vec![] },
            Reply::Stored { receipt: None, refused: vec![refused.clone(), refused] },
            Reply::Answers { events: vec![b"{\"x\":1}".to_vec()] },
            Reply::Events { events: vec![] },
            Reply::Ids { ids: vec!["a".into(), "b".into()], more: true, same: false },
            Reply::End,
            Reply::Error { code: "busy".into(), reason: "try later".into() },
        ]
    }

    #[test]
    fn what_is_written_is_canonical_and_reads_back() {
        for request in requests() {
            let mut frame = Vec::new();
            request.frame(&mut frame).expect("fits");
            let body = &frame[HEADER_BYTES..];
            assert_eq!(crate::canon::canonical(&crate::jsonl::parse(body).expect("strict")), body, "{request:?}");
            assert_eq!(Request::decode(body).expect("reads"), request);
        }
        for reply in replies() {
            let mut frame = Vec::new();
            reply.frame(&mut frame).expect("fits");
            let body = &frame[HEADER_BYTES..];
            assert_eq!(crate::canon::canonical(&crate::jsonl::parse(body).expect("strict")), body, "{reply:?}");
            assert_eq!(Reply::decode(body).expect("reads"), reply);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"op":1}"#,
            r#"{"op":"nonsense"}"#,
            r#"{"ids":["a"],"op":"get"} "#,
            r#"{"op":"get","ids":["a"]}"#,
            r#"{"ids":["a", "b"],"op":"get"}"#,
            r#"{"ids":["\u0061"],"op":"get"}"#,
            r#"{"ids":["a",1],"op":"get"}"#,
            r#"{"ids":"a","op":"get"}"#,
            r#"{"ids":["a"],"op":"get","other":1}"#,
            r#"{"ids":["a"],"ids":["a"],"op":"get"}"#,
            r#"{"events":[1],"op":"put"}"#,
            r#"{"events":["{}"],"op":"put"}"#,
            r#"{"events":[{}{}],"op":"put"}"#,
            r#"{"ids":["a"],"op":"await","wait_ms":30001}"#,
            r#"{"ids":["a"],"op":"await","wait_ms":-1}"#,
            r#"{"ids":["a"],"op":"await"}"#,
            r#"{"from":"now","op":"ids","to":"1970-01-01T00:00:00.000Z"}"#,
            r#"{"from":"1970-01-01T00:00:00Z","op":"ids","to":"1970-01-01T00:00:00.000Z"}"#,
        ] {
            assert!(Request::decode(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Request::decode(&[0xff; 9]).is_err());
        assert!(Reply::decode(br#"{"op":"end","x":1}"#).is_err());
        assert!(Reply::decode(br#"{"op":"stored","refused":[{}]}"#).is_err());
    }

    #[test]
    fn the_limit_is_exact() {
        let empty = br#"{"ids":[""],"op":"get"}"#.len();
        for (length, fits) in [(FRAME_LIMIT_BYTES, true), (FRAME_LIMIT_BYTES + 1, false)] {
            let request = Request::Get { ids: vec!["x".repeat(length - empty)] };
            let mut frame = b"before".to_vec();
            assert_eq!(request.frame(&mut frame).is_ok(), fits, "{length}");
            assert_eq!(frame.len() > 6, fits);
            let body = format!(r#"{{"ids":["{}"],"op":"get"}}"#, "x".repeat(length - empty));
            assert_eq!(Request::decode(body.as_bytes()).is_ok(), fits);
            assert_eq!(body_length((length as u32).to_be_bytes()).is_ok(), fits);
        }
        let mut body = Vec::new();
        let lying = read_body(&mut &[0xff; 64][..], &mut body);
        assert!(matches!(lying, Err(FrameError::TooLarge(_))));
        assert_eq!(body.capacity(), 0, "nothing was allocated");
    }
}
