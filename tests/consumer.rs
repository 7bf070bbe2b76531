//! `cooee-sub --name`: what was taken is not printed again, what was not is,
//! whoever is killed.

use crate::cooee_sub::{ALL, Background, DEMO, LIMIT, all_data, command, cooee_sub, data, folder, node, say};
use crate::shell::{self, until};
use cooee::attach::{Reply, read_body};
use predicates::str::contains;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

const OTHER: &str = "ucxl://any:ops@COOEE:other/#";

/// Publishes the numbers from `from` to before `to`.
fn say_numbers(dir: &Path, from: usize, to: usize) {
    let lines = (from..to).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{number}").expect("a string");
        lines
    });
    say(dir, &[DEMO], &lines);
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| number.to_string()).collect()
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(|value| value.as_str().expect("text").to_owned()).collect()
}

/// What a run that ends prints.
fn printed(dir: &Path, arguments: &[&str]) -> Vec<String> {
    texts(&all_data(&cooee_sub(dir, arguments).assert().success().stderr("").get_output().stdout))
}

fn printed_lines(dir: &Path, arguments: &[&str]) -> String {
    let ran = cooee_sub(dir, arguments).assert().success();
    String::from_utf8(ran.get_output().stdout.clone()).expect("text")
}

/// A line of shell with `$SUB` for the command and its folder.
fn sh(dir: &Path, line: &str) -> shell::Ran {
    let mut command = Command::new("bash");
    let sub = format!("{} --dir {}", crate::manual::bin_dir().join("cooee-sub").display(), dir.display());
    command.args(["-c", &format!("set -o pipefail; {line}")]).env("SUB", sub).stdin(Stdio::null());
    shell::run(&mut command, LIMIT, false)
}

/// A node in a process of its own, once it is ready.
fn node_in(dir: &Path) -> Background {
    let _ = std::fs::remove_file(dir.join("node.sock"));
    let (node, _, _) = Background::start(command("cooee-sub", dir, &["--serve"]));
    until(LIMIT, || dir.join("node.sock").exists().then_some(())).expect("the node is ready");
    node
}

fn line(output: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut line = String::new();
    let read = output.read_line(&mut line).expect("text");
    (read > 0).then(|| data(&line).as_str().expect("text").to_owned())
}

#[test]
fn a_consumer_goes_on_where_its_reader_ended() {
    let (folder, _node) = node();
    let dir = folder.path();
    say_numbers(dir, 0, 3);
    // A new name begins now; what comes while it is away waits for it.
    assert_eq!(printed(dir, &["--name", "late", "--timeout", "100ms", ALL]), [] as [String; 0]);
    say_numbers(dir, 3, 10);
    say(dir, &[OTHER], "elsewhere\n");
    let head = sh(dir, "$SUB --name late 'ucxl://any:any@COOEE:demo' | head -n 5");
    assert_eq!((head.code(), head.err().as_str()), (0, ""));
    assert_eq!(texts(&all_data(&head.stdout)), numbers(3, 8), "head took five, and five are taken");
    assert_eq!(printed(dir, &["--name", "late", "--count", "1", DEMO]), ["8"]);
    assert_eq!(printed(dir, &["--name", "late", "--no-follow", ALL]), ["9", "elsewhere"]);
    assert_eq!(printed(dir, &["--name", "late", "--no-follow", ALL]), [] as [String; 0]);
    // To files as to pipes; and names are apart.
    let file = dir.join("out");
    let mut other = command("cooee-sub", dir, &["--name", "other", "--since", "1h", "--count", "4", ALL]);
    assert!(other.stdout(File::create(&file).expect("ours")).status().expect("run").success());
    assert_eq!(texts(&all_data(&std::fs::read(&file).expect("there"))), numbers(0, 4));
    // --since is for a new name, and types and patterns may change.
    let again = ["--name", "other", "--since", "2100-01-01T00:00:00Z", "--no-follow", "--type", "note", OTHER];
    assert_eq!(printed(dir, &again), ["elsewhere"]);
    // Forgotten, it is new again.
    cooee_sub(dir, &["--forget", "late"]).assert().success().stdout("").stderr("");
    assert_eq!(printed(dir, &["--name", "late", "--no-follow", DEMO]), numbers(0, 10));
}

#[test]
fn what_could_not_be_written_comes_again() {
    let (folder, _node) = node();
    let dir = folder.path();
    say_numbers(dir, 0, 3);
    let full = sh(dir, "$SUB --name full --no-follow 'ucxl://any:any@COOEE:any' >/dev/full");
    assert_eq!((full.code(), full.out().as_str()), (2, ""));
    let deaf = sh(dir, "$SUB --name full --no-follow 'ucxl://any:any@COOEE:any' | true");
    assert_eq!((deaf.code(), deaf.err().as_str()), (0, ""));
    assert_eq!(printed(dir, &["--name", "full", "--no-follow", ALL]), numbers(0, 3));
}

