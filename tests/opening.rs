//! `age-enrol --open` on the leader: sealed requests → opened records, refusals.

use assert_cmd::Command;
use cooee::agentid::Tuple;
use cooee::enrol::{Fleet, Leader};
use cooee::event::{Draft, Event, Stamp};
use cooee::key::{Key, write_key};
use cooee::seal::{Identity, Recipient, seal};
use jiff::{SignedDuration, Timestamp};
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// A leader's folder, and a host's key that signs requests in this process.
struct Leadership {
    folder: tempfile::TempDir,
    fleet: String,
    recipient: Recipient,
    host: Key,
}

/// A request in parts, each of which a test can spoil.
struct Parts {
    stamp: Stamp,
    subject: String,
    expires: Timestamp,
    data: Value,
}

impl Leadership {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (leader, identity) = (Key::generate().expect("a key"), Identity::generate());
        let recipient = identity.recipient();
        let fleet = Fleet::found(Leader { did: leader.did(), age: recipient.to_string() });
        fs::write(folder.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        write_key(&folder.path().join("leader.key"), &leader).expect("written");
        cooee::key::write_secret(&folder.path().join("leader.age"), identity.to_file().as_bytes()).expect("written");
        Self { folder, fleet: fleet.fleet, recipient, host: Key::from_seed(&[5; 32]) }
    }

    fn command(&self, stdin: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("age-enrol"));
        command.args(["--open", "--dir"]).arg(self.folder.path()).write_stdin(stdin);
        command
    }

    /// What one line becomes; exit 0 and silence, whatever is said of it.
    fn open(&self, line: &str) -> Value {
        let output = self.command(line).assert().success().stderr("").get_output().stdout.clone();
        serde_json::from_slice(&output).expect("one record")
    }

    /// The code of the refusal that a line becomes.
    fn refusal(&self, line: &str) -> String {
        let record = self.open(line);
        let outer: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&record["type"], &record["v"]), (&json!("refusal"), &json!(1)), "{record}");
        for name in ["id", "source", "subject"] {
            assert_eq!(record[name], outer[name]);
        }
        assert_eq!(record["security"], true);
        let reason = record["reason"].as_str().expect("a reason");
        assert!(!reason.is_empty() && reason.len() <= 1000 && !reason.chars().any(char::is_control), "{reason}");
        record["code"].as_str().expect("a code").to_owned()
    }

    fn parts(&self) -> Parts {
        let hash = Tuple::new("none", "host", "001a2b3c4d5e", "llama3:8b").expect("good").hash();
        let tiny_id = hash.tiny_id().to_string();
        let agent = json!({
            "type": "agent", "v": 1, "gpu_id": "none", "gpu_slot": 0, "hostname": "host", "mac": "001a2b3c4d5e",
            "model": "llama3:8b", "hash": hash.to_string(), "tiny_id": tiny_id,
        });
        let time = Timestamp::now();
        Parts {
            stamp: Stamp { id: uuid::Uuid::now_v7(), time, sequence: time.as_microsecond().cast_unsigned() },
            subject: format!("ucxl://any:admin@COOEE:enrol/#/agentid/{tiny_id}"),
            expires: time + SignedDuration::from_hours(24),
            data: json!({"audience": self.fleet, "join_token": "AAECAwQFBgcICQoLDA0ODw", "agent": agent}),
        }
    }

    /// The outer event around any bytes.
    fn around(&self, parts: &Parts, sealed: Vec<u8>) -> String {
        wire(&draft(parts, Some(sealed)).sign(&self.host, &parts.stamp).expect("good"))
    }

    fn sealed(&self, parts: &Parts) -> String {
        self.sealing(parts, self.inner(parts).wire())
    }

    /// The outer event around these bytes, sealed to the leader.
    fn sealing(&self, parts: &Parts, plaintext: &[u8]) -> String {
        self.around(parts, seal(std::slice::from_ref(&self.recipient), plaintext))
    }

    fn inner(&self, parts: &Parts) -> Event {
        draft(parts, None).sign(&self.host, &parts.stamp).expect("good")
    }

    /// The inner event's text with something replaced, signature and all as they were.
    fn edited(&self, from: &str, to: &str) -> String {
        let parts = self.parts();
        let inner = wire(&self.inner(&parts));
        assert!(inner.contains(from), "{from} in {inner}");
        self.sealing(&parts, inner.replace(from, to).as_bytes())
    }
}

/// Spoils the parts of the outer event.
type Change = fn(&mut Parts, SignedDuration);

