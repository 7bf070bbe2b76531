//! `age-enrol` on a host: agents → signed, sealed requests, only when due.

use assert_cmd::Command;
use cooee::agentid::Tuple;
use cooee::event::{Draft, Event, Stamp};
use cooee::key::{Key, read_key};
use cooee::seal::{Identity, open};
use cooee::spool::agents::Agents;
use jiff::{SignedDuration, Timestamp};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// A leader's folder and a host's that has joined.
struct Fleet {
    folder: tempfile::TempDir,
}

impl Fleet {
    fn new() -> Self {
        let fleet = Self { folder: tempfile::tempdir().expect("a folder") };
        fleet.run("cooee-key", &["found"], "leader", "").assert().success();
        fleet.join();
        fleet
    }

    /// Joins with a new token.
    fn join(&self) {
        let string = self.run("cooee-key", &["invite"], "leader", "").assert().success().get_output().stdout.clone();
        let string = String::from_utf8(string).expect("text");
        self.run("cooee-key", &["join", "-"], "host", &string).assert().success();
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str, arguments: &[&str], dir: &str, stdin: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin(name));
        command.args(arguments).arg("--dir").arg(self.dir(dir)).write_stdin(stdin);
        command
    }

    /// What `age-enrol` prints on the host, as values, and as text.
    fn enrol(&self, stdin: &str, more: &[&str]) -> (Vec<Value>, String) {
        let output =
            self.run("age-enrol", more, "host", stdin).assert().success().stderr("").get_output().stdout.clone();
        let text = String::from_utf8(output).expect("text");
        (text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), text)
    }

    fn leader(&self) -> Key {
        read_key(&self.dir("leader").join("leader.key")).expect("a key")
    }

    fn identities(&self) -> Vec<Identity> {
        Identity::parse_file(&fs::read(self.dir("leader").join("leader.age")).expect("a file")).expect("good")
    }

    /// The inner event of a request.
    fn inner(&self, line: &str) -> Event {
        let outer = Event::from_wire(line.as_bytes()).expect("an event in its wire form");
        outer.verify().expect("signed outside");
        let plaintext = open(&self.identities(), outer.data_bytes().expect("sealed data")).expect("opens");
        let inner = Event::from_wire(&plaintext).expect("an event in its wire form");
        inner.verify().expect("signed inside");
        inner
    }

    /// Keeps an answer of the leader's to a request, made `ago` hours before now.
    fn answer(&self, request: &str, kind: &str, ago: i64, until: i64) -> Event {
        let request = Event::from_wire(request.as_bytes()).expect("an event");
        let (time, hours) = (Timestamp::now(), SignedDuration::from_hours);
        let expires = cooee::event::rfc3339(time + hours(until));
        let draft = Draft {
            kind: kind.to_owned(),
            subject: request.subject().to_owned(),
            expires: time + hours(until),
            data: json!({"agent_did": "did:key:z6MkX#1234567890", "tiny_id": "1234567890", "token": "458RV", "expires": expires}),
            data_base64: None,
            in_reply_to: Some(request.id().to_owned()),
            agent: None,
        };
        let stamp = Stamp { id: uuid::Uuid::now_v7(), time: time - hours(ago), sequence: 1 };
        let answer = draft.sign(&self.leader(), &stamp).expect("good");
        assert!(Agents::new(&self.dir("host")).record_answer(&answer).expect("kept"));
        answer
    }
}

/// An agent record as `agentid-hash` prints it.
fn agent(hostname: &str) -> Value {
    let hash = Tuple::new("none", hostname, "001a2b3c4d5e", "llama3:8b").expect("good").hash();
    json!({
        "type": "agent", "v": 1, "gpu_id": "none", "gpu_slot": 0, "hostname": hostname, "mac": "001a2b3c4d5e",
        "model": "llama3:8b", "memory_bytes": 1_073_741_824, "note": "naïve \u{1f600} \"quoted\"",
        "hash": hash.to_string(), "tiny_id": hash.tiny_id().to_string(),
    })
}

