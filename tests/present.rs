//! `cooee-sub --serve --present FILE`: what a runner writes is what the fleet
//! hears, while the host is in it.

use crate::cooee_sub::{Background, LIMIT, command, cooee_sub, folder};
use crate::shell::until;
use assert_cmd::Command;
use cooee::event::Event;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::Path;

const ALL: &str = "ucxl://any:any@COOEE:availability/#/agentid/*";

fn line(tiny_id: &str, state: &str, tasks: u32) -> String {
    json!({"tiny_id": tiny_id, "state": state, "tasks": tasks, "tasks_most": 4, "pid": 7}).to_string() + "\n"
}

/// A node that speaks for agents; its stderr goes to a file.
fn node(dir: &Path, arguments: &[&str]) -> Background {
    let mut node = command("cooee-sub", dir, &[&["--serve", "--present"], arguments].concat());
    node.stderr(File::create(dir.join("stderr")).expect("ours")).stdout(std::process::Stdio::null());
    let node = Background(node.spawn().expect("the command is built"));
    until(LIMIT, || dir.join("node.sock").exists().then_some(())).expect("the node is ready");
    node
}

fn said(dir: &Path) -> Vec<Event> {
    let run = cooee_sub(dir, &["--no-follow", "--type", "availability", ALL]).assert().success();
    let lines = String::from_utf8(run.get_output().stdout.clone()).expect("text");
    lines.lines().map(|line| Event::from_wire(line.as_bytes()).expect("an event")).collect()
}

fn stderr(dir: &Path) -> String {
    fs::read_to_string(dir.join("stderr")).expect("a file")
}

#[test]
fn agents_are_spoken_for_as_their_file_says() {
    let folder = folder();
    let dir = folder.path();
    let file = dir.join("agents.jsonl");
    fs::write(&file, line("0123456789", "ready", 0) + &line("ABCDEFGHJK", "busy", 4)).expect("ours");
    let _node = node(dir, &[file.to_str().expect("text")]);
    let first = until(LIMIT, || Some(said(dir)).filter(|said| said.len() == 2)).expect("both are spoken for");
    assert!(first.iter().all(|event| event.verify().is_ok()));
    assert_eq!(first[0].agent(), Some("0123456789"));
    assert_eq!(first[0].subject(), "ucxl://any:any@COOEE:availability/#/agentid/0123456789");
    assert_eq!(first[0].data(), &json!({"state": "ready", "tasks": 0, "tasks_most": 4}));
    assert_eq!(first[1].data(), &json!({"state": "busy", "tasks": 4, "tasks_most": 4}));
    assert_eq!(first[0].expires().duration_since(first[0].time()).as_secs(), 600);

    // A bad file is said once, and what it held stands a while.
    fs::write(&file, "{\"half").expect("ours");
    let told = until(LIMIT, || Some(stderr(dir)).filter(|text| text.contains("agents.jsonl"))).expect("it is said");
    assert!(told.contains("agents.jsonl: line 1: "), "{told}");
    // A pipe in its place is not waited for.
    let pipe = dir.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
    fs::rename(pipe, &file).expect("ours");
    until(LIMIT, || stderr(dir).contains("agents.jsonl: not a regular file").then_some(())).expect("it is said");
    fs::remove_file(&file).expect("ours");
    fs::write(&file, line("0123456789", "working", 3)).expect("ours");
    let newest = |event: &Event| event.agent() == Some("0123456789") && event.data()["state"] == "working";
    let heard = until(LIMIT, || said(dir).into_iter().find(newest)).expect("the change is said");
    assert!(heard.sequence() > first[0].sequence(), "the newer counts");
    assert_eq!(stderr(dir).matches("agents.jsonl").count(), 2, "{}", stderr(dir));
}

#[test]
fn a_host_that_is_not_enrolled_says_nothing() {
    let folder = folder();
    let (leader, dir) = (folder.path().join("leader"), folder.path().join("host"));
    let key = |dir: &Path, arguments: &[&str]| Command::from_std(command("cooee-key", dir, arguments));
    key(&leader, &["found"]).assert().success();
    let invited = key(&leader, &["invite"]).assert().success().get_output().stdout.clone();
    key(&dir, &["join", "-"]).write_stdin(invited).assert().success();
    let file = folder.path().join("agents.jsonl");
    fs::write(&file, line("0123456789", "ready", 0)).expect("ours");
    let _node = node(&dir, &[file.to_str().expect("text"), "-v"]);
    until(LIMIT, || stderr(&dir).contains("availability is not taken: not_a_member").then_some(()))
        .expect("the node refuses it");
    assert!(said(&dir).is_empty());
}

#[test]
fn it_is_for_nodes_only() {
    let folder = folder();
    for arguments in [&["--present", "x", ALL][..], &["--present", "x"]] {
        let refused = cooee_sub(folder.path(), arguments).timeout(LIMIT).assert().code(2).stdout("");
        refused.stderr(predicates::str::contains("cooee-sub: "));
    }
}

/// What cron runs: `hwprobe --capability --changed | cooee-pub`.
fn tell(dir: &Path, model: &str) -> (Value, i32, Vec<Value>) {
    let arguments = ["--capability", "--changed", "--model", model, "--best-at", "code"];
    let probe = Command::from_std(command("hwprobe", dir, &arguments)).assert().success().get_output().stdout.clone();
    let record = serde_json::from_slice(&probe).expect("one record");
    let told =
        Command::from_std(command("cooee-pub", dir, &["--timeout", "20s"])).write_stdin(probe).output().expect("run");
    let lines = String::from_utf8(told.stdout).expect("text");
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (record, told.status.code().expect("no signal"), lines)
}

#[test]
fn what_a_host_can_do_is_told_when_it_changes() {
    let folder = folder();
    let dir = folder.path();
    // Without a node it is kept, but nobody has heard it: it is told again.
    let (record, code, _) = tell(dir, "llama3");
    assert_eq!((&record["type"], code), (&json!("capability"), 4));
    fs::write(dir.join("agents.jsonl"), "").expect("ours");
    let _node = node(dir, &[dir.join("agents.jsonl").to_str().expect("text")]);
    let (record, code, lines) = tell(dir, "llama3");
    assert_eq!((&record["type"], code), (&json!("capability"), 0));
    assert_eq!(record["data"]["specialisation"], "code");
    assert!(lines.iter().any(|line| line["type"] == "receipt"), "{lines:?}");
    // Then cron is quiet, and no failure.
    let (record, code, lines) = tell(dir, "llama3");
    assert_eq!((&record["type"], code), (&json!("unchanged"), 0));
    assert_eq!(lines, [record]);
    let (record, code, _) = tell(dir, "mistral");
    assert_eq!((&record["type"], code), (&json!("capability"), 0));
    assert_eq!(tell(dir, "mistral").0["type"], "unchanged");
    Command::from_std(command("hwprobe", dir, &["--changed"])).assert().code(2).stdout("");
}
