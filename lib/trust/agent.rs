//! One agent: its window, its history, and whether it is revoked.

use super::{Config, Dimension, Ring, Window};

/// The total of an agent that was never scored.
pub const NEUTRAL_TOTAL: u16 = 500;
/// Recalculations an agent remembers.
const HISTORY: usize = 100;
/// A signal with a value below it is acted on at once.
const CRITICAL: f64 = 0.3;

/// What an agent's total lets it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Below 300.
    Untrusted,
    /// 300 to 499.
    Probationary,
    /// 500 to 699.
    Standard,
    /// 700 to 899.
    Trusted,
    /// 900 to 1000.
    VerifiedPartner,
}

impl Tier {
    /// The tier of that total.
    pub fn of(total: u16) -> Self {
        match total {
            900.. => Self::VerifiedPartner,
            700.. => Self::Trusted,
            500.. => Self::Standard,
            300.. => Self::Probationary,
            _ => Self::Untrusted,
        }
    }

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Probationary => "probationary",
            Self::Standard => "standard",
            Self::Trusted => "trusted",
            Self::VerifiedPartner => "verified_partner",
        }
    }
}

/// Where an agent's totals go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// The last five average over 50 above those before.
    Improving,
    /// The last five average over 50 below those before.
    Degrading,
    /// Neither.
    Stable,
}

impl Trend {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Improving => "improving",
            Self::Degrading => "degrading",
            Self::Stable => "stable",
        }
    }
}

/// One recalculation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The total it gave.
    pub total: u16,
}

/// An agent's revocation; nothing undoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The total that caused it.
    pub total: u16,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

impl Revocation {
    /// The engine's own words.
    pub fn reason(&self) -> String {
        format!("Trust score {} below threshold", self.total)
    }
}

/// Times are kept in 54 bits of milliseconds, a total in 10: half the memory.
type Packed = i64;

fn pack(point: Point) -> Packed {
    (point.at << 10) | i64::from(point.total)
}

fn unpack(packed: Packed) -> Point {
    Point { at: packed >> 10, total: (packed & 0x3ff) as u16 }
}

/// What is known of one agent.
#[derive(Clone, Debug)]
pub struct Agent {
    window: Window,
    history: Ring<Packed, HISTORY>,
    revocation: Option<Revocation>,
    last_signal: i64,
    signals: u64,
    late: u32,
    total: u16,
    stale: bool,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            window: Window::default(),
            history: Ring::default(),
            revocation: None,
            last_signal: i64::MIN,
            signals: 0,
            late: 0,
            total: NEUTRAL_TOTAL,
            stale: false,
        }
    }
}

/// All of an agent that outlives a process, as [`Agent::from_parts`] takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// The window's dimensions, oldest first; at most 1,000.
    pub order: Vec<Dimension>,
    /// Each dimension's last values, oldest first; at most 100 each.
    pub values: [Vec<f64>; Dimension::COUNT],
    /// Recalculations, oldest first; at most 100.
    pub history: Vec<Point>,
    /// Set once the agent is revoked.
    pub revocation: Option<Revocation>,
    /// The newest signal's own time, in milliseconds since 1970.
    pub last_signal: i64,
    /// Signals ever taken.
    pub signals: u64,
    /// Those of them that were older than one before them.
    pub late: u32,
    /// The last total.
    pub total: u16,
    /// Whether a signal has come since that total.
    pub stale: bool,
}

impl Agent {
    /// Takes a signal: `value` is 0 to 1, `at` its own time. One below 0.3 is
    /// acted on at once; true if it was.
    pub fn signal(&mut self, dimension: Dimension, value: f64, at: i64, config: &Config) -> bool {
        self.window.push(dimension, value);
        self.signals += 1;
        if at < self.last_signal {
            self.late = self.late.saturating_add(1);
        } else {
            self.last_signal = at;
        }
        self.stale = true;
        let critical = value < CRITICAL;
        if critical {
            self.recalculate(at, config);
        }
        critical
    }

    /// Recalculates, appends to the history, and revokes if need be. Returns the
    /// total.
    pub fn recalculate(&mut self, at: i64, config: &Config) -> u16 {
        let total = self.window.total(&config.weights);
        self.total = total;
        self.stale = false;
        self.history.push(pack(Point { at, total }));
        if total < config.revocation_threshold && self.revocation.is_none() {
            self.revocation = Some(Revocation { total, at });
        }
        total
    }

    /// Recalculates if that makes another total, or revokes: where a signal has
    /// come since the last one, or that was under another configuration.
    pub fn settle(&mut self, at: i64, config: &Config) {
        let total = self.window.total(&config.weights);
        let falls = total < config.revocation_threshold && self.revocation.is_none();
        if total != self.total || falls {
            self.recalculate(at, config);
        }
    }

    /// The last total, 0 to 1000; 500 before the first.
    pub fn total(&self) -> u16 {
        self.total
    }

    /// Whether a signal has come since the last recalculation.
    pub fn stale(&self) -> bool {
        self.stale
    }

    /// The tier of the last total.
    pub fn tier(&self) -> Tier {
        Tier::of(self.total)
    }

    /// Its revocation, if it is revoked.
    pub fn revocation(&self) -> Option<Revocation> {
        self.revocation
    }

    /// Its last signals.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Recalculations, oldest first; at most 100.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = Point> {
        self.history.iter().map(unpack)
    }

    /// Signals ever taken.
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// Signals that were older than one before them.
    pub fn late(&self) -> u32 {
        self.late
    }

    /// The newest signal's own time; `None` before the first.
    pub fn last_signal(&self) -> Option<i64> {
        (self.last_signal != i64::MIN).then_some(self.last_signal)
    }

    /// Over the last ten totals: the mean of the newest five against that of the
    /// ones before.
    pub fn trend(&self) -> Trend {
        let recent: Vec<f64> = self.history().rev().take(10).map(|point| f64::from(point.total)).collect();
        let (newest, older) = recent.split_at(recent.len().min(5));
        if older.is_empty() {
            return Trend::Stable;
        }
        let mean = |totals: &[f64]| totals.iter().sum::<f64>() / totals.len() as f64;
        let (newest, older) = (mean(newest), mean(older));
        if newest > older + 50.0 {
            Trend::Improving
        } else if newest < older - 50.0 {
            Trend::Degrading
        } else {
            Trend::Stable
        }
    }

    /// All that outlives a process.
    pub fn parts(&self) -> Parts {
        Parts {
            order: self.window.order().collect(),
            values: Dimension::ALL.map(|dimension| self.window.values(dimension).collect()),
            history: self.history().collect(),
            revocation: self.revocation,
            last_signal: self.last_signal,
            signals: self.signals,
            late: self.late,
            total: self.total,
            stale: self.stale,
        }
    }

    /// The agent those parts are of; `None` if they do not belong together.
    pub fn from_parts(parts: &Parts) -> Option<Self> {
        let totals = parts.history.iter().map(|point| point.total).chain([parts.total]);
        if parts.history.len() > HISTORY || totals.into_iter().any(|total| total > 1000) {
            return None;
        }
        let mut history = Ring::default();
        for point in &parts.history {
            history.push(pack(*point));
        }
        Some(Self {
            window: Window::from_parts(&parts.order, &parts.values)?,
            history,
            revocation: parts.revocation,
            last_signal: parts.last_signal,
            signals: parts.signals,
            late: parts.late,
            total: parts.total,
            stale: parts.stale,
        })
    }
}