fn line(record: &Value) -> String {
    format!("{record}\n")
}

#[test]
fn a_request_is_signed_inside_and_sealed_outside() {
    let fleet = Fleet::new();
    let record = agent("host");
    let (printed, text) = fleet.enrol(&line(&record), &[]);
    let outer = Event::from_wire(text.trim_end().as_bytes()).expect("an event");
    let inner = fleet.inner(text.trim_end());
    assert_eq!(
        outer.subject(),
        format!("ucxl://any:admin@COOEE:enrol/#/agentid/{}", record["tiny_id"].as_str().expect("id"))
    );
    let shared = |event: &Event| {
        (
            event.id().to_owned(),
            event.source(),
            event.subject().to_owned(),
            event.time(),
            event.sequence(),
            event.expires(),
        )
    };
    assert_eq!(shared(&outer), shared(&inner));
    assert_eq!(outer.author(), read_key(&fleet.dir("host").join("host.key")).expect("a key").did());
    assert_eq!(outer.expires().duration_since(outer.time()).as_hours(), 24);
    let file: Value =
        serde_json::from_slice(&fs::read(fleet.dir("host").join("fleet.json")).expect("a file")).expect("JSON");
    let token = fs::read_to_string(fleet.dir("host").join("join.token")).expect("a file");
    assert_eq!(*inner.data(), json!({"audience": file["fleet"], "join_token": token.trim(), "agent": record}));
    // Nothing of it is to be read from outside.
    let visible = printed[0].to_string();
    for hidden in [token.trim(), "001a2b3c4d5e", "llama3", file["fleet"].as_str().expect("id")] {
        assert!(!visible.contains(hidden), "{hidden}");
    }
}

#[test]
fn every_leader_and_extra_recipient_can_open() {
    let fleet = Fleet::new();
    let (second, extra) = (Identity::generate(), Identity::generate());
    let path = fleet.dir("host").join("fleet.json");
    let mut file: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
    let mut leader = file["leaders"][0].clone();
    leader["age"] = json!(second.recipient().to_string());
    file["leaders"].as_array_mut().expect("a list").push(leader);
    fs::write(&path, file.to_string()).expect("written");
    let (_, text) = fleet.enrol(&line(&agent("host")), &["-r", &extra.recipient().to_string()]);
    let outer = Event::from_wire(text.trim_end().as_bytes()).expect("an event");
    let sealed = outer.data_bytes().expect("sealed data");
    for identity in [fleet.identities().remove(0), second, extra] {
        assert!(open(&[identity], sealed).is_ok());
    }
    assert!(open(&[Identity::generate()], sealed).is_err());
}

#[test]
fn a_pending_request_goes_out_again_byte_for_byte() {
    let fleet = Fleet::new();
    let stdin = line(&agent("host"));
    let (_, first) = fleet.enrol(&stdin, &[]);
    assert_eq!(fleet.enrol(&stdin, &[]).1, first);
    let mut changed = agent("host");
    changed["memory_bytes"] = json!(1);
    let (_, second) = fleet.enrol(&line(&changed), &[]);
    assert_ne!(second, first, "what changed is said");
    assert_eq!(fleet.inner(second.trim_end()).data()["agent"], changed);
    assert_eq!(fleet.enrol(&line(&changed), &[]).1, second);
    fleet.join();
    let (_, third) = fleet.enrol(&line(&changed), &[]);
    assert_ne!(third, second, "the join token is a new one");
}

#[test]
fn an_enrolled_agent_is_silent_until_half_its_time_is_over() {
    let fleet = Fleet::new();
    let record = agent("host");
    let stdin = line(&record);
    let (_, request) = fleet.enrol(&stdin, &[]);
    let answer = fleet.answer(request.trim_end(), "enrolled", 9, 11);
    let (printed, _) = fleet.enrol(&stdin, &[]);
    let want = json!({
        "type": "unchanged", "v": 1, "tiny_id": record["tiny_id"], "agent_did": "did:key:z6MkX#1234567890",
        "token": "458RV", "expires": answer.data()["expires"], "enrolled": cooee::event::rfc3339(answer.time()),
    });
    assert_eq!(printed, [want]);
    fleet.answer(request.trim_end(), "enrolled", 11, 9);
    let (printed, renewal) = fleet.enrol(&stdin, &[]);
    assert_eq!(printed[0]["type"], "cooee.enrol.v1");
    assert_ne!(renewal, request);
    assert!(fleet.inner(renewal.trim_end()).sequence() > fleet.inner(request.trim_end()).sequence());
}

