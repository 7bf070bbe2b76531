//! Arguments about what lasts longer than one input: states, following, times
//! gone by.

use crate::desk::Desk;
use crate::follow::{self, Say};
use crate::intake::{self, Intake, Names};
use crate::keeper::Keeper;
use crate::run::Run;
use crate::settings::{ConfigFile, Tuning};
use crate::state;
use crate::view::needs;
use cooee::cli::{Exit, Failure, Io};
use cooee::trust::{Beyond, Config, Fleet};
use std::path::PathBuf;

// No doc comment: clap would print it as the command's description.
#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Keeping {
    /// Keep scores over runs in this file
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// With a new --state, log every signal, for --as-of
    #[arg(long, requires = "state", conflicts_with = "as_of")]
    keep_log: bool,
    /// With --state, print every agent, not only those touched
    #[arg(long, requires = "state", conflicts_with = "follow")]
    pub all: bool,
    /// Score as if it were then; with --state, from its log
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    as_of: Option<i64>,
    /// Stay, and print every change of a score
    #[arg(long, conflicts_with = "as_of")]
    pub follow: bool,
    /// With --follow, seconds between ticks, 1 to 300 [default: 30]
    #[arg(long, value_name = "SECONDS", requires = "follow", value_parser = clap::value_parser!(u16).range(1..=300))]
    interval: Option<u16>,
}

/// How stdin is taken.
pub struct Plan {
    /// Stop at the first line that is rejected.
    pub strict: bool,
    /// Recalculate every agent at the end.
    pub ticks: bool,
    /// All that was said of collaboration will be asked for.
    pub graph: bool,
}

impl Keeping {
    /// What goes with a state, or with following, where that is not asked for.
    pub fn check(&self) -> Result<(), Failure> {
        needs("--keep-log", self.keep_log, "--state", self.state.is_some())?;
        needs("--all", self.all, "--state", self.state.is_some())?;
        needs("--interval", self.interval.is_some(), "--follow", self.follow)
    }

    /// Whether a state's log is replayed.
    pub fn replays(&self) -> bool {
        self.state.is_some() && self.as_of.is_some()
    }

    /// Stays in the pipe.
    pub fn follow(
        &self,
        io: &mut Io,
        (config, file): (Config, Option<ConfigFile>),
        strict: bool,
        say: Say,
    ) -> Result<Exit, Failure> {
        let tuning = Tuning::new(config, file, self.interval);
        let keeper = match &self.state {
            Some(path) => Keeper::of(state::open(path, self.keep_log)?),
            None => Keeper::in_memory(),
        };
        let say = Say { kept: self.state.is_some(), ..say };
        follow::run(io, Desk::new(strict), keeper, tuning, say)
    }

    /// Takes stdin to its end, or looks back.
    pub fn take(&self, io: &mut Io, config: Config, fleet: Fleet, plan: &Plan) -> Result<(Run, Exit), Failure> {
        let clock = crate::clock();
        match (&self.state, self.as_of) {
            (Some(path), Some(at)) => {
                let store = state::open_log(path)?;
                let (fleet, config) = state::as_of(&store, at, fleet)?;
                Ok((Run { fleet, store: None, config, beyond: Beyond::default(), now: at }, Exit::Done))
            }
            (Some(path), None) => {
                let store = state::open_or_read(path, self.keep_log)?;
                if plan.graph && !store.keeps_log() {
                    return Err(state::no_log(path).hint("--trust-graph needs a state that was made with --keep-log"));
                }
                state::take(io, &Intake { strict: plan.strict }, store, config, clock)
            }
            (None, at) => {
                let mut run = Run { fleet, store: None, config, beyond: Beyond::default(), now: at.unwrap_or(clock) };
                let input = io.stdin()?;
                let progress = io.progress();
                let (fleet, config, started) = (&mut run.fleet, &run.config, run.now);
                let mut names = Names::default();
                let taken = Intake { strict: plan.strict }.all(io, input, |seen| {
                    if !names.first(&seen) {
                        return Ok(false);
                    }
                    // What came later is not known yet.
                    if at.is_none_or(|at| seen.at().is_none_or(|own| own <= at)) {
                        seen.count(fleet, started, config);
                    }
                    Ok(true)
                })?;
                drop(progress);
                if taken.lines() == 0 {
                    return Err(intake::none());
                }
                // Same input, same bytes: the newest signal says what time it is.
                run.now = at.or(taken.newest).unwrap_or(run.now);
                if plan.ticks {
                    run.fleet.tick(run.now, &run.config);
                }
                let exit = taken.end(io);
                Ok((run, exit))
            }
        }
    }
}

/// A time as an argument.
fn time(text: &str) -> Result<i64, String> {
    let at = cooee::trust::read::millis(text.as_bytes());
    at.ok_or_else(|| "expected an RFC 3339 time such as 2026-01-31T12:00:00Z".to_owned())
}
