//! Bytes → blocks of whole lines, for readers that work on many lines at once.
//!
//! The same lines, faults and numbers as [`Lines`](super::Lines) gives.

use super::LINE_LIMIT_BYTES;
use std::io::{self, Read};

/// How much a block holds, unless a line needs more.
const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes behind a block's lines that a reader may look at.
pub const SLACK_BYTES: usize = 32;

/// Some whole lines; used again and again, so that memory is taken once.
#[derive(Default)]
pub struct Block {
    bytes: Vec<u8>,
    end: usize,
    too_long: bool,
    last: bool,
}

impl Block {
    /// The lines, and at least [`SLACK_BYTES`] more that mean nothing.
    pub fn padded(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the lines end.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Whether one more line stood behind them that was longer than the limit,
    /// and was skipped.
    pub fn too_long(&self) -> bool {
        self.too_long
    }

    /// Whether the input ends with it.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// The line that starts at `at`, without its end, and where the next starts.
    /// `None`: it is longer than the limit.
    pub fn line(&self, at: usize) -> (Option<&[u8]>, usize) {
        let rest = &self.bytes[at..self.end];
        let (line, next) = match memchr::memchr(b'\n', rest) {
            Some(len) => (&rest[..len], at + len + 1),
            None => (rest, self.end),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        ((line.len() <= LINE_LIMIT_BYTES).then_some(line), next)
    }

    /// Whether its last line has no `\n`: the input ends inside that line, or
    /// whoever wrote it left the end off.
    pub fn is_open(&self) -> bool {
        self.end > 0 && self.bytes[self.end - 1] != b'\n'
    }
}

/// Cuts what `reader` gives into blocks.
pub struct Blocks<R> {
    reader: R,
    /// What was read behind the last block's last line.
    carry: Vec<u8>,
    began: bool,
    at_end: bool,
}

impl<R: Read> Blocks<R> {
    /// Lines of at most [`LINE_LIMIT_BYTES`].
    pub fn new(reader: R) -> Self {
        Self { reader, carry: Vec::new(), began: false, at_end: false }
    }

    /// Fills `block` with the next lines; false at the end. Waits until it is
    /// full or the input ends.
    pub fn next(&mut self, block: &mut Block) -> io::Result<bool> {
        (block.end, block.too_long, block.last) = (0, false, false);
        let mut have = self.carry.len();
        block.bytes.resize(block.bytes.len().max(BLOCK_BYTES + SLACK_BYTES), 0);
        if block.bytes.len() < have + SLACK_BYTES {
            block.bytes.resize(have + BLOCK_BYTES, 0);
        }
        block.bytes[..have].copy_from_slice(&self.carry);
        self.carry.clear();
        loop {
            let room = block.bytes.len() - SLACK_BYTES;
            while have < room && !self.at_end {
                have += self.read(&mut block.bytes[have..room])?;
            }
            if !self.began {
                self.began = true;
                if block.bytes[..have].starts_with(b"\xef\xbb\xbf") {
                    block.bytes.copy_within(3..have, 0);
                    have -= 3;
                }
            }
            if self.at_end {
                block.end = have;
                block.last = true;
                block.bytes[have..have + SLACK_BYTES].fill(0);
                return Ok(have > 0);
            }
            if let Some(newline) = memchr::memrchr(b'\n', &block.bytes[..have]) {
                block.end = newline + 1;
                self.carry.extend_from_slice(&block.bytes[block.end..have]);
                return Ok(true);
            }
            // One byte more than the limit may be the `\r` of the line's end.
            if have > LINE_LIMIT_BYTES + 1 {
                block.too_long = true;
                self.skip(&mut block.bytes)?;
                block.last = self.at_end && self.carry.is_empty();
                return Ok(true);
            }
            block.bytes.resize((room * 2).min(LINE_LIMIT_BYTES + 2) + SLACK_BYTES, 0);
        }
    }

    /// Reads past the line that is being read; `scratch` may be overwritten.
    fn skip(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        while !self.at_end {
            let have = self.read(scratch)?;
            if let Some(newline) = memchr::memchr(b'\n', &scratch[..have]) {
                self.carry.extend_from_slice(&scratch[newline + 1..have]);
                return Ok(());
            }
        }
        Ok(())
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(into) {
                Ok(0) => self.at_end = true,
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonl::Lines;

    type Seen = Vec<(u64, Option<Vec<u8>>)>;

    fn by_lines(input: &[u8]) -> Seen {
        let mut lines = Lines::new(input);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().expect("a slice does not fail") {
            let line = line.ok().map(<[u8]>::to_vec);
            seen.push((lines.number(), line));
        }
        seen
    }

    fn by_blocks(input: &[u8]) -> Seen {
        let (mut blocks, mut block) = (Blocks::new(input), Block::default());
        let (mut seen, mut number) = (Vec::new(), 0);
        while blocks.next(&mut block).expect("a slice does not fail") {
            assert!(block.padded().len() >= block.end() + SLACK_BYTES);
            let mut at = 0;
            while at < block.end() {
                let (line, next) = block.line(at);
                number += 1;
                if line.is_none_or(|line| !line.iter().all(u8::is_ascii_whitespace)) {
                    seen.push((number, line.map(<[u8]>::to_vec)));
                }
                at = next;
            }
            if block.too_long() {
                number += 1;
                seen.push((number, None));
            }
        }
        seen
    }

    #[test]
    fn blocks_hold_the_lines_that_lines_gives() {
        let long = |len: usize| vec![b'x'; len];
        let limit = LINE_LIMIT_BYTES;
        for input in [
            b"".to_vec(),
            b"\n".to_vec(),
            b"\xef\xbb\xbfone\r\n\n  \ntwo\nlast".to_vec(),
            b"\xef\xbb\xbf".to_vec(),
            b"no end".to_vec(),
            [long(limit), b"\nx\n".to_vec()].concat(),
            [long(limit), b"\r\nx".to_vec()].concat(),
            [long(limit + 1), b"\nx\n".to_vec()].concat(),
            [long(limit + 1), b"\r\nx\n".to_vec()].concat(),
            [b"a\n".to_vec(), long(limit + 2), b"\nx\n".to_vec()].concat(),
            [b"a\n".to_vec(), long(3 * limit), b"\nx\n".to_vec()].concat(),
            [b"a\n".to_vec(), long(10 * limit)].concat(),
            long(limit),
            long(limit + 1),
            long(5 * limit),
            [long(4 * limit), b"\n".to_vec()].concat(),
            [long(BLOCK_BYTES - 1), b"\n".to_vec(), long(BLOCK_BYTES), b"\nlast".to_vec()].concat(),
            b"some lines of a length that does not divide a block\r\n".repeat(20_000),
        ] {
            let (want, got) = (by_lines(&input), by_blocks(&input));
            assert_eq!(want.len(), got.len(), "{} bytes", input.len());
            assert!(want == got, "{} bytes", input.len());
        }
    }
}
