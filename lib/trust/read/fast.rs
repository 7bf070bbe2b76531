//! The common line, read in one pass.
//!
//! Takes a plain signal without escapes, in any order of its members and with
//! or without a space behind colons and commas, and only if the general path
//! would take it too: whatever is unusual is left to that, so that there is one
//! place that refuses and one set of words for it.

use super::fields::{DETAILS_LIMIT_BYTES, NAME_LIMIT_BYTES};
use super::millis;
use super::quick::{Quick, Span};
use crate::trust::Dimension;

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
    Id,
    Type,
    Version,
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

static KEYS: [Spelling; 12] = [
    spelling(Key::AgentDid, b"\"agent_did\":"),
    spelling(Key::Dimension, b"\"dimension\":"),
    spelling(Key::Value, b"\"value\":"),
    spelling(Key::Source, b"\"source\":"),
    spelling(Key::Timestamp, b"\"timestamp\":"),
    spelling(Key::Details, b"\"details\":"),
    spelling(Key::TraceId, b"\"trace_id\":"),
    spelling(Key::Weight, b"\"weight\":"),
    spelling(Key::Author, b"\"author\":"),
    spelling(Key::Id, b"\"id\":"),
    spelling(Key::Type, b"\"type\":"),
    spelling(Key::Version, b"\"v\":"),
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

/// Reads the line of `block` that starts at `at`; the block goes on for at least
/// [`SLACK_BYTES`](crate::jsonl::SLACK_BYTES) behind its lines. Returns what the
/// line says and where the next one starts; `None` where the general path has to
/// look.
#[inline]
pub fn quick(block: &[u8], at: usize) -> Option<(Quick, usize)> {
    let mut scan = Scan { text: block, at };
    if scan.next()? != b'{' {
        return None;
    }
    let none = Span::default();
    let (mut agent_did, mut source, mut details, mut trace_id) = (none, none, none, none);
    let (mut weight, mut author, mut id) = (none, none, none);
    let (mut dimension, mut value, mut time) = (None, None, None);
    let (mut seen, mut guess) = (0_u16, 0);
    loop {
        let key = scan.key(&mut guess)?;
        if seen >> (key as u8) & 1 == 1 {
            return None;
        }
        seen |= 1 << (key as u8);
        match key {
            Key::AgentDid => agent_did = scan.did()?,
            Key::Dimension => dimension = Some(scan.dimension()?),
            Key::Value => value = Some(scan.value()?),
            Key::Timestamp => {
                let text = scan.string(40)?;
                time = Some(millis(scan.bytes(text))?);
            }
            Key::Source => source = scan.string(NAME_LIMIT_BYTES)?,
            Key::Details => details = scan.string(DETAILS_LIMIT_BYTES)?,
            Key::TraceId => trace_id = scan.string(NAME_LIMIT_BYTES)?,
            Key::Author => author = scan.string(NAME_LIMIT_BYTES)?,
            Key::Id => {
                id = scan.string(NAME_LIMIT_BYTES)?;
                if id.len == 0 {
                    return None;
                }
            }
            Key::Weight => weight = scan.number()?,
            // Records have it; it says nothing of a signal.
            Key::Version => _ = scan.number()?,
            Key::Type => {
                let text = scan.string(6)?;
                if scan.bytes(text) != b"signal" {
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
    match scan.next()? {
        b'\n' => {}
        b'\r' if scan.next()? == b'\n' => {}
        _ => return None,
    }
    let whole = 1 << (Key::AgentDid as u8) | 1 << (Key::Source as u8);
    if seen & whole != whole {
        return None;
    }
    let (dimension, value) = (dimension?, value?);
    Some((Quick { agent_did, dimension, value, at: time, source, details, trace_id, weight, author, id }, scan.at))
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

/// 10 to the powers of 0 to 18.
const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

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
    fn string(&mut self, limit: usize) -> Option<Span> {
        let (span, plain) = self.plain()?;
        (span.len as usize <= limit && (plain || std::str::from_utf8(self.bytes(span)).is_ok())).then_some(span)
    }

    #[inline]
    fn did(&mut self) -> Option<Span> {
        let (span, plain) = self.plain()?;
        (plain && span.len > 0 && span.len as usize <= NAME_LIMIT_BYTES).then_some(span)
    }

    fn bytes(&self, span: Span) -> &'a [u8] {
        &self.text[span.from as usize..][..span.len as usize]
    }

    fn since(&self, from: usize) -> Span {
        Span { from: from as u32, len: (self.at - from) as u32 }
    }

    /// A string's inside, and whether it is of printable ASCII alone. Looks at
    /// eight bytes at a time: the lowest mark in `marks` is always right.
    #[inline]
    fn plain(&mut self) -> Option<(Span, bool)> {
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
        let span = self.since(from);
        self.at += 1;
        Some((span, plain))
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

    /// `0`, `1`, or one of these with at most 18 digits behind a point, not
    /// above 1 and of at most 17 significant digits.
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
            while let Some(digit) =
                self.text.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
            {
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
                self.at += 1;
            }
            count = self.at - start;
            if count == 0 || count > 18 || digits >= 10_u64.pow(17) {
                return None;
            }
        }
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
    fn number(&mut self) -> Option<Span> {
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
        (self.at - from <= 15).then(|| self.since(from))
    }
}
