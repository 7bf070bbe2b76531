//! `cooee-sub`: the reader's side, and its arguments.

use crate::shell::{self, until};
use assert_cmd::Command;
use cooee::event::Event;
use cooee::key::{Key, write_key};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub const DEMO: &str = "ucxl://any:ops@COOEE:demo/#";
const OTHER: &str = "ucxl://any:ops@COOEE:other/#";
pub const ALL: &str = "ucxl://any:any@COOEE:any";
pub const LIMIT: Duration = Duration::from_mins(1);

pub fn command(name: &str, dir: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(crate::manual::bin_dir().join(name));
    command.args(arguments).arg("--dir").arg(dir);
    command
}

pub fn cooee_sub(dir: &Path, arguments: &[&str]) -> Command {
    Command::from_std(command("cooee-sub", dir, arguments))
}

/// Publishes lines about an address and expects them stored.
pub fn say(dir: &Path, arguments: &[&str], lines: &str) {
    let arguments = [&["--timeout", "1m"], arguments].concat();
    Command::from_std(command("cooee-pub", dir, &arguments)).write_stdin(lines).assert().success().stderr("");
}

/// A command in the background that ends with the test.
pub struct Background(pub Child);

impl Background {
    pub fn start(mut command: std::process::Command) -> (Self, ChildStdin, BufReader<ChildStdout>) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command is built");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        (Self(child), input, output)
    }

    /// Its exit code; a signal is none.
    pub fn ended(&mut self) -> Option<i32> {
        until(LIMIT, || self.0.try_wait().expect("our own child")).expect("it ends in time").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a key.
pub fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_key(&folder.path().join("host.key"), &Key::from_seed(&[1; 32])).expect("a key");
    folder
}

/// An ad hoc node in a folder of its own.
pub fn node() -> (TempDir, Background) {
    let folder = folder();
    let (node, _, _) = Background::start(command("cooee-sub", folder.path(), &["--serve"]));
    until(LIMIT, || folder.path().join("node.sock").exists().then_some(())).expect("the node is ready");
    (folder, node)
}

pub fn data(line: &str) -> Value {
    let event = Event::from_wire(line.trim_end().as_bytes()).expect("the wire form");
    event.verify().expect("signed");
    event.data().clone()
}

pub fn all_data(stdout: &[u8]) -> Vec<Value> {
    std::str::from_utf8(stdout).expect("text").lines().map(data).collect()
}

fn printed(dir: &Path, arguments: &[&str]) -> Vec<Value> {
    all_data(&cooee_sub(dir, arguments).assert().success().stderr("").get_output().stdout)
}

#[test]
fn stored_events_are_printed_as_asked() {
    let (folder, _node) = node();
    let dir = folder.path();
    say(dir, &[DEMO], "one\ntwo\n");
    say(dir, &["--type", "signal", OTHER], "three\n");
    assert_eq!(printed(dir, &["--no-follow", ALL]), ["one", "two", "three"]);
    assert_eq!(printed(dir, &["--no-follow", DEMO]), ["one", "two"]);
    assert_eq!(printed(dir, &["--no-follow", OTHER, DEMO]), ["one", "two", "three"]);
    assert_eq!(printed(dir, &["--no-follow", "--type", "signal", ALL]), ["three"]);
    assert_eq!(printed(dir, &["--no-follow", "--type", "cooee.note.v1", "--type", "pr", ALL]), ["one", "two"]);
    assert_eq!(printed(dir, &["--no-follow", "ucxl://any:any@ELSE:any"]), [] as [Value; 0]);
    assert_eq!(printed(dir, &["--since", "1h", "--count", "2", ALL]), ["one", "two"]);
    assert_eq!(printed(dir, &["--no-follow", "--since", "2100-01-01T00:00:00Z", ALL]), [] as [Value; 0]);
    assert_eq!(printed(dir, &["--timeout", "50ms", ALL]), [] as [Value; 0], "only what comes from now on");
}

