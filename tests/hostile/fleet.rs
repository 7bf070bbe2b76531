//! A fleet of two real nodes: the Leader's, which is attacked, and a member's
//! beside it, which must hear all that is honest and nothing else.

use crate::manual::bin_dir;
use crate::node;
pub use crate::node::NOTE;
use crate::shell::until;
use cooee::attach::{Client, Reply, Request};
use cooee::event::Event;
use cooee::key::{Key, read_key};
use jiff::{SignedDuration, Timestamp};
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
const ENROL: &str = "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001";
/// What the node under attack may hold, at most, at any moment.
pub const MOST_MEMORY_KB: u64 = 256 * 1024;

/// A node in a process of its own.
pub struct Node {
    pub folder: TempDir,
    child: Child,
}

impl Node {
    fn start(folder: TempDir, arguments: &[&str]) -> Self {
        let said = File::create(folder.path().join("stderr")).expect("a file");
        let mut command = Command::new(bin_dir().join("cooee-sub"));
        command.args(["--serve", "-v", "--listen", "/ip4/127.0.0.1/tcp/0", "--dir"]).arg(folder.path()).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().expect("it is built");
        let node = Self { folder, child };
        until(LIMIT, || node.socket().exists().then_some(())).expect("it is ready");
        node
    }

    /// One without a fleet.
    pub fn alone(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        key_command(&["new", "--dir"], folder.path(), None);
        Self::start(folder, arguments)
    }

    pub fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("node.sock")
    }

    pub fn address(&self) -> Multiaddr {
        self.listens("/tcp/")
    }

    /// Where it is called by QUIC, if it was told to listen so.
    pub fn quic(&self) -> Multiaddr {
        self.listens("/quic-v1/")
    }

    fn listens(&self, how: &str) -> Multiaddr {
        let text = fs::read_to_string(self.folder.path().join("listen")).expect("its addresses");
        text.lines().find(|line| line.contains(how)).expect("one").parse().expect("a multiaddr")
    }

    pub fn port(&self) -> u16 {
        port_of(&self.address())
    }

    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("stderr")).expect("its stderr")).into_owned()
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// The most memory that it has had at once.
    pub fn peak_kb(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("it is told");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }

    /// The memory that it has now.
    pub fn memory_kb(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The ids in its log.
    pub fn ids(&self) -> BTreeSet<String> {
        let mut client = Client::connect(&self.socket()).expect("a node");
        let request = Request::Sub {
            patterns: vec!["ucxl://any:any@any:any".to_owned()],
            types: Vec::new(),
            since: Some(Timestamp::UNIX_EPOCH),
            unanswered: false,
            follow: false,
        };
        client.send(&request, Some(soon())).expect("sent");
        let mut ids = BTreeSet::new();
        loop {
            match client.receive(Some(soon())).expect("answered") {
                Reply::Events { events } => {
                    ids.extend(events.iter().map(|wire| Event::from_wire(wire).expect("an event").id().to_owned()));
                }
                Reply::End => return ids,
                other => panic!("not events: {other:?}"),
            }
        }
    }
}

