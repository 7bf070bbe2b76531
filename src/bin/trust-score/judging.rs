//! How agents are judged: the options that go beyond the engine's own numbers.

use crate::settings;
use cooee::cli::Failure;
use cooee::trust::Config;
use std::path::PathBuf;

/// Each is off unless asked for.
#[derive(clap::Args)]
pub struct Judging {
    /// Take weights, thresholds and interval from this TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Judging {
    /// The configuration: the file's, or the default.
    pub fn config(&self) -> Result<Config, Failure> {
        match &self.config {
            Some(path) => settings::read(path).map(|(_, config)| config),
            None => Ok(Config::default()),
        }
    }
}