fn draft(parts: &Parts, sealed: Option<Vec<u8>>) -> Draft {
    Draft {
        kind: "enrol".to_owned(),
        subject: parts.subject.clone(),
        expires: parts.expires,
        data: if sealed.is_some() { Value::Null } else { parts.data.clone() },
        data_base64: sealed,
        in_reply_to: None,
        agent: None,
    }
}

fn wire(event: &Event) -> String {
    String::from_utf8(event.wire().to_vec()).expect("text")
}

#[test]
fn a_good_request_is_passed_on_as_it_was_signed() {
    let leader = Leadership::new();
    let parts = leader.parts();
    let record = leader.open(&leader.sealed(&parts));
    let inner: Value = serde_json::from_slice(leader.inner(&parts).wire()).expect("JSON");
    assert_eq!(record, json!({"type": "opened", "v": 1, "id": inner["id"], "event": inner}));
    // Byte for byte: what the host signed is what is checked next.
    let output = leader.command(&leader.sealed(&parts)).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(output).expect("text").contains(&wire(&leader.inner(&parts))));
}

#[test]
fn what_a_host_seals_its_leader_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |name: &str, arguments: &[&str], dir: &str, stdin: Vec<u8>| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin(name));
        command.args(arguments).arg("--dir").arg(folder.path().join(dir)).write_stdin(stdin);
        command.assert().success().get_output().stdout.clone()
    };
    run("cooee-key", &["found"], "leader", vec![]);
    let string = run("cooee-key", &["invite"], "leader", vec![]);
    run("cooee-key", &["join", "-"], "host", string);
    let mut stdin = String::new();
    for number in 0..100 {
        let hostname = format!("host-{number}");
        let hash = Tuple::new("none", &hostname, "none", "m").expect("good").hash();
        let record = json!({
            "type": "agent", "v": 1, "gpu_id": "none", "gpu_slot": 0, "hostname": hostname, "mac": "none",
            "model": "m", "hash": hash.to_string(), "tiny_id": hash.tiny_id().to_string(),
        });
        stdin.push_str(&record.to_string());
        stdin.push('\n');
    }
    let sealed = run("age-enrol", &[], "host", stdin.into_bytes());
    let opened = String::from_utf8(run("age-enrol", &["--open"], "leader", sealed)).expect("text");
    let names: Vec<String> = opened
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .inspect(|record| assert_eq!(record["type"], "opened"))
        .map(|record| record["event"]["data"]["agent"]["hostname"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names, (0..100).map(|number| format!("host-{number}")).collect::<Vec<_>>());
}

#[test]
fn other_events_and_records_go_through_untouched() {
    let leader = Leadership::new();
    let note = r#"{ "type" : "cooee.revoked.v1", "specversion":"1.0", "x":1.50 }"#;
    let record = "{\"type\":\"anything\",\"v\":9}";
    let stdin = format!("{note}\n{}\n{record}\r\n", leader.sealed(&leader.parts()));
    let output = leader.command(&stdin).assert().success().stderr("").get_output().stdout.clone();
    let output = String::from_utf8(output).expect("text");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, note, record));
    assert!(lines[1].starts_with("{\"type\":\"opened\","));
}

#[test]
fn a_request_for_another_fleet_is_refused() {
    let (leader, other) = (Leadership::new(), Leadership::new());
    // A valid payload for another leader, sealed again to ours.
    let parts = other.parts();
    assert_eq!(leader.refusal(&leader.sealing(&parts, other.inner(&parts).wire())), "audience");
}

#[test]
fn time_counts_with_a_minute_of_leeway() {
    let leader = Leadership::new();
    let code = |time: i64, expires: i64, sequence: Option<u64>| {
        let mut parts = leader.parts();
        let now = Timestamp::now();
        parts.stamp.time = now + SignedDuration::from_secs(time);
        parts.expires = now + SignedDuration::from_secs(expires);
        parts.stamp.sequence = sequence.unwrap_or(now.as_microsecond().cast_unsigned());
        let record = leader.open(&leader.sealed(&parts));
        record["code"].as_str().unwrap_or("opened").to_owned()
    };
    assert_eq!(code(-3600, -61, None), "expired");
    assert_eq!(code(-3600, -40, None), "opened");
    assert_eq!(code(80, 3600, None), "future");
    assert_eq!(code(40, 3600, None), "opened");
    assert_eq!(code(0, 7 * 86_400 + 60, None), "lifetime");
    assert_eq!(code(0, 7 * 86_400 - 60, None), "opened");
    assert_eq!(code(0, 3600, Some(i64::MAX.cast_unsigned())), "future", "a sequence that shuts out all others");
    let far = "9999-01-01T00:00:00Z".parse::<Timestamp>().expect("a time");
    let mut parts = leader.parts();
    (parts.stamp.time, parts.expires) = (far, far + SignedDuration::from_hours(1));
    assert_eq!(leader.refusal(&leader.sealed(&parts)), "future");
}