/// Of TCP or UDP.
pub fn port_of(address: &Multiaddr) -> u16 {
    address.to_string().split('/').nth(4).and_then(|port| port.parse().ok()).expect("a port")
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn soon() -> Instant {
    Instant::now() + LIMIT
}

/// The fleet.
pub struct Fleet {
    pub attacked: Node,
    pub second: Node,
    leader: Key,
    pub id: String,
    honest: Vec<String>,
}

impl Fleet {
    /// Both run, know of each other, and one note has gone from one to the other.
    pub fn found() -> Self {
        Self::found_with(&[])
    }

    /// The same, where the node that is attacked is told more.
    pub fn found_with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        key_command(&["found", "--dir"], folder.path(), None);
        let leader = read_key(&folder.path().join("leader.key")).expect("a leader's key");
        let text = fs::read(folder.path().join("fleet.json")).expect("a fleet file");
        let id = cooee::enrol::Fleet::parse(&text).expect("a fleet").fleet;
        let attacked = Node::start(folder, arguments);
        let (second, welcome, _) = joined(&attacked, &leader, &[]);
        put(&attacked, &[welcome]);
        let mut fleet = Self { attacked, second, leader, id, honest: Vec::new() };
        fleet.say(1);
        fleet.is_whole();
        fleet
    }

    /// By the Leader's word, at the node that is attacked.
    pub fn enrol(&self, host: &Key) {
        put(&self.attacked, &[enrolled(&self.leader, host)]);
    }

    /// One more real node, a member, which calls both and this address; and
    /// its key.
    pub fn join(&self, other: &str) -> (Node, Key) {
        let second = self.second.address().to_string();
        let (node, welcome, key) = joined(&self.attacked, &self.leader, &["--peer", &second, "--peer", other]);
        put(&self.attacked, &[welcome]);
        (node, key)
    }

    pub fn revoke(&self, host: &Key) {
        let data = json!({"did": host.did(), "reason": "stolen"});
        put(&self.attacked, &[event(&self.leader, "revoked", NOTE, data)]);
    }

    /// Honest notes through the attacked node: each is receipted.
    pub fn say(&mut self, count: usize) {
        let notes: Vec<_> = (0..count).map(|n| event(&self.leader, "note", NOTE, json!(n))).collect();
        let ids = put(&self.attacked, &notes);
        assert_eq!(ids.len(), count, "every honest note is receipted");
        self.honest.extend(ids);
    }

    /// The attacked node is up and within its memory, the second holds what
    /// was said at the first and nothing else, and neither blames the other.
    pub fn is_whole(&mut self) {
        assert!(self.attacked.runs() && self.second.runs(), "{}", self.attacked.said());
        let arrived = until(LIMIT, || {
            let ids = self.second.ids();
            self.honest.iter().all(|id| ids.contains(id)).then_some(ids)
        });
        let arrived = arrived.unwrap_or_else(|| panic!("honest notes are missing; {}", self.attacked.said()));
        assert_eq!(arrived, self.attacked.ids(), "both hold the same");
        let peak = self.attacked.peak_kb();
        assert!(peak < MOST_MEMORY_KB, "it held {peak} kB");
        let said = self.second.said();
        assert!(!said.contains("shut out"), "the second saw something bad: {said}");
        for said in [self.attacked.said(), said] {
            assert!(!said.contains('\u{1b}') && !said.contains("panicked"), "{said}");
        }
    }

    /// The ids of what was said, in its order.
    pub fn honest(&self) -> &[String] {
        &self.honest
    }

    pub fn names(&self) -> Names {
        Names { id: self.id.clone() }
    }
}

/// A node that has joined by the Leader's invitation, and knows that it is
/// enrolled, as it would from its own enrolment.
fn joined(inviting: &Node, leader: &Key, arguments: &[&str]) -> (Node, Event, Key) {
    let folder = TempDir::new().expect("a folder");
    let invitation = key_command(&["invite", "--dir"], inviting.folder.path(), None);
    key_command(&["join", "-", "--dir"], folder.path(), Some(invitation));
    let key = read_key(&folder.path().join("host.key")).expect("a key");
    let node = Node::start(folder, arguments);
    let welcome = enrolled(leader, &key);
    put(&node, std::slice::from_ref(&welcome));
    (node, welcome, key)
}

fn enrolled(leader: &Key, host: &Key) -> Event {
    let until = cooee::event::rfc3339(Timestamp::now() + SignedDuration::from_hours(1));
    let data = json!({"agent_did": format!("{}#0000000001", host.did()), "expires": until});
    event(leader, "enrolled", ENROL, data)
}

/// Hands events over at a node's socket; all are stored.
pub fn put(node: &Node, events: &[Event]) -> Vec<String> {
    let mut client = Client::connect(&node.socket()).expect("a node");
    let events = events.iter().map(|event| event.wire().to_vec()).collect();
    client.send(&Request::Put { events }, Some(soon())).expect("sent");
    match client.receive(Some(soon())).expect("answered") {
        Reply::Stored { receipt: Some(receipt), refused } if refused.is_empty() => receipt.ids,
        other => panic!("not stored: {other:?}"),
    }
}

/// The protocols' names.
#[derive(Clone)]
pub struct Names {
    id: String,
}

impl Names {
    pub fn ad_hoc() -> Self {
        Self { id: "adhoc".to_owned() }
    }

    pub fn frames(&self) -> String {
        format!("/cooee/{}/frames/1", self.id)
    }

    pub fn gossip(&self) -> String {
        format!("/cooee/{}/gossip/1.1.0", self.id)
    }

    pub fn topic(&self) -> String {
        format!("cooee/{}/events/1", self.id)
    }

    pub fn version(&self) -> String {
        format!("cooee/{}/1", self.id)
    }
}

/// A key as libp2p has it.
pub fn keypair(key: &Key) -> Keypair {
    Keypair::ed25519_from_bytes(&mut *key.seed()).expect("a seed")
}

pub fn event(author: &Key, kind: &str, subject: &str, data: Value) -> Event {
    node::event(author, kind, subject, data, None)
}

fn key_command(arguments: &[&str], folder: &Path, input: Option<String>) -> String {
    let mut command = assert_cmd::Command::new(bin_dir().join("cooee-key"));
    command.args(arguments).arg(folder);
    let done = command.write_stdin(input.unwrap_or_default()).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).expect("text")
}
