//! One address: where it was learnt, how calls to it went, when the next may be.

use super::Random;
use jiff::Timestamp;

/// The first wait after a call failed.
const FIRST_MS: u64 = 500;
/// The longest, where somebody said that this address is to be called.
pub const LONGEST_MS: u64 = 60_000;
/// The longest for what was learnt: there are others.
const LONGEST_LEARNT_MS: u64 = 600_000;
/// Failures in a row after which a learnt address that never answered is
/// forgotten.
const HOPELESS: u32 = 10;
/// One that did answer is forgotten after failing for so long.
const HOPELESS_MS: u64 = 24 * 3_600_000;

/// Where an address was learnt; the later, the nearer to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Told by another node.
    Exchange,
    /// Announced on the local network.
    Local,
    /// This node reached it in an earlier run.
    Remembered,
    /// A flag, or the fleet file.
    Given,
}

/// An address of a peer.
#[derive(Clone, Debug)]
pub struct Place {
    pub address: String,
    pub source: Source,
    /// In a row.
    pub failures: u32,
    not_before_ms: u64,
    /// Since when it fails, or is known.
    bad_since_ms: u64,
    /// When it last answered, by the wall clock.
    pub seen: Option<Timestamp>,
}

impl Place {
    pub fn new(address: String, source: Source, now_ms: u64) -> Self {
        Self { address, source, failures: 0, not_before_ms: 0, bad_since_ms: now_ms, seen: None }
    }

    pub fn is_due(&self, now_ms: u64) -> bool {
        self.not_before_ms <= now_ms
    }

    /// Not called before that.
    pub fn next_ms(&self) -> u64 {
        self.not_before_ms
    }

    pub fn is_given(&self) -> bool {
        self.source == Source::Given
    }

    /// It answered; for how long is for [`Place::rest`].
    pub fn answered(&mut self, wall: Timestamp) {
        self.seen = Some(wall);
    }

    /// A call failed, or what it came to did not last.
    pub fn fail(&mut self, random: &mut Random, now_ms: u64) {
        if self.failures == 0 {
            self.bad_since_ms = now_ms;
        }
        self.wait(random, now_ms);
        self.failures = self.failures.saturating_add(1);
    }

    /// A good connection is over: it begins anew, but not at once.
    pub fn rest(&mut self, random: &mut Random, now_ms: u64) {
        self.failures = 0;
        self.wait(random, now_ms);
    }

    fn wait(&mut self, random: &mut Random, now_ms: u64) {
        let longest = if self.is_given() { LONGEST_MS } else { LONGEST_LEARNT_MS };
        let full = (FIRST_MS << self.failures.min(11)).min(longest);
        // From half of it to all of it: two nodes do not keep calling at once.
        let wait_ms = full / 2 + random.below(full / 2 + 1);
        self.not_before_ms = self.not_before_ms.max(now_ms + wait_ms);
    }

    /// Is it to be forgotten? What somebody gave never is.
    pub fn is_hopeless(&self, now_ms: u64) -> bool {
        let long = now_ms >= self.bad_since_ms + HOPELESS_MS;
        !self.is_given() && self.failures >= HOPELESS && (self.seen.is_none() || long)
    }

    /// The more, the sooner it makes room for another.
    pub fn badness(&self) -> (bool, u32, std::cmp::Reverse<Source>) {
        (self.seen.is_none(), self.failures, std::cmp::Reverse(self.source))
    }
}
