//! The common line, read in one pass.
//!
//! Takes a plain signal without escapes, in any order of its members and with
//! or without a space behind colons and commas, and only if the general path
//! would take it too: whatever is unusual is left to that, so that there is one
//! place that refuses and one set of words for it.

use super::fields::{DETAILS_LIMIT_BYTES, NAME_LIMIT_BYTES};
use super::millis;
use crate::trust::Dimension;

/// Bytes that must be readable behind the end of every line.
pub const SLACK_BYTES: usize = 32;

/// What moves a score; the rest of the line was checked, and is left in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quick<'a> {
    /// Of whom it speaks, UTF-8.
    pub agent_did: &'a [u8],
    /// In which dimension.
    pub dimension: Dimension,
    /// 0.0 to 1.0.
    pub value: f64,
    /// Its own time in milliseconds since 1970.
    pub at: Option<i64>,
}

/// A member that signals have, in the order of [`KEYS`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Key {
    AgentDid,
    Dimension,
    Value,
    Source,
    Timestamp,
    Details,
    TraceId,
    Weight,
    Author,
    Type,
}

/// A member's name as it stands in a line, in a word of 16 bytes.
struct Spelling {
    key: Key,
    word: u128,
    mask: u128,
    len: usize,
}

const fn spelling(key: Key, text: &[u8]) -> Spelling {
    let (mut word, mut mask, mut at) = (0, 0, 0);
    while at < text.len() {
        word |= (text[at] as u128) << (8 * at);
        mask |= 0xff << (8 * at);
        at += 1;
    }
    Spelling { key, word, mask, len: text.len() }
}

static KEYS: [Spelling; 10] = [
    spelling(Key::AgentDid, b"\"agent_did\":"),
    spelling(Key::Dimension, b"\"dimension\":"),
    spelling(Key::Value, b"\"value\":"),
    spelling(Key::Source, b"\"source\":"),
    spelling(Key::Timestamp, b"\"timestamp\":"),
    spelling(Key::Details, b"\"details\":"),
    spelling(Key::TraceId, b"\"trace_id\":"),
    spelling(Key::Weight, b"\"weight\":"),
    spelling(Key::Author, b"\"author\":"),
    spelling(Key::Type, b"\"type\":"),
];

/// Dimensions by five bits of their first letter, with their closing quote in
/// three words.
static DIMENSIONS: [Option<(Dimension, [u64; 3], usize)>; 32] = {
    let mut table = [None; 32];
    let mut index = 0;
    while index < Dimension::COUNT {
        let dimension = Dimension::ALL[index];
        let name = dimension.name().as_bytes();
        let mut words = [0; 3];
        let mut at = 0;
        while at <= name.len() {
            let byte = if at < name.len() { name[at] } else { b'"' };
            words[at / 8] |= (byte as u64) << (8 * (at % 8));
            at += 1;
        }
        table[(name[0] & 31) as usize] = Some((dimension, words, name.len() + 1));
        index += 1;
    }
    table
};