#[test]
fn what_is_not_signed_by_its_author_is_refused() {
    let leader = Leadership::new();
    assert_eq!(leader.refusal(&leader.edited("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODg")), "signature");
    let own = leader.host.did().to_string();
    let other = Key::from_seed(&[6; 32]).did().to_string();
    assert_eq!(leader.refusal(&leader.edited(&own, &other)), "signature");
    // The outer event's signature, with the inner one good.
    let line = leader.sealed(&leader.parts());
    let event: Value = serde_json::from_str(&line).expect("JSON");
    let signature = event["sig"].as_str().expect("a signature");
    let other = Key::from_seed(&[6; 32]).sign("cooee-event-v1", b"");
    assert_eq!(leader.refusal(&line.replace(signature, &cooee::canon::base64url(&other))), "signature");
}

#[test]
fn inside_and_outside_must_agree() {
    let leader = Leadership::new();
    let hour = SignedDuration::from_hours(1);
    let changes: [(&str, Change); 5] = [
        ("id", |parts, _| parts.stamp.id = uuid::Uuid::now_v7()),
        ("subject", |parts, _| parts.subject.push('X')),
        ("time", |parts, hour| parts.stamp.time -= hour),
        ("sequence", |parts, _| parts.stamp.sequence += 1),
        ("expires", |parts, hour| parts.expires -= hour),
    ];
    for (field, change) in changes {
        let parts = leader.parts();
        let inner = leader.inner(&parts);
        let mut outside = Parts { data: Value::Null, ..parts };
        change(&mut outside, hour);
        let line = leader.sealing(&outside, inner.wire());
        assert_eq!(leader.refusal(&line), "mismatch", "{field}");
        assert!(leader.open(&line)["reason"].as_str().expect("text").contains(field));
    }
    // Another host's request in an envelope of one's own.
    let parts = leader.parts();
    let theirs = draft(&parts, None).sign(&Key::from_seed(&[6; 32]), &parts.stamp).expect("good");
    assert_eq!(leader.refusal(&leader.sealing(&parts, theirs.wire())), "mismatch");
}

#[test]
fn what_does_not_open_is_refused() {
    let leader = Leadership::new();
    let parts = leader.parts();
    let inner = leader.inner(&parts);
    let sealed = seal(std::slice::from_ref(&leader.recipient), inner.wire());
    let to_another = seal(&[Identity::generate().recipient()], inner.wire());
    let scrypt = b"age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 23\n\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n0123456789abcdef";
    let mut changed = sealed.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let cut = sealed[..last].to_vec();
    for bad in [Vec::new(), inner.wire().to_vec(), to_another, scrypt.to_vec(), changed, cut] {
        assert_eq!(leader.refusal(&leader.around(&parts, bad)), "sealed");
    }
    // Data that is not sealed at all: everybody has read the join token.
    let bare = wire(&inner);
    assert_eq!(leader.refusal(&bare), "sealed");
}

#[test]
fn a_payload_that_is_not_strict_json_is_refused_and_the_place_named() {
    let leader = Leadership::new();
    for (from, to, what) in [
        ("\"gpu_slot\":0", "\"gpu_slot\":0,\"gpu_slot\":1", "duplicate key"),
        ("\"gpu_slot\":0", "\"gpu_slot\":1e400", "out of a double's range"),
        ("\"gpu_slot\":0", "\"gpu_slot\":9007199254740993", "2^53-1"),
        ("\"gpu_slot\":0", "\"gpu_slot\":NaN", "not valid JSON"),
        ("\"gpu_slot\":0", "\"gpu_slot\": 0", "RFC 8785"),
        ("\"host\"", "\"\\ud800\"", "lone surrogate"),
        ("\"host\"", "\"ho\nst\"", "control character"),
        ("\"type\":\"cooee.enrol.v1\"}", "\"type\":\"cooee.enrol.v1\"}{}", "more text"),
        ("\"type\":\"cooee.enrol.v1\"}", "\"type\":\"cooee.enrol.v1\"", "ends too early"),
    ] {
        let line = leader.edited(from, to);
        assert_eq!(leader.refusal(&line), "malformed", "{to}");
        assert!(leader.open(&line)["reason"].as_str().expect("text").contains(what), "{}", leader.open(&line));
    }
    let parts = leader.parts();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for plaintext in [b"".as_slice(), b"[]", b"null", b"\xff\xfe{}", deep.as_bytes()] {
        assert_eq!(leader.refusal(&leader.sealing(&parts, plaintext)), "malformed");
    }
}

