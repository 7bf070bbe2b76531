//! ENOSPC at each write a command makes, one after the other: what it has said
//! holds, nothing is half-written, and with room again it goes on.

use super::{ADDRESS, Ask, Book, LIMIT, names, run};
use crate::manual::bin_dir;
use crate::shell::{self, Ran};
use cooee::event::Event;
use cooee::key::{Key, write_key};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// More writes than any of these commands makes.
const MOST_WRITES: usize = 1000;

/// The library that stands before the disk.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/disk/full.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("full.so")).arg(source).arg("-ldl");
        let built = cc.output().expect("the compiler that links Rust");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self { folder }
    }

    fn command(&self, name: &str, arguments: &[&str], dir: &Path) -> Command {
        let mut command = Command::new(bin_dir().join(name));
        let (place, path) = match name {
            "trust-score" => ("--state", dir.join("trust.db")),
            _ => ("--dir", dir.to_owned()),
        };
        command.args(arguments).arg(place).arg(path).env("LD_PRELOAD", self.folder.path().join("full.so"));
        command
    }

    /// For each number of writes after which the disk is full, until there is
    /// room for all: a run in what `fresh` makes, then one with room.
    fn at_each_write(&self, name: &str, arguments: &[&str], mut fresh: impl FnMut() -> Case) {
        for writes in 0..MOST_WRITES {
            let Case { dir, input, keep: _keep, check } = fresh();
            let mut command = self.command(name, arguments, &dir);
            command.env("FULL", writes.to_string());
            let ran = run(command, &input);
            let err = ran.err();
            let named = ["No space left", "the disk is full"].iter().any(|said| err.contains(said));
            let whole = ran.code() == 0 && err.is_empty();
            assert!(whole || (matches!(ran.code(), 2 | 4) && named), "{name}, {writes} writes: {} {err}", ran.code());
            let again = || run(self.command(name, arguments, &dir), &input);
            check(&dir, &ran, &again);
            if whole && writes > 0 {
                return;
            }
        }
        panic!("{name}: never enough room");
    }
}

/// Looks at a folder after a run, and at what a run with room makes of it.
type Check = Box<dyn Fn(&Path, &Ran, &dyn Fn() -> Ran)>;

struct Case {
    dir: PathBuf,
    input: String,
    /// Removed with the case.
    keep: TempDir,
    check: Check,
}

/// A host that has a key, and a fleet where there is a Leader.
fn host() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_key(&folder.path().join("host.key"), &Key::from_seed(&[1; 32])).expect("a key");
    folder
}

#[test]
fn a_request_is_numbered_whole_or_not_at_all() {
    Disk::new().at_each_write("agentid-register", &[], || {
        let book = Book::new();
        let line = Ask::new(&book, 1, "m").token('a').line();
        let dir = book.folder.path().to_owned();
        let check = |dir: &Path, ran: &Ran, again: &dyn Fn() -> Ran| {
            let registry = || cooee::store::Registry::open(&dir.join("registry.db")).expect("whole");
            let lines = registry().verify_audit(None).expect("the chain is whole").n;
            let said = ran.out();
            assert_eq!(said.is_empty(), ran.code() != 0, "{said}");
            // All of the transaction or nothing; of what was said, all.
            assert!(lines == 11 || (lines == 10 && said.is_empty()), "{lines} audit lines; said {said:?}");
            let with_room = again();
            assert_eq!((with_room.code(), with_room.err().as_str()), (0, ""));
            assert!(said.is_empty() || with_room.out() == said, "the same answer again");
            assert_eq!(registry().verify_audit(None).expect("whole").n, 11);
        };
        Case { dir, input: line + "\n", keep: book.folder, check: Box::new(check) }
    });
}

#[test]
fn an_event_is_spooled_whole_or_not_at_all() {
    Disk::new().at_each_write("cooee-pub", &["--wait", "spooled", ADDRESS], || {
        let keep = host();
        let check = |dir: &Path, ran: &Ran, again: &dyn Fn() -> Ran| {
            let spool = || names(&dir.join("spool"));
            // What is kept is said, what is not said is not kept, and no part is left.
            assert_eq!((spool().len(), ran.out().lines().count()), if ran.code() == 0 { (1, 1) } else { (0, 0) });
            assert_eq!(again().code(), 0);
            for name in spool() {
                let text = fs::read_to_string(dir.join("spool").join(name)).expect("text");
                Event::from_wire(text.trim_end().as_bytes()).expect("whole").verify().expect("signed");
            }
            assert_eq!(spool().len(), 1 + usize::from(ran.code() == 0));
        };
        Case { dir: keep.path().to_owned(), input: "one\n".to_owned(), keep, check: Box::new(check) }
    });
}

#[test]
fn keys_and_fleets_are_whole_or_not_there() {
    Disk::new().at_each_write("cooee-key", &["found"], || {
        let keep = TempDir::new().expect("a folder");
        let dir = keep.path().join("new");
        let check = |dir: &Path, ran: &Ran, again: &dyn Fn() -> Ran| {
            for name in names(dir) {
                let known = ["fleet.json", "host.key", "leader.age", "leader.key"];
                // SQLite mends a registry from the journal beside it.
                assert!(known.contains(&name.as_str()) || name.starts_with("registry.db"), "{name} is left");
            }
            if ran.code() != 0 {
                let ran = again();
                assert_eq!((ran.code(), ran.err().as_str()), (0, ""), "found goes on where it was cut off");
            }
            cooee::store::Registry::open(&dir.join("registry.db")).expect("whole");
            cooee::key::read_key(&dir.join("leader.key")).expect("whole");
        };
        Case { dir, input: String::new(), keep, check: Box::new(check) }
    });
}

