//! Nodes, clients and readers that die, or do not read.

use super::*;

/// A node in a process of its own, which dies with the test.
struct Process(std::process::Child);

impl Process {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("node.sock");
        let _ = fs::remove_file(&socket);
        let mut command = std::process::Command::new(crate::manual::bin_dir().join("cooee-sub"));
        command.args(["--serve", "--listen", "/ip4/127.0.0.1/tcp/0", "--dir"]).arg(folder);
        let quiet = || std::process::Stdio::null();
        let node = Self(command.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().expect("the command is built"));
        crate::shell::until(Duration::from_mins(1), || socket.exists().then_some(())).expect("it is ready");
        node
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Hands over event after event, several at once, until `enough` says so of the
/// count of receipted ones, or the node is gone; the ids that were receipted.
fn pour(socket: &Path, host: &Key, mut enough: impl FnMut(usize) -> bool) -> Vec<String> {
    let mut client = Client::connect(socket).expect("a node");
    let mut receipted = Vec::new();
    let mut under_way = 0;
    loop {
        while under_way < 4 {
            let some: Vec<_> = (0..10).map(|n| event(host, "note", NOTE, json!(n), None).into_wire()).collect();
            if client.send(&Request::Put { events: some }, Some(soon())).is_err() {
                break;
            }
            under_way += 1;
        }
        if under_way == 0 {
            return receipted;
        }
        let Ok(reply) = client.receive(Some(soon())) else { return receipted };
        under_way -= 1;
        receipted.extend(stored(&reply).0);
        if enough(receipted.len()) {
            return receipted;
        }
    }
}

#[test]
fn what_was_receipted_survives_a_kill_and_a_term() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = key(5);
    cooee::key::write_key(&folder.path().join("host.key"), &host).expect("a key");
    let socket = folder.path().join("node.sock");
    let mut all = Vec::new();
    for round in 1..=4_usize {
        let mut node = Process::start(folder.path());
        all.extend(pour(&socket, &host, |count| {
            if count > round * 37 {
                node.0.kill().expect("our own child");
            }
            false
        }));
        node.0.wait().expect("our own child");
    }
    let mut node = Process::start(folder.path());
    let pid = rustix::process::Pid::from_child(&node.0);
    all.extend(pour(&socket, &host, |count| {
        if count == 50 {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("our own child");
        }
        false
    }));
    let ended = crate::shell::until(Duration::from_mins(1), || node.0.try_wait().expect("our own child"));
    assert_eq!(ended.expect("it ends").code(), Some(0));
    assert!(!socket.exists());
    let _node = Process::start(folder.path());
    let kept: std::collections::HashSet<_> =
        read_all(&socket, &everything()).iter().map(|event| event.id().to_owned()).collect();
    assert!(all.len() > 400, "only {} were receipted", all.len());
    let lost: Vec<_> = all.iter().filter(|id| !kept.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} lost", lost.len(), all.len());
}

#[test]
fn a_dead_reader_hurts_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = start(folder.path(), 9, None, &[]);
    let socket = folder.path().join("node.sock");
    // It asks for everything and never reads.
    let dead = follow(&socket);
    let host = key(5);
    let poured = pour(&socket, &host, |count| count >= 5_000);
    assert!(poured.len() >= 5_000);
    let kept = read_all(&socket, &everything());
    assert!(kept.len() >= poured.len());
    drop(dead);
    node.stop();
}

/// `cooee-pub` keeps no file while its own node may still take what it sent.
#[test]
fn what_a_killed_client_had_sent_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = start(folder.path(), 9, None, &[]);
    let socket = folder.path().join("node.sock");
    let events: Vec<_> = (0..40).map(|n| event(&key(5), "note", NOTE, json!(n), None)).collect();
    let mut dying = Client::connect(&socket).expect("a node");
    for event in &events {
        dying.send(&Request::Put { events: vec![event.wire().to_vec()] }, Some(soon())).expect("sent");
    }
    drop(dying);
    let taken = crate::shell::until(Duration::from_mins(1), || {
        Some(read_all(&socket, &everything())).filter(|kept| kept.len() == events.len())
    });
    assert!(taken.is_some(), "{} of {}", read_all(&socket, &everything()).len(), events.len());
    node.stop();
}