#[test]
fn a_name_has_one_reader_at_a_time() {
    let (folder, _node) = node();
    let dir = folder.path();
    say_numbers(dir, 0, 2);
    let reading = command("cooee-sub", dir, &["--name", "one", "--since", "1h", ALL]);
    let (mut first, _, mut output) = Background::start(reading);
    assert_eq!(line(&mut output).as_deref(), Some("0"));
    for arguments in [&["--name", "one", ALL][..], &["--forget", "one"]] {
        let refused = cooee_sub(dir, arguments).timeout(LIMIT).assert().code(4).stdout("");
        refused.stderr("cooee-sub: another command is reading as \"one\"\n");
    }
    assert_eq!(line(&mut output).as_deref(), Some("1"), "the first goes on");
    first.0.kill().expect("our own child");
    // Its name is free as soon as the node has seen it go.
    say_numbers(dir, 2, 3);
    let next = until(LIMIT, || {
        let output = cooee_sub(dir, &["--name", "one", "--no-follow", ALL]).output().expect("run");
        (output.status.code() != Some(4)).then(|| texts(&all_data(&output.stdout)))
    });
    let next = next.expect("its name is free");
    assert!(next == ["2"] || next == ["1", "2"], "what was on its way may come twice: {next:?}");
}

/// The reader's own end sees every event; at most the one that was in the pipe
/// when the command was killed comes again.
#[test]
fn killed_consumers_lose_nothing_and_repeat_one_event_at_most() {
    const COUNT: usize = 2_000;
    let (folder, _node) = node();
    let dir = folder.path();
    say_numbers(dir, 0, COUNT);
    let (mut seen, mut kills) = (Vec::<String>::new(), 0);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    while seen.last() != numbers(COUNT - 1, COUNT).last() {
        let (mut consumer, _, mut output) =
            Background::start(command("cooee-sub", dir, &["--name", "killed", "--no-follow", ALL]));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for _ in 0..random >> 55 {
            let Some(text) = line(&mut output) else { break };
            seen.push(text);
        }
        consumer.0.kill().expect("our own child");
        seen.extend(std::iter::from_fn(|| line(&mut output)));
        kills += 1;
        assert!(kills < 500, "it gets on");
    }
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen, numbers(0, COUNT), "none lost, none out of order");
    assert!(all - COUNT <= kills, "{} repeated by {kills} kills", all - COUNT);
}

#[test]
fn killed_nodes_lose_nothing_and_repeat_nothing() {
    const COUNT: usize = 3_000;
    let folder = folder();
    let dir = folder.path();
    let mut node = node_in(dir);
    say_numbers(dir, 0, COUNT);
    let arguments = ["--name", "lasting", "--since", "1h", "--count", "3000", ALL];
    let (mut consumer, _, mut output) = Background::start(command("cooee-sub", dir, &arguments));
    let mut seen = Vec::new();
    for stop in [1, 500, 501, 1_700, 2_999] {
        while seen.len() < stop {
            seen.push(line(&mut output).expect("it goes on"));
        }
        node.0.kill().expect("our own child");
        node.0.wait().expect("our own child");
        node = node_in(dir);
    }
    seen.extend(std::iter::from_fn(|| line(&mut output)));
    assert_eq!(seen, numbers(0, COUNT));
    assert_eq!(consumer.ended(), Some(0));
    assert_eq!(printed(dir, &["--name", "lasting", "--no-follow", ALL]), [] as [String; 0]);
}

#[test]
fn a_node_that_is_stopped_is_waited_for() {
    let folder = folder();
    let dir = folder.path();
    let mut node = node_in(dir);
    say_numbers(dir, 0, 2);
    let (mut consumer, _, mut output) =
        Background::start(command("cooee-sub", dir, &["--name", "lasting", "--since", "1h", "--count", "3", ALL]));
    assert_eq!([0, 1].map(|_| line(&mut output)), ["0", "1"].map(|text| Some(text.to_owned())));
    kill_process(Pid::from_child(&node.0), Signal::TERM).expect("our own child");
    assert_eq!(node.ended(), Some(0));
    let _node = node_in(dir);
    say_numbers(dir, 2, 4);
    assert_eq!(line(&mut output).as_deref(), Some("2"));
    assert_eq!((line(&mut output), consumer.ended()), (None, Some(0)));
    assert_eq!(printed(dir, &["--name", "lasting", "--no-follow", ALL]), ["3"]);
}

/// It does not wait a minute for a node to come back when its own time is over.
#[test]
fn a_reader_whose_time_is_over_waits_for_no_node() {
    for (count, code, words) in [(None, 0, ""), (Some("1"), 4, "cooee-sub: 1 of the events did not come\n")] {
        let folder = folder();
        let dir = folder.path();
        let node = node_in(dir);
        let mut reader = command("cooee-sub", dir, &["--name", "lasting", "--timeout", "3s", ALL]);
        reader.args(count.iter().flat_map(|count| ["--count", count]));
        let reader = reader.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let reader = reader.spawn().expect("the command is built");
        let consumers = || printed_lines(dir, &["--consumers"]);
        until(LIMIT, || consumers().contains("\"reading\":true").then_some(())).expect("it has begun");
        drop(node);
        let ran = reader.wait_with_output().expect("it ends");
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(code), 0));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), words);
    }
}

