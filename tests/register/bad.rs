//! Bad surroundings: keys, registries, clocks, lines, disks.

use super::fixture::{Ask, Book, run};
use cooee::enrol::{Fleet, Leader};
use cooee::key::Key;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let book = Book::new();
    let key = book.path("leader.key");
    let line = Ask::new(&book, 1, "m").token('a').line();
    let ask = || book.feed(std::slice::from_ref(&line), &[]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("mode");
    assert_eq!((ask().code, ask().text.as_str()), (5, ""));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("mode");
    fs::set_permissions(book.folder.path(), fs::Permissions::from_mode(0o770)).expect("mode");
    assert_eq!(ask().code, 5, "group-writable folder");
    fs::set_permissions(book.folder.path(), fs::Permissions::from_mode(0o700)).expect("mode");
    fs::remove_file(&key).expect("removed");
    let ran = ask();
    assert_eq!((ran.code, ran.text.as_str()), (2, ""));
    assert!(ran.err.contains("this folder is no leader's"), "{}", ran.err);
    for content in ["", "# a comment\n", "nonsense"] {
        fs::write(&key, content).expect("written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("mode");
        assert_eq!(ask().code, 2, "{content:?}");
    }
    assert_eq!(book.audit().len(), 10, "nothing was judged");
}

#[test]
fn a_key_of_no_leader_is_said() {
    let book = Book::new();
    let other = Fleet::found(Leader { did: Key::from_seed(&[1; 32]).did(), age: "age1".to_owned() });
    fs::write(book.path("fleet.json"), other.to_bytes()).expect("written");
    let ran = book.feed(&[Ask::new(&book, 1, "m").token('a').line()], &[]);
    assert_eq!((ran.code, ran.text.as_str()), (2, ""));
    assert!(ran.err.contains("no leader of this fleet"), "{}", ran.err);
}

#[test]
fn a_bad_registry_is_named_and_left_alone() {
    let book = Book::new();
    let path = book.path("registry.db");
    let good = fs::read(&path).expect("bytes");
    let line = Ask::new(&book, 1, "m").token('a').line();
    for (content, message) in [
        (&b""[..], "is empty"),
        (b"x", "not an SQLite database"),
        (&[b'x'; 5000], "not an SQLite database"),
        (&good[..good.len() - 1], "cut or damaged"),
        (&good[..4096], "cut or damaged"),
    ] {
        fs::write(&path, content).expect("written");
        for arguments in [&[][..], &["--list"], &["--verify-audit"]] {
            let ran = book.feed(std::slice::from_ref(&line), arguments);
            assert_eq!((ran.code, ran.text.as_str()), (2, ""), "{message} {arguments:?}");
            assert!(ran.err.contains(&format!("registry.db: {message}\n")), "{}", ran.err);
            assert_eq!(fs::read(&path).expect("bytes"), content, "changed");
        }
    }
    fs::remove_file(&path).expect("removed");
    let ran = book.feed(std::slice::from_ref(&line), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("registry.db: no such file\n") && ran.err.contains("cooee-key found"), "{}", ran.err);
    fs::create_dir(&path).expect("made");
    assert!(book.feed(std::slice::from_ref(&line), &[]).err.contains("registry.db: is a folder\n"));
    fs::remove_dir(&path).expect("removed");
    fs::write(&path, &good).expect("written");
    let sql = rusqlite::Connection::open(&path).expect("opened");
    sql.pragma_update(None, "user_version", 99).expect("set");
    drop(sql);
    let ran = book.feed(std::slice::from_ref(&line), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("schema 99 is newer than this program knows (1)"), "{}", ran.err);
    fs::write(&path, &good).expect("written");
    assert_eq!(book.ask(&line)["type"], "cooee.enrolled.v1");
    let sql = rusqlite::Connection::open(&path).expect("opened");
    sql.execute("UPDATE agents SET hostname = CAST(x'ff' AS TEXT)", []).expect("damaged");
    let ran = book.feed(&[], &["--list"]);
    assert_eq!((ran.code, ran.text.as_str()), (2, ""));
    assert!(ran.err.contains("registry.db: cut or damaged\n"), "{}", ran.err);
}

#[test]
fn a_locked_registry_is_temporary() {
    let book = Book::new();
    let sql = rusqlite::Connection::open(book.path("registry.db")).expect("opened");
    sql.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let line = Ask::new(&book, 1, "m").token('a').line();
    let ran = book.feed(std::slice::from_ref(&line), &[]);
    assert_eq!((ran.code, ran.text.as_str()), (4, ""));
    assert!(ran.err.contains("locked by another process for over 5 s"), "{}", ran.err);
    sql.execute_batch("ROLLBACK").expect("unlocked");
    assert_eq!(book.feed(&[line], &[]).out[0]["type"], "cooee.enrolled.v1");
}

#[test]
fn a_clock_that_cannot_be_right_judges_nothing() {
    let book = Book::new();
    let line = Ask::new(&book, 1, "m").token('a').line();
    for (clock, year) in [("1970-01-01T00:00:00Z", "1970"), ("2100-01-01T00:00:00Z", "2100")] {
        let ran = book.feed(std::slice::from_ref(&line), &["--now", clock]);
        assert_eq!((ran.code, ran.text.as_str()), (2, ""));
        assert!(ran.err.contains(&format!("the clock says {year}: not judging")), "{}", ran.err);
    }
    assert_eq!(book.audit().len(), 10);
}

#[test]
fn bad_lines_are_counted_and_the_rest_judged() {
    let book = Book::new();
    let good = Ask::new(&book, 1, "m").token('a').line();
    let twice = good.replacen("\"v\":1", "\"v\":1,\"v\":1", 1);
    let lines = [
        "nonsense".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        twice,
        r#"{"type":"opened","v":1,"id":"x"}"#.to_owned(),
        json!({"type": "refusal", "id": "x", "source": "did:web:x"}).to_string(),
        format!(r#"{{"type":"opened","pad":"{}"}}"#, "x".repeat(1 << 20)),
        good.clone(),
    ];
    let ran = book.feed(&lines, &[]);
    assert_eq!((ran.code, ran.out.len()), (3, 1));
    assert_eq!(ran.out[0]["type"], "cooee.enrolled.v1");
    let numbers: Vec<_> =
        ran.err.lines().filter_map(|line| line.strip_prefix("agentid-register: line ")?.split(':').next()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7"], "{}", ran.err);
    let ran =
        book.feed(&[Ask::new(&book, 1, "m").line(), "x".to_owned(), Ask::new(&book, 1, "m").line()], &["--strict"]);
    assert_eq!((ran.code, ran.out.len()), (3, 1), "what came before it counts");
}

#[test]
fn no_input_is_said() {
    let book = Book::new();
    for input in ["", "\n\n"] {
        let ran = run(book.command(&[]).write_stdin(input));
        assert_eq!((ran.code, ran.text.as_str()), (2, ""));
        assert!(ran.err.contains("expected requests on stdin, got nothing"), "{}", ran.err);
    }
}

/// What is not on stdout is on disk, and comes again when it is asked again.
#[test]
fn a_full_stdout_loses_no_answer() {
    let book = Book::new();
    let line = Ask::new(&book, 1, "m").token('a').line();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("agentid-register"));
    let input = book.path("input");
    fs::write(&input, &line).expect("written");
    command.arg("--dir").arg(book.folder.path()).stdin(fs::File::open(&input).expect("there"));
    command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").expect("there"));
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(book.list().len(), 1);
    let answer = book.feed(&[line], &[]);
    assert_eq!((answer.code, &answer.out[0]["type"]), (0, &json!("cooee.enrolled.v1")));
    assert_eq!(book.audit().len(), 11);
}

#[test]
fn wrong_arguments_are_refused() {
    let book = Book::new();
    for arguments in [
        &["--list", "--audit"][..],
        &["--raw"],
        &["--checkpoint", "x"],
        &["--only", "4"],
        &["--ttl", "0s"],
        &["--ttl", "99999d"],
        &["--now", "yesterday"],
        &["--allow", "did:web:x"],
        &["--verify-audit", "--checkpoint", "/nonexistent"],
        &["--verify-audit", "--checkpoint", "/dev/null"],
    ] {
        let ran = book.feed(&[], arguments);
        assert_eq!((ran.code, ran.text.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(book.feed(&[], &["--approve", "nothing"]).code, 1);
}

/// Killed at any step, it leaves all of a transaction or nothing, and what it
/// has printed holds.
#[test]
fn kill_9_and_term_leave_all_or_nothing() {
    use rustix::process::Signal;
    use std::io::{BufRead as _, BufReader, Write as _};
    let book = Book::new();
    book.invite(&super::fixture::token('z'), &cooee::store::JoinToken { agents: 1000, ..Default::default() });
    let lines: Vec<_> = (0..120).map(|n| Ask::new(&book, 1, &format!("m{n}")).token('z').line()).collect();
    let mut said: Vec<String> = Vec::new();
    for (round, part) in lines.chunks(20).enumerate() {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("agentid-register"));
        command.arg("--dir").arg(book.folder.path());
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut input = child.stdin.take().expect("a pipe");
        let text = part.join("\n") + "\n";
        // In two pieces, so that it is in the midst of one when it is killed.
        let middle = text.len() * (round + 1) / 8;
        input.write_all(&text.as_bytes()[..middle]).expect("it reads");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut first = String::new();
        output.read_line(&mut first).expect("it answers");
        let _ = input.write_all(&text.as_bytes()[middle..]);
        let pid = rustix::process::Pid::from_child(&child);
        let signal = if round % 2 == 0 { Signal::KILL } else { Signal::TERM };
        rustix::process::kill_process(pid, signal).expect("it runs");
        child.wait().expect("it ended");
        let rest = output.lines().map_while(Result::ok);
        said.extend(std::iter::once(first.trim_end().to_owned()).chain(rest).filter(|line| line.ends_with('}')));
    }
    assert!(said.len() >= 6);
    assert_eq!(run(&mut book.command(&["--verify-audit"])).code, 0);
    let ran = book.feed(&lines, &[]);
    assert_eq!((ran.code, ran.out.len()), (0, 120));
    let all: Vec<_> = ran.text.lines().collect();
    assert!(said.iter().all(|line| all.contains(&line.as_str())), "an answer was taken back");
    assert_eq!(book.list().len(), 120);
    assert_eq!(book.audit().len(), 11 + 120);
}

/// Without its write-ahead log a registry is what it was before: whole, but cut;
/// only a checkpoint kept elsewhere can tell.
#[test]
fn a_removed_write_ahead_log_leaves_a_whole_registry_and_a_checkpoint_tells() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let book = Book::new();
    let line = Ask::new(&book, 1, "m").token('a').line();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("agentid-register"));
    command.arg("--dir").arg(book.folder.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(input, "{line}").expect("it reads");
    let mut answer = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut answer).expect("it answers");
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    let log = book.path("registry.db-wal");
    assert!(fs::metadata(&log).is_ok_and(|log| log.len() > 0), "what it said is in the log alone");
    let checkpoint = book.path("checkpoint");
    let stands = run(&mut book.command(&["--verify-audit"]));
    assert_eq!((stands.code, &stands.out[0]["n"]), (0, &json!(11)));
    fs::write(&checkpoint, &stands.text).expect("written");
    fs::remove_file(&log).expect("removed");
    let checkpoint = checkpoint.to_str().expect("text");
    let ran = run(&mut book.command(&["--verify-audit", "--checkpoint", checkpoint]));
    assert_eq!((ran.code, ran.text.as_str()), (5, ""));
    assert!(ran.err.contains("its tail was cut"), "{}", ran.err);
    assert_eq!((book.audit().len(), book.list().len()), (10, 0), "as it was before");
    assert_eq!(book.ask(&line)["type"], "cooee.enrolled.v1");
}
