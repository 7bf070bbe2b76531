//! Each finding, provoked with nodes that run.

use super::{LIMIT, LOOPBACK, Node, address, enrolled, event, folder, key, peers, put, until_found};
use crate::shell::{ClosedPort, until};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

/// Exit 1, and a line that begins so and has a hint.
fn finds(folder: &Path, begins: &str) -> String {
    let (line, code) = until_found(folder, begins);
    assert_eq!(code, 1, "{line}");
    assert!(line.starts_with(begins) && line.contains("; "), "{line}");
    line
}

/// A server that is no node: it does that with each connection.
fn server(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    // It ends with the test's process.
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    format!("/ip4/127.0.0.1/tcp/{port}")
}

/// An ad hoc node that calls there, and what is found.
fn calling(seed: u8, there: &str, begins: &str) -> String {
    let folder = folder(seed, None, &[]);
    let _node = Node::start(folder.path(), &["--peer", there]);
    finds(folder.path(), begins)
}

#[test]
fn no_node_is_exit_4() {
    let folder = folder(1, None, &[]);
    let ran = peers(folder.path(), &["--doctor"]);
    assert_eq!((ran.code(), ran.err().as_str()), (4, ""));
    assert!(ran.out().starts_with("bad no_node: no node is running here: ") && ran.out().lines().count() == 1);
    let ran = peers(folder.path(), &["--doctor", "--json"]);
    let finding: Value = serde_json::from_str(&ran.out()).expect("JSON");
    assert_eq!((ran.code(), &finding["code"], &finding["severity"]), (4, &json!("no_node"), &json!("bad")));
    // What was left of one that was killed is no node either.
    let mut node = Node::start(folder.path(), &[]);
    node.0.kill().expect("our own child");
    node.0.wait().expect("our own child");
    assert!(folder.path().join("node.sock").exists());
    assert_eq!(peers(folder.path(), &["--doctor"]).code(), 4);
}

#[test]
fn nobody_to_call_and_nobody_who_calls() {
    let folder = folder(1, None, &[]);
    let node = Node::start(folder.path(), &[]);
    finds(folder.path(), "bad nobody_known: it listens nowhere and knows no address to call");
    drop(node);
    std::fs::remove_file(folder.path().join("node.sock")).expect("left by the kill");
    let _node = Node::start(folder.path(), &["--listen", LOOPBACK]);
    finds(folder.path(), "bad nobody_calls: ");
}

#[test]
fn an_address_says_what_is_wrong_with_it() {
    let port = ClosedPort::new();
    let closed = format!("/ip4/127.0.0.1/tcp/{}", port.port);
    let line = calling(1, &closed, &format!("bad port_closed: {closed}: nobody listens there: Connection refused"));
    assert!(line.contains("start the node there"), "{line}");
    // No way to the broadcast address, whatever the network.
    calling(2, "/ip4/255.255.255.255/tcp/1", "bad unreachable: /ip4/255.255.255.255/tcp/1: ");
    let web = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 64]);
    });
    calling(3, &web, &format!("bad protocol: {web}: what answers there is no node: "));
    let held = std::sync::Mutex::new(Vec::new());
    let silent = server(move |stream| held.lock().expect("one thread").push(stream));
    calling(4, &silent, &format!("bad timed_out: {silent}: nothing answers in time"));
}

#[test]
fn somebody_else_at_an_address() {
    let other = folder(1, None, &[]);
    let _other = Node::start(other.path(), &["--listen", LOOPBACK]);
    let there = address(other.path());
    let (place, id) = there.rsplit_once("/p2p/").expect("with its peer id");
    let wrong = format!("{place}/p2p/{}", cooee::net::peer_id(&key(9).did()).expect("a peer id"));
    let line = calling(2, &wrong, &format!("bad wrong_peer: {place}: somebody else answers there: {id}"));
    assert!(line.contains("correct the peer id"), "{line}");

    // The same node, for a host of a fleet.
    let host = folder(3, Some(4), &[]);
    let _host = Node::start(host.path(), &["--peer", &there]);
    let line = finds(host.path(), &format!("bad other_fleet: {place}: another fleet answers there"));
    assert!(line.contains("join that fleet"), "{line}");

    // Its own address.
    let port = ClosedPort::new();
    let own = format!("/ip4/127.0.0.1/tcp/{}", port.port);
    let folder = folder(5, None, &[]);
    let _node = Node::start(folder.path(), &["--listen", &own, "--peer", &own]);
    finds(folder.path(), &format!("bad myself: {own}: it is this node's own address"));
}

#[test]
fn an_address_is_a_note_while_others_answer() {
    let other = folder(1, None, &[]);
    let _other = Node::start(other.path(), &["--listen", LOOPBACK]);
    let folder = folder(2, None, &[]);
    let port = ClosedPort::new();
    let closed = format!("/ip4/127.0.0.1/tcp/{}", port.port);
    let _node = Node::start(folder.path(), &["--peer", &address(other.path()), "--peer", &closed]);
    until_found(folder.path(), "ok: 1 of 1 peers belong");
    let (line, code) = until_found(folder.path(), "port_closed");
    assert_eq!((code, line.starts_with("note port_closed: ")), (0, true), "{line}");
}