#[test]
fn an_end_before_the_count_is_exit_4() {
    let (folder, _node) = node();
    say(folder.path(), &[DEMO], "one\n");
    let run = |end: &[&str]| cooee_sub(folder.path(), &[&["--count", "2", ALL], end].concat()).assert().code(4);
    let in_time = |timeout| run(&["--since", "1h", "--timeout", timeout]);
    let mut over = in_time("300ms");
    if over.get_output().stdout.is_empty() {
        // On a busy machine even what is stored needs its time.
        over = in_time("20s");
    }
    for assert in [run(&["--no-follow"]), over] {
        let assert = assert.stderr("cooee-sub: 1 of the events did not come\n");
        assert_eq!(all_data(&assert.get_output().stdout), ["one"]);
    }
}

#[test]
fn what_comes_is_printed_at_once() {
    let (folder, _node) = node();
    let (mut reader, _, mut lines) = Background::start(command("cooee-sub", folder.path(), &["--since", "1h", DEMO]));
    for said in ["one", "two", "three"] {
        say(folder.path(), &[OTHER], "not this\n");
        say(folder.path(), &[DEMO], &format!("{said}\n"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        assert_eq!(data(&line), said);
    }
    assert!(reader.0.try_wait().expect("our own child").is_none(), "it goes on");
}

#[test]
fn unanswered_requests_come_until_they_are_answered() {
    let (folder, _node) = node();
    say(folder.path(), &["--type", "help", DEMO], "which?\n");
    say(folder.path(), &[DEMO], "no request\n");
    assert_eq!(printed(folder.path(), &["--unanswered", "--no-follow", ALL]), ["which?"]);
    assert_eq!(printed(folder.path(), &["--unanswered", "--count", "1", ALL]), ["which?"]);
    assert_eq!(printed(folder.path(), &["--unanswered", "--type", "pr", "--no-follow", ALL]), [] as [Value; 0]);
}

#[test]
fn without_a_node_it_is_the_node_while_it_runs() {
    let folder = folder();
    let (mut reader, _, mut lines) = Background::start(command("cooee-sub", folder.path(), &["--count", "1", DEMO]));
    until(LIMIT, || folder.path().join("node.sock").exists().then_some(())).expect("it is the node");
    // It may not have subscribed yet: it is told until it has heard.
    let mut line = String::new();
    let mut told = 0;
    while reader.0.try_wait().expect("our own child").is_none() {
        let run = Command::from_std(command("cooee-pub", folder.path(), &[DEMO])).write_stdin("hello\n").output();
        told += usize::from(run.expect("run").status.success());
    }
    lines.read_line(&mut line).expect("a line");
    assert_eq!(data(&line), "hello");
    assert_eq!(reader.ended(), Some(0));
    assert!(told > 0);
    assert!(!folder.path().join("node.sock").exists(), "gone with it");
    let again = cooee_sub(folder.path(), &["--no-follow", "--count", "1", DEMO]).assert().success();
    assert_eq!(all_data(&again.get_output().stdout), ["hello"], "and its log stays");
    again.stderr(
        "cooee-sub: no fleet file: an ad hoc node, which takes every well-signed event\n\
         cooee-sub: alone: it listens nowhere, knows nobody to call, and does not look around\n\
         cooee-sub: hint: --listen /ip4/0.0.0.0/tcp/4001, --peer ADDRESS, or a fleet to join\n",
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let (folder, _node) = node();
    say(folder.path(), &[DEMO], "one\ntwo\nthree\n");
    for line in [
        "{ \"$0\" --since 1h --dir \"$1\" \"$2\"; echo $? >&2; } | head -1",
        // Nothing comes, and yet it ends.
        "{ \"$0\" --dir \"$1\" \"$2\"; echo $? >&2; } | true",
        "\"$0\" --no-follow --dir \"$1\" \"$2\" >&-; echo $? >&2",
    ] {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", line]).arg(crate::manual::bin_dir().join("cooee-sub")).arg(folder.path()).arg(ALL);
        let ran = shell::run(command.stdin(Stdio::null()), LIMIT, false);
        assert_eq!((ran.code(), ran.err().as_str()), (0, "0\n"), "{line}");
    }
}

#[test]
fn a_node_that_goes_away_is_exit_4() {
    let (folder, mut node) = node();
    say(folder.path(), &[DEMO], "one\n");
    let (mut reader, _, mut lines) = Background::start(command("cooee-sub", folder.path(), &["--since", "1h", ALL]));
    lines.read_line(&mut String::new()).expect("a line");
    node.0.kill().expect("our own child");
    assert_eq!(reader.ended(), Some(4));
}

#[test]
fn what_cannot_run_says_so() {
    let folder = folder();
    let many = vec![ALL; 65];
    let endless = format!("ucxl://{}:b@c:d", "x".repeat(10_240));
    for (arguments, message) in [
        (&[][..], "PATTERN"),
        (&[""], "pattern: an address starts with ucxl://"),
        (&["ucxl://a:b@c"], "pattern: "),
        (&[&endless], "pattern: address is longer than"),
        (&many, "at most 64 patterns"),
        (&["--count", "0", ALL], "--count"),
        (&["--since", "yesterday", ALL], "expected a time such as"),
        (&["--serve", ALL], "--serve"),
        (&["--serve", "--count", "1"], "--count"),
        (&["--listen", "/ip4/127.0.0.1", "--serve"], "--listen \"/ip4/127.0.0.1\": "),
        (&["--listen", "junk", ALL], "--listen \"junk\": "),
        (&["--peer", "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWjunk", ALL], "--peer "),
    ] {
        let assert = cooee_sub(folder.path(), arguments).assert().code(2).stdout("");
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains(message) && stderr.lines().count() <= 2, "{arguments:.60?}: {stderr}");
    }
    let empty = TempDir::new().expect("a folder");
    let assert = cooee_sub(empty.path(), &[ALL]).assert().code(2).stdout("");
    assert.stderr(contains("host.key").and(contains("hint: make one with cooee-key new")));
}

#[test]
fn two_nodes_in_one_folder_cannot_be() {
    let (folder, _node) = node();
    let assert = cooee_sub(folder.path(), &["--serve"]).timeout(LIMIT).assert().code(4).stdout("");
    assert.stderr(contains("already").or(contains("runs")).or(contains("running")));
    say(folder.path(), &[DEMO], "the first goes on\n");
}

/// A pipe that stays open: each record goes out when it comes, not when the
/// pipe ends.
#[test]
fn a_slow_pipe_is_published_record_by_record() {
    let (folder, _node) = node();
    let (mut publisher, mut input, mut receipts) = Background::start(command("cooee-pub", folder.path(), &[DEMO]));
    for said in ["one", "two", "three"] {
        writeln!(input, "{said}").expect("it reads");
        let mut line = String::new();
        receipts.read_line(&mut line).expect("a receipt");
        let receipt: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&receipt["type"], receipt["ids"].as_array().map(Vec::len)), (&json!("receipt"), Some(1)));
    }
    drop(input);
    assert_eq!(publisher.ended(), Some(0));
    assert_eq!(printed(folder.path(), &["--no-follow", DEMO]), ["one", "two", "three"]);
}

