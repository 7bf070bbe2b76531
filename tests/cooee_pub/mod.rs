//! `cooee-pub`: input, spool, receipts, answers.

mod answers;
mod crash;
mod dial;
mod fake;
mod input;
mod kept;

use assert_cmd::Command;
use cooee::event::Event;
use cooee::key::{Key, write_key};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const ADDRESS: &str = "ucxl://any:ops@COOEE:demo/#";

/// A folder with a host's key.
fn host() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_key(&folder.path().join("host.key"), &host_key()).expect("a key");
    folder
}

fn host_key() -> Key {
    Key::from_seed(&[1; 32])
}

fn leader_key() -> Key {
    Key::from_seed(&[2; 32])
}

fn stranger() -> Key {
    Key::from_seed(&[9; 32])
}

fn cooee_pub(dir: &Path, arguments: &[&str], input: impl Into<Vec<u8>>) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cooee-pub"));
    command.args(arguments).arg("--dir").arg(dir).write_stdin(input);
    command
}

/// Its lines of stdout.
fn records(stdout: &[u8]) -> Vec<Value> {
    let lines = stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

/// The events in the spool's files, by file name.
fn spool(dir: &Path) -> Vec<Event> {
    let Ok(entries) = fs::read_dir(dir.join("spool")) else { return vec![] };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut events = vec![];
    for file in files {
        let text = fs::read_to_string(file).expect("text");
        events.extend(text.lines().map(|line| Event::from_wire(line.as_bytes()).expect("an event")));
    }
    events
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id().to_owned()).collect()
}

fn draft(kind: &str, data: &Value) -> String {
    json!({"type": kind, "subject": ADDRESS, "expires": "2100-01-01T00:00:00Z", "data": data}).to_string()
}
