//! kill −9, full disks, several at once: exit 0 means stored, exit 4 means in
//! the spool, and nothing is ever stored twice or lost.

use super::fake::{Act, Log, events, honest, serve, stored};
use super::*;
use crate::shell;
use predicates::str::contains;
use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Starts a one-shot publish of one line.
fn start(dir: &Path, line: &str) -> Child {
    use std::io::Write as _;
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("cooee-pub"));
    command.args([ADDRESS, "--dir"]).arg(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command is built");
    writeln!(child.stdin.take().expect("piped"), "{line}").expect("it reads");
    child
}

fn said(log: &Log) -> HashSet<String> {
    log.lock().expect("no panic").iter().map(|event| event.data().as_str().expect("text").to_owned()).collect()
}

/// 100 one-shot publishes against a node that fails in many ways, some killed
/// at a random moment of theirs; then one flush.
#[test]
fn exit_0_is_stored_and_exit_4_is_in_the_spool_whatever_happens() {
    let host = host();
    let log = Log::default();
    let (kept, key) = (Arc::clone(&log), host_key());
    let mut turn = 0_u32;
    serve(host.path(), move |put| {
        let events = events(&put);
        turn += 1;
        match turn % 7 {
            // Stored, but the receipt is lost on its way.
            1 => kept.lock().expect("no panic").extend(events),
            // Neither stored nor said.
            2 => {}
            3 => return Act::Reply(stored(&stranger(), &events)),
            4 => return Act::Bytes(vec![0, 0, 0, 9, b'x']),
            _ => {
                let reply = stored(&key, &events);
                kept.lock().expect("no panic").extend(events);
                return Act::Reply(reply);
            }
        }
        Act::Close
    });
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut ended = vec![];
    for number in 0..100 {
        let line = format!("line {number}");
        let mut child = start(host.path(), &line);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if random >> 62 == 0 {
            // Somewhere within its few milliseconds.
            std::thread::sleep(Duration::from_micros(random >> 32 & 0xfff));
            let _ = child.kill();
        }
        ended.push((line, child.wait().expect("our own child").code()));
    }
    let in_spool: HashSet<_> =
        spool_of_the_dead(host.path()).iter().map(|event| event.data().as_str().expect("text").to_owned()).collect();
    let there = said(&log);
    let mut codes = [0; 5];
    for (line, code) in &ended {
        match code {
            Some(0) => assert!(there.contains(line), "{line} was said to be stored"),
            // A later run may have sent it already.
            Some(4) => assert!(in_spool.contains(line) || there.contains(line), "{line} was said to be kept"),
            Some(code) => panic!("{line}: exit {code}"),
            None => {}
        }
        codes[usize::try_from(code.unwrap_or(1)).expect("0, 1 or 4")] += 1;
    }
    assert!(codes[0] > 5 && codes[1] > 2 && codes[4] > 5, "0, killed, 4: {codes:?}");
    let log = honest(host.path());
    cooee_pub(host.path(), &["--flush"], "").assert().success();
    assert_eq!(spool_of_the_dead(host.path()), []);
    assert!(in_spool.is_subset(&said(&log)), "the flush sends what is kept");
    let left: Vec<_> = fs::read_dir(host.path().join("spool")).expect("a folder").collect();
    assert!(left.is_empty(), "nothing unfinished is left: {left:?}");
}

/// Like `spool`, but passes over what a killed command had not finished.
fn spool_of_the_dead(dir: &Path) -> Vec<Event> {
    let entries = fs::read_dir(dir.join("spool")).expect("a folder").map(|entry| entry.expect("an entry"));
    let whole = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let texts = whole.map(|entry| fs::read_to_string(entry.path()).expect("text"));
    texts
        .flat_map(|text| text.lines().map(|line| Event::from_wire(line.as_bytes()).expect("whole")).collect::<Vec<_>>())
        .collect()
}

#[test]
fn many_at_once_on_one_spool_send_each_event_once_and_leave_none() {
    let host = host();
    for number in 0..30 {
        cooee_pub(host.path(), &["--wait", "spooled", ADDRESS], format!("kept {number}\n")).assert().success();
    }
    let log = honest(host.path());
    let mut children: Vec<_> = (0..8).map(|number| start(host.path(), &format!("new {number}"))).collect();
    for child in &mut children {
        assert_eq!(child.wait().expect("our own child").code(), Some(0));
    }
    cooee_pub(host.path(), &["--flush"], "").assert().success();
    let log = log.lock().expect("no panic");
    let unique: HashSet<_> = log.iter().map(Event::id).collect();
    assert_eq!((unique.len(), log.len()), (38, 38), "each was sent once");
    let mut numbers: Vec<_> = log.iter().map(Event::sequence).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 38, "no sequence number twice");
    assert_eq!(spool(host.path()), []);
}

