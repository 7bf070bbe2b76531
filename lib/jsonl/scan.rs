//! One JSON text, read strictly: RFC 8259 as I-JSON (RFC 7493) narrows it.
//!
//! Duplicate keys, lone surrogates, and numbers that a double would change are
//! refused and named. A scan allocates nothing once its scratch space has grown.

use super::number;
use std::borrow::Cow;

/// Objects and arrays inside one another, at most.
pub const DEPTH_LIMIT: u32 = 100;

/// Pairwise comparison of keys up to here; sorted above, so that a line of
/// 100,000 keys is not 10^10 comparisons.
const PAIRWISE_KEYS: usize = 16;

/// Bytes that stand for themselves inside a string.
static PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        plain[byte] = false;
        byte += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

/// Why a text is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not JSON here.
    #[error("not valid JSON")]
    Syntax,
    /// The text stops inside a value.
    #[error("the JSON text ends too early")]
    Truncated,
    /// Something follows the value.
    #[error("more text after the JSON value")]
    Trailing,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Valid, but not an object where one is needed.
    #[error("expected a JSON object")]
    NotAnObject,
    /// One object has the same key twice.
    #[error("duplicate key \"{0}\"")]
    DuplicateKey(String),
    /// Half of a surrogate pair.
    #[error("lone surrogate in a string")]
    LoneSurrogate,
    /// A control character that is not escaped.
    #[error("unescaped control character in a string")]
    ControlCharacter,
    /// An integer beyond ±(2^53 − 1).
    #[error("integer beyond 2^53-1 would lose digits (write it as a string)")]
    IntegerTooLarge,
    /// More than 17 significant digits.
    #[error("number has more than 17 significant digits")]
    NumberTooPrecise,
    /// Overflows to infinity or underflows to zero.
    #[error("number out of a double's range")]
    NumberOutOfRange,
    /// Deeper than [`DEPTH_LIMIT`].
    #[error("nested deeper than {DEPTH_LIMIT}")]
    TooDeep,
}

/// A [`Reason`] and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct Error {
    /// From 1; above 1 only in texts of several lines.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// A JSON value's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number that a double carries.
    Number,
    /// A string without lone surrogates.
    String,
    /// An array.
    Array,
    /// An object without duplicate keys.
    Object,
}

#[derive(Clone, Copy)]
struct Member {
    key: (u32, u32),
    value: (u32, u32),
    kind: Kind,
    /// The key has a backslash in it.
    escaped: bool,
}

/// Scratch space for scans; one per stream.
#[derive(Default)]
pub struct Scanner {
    members: Vec<Member>,
    /// Keys of the open objects below the top, innermost last.
    keys: Vec<(u32, u32, bool)>,
}

/// An object's members in their order, borrowed from its text.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    text: &'a str,
    members: &'a [Member],
}

/// One value, borrowed from its text, already checked.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    raw: &'a str,
    kind: Kind,
}

impl Scanner {
    /// Reads one object, with nothing but white space around it.
    pub fn object<'a>(&'a mut self, text: &'a [u8]) -> Result<Object<'a>, Error> {
        let text = utf8(text)?;
        self.members.clear();
        let mut scan = Scan { text: text.as_bytes(), at: 0, keys: &mut self.keys };
        let members = &mut self.members;
        let result = scan.top_object(text, members);
        result.map_err(|reason| place(text.as_bytes(), scan.at, reason))?;
        Ok(Object { text, members: &self.members })
    }

    /// Checks one value of any kind.
    pub fn value<'a>(&mut self, text: &'a [u8]) -> Result<Value<'a>, Error> {
        let text = utf8(text)?;
        let mut scan = Scan { text: text.as_bytes(), at: 0, keys: &mut self.keys };
        let result = scan.whole(text);
        let (from, to, kind) = result.map_err(|reason| place(text.as_bytes(), scan.at, reason))?;
        Ok(Value { raw: &text[from..to], kind })
    }
}

