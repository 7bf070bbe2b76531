//! From a frame to the node's thread: the same way for the socket and for
//! request-response.

use super::Say;
use super::consumer::Turns;
use super::core::{Clock, Ticket};
use crate::attach::{FrameError, Reply, Request};
use crate::mesh::{Checked, Input, LogError, Opener, Origin, check};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};

/// What every connection's task uses.
pub(super) struct Shared<R> {
    pub inputs: mpsc::Sender<Input<Ticket>>,
    /// The place of the newest event on disk.
    pub grown: watch::Receiver<u64>,
    /// True once the node takes nothing new.
    pub stopping: watch::Receiver<bool>,
    /// Who reads under which name.
    pub turns: Arc<Turns>,
    pub clock: Clock,
    pub say: Say,
    /// Readers of the log that are not in use.
    pub readers: Mutex<Vec<R>>,
    pub opener: Opener<R>,
    /// Connections that the socket may still take.
    pub places: Arc<Semaphore>,
}

/// A frame, read.
#[derive(Debug)]
pub(super) enum Decoded {
    Put(Vec<Checked>),
    Other(Request),
    /// Not a request; this is the answer, and the connection ends.
    Bad(Reply),
}

/// A frame no larger is read where it is: that takes less time than to wake
/// another thread and be woken by it.
const SMALL_BYTES: usize = 4096;

/// A frame that is read already, or being read on a thread for such work.
pub(super) enum Decoding {
    Done(Decoded),
    Begun(JoinHandle<Decoded>),
}

impl Decoding {
    /// Sets a frame to be read.
    pub fn of(body: Vec<u8>) -> Self {
        if body.len() <= SMALL_BYTES {
            Self::Done(decode(&body))
        } else {
            Self::Begun(spawn_blocking(move || decode(&body)))
        }
    }

    /// What it is; `None` if reading it broke off.
    pub async fn done(self) -> Option<Decoded> {
        match self {
            Self::Done(decoded) => Some(decoded),
            Self::Begun(thread) => thread.await.ok(),
        }
    }
}

/// Reads a frame and checks the signatures in it. Busy for milliseconds where
/// the frame is full: not for a thread that drives the network.
fn decode(body: &[u8]) -> Decoded {
    match Request::decode(body) {
        Ok(Request::Put { events }) => Decoded::Put(events.iter().map(|wire| check(wire)).collect()),
        Ok(request) => Decoded::Other(request),
        Err(error) => Decoded::Bad(malformed(&error)),
    }
}

pub(super) fn malformed(error: &FrameError) -> Reply {
    Reply::Error { code: "malformed".to_owned(), reason: error.to_string() }
}

pub(super) fn too_fast() -> Reply {
    Reply::Error { code: "busy".to_owned(), reason: "too much at once; try again later".to_owned() }
}

pub(super) fn stopping() -> Reply {
    Reply::Error { code: "stopping".to_owned(), reason: "the node is stopping".to_owned() }
}

impl<R> Shared<R> {
    /// Hands a request to the node's thread, in the order of calls.
    pub async fn submit(&self, request: Decoded, origin: Origin) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        let input = match request {
            Decoded::Put(events) => Input::Put { ticket: Ticket::Reply(sender), origin, events },
            Decoded::Other(request) => Input::Ask { ticket: Ticket::Reply(sender), origin, request },
            Decoded::Bad(reply) => {
                let _ = sender.send(reply);
                return receiver;
            }
        };
        // Where the thread has ended, the receiver says so.
        let _ = self.inputs.send(input).await;
        receiver
    }
}

impl<R> Shared<R> {
    /// Lends a reader of the log; made when none is free.
    pub fn with_reader<T>(&self, work: impl FnOnce(&mut R) -> Result<T, LogError>) -> Result<T, LogError> {
        let free = self.readers.lock().expect("nothing panics while it holds the lock").pop();
        let mut reader = match free {
            Some(reader) => reader,
            None => (self.opener)()?,
        };
        let outcome = work(&mut reader);
        self.readers.lock().expect("nothing panics while it holds the lock").push(reader);
        outcome
    }
}
