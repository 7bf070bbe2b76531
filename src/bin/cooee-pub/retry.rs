//! When what is kept is tried again, while the run goes on.

use std::time::{Duration, Instant};

/// The first pause is at most this long; each one after it twice as long.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_mins(1);

/// A back-off that doubles, jittered, so that hosts which lost one node do not
/// all come back at the same moment.
#[derive(Default)]
pub struct Retry {
    failures: u32,
    due: Option<Instant>,
    trying: bool,
}

impl Retry {
    /// Something stays in the spool.
    pub fn kept(&mut self) {
        if self.due.is_none() {
            let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
            let half = whole / 2;
            // Without randomness the pause is whole, and as good for one host.
            let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
            self.due = Some(Instant::now() + half + half.mul_f64(share));
            self.failures += 1;
        }
    }

    /// How long until it is tried again; `None`: nothing is kept.
    pub fn patience(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Is this a further try?
    pub fn is_trying(&self) -> bool {
        self.trying
    }

    /// A further try begins.
    pub fn begin(&mut self) {
        self.due = None;
        self.trying = true;
    }

    /// And ends: with nothing kept, the next pause is a short one again.
    pub fn end(&mut self) {
        self.trying = false;
        if self.due.is_none() {
            self.failures = 0;
        }
    }
}
