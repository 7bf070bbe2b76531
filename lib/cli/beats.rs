//! A command that does its work again and again, until it is asked to end.

use super::{Failure, Io, Output};
use signal_hook::consts::{SIGINT, SIGTERM, SIGWINCH};
use signal_hook::low_level::pipe;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    /// SIGINT or SIGTERM.
    Stop,
    /// Nobody reads stdout any more.
    Closed,
    /// The terminal has another size.
    Resized,
}

/// What breaks off work that is under way.
type Interrupt = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// The pauses of such a command, and what ends it.
pub struct Beats {
    receiver: Receiver<Message>,
    interrupt: Interrupt,
    over: Option<Message>,
}

impl Io {
    /// Begins to listen for SIGINT, SIGTERM and a closed stdout.
    pub fn beats(&self) -> Result<Beats, Failure> {
        let (sender, receiver) = channel();
        let interrupt = Interrupt::default();
        let heard = listen(&[SIGINT, SIGTERM], Message::Stop, &sender, &interrupt)
            .and_then(|()| listen(&[SIGWINCH], Message::Resized, &sender, &interrupt));
        heard.map_err(|error| Failure::could_not_run(format_args!("waiting for signals: {error}")))?;
        let (closed, broken) = (sender, Arc::clone(&interrupt));
        Output::when_closed(move || tell(Message::Closed, &closed, &broken));
        Ok(Beats { receiver, interrupt, over: None })
    }
}

impl Beats {
    /// Calls this once when the command is asked to end: work that waits for
    /// another process is broken off by it.
    pub fn interrupt_with(&self, interrupt: impl FnOnce() + Send + 'static) {
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
    }

    /// Waits so long, or until the terminal has another size. False: the
    /// command is asked to end. A closed stdout is a failure that is quiet.
    pub fn wait(&mut self, pause: Duration) -> Result<bool, Failure> {
        if self.over.is_none() {
            match self.receiver.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) | Ok(Message::Resized) => return Ok(true),
                Ok(message) => self.over = Some(message),
                Err(RecvTimeoutError::Disconnected) => self.over = Some(Message::Stop),
            }
        }
        if self.over == Some(Message::Closed) { Err(Failure::closed()) } else { Ok(false) }
    }

    /// Whether it is asked to end, without waiting.
    pub fn is_over(&mut self) -> bool {
        while self.over.is_none() {
            match self.receiver.try_recv() {
                Ok(Message::Resized) => {}
                Ok(message) => self.over = Some(message),
                Err(_) => return false,
            }
        }
        true
    }
}

fn listen(signals: &[i32], message: Message, sender: &Sender<Message>, interrupt: &Interrupt) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in signals {
        pipe::register(*signal, writer.try_clone()?)?;
    }
    let (sender, interrupt) = (sender.clone(), Arc::clone(interrupt));
    thread::spawn(move || {
        while reader.read_exact(&mut [0]).is_ok() {
            tell(message, &sender, &interrupt);
        }
    });
    Ok(())
}

fn tell(message: Message, sender: &Sender<Message>, interrupt: &Interrupt) {
    // The message first: whoever is broken off asks whether it was this.
    let _ = sender.send(message);
    if message != Message::Resized
        && let Some(interrupt) = interrupt.lock().unwrap_or_else(PoisonError::into_inner).take()
    {
        interrupt();
    }
}