#[test]
fn clocks_that_differ() {
    let (right, wrong) = (folder(1, None, &[]), folder(2, None, &[]));
    let _right = Node::start(right.path(), &["--listen", LOOPBACK]);
    let mut faketime = Command::new("faketime");
    faketime.args(["-f", "+125s"]).arg(crate::manual::bin_dir().join("cooee-sub"));
    faketime.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let _wrong = Node::spawn(faketime, wrong.path(), &["--peer", &address(right.path())]);
    let line = finds(right.path(), "bad clock_skew: the clock of 12D3KooW");
    // Half of what the question took, on a busy machine, is what it may be off.
    let seconds = line.split(" s ahead of this host's").next().and_then(|before| before.rsplit(' ').next());
    let seconds: u32 = seconds.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    assert!((120..=130).contains(&seconds), "{line}");
    let line = finds(wrong.path(), "bad clock_skew: the clock of 12D3KooW");
    assert!(line.contains(" s behind this host's") && line.contains("NTP"), "{line}");
}

#[test]
fn how_far_the_fleet_has_let_it_in() {
    let host = folder(2, Some(1), &[]);
    let _node = Node::start(host.path(), &["--listen", LOOPBACK]);
    finds(host.path(), "bad not_enrolled: this host is not enrolled yet");
    let hour = SignedDuration::from_hours(1);
    let request = event(&key(2), "enrol", json!({}), None, hour);
    put(host.path(), &[&request]);
    finds(host.path(), "bad enrolment_pending: the request to enrol of ");
    // Somebody else's word is none.
    let no = |code: &str| json!({"code": code, "reason": "no such token"});
    put(host.path(), &[&event(&key(1), "refused", no("token"), Some(&request), hour)]);
    let line = finds(host.path(), "bad enrolment_refused: the fleet refused the request to enrol of ");
    assert!(line.contains("token: no such token"), "{line}");
    put(host.path(), &[&enrolled(1, 2, SignedDuration::from_secs(2))]);
    finds(host.path(), "bad enrolment_expired: the enrolment of this host has expired since ");
    put(host.path(), &[&event(&key(2), "enrol", json!({}), None, hour)]);
    finds(host.path(), "bad enrolment_pending: ");
    put(host.path(), &[&enrolled(1, 2, hour)]);
    let (_, code) = until_found(host.path(), "bad nobody_calls");
    assert_eq!(code, 1, "let in, and alone");
    assert!(!peers(host.path(), &["--doctor"]).out().contains("enrol"));
    put(host.path(), &[&event(&key(1), "revoked", json!({"did": key(2).did(), "reason": "stolen"}), None, hour)]);
    finds(host.path(), "bad revoked: a leader has revoked this host's key");
}

#[test]
fn strangers_are_no_company() {
    let (one, two) = (folder(2, Some(1), &[]), folder(3, Some(1), &[]));
    let _one = Node::start(one.path(), &["--listen", LOOPBACK]);
    let _two = Node::start(two.path(), &["--peer", &address(one.path())]);
    finds(two.path(), "bad only_strangers: of 1 connected nodes none belongs to the fleet");
}

#[test]
fn a_log_that_cannot_be_written() {
    let folder = folder(1, None, &[]);
    let library = folder.path().join("full.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/disk/full.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    assert!(built.expect("the compiler that links Rust").success());
    let full = folder.path().join("full");
    let mut serve = Command::new(crate::manual::bin_dir().join("cooee-sub"));
    serve.env("LD_PRELOAD", &library).env("FULL", &full);
    let _node = Node::spawn(serve, folder.path(), &["--listen", LOOPBACK]);
    assert!(!peers(folder.path(), &["--doctor"]).out().contains("log_trouble"));
    std::fs::write(&full, "").expect("a file");
    let mut publish = Command::new(crate::manual::bin_dir().join("cooee-pub"));
    publish.args(["--timeout", "1s", "ucxl://any:ops@COOEE:demo", "--dir"]).arg(folder.path());
    assert_cmd::Command::from_std(publish).write_stdin("one\n").assert().code(4);
    let line = finds(folder.path(), "bad log_trouble: the event log: ");
    assert!(line.contains("events are refused"), "{line}");
    std::fs::remove_file(&full).expect("room");
    // As soon as something could be written it is over.
    let over = until(LIMIT, || {
        let mut flush = Command::new(crate::manual::bin_dir().join("cooee-pub"));
        flush.args(["--flush", "--dir"]).arg(folder.path());
        let _ = assert_cmd::Command::from_std(flush).output();
        (!peers(folder.path(), &["--doctor"]).out().contains("log_trouble")).then_some(())
    });
    over.expect("it goes on");
}
