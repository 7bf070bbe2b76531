//! `--state`: scores over runs, and any time's again from the log.

use crate::intake::{Intake, Taken};
use crate::keeper::Keeper;
use crate::run::Run;
use cooee::cli::{Exit, Failure, Io};
use cooee::store::{Error, Fault, Trust};
use cooee::trust::bytes::{Entries, Entry};
use cooee::trust::{Beyond, Config, Fleet, Handle};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Opens the state, or makes it; with `log`, one that keeps its signals.
pub fn open(path: &Path, log: bool) -> Result<Trust, Failure> {
    with_log(Trust::open(path)?, path, log)
}

/// As [`open`], or for reading where the file may not be written: who only
/// looks needs no more, and a signal is refused when it comes.
pub fn open_or_read(path: &Path, log: bool) -> Result<Trust, Failure> {
    match Trust::open(path) {
        Err(Error { fault: Fault::ReadOnly, .. }) if !log => Ok(Trust::read(path)?),
        opened => with_log(opened?, path, log),
    }
}

fn with_log(mut store: Trust, path: &Path, log: bool) -> Result<Trust, Failure> {
    if !log || store.keep_log()? {
        return Ok(store);
    }
    Err(Failure::could_not_run(format_args!("{}: has agents, and no log of their signals", path.display()))
        .hint("a log begins with the state: give --keep-log with a new file"))
}

/// Takes stdin to its end: all of it is kept, with one tick of the agents it
/// touched, or nothing. A terminal or no line at all means no new signals.
/// `clock` is the time of a signal that has none.
pub fn take(io: &mut Io, intake: &Intake, store: Trust, config: Config, clock: i64) -> Result<(Run, Exit), Failure> {
    let mut keeper = Keeper::of(store);
    let (mut began, mut taken) = (false, Taken::default());
    if let Some(input) = io.stdin_or_terminal() {
        let _progress = io.progress();
        taken = intake.all(io, input, |seen| {
            if !began {
                keeper.begin()?;
                began = true;
            }
            Ok(seen.whole(|signal| keeper.take(signal, clock, &config))?.is_some())
        })?;
    }
    let now = taken.newest.unwrap_or(clock);
    if began {
        keeper.tick(now, &config, |_, _, _| ());
        keeper.commit()?;
    }
    let exit = taken.end(io);
    let (fleet, store) = keeper.into_parts();
    Ok((Run { fleet, store, config, beyond: Beyond::default(), now }, exit))
}

/// Opens a state to look at a time gone by.
pub fn open_log(path: &Path) -> Result<Trust, Failure> {
    let store = Trust::read(path)?;
    if store.keeps_log() {
        return Ok(store);
    }
    Err(no_log(path).hint("--as-of needs a state that was made with --keep-log"))
}

/// A state has no log where one is needed.
pub fn no_log(path: &Path) -> Failure {
    Failure::could_not_run(format_args!("{}: has no log of its signals", path.display()))
}

/// What was ever said of collaboration, as the log has it.
pub fn voices(store: &Trust) -> Result<Fleet, Error> {
    let mut fleet = Fleet::default().with_voices();
    store.replay(|_, entries| {
        for entry in Entries::new(entries) {
            if let Entry::Signal(did, shown) = entry? {
                let handle = fleet.handle(did);
                fleet.hear(handle, &shown);
            }
        }
        Ok(())
    })?;
    Ok(fleet)
}

/// The agents as they stood at that time by their signals' own times, and the
/// configuration of then.
pub fn as_of(store: &Trust, until: i64, fleet: Fleet) -> Result<(Fleet, Config), Error> {
    let mut fleet = fleet.with_recent();
    let mut runs: HashMap<i64, Logged> = HashMap::new();
    let mut config = Config::default();
    let mut waiting = HashSet::new();
    store.replay(|number, entries| {
        let logged = runs.entry(number).or_default();
        for entry in Entries::new(entries) {
            match entry? {
                Entry::Signal(did, shown) if shown.at <= until => {
                    let handle = fleet.handle(did);
                    fleet.agent_mut(handle).signal(shown.dimension, shown.value, shown.at, &logged.config);
                    fleet.hear(handle, &shown);
                    fleet.remember(handle, shown);
                    logged.touched.insert(handle);
                    config.clone_from(&logged.config);
                }
                Entry::Signal(..) => {}
                Entry::Tick(at) => {
                    for handle in logged.touched.drain() {
                        if at <= until {
                            fleet.agent_mut(handle).recalculate(at, &logged.config);
                        } else {
                            waiting.insert(handle);
                        }
                    }
                }
                Entry::Config(new) => logged.config = new,
            }
        }
        Ok(())
    })?;
    // Those whose tick was still to come have one now, as at the end of a run.
    waiting.extend(runs.into_values().flat_map(|logged| logged.touched));
    for handle in waiting {
        fleet.agent_mut(handle).recalculate(until, &config);
    }
    for handle in fleet.handles() {
        fleet.agent_mut(handle).settle(until, &config);
    }
    Ok((fleet, config))
}

#[derive(Default)]
struct Logged {
    config: Config,
    touched: HashSet<Handle>,
}