/// One JSON text as a tree, checked as strictly as [`Scanner`] does.
pub fn parse(text: &[u8]) -> Result<serde_json::Value, Error> {
    Ok(Scanner::default().value(text)?.to_json())
}

fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text).map_err(|error| place(text, error.valid_up_to(), Reason::NotUtf8))
}

fn place(text: &[u8], at: usize, reason: Reason) -> Error {
    let before = &text[..at.min(text.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |found| found + 1);
    Error { line: 1 + memchr::memchr_iter(b'\n', before).count(), column: 1 + before.len() - line_start, reason }
}

impl<'a> Object<'a> {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.members.iter().find(|member| self.key_is(member, key)).map(|member| self.value_of(member))
    }

    /// Keys and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a> {
        let object = *self;
        object.members.iter().map(move |member| (object.key_of(member), object.value_of(member)))
    }

    /// As [`Object::iter`], with each key as it stands between its quotes too.
    pub(super) fn iter_with_raw_keys(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>, Value<'a>)> + use<'a> {
        let object = *self;
        object
            .members
            .iter()
            .map(move |member| (object.span(member.key), object.key_of(member), object.value_of(member)))
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Has it no member?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The object's text, with the white space around it.
    pub fn text(&self) -> &'a str {
        self.text
    }

    fn key_is(&self, member: &Member, key: &str) -> bool {
        let (from, to) = member.key;
        if member.escaped {
            self.key_of(member) == key
        } else {
            (to - from) as usize == key.len() && &self.text.as_bytes()[from as usize..to as usize] == key.as_bytes()
        }
    }

    fn key_of(&self, member: &Member) -> Cow<'a, str> {
        let raw = self.span(member.key);
        if member.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    fn value_of(&self, member: &Member) -> Value<'a> {
        Value { raw: self.span(member.value), kind: member.kind }
    }

    fn span(&self, (from, to): (u32, u32)) -> &'a str {
        &self.text[from as usize..to as usize]
    }
}

impl<'a> Value<'a> {
    /// A value whose text a scan has checked already.
    pub(super) fn checked(raw: &'a str, kind: Kind) -> Self {
        Self { raw, kind }
    }

    /// An array's elements.
    pub fn elements(&self) -> Option<super::Elements<'a>> {
        (self.kind == Kind::Array).then(|| super::Elements::of(self.raw))
    }

    /// The text as it stood.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A string's meaning; allocates only if it has escapes.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        (self.kind == Kind::String).then(|| {
            let inner = &self.raw[1..self.raw.len() - 1];
            if inner.contains('\\') { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
        })
    }

    /// An integer written without fraction or exponent, 0 to 2^53 − 1.
    pub fn as_u64(&self) -> Option<u64> {
        if self.kind == Kind::Number { self.raw.parse().ok() } else { None }
    }

    /// A number.
    pub fn as_f64(&self) -> Option<f64> {
        if self.kind == Kind::Number { self.raw.parse().ok() } else { None }
    }

    /// A truth value.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == Kind::Bool).then_some(self.raw == "true")
    }

    /// As a tree.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::from_str(self.raw).expect("the scan takes no text that serde_json refuses")
    }
}

/// The meaning of a string's inside, escapes already checked.
fn unescape(inner: &str) -> String {
    let quoted = format!("\"{inner}\"");
    serde_json::from_str(&quoted).expect("the scan has checked the escapes")
}

struct Scan<'s> {
    text: &'s [u8],
    at: usize,
    keys: &'s mut Vec<(u32, u32, bool)>,
}

