//! Stdin of a resident command: lines as they arrive, or that none has for a
//! while; its end, a signal that asks for it, or that nobody reads the output.

use super::{Failure, Io, Output};
use crate::jsonl::LineFault;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// What one message holds at most.
const CHUNK_LINES: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;
/// Messages that may wait: the bound on memory.
const CHUNKS_WAITING: usize = 16;

/// A line and its number.
pub type Line = (u64, Result<Vec<u8>, LineFault>);

/// What has come.
#[derive(Debug)]
pub enum Arrival {
    /// Lines that were there together.
    Lines(Vec<Line>),
    /// Nothing in the time given.
    Quiet,
    /// The end of stdin, or SIGTERM or SIGINT: what had come is handed out.
    End,
}

enum Message {
    Lines(Vec<Line>),
    End(io::Result<()>),
    Stop,
    Closed,
}

/// Stdin, claimed once, and the signals.
pub struct Arrivals {
    receiver: Receiver<Message>,
    asked: Arc<AtomicBool>,
    ending: bool,
}

impl Io {
    /// Stdin for a resident command. A terminal is refused as by [`Io::stdin`].
    pub fn arrivals(&self) -> Result<Arrivals, Failure> {
        let input = self.stdin()?;
        let (sender, receiver) = sync_channel(CHUNKS_WAITING);
        let asked = Arc::new(AtomicBool::new(false));
        watch_signals(&asked, sender.clone())
            .map_err(|error| Failure::could_not_run(format_args!("waiting for signals: {error}")))?;
        let closed = sender.clone();
        Output::when_closed(move || {
            let _ = closed.send(Message::Closed);
        });
        // Not joined: at an early end it may still wait for stdin.
        thread::spawn(move || read(input.lines(), &sender));
        Ok(Arrivals { receiver, asked, ending: false })
    }
}

impl Arrivals {
    /// Waits for what comes next, not longer than `most`. A closed stdout is a
    /// failure that is quiet.
    pub fn next(&mut self, most: Option<Duration>) -> Result<Arrival, Failure> {
        loop {
            let received = if self.ending {
                self.receiver.try_recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else if let Some(most) = most {
                self.receiver.recv_timeout(most)
            } else {
                self.receiver.recv().map_err(RecvTimeoutError::from)
            };
            match received {
                Ok(Message::Lines(lines)) => return Ok(Arrival::Lines(lines)),
                Ok(Message::Closed) => return Err(Failure::closed()),
                Ok(Message::Stop | Message::End(Ok(()))) => self.ending = true,
                Ok(Message::End(Err(error))) => {
                    return Err(Failure::could_not_run(format_args!("reading stdin: {error}")));
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Arrival::Quiet),
                Err(RecvTimeoutError::Disconnected) => return Ok(Arrival::End),
            }
        }
    }

    /// Whether a signal has asked for the end, for one that cannot come to
    /// [`Arrivals::next`] at the moment.
    pub fn asked_to_end(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

fn watch_signals(asked: &Arc<AtomicBool>, sender: SyncSender<Message>) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        // At once, not when a thread gets to it: where a whole pipe is asked to
        // end, the end of stdin comes at the same moment.
        flag::register(signal, Arc::clone(asked))?;
        pipe::register(signal, writer.try_clone()?)?;
    }
    thread::spawn(move || {
        if reader.read_exact(&mut [0]).is_ok() {
            let _ = sender.send(Message::Stop);
        }
    });
    Ok(())
}

fn read(mut lines: crate::jsonl::Lines<super::Input>, sender: &SyncSender<Message>) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    loop {
        if !chunk.is_empty() && (!lines.ready() || chunk.len() >= CHUNK_LINES || bytes >= CHUNK_BYTES) {
            bytes = 0;
            if sender.send(Message::Lines(std::mem::take(&mut chunk))).is_err() {
                return;
            }
        }
        match lines.next() {
            Ok(Some(line)) => {
                let line = line.map(<[u8]>::to_vec);
                bytes += line.as_ref().map_or(0, Vec::len);
                chunk.push((lines.number(), line));
            }
            end => {
                let _ = sender.send(Message::Lines(chunk));
                let _ = sender.send(Message::End(end.map(|_| ())));
                return;
            }
        }
    }
}
