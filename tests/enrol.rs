//! `scripts/enrol` as a newcomer runs it: twice, in halves, interrupted.

use crate::manual::{bin_dir, root};
use crate::shell::{self, Ran, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(2);

fn enrol(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/enrol"));
    command.arg("--bin-dir").arg(bin_dir()).arg("--dir").arg(dir).args(arguments).stdin(Stdio::null());
    command
}

/// What the script prints: signed answers, and records of agents.
fn lines(ran: &Ran) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    ran.out().lines().map(parse).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// Processes that were started for `dir`, wherever their group is.
fn alive(dir: &Path) -> Vec<String> {
    let of = |entry: fs::DirEntry| {
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&words).replace('\0', " ");
        line.contains(dir.to_str()?).then_some(line)
    };
    fs::read_dir("/proc").expect("Linux").filter_map(|entry| of(entry.ok()?)).collect()
}

fn registered(dir: &Path) -> String {
    let mut list = Command::new(bin_dir().join("agentid-register"));
    let ran = shell::run(list.arg("--list").arg("--dir").arg(dir.join("leader")).stdin(Stdio::null()), LIMIT, false);
    assert_eq!((ran.code(), ran.err()), (0, String::new()));
    ran.out()
}

#[test]
fn this_machine_is_enrolled_once() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("fleet");
    let first = shell::run(&mut enrol(&dir, &["--model", "test-model"]), LIMIT, false);
    assert_eq!(first.code(), 0, "{}", first.err());
    let said = lines(&first);
    let answers = of_type(&said, "cooee.enrolled.v1");
    let named = |answer: &&&Value| answer["data"]["token"].is_string() && answer["data"]["tiny_id"].is_string();
    assert!(!answers.is_empty() && answers.iter().all(|answer| named(&answer)), "{}", first.out());
    for answer in &answers {
        let token = &answer["data"]["token"];
        let resolved = said.iter().any(|line| line["token"] == *token && line["model"].is_string());
        assert!(resolved, "{token} is not resolved: {}", first.out());
    }
    assert!(first.err().contains("enrol: next: "), "{}", first.err());
    assert_eq!(alive(&dir), [""; 0], "left behind");

    let list = registered(&dir);
    assert!(list.contains("test-model"), "{list}");
    let second = shell::run(&mut enrol(&dir, &["--model", "test-model"]), LIMIT, false);
    assert_eq!(second.code(), 0, "{}", second.err());
    let said = lines(&second);
    assert_eq!(of_type(&said, "cooee.enrolled.v1").len(), 0, "enrolled twice: {}", second.out());
    assert_eq!(of_type(&said, "unchanged").len(), answers.len(), "{}", second.out());
    assert_eq!(registered(&dir), list);
    assert_eq!(alive(&dir), [""; 0], "left behind");
}

#[test]
fn two_machines_enrol_in_halves() {
    let home = tempfile::tempdir().expect("a folder");
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    let printed = home.path().join("printed");
    let output = fs::File::create(&printed).expect("a file");
    let mut leader = enrol(&one, &["--leader", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    let mut leader = leader.stdout(output).stderr(Stdio::null()).spawn().expect("bash");
    let string = until(LIMIT, || {
        let text = fs::read_to_string(&printed).ok()?;
        text.strip_suffix('\n').map(str::to_owned).or_else(|| {
            let ended = leader.try_wait().expect("our own child");
            assert!(ended.is_none(), "the leader's half ended");
            None
        })
    });
    let string = string.expect("the leader's half prints a join string");
    assert!(string.starts_with("cooee://"), "{string}");

    let file = home.path().join("string");
    fs::write(&file, string).expect("written");
    let mut host = enrol(&two, &["--host", "--model", "test-model"]);
    let ran = shell::run(host.stdin(fs::File::open(&file).expect("there")), LIMIT, false);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    let said = lines(&ran);
    assert_eq!(of_type(&said, "cooee.enrolled.v1").len(), 1, "{}", ran.out());
    assert_eq!(alive(&two), [""; 0], "left behind");
    assert!(!two.join("leader").exists());

    kill_process(Pid::from_child(&leader), Signal::TERM).expect("it runs");
    let status = until(LIMIT, || leader.try_wait().expect("our own child"));
    assert!(status.is_some(), "the leader's half does not end");
    assert_eq!(alive(&one), [""; 0], "left behind");
    assert!(registered(&one).contains("test-model"));
}

#[test]
fn what_cannot_work_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    for (arguments, message) in [
        (&["--nonsense"][..], "enrol: error: unknown argument \"--nonsense\"\nenrol: hint: try --help\n"),
        (&["--model"], "enrol: error: --model needs a value\n"),
        (&["--bin-dir", "/nonexistent"], "enrol: error: no commands in /nonexistent\n"),
    ] {
        let ran = shell::run(&mut enrol(&home.path().join("fleet"), arguments), LIMIT, false);
        assert_eq!((ran.code(), ran.out().as_str(), ran.err().as_str()), (2, "", message));
    }
    // A string that is none: the host's half stops and leaves nothing running.
    let dir = home.path().join("host");
    let ran = shell::run(&mut enrol(&dir, &["--host"]), LIMIT, false);
    assert_eq!((ran.code(), ran.out()), (2, String::new()), "{}", ran.err());
    assert!(!dir.join("host/fleet.json").exists());
    assert_eq!(alive(&dir), [""; 0], "left behind");
}
