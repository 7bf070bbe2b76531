//! One line at a time → a signal, counted; what is wrong with it is said.

use crate::intake::Taken;
use cooee::cli::{Failure, Io, Reject};
use cooee::jsonl::LineFault;
use cooee::trust::Signal;
use cooee::trust::read::{Line, LineError, Reader};

/// What became of a signal.
pub enum Verdict {
    /// It counted.
    Counted,
    /// Its id was there before.
    Repeated,
    /// It is not taken.
    Refused(Reject),
}

/// Reads lines, and knows what came of them.
pub struct Desk {
    reader: Reader,
    strict: bool,
    pub taken: Taken,
}

impl Desk {
    /// With `strict`, the first bad line is the end.
    pub fn new(strict: bool) -> Self {
        Self { reader: Reader::default(), strict, taken: Taken::default() }
    }

    /// Hands the line's signal to `each`.
    pub fn line(
        &mut self,
        io: &Io,
        number: u64,
        line: Result<&[u8], &LineFault>,
        each: impl FnOnce(&Signal<'_>) -> Result<Verdict, Failure>,
    ) -> Result<(), Failure> {
        let fault = match line.map(|line| self.reader.line(line)) {
            Ok(Ok(Line::Other)) => {
                self.taken.others += 1;
                return Ok(());
            }
            Ok(Ok(Line::Signal(signal))) => {
                match each(&signal)? {
                    Verdict::Counted => {
                        self.taken.newest = self.taken.newest.max(signal.at);
                        self.taken.signals += 1;
                    }
                    Verdict::Repeated => self.taken.repeated += 1,
                    Verdict::Refused(reject) => {
                        self.taken.rejected += 1;
                        return io.reject(number, &reject, self.strict);
                    }
                }
                return Ok(());
            }
            Ok(Err(fault)) => LineError::Fault(fault),
            Err(fault) => LineError::Line(fault.clone()),
        };
        self.taken.refuse(io, number, &fault, self.strict)
    }
}
