//! Lines as they arrive, in chunks, and what they are.

use cooee::cli::{Failure, Folder, Input};
use cooee::event::Event;
use cooee::handover::{Prepared, Preparer, needs_author};
use cooee::jsonl::{Lines, Scanner};
use cooee::key::sequence;
use jiff::Timestamp;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A chunk takes no further line once it has this many bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Lines that were there together.
#[derive(Default)]
pub struct Chunk {
    text: Vec<u8>,
    lines: Vec<Line>,
    sequence: Range<u64>,
}

struct Line {
    number: u64,
    /// Where it lies in the text, or why it was not taken.
    place: Result<Range<usize>, String>,
}

/// What a line is, with its number.
pub struct Outcome {
    pub number: u64,
    pub what: What,
}

pub enum What {
    /// Signed here, or as it came.
    Ours(Event),
    Signed(Event),
    Passed(Vec<u8>),
    Rejected {
        message: String,
        security: bool,
    },
}

/// Reads stdin chunk by chunk.
pub struct Reader {
    lines: Lines<Input>,
    /// The key's sequence file.
    sequence: PathBuf,
    /// Why nothing can be signed here.
    unsigned: Option<Failure>,
    wrapped: bool,
}

impl Reader {
    /// `unsigned` says why there is no key, for the first line that needs one.
    pub fn new(input: Input, folder: &Folder, unsigned: Option<Failure>, wrapped: bool) -> Self {
        let lines = if wrapped { input.lines().with_blank() } else { input.lines() };
        Self { lines, sequence: folder.sequence("host.key"), unsigned, wrapped }
    }

    /// Waits that long for input. False: none came.
    pub fn wait(&mut self, patience: Duration) -> bool {
        self.lines.ready() || Input::arrives(patience)
    }

    /// Waits for a line and takes those that came with it. `None`: no more.
    pub fn next(&mut self) -> Result<Option<Chunk>, Failure> {
        let mut chunk = Chunk::default();
        let mut unsigned = 0;
        while chunk.lines.is_empty() || (chunk.text.len() < CHUNK_BYTES && self.lines.ready()) {
            let next =
                self.lines.next().map_err(|error| Failure::could_not_run(format_args!("reading stdin: {error}")))?;
            let Some(line) = next else { break };
            let place = match line {
                Ok(line) => {
                    unsigned += u64::from(self.wrapped || needs_author(line));
                    let from = chunk.text.len();
                    chunk.text.extend_from_slice(line);
                    Ok(from..chunk.text.len())
                }
                Err(fault) => Err(fault.to_string()),
            };
            chunk.lines.push(Line { number: self.lines.number(), place });
        }
        if unsigned > 0 {
            if let Some(failure) = self.unsigned.take() {
                return Err(failure);
            }
            chunk.sequence = allot(&self.sequence, unsigned)
                .map_err(|error| Failure::could_not_run(format_args!("{}: {error}", self.sequence.display())))?;
        }
        Ok((!chunk.lines.is_empty()).then_some(chunk))
    }
}

/// Numbers for so many events, in the order of the lines.
pub fn allot(path: &Path, count: u64) -> io::Result<Range<u64>> {
    let now_us = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
    sequence::allot(path, count, now_us)
}

impl Chunk {
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Signs and checks; in the lines' order.
    pub fn prepare(mut self, preparer: &Preparer, sequence: &Path, scanner: &mut Scanner) -> Vec<Outcome> {
        let lines = std::mem::take(&mut self.lines);
        lines
            .into_iter()
            .map(|line| Outcome { number: line.number, what: self.one(line, preparer, sequence, scanner) })
            .collect()
    }

    fn one(&mut self, line: Line, preparer: &Preparer, file: &Path, scanner: &mut Scanner) -> What {
        let place = match line.place {
            Ok(place) => place,
            Err(message) => return What::Rejected { message, security: false },
        };
        let text = &self.text[place];
        // The reader's guess may have been too low: a draft's data can look signed.
        let numbers = &mut self.sequence;
        let mut sequence = || match numbers.next() {
            Some(number) => Ok(number),
            None => allot(file, 1).map(|range| range.start),
        };
        match preparer.prepare(text, scanner, Timestamp::now(), &mut sequence) {
            Ok(Prepared::Ours(event)) => What::Ours(event),
            Ok(Prepared::Signed(event)) => What::Signed(event),
            Ok(Prepared::Passed) => What::Passed(text.to_vec()),
            Err(error) => What::Rejected { message: error.to_string(), security: error.is_security() },
        }
    }
}