#[test]
fn a_refused_agent_asks_anew() {
    let fleet = Fleet::new();
    let stdin = line(&agent("host"));
    let (_, request) = fleet.enrol(&stdin, &[]);
    fleet.answer(request.trim_end(), "refused", 0, 1);
    assert_ne!(fleet.enrol(&stdin, &[]).1, request);
}

#[test]
fn an_expired_request_is_made_anew() {
    let fleet = Fleet::new();
    let stdin = line(&agent("host"));
    // It has less than a minute left from the start, which is no time to be sent.
    let (_, first) = fleet.enrol(&stdin, &["--expires", "30s"]);
    assert_ne!(fleet.enrol(&stdin, &[]).1, first);
}

#[test]
fn many_agents_keep_their_order_and_bad_lines_are_named() {
    let fleet = Fleet::new();
    let mut stdin = String::new();
    for number in 0..700 {
        stdin.push_str(&line(&agent(&format!("host-{number}"))));
        if number % 100 == 50 {
            stdin.push_str("{\"type\":\"agent\",\"v\":1,\"type\":2}\n");
        }
    }
    let output = fleet.run("age-enrol", &[], "host", &stdin).assert().code(3).get_output().clone();
    let stdout = String::from_utf8(output.stdout).expect("text");
    assert_eq!(stdout.lines().count(), 700);
    let mut last = 0;
    for (number, event) in stdout.lines().enumerate() {
        let inner = fleet.inner(event);
        assert_eq!(inner.data()["agent"]["hostname"], format!("host-{number}"));
        assert!(inner.sequence() > last, "sequences rise");
        last = inner.sequence();
    }
    let stderr = String::from_utf8(output.stderr).expect("text");
    let want: Vec<String> = [52, 153, 254, 355, 456, 557, 658]
        .map(|number| format!("age-enrol: line {number}: column 23: duplicate key \"type\""))
        .into();
    assert_eq!(stderr.lines().collect::<Vec<_>>(), want);
    let strict = fleet.run("age-enrol", &["--strict"], "host", &stdin).assert().code(3).get_output().clone();
    assert_eq!(String::from_utf8(strict.stdout).expect("text").lines().count(), 51);
    assert_eq!(String::from_utf8(strict.stderr).expect("text").lines().count(), 1);
}

#[test]
fn a_record_that_is_not_what_it_says_is_rejected() {
    let fleet = Fleet::new();
    let good = agent("host");
    let with = |name: &str, value: Value| {
        let mut record = good.clone();
        record[name] = value;
        record
    };
    let without = |name: &str| {
        let mut record = good.clone();
        record.as_object_mut().expect("an object").remove(name);
        record
    };
    for (record, what) in [
        (with("type", json!("host")), "expected an agent record"),
        (with("v", json!(2)), "expected an agent record"),
        (with("hash", agent("other")["hash"].clone()), "not that of the record"),
        (with("tiny_id", json!("0123456789")), "not that of the record"),
        (with("model", json!("other")), "not that of the record"),
        (with("model", json!("a\u{202e}b")), "control or format character"),
        (with("model", json!(7)), "\"model\" is not a string"),
        (with("mac", json!("00:11")), "twelve hex digits"),
        (without("hash"), "no \"hash\""),
        (without("tiny_id"), "no \"hash\" and \"tiny_id\""),
        (without("hostname"), "\"hostname\" is not a string"),
        (with("blob", json!("x".repeat(70_000))), "larger than"),
    ] {
        let stdin = line(&record);
        fleet
            .run("age-enrol", &[], "host", &stdin)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains("line 1: ").and(contains(what)));
    }
    let twice = format!("{}{}", line(&good), line(&good));
    let output = fleet.run("age-enrol", &[], "host", &twice).assert().code(3).get_output().clone();
    assert_eq!(String::from_utf8(output.stdout).expect("text").lines().count(), 1);
    assert!(String::from_utf8(output.stderr).expect("text").contains("line 2: agent "));
}