#[test]
fn a_record_that_is_not_an_agents_is_refused_and_the_field_named() {
    let leader = Leadership::new();
    let spoil = |change: &dyn Fn(&mut Value)| {
        let mut parts = leader.parts();
        change(&mut parts.data);
        let line = leader.sealed(&parts);
        assert_eq!(leader.refusal(&line), "malformed", "{}", parts.data);
        leader.open(&line)["reason"].as_str().expect("text").to_owned()
    };
    for (name, value) in [
        ("hostname", json!("ho\u{0}st")),
        ("hostname", json!("ho\u{202e}st")),
        ("model", json!("evil\u{1b}[31m")),
        ("model", json!("")),
        ("mac", json!("00:11:22")),
        ("gpu_slot", json!(-1)),
        ("gpu_slot", json!(64)),
        ("gpu_slot", json!("0")),
        ("hash", json!("00")),
        ("tiny_id", json!("0123456789")),
    ] {
        let reason = spoil(&|data| data["agent"][name] = value.clone());
        assert!(reason.contains(name), "{name}: {reason}");
    }
    assert!(spoil(&|data| data["extra\u{1b}[0m"] = json!(1)).contains("extra\\u{1b}"));
    assert!(spoil(&|data| data["agent"] = json!("x")).contains("agent"));
    assert!(spoil(&|data| data["audience"] = json!(7)).contains("audience"));
    assert!(spoil(&|data| data["join_token"] = json!(7)).contains("join_token"));
    // Another agent's subject.
    let mut parts = leader.parts();
    parts.subject = "ucxl://any:admin@COOEE:enrol/#/agentid/0123456789".to_owned();
    assert_eq!(leader.refusal(&leader.sealed(&parts)), "malformed");
}

#[test]
fn lines_that_are_no_events_are_rejected_and_the_rest_go_on() {
    let leader = Leadership::new();
    let good = leader.sealed(&leader.parts());
    let cut = &good[..good.len() - 5];
    let no_signature = good.replace("\"sig\":", "\"gis\":");
    let stdin = format!("{cut}\n{good}\n[]\n{{}}\n{no_signature}\n{good}\n");
    let output = leader.command(&stdin).assert().code(3).get_output().clone();
    assert_eq!(String::from_utf8(output.stdout).expect("text").lines().count(), 2);
    let stderr = String::from_utf8(output.stderr).expect("text");
    let numbers: Vec<&str> = stderr.lines().map(|line| line.split(':').nth(1).expect("a line number")).collect();
    assert_eq!(numbers, [" line 1", " line 3", " line 4", " line 5"]);
    leader.command(&stdin).arg("--strict").assert().code(3).stdout("").stderr(contains("line 1"));
    leader.command("").assert().code(2).stdout("").stderr(contains("got none"));
}

#[test]
fn the_leaders_keys_must_be_there_and_private() {
    let leader = Leadership::new();
    let line = leader.sealed(&leader.parts());
    let dir = leader.folder.path();
    let mode = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    };
    let identity = dir.join("leader.age");
    mode(&identity, 0o644);
    leader.command(&line).assert().code(5).stdout("").stderr(contains("others can read it"));
    mode(&identity, 0o600);
    mode(dir, 0o770);
    leader.command(&line).assert().code(5).stdout("").stderr(contains("others can write the folder"));
    mode(dir, 0o700);
    let elsewhere = dir.join("elsewhere");
    fs::rename(&identity, &elsewhere).expect("renamed");
    leader.command(&line).assert().code(2).stdout("").stderr(contains("cooee-key found"));
    leader.command(&line).arg("-i").arg(&elsewhere).assert().success().stdout(contains("opened"));
    fs::remove_file(dir.join("fleet.json")).expect("removed");
    leader.command(&line).arg("-i").arg(&elsewhere).assert().code(2).stdout("").stderr(contains("fleet.json"));
}
