//! `fleet.json` changed while the node runs: what it says counts within
//! seconds, all of it, or what it said before goes on counting.

use crate::manual::bin_dir;
use crate::node::{NOTE, enrolled, event, everything, fleet, key, put, read_all};
use crate::shell::until;
use cooee::attach::{Client, Reply};
use cooee::enrol::Fleet;
use cooee::event::Event;
use cooee::key::{Key, write_key};
use serde_json::json;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
const SUBJECT: &str = "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001";

/// A node in a process of its own.
pub struct Node {
    pub folder: TempDir,
    child: Child,
}

impl Node {
    /// The node of a host with that key, in the fleet of the Leader 1.
    pub fn start(host: u8, fleet: Option<&Fleet>) -> Self {
        Self::start_with(host, fleet, &[])
    }

    pub fn start_with(host: u8, fleet: Option<&Fleet>, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        write_key(&folder.path().join("host.key"), &key(host)).expect("a key");
        if let Some(fleet) = fleet {
            fs::write(folder.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        }
        let said = File::create(folder.path().join("stderr")).expect("a file");
        let mut command = Command::new(bin_dir().join("cooee-sub"));
        command.args(["--serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", "--dir"]).arg(folder.path());
        command.args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().expect("it is built");
        let node = Self { folder, child };
        until(LIMIT, || node.folder.path().join("node.sock").exists().then_some(())).expect("it is ready");
        node
    }

    /// Gives it another fleet file.
    pub fn write(&self, content: &[u8]) {
        let path = self.folder.path().join("fleet.json");
        let fresh = self.folder.path().join("fleet.json.new");
        fs::write(&fresh, content).and_then(|()| fs::rename(&fresh, &path)).expect("written");
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).expect("its stderr")
    }

    pub fn says(&self, words: &str) {
        let says = until(LIMIT, || self.said().contains(words).then_some(()));
        says.unwrap_or_else(|| panic!("\"{words}\" is not in:\n{}", self.said()));
    }

    pub fn address(&self) -> String {
        let listen = fs::read_to_string(self.folder.path().join("listen")).expect("its addresses");
        listen.lines().next().expect("one").to_owned()
    }

    /// The codes of what is refused of these; none if all are stored.
    pub fn refused(&self, events: &[&Event]) -> Vec<String> {
        let mut client = Client::connect(&self.folder.path().join("node.sock")).expect("a node");
        let Reply::Stored { refused, .. } = put(&mut client, events) else { panic!("not a receipt") };
        refused.into_iter().map(|refused| refused.code).collect()
    }

    /// Why a host may not speak here; `None` if it may.
    fn against(&self, host: &Key) -> Option<String> {
        self.refused(&[&event(host, "note", NOTE, json!(1), None)]).pop()
    }

    pub fn ids(&self) -> Vec<String> {
        let all = read_all(&self.folder.path().join("node.sock"), &everything());
        all.iter().map(|event| event.id().to_owned()).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn revoked(by: &Key, host: &Key) -> Event {
    event(by, "revoked", SUBJECT, json!({"did": host.did(), "reason": "stolen"}), None)
}

#[test]
fn a_new_revokers_word_counts_without_a_restart() {
    let (leader, revoker, bad, worse) = (key(1), key(2), key(3), key(4));
    let node = Node::start(9, Some(&fleet(1)));
    let welcomes = [&revoker, &bad, &worse].map(|host| enrolled(&leader, host, None));
    assert_eq!(node.refused(&welcomes.each_ref()), [""; 0]);
    assert_eq!(node.refused(&[&revoked(&revoker, &bad)]), [""; 0], "a request: it may not revoke");
    assert_eq!(node.against(&bad), None);

    let mut with = fleet(1);
    with.revokers.push(revoker.did());
    node.write(&with.to_bytes());
    until(LIMIT, || node.against(&bad)).expect("what it has said counts now");
    assert_eq!(node.against(&bad).as_deref(), Some("revoked"));
    assert_eq!((node.against(&worse), node.against(&revoker)), (None, None));
    assert_eq!(node.refused(&[&revoked(&revoker, &worse)]), [""; 0]);
    assert_eq!(node.against(&worse).as_deref(), Some("revoked"), "and what it says");
    assert_eq!(node.said(), "", "what is right needs no word");
}

#[test]
fn a_node_that_is_named_later_is_called() {
    let (leader, host) = (key(1), key(8));
    let (first, second) = (Node::start(9, Some(&fleet(1))), Node::start(8, Some(&fleet(1))));
    for node in [&first, &second] {
        let welcomes = [9, 8].map(|host| enrolled(&leader, &key(host), None));
        assert_eq!(node.refused(&welcomes.each_ref()), [""; 0]);
    }
    let note = event(&host, "note", NOTE, json!("hello"), None);
    assert_eq!(second.refused(&[&note]), [""; 0]);
    let mut with = fleet(1);
    with.nodes.push(second.address());
    first.write(&with.to_bytes());
    let there = || first.ids().contains(&note.id().to_owned()).then_some(());
    until(LIMIT, there).unwrap_or_else(|| panic!("it was not called: {}", first.said()));
}

/// Each fault is named, none changes anything, and a good file is taken after
/// all of them.
#[test]
fn a_bad_file_is_named_and_the_old_one_counts() {
    let (leader, host) = (key(1), key(2));
    let node = Node::start(9, Some(&fleet(1)));
    assert_eq!(node.refused(&[&enrolled(&leader, &host, None)]), [""; 0]);
    let whole = fleet(1).to_bytes();
    let with = |change: &dyn Fn(&mut Fleet)| {
        let mut changed = fleet(1);
        changed.revokers.push(host.did());
        change(&mut changed);
        changed.to_bytes()
    };
    let bad: [(Vec<u8>, &str); 6] = [
        (whole[..whole.len() / 2].to_vec(), "the JSON text ends too early"),
        (b"{}\n".to_vec(), "missing field `v`"),
        (with(&|fleet| fleet.v = 2), "version 2 is newer"),
        (with(&|fleet| fleet.leaders.clear()), "no leader in it"),
        (with(&|fleet| fleet.nodes.push("/ip4/192.0.2.7/tcp".to_owned())), "\"nodes\": \"/ip4/192.0.2.7/tcp\""),
        (self::fleet(7).to_bytes(), "it is of another fleet"),
    ];
    for (content, words) in &bad {
        node.write(content);
        node.says(words);
        node.says("; the node goes by what it had before");
        assert_eq!(node.against(&host), None, "after {words}");
    }
    let [file, pipe] = ["fleet.json", "pipe"].map(|name| node.folder.path().join(name));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
    fs::rename(pipe, &file).expect("it is there");
    node.says("fleet.json: not a regular file; the node goes by what it had before");
    fs::remove_file(file).expect("it was there");
    node.says("fleet.json: no such file; the node goes by what it had before");
    assert_eq!(node.against(&key(7)).as_deref(), Some("not_a_member"));
    assert_eq!(node.said().lines().count(), bad.len() + 2, "each is said once: {}", node.said());

    node.write(&with(&|_| {}));
    assert_eq!(node.refused(&[&revoked(&host, &host)]), [""; 0]);
    until(LIMIT, || node.against(&host)).expect("the good one counts");
}

#[test]
fn a_node_that_began_without_a_fleet_says_that_it_must_be_restarted() {
    let node = Node::start(9, None);
    node.says("an ad hoc node");
    node.write(&fleet(1).to_bytes());
    node.says("this node began without a fleet; restart it");
    assert_eq!(node.against(&key(7)), None);
}
