//! Stdin → signals, in their order; what is wrong with a line is said.

use crate::blocks;
use cooee::cli::{Exit, Failure, Input, Io, Reject};
use cooee::store::SignalKey;
use cooee::trust::read::{Item, LineError, Seen};
use std::collections::HashSet;

/// How stdin is read.
pub struct Intake {
    /// Stop at the first line that is rejected.
    pub strict: bool,
}

/// What came of it.
#[derive(Default)]
pub struct Taken {
    /// Signals that were taken.
    pub signals: u64,
    /// The newest of their own times, in milliseconds since 1970.
    pub newest: Option<i64>,
    /// Signals whose id was there before.
    pub repeated: u64,
    /// Events of other types.
    pub others: u64,
    /// Lines that were not taken.
    pub rejected: u64,
    /// One of them was not its author's.
    pub forged: bool,
}

impl Taken {
    /// Says how it went: exit 3 if a line was rejected, 5 if one was forged,
    /// else 0.
    pub fn end(&self, io: &Io) -> Exit {
        if self.rejected > 0 {
            io.warn(&format!("{} of {} lines rejected", self.rejected, self.lines()));
        }
        io.log(|| format!("signals: {}, repeated: {}, other events: {}", self.signals, self.repeated, self.others));
        match (self.forged, self.rejected) {
            (true, _) => Exit::Security,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Rejected,
        }
    }

    /// Counts a line that is not taken, and says why.
    pub fn refuse(&mut self, io: &Io, number: u64, fault: &LineError, strict: bool) -> Result<(), Failure> {
        self.rejected += 1;
        self.forged |= fault.is_security();
        let reject = Reject::new(fault).security(fault.is_security());
        let reject = match fault.hint() {
            Some(hint) => reject.hint(hint),
            None => reject,
        };
        io.reject(number, &reject, strict)
    }

    /// Lines of any kind.
    pub fn lines(&self) -> u64 {
        self.signals + self.repeated + self.others + self.rejected
    }
}

impl Intake {
    /// Reads all of stdin; `each` gets the signals in the order of the lines, and
    /// says whether one counted, or had been there before.
    pub fn all(
        &self,
        io: &Io,
        input: Input,
        mut each: impl FnMut(Seen<'_>) -> Result<bool, Failure>,
    ) -> Result<Taken, Failure> {
        let mut taken = Taken::default();
        let mut lines_before = 1;
        blocks::all(input, |work| {
            work.parsed.each(&work.block, |line, item| {
                match item {
                    Item::Signal(seen) => {
                        if each(seen)? {
                            taken.signals += 1;
                            taken.newest = taken.newest.max(seen.at());
                        } else {
                            taken.repeated += 1;
                        }
                    }
                    Item::Other => taken.others += 1,
                    Item::Fault(fault) => {
                        let number = lines_before + u64::from(line.unwrap_or_default());
                        taken.refuse(io, number, fault, self.strict)?;
                    }
                }
                Ok::<(), Failure>(())
            })?;
            lines_before += u64::from(work.parsed.lines());
            Ok(())
        })?;
        Ok(taken)
    }
}

/// Ids that were there, where no state keeps them. Of each 24 bytes are kept: a
/// million take 30 to 60 MB.
#[derive(Default)]
pub struct Names(HashSet<SignalKey>);

impl Names {
    /// Whether it is the first with its id, or has none.
    pub fn first(&mut self, seen: &Seen<'_>) -> bool {
        seen.name().is_none_or(|(id, author)| self.0.insert(SignalKey::new(id, author)))
    }
}

/// No line at all: in a shell without `pipefail` that is the only sign that the
/// stage before this one failed.
pub fn none() -> Failure {
    Failure::could_not_run("expected input on stdin, got none")
}
