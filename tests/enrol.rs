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
fn alive(dir: &Path) -> Vec<(Pid, String)> {
    let of = |entry: fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&words).replace('\0', " ");
        line.contains(dir.to_str()?).then_some((pid, line))
    };
    fs::read_dir("/proc").expect("Linux").filter_map(|entry| of(entry.ok()?)).collect()
}

fn registered(dir: &Path) -> String {
    let mut list = Command::new(bin_dir().join("agentid-register"));
    let ran = shell::run(list.arg("--list").arg("--dir").arg(dir.join("leader")).stdin(Stdio::null()), LIMIT, false);
    assert_eq!((ran.code(), ran.err()), (0, String::new()));
    ran.out()
}

/// Nothing on stderr but the script's own words.
fn quiet(ran: &Ran) {
    assert!(ran.err().lines().all(|line| line.starts_with("enrol: ")), "{}", ran.err());
}

#[test]
fn this_machine_is_enrolled_once() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("a fleet");
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
    quiet(&first);
    // What it says to do next can be typed as it stands.
    let next =
        first.err().lines().find_map(|line| line.strip_prefix("enrol: next: agentid-register ").map(str::to_owned));
    let mut next_command = Command::new("/bin/sh");
    next_command.args(["-c", &format!("agentid-register {}", next.expect("what to do next"))]).env("PATH", bin_dir());
    assert_eq!(shell::run(&mut next_command, LIMIT, false).out(), registered(&dir));
    assert_eq!(alive(&dir), [], "left behind");

    let list = registered(&dir);
    assert!(list.contains("test-model"), "{list}");
    let second = shell::run(&mut enrol(&dir, &["--model", "test-model"]), LIMIT, false);
    assert_eq!(second.code(), 0, "{}", second.err());
    quiet(&second);
    let said = lines(&second);
    assert_eq!(of_type(&said, "cooee.enrolled.v1").len(), 0, "enrolled twice: {}", second.out());
    assert_eq!(of_type(&said, "unchanged").len(), answers.len(), "{}", second.out());
    assert_eq!(registered(&dir), list);
    assert_eq!(alive(&dir), [], "left behind");
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
    assert_eq!(alive(&two), [], "left behind");
    assert!(!two.join("leader").exists());

    // Where one of its commands dies it does not go on alone, letting nobody in.
    let of_pipe = alive(&one).into_iter().find(|(_, line)| line.contains("agentid-register")).expect("it runs");
    kill_process(of_pipe.0, Signal::KILL).expect("it runs");
    let status = until(LIMIT, || leader.try_wait().expect("our own child"));
    assert_eq!(status.expect("the leader's half does not end").code(), Some(2));
    assert_eq!(alive(&one), [], "left behind");
    assert!(registered(&one).contains("test-model"));
}

/// Killed or asked to end at any moment, it takes all that it started with it,
/// and the next run goes on.
#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("fleet");
    let marks = ["leader/fleet.json", "leader/node.sock", "host/fleet.json", "host/node.sock"];
    for (mark, signal) in marks.into_iter().zip([Signal::TERM, Signal::KILL, Signal::INT, Signal::KILL]) {
        let mut script =
            enrol(&dir, &["--model", "test-model"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("bash");
        let there = until(LIMIT, || dir.join(mark).exists().then_some(()));
        there.unwrap_or_else(|| panic!("no {mark}"));
        let _ = kill_process(Pid::from_child(&script), signal);
        script.wait().expect("our own child");
        let gone = until(LIMIT, || alive(&dir).is_empty().then_some(()));
        assert!(gone.is_some(), "left behind after {mark}: {:?}", alive(&dir));
    }
    let ran = shell::run(&mut enrol(&dir, &["--model", "test-model"]), LIMIT, false);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    assert_eq!(registered(&dir).lines().count(), 1);
}

#[test]
fn two_at_once_take_turns() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("fleet");
    let run = || shell::run(&mut enrol(&dir, &["--model", "test-model"]), LIMIT, false);
    let both = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        [run(), other.join().expect("no panic")]
    });
    for ran in &both {
        assert_eq!(ran.code(), 0, "{}", ran.err());
        quiet(ran);
    }
    assert_eq!(registered(&dir).lines().count(), 1);
}

#[test]
fn what_cannot_work_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    let full = shell::run(
        Command::new("sh")
            .args(["-c", "\"$0\" \"$@\" >/dev/full"])
            .arg(root().join("scripts/enrol"))
            .arg("--bin-dir")
            .arg(bin_dir())
            .arg("--dir")
            .arg(home.path().join("full"))
            .args(["--model", "x"]),
        LIMIT,
        false,
    );
    assert_eq!(full.code(), 2, "{}", full.err());
    assert!(full.err().ends_with("enrol: error: cannot write to stdout\n"), "{}", full.err());
    fs::write(home.path().join("file"), "").expect("written");
    let mut file = Command::new(root().join("scripts/enrol"));
    file.arg("--bin-dir").arg(bin_dir()).current_dir(home.path()).args(["--dir", "file"]).stdin(Stdio::null());
    let ran = shell::run(&mut file, LIMIT, false);
    assert_eq!(ran.code(), 2, "{}", ran.err());
    assert!(ran.err().ends_with("enrol: error: cannot write in file\nenrol: hint: name another folder with --dir\n"));
    for (arguments, message) in [
        (&["--nonsense"][..], "enrol: error: unknown argument \"--nonsense\"\nenrol: hint: try --help\n"),
        (
            &["--leader", "--host"],
            "enrol: error: --leader and --host are two halves\nenrol: hint: without either, both run\n",
        ),
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
    assert_eq!(alive(&dir), [], "left behind");
}
