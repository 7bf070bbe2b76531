//! Runs what a person would type, in a process group of its own, under a
//! deadline, and leaves no process behind.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a run left.
pub struct Ran {
    /// How it ended; `None`: not before the deadline.
    pub status: Option<ExitStatus>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Did its group end by itself, or within 10 s of SIGTERM?
    pub clean: bool,
}

impl Ran {
    /// The exit code; a signal or the deadline is a failed test.
    pub fn code(&self) -> i32 {
        self.status
            .unwrap_or_else(|| panic!("not ended in time; stderr: {}", self.err()))
            .code()
            .unwrap_or_else(|| panic!("ended by a signal; stderr: {}", self.err()))
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Runs `command` with both outputs going to files, so that a background
/// process that holds them open delays nobody. With `merged`, stderr goes where
/// stdout goes, as on a terminal.
pub fn run(command: &mut Command, limit: Duration, merged: bool) -> Ran {
    let (mut out, mut err) = (tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file"));
    let share = |file: &File| Stdio::from(file.try_clone().expect("one more descriptor"));
    command.stdout(share(&out)).stderr(share(if merged { &out } else { &err })).process_group(0);
    let (status, clean) = finish(command, limit);
    Ran { status, clean, stdout: all_of(&mut out), stderr: all_of(&mut err) }
}

/// Starts it, waits for it, then ends what is left of its group.
pub fn finish(command: &mut Command, limit: Duration) -> (Option<ExitStatus>, bool) {
    let mut child = spawn(command, limit);
    let group = Pid::from_child(&child);
    let status = until(limit, || child.try_wait().expect("our own child"));
    let gone = || test_kill_process_group(group).is_err().then_some(());
    let _ = kill_process_group(group, Signal::TERM);
    if status.is_none() {
        let _ = until(Duration::from_secs(10), || child.try_wait().expect("our own child"));
    }
    let clean = until(Duration::from_secs(10), gone).is_some();
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
    (status, clean)
}

/// Starts a program that may be a copy just made: it is busy as long as a child
/// of another thread, between its fork and its exec, holds it open.
pub fn spawn(command: &mut Command, limit: Duration) -> Child {
    let start = || match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => None,
        started => Some(started),
    };
    let started = until(limit, start).expect("a program that is not written any more");
    started.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn all_of(file: &mut File) -> Vec<u8> {
    use io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("our own file");
    bytes
}

/// A port of loopback where nothing listens, and nothing else will as long as
/// this lives; whoever is told of it may.
pub struct ClosedPort {
    _socket: tokio::net::TcpSocket,
    pub port: u16,
}

impl ClosedPort {
    pub fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        // So that a listener may share it, if it says the same.
        socket.set_reuseaddr(true).expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let port = socket.local_addr().expect("bound").port();
        Self { _socket: socket, port }
    }
}

/// Asks again and again until there is an answer or the time is over.
pub fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
