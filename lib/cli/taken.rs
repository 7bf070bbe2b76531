//! Standard output whose reader is watched: has it taken what was written, and
//! is it still there?

use super::{Failure, Output};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ioctl_fionread};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Something to read, or its end.
    Input,
    /// Nobody reads stdout any more.
    Closed,
    /// The deadline.
    Over,
}

impl Output {
    /// Makes a pipe hold one line at a time, where the system can (Linux): the
    /// system then says when the line is taken, and nobody has to ask.
    pub fn hand_by_hand(&self) {
        #[cfg(target_os = "linux")]
        if is_pipe() {
            // A pipe that stays wide is asked now and then instead.
            let _ = rustix::pipe::fcntl_setpipe_size(rustix::stdio::stdout(), 1);
        }
    }

    /// Writes a line and, where stdout is a pipe, waits until its reader has
    /// taken all of it out. Elsewhere, and on systems that do not tell what is
    /// left in a pipe, it is taken when it is written.
    pub fn hand_over(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.line(line)?;
        self.flush()?;
        if !is_pipe() {
            return Ok(());
        }
        let mut pause = Duration::from_micros(50);
        loop {
            let stdout = rustix::stdio::stdout();
            if ioctl_fionread(stdout).unwrap_or(0) == 0 {
                return Ok(());
            }
            // A narrow pipe takes more only once it is empty.
            let mut watched = [PollFd::new(&stdout, PollFlags::OUT)];
            match poll(&mut watched, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(Failure::could_not_run(format_args!("watching stdout: {error}"))),
            }
            let events = watched[0].revents();
            let left = ioctl_fionread(stdout).unwrap_or(0) > 0;
            if left && events.contains(PollFlags::ERR) {
                return Err(Failure::closed());
            }
            if left && events.contains(PollFlags::OUT) {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(5));
            }
        }
    }

    /// Waits for something to read from `source`, for the end of stdout's
    /// reader, or for the deadline.
    pub fn wait(&self, source: Option<&dyn AsFd>, deadline: Option<Instant>) -> Wait {
        let stdout = rustix::stdio::stdout();
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut watched = vec![PollFd::new(&stdout, PollFlags::empty())];
            let source = source.map(AsFd::as_fd);
            if let Some(source) = &source {
                watched.push(PollFd::new(source, PollFlags::IN));
            }
            match poll(&mut watched, left.as_ref()) {
                Ok(0) => return Wait::Over,
                Err(Errno::INTR) => {}
                // What cannot be watched is read from at once.
                Err(_) => return Wait::Input,
                Ok(_) if watched[0].revents().is_empty() => return Wait::Input,
                Ok(_) => return Wait::Closed,
            }
        }
    }
}

fn is_pipe() -> bool {
    fstat(rustix::stdio::stdout()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}
