//! Without a node in the folder: the fleet file's nodes, or `--peer`.

use super::*;
use crate::shell::until;
use cooee::enrol::{Fleet, Leader};
use predicates::str::contains;
use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(1);

/// A node with its address, ended with the test.
struct Node {
    folder: TempDir,
    process: Child,
    address: String,
}

impl Node {
    /// Of the leader whose fleet file this is, or ad hoc.
    fn start(fleet: Option<&Fleet>) -> Self {
        let folder = TempDir::new().expect("a folder");
        write_key(&folder.path().join("host.key"), &Key::from_seed(&[5; 32])).expect("a key");
        if let Some(fleet) = fleet {
            write_key(&folder.path().join("leader.key"), &leader_key()).expect("a key");
            fs::write(folder.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        }
        let mut command = std::process::Command::new(crate::manual::bin_dir().join("cooee-sub"));
        command.args(["--serve", "--listen", "/ip4/127.0.0.1/tcp/0", "--dir"]).arg(folder.path());
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command is built");
        let ready = until(LIMIT, || folder.path().join("node.sock").exists().then_some(()));
        ready.expect("the node is ready");
        let listen = fs::read_to_string(folder.path().join("listen")).expect("text");
        let address = listen.lines().next().expect("an address").to_owned();
        Self { folder, process, address }
    }

    fn stored(&self) -> Vec<Value> {
        let mut command = Command::new(crate::manual::bin_dir().join("cooee-sub"));
        command.args(["--no-follow", "ucxl://any:any@any:any", "--dir"]).arg(self.folder.path());
        let records = records(&command.assert().success().get_output().stdout);
        records.into_iter().map(|record| record["data"].clone()).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn fleet(nodes: &[&str]) -> Fleet {
    let mut fleet = Fleet::found(Leader { did: leader_key().did(), age: "age1x".into() });
    fleet.nodes = nodes.iter().map(ToString::to_string).collect();
    fleet
}

#[test]
fn a_peer_takes_it_and_its_receipt_counts() {
    let (host, node) = (host(), Node::start(None));
    let arguments = ["--peer", &node.address, ADDRESS];
    let assert = cooee_pub(host.path(), &arguments, "one\ntwo\n").assert().success().stderr("");
    let receipts = records(&assert.get_output().stdout);
    assert_eq!(receipts[0]["node"], json!(Key::from_seed(&[5; 32]).did()));
    assert_eq!(node.stored(), ["one", "two"]);
    assert_eq!(spool(host.path()), []);
}

#[test]
fn the_fleet_files_nodes_are_called_and_one_that_is_away_does_no_harm() {
    let node = Node::start(Some(&fleet(&[])));
    let away = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", stranger().did().peer_id());
    // A leader's own folder elsewhere: its key is known to the fleet.
    let folder = TempDir::new().expect("a folder");
    write_key(&folder.path().join("host.key"), &leader_key()).expect("a key");
    fs::write(folder.path().join("fleet.json"), fleet(&[&away, &node.address]).to_bytes()).expect("written");
    cooee_pub(folder.path(), &[ADDRESS], "one\n").assert().success().stderr("");
    assert_eq!(node.stored(), ["one"]);
}

#[test]
fn who_is_not_enrolled_is_not_heard_but_kept() {
    let node = Node::start(Some(&fleet(&[])));
    let host = host();
    fs::write(host.path().join("fleet.json"), fleet(&[&node.address]).to_bytes()).expect("written");
    cooee_pub(host.path(), &[ADDRESS], "one\n").assert().code(4).stdout("").stderr(contains("kept in the spool"));
    assert_eq!(spool(host.path()).len(), 1);
    assert_eq!(node.stored(), [] as [Value; 0]);
}

#[test]
fn another_peer_than_asked_for_is_a_security_refusal() {
    let (host, node) = (host(), Node::start(None));
    let transport = node.address.rsplit_once("/p2p/").expect("it has one").0;
    let other = format!("{transport}/p2p/{}", stranger().did().peer_id());
    let assert = cooee_pub(host.path(), &["--peer", &other, ADDRESS], "one\n").assert().code(5).stdout("");
    assert.stderr(contains("not the node that was asked for; 1 event is kept"));
    assert_eq!(spool(host.path()).len(), 1);
}

#[test]
fn nobody_there_or_nobody_that_speaks_is_exit_4_in_time() {
    let host = host();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let accepts = std::thread::spawn(move || {
        let (mut stream, _) = silent.accept().expect("a call");
        // Reads what is said and says nothing.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    for port in [1, port] {
        let peer = format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", stranger().did().peer_id());
        let began = Instant::now();
        let arguments = ["--peer", &peer, "--timeout", "500ms", ADDRESS];
        cooee_pub(host.path(), &arguments, "one\n").assert().code(4).stdout("").stderr(contains("kept in the spool"));
        // Not the timeout itself, which a busy machine stretches: that it is one.
        assert!(began.elapsed() < LIMIT);
    }
    // On a busy machine it may not have been called in time.
    let _ = std::net::TcpStream::connect(("127.0.0.1", port));
    accepts.join().expect("no panic");
    assert_eq!(spool(host.path()).len(), 2);
}

#[test]
fn a_bad_address_is_named() {
    let host = host();
    let no_peer = "/ip4/127.0.0.1/tcp/1";
    for peer in ["", "junk", "/ip4/300.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWx", no_peer] {
        let assert = cooee_pub(host.path(), &["--peer", peer, ADDRESS], "one\n").assert().code(2).stdout("");
        assert.stderr(contains(format!("cooee-pub: --peer \"{peer}\"")));
    }
    assert_eq!(spool(host.path()), []);
}
