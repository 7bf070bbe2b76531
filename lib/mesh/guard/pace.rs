//! How much a peer may send: a bucket for each that is connected.

use crate::key::Did;
use std::collections::HashMap;

/// What a frame costs at least: reading and answering one takes time however
/// small it is.
const LEAST_BYTES: u64 = 4096;
/// What may come at once: two seconds' worth.
const BURST_MS: u64 = 2_000;
/// What a request may have to wait; who is further ahead is told to try later.
pub const PATIENCE_MS: u64 = 10_000;
/// Peers counted; connections are fewer.
const COUNTED: usize = 16_384;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It is looked at now.
    Now,
    /// After so many milliseconds.
    After(u64),
    /// Not at all.
    TooFast,
}

/// When each peer's bucket will be full again, in microseconds.
#[derive(Debug, Default)]
pub struct Paces {
    full_us: HashMap<Did, u64>,
}

impl Paces {
    /// One more frame of a peer that may send `rate` bytes a second. What is too
    /// fast costs nothing: who keeps on sending too much has what it may send.
    pub fn take(&mut self, peer: Did, bytes: usize, rate: u64, patience_ms: u64, now_ms: u64) -> Pace {
        let begun = now_ms * 1000;
        if self.full_us.len() >= COUNTED && !self.full_us.contains_key(&peer) {
            return Pace::TooFast;
        }
        let full = self.full_us.entry(peer).or_insert(begun);
        let cost_us = (bytes as u64).max(LEAST_BYTES).saturating_mul(1_000_000) / rate.max(1);
        let next = (*full).max(begun) + cost_us;
        let late_ms = (next - begun).saturating_sub(BURST_MS * 1000) / 1000;
        if late_ms > patience_ms {
            return Pace::TooFast;
        }
        *full = next;
        if late_ms == 0 { Pace::Now } else { Pace::After(late_ms) }
    }

    /// A peer has gone.
    pub fn forget(&mut self, peer: &Did) {
        self.full_us.remove(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn a_burst_then_the_rate_then_a_refusal() {
        let peer = Key::from_seed(&[1; 32]).did();
        let mut paces = Paces::default();
        let rate = 4096 * 100;
        let taken: Vec<_> = (0..2000).map(|_| paces.take(peer, 1, rate, PATIENCE_MS, 0)).collect();
        assert_eq!(taken.iter().filter(|pace| **pace == Pace::Now).count(), 200, "two seconds of a hundred");
        assert_eq!(taken.iter().filter(|pace| matches!(pace, Pace::After(_))).count(), 1000, "ten seconds");
        assert_eq!(taken[200], Pace::After(10));
        assert_eq!(taken[1199], Pace::After(10_000));
        assert_eq!(taken[1200], Pace::TooFast);
        // Over ten minutes, what is let through is the rate.
        let later = (1..600_000).filter(|ms| paces.take(peer, 1, rate, PATIENCE_MS, *ms) != Pace::TooFast).count();
        assert_eq!(later, 59_999);
        let mut paces = Paces::default();
        assert_eq!(paces.take(peer, 131_072, 1, PATIENCE_MS, 0), Pace::TooFast);
        assert_eq!(paces.take(peer, 8192, rate, PATIENCE_MS, 0), Pace::Now);
    }

    #[test]
    fn who_is_always_too_fast_and_never_waited_for_has_its_rate() {
        let peer = Key::from_seed(&[1; 32]).did();
        let mut paces = Paces::default();
        let sent = (0..=10_000).flat_map(|ms| [ms; 3]);
        let now = sent.filter(|ms| paces.take(peer, 1, 4096 * 1000, 0, *ms) == Pace::Now).count();
        assert_eq!(now, 12_000, "ten seconds of a thousand, and two more at the start");
    }
}
