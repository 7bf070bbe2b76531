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
    repeated: u64,
    /// Events of other types.
    others: u64,
    rejected: u64,
    forged: bool,
}

impl Taken {
    /// Exit 3 if a line was rejected, 5 if one was forged, else 0.
    pub fn exit(&self) -> Exit {
        match (self.forged, self.rejected) {
            (true, _) => Exit::Security,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Rejected,
        }
    }

    fn lines(&self) -> u64 {
        self.signals + self.repeated + self.others + self.rejected
    }
}

impl Intake {
    /// Reads all of stdin; `each` gets every signal once, in the order of the
    /// lines. No line at all is exit 2: in a shell without `pipefail` that is
    /// the only sign that the stage before this one failed.
    pub fn all(
        &self,
        io: &Io,
        input: Input,
        mut each: impl FnMut(Seen<'_>) -> Result<(), Failure>,
    ) -> Result<Taken, Failure> {
        let mut taken = Taken::default();
        // Of each id 24 bytes are kept: a million take 30 to 60 MB.
        let mut names: HashSet<SignalKey> = HashSet::new();
        let mut lines_before = 1;
        blocks::all(input, |work| {
            work.parsed.each(&work.block, |line, item| {
                match item {
                    Item::Signal(seen) => {
                        let name = seen.name().map(|(id, author)| SignalKey::new(id, author));
                        if name.is_some_and(|name| !names.insert(name)) {
                            taken.repeated += 1;
                        } else {
                            taken.signals += 1;
                            taken.newest = taken.newest.max(seen.at());
                            each(seen)?;
                        }
                    }
                    Item::Other => taken.others += 1,
                    Item::Fault(fault) => {
                        taken.rejected += 1;
                        taken.forged |= fault.is_security();
                        let number = lines_before + u64::from(line.unwrap_or_default());
                        io.reject(number, &reject(fault), self.strict)?;
                    }
                }
                Ok::<(), Failure>(())
            })?;
            lines_before += u64::from(work.parsed.lines());
            Ok(())
        })?;
        if taken.lines() == 0 {
            return Err(Failure::could_not_run("expected input on stdin, got none"));
        }
        if taken.rejected > 0 {
            io.warn(&format!("{} of {} lines rejected", taken.rejected, taken.lines()));
        }
        io.log(|| format!("signals: {}, repeated: {}, other events: {}", taken.signals, taken.repeated, taken.others));
        Ok(taken)
    }
}

fn reject(fault: &LineError) -> Reject {
    let reject = Reject::new(fault);
    match fault.hint() {
        Some(hint) => reject.hint(hint),
        None => reject,
    }
}
