//! Why a JSON text is not taken, and where in it.
//!
//! Must not know how a text is read.

/// Objects and arrays inside one another, at most.
pub const DEPTH_LIMIT: u32 = 100;

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
    /// One object has the same key twice; of a long one its first 64 characters.
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

impl Error {
    /// `reason`, at so many bytes from the start of `text`.
    pub(super) fn at(text: &[u8], at: usize, reason: Reason) -> Self {
        let before = &text[..at.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |found| found + 1);
        Self { line: 1 + memchr::memchr_iter(b'\n', before).count(), column: 1 + before.len() - line_start, reason }
    }
}
