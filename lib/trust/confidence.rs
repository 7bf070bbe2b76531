//! Confidence: how good a total is at the least, for the few signals it rests on.

use super::{Agent, Dimension};

/// The standard normal's 95 % quantile: one time in twenty the truth is lower.
const Z: f64 = 1.644_853_626_951_472_2;

/// The Wilson score interval's lower bound (Wilson 1927) for a share of 0 to 1
/// seen in `signals` observations, on the scale 0 to 1000 of totals. One-sided,
/// 95 %. No observation: 0. Values between 0 and 1 vary less than successes and
/// failures do, so for them the bound is on the safe side.
pub fn lower_bound(score: f64, signals: u32) -> f64 {
    if signals == 0 {
        return 0.0;
    }
    let (share, n) = ((score / 1000.0).clamp(0.0, 1.0), f64::from(signals));
    let z2 = Z * Z;
    let centre = share + z2 / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // At 0 the two are equal, and rounding must not make it less.
    ((centre - spread) / (1.0 + z2 / n)).clamp(0.0, 1.0) * 1000.0
}

impl Agent {
    /// Signals that the total rests on: the last 100 of each dimension, 0 to 500.
    pub fn weighed(&self) -> u32 {
        Dimension::ALL.iter().map(|dimension| self.window().values(*dimension).count() as u32).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Config;
    use proptest::prelude::*;

    /// The numbers of the man page.
    #[test]
    fn few_signals_prove_little() {
        let bounds = [1, 5, 10, 50, 100, 500].map(|n| lower_bound(900.0, n) as u16);
        assert_eq!(bounds, [219, 533, 652, 808, 839, 875]);
        assert_eq!([lower_bound(1000.0, 1), lower_bound(1000.0, 500)].map(|bound| bound as u16), [269, 994]);
        assert_eq!([lower_bound(0.0, 10), lower_bound(500.0, 0)].map(f64::to_bits), [0, 0]);
    }

    #[test]
    fn a_total_rests_on_the_last_hundred_of_each_dimension() {
        let (mut agent, config) = (Agent::default(), Config::default());
        assert_eq!(agent.weighed(), 0);
        for turn in 0..150 {
            agent.signal(Dimension::PolicyCompliance, 1.0, turn, &config);
        }
        agent.signal(Dimension::OutputQuality, 1.0, 150, &config);
        assert_eq!((agent.weighed(), agent.window().len()), (101, 151));
    }

    proptest! {
        /// More of the same proves more, a better score is never worse, nothing
        /// is above what was seen, and the unknown never beats the known.
        #[test]
        fn bounds_keep_their_order(score in 0.0..=1000.0f64, better in 0.0..=1000.0f64, n in 1..500u32, more in 0..500u32) {
            let bound = lower_bound(score, n);
            prop_assert!(bound <= lower_bound(score, n + more) + 1e-9);
            prop_assert!(bound <= lower_bound(score.max(better), n) + 1e-9);
            prop_assert!(bound <= score + 1e-9);
            prop_assert!(lower_bound(500.0, 0) <= bound);
            // What the bound is by definition: the share from which what was
            // seen is Z standard deviations away.
            let (seen, least) = (score / 1000.0, bound / 1000.0);
            let deviation = (least * (1.0 - least) / f64::from(n)).sqrt();
            prop_assert!((seen - least - Z * deviation).abs() < 1e-7, "{seen} {least}");
        }
    }
}
