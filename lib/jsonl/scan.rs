//! One JSON text, read strictly: RFC 8259 as I-JSON (RFC 7493) narrows it.
//!
//! Duplicate keys, lone surrogates, and numbers that a double would change are
//! refused and named. A scan allocates nothing once its scratch space has grown.

use super::fault::{DEPTH_LIMIT, Error, Reason};
use super::keys::unique;
use super::number;
use super::value::{Kind, Member, Object, Value};

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

/// Scratch space for scans; one per stream.
#[derive(Default)]
pub struct Scanner {
    members: Vec<Member>,
    /// Keys of the open objects below the top, innermost last.
    keys: Vec<(u32, u32, bool)>,
}

impl Scanner {
    /// Reads one object, with nothing but white space around it.
    pub fn object<'a>(&'a mut self, text: &'a [u8]) -> Result<Object<'a>, Error> {
        let text = utf8(text)?;
        self.members.clear();
        let mut scan = Scan { text: text.as_bytes(), at: 0, keys: &mut self.keys };
        let members = &mut self.members;
        let result = scan.top_object(text, members);
        result.map_err(|reason| Error::at(text.as_bytes(), scan.at, reason))?;
        Ok(Object::scanned(text, &self.members))
    }

    /// Checks one value of any kind.
    pub fn value<'a>(&mut self, text: &'a [u8]) -> Result<Value<'a>, Error> {
        let text = utf8(text)?;
        let mut scan = Scan { text: text.as_bytes(), at: 0, keys: &mut self.keys };
        let result = scan.whole(text);
        let (from, to, kind) = result.map_err(|reason| Error::at(text.as_bytes(), scan.at, reason))?;
        Ok(Value::checked(&text[from..to], kind))
    }
}

/// One JSON text as a tree, checked as strictly as [`Scanner`] does.
pub fn parse(text: &[u8]) -> Result<serde_json::Value, Error> {
    Ok(Scanner::default().value(text)?.to_json())
}

fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text).map_err(|error| Error::at(text, error.valid_up_to(), Reason::NotUtf8))
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

#[cfg(test)]
mod tests;