#[test]
fn what_a_host_lacks_is_named() {
    let fleet = Fleet::new();
    let stdin = line(&agent("host"));
    let refused = |code: i32, what: &str| {
        fleet.run("age-enrol", &[], "host", &stdin).assert().code(code).stdout("").stderr(contains(what));
    };
    fleet.run("age-enrol", &[], "host", "").assert().code(2).stdout("").stderr(contains("got none"));
    fleet.run("age-enrol", &[], "host", "\n\n").assert().code(2).stdout("").stderr(contains("got none"));
    fleet.run("age-enrol", &[], "nowhere", &stdin).assert().code(2).stdout("").stderr(contains("cooee-key join"));
    let dir = fleet.dir("host");
    fleet.enrol(&line(&agent("another")), &[]);
    let replaced = |name: &str, content: &str, code: i32, what: &str| {
        let before = fs::read(dir.join(name)).expect("a file");
        fs::write(dir.join(name), content).expect("written");
        refused(code, what);
        fs::write(dir.join(name), before).expect("written");
    };
    replaced("join.token", "x", 2, "not a join token");
    replaced("fleet.json", "{", 2, "fleet.json: ");
    replaced("host.key", "", 2, "empty");
    replaced("host.key.sequence", "soon", 2, "host.key.sequence");
    replaced("host.key.sequence", &u64::MAX.to_string(), 2, "host.key.sequence: not a sequence number");
    // What is there must not be waited for: a pipe that nobody writes into.
    for name in ["fleet.json", "host.key.sequence", "host.key", "join.token"] {
        let before = fs::read(dir.join(name)).expect("a file");
        fs::remove_file(dir.join(name)).expect("removed");
        Command::new("mkfifo").args(["-m", "600"]).arg(dir.join(name)).assert().success();
        refused(2, "not a regular file");
        fs::remove_file(dir.join(name)).expect("removed");
        fs::write(dir.join(name), before).expect("written");
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).expect("ours");
    }
    let before = fs::read_to_string(dir.join("fleet.json")).expect("a file");
    replaced("fleet.json", &before.replace("\"age\":\"age1", "\"age\":\"age1q"), 2, "leader did:key:");
    fs::rename(dir.join("host.key"), dir.join("gone")).expect("renamed");
    refused(2, "cooee-key new");
    fs::rename(dir.join("gone"), dir.join("host.key")).expect("renamed");
    fs::remove_file(dir.join("join.token")).expect("removed");
    let (_, text) = fleet.enrol(&stdin, &[]);
    assert_eq!(fleet.inner(text.trim_end()).data()["join_token"], Value::Null, "a known host needs no token");
}

/// The 318 files of JSONTestSuite as records: what is no strict JSON is rejected
/// with its line, and nothing crashes or is sealed.
#[test]
fn no_text_of_jsontestsuite_gets_through() {
    let fleet = Fleet::new();
    let mut seen = 0;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/jsontestsuite/test_parsing");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mut command = fleet.run("age-enrol", &[], "host", "");
        let output = command.write_stdin(fs::read(&path).expect("a file")).output().expect("it runs");
        let stderr = String::from_utf8(output.stderr).expect("text on stderr");
        assert!(output.stdout.is_empty(), "{path:?}");
        let empty = stderr.contains("got none");
        assert_eq!(output.status.code(), Some(if empty { 2 } else { 3 }), "{path:?}: {stderr}");
        assert!(empty || stderr.contains("age-enrol: line "), "{path:?}: {stderr}");
        seen += 1;
    }
    assert_eq!(seen, 318);
}