impl Scan<'_> {
    fn whole(&mut self, text: &str) -> Result<(usize, usize, Kind), Reason> {
        self.keys.clear();
        self.space();
        let from = self.at;
        let kind = self.value(text, 0)?;
        let to = self.at;
        self.end()?;
        Ok((from, to, kind))
    }

    fn top_object(&mut self, text: &str, members: &mut Vec<Member>) -> Result<(), Reason> {
        self.keys.clear();
        self.space();
        if self.peek() != Some(b'{') {
            // Say "not JSON" of what is not JSON, "not an object" of what is.
            self.value(text, 0)?;
            self.end()?;
            self.at = 0;
            return Err(Reason::NotAnObject);
        }
        self.at += 1;
        let mut any_escaped = false;
        self.members(text, |scan, key, escaped| {
            let from = scan.at as u32;
            let kind = scan.value(text, 1)?;
            any_escaped |= escaped;
            members.push(Member { key, value: (from, scan.at as u32), kind, escaped });
            Ok(())
        })?;
        self.end()?;
        let keys = &mut *self.keys;
        keys.clear();
        keys.extend(members.iter().map(|member| (member.key.0, member.key.1, member.escaped)));
        unique(text, keys, any_escaped).map_err(|(reason, at)| {
            self.at = at;
            reason
        })
    }

    /// The members of an object whose `{` is behind us, to its `}`.
    fn members(
        &mut self,
        text: &str,
        mut each: impl FnMut(&mut Self, (u32, u32), bool) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let from = self.at as u32 + 1;
            let escaped = self.string(text)?;
            let key = (from, self.at as u32 - 1);
            self.space();
            self.expect(b':')?;
            self.space();
            each(self, key, escaped)?;
            self.space();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(()),
                _ => return self.back(),
            }
        }
    }

    fn value(&mut self, text: &str, depth: u32) -> Result<Kind, Reason> {
        match self.peek() {
            None => Err(Reason::Truncated),
            Some(b'"') => self.string(text).map(|_| Kind::String),
            Some(b'-' | b'0'..=b'9') => self.number(text).map(|()| Kind::Number),
            Some(b't') => self.word(b"true").map(|()| Kind::Bool),
            Some(b'f') => self.word(b"false").map(|()| Kind::Bool),
            Some(b'n') => self.word(b"null").map(|()| Kind::Null),
            Some(b'{' | b'[') if depth >= DEPTH_LIMIT => Err(Reason::TooDeep),
            Some(b'{') => {
                self.at += 1;
                let base = self.keys.len();
                let mut any_escaped = false;
                self.members(text, |scan, key, escaped| {
                    any_escaped |= escaped;
                    scan.keys.push((key.0, key.1, escaped));
                    scan.value(text, depth + 1).map(|_| ())
                })?;
                let outcome = unique(text, &mut self.keys[base..], any_escaped);
                self.keys.truncate(base);
                outcome.map_err(|(reason, at)| {
                    self.at = at;
                    reason
                })?;
                Ok(Kind::Object)
            }
            Some(b'[') => {
                self.at += 1;
                self.space();
                if self.peek() == Some(b']') {
                    self.at += 1;
                    return Ok(Kind::Array);
                }
                loop {
                    self.space();
                    self.value(text, depth + 1)?;
                    self.space();
                    match self.next()? {
                        b',' => {}
                        b']' => return Ok(Kind::Array),
                        _ => return self.back(),
                    }
                }
            }
            Some(_) => Err(Reason::Syntax),
        }
    }

    /// A string; true if it has an escape.
    fn string(&mut self, text: &str) -> Result<bool, Reason> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.iter().position(|byte| !PLAIN[usize::from(*byte)]).unwrap_or(rest.len());
            match self.next()? {
                b'"' => return Ok(escaped),
                b'\\' => {
                    escaped = true;
                    match self.next()? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => self.unicode(text)?,
                        _ => return self.back(),
                    }
                }
                _ => {
                    self.at -= 1;
                    return Err(Reason::ControlCharacter);
                }
            }
        }
    }

    fn unicode(&mut self, text: &str) -> Result<(), Reason> {
        let from = self.at;
        match self.hex4(text)? {
            0xd800..=0xdbff => {
                let paired = self.text.get(self.at..self.at + 2) == Some(b"\\u");
                if paired {
                    self.at += 2;
                    if (0xdc00..=0xdfff).contains(&self.hex4(text)?) {
                        return Ok(());
                    }
                }
                self.at = from - 2;
                Err(Reason::LoneSurrogate)
            }
            0xdc00..=0xdfff => {
                self.at = from - 2;
                Err(Reason::LoneSurrogate)
            }
            _ => Ok(()),
        }
    }

    fn hex4(&mut self, text: &str) -> Result<u16, Reason> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Reason::Truncated)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Reason::Syntax);
        }
        let value = u16::from_str_radix(&text[self.at..self.at + 4], 16).map_err(|_| Reason::Syntax)?;
        self.at += 4;
        Ok(value)
    }

    fn number(&mut self, text: &str) -> Result<(), Reason> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut plain = true;
        if self.peek() == Some(b'.') {
            plain = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            plain = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        // Up to 15 digits a double carries anything; only the rest needs a look.
        if self.at - from <= 15 && plain {
            return Ok(());
        }
        number::check(&text[from..self.at]).inspect_err(|_| self.at = from)
    }

    fn digits(&mut self) -> Result<(), Reason> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match (self.at > from, self.peek()) {
            (true, _) => Ok(()),
            (false, None) => Err(Reason::Truncated),
            (false, Some(_)) => Err(Reason::Syntax),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Reason> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(Reason::Truncated)
        } else {
            Err(Reason::Syntax)
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Reason> {
        let byte = self.peek().ok_or(Reason::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Reason> {
        if self.next()? == byte { Ok(()) } else { self.back() }
    }

    fn back<T>(&mut self) -> Result<T, Reason> {
        self.at -= 1;
        Err(Reason::Syntax)
    }

    fn end(&mut self) -> Result<(), Reason> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Reason::Trailing) }
    }
}