/// Reads the line at the start of `text`, which goes on for at least
/// [`SLACK_BYTES`] behind its `\n`. Returns what it says and its length with its
/// end; `None` where the general path has to look.
#[inline]
pub fn quick(text: &[u8]) -> Option<(Quick<'_>, usize)> {
    let mut scan = Scan { text, at: 1 };
    if text.first() != Some(&b'{') {
        return None;
    }
    let (mut agent_did, mut dimension, mut value, mut at) = (None, None, None, None);
    let (mut seen, mut guess) = (0_u16, 0);
    loop {
        let key = scan.key(&mut guess)?;
        if seen >> (key as u8) & 1 == 1 {
            return None;
        }
        seen |= 1 << (key as u8);
        match key {
            Key::AgentDid => agent_did = Some(scan.did()?),
            Key::Dimension => dimension = Some(scan.dimension()?),
            Key::Value => value = Some(scan.value()?),
            Key::Timestamp => at = Some(millis(scan.string(40)?)?),
            Key::Details => _ = scan.string(DETAILS_LIMIT_BYTES)?,
            Key::Source | Key::TraceId | Key::Author => _ = scan.string(NAME_LIMIT_BYTES)?,
            Key::Weight => scan.weight()?,
            Key::Type => {
                if scan.string(6)? != b"signal" {
                    return None;
                }
            }
        }
        match scan.next()? {
            b',' => scan.space(),
            b'}' => break,
            _ => return None,
        }
    }
    let end = match scan.next()? {
        b'\n' => scan.at,
        b'\r' if scan.next()? == b'\n' => scan.at,
        _ => return None,
    };
    if seen >> (Key::Source as u8) & 1 == 0 {
        return None;
    }
    Some((Quick { agent_did: agent_did?, dimension: dimension?, value: value?, at }, end))
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

/// Each byte of a word.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

impl<'a> Scan<'a> {
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn space(&mut self) {
        self.at += usize::from(self.text.get(self.at) == Some(&b' '));
    }

    #[inline]
    fn word(&self, offset: usize) -> Option<u64> {
        let from = self.at + offset;
        Some(u64::from_le_bytes(self.text.get(from..from + 8)?.try_into().ok()?))
    }

    /// A name with its colon. Most lines have the same members in the same
    /// order, so the one behind the last is tried first.
    #[inline]
    fn key(&mut self, guess: &mut usize) -> Option<Key> {
        let word = u128::from_le_bytes(self.text.get(self.at..self.at + 16)?.try_into().ok()?);
        let fits = |spelling: &&Spelling| word & spelling.mask == spelling.word;
        let found = KEYS.get(*guess).filter(fits).or_else(|| KEYS.iter().find(fits))?;
        *guess = found.key as usize + 1;
        self.at += found.len;
        self.space();
        Some(found.key)
    }

    /// A string without escapes and control characters, of at most `limit` bytes.
    #[inline]
    fn string(&mut self, limit: usize) -> Option<&'a [u8]> {
        let (text, plain) = self.plain()?;
        (text.len() <= limit && (plain || std::str::from_utf8(text).is_ok())).then_some(text)
    }

    #[inline]
    fn did(&mut self) -> Option<&'a [u8]> {
        let (text, plain) = self.plain()?;
        (plain && !text.is_empty() && text.len() <= NAME_LIMIT_BYTES).then_some(text)
    }

    /// A string's inside, and whether it is of printable ASCII alone. Looks at
    /// eight bytes at a time: the lowest mark in `marks` is always right.
    #[inline]
    fn plain(&mut self) -> Option<(&'a [u8], bool)> {
        if self.next()? != b'"' {
            return None;
        }
        let from = self.at;
        let mut plain = true;
        loop {
            let word = self.word(0)?;
            let zero = |word: u64| word.wrapping_sub(all(1)) & !word;
            let ends = zero(word ^ all(b'"')) | zero(word ^ all(b'\\')) | (word.wrapping_sub(all(0x20)) & !word);
            // 0x7f and above: neither a name nor a terminal takes all of those.
            let high = word | word.wrapping_add(all(1));
            let marks = (ends | high) & all(0x80);
            if marks == 0 {
                self.at += 8;
                continue;
            }
            self.at += marks.trailing_zeros() as usize / 8;
            match self.text[self.at] {
                b'"' => break,
                0..0x20 | b'\\' => return None,
                _ => plain = false,
            }
            self.at += 1;
        }
        let text = &self.text[from..self.at];
        self.at += 1;
        Some((text, plain))
    }

    #[inline]
    fn dimension(&mut self) -> Option<Dimension> {
        let first = self.text.get(self.at..self.at + 2)?;
        let (dimension, words, len) = DIMENSIONS[usize::from(first[1] & 31)]?;
        if first[0] != b'"' {
            return None;
        }
        self.at += 1;
        let mut differ = 0;
        for (index, want) in words.into_iter().enumerate() {
            let used = len.saturating_sub(8 * index).min(8);
            let mask = if used == 0 { 0 } else { u64::MAX >> (64 - 8 * used) };
            differ |= (self.word(8 * index)? & mask) ^ want;
        }
        self.at += len;
        (differ == 0).then_some(dimension)
    }

    /// `0`, `1`, or one of these with at most 17 digits behind a point, not
    /// above 1.
    #[inline]
    fn value(&mut self) -> Option<f64> {
        let from = self.at;
        let whole = self.next()?.wrapping_sub(b'0');
        if whole > 1 {
            return None;
        }
        let mut digits = u64::from(whole);
        let mut count = 0;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            let start = self.at;
            while let Some(digit) = self.text.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
                self.at += 1;
            }
            count = self.at - start;
            if count == 0 || count > 17 {
                return None;
            }
        }
        const POWERS: [f64; 18] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17];
        // Both are exact in a double up to 2^53 and 10^22: one division rounds once.
        let value = if digits < 1 << 53 {
            digits as f64 / POWERS[count]
        } else {
            std::str::from_utf8(&self.text[from..self.at]).ok()?.parse().ok()?
        };
        (value <= 1.0).then_some(value)
    }

    /// A number that any double carries, not negative: it is only checked.
    #[inline]
    fn weight(&mut self) -> Option<()> {
        let from = self.at;
        let digits = |scan: &mut Self| {
            let from = scan.at;
            while scan.text.get(scan.at).is_some_and(u8::is_ascii_digit) {
                scan.at += 1;
            }
            scan.at - from
        };
        let whole = digits(self);
        if whole == 0 || (whole > 1 && self.text[from] == b'0') {
            return None;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if digits(self) == 0 {
                return None;
            }
        }
        (self.at - from <= 15).then_some(())
    }
}
