//! Stdin's blocks, read ahead and parsed on all cores, handed out in their order.
//!
//! Must not know what becomes of a signal: that happens on one thread, in the
//! order of the lines.

use cooee::cli::{Failure, Input};
use cooee::jsonl::{Block, Blocks};
use cooee::trust::read::Parsed;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

const THREADS_LIMIT: usize = 8;

/// A block and what its lines say.
#[derive(Default)]
pub struct Work {
    pub block: Block,
    pub parsed: Parsed,
}

/// The input, read by one thread at a time.
struct Source {
    blocks: Blocks<Input>,
    next: usize,
}

/// What waits for whom.
#[derive(Default)]
struct Shelf {
    /// Parsed, by their places in the input.
    done: BTreeMap<usize, Work>,
    /// To be filled.
    free: Vec<Work>,
    /// How many blocks there are, once that is known.
    count: Option<usize>,
    /// Why the input cannot be read on.
    failure: Option<Failure>,
    /// Nobody wants more.
    stopped: bool,
}

struct Shared {
    source: Mutex<Source>,
    shelf: Mutex<Shelf>,
    changed: Condvar,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands every block to `each`, in order. Threads are started only once the
/// first block did not hold all: a short input is done sooner than they start.
/// They are not waited for: one may hang in a read that no longer matters.
pub fn all(input: Input, mut each: impl FnMut(&Work) -> Result<(), Failure>) -> Result<(), Failure> {
    let source = Mutex::new(Source { blocks: Blocks::new(input), next: 0 });
    let shared = Arc::new(Shared { source, shelf: Mutex::default(), changed: Condvar::new() });
    shared.fill(Work::default());
    let first = locked(&shared.shelf).done.remove(&0);
    let Some(first) = first else { return shared.end() };
    let threads = if first.block.is_last() {
        1
    } else {
        thread::available_parallelism().map_or(1, usize::from).min(THREADS_LIMIT)
    };
    each(&first)?;
    // Two for each thread: one is parsed while the other waits for its turn.
    locked(&shared.shelf).free.extend((1..2 * threads).map(|_| Work::default()).chain([first]));
    for _ in 1..threads {
        let shared = Arc::clone(&shared);
        thread::spawn(move || shared.work());
    }
    let outcome = shared.hand_out(&mut each);
    locked(&shared.shelf).stopped = true;
    shared.changed.notify_all();
    outcome.and_then(|()| shared.end())
}

impl Shared {
    fn hand_out(&self, each: &mut impl FnMut(&Work) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut next = 1;
        loop {
            let mut waiting = locked(&self.shelf);
            if let Some(work) = waiting.done.remove(&next) {
                drop(waiting);
                each(&work)?;
                next += 1;
                locked(&self.shelf).free.push(work);
                self.changed.notify_all();
            } else if waiting.count.is_some_and(|count| count <= next) {
                return Ok(());
            } else if let Some(work) = waiting.free.pop() {
                drop(waiting);
                self.fill(work);
            } else {
                drop(self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// What a thread does: fills blocks, as long as there is input.
    fn work(&self) {
        // A panic here would leave the others waiting for ever.
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            loop {
                let mut waiting = locked(&self.shelf);
                let work = loop {
                    if waiting.stopped || waiting.count.is_some() {
                        return;
                    }
                    match waiting.free.pop() {
                        Some(work) => break work,
                        None => waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                    }
                };
                drop(waiting);
                self.fill(work);
            }
        }));
        if panicked.is_err() {
            self.over(0, Some(Failure::could_not_run("a thread that reads stdin has ended early")));
        }
    }

    /// Reads the next block and parses it.
    fn fill(&self, mut work: Work) {
        let mut source = locked(&self.source);
        let place = source.next;
        match source.blocks.next(&mut work.block) {
            Ok(true) => {
                source.next += 1;
                drop(source);
                work.parsed.read(&work.block);
                locked(&self.shelf).done.insert(place, work);
                self.changed.notify_all();
            }
            Ok(false) => self.over(place, None),
            Err(error) => self.over(place, Some(Failure::could_not_run(format_args!("reading stdin: {error}")))),
        }
    }

    fn over(&self, count: usize, failure: Option<Failure>) {
        let mut waiting = locked(&self.shelf);
        waiting.count = Some(count);
        if failure.is_some() {
            waiting.failure = failure;
        }
        drop(waiting);
        self.changed.notify_all();
    }

    fn end(&self) -> Result<(), Failure> {
        locked(&self.shelf).failure.take().map_or(Ok(()), Err)
    }
}
