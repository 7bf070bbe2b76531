//! How agents are judged: the configuration, and what goes beyond the engine's
//! own numbers. Each is off unless asked for.

use crate::run::Run;
use crate::settings::ConfigFile;
use crate::state;
use cooee::cli::{Failure, Io, duration, read_bounded};
use cooee::trust::read::NAME_LIMIT_BYTES;
use cooee::trust::{Beyond, Config, Fleet, Graph, HalfLife};
use jiff::SignedDuration;
use std::path::{Path, PathBuf};

/// A file of pre-trusted agents is never longer: 1 MiB.
const PRETRUSTED_LIMIT_BYTES: u64 = 1 << 20;

#[derive(clap::Args)]
pub struct Judging {
    /// Take weights, thresholds and interval from this TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Judge by scores that fade: half of what is above 500 when idle so long
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["revocations", "partial"], value_parser = duration)]
    decay: Option<SignedDuration>,
    /// Judge by what so few signals prove: the lower bound at 95 %
    #[arg(long, conflicts_with_all = ["revocations", "partial"])]
    confidence: bool,
    /// Judge by whose word it is: trust starts at this DID, or a file's
    #[arg(long, value_name = "DID", conflicts_with_all = ["follow", "revocations", "partial"])]
    trust_graph: Vec<String>,
}

/// The same, loaded.
pub struct Judge {
    half_life: Option<HalfLife>,
    confidence: bool,
    pretrusted: Option<Vec<String>>,
}

impl Judging {
    /// A file of configuration was named.
    pub fn is_configured(&self) -> bool {
        self.config.is_some()
    }

    /// The configuration: the default, or that of a file, which may change.
    pub fn config(&self) -> Result<(Config, Option<ConfigFile>), Failure> {
        let Some(path) = &self.config else { return Ok((Config::default(), None)) };
        let (file, config) = ConfigFile::open(path.clone())?;
        Ok((config, Some(file)))
    }

    /// What is asked for, before anything is read.
    pub fn load(&self) -> Result<Judge, Failure> {
        let mut pretrusted = Vec::new();
        for named in &self.trust_graph {
            if named.starts_with("did:") {
                pretrusted
                    .push(name(named).map_err(|fault| Failure::could_not_run(format_args!("--trust-graph {fault}")))?);
            } else {
                pretrusted.extend(names(Path::new(named))?);
            }
        }
        let half_life = self.decay.and_then(|time| HalfLife::from_millis(u64::try_from(time.as_millis()).ok()?));
        if self.decay.is_some() && half_life.is_none() {
            return Err(Failure::could_not_run("--decay is shorter than a millisecond"));
        }
        Ok(Judge { half_life, confidence: self.confidence, pretrusted: (!pretrusted.is_empty()).then_some(pretrusted) })
    }
}

impl Judge {
    /// The fleet, which is to keep what judging it will need, and what was said of
    /// agents if that is to be printed.
    pub fn fleet(&self, fleet: Fleet, voices: bool) -> Fleet {
        if voices || self.pretrusted.is_some() { fleet.with_voices() } else { fleet }
    }

    /// Whether all that was said of collaboration is needed.
    pub fn wants_graph(&self) -> bool {
        self.pretrusted.is_some()
    }

    /// Judges without a graph.
    pub fn alone(&self) -> Beyond {
        Beyond { half_life: self.half_life, confidence: self.confidence, graph: None }
    }

    /// Judges with all that was heard.
    pub fn beyond(&self, io: &Io, run: &Run) -> Result<Beyond, Failure> {
        let Some(pretrusted) = &self.pretrusted else { return Ok(self.alone()) };
        let logged = run.store.as_ref().map(state::voices).transpose()?;
        let fleet = logged.as_ref().unwrap_or(&run.fleet);
        if fleet.unheard() > 0 {
            io.warn(&format!(
                "the trust graph is full: {} words of new speakers were not heard in it",
                fleet.unheard()
            ));
        }
        Ok(Beyond { graph: Some(Graph::rank(pretrusted, fleet.heard().collect())), ..self.alone() })
    }
}

/// One DID a line; blank lines and those that start with `#` are no DIDs.
fn names(path: &Path) -> Result<Vec<String>, Failure> {
    let shown = path.display();
    let text = read_bounded(path, PRETRUSTED_LIMIT_BYTES)?.ok_or_else(|| {
        Failure::could_not_run(format_args!("{shown}: no such file"))
            .hint("--trust-graph takes a DID, or a file with one on each line")
    })?;
    let text = std::str::from_utf8(&text).map_err(|_| Failure::could_not_run(format_args!("{shown}: not UTF-8")))?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let read =
        |(at, line)| name(line).map_err(|fault| Failure::could_not_run(format_args!("{shown}: line {at}: {fault}")));
    let names: Vec<String> = lines.map(read).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(Failure::could_not_run(format_args!("{shown}: names nobody"))
            .hint("without a pre-trusted agent there is nobody that trust could start from"));
    }
    Ok(names)
}

fn name(text: &str) -> Result<String, String> {
    if text.len() > NAME_LIMIT_BYTES || text.chars().any(char::is_control) {
        return Err(format!("\"{text}\" is no DID"));
    }
    Ok(text.to_owned())
}