/// No key twice, by meaning. The error carries the second one's place.
fn unique(text: &str, keys: &mut [(u32, u32, bool)], any_escaped: bool) -> Result<(), (Reason, usize)> {
    let raw = |key: &(u32, u32, bool)| &text[key.0 as usize..key.1 as usize];
    let duplicate = |key: &(u32, u32, bool)| {
        let name = if key.2 { unescape(raw(key)) } else { raw(key).to_owned() };
        Err((Reason::DuplicateKey(name), key.0 as usize - 1))
    };
    if any_escaped {
        let mut meant: Vec<_> = keys
            .iter()
            .map(|key| (if key.2 { Cow::Owned(unescape(raw(key))) } else { Cow::Borrowed(raw(key)) }, *key))
            .collect();
        meant.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.0.cmp(&b.1.0)));
        return meant.windows(2).find(|pair| pair[0].0 == pair[1].0).map_or(Ok(()), |pair| duplicate(&pair[1].1));
    }
    if keys.len() <= PAIRWISE_KEYS {
        // Most keys differ in their sketches, so that few are read twice.
        let mut sketches = [0; PAIRWISE_KEYS];
        for (index, key) in keys.iter().enumerate() {
            let sketch = sketch(&text.as_bytes()[key.0 as usize..key.1 as usize]);
            let alike = |earlier: usize| sketches[earlier] == sketch && raw(&keys[earlier]) == raw(key);
            if (0..index).any(alike) {
                return duplicate(key);
            }
            sketches[index] = sketch;
        }
        return Ok(());
    }
    keys.sort_unstable_by(|a, b| raw(a).cmp(raw(b)).then(a.0.cmp(&b.0)));
    keys.windows(2).find(|pair| raw(&pair[0]) == raw(&pair[1])).map_or(Ok(()), |pair| duplicate(&pair[1]))
}

/// A key's length and three of its bytes: what is not equal here is not equal.
#[inline]
fn sketch(key: &[u8]) -> u64 {
    let byte = |at: usize| u64::from(key.get(at).copied().unwrap_or_default());
    (key.len() as u64) << 24 | byte(0) << 16 | byte(key.len() / 2) << 8 | byte(key.len().wrapping_sub(1))
}

#[cfg(test)]
mod tests;
