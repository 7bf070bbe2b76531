//! Input on threads of its own: one reads, some sign and check, and what is
//! ready comes back in the order of the lines.

use super::chunk::{Chunk, Outcome, Reader};
use cooee::cli::Failure;
use cooee::handover::{self, Awaited, Connect, Preparer, Trusted, Waiter};
use cooee::jsonl::Scanner;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Chunks that may wait at each step.
const CHUNKS: usize = 8;
/// More signing threads than this do not help: one reads and one sends.
const SIGNERS: usize = 8;
/// While more requests may come, a wait for answers is no longer than this.
const SHORT_WAIT: Duration = Duration::from_millis(250);
const LONG_WAIT: Duration = Duration::from_secs(30);

/// What the threads have to say.
pub enum Message {
    /// The next lines.
    Lines(Vec<Outcome>),
    /// There are no more; or stdin failed.
    End(Result<(), Failure>),
    /// Of a request.
    Answer(handover::Outcome),
}

enum Raw {
    Prepared(u64, Vec<Outcome>),
    /// So many chunks there were.
    End(u64, Result<(), Failure>),
    Answer(handover::Outcome),
}

/// The receiving end of all threads.
pub struct Pipeline {
    raw: Receiver<Raw>,
    sender: SyncSender<Raw>,
    early: BTreeMap<u64, Vec<Outcome>>,
    next: u64,
    end: Option<(u64, Result<(), Failure>)>,
}

impl Pipeline {
    /// Starts the threads.
    pub fn start(mut reader: Reader, preparer: &Arc<Preparer>, sequence: &Path) -> Self {
        let (sender, raw) = sync_channel(CHUNKS);
        let (chunks, queue) = sync_channel::<(u64, Chunk)>(CHUNKS);
        let queue = Arc::new(Mutex::new(queue));
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(SIGNERS);
        for _ in 0..threads {
            let (queue, preparer, sender) = (Arc::clone(&queue), Arc::clone(preparer), sender.clone());
            let sequence = sequence.to_path_buf();
            std::thread::spawn(move || {
                let mut scanner = Scanner::default();
                loop {
                    let Ok(next) = queue.lock().map(|queue| queue.recv()) else { return };
                    let Ok((index, chunk)) = next else { return };
                    let outcomes = chunk.prepare(&preparer, &sequence, &mut scanner);
                    if sender.send(Raw::Prepared(index, outcomes)).is_err() {
                        return;
                    }
                }
            });
        }
        let end = sender.clone();
        std::thread::spawn(move || {
            let mut index = 0;
            let result = loop {
                match reader.next() {
                    Ok(Some(chunk)) => match chunks.send((index, chunk)) {
                        Ok(()) => index += 1,
                        Err(_) => break Ok(()),
                    },
                    Ok(None) => break Ok(()),
                    Err(failure) => break Err(failure),
                }
            };
            // The main thread may have gone already.
            let _ = end.send(Raw::End(index, result));
        });
        Self { raw, sender, early: BTreeMap::new(), next: 0, end: None }
    }

    /// A thread that waits for answers to what is sent to it. When the sender
    /// is dropped and all is answered or late, it ends.
    pub fn wait_for_answers(&self, connect: Box<dyn Connect>, trusted: Trusted) -> Sender<(Vec<Awaited>, Instant)> {
        let (requests, queue) = channel();
        let out = self.sender.clone();
        std::thread::spawn(move || wait_for_answers(&mut Waiter::new(connect, trusted), &queue, &out));
        requests
    }

    /// The next message; `None` if there is none within `patience`, which may
    /// be endless.
    pub fn next(&mut self, patience: Option<Duration>) -> Option<Message> {
        loop {
            if let Some(outcomes) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(Message::Lines(outcomes));
            }
            if let Some((_, result)) = self.end.take_if(|(chunks, _)| *chunks == self.next) {
                return Some(Message::End(result));
            }
            let raw = match patience {
                None => self.raw.recv().ok()?,
                Some(Duration::ZERO) => self.raw.try_recv().ok()?,
                Some(patience) => self.raw.recv_timeout(patience).ok()?,
            };
            match raw {
                Raw::Prepared(index, outcomes) => drop(self.early.insert(index, outcomes)),
                Raw::End(chunks, result) => self.end = Some((chunks, result)),
                Raw::Answer(outcome) => return Some(Message::Answer(outcome)),
            }
        }
    }
}

fn wait_for_answers(waiter: &mut Waiter, queue: &Receiver<(Vec<Awaited>, Instant)>, out: &SyncSender<Raw>) {
    let mut open = true;
    while open || !waiter.is_idle() {
        let pause = if waiter.is_idle() { LONG_WAIT } else { Duration::ZERO };
        match queue.recv_timeout(pause) {
            Ok((requests, deadline)) => {
                waiter.add(requests, deadline);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => open = false,
        }
        if !waiter.is_idle() {
            for outcome in waiter.round(if open { SHORT_WAIT } else { LONG_WAIT }) {
                if out.send(Raw::Answer(outcome)).is_err() {
                    return;
                }
            }
        }
    }
}