/// A disk that takes no more is a file size limit here, which needs no root.
#[test]
fn on_a_full_disk_nothing_is_said_to_be_kept() {
    let host = host();
    let run = || {
        let mut command = std::process::Command::new("sh");
        let line =
            "trap '' XFSZ; ulimit -f 2; { head -c 5000 /dev/zero | tr '\\0' x; echo; } | \"$0\" --dir \"$1\" \"$2\"";
        command.args(["-c", line, env!("CARGO_BIN_EXE_cooee-pub")]).arg(host.path()).arg(ADDRESS);
        let ran = shell::run(&mut command, Duration::from_mins(1), false);
        let left: Vec<_> = fs::read_dir(host.path().join("spool")).expect("a folder").collect();
        assert!(left.is_empty(), "no part of a file is left: {left:?}");
        ran
    };
    for _ in 0..2 {
        let ran = run();
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{}", ran.err());
        assert!(ran.err().contains("File too large") && ran.err().contains("what has no receipt is not kept"));
        assert!(!ran.err().contains("kept in the spool"), "{}", ran.err());
    }
    // A node of its own needs no place in the spool.
    let log = honest(host.path());
    let ran = run();
    assert_eq!((ran.code(), ran.err().as_str()), (0, ""));
    assert_eq!(log.lock().expect("no panic").len(), 1);
}

/// A resident pipe outlives its node's restarts.
#[test]
fn a_node_that_restarts_between_batches_is_called_again() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let host = host();
    serve(host.path(), |put| Act::Last(stored(&host_key(), &events(&put))));
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("cooee-pub"));
    command.args([ADDRESS, "--dir"]).arg(host.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the command is built");
    let mut input = child.stdin.take().expect("piped");
    let mut receipts = BufReader::new(child.stdout.take().expect("piped"));
    for said in ["one", "two", "three"] {
        writeln!(input, "{said}").expect("it reads");
        let mut line = String::new();
        receipts.read_line(&mut line).expect("text");
        assert_eq!(records(line.as_bytes())[0]["type"], "receipt");
    }
    drop(input);
    assert_eq!(child.wait().expect("our own child").code(), Some(0));
    assert_eq!(spool(host.path()), []);
}

/// What a resident pipe has kept it sends itself, once there is a node, while
/// nothing else comes; and then it has done what it was asked.
#[test]
fn a_resident_pipe_sends_what_it_kept_when_the_node_is_back() {
    use std::io::{BufRead as _, BufReader, Write as _};
    for level in ["stored", "answered"] {
        let host = host();
        let leader = cooee::enrol::Leader { did: leader_key().did(), age: "age1x".into() };
        let fleet = cooee::enrol::Fleet::found(leader);
        fs::write(host.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("cooee-pub"));
        command.args([ADDRESS, "--wait", level, "--dir"]).arg(host.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.as_mut().expect("the command is built");
        let mut input = child.stdin.take().expect("piped");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        writeln!(input, "one").expect("it reads");
        let mut line = String::new();
        said.read_line(&mut line).expect("text");
        assert!(line.contains("1 event is kept in the spool"), "{line}");
        let log = honest(host.path());
        let mut receipts = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        receipts.read_line(&mut line).expect("a receipt, without any further input");
        assert_eq!(records(line.as_bytes())[0]["type"], "receipt");
        assert_eq!(log.lock().expect("no panic")[0].data(), &json!("one"));
        drop(input);
        let code = if level == "stored" { 0 } else { 4 };
        assert_eq!(child.wait().expect("our own child").code(), Some(code), "{level}");
        assert_eq!(spool(host.path()), []);
    }
}

#[test]
fn a_spool_that_cannot_be_is_named() {
    let host = host();
    fs::write(host.path().join("spool"), "").expect("written");
    let assert = cooee_pub(host.path(), &[ADDRESS], "one\n").assert().code(2).stdout("");
    assert.stderr(contains("spool"));
}

/// A large input goes through the threads: all of it, in order, by itself.
#[test]
fn many_lines_keep_their_order() {
    let host = host();
    let log = honest(host.path());
    let lines: Vec<_> = (0..5_000).map(|number| format!("{number} {}\n", "x".repeat(500))).collect();
    let input = lines.concat();
    let assert = cooee_pub(host.path(), &[ADDRESS], input).assert().success().stderr("");
    let log = log.lock().expect("no panic");
    let numbers: Vec<usize> = log
        .iter()
        .map(|event| event.data().as_str().and_then(|text| text.split(' ').next()?.parse().ok()).expect("a number"))
        .collect();
    assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
    assert!(log.windows(2).all(|pair| pair[0].sequence() < pair[1].sequence()));
    let receipts = records(&assert.get_output().stdout);
    let named: Vec<_> = receipts.iter().flat_map(|receipt| receipt["ids"].as_array().expect("ids")).collect();
    assert_eq!(named.len(), 5_000);
    assert!(named.iter().zip(log.iter()).all(|(id, event)| *id == event.id()));
    assert_eq!(spool(host.path()), []);
}

/// Nobody reads the receipts: the events go out all the same.
#[test]
fn a_closed_stdout_stops_no_event() {
    let host = host();
    let log = honest(host.path());
    let line = "{ seq 500 | \"$0\" --dir \"$1\" \"$2\"; echo $? >&2; } | true; seq 3 | \"$0\" --dir \"$1\" \"$2\" >/dev/full; echo $? >&2";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_cooee-pub")]).arg(host.path()).arg(ADDRESS);
    let ran = shell::run(&mut command, Duration::from_mins(1), false);
    let err = ran.err();
    assert!(err.starts_with("0\n") && err.ends_with("No space left on device (os error 28)\n2\n"), "{err}");
    assert_eq!(log.lock().expect("no panic").len(), 503);
    assert_eq!(spool(host.path()), []);
}
