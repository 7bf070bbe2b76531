//! `--config`: read once, and again while `--follow` stays.

use cooee::cli::{Failure, Io, read_bounded, read_regular};
use cooee::trust::{Config, SETTINGS_LIMIT_BYTES};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file is looked at at least so often; 60 s is what is promised.
const LOOK: Duration = Duration::from_secs(30);

/// A configuration file that may change.
pub struct ConfigFile {
    path: PathBuf,
    /// What the configuration that holds was read from.
    text: Vec<u8>,
    /// What was said last of a text that is not good.
    complaint: Option<String>,
    /// A pipe cannot be read twice.
    regular: bool,
}

/// How a file is read, up to a limit; `None` if there is none.
type Read = fn(&Path, u64) -> Result<Option<Vec<u8>>, Failure>;

impl ConfigFile {
    /// Reads the file: all of it is good, or nothing runs.
    pub fn open(path: PathBuf) -> Result<(Self, Config), Failure> {
        let regular = std::fs::metadata(&path).is_ok_and(|about| about.is_file());
        let mut file = Self { path, text: Vec::new(), complaint: None, regular };
        let (text, config) = file.read(read_bounded)?;
        file.text = text;
        Ok((file, config))
    }

    /// The new configuration, if the file has changed and is good. One that is
    /// not is said once, and the old one holds on. The whole file is compared,
    /// since its time may be the same: call it at least every 60 s.
    pub fn reload(&mut self, io: &Io) -> Option<Config> {
        if !self.regular {
            return None;
        }
        // A pipe that took the file's place would hold up all scores.
        match self.read(read_regular) {
            Ok((text, config)) => {
                self.complaint = None;
                let changed = text != self.text;
                self.text = text;
                if changed {
                    io.log(|| format!("{}: the new configuration holds", self.path.display()));
                }
                changed.then_some(config)
            }
            Err(failure) => {
                if self.complaint.as_deref() != Some(failure.message()) {
                    io.warn(failure.message());
                    io.hint("the configuration from before holds on");
                    self.complaint = Some(failure.message().to_owned());
                }
                None
            }
        }
    }

    fn read(&self, read: Read) -> Result<(Vec<u8>, Config), Failure> {
        let path = self.path.display();
        let text = read(&self.path, SETTINGS_LIMIT_BYTES)?
            .ok_or_else(|| Failure::could_not_run(format_args!("{path}: no such file")))?;
        let utf8 = std::str::from_utf8(&text).map_err(|error| {
            let line = 1 + text[..error.valid_up_to()].split(|byte| *byte == b'\n').skip(1).count();
            Failure::could_not_run(format_args!("{path}: line {line}: not UTF-8")).hint("a configuration is TOML text")
        })?;
        let config = Config::from_toml(utf8)
            .map_err(|error| Failure::could_not_run(format_args!("{path}: {error}")).hint(error.hint()))?;
        Ok((text, config))
    }
}

/// The configuration while the command stays.
pub struct Tuning {
    pub config: Config,
    file: Option<ConfigFile>,
    /// What `--interval` says, whatever the file does.
    interval: Option<u16>,
    look: Instant,
}

impl Tuning {
    /// `interval` goes before the file's.
    pub fn new(config: Config, file: Option<ConfigFile>, interval: Option<u16>) -> Self {
        let mut tuning = Self { config, file, interval, look: Instant::now() };
        tuning.settle();
        tuning
    }

    fn settle(&mut self) {
        self.config.update_interval_seconds = self.interval.unwrap_or(self.config.update_interval_seconds);
        let tick = Duration::from_secs(self.config.update_interval_seconds.into());
        self.look = Instant::now() + tick.min(LOOK);
    }

    /// Milliseconds between ticks.
    pub fn interval_ms(&self) -> i64 {
        i64::from(self.config.update_interval_seconds) * 1000
    }

    /// When the file is to be looked at again, if there is one.
    pub fn due(&self) -> Option<Instant> {
        self.file.as_ref().map(|_| self.look)
    }

    /// Looks at the file if it is time; true if there is a new configuration.
    pub fn reload(&mut self, io: &Io) -> bool {
        let Some(file) = self.file.as_mut().filter(|_| Instant::now() >= self.look) else { return false };
        let new = file.reload(io);
        let changed = new.is_some();
        if let Some(config) = new {
            self.config = config;
        }
        self.settle();
        changed
    }
}
