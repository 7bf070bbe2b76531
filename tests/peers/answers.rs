//! What stands in the node's place, and what is at the other ends.

use super::{LIMIT, Node, folder, peers};
use crate::shell::{self, until};
use cooee::attach::{Reply, read_body};
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// A socket where each request is answered with these bytes, and then that is
/// done with the connection.
fn stands_in(folder: &Path, bytes: Vec<u8>, then: impl Fn(UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(folder.join("node.sock")).expect("a socket");
    // It ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = read_body(&mut stream, &mut Vec::new());
            let _ = stream.write_all(&bytes);
            then(stream);
        }
    });
}

fn frame(reply: &Reply) -> Vec<u8> {
    let mut frame = Vec::new();
    reply.frame(&mut frame).expect("fits");
    frame
}

#[test]
fn a_node_that_fails_is_exit_4() {
    let busy = Reply::Error { code: "stopping".into(), reason: "the node is stopping\u{1b}[2J".into() };
    let empty = [frame(&Reply::Peers { records: vec![] }), frame(&Reply::End)].concat();
    let other = Reply::Peers { records: vec![br#"{"type":"else","v":1}"#.to_vec()] };
    for (bytes, message) in [
        (Vec::new(), "the node closed the connection"),
        (frame(&Reply::End)[..3].to_vec(), "the node closed the connection"),
        (vec![0xff; 64], "the node's reply: frame of"),
        (b"\0\0\0\x05nope!".to_vec(), "the node's reply: "),
        (frame(&busy), "the node said: stopping: the node is stopping\\u{1b}[2J"),
        (frame(&Reply::End), "nothing of the node itself"),
        (empty, "nothing of the node itself"),
        (frame(&other), "the node's reply: unknown variant"),
        (frame(&Reply::Events { events: vec![] }), "the node's reply: not records"),
    ] {
        let folder = folder(1, None, &[]);
        stands_in(folder.path(), bytes, drop);
        for arguments in [&[][..], &["--doctor"], &["--prometheus"], &["--table"], &["--watch"]] {
            let ran = peers(folder.path(), arguments);
            let err = ran.err();
            assert_eq!((ran.code(), ran.out().as_str()), (4, ""), "{message} {arguments:?}: {err}");
            assert!(err.starts_with("cooee-peers: ") && err.contains(message), "{arguments:?}: {err}");
            assert!(err.lines().count() <= 2 && !err.contains('\u{1b}'), "{err}");
        }
    }
}

#[test]
fn a_node_that_says_nothing_is_not_waited_for_long() {
    let folder = folder(1, None, &[]);
    let held = std::sync::Mutex::new(Vec::new());
    stands_in(folder.path(), Vec::new(), move |stream| held.lock().expect("one thread").push(stream));
    for arguments in [&["--timeout", "200ms"][..], &["--timeout", "200ms", "--agents"]] {
        let ran = peers(folder.path(), arguments);
        assert_eq!((ran.code(), ran.out().as_str()), (4, ""));
        assert!(
            ran.err().starts_with("cooee-peers: the node did not answer in time\ncooee-peers: hint: "),
            "{}",
            ran.err()
        );
    }
}

#[test]
fn what_cannot_be_asked_is_exit_2() {
    let folder = folder(1, None, &[]);
    for (arguments, message) in [
        (&["--doctor", "--table"][..], "--table"),
        (&["--doctor", "--watch"], "--watch"),
        (&["--doctor", "--prometheus"], "--prometheus"),
        (&["--prometheus", "--agents"], "--agents"),
        (&["--json"], "--doctor"),
        (&["--every", "1s"], "--watch"),
        (&["--every", "0s", "--watch"], "--every"),
        (&["--timeout", "soon"], "--timeout"),
        (&["else"], "else"),
    ] {
        let ran = peers(folder.path(), arguments);
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err().contains(message) && ran.err().lines().count() <= 2, "{arguments:?}: {}", ran.err());
    }
    // A socket that is none.
    std::fs::write(folder.path().join("node.sock"), "").expect("written");
    let ran = peers(folder.path(), &[]);
    assert!([2, 4].contains(&ran.code()) && ran.out().is_empty(), "{}", ran.err());
}

fn sh(folder: &Path, line: &str) -> shell::Ran {
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(crate::manual::bin_dir().join("cooee-peers")).arg(folder).stdin(Stdio::null());
    command.env("TERM", "xterm");
    shell::run(&mut command, LIMIT, false)
}

#[test]
fn it_prints_again_until_it_is_ended() {
    let folder = folder(1, None, &[]);
    let mut node = Node::start(folder.path(), &[]);
    let lines = "\"$0\" --watch --every 10ms --dir \"$1\"";
    let ran = sh(folder.path(), &format!("{{ {lines}; echo $? >&2; }} | head -3"));
    assert_eq!((ran.out().lines().count(), ran.err().as_str()), (3, "0\n"), "{}", ran.out());
    // Nothing more is printed, and yet it ends.
    let ran = sh(folder.path(), "{ \"$0\" --watch --every 1h --dir \"$1\"; echo $? >&2; } | head -1");
    assert_eq!((ran.out().lines().count(), ran.err().as_str()), (1, "0\n"));
    for signal in ["INT", "TERM"] {
        let line = format!(
            ": >out; {lines} --table >out & until [ $(grep -c ^node out) -gt 2 ]; do :; done; kill -{signal} $!; wait $!; echo $?; rm out"
        );
        let mut command = Command::new("bash");
        command.args(["-c", &line]).arg(crate::manual::bin_dir().join("cooee-peers")).arg(folder.path());
        let ran = shell::run(command.current_dir(folder.path()).stdin(Stdio::null()), LIMIT, false);
        assert_eq!((ran.out().as_str(), ran.err().as_str()), ("0\n", ""), "SIG{signal}");
    }
    for (line, code, message) in [
        ("\"$0\" --dir \"$1\" >/dev/full", 2, "No space left"),
        ("\"$0\" --watch --dir \"$1\" >/dev/full", 2, "No space left"),
        ("\"$0\" --doctor --dir \"$1\" >/dev/full", 2, "No space left"),
        ("\"$0\" --prometheus --dir \"$1\" >/dev/full", 2, "No space left"),
        ("\"$0\" --dir \"$1\" >&-", 0, ""),
    ] {
        let ran = sh(folder.path(), line);
        assert_eq!(ran.code(), code, "{line}: {}", ran.err());
        assert!(ran.err().contains(message) && (code != 0 || ran.err().is_empty()), "{line}: {}", ran.err());
    }
    // The node goes away while it is watched.
    let mut command = Command::new(crate::manual::bin_dir().join("cooee-peers"));
    command.args(["--watch", "--every", "10ms", "--dir"]).arg(folder.path());
    let mut watch =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    node.0.kill().expect("our own child");
    let ended = until(LIMIT, || watch.try_wait().expect("our own child"));
    let output = watch.wait_with_output().expect("ended");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(ended.and_then(|status| status.code()), Some(4), "{err}");
    assert!(err.starts_with("cooee-peers: "), "{err}");
}
