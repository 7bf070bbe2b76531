//! One line at a time → a signal, counted; what is wrong with it is said.

use cooee::cli::{Exit, Failure, Io, Reject};
use cooee::jsonl::LineFault;
use cooee::trust::Signal;
use cooee::trust::read::{Line, Reader};

/// What became of a signal.
pub enum Verdict {
    /// It counted.
    Counted,
    /// Its id was there before.
    Repeated,
    /// It is not taken.
    Refused(Reject),
}

/// Reads lines, and knows how many were good.
pub struct Desk {
    reader: Reader,
    strict: bool,
    /// The newest of the signals' own times, in milliseconds since 1970.
    pub newest: Option<i64>,
    /// Signals that counted.
    pub counted: u64,
    repeated: u64,
    others: u64,
    rejected: u64,
    forged: bool,
}

impl Desk {
    /// With `strict`, the first bad line is the end.
    pub fn new(strict: bool) -> Self {
        Self {
            reader: Reader::default(),
            strict,
            newest: None,
            counted: 0,
            repeated: 0,
            others: 0,
            rejected: 0,
            forged: false,
        }
    }

    /// Hands the line's signal to `each`.
    pub fn line(
        &mut self,
        io: &Io,
        number: u64,
        line: Result<&[u8], &LineFault>,
        each: impl FnOnce(&Signal<'_>) -> Result<Verdict, Failure>,
    ) -> Result<(), Failure> {
        let reject = match line {
            Err(fault) => Reject::new(fault),
            Ok(line) => match self.reader.line(line) {
                Ok(Line::Other) => {
                    self.others += 1;
                    return Ok(());
                }
                Ok(Line::Signal(signal)) => match each(&signal)? {
                    Verdict::Counted => {
                        self.newest = self.newest.max(signal.at);
                        self.counted += 1;
                        return Ok(());
                    }
                    Verdict::Repeated => {
                        self.repeated += 1;
                        return Ok(());
                    }
                    Verdict::Refused(reject) => reject,
                },
                Err(fault) => {
                    self.forged |= fault.is_security();
                    let reject = Reject::new(&fault);
                    match fault.hint() {
                        Some(hint) => reject.hint(hint),
                        None => reject,
                    }
                }
            },
        };
        self.rejected += 1;
        io.reject(number, &reject, self.strict)
    }

    /// Whether there was a line at all.
    pub fn had_lines(&self) -> bool {
        self.lines() > 0
    }

    fn lines(&self) -> u64 {
        self.counted + self.repeated + self.others + self.rejected
    }

    /// Says how it went: exit 3 if a line was rejected, 5 if one was forged.
    pub fn end(&self, io: &Io) -> Exit {
        if self.rejected > 0 {
            io.warn(&format!("{} of {} lines rejected", self.rejected, self.lines()));
        }
        io.log(|| format!("signals: {}, repeated: {}, other events: {}", self.counted, self.repeated, self.others));
        match (self.forged, self.rejected) {
            (true, _) => Exit::Security,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Rejected,
        }
    }
}
