//! Arguments about what lasts longer than one input: states, following, times
//! gone by.

use crate::desk::Desk;
use crate::follow;
use crate::intake::Intake;
use crate::keeper::Keeper;
use crate::run::Run;
use crate::state;
use cooee::cli::{Exit, Failure, Io};
use cooee::trust::{Config, Fleet};
use jiff::Timestamp;
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

impl Keeping {
    /// Stays in the pipe.
    pub fn follow(&self, io: &mut Io, mut config: Config, strict: bool) -> Result<Exit, Failure> {
        config.update_interval_seconds = self.interval.unwrap_or(config.update_interval_seconds);
        let keeper = match &self.state {
            Some(path) => Keeper::of(state::open(path, self.keep_log)?),
            None => Keeper::in_memory(),
        };
        follow::run(io, Desk::new(strict), keeper, config, follow::say_score)
    }

    /// Takes stdin to its end, or looks back. With `recent`, agents' last signals
    /// are kept to be shown.
    pub fn take(&self, io: &mut Io, config: Config, strict: bool, recent: bool) -> Result<(Run, Exit), Failure> {
        let clock = Timestamp::now().as_millisecond();
        match (&self.state, self.as_of) {
            (Some(path), Some(at)) => {
                let (fleet, config) = state::as_of(&state::open_log(path)?, at)?;
                Ok((Run { fleet, store: None, config, now: at }, Exit::Done))
            }
            (Some(path), None) => {
                let store = state::open_or_read(path, self.keep_log)?;
                state::take(io, Desk::new(strict), store, config, clock)
            }
            (None, at) => {
                let fleet = if recent { Fleet::default().with_recent() } else { Fleet::default() };
                let mut run = Run { fleet, store: None, config, now: at.unwrap_or(clock) };
                let input = io.stdin()?;
                let progress = io.progress();
                let (fleet, config, started) = (&mut run.fleet, &run.config, run.now);
                let taken = Intake { strict }.all(io, input, |seen| {
                    // What came later is not known yet.
                    if at.is_none_or(|at| seen.at().is_none_or(|own| own <= at)) {
                        seen.count(fleet, started, config);
                    }
                    Ok(())
                })?;
                drop(progress);
                // Same input, same bytes: the newest signal says what time it is.
                run.now = at.or(taken.newest).unwrap_or(run.now);
                run.fleet.tick(run.now, &run.config);
                Ok((run, taken.exit()))
            }
        }
    }
}

/// A time as an argument.
fn time(text: &str) -> Result<i64, String> {
    let at = cooee::trust::read::millis(text.as_bytes());
    at.ok_or_else(|| "expected an RFC 3339 time such as 2026-01-31T12:00:00Z".to_owned())
}
