//! Bytes → lines: bounded, numbered, no allocation per line.

use std::io::{self, Read};

/// A line longer than this is rejected, never cut: 1 MiB.
pub const LINE_LIMIT_BYTES: usize = 1 << 20;

/// How much is asked of the reader at once, at most.
const BLOCK_BYTES: usize = 256 * 1024;
/// And at first: a command that gets one line does not pay for a large buffer.
const FIRST_BLOCK_BYTES: usize = 8 * 1024;

/// What is wrong with a line before anybody has looked at its meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The line has more than the limit's bytes; it was skipped whole.
    #[error("line is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Reads lines from `reader`. `\n` ends a line; a `\r` before it goes with it;
/// blank lines are skipped but counted; one UTF-8 BOM at the very start is
/// skipped; a last line without `\n` is a line.
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How much the next read asks for, at least.
    block: usize,
    /// From `start` up to here the buffer is known to hold no `\n`.
    scanned: usize,
    /// Where the next one is, if it was found already.
    line_end: Option<usize>,
    number: u64,
    limit: usize,
    at_end: bool,
    began: bool,
    blank: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of at most [`LINE_LIMIT_BYTES`].
    pub fn new(reader: R) -> Self {
        Self::with_limit(reader, LINE_LIMIT_BYTES)
    }

    /// Lines of at most `limit` bytes, without their end.
    pub fn with_limit(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            block: FIRST_BLOCK_BYTES,
            scanned: 0,
            line_end: None,
            number: 0,
            limit,
            at_end: false,
            began: false,
            blank: false,
        }
    }

    /// Hands blank lines out too, as they are: where lines are text, an empty
    /// one says something.
    #[must_use]
    pub fn with_blank(mut self) -> Self {
        self.blank = true;
        self
    }

    /// The number of the line that was handed out last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Is a whole line already here, so that the next call will not wait?
    pub fn ready(&mut self) -> bool {
        if self.at_end {
            return self.start < self.end;
        }
        self.find();
        self.line_end.is_some()
    }

    /// Looks for the next `\n`, unless it was found already.
    #[inline]
    fn find(&mut self) {
        if self.line_end.is_none() {
            self.line_end = memchr::memchr(b'\n', &self.buffer[self.scanned..self.end]).map(|at| self.scanned + at);
            self.scanned = self.line_end.unwrap_or(self.end);
        }
    }

    /// The next line that is not blank, or `None` at the end.
    ///
    /// # Errors
    /// The outer error is the reader's; the inner one is this line's fault, and
    /// the next call goes on behind it.
    #[allow(clippy::should_implement_trait)] // lends from the buffer
    pub fn next(&mut self) -> io::Result<Option<Result<&[u8], Fault>>> {
        loop {
            let Some((from, to)) = self.span()? else { return Ok(None) };
            self.number += 1;
            if to == usize::MAX {
                return Ok(Some(Err(Fault::TooLong { limit: self.limit })));
            }
            let to = if to > from && self.buffer[to - 1] == b'\r' { to - 1 } else { to };
            if !self.blank && self.buffer[from..to].iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if to - from > self.limit {
                return Ok(Some(Err(Fault::TooLong { limit: self.limit })));
            }
            return Ok(Some(Ok(&self.buffer[from..to])));
        }
    }

    /// Where the next line lies; `usize::MAX` as its end marks one too long.
    fn span(&mut self) -> io::Result<Option<(usize, usize)>> {
        let mut skipping = false;
        loop {
            self.find();
            if let Some(to) = self.line_end.take() {
                let from = self.start;
                self.start = to + 1;
                self.scanned = self.start;
                return Ok(Some((from, if skipping { usize::MAX } else { to })));
            }
            // One byte more than the limit may be the `\r` of the line's end.
            if self.end - self.start > self.limit + 1 {
                skipping = true;
            }
            if skipping {
                self.start = self.end;
            }
            if self.at_end {
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                return Ok(match (skipping, from == to) {
                    (true, _) => Some((from, usize::MAX)),
                    (false, true) => None,
                    (false, false) => Some((from, to)),
                });
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + self.block {
            self.buffer.resize(self.end + self.block, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(count) => {
                    self.end += count;
                    // There was more: the next read asks for more.
                    if self.end == self.buffer.len() {
                        self.block = BLOCK_BYTES.min(4 * self.block);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            break;
        }
        if !self.began && (self.end >= 3 || self.at_end) {
            self.began = true;
            if self.buffer[..self.end].starts_with(b"\xef\xbb\xbf") {
                self.start = 3;
                self.scanned = 3;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes out `step` at a time, as a slow pipe would.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn all(input: &[u8], step: usize, limit: usize) -> Vec<(u64, Result<Vec<u8>, Fault>)> {
        let mut lines = Lines::with_limit(Drip(input, step), limit);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().expect("a slice does not fail") {
            let line = line.map(<[u8]>::to_vec);
            seen.push((lines.number(), line));
        }
        seen
    }

    #[test]
    fn ends_blanks_bom_and_numbers() {
        for step in 1..9 {
            let seen = all(b"\xef\xbb\xbfone\r\n\n  \ntwo\nlast", step, 10);
            let want = [(1, "one"), (4, "two"), (5, "last")];
            assert_eq!(seen, want.map(|(n, l)| (n, Ok(l.as_bytes().to_vec()))), "step {step}");
        }
        assert_eq!(all(b"", 1, 10), []);
        assert_eq!(all(b"\xef\xbb\xbf", 2, 10), []);
    }

    #[test]
    fn blank_lines_count_where_lines_are_text() {
        let mut lines = Lines::new(Drip(b"\n \r\nx\n", 1)).with_blank();
        for want in [&b""[..], b" ", b"x"] {
            assert_eq!(lines.next().expect("a slice does not fail"), Some(Ok(want)));
        }
        assert_eq!(lines.next().expect("a slice does not fail"), None);
    }

    #[test]
    fn the_limit_is_exact_and_the_next_line_survives() {
        for step in [1, 3, 64] {
            for (length, good) in [(9, true), (10, true), (11, false), (12, false), (40, false)] {
                for end in ["\n", "\r\n"] {
                    let input = format!("{}{end}next\n", "x".repeat(length));
                    let seen = all(input.as_bytes(), step, 10);
                    assert_eq!(seen[0].1.is_ok(), good, "length {length} step {step}");
                    assert_eq!(seen[1], (2, Ok(b"next".to_vec())));
                }
            }
        }
        assert_eq!(all(&[b'x'; 50], 7, 10), [(1, Err(Fault::TooLong { limit: 10 }))]);
    }

    #[test]
    fn ready_says_whether_the_next_call_waits() {
        let mut lines = Lines::new(Drip(b"a\nb\nc", 4));
        assert!(!lines.ready());
        assert_eq!(lines.next().expect("slice"), Some(Ok(&b"a"[..])));
        assert!(lines.ready());
        assert_eq!(lines.next().expect("slice"), Some(Ok(&b"b"[..])));
        assert!(!lines.ready());
        assert_eq!(lines.next().expect("slice"), Some(Ok(&b"c"[..])));
        assert_eq!(lines.next().expect("slice"), None);
    }
}