#[test]
fn a_request_is_made_whole_or_not_at_all() {
    let fleet = TempDir::new().expect("a folder");
    let key = |arguments: &[&str], dir: &str, input: &str| {
        let mut command = Command::new(bin_dir().join("cooee-key"));
        command.args(arguments).arg("--dir").arg(fleet.path().join(dir));
        let ran = run(command, input);
        assert_eq!(ran.code(), 0, "{}", ran.err());
        ran.out()
    };
    key(&["found"], "leader", "");
    let string = key(&["invite"], "leader", "");
    let agent = crate::register::fixture::agent("host1", "m", 0).to_string() + "\n";
    Disk::new().at_each_write("age-enrol", &[], || {
        let keep = TempDir::new().expect("a folder");
        let dir = keep.path().join("host");
        let mut join = Command::new(bin_dir().join("cooee-key"));
        join.args(["join", "-", "--dir"]).arg(&dir);
        assert_eq!(run(join, &string).code(), 0);
        let check = |dir: &Path, ran: &Ran, again: &dyn Fn() -> Ran| {
            assert!(names(&dir.join("agents")).iter().all(|name| !name.starts_with('.')));
            let with_room = again();
            assert_eq!((with_room.code(), with_room.err().as_str()), (0, ""));
            let said = ran.out();
            assert!(said.is_empty() || with_room.out() == said, "a request that was said is the one that is kept");
            let request: Value = serde_json::from_str(&with_room.out()).expect("one request");
            assert_eq!(request["type"], "cooee.enrol.v1");
        };
        Case { dir, input: agent.clone(), keep, check: Box::new(check) }
    });
}

#[test]
fn a_run_is_scored_whole_or_not_at_all() {
    let line = |agent: &str| {
        format!(r#"{{"agent_did":"{agent}","dimension":"output_quality","value":0.5,"source":"s","id":"{agent}"}}"#)
    };
    let input = ["a", "b", "c"].map(|agent| line(agent) + "\n").concat();
    for (arguments, known) in [(&["--keep-log"][..], false), (&[], true)] {
        Disk::new().at_each_write("trust-score", arguments, || {
            let keep = TempDir::new().expect("a folder");
            if known {
                let mut command = Command::new(bin_dir().join("trust-score"));
                command.arg("--state").arg(keep.path().join("trust.db"));
                assert_eq!(run(command, &(line("z") + "\n")).code(), 0);
            }
            let check = move |dir: &Path, ran: &Ran, again: &dyn Fn() -> Ran| {
                assert!(!names(dir).iter().any(|name| name.starts_with('.')), "no part is left");
                let said = ran.out();
                assert_eq!(said.lines().count(), if ran.code() == 0 { 3 } else { 0 }, "{said}");
                let with_room = again();
                assert_eq!((with_room.code(), with_room.err().as_str()), (0, ""));
                // Ids count once: what was kept was kept whole.
                let kept = with_room.out().is_empty();
                assert!(kept || with_room.out().lines().count() == 3);
                assert!(kept || said.is_empty(), "what is said is kept");
                let state = cooee::store::Trust::read(&dir.join("trust.db")).expect("whole");
                let mut sizes = Vec::new();
                let each = |_: &str, agent: cooee::trust::Agent, _| {
                    sizes.push(agent.signals());
                    true
                };
                state.each(each).expect("whole");
                assert_eq!(sizes, vec![1; 3 + usize::from(known)]);
            };
            Case { dir: keep.path().to_owned(), input: input.clone(), keep, check: Box::new(check) }
        });
    }
}

/// A node on a full disk takes nothing, says so, and goes on when there is room.
#[test]
fn a_node_signs_for_nothing_that_it_cannot_keep() {
    let disk = Disk::new();
    let (node, host) = (host(), TempDir::new().expect("a folder"));
    write_key(&host.path().join("host.key"), &Key::from_seed(&[2; 32])).expect("a key");
    let full = disk.folder.path().join("full");
    let mut serve = disk.command("cooee-sub", &["--serve", "--listen", "/ip4/127.0.0.1/tcp/0"], node.path());
    serve.env("FULL", &full).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut serve = serve.spawn().expect("the command is built");
    shell::until(LIMIT, || node.path().join("node.sock").exists().then_some(())).expect("the node is ready");
    let peer = fs::read_to_string(node.path().join("listen")).expect("text").trim().to_owned();
    let publish = |line: &str, more: &[&str]| {
        let mut command = Command::new(bin_dir().join("cooee-pub"));
        command.args(["--peer", &peer]).args(more).arg("--dir").arg(host.path());
        run(command, line)
    };
    assert_eq!(publish("before\n", &[ADDRESS]).code(), 0);
    fs::write(&full, "").expect("a file");
    let refused = publish("one\n", &[ADDRESS, "--timeout", "5s"]);
    assert_eq!((refused.code(), refused.out().as_str()), (4, ""), "{}", refused.err());
    assert!(refused.err().contains("kept in the spool"), "{}", refused.err());
    assert_eq!(names(&host.path().join("spool")).len(), 1);
    fs::remove_file(&full).expect("room");
    let sent = publish("", &["--flush"]);
    let ended = serve.try_wait().expect("our own child");
    let _ = serve.kill();
    let _ = serve.wait();
    assert_eq!((sent.code(), sent.out().lines().count()), (0, 1), "{} (node ended: {ended:?})", sent.err());
    assert!(names(&host.path().join("spool")).is_empty());
    let log = cooee::store::Log::open(&node.path().join("log.db"));
    assert!(log.is_ok(), "the log is whole");
}
