//! Trust: lines → signals → windows → scores. The mathematics of the `AgentMesh` reward
//! engine 1.0.0a1, number for number.
//!
//! Pure: every time is an argument, in milliseconds since 1970 (UTC). Must not
//! know files, SQL, or a clock.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "counts are at most 1,000, totals are clamped to 0-1000, times fit 54 bits"
)]

mod agent;
pub mod bytes;
mod confidence;
mod config;
mod decay;
mod dimension;
mod effective;
mod explanation;
mod fleet;
mod graph;
pub mod partial;
pub mod read;
pub mod record;
mod report;
mod ring;
mod settings;
mod signal;
mod subject;
mod voices;
mod window;

pub use agent::{Agent, NEUTRAL_TOTAL, Parts, Point, Revocation, Tier, Trend};
pub use confidence::lower_bound;
pub use config::{Config, ConfigError};
pub use decay::HalfLife;
pub use dimension::Dimension;
pub use effective::{Beyond, Effective};
pub use explanation::explanation;
pub use fleet::{Fleet, Handle};
pub use graph::{DAMPING, Graph, Heard};
pub use report::{Census, Period};
pub use ring::Ring;
pub use settings::{SETTINGS_LIMIT_BYTES, SettingsError, SettingsFault};
pub use signal::{RECENT, Recent, Shown, Signal};
pub use subject::{Standing, Subject};
pub use voices::{Said, VOICES_LIMIT, Voices, key_of};
pub use window::{SLICE, WINDOW, Window};

#[cfg(test)]
mod tests;
