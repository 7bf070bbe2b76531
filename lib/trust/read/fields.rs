//! An object's members as a signal needs them.

use super::{Fault, millis};
use crate::jsonl::{Object, Value};
use std::borrow::Cow;

/// `agent_did`, `source`, `trace_id`, `id`, `author` and their like.
pub const NAME_LIMIT_BYTES: usize = 256;
/// `details` and what becomes it.
pub const DETAILS_LIMIT_BYTES: usize = 4096;

/// Of a value that is refused, what is said of it.
const SHOWN_CHARS: usize = 64;

type Text<'a> = Cow<'a, str>;

/// A member that may be left out or null.
fn optional<'a>(object: &Object<'a>, name: &str) -> Option<Value<'a>> {
    object.get(name).filter(|value| value.raw() != "null")
}

fn needed<'a>(object: &Object<'a>, name: &'static str) -> Result<Value<'a>, Fault> {
    object.get(name).ok_or(Fault::Missing(name))
}

fn bounded<'a>(name: &'static str, value: Value<'a>, limit: usize) -> Result<Text<'a>, Fault> {
    let text = value.as_str().ok_or(Fault::Kind { name, expected: "a string" })?;
    if text.len() > limit {
        let what = if limit == NAME_LIMIT_BYTES { "is longer than 256 bytes" } else { "is longer than 4096 bytes" };
        return Err(Fault::Text { name, what });
    }
    Ok(text)
}

/// Whom a signal speaks of, or who speaks: neither empty nor with control
/// characters, since it is a name that people compare.
pub fn did<'a>(object: &Object<'a>, name: &'static str) -> Result<Text<'a>, Fault> {
    let text = bounded(name, needed(object, name)?, NAME_LIMIT_BYTES)?;
    if text.is_empty() {
        return Err(Fault::Text { name, what: "is empty" });
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::Text { name, what: "has a control character" });
    }
    Ok(text)
}

/// A text that must be there, at most 256 bytes.
pub fn name<'a>(object: &Object<'a>, name: &'static str) -> Result<Text<'a>, Fault> {
    bounded(name, needed(object, name)?, NAME_LIMIT_BYTES)
}

/// A text of at most 256 bytes, if it is there.
pub fn optional_name<'a>(object: &Object<'a>, name: &'static str) -> Result<Option<Text<'a>>, Fault> {
    optional(object, name).map(|value| bounded(name, value, NAME_LIMIT_BYTES)).transpose()
}

/// A text of at most 4,096 bytes, if it is there.
pub fn optional_details<'a>(object: &Object<'a>, name: &'static str) -> Result<Option<Text<'a>>, Fault> {
    optional(object, name).map(|value| bounded(name, value, DETAILS_LIMIT_BYTES)).transpose()
}

/// `type`; empty where there is none.
pub fn kind<'a>(object: &Object<'a>) -> Result<Text<'a>, Fault> {
    let Some(kind) = optional(object, "type") else { return Ok("".into()) };
    kind.as_str().ok_or(Fault::Kind { name: "type", expected: "a string" })
}

/// `id`, if it is there. An exporter that leaves it empty in every line would
/// have all but one of them counted as repeated.
pub fn id<'a>(object: &Object<'a>) -> Result<Option<Text<'a>>, Fault> {
    let id = optional_name(object, "id")?;
    if id.as_ref().is_some_and(|id| id.is_empty()) {
        return Err(Fault::Text { name: "id", what: "is empty" });
    }
    Ok(id)
}

/// True or false.
pub fn truth(object: &Object<'_>, name: &'static str) -> Result<bool, Fault> {
    needed(object, name)?.as_bool().ok_or(Fault::Kind { name, expected: "true or false" })
}

/// A number that must be there, 0 to `most`; −0 is none, because its bits are
/// not those of 0. Also as it was written.
pub fn number<'a>(
    object: &Object<'a>,
    name: &'static str,
    most: f64,
    expected: &'static str,
) -> Result<(f64, &'a str), Fault> {
    in_range(name, needed(object, name)?, most, expected)
}

fn in_range<'a>(
    name: &'static str,
    value: Value<'a>,
    most: f64,
    expected: &'static str,
) -> Result<(f64, &'a str), Fault> {
    let number = value.as_f64().ok_or(Fault::Kind { name, expected: "a number" })?;
    if number.is_sign_positive() && number <= most {
        return Ok((number, value.raw()));
    }
    Err(Fault::Range { name, value: shown(value.raw()), expected })
}

/// `weight`: carried, and never used.
pub fn weight(object: &Object<'_>) -> Result<Option<f64>, Fault> {
    let Some(value) = optional(object, "weight") else { return Ok(None) };
    in_range("weight", value, f64::MAX, "0 or more").map(|(number, _)| Some(number))
}

/// `timestamp` in milliseconds since 1970.
pub fn time(object: &Object<'_>) -> Result<Option<i64>, Fault> {
    let Some(value) = optional(object, "timestamp") else { return Ok(None) };
    let text = value.as_str().ok_or(Fault::Kind { name: "timestamp", expected: "a string" })?;
    match millis(text.as_bytes()) {
        Some(at) => Ok(Some(at)),
        None => Err(Fault::Time(shown(&text))),
    }
}

/// What an error says of a value: a line may be a mebibyte of it.
pub fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}
