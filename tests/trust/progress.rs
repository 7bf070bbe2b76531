//! The bar that people see while they wait, and nobody else.

use super::signal;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(1);

/// On a terminal of its own, signals are written into a pipe until the bar is
/// there, and then one line that is none.
#[test]
fn a_pipe_shows_how_much_was_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("mkfifo").arg(folder.path().join("p")).status().expect("mkfifo runs");
    assert!(made.success());
    let log = folder.path().join("terminal");
    let mut child = Command::new("script")
        .args(["-qefc", "stty cols 100; exec \"$bin\" <p >out"])
        .arg(&log)
        .env("bin", assert_cmd::cargo::cargo_bin!("trust-score"))
        .env("TERM", "xterm")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("script runs");
    let mut pipe = std::fs::OpenOptions::new().write(true).open(folder.path().join("p")).expect("a reader");
    let terminal = || String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
    let (one, end) = (signal("a", "output_quality", 1, 1), Instant::now() + LIMIT);
    while !terminal().contains("B read, ") {
        assert!(Instant::now() < end, "no bar in {:?}", terminal());
        pipe.write_all(one.as_bytes()).expect("read on");
    }
    pipe.write_all(b"nonsense\n").expect("read on");
    drop(pipe);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let seen = terminal();
    assert!(seen.contains("trust-score: "), "{seen:?}");
    // The bar is wiped off before anything else is said, and at the end.
    let (before, _) = seen.rsplit_once("trust-score: line ").expect("the line is named");
    let wiped = before.rsplit_once("B read, ").expect("the bar").1;
    assert!(wiped.contains("\u{1b}[2K"), "{wiped:?}");
    assert!(seen.rsplit_once("B read, ").expect("the bar").1.contains("\u{1b}[2K"), "{seen:?}");
    assert!(seen.contains("lines rejected\r\n"), "{seen:?}");
    let out = std::fs::read_to_string(folder.path().join("out")).expect("records");
    assert_eq!(out.lines().count(), 1);
    assert!(!out.contains('\u{1b}'), "nothing of it is on stdout");
}
