//! Consumers on the socket: one connection at a time reads under a name, and
//! what it has taken is written down behind it.

use super::core::Ticket;
use super::request::{Decoded, Shared, stopping};
use crate::attach::{Reply, Request};
use crate::mesh::{Input, Origin, Page, Reader, Subscription};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

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
        let writer = tokio::spawn(write_down(watched, turn, shared.clone()));
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

/// One step is under way at a time; what is taken meanwhile is in the next.
/// True: the last one is written.
async fn write_down<R>(mut progress: watch::Receiver<Progress>, turn: Turn, shared: Arc<Shared<R>>) -> bool {
    let mut written = progress.borrow_and_update().place();
    loop {
        let goes_on = progress.changed().await.is_ok();
        let place = progress.borrow_and_update().place();
        if place > written {
            let (sender, receiver) = oneshot::channel();
            let took = Input::Took { ticket: Ticket::Reply(sender), name: turn.name.clone(), place };
            // Where the node's thread has ended, the receiver says so.
            let _ = shared.inputs.send(took).await;
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
