//! The loop: whatever has arrived is judged in one transaction, and its answers
//! are printed when that is on disk.

use crate::batch::{self, Leader};
use crate::intake::{self, Item};
use cooee::cli::{Arrival, Arrivals, Exit, Failure, Io, Line, Reject, Tally};
use cooee::enrol::SHORT_NUMBERS;
use cooee::jsonl::Scanner;
use cooee::store::Registry;
use std::thread;
use std::time::Duration;

/// Lines in one transaction at most.
const BATCH_LINES: usize = 4096;
/// Below this a second thread costs more than it saves.
const PARALLEL_LINES: usize = 16;

/// Judges stdin to its end.
pub fn requests(io: &mut Io, registry: &mut Registry, leader: &Leader, strict: bool) -> Result<Exit, Failure> {
    let mut arrivals = io.arrivals()?;
    let mut tally = Tally::default();
    let mut full = false;
    while let Some(lines) = arrived(&mut arrivals)? {
        let mut items = Vec::with_capacity(lines.len());
        for (number, item) in read_all(&lines) {
            match item {
                Ok(Item::Other(kind)) => {
                    tally.taken += 1;
                    io.log(|| format!("line {number}: {kind} is not judged here"));
                }
                Ok(item) => {
                    tally.taken += 1;
                    items.push((number, item));
                }
                Err(reject) => {
                    tally.rejected += 1;
                    if let Err(failure) = io.reject(number, &reject, strict) {
                        // What came before it counts.
                        batch::judge(io, registry, leader, &items)?;
                        return Err(failure);
                    }
                }
            }
        }
        full |= batch::judge(io, registry, leader, &items)?;
        io.out.flush()?;
    }
    warn_if_nearly_full(io, registry, leader)?;
    if tally == Tally::default() && !arrivals.asked_to_end() {
        return Err(Failure::could_not_run("expected requests on stdin, got nothing")
            .hint("the command before this one may have failed"));
    }
    Ok(if full { tally.exit().worst(Exit::Temporary) } else { tally.exit() })
}

/// A fleet that gives out short tokens only hears of its end in time.
fn warn_if_nearly_full(io: &Io, registry: &Registry, leader: &Leader) -> Result<(), Failure> {
    if leader.only.is_none_or(|version| version == 3) {
        return Ok(());
    }
    let used = registry.numbers_used()?;
    if used * 10 >= SHORT_NUMBERS * 9 {
        io.warn(&format!("{used} of {SHORT_NUMBERS} numbers are used up"));
        io.hint("without --only and \"only\" in fleet.json, longer tokens follow");
    }
    Ok(())
}

/// Waits for what comes first, then takes what else is there.
fn arrived(arrivals: &mut Arrivals) -> Result<Option<Vec<Line>>, Failure> {
    let mut lines = Vec::new();
    while lines.len() < BATCH_LINES {
        match arrivals.next(if lines.is_empty() { None } else { Some(Duration::ZERO) })? {
            Arrival::Lines(mut more) => lines.append(&mut more),
            Arrival::End if lines.is_empty() => return Ok(None),
            Arrival::Quiet | Arrival::End => break,
        }
    }
    Ok(Some(lines))
}

/// Reads lines and checks signatures on all cores, in order.
fn read_all(lines: &[Line]) -> Vec<(u64, Result<Item, Reject>)> {
    spread(lines, || {
        let mut scanner = Scanner::default();
        move |(number, line): &Line| {
            let item = match line {
                Ok(line) => intake::read(line, &mut scanner),
                Err(fault) => Err(Reject::new(fault)),
            };
            (*number, item)
        }
    })
}

/// `work` on every item, spread over the cores where there is enough of it; the
/// order stays. `make` gives each thread its own.
pub fn spread<T: Sync, R: Send, F: FnMut(&T) -> R>(items: &[T], make: impl Fn() -> F + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(cores).max(PARALLEL_LINES);
    if items.len() <= share {
        return items.iter().map(make()).collect();
    }
    thread::scope(|scope| {
        let shares = items.chunks(share);
        let threads: Vec<_> =
            shares.map(|share| scope.spawn(|| share.iter().map(make()).collect::<Vec<R>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a panic would have ended the process")).collect()
    })
}
