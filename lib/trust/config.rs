//! What an operator may tune.

use super::Dimension;

/// How far from 1 the weights may sum.
const TOLERANCE: f64 = 0.001;

/// Weights, thresholds and the time between ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// One per dimension in the order of [`Dimension::ALL`], each 0 to 1.
    pub weights: [f64; Dimension::COUNT],
    /// A total below it at any recalculation revokes the agent; 0 to 1000.
    pub revocation_threshold: u16,
    /// A total below it puts an agent at risk; 0 to 1000.
    pub warning_threshold: u16,
    /// Seconds between ticks, 1 to 300.
    pub update_interval_seconds: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            weights: [0.25, 0.15, 0.20, 0.25, 0.15],
            revocation_threshold: 300,
            warning_threshold: 500,
            update_interval_seconds: 30,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A weight is negative, above 1 or no number.
    #[error("the weight of {} is {value}, which is not between 0 and 1", .dimension.name())]
    Weight {
        /// Whose weight.
        dimension: Dimension,
        /// What it is.
        value: f64,
    },
    /// The weights do not make a whole.
    #[error("the weights sum to {}, not to 1", (.0 * 1e6).round() / 1e6)]
    Sum(f64),
    /// A threshold is above 1000.
    #[error("{name} is {value}, which is not between 0 and 1000")]
    Threshold {
        /// Which threshold.
        name: &'static str,
        /// What it is.
        value: i64,
    },
    /// The interval is out of range.
    #[error("update_interval_seconds is {0}, which is not between 1 and 300")]
    Interval(i64),
}

impl Config {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (dimension, value) in Dimension::ALL.into_iter().zip(self.weights) {
            if !(0.0..=1.0).contains(&value) {
                return Err(ConfigError::Weight { dimension, value });
            }
        }
        let sum: f64 = self.weights.iter().sum();
        if (sum - 1.0).abs() >= TOLERANCE {
            return Err(ConfigError::Sum(sum));
        }
        for (name, value) in
            [("revocation_threshold", self.revocation_threshold), ("warning_threshold", self.warning_threshold)]
        {
            if value > 1000 {
                return Err(ConfigError::Threshold { name, value: value.into() });
            }
        }
        if !(1..=300).contains(&self.update_interval_seconds) {
            return Err(ConfigError::Interval(self.update_interval_seconds.into()));
        }
        Ok(())
    }
}
