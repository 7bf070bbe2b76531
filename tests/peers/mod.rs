//! `cooee-peers`: what a node sees, in every form; and what is wrong with it.

mod answers;
mod doctor;
mod hostile;
mod records;
mod screen;

use crate::manual::bin_dir;
use crate::shell::{self, Ran, until};
use cooee::attach::{Client, Reply, Request};
use cooee::enrol::{Fleet, Leader};
use cooee::event::{Draft, Event, Stamp};
use cooee::key::{Key, write_key};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_mins(1);
const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

fn key(seed: u8) -> Key {
    Key::from_seed(&[seed; 32])
}

/// A folder with a key, and with a fleet file if it is in the fleet of the
/// Leader with that seed.
fn folder(seed: u8, leader: Option<u8>, nodes: &[String]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_key(&folder.path().join("host.key"), &key(seed)).expect("a key");
    if let Some(leader) = leader {
        let mut fleet = Fleet::found(Leader { did: key(leader).did(), age: "age1unused".to_owned() });
        fleet.nodes = nodes.to_vec();
        std::fs::write(folder.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        if seed == leader {
            write_key(&folder.path().join("leader.key"), &key(leader)).expect("a key");
        }
    }
    folder
}

/// A node as a process; it ends with the test.
struct Node(Child);

impl Node {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::spawn(Command::new(bin_dir().join("cooee-sub")), folder, arguments)
    }

    fn spawn(mut command: Command, folder: &Path, arguments: &[&str]) -> Self {
        command.arg("--serve").args(arguments).arg("--dir").arg(folder).stdin(Stdio::null());
        // What stands between may be a wrapper, which is not to be ended alone.
        command.process_group(0);
        let node = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
        until(LIMIT, || folder.join("node.sock").exists().then_some(())).expect("the node is ready");
        node
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// The first address that the node listens on.
fn address(folder: &Path) -> String {
    let listen = std::fs::read_to_string(folder.join("listen")).expect("it listens");
    listen.lines().next().expect("an address").to_owned()
}

fn peers(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(bin_dir().join("cooee-peers"));
    command.args(arguments).arg("--dir").arg(folder).stdin(Stdio::null());
    shell::run(&mut command, LIMIT, false)
}

/// Its lines as JSON; it must have succeeded in silence.
fn records(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let ran = peers(folder, arguments);
    assert_eq!((ran.code(), ran.err().as_str()), (0, ""), "{}", ran.out());
    ran.out().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Asks until the records are as wanted.
fn until_seen<T>(folder: &Path, mut wanted: impl FnMut(&[Value]) -> Option<T>) -> T {
    let mut last = Vec::new();
    let seen = until(LIMIT, || {
        last = records(folder, &[]);
        wanted(&last)
    });
    seen.unwrap_or_else(|| panic!("not seen in time; the last was {last:#?}"))
}

/// Asks the doctor until a line has these words; the line and its exit code.
fn until_found(folder: &Path, words: &str) -> (String, i32) {
    let mut last = String::new();
    let found = until(LIMIT, || {
        let ran = peers(folder, &["--doctor"]);
        assert_eq!(ran.err(), "");
        last = ran.out();
        let line = last.lines().find(|line| line.contains(words))?.to_owned();
        Some((line, ran.code()))
    });
    found.unwrap_or_else(|| panic!("{words} was not found in time; the last was:\n{last}"))
}

fn event(author: &Key, kind: &str, data: Value, reply: Option<&Event>, life: SignedDuration) -> Event {
    let time = Timestamp::now();
    let draft = Draft {
        kind: kind.to_owned(),
        subject: "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001".to_owned(),
        expires: time + life,
        data,
        data_base64: None,
        in_reply_to: reply.map(|event| event.id().to_owned()),
        agent: None,
    };
    let stamp = Stamp { id: Uuid::now_v7(), time, sequence: time.as_microsecond().unsigned_abs() };
    draft.sign(author, &stamp).expect("a good draft")
}

/// A Leader's word that the host is enrolled for so long.
fn enrolled(leader: u8, host: u8, life: SignedDuration) -> Event {
    let until = cooee::event::rfc3339(Timestamp::now() + life);
    let agent_did = format!("{}#0000000001", key(host).did());
    let data = json!({"agent_did": agent_did, "tiny_id": "0000000001", "token": "80007", "expires": until});
    event(&key(leader), "enrolled", data, None, SignedDuration::from_hours(1))
}

/// Hands events to a node; all must be stored.
fn put(folder: &Path, events: &[&Event]) {
    let deadline = || Some(Instant::now() + LIMIT);
    let mut client = Client::connect(&folder.join("node.sock")).expect("a node");
    let wires = events.iter().map(|event| event.wire().to_vec()).collect();
    client.send(&Request::Put { events: wires }, deadline()).expect("sent");
    match client.receive(deadline()).expect("answered") {
        Reply::Stored { refused, .. } if refused.is_empty() => {}
        other => panic!("not stored: {other:?}"),
    }
}
