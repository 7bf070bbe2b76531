//! Files and folders that may not be written. Root may write everything, so
//! its commands run as somebody else here.

use super::{ADDRESS, Ask, Book, User, mode, names, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that nobody may write; it may be removed again afterwards.
struct Closed(PathBuf);

impl Closed {
    fn new(folder: &Path, file: &str) -> Self {
        fs::set_permissions(folder.join(file), mode(0o400)).expect("our own file");
        fs::set_permissions(folder, mode(0o500)).expect("our own folder");
        Self(folder.to_owned())
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        fs::set_permissions(&self.0, mode(0o700)).expect("our own folder");
    }
}

#[test]
fn a_read_only_registry_is_named_and_unchanged() {
    let (user, book) = (User::new(), Book::new());
    let (dir, path) = (book.folder.path(), book.path("registry.db"));
    let line = Ask::new(&book, 1, "m").token('a').line() + "\n";
    user.owns(dir);
    let before = fs::read(&path).expect("bytes");
    let folder = dir.to_str().expect("text");
    let read_only = |name: &str, arguments: &[&str]| {
        let ran = run(user.command(name, &[arguments, &["--dir", folder]].concat()), &line);
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{arguments:?}");
        let said = format!("{name}: {}: read-only\n{name}: hint: it, its -wal", path.display());
        assert!(ran.err().starts_with(&said), "{arguments:?}: {}", ran.err());
        assert_eq!(fs::read(&path).expect("bytes"), before);
    };
    let did = Ask::new(&book, 1, "m").key.did().to_string();
    let writers: [&[&str]; 3] = [&[], &["--allow", &did], &["--revoke", &did, "--reason", "x"]];
    // The file alone, then its folder as well.
    fs::set_permissions(&path, mode(0o400)).expect("our own file");
    for arguments in writers {
        read_only("agentid-register", arguments);
    }
    let list = run(user.command("agentid-register", &["--list", "--dir", folder]), "");
    assert_eq!((list.code(), list.err().as_str()), (0, ""), "it can still be read");
    {
        let _closed = Closed::new(dir, "registry.db");
        for arguments in writers {
            read_only("agentid-register", arguments);
        }
    }
    // And then it may be written again.
    for name in names(dir).iter().filter(|name| name.starts_with("registry.db")) {
        fs::set_permissions(book.path(name), mode(0o600)).expect("our own file");
    }
    let ran = run(user.command("agentid-register", &["--dir", folder]), &line);
    assert_eq!((ran.code(), ran.err().as_str()), (0, ""));
    assert!(ran.out().contains("cooee.enrolled.v1"), "{}", ran.out());
}

#[test]
fn a_read_only_state_can_be_looked_at() {
    let user = User::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.db");
    let state = path.to_str().expect("text");
    let line = r#"{"agent_did":"a","dimension":"output_quality","value":0.5,"source":"s"}"#;
    user.owns(folder.path());
    let score = |arguments: &[&str], input: &str| {
        run(user.command("trust-score", &[arguments, &["--state", state]].concat()), input)
    };
    assert_eq!(score(&[], line).code(), 0);
    let before = fs::read(&path).expect("bytes");
    fs::set_permissions(&path, mode(0o400)).expect("our own file");
    let all = score(&["--all"], "");
    assert_eq!((all.code(), all.err().as_str(), all.out().lines().count()), (0, "", 1));
    for arguments in [&[][..], &["--keep-log"], &["--follow"]] {
        let ran = score(arguments, line);
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{arguments:?}: {}", ran.err());
        assert!(ran.err().starts_with(&format!("trust-score: {state}: read-only\n")), "{}", ran.err());
    }
    assert_eq!(fs::read(&path).expect("bytes"), before);
}

#[test]
fn where_nothing_can_be_kept_nothing_is_said_to_be() {
    let user = User::new();
    let book = Book::new();
    cooee::key::write_key(&book.path("host.key"), &cooee::key::Key::from_seed(&[1; 32])).expect("a key");
    user.owns(book.folder.path());
    let before = names(book.folder.path());
    let folder = book.folder.path().to_str().expect("text");
    let _closed = Closed::new(book.folder.path(), "registry.db");
    for (name, arguments, input, what) in [
        ("cooee-pub", &[ADDRESS][..], "one\n", "spool: Permission denied"),
        ("cooee-sub", &["--serve"], "", "Permission denied"),
        ("cooee-key", &["invite"], "", "registry.db: read-only"),
    ] {
        let ran = run(user.command(name, &[arguments, &["--dir", folder]].concat()), input);
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{name}: {}", ran.err());
        assert!(ran.err().contains(what), "{name}: {}", ran.err());
    }
    assert_eq!(names(book.folder.path()), before);
}

/// Who may read less learns the same, or why not.
#[test]
fn nobody_is_told_the_same_of_this_machine_or_why_not() {
    let user = User::new();
    let probe = |command: Command| {
        let ran = run(command, "");
        assert_eq!((ran.code(), ran.err().as_str()), (0, ""));
        serde_json::from_str::<Value>(&ran.out()).expect("one record")
    };
    let ours = probe(Command::new(crate::manual::bin_dir().join("hwprobe")));
    let theirs = probe(user.command("hwprobe", &[]));
    for (name, value) in ours.as_object().expect("a record") {
        let same = theirs[name] == *value || ["memory_available_bytes", "reasons"].contains(&name.as_str());
        let said = theirs["reasons"][name].is_string();
        assert!(same || said, "{name}: {value} for us, {} for them, without a reason", theirs[name]);
    }
}
