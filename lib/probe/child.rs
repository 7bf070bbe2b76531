//! Another program's output, within a time limit.
//!
//! A driver that hangs holds the process that asked it, and no signal frees
//! one that waits in the kernel. So whatever may hang runs in a child, and the
//! child is left behind when its time is up. Must not know what is asked.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

const OUTPUT_LIMIT_BYTES: u64 = 4 << 20;

/// Why there is no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Time is up; asked again, it may answer.
    TooLate,
    /// It ended without success, or could not be started.
    Failed(String),
}

/// A program that was started.
pub(super) struct Question {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Question {
    /// Starts `command` without input and without our stderr.
    pub fn ask(command: &mut Command) -> Result<Self, Silence> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| Silence::Failed(error.to_string()))?;
        let pipe = child.stdout.take();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(pipe) = pipe {
                // What was read before a failure is judged by its reader.
                let _ = pipe.take(OUTPUT_LIMIT_BYTES).read_to_end(&mut bytes);
            }
            // Nobody waits any more when time is up.
            let _ = sender.send(bytes);
        });
        Ok(Self { child, output })
    }

    /// What it wrote, if it ends well before `deadline`.
    pub fn answer(mut self, deadline: Instant) -> Result<Vec<u8>, Silence> {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(bytes) = self.output.recv_timeout(left) else {
            // It is not waited for: it may never end.
            let _ = self.child.kill();
            return Err(Silence::TooLate);
        };
        if bytes.len() as u64 >= OUTPUT_LIMIT_BYTES {
            let _ = self.child.kill();
            return Err(Silence::Failed("its output is too long".to_owned()));
        }
        // Its output is closed: all that is left is to end, unless it lies.
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(bytes),
                Ok(Some(status)) => return Err(Silence::Failed(status.to_string())),
                Ok(None) => thread::yield_now(),
                Err(error) => return Err(Silence::Failed(error.to_string())),
            }
        }
        let _ = self.child.kill();
        Err(Silence::TooLate)
    }
}
