//! Consumers on the socket: one connection at a time reads under a name, and
//! what it has taken is written down behind it.

use super::core::Ticket;
use super::request::{Decoded, Shared, stopping};
use crate::attach::{Reply, Request};
use crate::canon::canonical;
use crate::mesh::{Input, Known, Origin, Page, Reader, Subscription};
use crate::watch::NamedReader;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};

/// A reader that was killed lets its name go once what it sent is read.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names under which somebody reads.
#[derive(Debug, Default)]
pub(super) struct Turns {
    held: Mutex<HashSet<String>>,
    freed: Notify,
}

/// The right to read under a name, for as long as this lives.
#[derive(Debug)]
struct Turn {
    turns: Arc<Turns>,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.names().remove(&self.name);
        self.turns.freed.notify_waiters();
    }
}

impl Turns {
    fn names(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.held.lock().expect("nothing panics while it holds the lock")
    }

    async fn take(self: &Arc<Self>, name: &str) -> Option<Turn> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on no release is missed.
            freed.as_mut().enable();
            if self.names().insert(name.to_owned()) {
                return Some(Turn { turns: self.clone(), name: name.to_owned() });
            }
            tokio::time::timeout_at(end, freed).await.ok()?;
        }
    }
}

/// How far a connection's reader is.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// The last place that was handed out.
    handed: u64,
    /// The last place that was looked at.
    seen: u64,
    /// The last place that its reader has taken.
    taken: u64,
}

impl Progress {
    /// Up to here nothing is left to be taken.
    fn place(self) -> u64 {
        if self.taken >= self.handed { self.taken.max(self.seen) } else { self.taken }
    }
}

/// A consumer that a connection reads for.
#[derive(Debug)]
pub(super) struct Consumer {
    progress: watch::Sender<Progress>,
}

impl Consumer {
    /// Its reader has taken everything up to `place`.
    pub fn took(&self, place: u64) {
        self.progress.send_if_modified(|progress| {
            // What was not handed out cannot have been taken.
            let place = place.min(progress.handed);
            let rises = place > progress.taken;
            progress.taken = place.max(progress.taken);
            rises
        });
    }

    /// The reply for a page that is about to be sent. That nothing was in it for
    /// the reader is not worth writing down at once.
    pub fn hand(&self, page: &mut Page, subscription: &Subscription) -> Reply {
        let (events, places) = (std::mem::take(&mut page.events), std::mem::take(&mut page.places));
        self.progress.send_if_modified(|progress| {
            progress.handed = places.last().map_or(progress.handed, |last| progress.handed.max(*last));
            progress.seen = subscription.place();
            false
        });
        Reply::Handed { events, places }
    }
}

/// A connection's consumer: none, or one for its whole life.
#[derive(Debug, Default)]
pub(super) struct Seat {
    consumer: OnceLock<Arc<Consumer>>,
    writer: OnceLock<JoinHandle<bool>>,
}

impl Seat {
    pub fn consumer(&self) -> Option<&Arc<Consumer>> {
        self.consumer.get()
    }

    /// Begins to read under a name: the first reply and what follows it.
    pub async fn begin<R: Reader + 'static>(
        &self,
        request: Request,
        shared: &Arc<Shared<R>>,
    ) -> Result<(Reply, Arc<Consumer>, Subscription), Reply> {
        let Request::Consume { name, patterns, types, .. } = &request else { return Err(stopping()) };
        let wanted = |since| Subscription::new(patterns, types.clone(), since, false, 0);
        // Before anything is remembered.
        wanted(None).map_err(|error| Reply::from(&error))?;
        if self.consumer.get().is_some() {
            return Err(error("malformed", "a connection has one consumer"));
        }
        let turn = shared.turns.take(name).await.ok_or_else(|| busy(name))?;
        let reply = shared.submit(Decoded::Other(request.clone()), Origin::Local).await;
        let (place, since) = match reply.await {
            Ok(Reply::Began { place, since }) => (place, since),
            Ok(other) => return Err(other),
            Err(_) => return Err(stopping()),
        };
        let subscription = wanted(since).map_err(|error| Reply::from(&error))?.behind(place);
        let (progress, watched) = watch::channel(Progress { handed: place, seen: place, taken: place });
        let consumer = Arc::new(Consumer { progress });
        let writer = tokio::spawn(write_down(watched, place, turn, shared.inputs.clone()));
        if self.consumer.set(consumer.clone()).is_err() || self.writer.set(writer).is_err() {
            return Err(error("malformed", "a connection has one consumer"));
        }
        Ok((Reply::Began { place, since }, consumer, subscription))
    }

    /// Writes down what was taken, and lets the name go. False: there is no
    /// consumer, or not all could be written.
    pub async fn leave(self) -> bool {
        drop(self.consumer);
        match self.writer.into_inner() {
            Some(writer) => writer.await.unwrap_or(false),
            None => false,
        }
    }
}

/// Forgets a name under which nobody reads.
pub(super) async fn forget<R: Reader + 'static>(name: String, shared: &Arc<Shared<R>>) -> Reply {
    let Some(turn) = shared.turns.take(&name).await else { return busy(&name) };
    let reply = shared.submit(Decoded::Other(Request::Forget { name }), Origin::Local).await.await;
    drop(turn);
    reply.unwrap_or_else(|_| stopping())
}