/// In a node's place, for one reader: what it asks for is read, the rest is for
/// `then`.
fn stand_in<T: Send + 'static>(dir: &Path, then: impl FnOnce(UnixStream) -> T + Send + 'static) -> JoinHandle<T> {
    let socket = dir.join("node.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a reader");
        std::fs::remove_file(socket).expect("our own file");
        assert!(read_body(&mut stream, &mut Vec::new()).expect("a request"));
        then(stream)
    })
}

fn reply(mut stream: &UnixStream, reply: &Reply) {
    let mut frame = Vec::new();
    reply.frame(&mut frame).expect("fits");
    stream.write_all(&frame).expect("it listens");
}

/// Which a node that is stopped says to those who have nothing left to tell it.
#[test]
fn a_nodes_farewell_is_no_end() {
    let folder = folder();
    let dir = folder.path();
    let stopping = stand_in(dir, |stream| {
        reply(&stream, &Reply::Began { place: 0, since: None });
        reply(&stream, &Reply::Left);
    });
    let (mut consumer, _, mut output) =
        Background::start(command("cooee-sub", dir, &["--name", "lasting", "--since", "1h", "--count", "1", ALL]));
    stopping.join().expect("no panic");
    let _node = node_in(dir);
    say_numbers(dir, 0, 1);
    assert_eq!(line(&mut output).as_deref(), Some("0"));
    assert_eq!(consumer.ended(), Some(0));
}

/// What comes after a new name's first run waits for the second, so the node
/// knows the name when that ends, however slow it is.
#[test]
fn a_new_name_is_known_before_its_readers_time_is_over() {
    let folder = folder();
    let dir = folder.path();
    let slow = stand_in(dir, |stream| {
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("not nothing");
        let waits = (&stream).read(&mut [0]).is_err();
        reply(&stream, &Reply::Began { place: 0, since: None });
        stream.set_read_timeout(Some(LIMIT)).expect("not nothing");
        assert_eq!((&stream).read(&mut [0]).expect("its end"), 0);
        reply(&stream, &Reply::Left);
        waits
    });
    assert_eq!(printed(dir, &["--name", "new", "--timeout", "1ms", ALL]), [] as [String; 0]);
    assert!(slow.join().expect("no panic"), "its time was over long before");
}

/// The promise of the table: 10,000 events while the reader is away, over a
/// kill of the node.
#[test]
fn what_came_while_it_was_away_comes_once() {
    const COUNT: usize = 10_000;
    let folder = folder();
    let dir = folder.path();
    let mut node = node_in(dir);
    assert_eq!(printed(dir, &["--name", "away", "--timeout", "50ms", ALL]), [] as [String; 0]);
    say_numbers(dir, 0, COUNT / 2);
    node.0.kill().expect("our own child");
    node.0.wait().expect("our own child");
    node = node_in(dir);
    say_numbers(dir, COUNT / 2, COUNT);
    let mut seen = printed(dir, &["--name", "away", "--count", "4000", ALL]);
    node.0.kill().expect("our own child");
    node.0.wait().expect("our own child");
    let _node = node_in(dir);
    seen.extend(printed(dir, &["--name", "away", "--no-follow", ALL]));
    assert_eq!(seen, numbers(0, COUNT));
}

#[test]
fn without_a_node_it_is_remembered_as_well() {
    let folder = folder();
    let dir = folder.path();
    let node = node_in(dir);
    say_numbers(dir, 0, 4);
    drop(node);
    let _ = std::fs::remove_file(dir.join("node.sock"));
    for expected in [numbers(0, 3), numbers(3, 4)] {
        let run = cooee_sub(dir, &["--name", "alone", "--since", "1h", "--count", &expected.len().to_string(), ALL])
            .assert()
            .success();
        assert_eq!(texts(&all_data(&run.get_output().stdout)), expected);
    }
}

#[test]
fn bad_names_and_bad_company_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let long = "x".repeat(65);
    for (arguments, message) in [
        (&["--name", "", ALL][..], "expected 1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["--name", "a b", ALL], "expected 1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["--name", "../a", ALL], "expected 1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["--name", &long, ALL], "expected 1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["--name", "a"], "PATTERN"),
        (&["--name", "a", "--serve"], "--serve"),
        (&["--forget", "a", ALL], "--forget"),
        (&["--name", "a", "--unanswered", ALL], "--unanswered takes no --name\ncooee-sub: hint: it hands out again"),
    ] {
        let refused = cooee_sub(folder.path(), arguments).assert().code(2).stdout("");
        refused.stderr(contains(message));
    }
    let (folder, _node) = node();
    let unknown = cooee_sub(folder.path(), &["--forget", "nobody"]).assert().code(1).stdout("");
    unknown.stderr("cooee-sub: no consumer of this name\n");
}
