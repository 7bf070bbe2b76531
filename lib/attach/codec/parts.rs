//! What stands inside frames: a range that a node holds, a refusal.

use super::{array, inner, member_text, moment, text};
use crate::attach::message::{Held, Refused};
use crate::event::rfc3339;
use crate::jsonl::{Object, Scanner, Value, string};

impl Held {
    pub(super) fn json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Same => out.extend_from_slice(b"{\"same\":true}"),
            Self::Elements(elements) => {
                array(out, "{\"elements\":[", elements, |out, element| string(out, element));
                out.push(b'}');
            }
            Self::Pieces(pieces) => {
                array(out, "{\"pieces\":[", pieces, |out, (to, fingerprint)| {
                    out.push(b'{');
                    member_text(out, "fingerprint", fingerprint);
                    out.push(b',');
                    member_text(out, "to", to);
                    out.push(b'}');
                });
                out.push(b'}');
            }
        }
    }

    pub(super) fn read(value: Value<'_>) -> Option<Self> {
        inner(value, |object| {
            if let Some(elements) = object.get("elements") {
                return elements.elements()?.map(text).collect::<Option<_>>().map(Self::Elements);
            }
            let Some(pieces) = object.get("pieces") else { return object.get("same").map(|_| Self::Same) };
            let piece = |object: &Object<'_>| Some((text(object.get("to")?)?, text(object.get("fingerprint")?)?));
            pieces.elements()?.map(|value| inner(value, piece)).collect::<Option<_>>().map(Self::Pieces)
        })
    }
}

impl Refused {
    pub(super) fn json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"code\":");
        string(out, &self.code);
        out.extend_from_slice(b",\"id\":");
        string(out, &self.id);
        out.extend_from_slice(format!(",\"node_time\":\"{}\",\"reason\":", rfc3339(self.node_time)).as_bytes());
        string(out, &self.reason);
        out.push(b'}');
    }

    pub(super) fn read(raw: &str) -> Option<Self> {
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