/// All consumers that the log knows, and whether somebody reads for each.
pub(super) async fn list<R: Reader + 'static>(shared: &Arc<Shared<R>>) -> Reply {
    let readers = shared.clone();
    let known = spawn_blocking(move || readers.with_reader(Reader::known)).await;
    let known = match known {
        Ok(Ok(known)) => known,
        Ok(Err(fault)) => return error("storage", &fault.to_string()),
        Err(_) => return stopping(),
    };
    let held = shared.turns.names().clone();
    let record = |known: &Known| {
        canonical(&NamedReader {
            v: 1,
            name: known.name.clone(),
            place: known.consumer.place,
            waiting: known.waiting,
            reading: held.contains(&known.name),
            since: known.consumer.since_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            used: known.used,
        })
    };
    // 256 names of 64 characters fit into a frame.
    Reply::Consumers { records: known.iter().map(record).collect() }
}

/// Writes down what is taken behind `written`. One step is under way at a time;
/// what is taken meanwhile is in the next. True: the last one is written.
///
/// Where it begins is for the caller to say: a busy machine may run this task
/// for the first time only when its reader has taken all it wants and gone.
async fn write_down(
    mut progress: watch::Receiver<Progress>,
    mut written: u64,
    turn: Turn,
    inputs: mpsc::Sender<Input<Ticket>>,
) -> bool {
    loop {
        let goes_on = progress.changed().await.is_ok();
        let place = progress.borrow_and_update().place();
        if place > written {
            let (sender, receiver) = oneshot::channel();
            let took = Input::Took { ticket: Ticket::Reply(sender), name: turn.name.clone(), place };
            // Where the node's thread has ended, the receiver says so.
            let _ = inputs.send(took).await;
            if matches!(receiver.await, Ok(Reply::End)) {
                written = place;
            }
        }
        if !goes_on {
            return written >= place;
        }
    }
}

fn busy(name: &str) -> Reply {
    error("busy", &format!("another command is reading as \"{name}\""))
}

fn error(code: &str, reason: &str) -> Reply {
    Reply::Error { code: code.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A consumer that was begun behind place 3 and handed events up to 9, and
    /// what its writer is given.
    fn begun() -> (Consumer, impl Future<Output = bool>, mpsc::Receiver<Input<Ticket>>) {
        let (progress, watched) = watch::channel(Progress { handed: 3, seen: 3, taken: 3 });
        progress.send_if_modified(|progress| {
            (progress.handed, progress.seen) = (9, 9);
            false
        });
        let turn = Turn { turns: Arc::default(), name: "n".to_owned() };
        let (inputs, queue) = mpsc::channel(8);
        (Consumer { progress }, write_down(watched, 3, turn, inputs), queue)
    }

    async fn told(queue: &mut mpsc::Receiver<Input<Ticket>>, reply: Reply) -> u64 {
        let Some(Input::Took { ticket: Ticket::Reply(sender), name, place }) = queue.recv().await else {
            panic!("nothing is written down");
        };
        assert_eq!(name, "n");
        sender.send(reply).expect("it waits for the answer");
        place
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let limit = Duration::from_mins(1);
        runtime.block_on(async { tokio::time::timeout(limit, test).await }).expect("in time");
    }

    #[test]
    fn what_was_taken_before_its_writer_first_runs_is_written() {
        run(async {
            let (consumer, writer, mut queue) = begun();
            consumer.took(8);
            drop(consumer);
            let (written, place) = tokio::join!(writer, told(&mut queue, Reply::End));
            assert_eq!((place, written), (8, true));
            assert!(queue.recv().await.is_none(), "once");
        });
    }

    #[test]
    fn what_could_not_be_written_is_written_with_the_next_or_owned_up_to() {
        run(async {
            let (consumer, writer, mut queue) = begun();
            let reader = async {
                consumer.took(5);
                assert_eq!(told(&mut queue, error("storage", "full")).await, 5);
                consumer.took(4);
                consumer.took(6);
                assert_eq!(told(&mut queue, Reply::End).await, 6);
                consumer.took(7);
                drop(consumer);
                assert_eq!(told(&mut queue, error("storage", "full")).await, 7);
                assert_eq!(told(&mut queue, error("storage", "full")).await, 7, "once more at the end");
            };
            let (written, ()) = tokio::join!(writer, reader);
            assert!(!written, "its reader is not told that it is");
        });
    }

    #[test]
    fn what_was_not_handed_out_is_not_taken_and_all_taken_is_all_seen() {
        run(async {
            let (consumer, writer, mut queue) = begun();
            consumer.progress.send_if_modified(|progress| {
                progress.seen = 20;
                false
            });
            consumer.took(1 << 40);
            drop(consumer);
            let (written, place) = tokio::join!(writer, told(&mut queue, Reply::End));
            assert_eq!((place, written), (20, true), "nothing in between was asked for");
            let (consumer, writer, mut queue) = begun();
            drop(consumer);
            assert!(writer.await, "nothing was taken");
            assert!(queue.recv().await.is_none());
        });
    }
}