#[test]
fn limits_out_of_their_range_are_refused() {
    let folder = folder();
    for (flag, bad) in [
        ("--max-peers", &["7", "4097", "-1", "many"][..]),
        ("--max-memory", &["63M", "2T", "lots"]),
        ("--max-rate", &["63K", "2G", "0", "16 M"]),
    ] {
        for value in bad {
            let arguments = ["--serve".to_owned(), format!("{flag}={value}")];
            let assert = cooee_sub(folder.path(), &arguments.each_ref().map(String::as_str)).assert().code(2);
            assert.stdout("").stderr(
                contains(flag).and(contains("range").or(contains("not in")).or(contains("size")).or(contains("digit"))),
            );
        }
    }
}

/// With libp2p's own sockets both would listen, each getting half of the
/// other's callers.
#[test]
fn two_nodes_do_not_share_a_port() {
    for at in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        let (one, two) = (folder(), folder());
        let (_first, _, _) = Background::start(command("cooee-sub", one.path(), &["--serve", "--listen", at]));
        let listen = one.path().join("listen");
        let first = until(LIMIT, || std::fs::read_to_string(&listen).ok()).expect("it listens");
        let place = first.split("/p2p/").next().expect("an address");
        cooee_sub(two.path(), &["--serve", "--listen", place])
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(format!("cannot listen on {place}: Address already in use")).and(contains("ss -ltunp")));
    }
}
