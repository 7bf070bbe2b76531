//! Nodes that find each other: real processes on loopback, and on a network of
//! their own.

mod lan;
mod liar;
mod names;

use crate::node::{self, NOTE, enrolled, event, follow, hears, key, put};
use crate::shell::until;
use cooee::attach::{Client, Request};
use cooee::enrol::Fleet;
use cooee::event::Event;
use cooee::key::write_key;
use cooee::net::{self, Dialer};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A loaded machine takes its time.
const LIMIT: Duration = Duration::from_secs(90);
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A host of a fleet, with its folder; its node dies with it.
struct Host {
    folder: TempDir,
    seed: u8,
    node: Option<Child>,
}

impl Host {
    /// A folder as `cooee-key` would make it.
    fn new(seed: u8, fleet: &Fleet) -> Self {
        let folder = TempDir::new().expect("a folder");
        write_key(&folder.path().join("host.key"), &key(seed)).expect("a key");
        fs::write(folder.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        Self { folder, seed, node: None }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Starts its node, and lets in every host of `members`.
    fn start(&mut self, arguments: &[&str], members: &[u8]) {
        let mut command = Command::new(crate::manual::bin_dir().join("cooee-sub"));
        command.args(["--serve", "-v", "--dir"]).arg(self.path()).args(arguments);
        self.run(command, members);
    }

    fn run(&mut self, mut command: Command, members: &[u8]) {
        let _ = fs::remove_file(self.file("node.sock"));
        let errors = File::create(self.file("stderr")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        self.node = Some(command.spawn().expect("the command is built"));
        until(LIMIT, || self.file("node.sock").exists().then_some(())).unwrap_or_else(|| panic!("{}", self.said()));
        let events: Vec<Event> = members.iter().map(|seed| enrolled(&key(1), &key(*seed), None)).collect();
        put(&mut self.client(), &events.iter().collect::<Vec<_>>());
    }

    fn kill(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _ = node.kill();
            let _ = node.wait();
        }
    }

    fn client(&self) -> Client {
        Client::connect(&self.file("node.sock")).expect("a node")
    }

    fn says(&self, text: &str) -> Event {
        let said = event(&key(self.seed), "note", NOTE, json!(text), None);
        put(&mut self.client(), &[&said]);
        said
    }

    fn hears(&self, said: &Event) {
        hears(&mut follow(&self.file("node.sock")), &[said]);
    }

    fn address(&self) -> String {
        node::address_of(self.path())
    }

    /// What it said on stderr.
    fn said(&self) -> String {
        fs::read_to_string(self.file("stderr")).unwrap_or_default()
    }

    /// Waits until its peers file names this host.
    fn remembers(&self, seed: u8) {
        let did = key(seed).did().to_string();
        let file = || fs::read_to_string(self.file("peers.json")).ok().filter(|text| text.contains(&did));
        until(LIMIT, file).unwrap_or_else(|| panic!("it does not remember; {}", self.said()));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn two_nodes_and_a_command_meet_over_quic() {
    let mut fleet = node::fleet(1);
    let mut one = Host::new(31, &fleet);
    one.start(&["--listen", QUIC], &[31, 32]);
    let address = one.address();
    assert!(address.contains("/udp/") && address.contains("/quic-v1/p2p/"), "{address}");
    fleet.nodes = vec![address.clone()];
    let mut two = Host::new(32, &fleet);
    two.start(&[], &[31, 32]);
    let said = two.says("over quic");
    one.hears(&said);

    let address = net::address(&address).expect("an address");
    let deadline = Instant::now() + LIMIT;
    let mut dialer = Dialer::connect(&[address], Some(&fleet.fleet), deadline).expect("it answers");
    let put = Request::Put { events: vec![said.wire().to_vec()] };
    dialer.request(&put, deadline).expect("a reply");
    assert_eq!(dialer.peer(), Some(key(31).did()));
}

#[test]
fn a_name_is_resolved_and_a_peer_may_be_called_without_its_id() {
    let fleet = node::fleet(1);
    let mut one = Host::new(33, &fleet);
    one.start(&["--listen", TCP], &[33, 34]);
    let address = one.address();
    let port = address.split('/').nth(4).expect("a port");
    let mut two = Host::new(34, &fleet);
    two.start(&["--no-mdns", "--peer", &format!("/dns4/localhost/tcp/{port}")], &[33, 34]);
    one.hears(&two.says("by name"));
}

#[test]
fn peers_are_found_through_others_and_remembered() {
    let mut fleet = node::fleet(1);
    let members = [35, 36, 37];
    let mut a = Host::new(35, &fleet);
    a.start(&["--listen", TCP], &members);
    fleet.nodes = vec![a.address()];
    let mut b = Host::new(36, &fleet);
    let mut c = Host::new(37, &fleet);
    b.start(&["--listen", TCP, "--listen", QUIC], &members);
    c.start(&["--listen", TCP], &members);
    c.remembers(36);
    // Nobody is between them any more.
    a.kill();
    c.hears(&b.says("without a"));
    c.kill();
    let meanwhile = b.says("while c was away");
    // The only node that its fleet file names is gone.
    c.start(&["--listen", TCP], &[]);
    c.hears(&meanwhile);
    let after = c.says("c is back");
    b.hears(&after);
}

#[test]
fn a_peer_that_comes_back_is_called_again() {
    let mut fleet = node::fleet(1);
    let mut a = Host::new(38, &fleet);
    a.start(&["--listen", TCP], &[38, 39]);
    let address = a.address();
    fleet.nodes = vec![address.clone()];
    let mut b = Host::new(39, &fleet);
    b.start(&["--no-mdns"], &[38, 39]);
    a.hears(&b.says("before"));
    a.kill();
    let meanwhile = b.says("meanwhile");
    let (place, _) = address.split_once("/p2p/").expect("a peer id");
    a.start(&["--listen", place], &[]);
    a.hears(&meanwhile);
}

/// Its machine acknowledges what it is sent, and nobody reads it.
#[test]
fn a_peer_that_is_stuck_is_parted_with() {
    let mut fleet = node::fleet(1);
    let mut a = Host::new(47, &fleet);
    a.start(&["--listen", TCP], &[47, 48]);
    fleet.nodes = vec![a.address()];
    let mut b = Host::new(48, &fleet);
    b.start(&["--no-mdns"], &[47, 48]);
    a.hears(&b.says("before"));
    let connected = |b: &Host| {
        let peers = Command::new(crate::manual::bin_dir().join("cooee-peers")).arg("--dir").arg(b.path()).output();
        String::from_utf8(peers.expect("it runs").stdout).expect("text").contains(r#""state":"connected""#)
    };
    assert!(connected(&b));
    let pid = Pid::from_child(a.node.as_ref().expect("it runs"));
    kill_process(pid, Signal::STOP).expect("stopped");
    // It takes two pings.
    until(2 * LIMIT, || (!connected(&b)).then_some(())).expect("it is still said to be connected");
    kill_process(pid, Signal::CONT).expect("it goes on");
    a.hears(&b.says("after"));
}

#[test]
fn a_damaged_peers_file_is_named_and_put_aside() {
    let mut host = Host::new(40, &node::fleet(1));
    fs::write(host.file("peers.json"), "{").expect("written");
    host.start(&["--listen", TCP], &[]);
    let said = host.said();
    assert!(said.contains("peers.json: ") && said.contains("peers.json.damaged"), "{said}");
    assert_eq!(fs::read_to_string(host.file("peers.json.damaged")).expect("kept"), "{");
}

#[test]
fn a_node_that_nobody_can_reach_says_so() {
    let mut host = Host::new(41, &node::fleet(1));
    host.start(&["--no-mdns"], &[]);
    assert!(host.said().contains("cooee-sub: alone: "), "{}", host.said());
    assert!(host.said().contains("cooee-sub: hint: --listen "), "{}", host.said());
    host.kill();
    host.start(&["--listen", TCP, "--no-mdns"], &[]);
    assert!(!host.said().contains("alone"), "{}", host.said());
}
