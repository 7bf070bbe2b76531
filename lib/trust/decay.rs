//! Decay: what an agent once earned counts less the longer nothing is heard of
//! it.
//!
//! A function of the total, the last signal's time and now. Nothing decayed is
//! ever stored, so how often it is asked changes nothing.

use super::{Agent, NEUTRAL_TOTAL};

/// How long it takes for half of what is above neutral to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfLife(f64);

impl HalfLife {
    /// In milliseconds; `None` for 0, which would forget everything at once.
    pub fn from_millis(millis: u64) -> Option<Self> {
        (millis > 0).then_some(Self(millis as f64))
    }

    /// `score`, 0 to 1000, after `idle_ms` without a signal. What is above 500
    /// halves its distance to 500 with each half-life. What is below stays:
    /// waiting must not pay.
    pub fn decayed(self, score: f64, idle_ms: u64) -> f64 {
        let above = score - f64::from(NEUTRAL_TOTAL);
        if above <= 0.0 {
            return score;
        }
        f64::from(NEUTRAL_TOTAL) + above * (-(idle_ms as f64) / self.0).exp2()
    }
}

impl Agent {
    /// Milliseconds between its newest signal and `now`; 0 for one that is ahead
    /// of `now`, and before the first signal.
    pub fn idle_ms(&self, now: i64) -> u64 {
        self.last_signal().map_or(0, |last| u64::try_from(now.saturating_sub(last)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Config, Dimension};
    use proptest::prelude::*;

    const DAY: u64 = 86_400_000;

    fn days(days: u64) -> HalfLife {
        HalfLife::from_millis(days * DAY).expect("above 0")
    }

    /// The numbers of the man page.
    #[test]
    fn half_of_what_is_above_500_goes_with_each_half_life() {
        let decayed = |score: u16, idle: u64| days(30).decayed(f64::from(score), idle * DAY) as u16;
        assert_eq!([0, 15, 30, 60, 90, 365].map(|idle| decayed(900, idle)), [900, 782, 700, 600, 550, 500]);
        assert_eq!([decayed(500, 300), decayed(499, 300), decayed(0, 300)], [500, 499, 0]);
        assert_eq!(HalfLife::from_millis(0), None);
    }

    #[test]
    fn an_agent_is_idle_since_its_newest_signal() {
        let (mut agent, config) = (Agent::default(), Config::default());
        assert_eq!(agent.idle_ms(7000), 0);
        for at in [5000, 4000] {
            agent.signal(Dimension::OutputQuality, 1.0, at, &config);
        }
        assert_eq!(
            [agent.idle_ms(7000), agent.idle_ms(4500), agent.idle_ms(i64::MAX)],
            [2000, 0, i64::MAX as u64 - 5000]
        );
    }

    proptest! {
        /// In two steps or in one, it comes to the same; and it only falls,
        /// never below neutral.
        #[test]
        fn decay_composes(score in 0.0..=1000.0f64, first in 0..400 * DAY, second in 0..400 * DAY, half in 1..90 * DAY) {
            let half = HalfLife::from_millis(half).expect("above 0");
            let (once, twice) = (half.decayed(score, first + second), half.decayed(half.decayed(score, first), second));
            prop_assert!((once - twice).abs() < 1e-9, "{once} {twice}");
            prop_assert!(once <= score && once >= score.min(500.0));
        }
    }
}
