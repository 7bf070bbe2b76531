//! Standard input and output: claimed once, buffered, flushed when input runs dry.

use super::{Exit, Failure, Io, progress};
use crate::jsonl::Lines;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt::Display;
use std::io::{self, Read};
use std::time::Duration;

const FLUSH_AT_BYTES: usize = 64 * 1024;

/// Standard output. Lines gather here until input runs dry or 64 KiB are full.
pub struct Output {
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn stdout() -> Self {
        Self { buffer: Vec::new() }
    }

    /// Calls `then` on a thread of its own once nobody reads stdout any more: a
    /// resident command that has nothing to print would not find out.
    pub fn when_closed(then: impl FnOnce() + Send + 'static) {
        std::thread::spawn(move || {
            let stdout = rustix::stdio::stdout();
            let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
            while poll(&mut watched, None) == Err(rustix::io::Errno::INTR) {}
            then();
        });
    }

    /// How many columns the terminal has; `None` where stdout is no terminal.
    pub fn columns(&self) -> Option<usize> {
        self.size().map(|(columns, _)| columns)
    }

    /// One line; the `\n` is added here.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.buffer.extend_from_slice(line);
        self.bytes(b"\n")
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.buffer.extend_from_slice(bytes);
        self.spill()
    }

    /// The buffer itself, for writers that format in place; call
    /// [`Output::spill`] after each line.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes if 64 KiB have gathered.
    pub fn spill(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= FLUSH_AT_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what has gathered. A reader that went away ends the command
    /// quietly; any other failure is exit 2.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let mut rest = self.buffer.as_slice();
        let mut result = Ok(());
        while !rest.is_empty() {
            match rustix::io::write(rustix::stdio::stdout(), rest) {
                Ok(count) => rest = &rest[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE) => {
                    result = Err(Failure::closed());
                    break;
                }
                Err(error) => {
                    result = Err(Failure::could_not_run(format_args!("writing stdout: {}", io::Error::from(error))));
                    break;
                }
            }
        }
        self.buffer.clear();
        result
    }
}

/// Standard input, unbuffered; wrap it in [`Lines`] or read it whole.
pub struct Input(());

impl Input {
    pub(super) fn stdin() -> Self {
        Self(())
    }

    /// Waits that long for bytes, or for the end. False: neither came.
    pub fn arrives(patience: Duration) -> bool {
        let stdin = rustix::stdio::stdin();
        let timeout = Timespec::try_from(patience).ok();
        matches!(poll(&mut [PollFd::new(&stdin, PollFlags::IN)], timeout.as_ref()), Ok(ready) if ready > 0)
    }

    /// As lines of at most 1 MiB.
    pub fn lines(self) -> Lines<Self> {
        Lines::new(self)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::read(rustix::stdio::stdin(), buffer)?;
        progress::took(count);
        Ok(count)
    }
}

/// One input line was not taken: what is wrong with it, and how to fix it.
#[derive(Debug)]
pub struct Reject {
    message: String,
    hint: Option<String>,
    /// What the exit code is if this line is the end.
    exit: Exit,
}

impl Reject {
    /// With its reason: lower case, no full stop.
    pub fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, exit: Exit::Rejected }
    }

    /// Adds how to fix it.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Refused for security, if so: exit 5 where `--strict` makes it the end.
    #[must_use]
    pub fn security(mut self, yes: bool) -> Self {
        if yes {
            self.exit = Exit::Security;
        }
        self
    }
}

/// How many lines a filter took and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that were taken.
    pub taken: u64,
    /// Lines that were rejected and reported.
    pub rejected: u64,
}

impl Tally {
    /// Exit 3 if a line was rejected, else 0.
    pub fn exit(self) -> Exit {
        if self.rejected > 0 { Exit::Rejected } else { Exit::Done }
    }
}

impl Io {
    /// Reports a rejected line; with `strict` it is the end.
    pub fn reject(&self, number: u64, reject: &Reject, strict: bool) -> Result<(), Failure> {
        let message = format!("line {number}: {}", reject.message);
        if strict {
            let failure = Failure::new(reject.exit, message);
            return Err(match &reject.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        }
        self.warn(&message);
        if let Some(hint) = &reject.hint {
            self.hint(hint);
        }
        Ok(())
    }

    /// The loop of a filter: calls `each` with every line and the output's
    /// buffer, reports what it rejects with the line's number, and flushes when
    /// no whole line is waiting. What `each` wrote before it rejected is taken
    /// back. No line at all is exit 2: in a shell without `pipefail` that is the
    /// only sign that the stage before this one failed.
    pub fn filter(
        &mut self,
        input: Input,
        strict: bool,
        mut each: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), Reject>,
    ) -> Result<Tally, Failure> {
        let mut lines = input.lines();
        let mut tally = Tally::default();
        loop {
            if !lines.ready() {
                self.out.flush()?;
            }
            let next = lines.next().map_err(|error| Failure::could_not_run(format_args!("reading stdin: {error}")))?;
            let Some(line) = next else {
                return if tally == Tally::default() {
                    Err(Failure::could_not_run("expected input on stdin, got none"))
                } else {
                    Ok(tally)
                };
            };
            let before = self.out.buffer.len();
            let outcome = match line {
                Ok(line) => each(line, &mut self.out.buffer),
                Err(fault) => Err(Reject::new(fault)),
            };
            match outcome {
                Ok(()) => tally.taken += 1,
                Err(reject) => {
                    self.out.buffer.truncate(before);
                    tally.rejected += 1;
                    // On a terminal the report stands behind the lines before it.
                    self.out.flush()?;
                    self.reject(lines.number(), &reject, strict)?;
                }
            }
            self.out.spill()?;
        }
    }
}
