//! What is read, and what is made of it.

use super::*;
use crate::shell;
use cooee::event::{Draft, Stamp, rfc3339};
use fake::honest;
use jiff::Timestamp;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use std::time::Duration;
use uuid::Uuid;

fn signed(key: &Key, time: &str, expires: &str) -> Event {
    let draft = Draft {
        kind: "note".into(),
        subject: ADDRESS.into(),
        expires: expires.parse().expect("a time"),
        data: json!({"said": "before"}),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let stamp = Stamp { id: Uuid::now_v7(), time: time.parse().expect("a time"), sequence: 7 };
    draft.sign(key, &stamp).expect("an event")
}

fn text(event: &Event) -> &str {
    std::str::from_utf8(event.wire()).expect("text")
}

#[test]
fn plain_lines_are_wrapped_signed_stored_and_receipted() {
    let host = host();
    let log = honest(host.path());
    let before = Timestamp::now();
    let output =
        cooee_pub(host.path(), &["ucxl://*:ops@COOEE:demo"], "one\r\n\n{\"x\":1}\n").assert().success().stderr("");
    let stored = log.lock().expect("no panic");
    let data: Vec<_> = stored.iter().map(|event| event.data().clone()).collect();
    assert_eq!(data, [json!("one"), json!(""), json!("{\"x\":1}")]);
    for event in &*stored {
        assert_eq!((event.kind(), event.subject(), event.author()), ("note", ADDRESS, host_key().did()));
        let counts = event.expires().duration_since(before);
        assert!(counts >= jiff::SignedDuration::from_secs(86_399) && counts.as_secs() < 90_000, "{counts}");
    }
    assert!(stored.windows(2).all(|pair| pair[0].sequence() < pair[1].sequence()));
    let receipts = records(&output.get_output().stdout);
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["ids"], json!(ids(&stored)));
    assert_eq!(receipts[0]["node"], json!(host_key().did()));
    assert_eq!(spool(host.path()), []);
}

#[test]
fn the_arguments_shape_what_is_wrapped() {
    let host = host();
    let log = honest(host.path());
    let arguments =
        ["--type", "signal", "--json", "--expires", "2h", "--agent", "0123456789", "ucxl://any:ops@COOEE:demo"];
    cooee_pub(host.path(), &arguments, "{\"b\":1,\"a\":[null]}\n5\n").assert().success().stderr("");
    let stored = log.lock().expect("no panic");
    assert_eq!(stored[0].data(), &json!({"a": [null], "b": 1}));
    assert_eq!(stored[1].data(), &json!(5));
    assert_eq!((stored[0].kind(), stored[0].agent()), ("signal", Some("0123456789")));
    assert_eq!(stored[0].expires().duration_since(stored[0].time()).as_secs(), 7200);
}

#[test]
fn drafts_signed_events_and_unchanged_go_side_by_side() {
    let host = host();
    let log = honest(host.path());
    let before = signed(&stranger(), "2026-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let unchanged = r#"{"type":"unchanged","v":1,"tiny_id":"Q7S3MEF0KD","anything":[1.50]}"#;
    // Data that looks signed does not make a draft one.
    let confusing = draft("help", &json!({"sig": "x", "specversion": "1.0", "type": "unchanged"}));
    let spaced = text(&before).replace(",\"id\"", " , \"id\"");
    let input = format!("{}\n{spaced}\n{unchanged}\n{confusing}\n", draft("note", &json!(1)));
    let output = cooee_pub(host.path(), &[], input).assert().success().stderr("");
    let stored = log.lock().expect("no panic");
    assert_eq!(stored.len(), 3);
    assert_eq!(stored[1].wire(), before.wire(), "as its author signed it");
    assert_eq!((stored[0].kind(), stored[2].kind()), ("note", "help"));
    assert_eq!(rfc3339(stored[0].expires()), "2100-01-01T00:00:00.000Z");
    let stdout = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(stdout.starts_with(&format!("{unchanged}\n")), "{stdout}");
}

#[test]
fn a_bad_line_is_named_and_the_rest_goes_on() {
    let good = draft("note", &json!(1));
    let endless = format!("{{\"type\":\"{}\"}}", "x".repeat(1 << 20));
    let other = good.replace("\"data\"", "\"date\"");
    for (bad, message) in [
        ("{\"type\":\"note\"", "column 15: the JSON text ends too early"),
        ("[1]", "expected a JSON object"),
        ("{}", "member \"type\" is missing"),
        ("{\"type\":\"note\"}", "member \"subject\" is missing"),
        ("{\"type\":\"note\",\"subject\":\"ucxl://x\"}", "subject: "),
        (&good.replace("any:ops", "any:o\\u0000ps"), "subject: "),
        (&good.replace("any:ops", &format!("any:{}", "o".repeat(10_240))), "subject: "),
        (&good.replace("2100", "1999"), "member \"expires\" is malformed"),
        (&good.replace("2100-01-01T", "2100-13-01T"), "member \"expires\" is malformed"),
        (&good.replace("\"type\":\"note\"", "\"type\":\"no\\u0000te\""), "member \"type\" is malformed"),
        (&other, "a draft has no member \"date\""),
        ("{\"type\":\"note\",\"type\":\"note\"}", "duplicate key \"type\""),
        ("{\"type\":\"\\ud800\"}", "lone surrogate"),
        (&endless, "line is longer than 1048576 bytes"),
    ] {
        let host = host();
        let log = honest(host.path());
        let input = format!("{good}\n{bad}\n{good}\n");
        let assert = cooee_pub(host.path(), &[], input.clone()).assert().code(3);
        assert.stderr(contains("cooee-pub: line 2: ").and(contains(message)));
        assert_eq!(log.lock().expect("no panic").len(), 2, "{bad:.60}");
        log.lock().expect("no panic").clear();
        cooee_pub(host.path(), &["--strict"], input).assert().code(3).stderr(contains("cooee-pub: line 2: "));
        assert_eq!(log.lock().expect("no panic").len(), 1, "{bad:.60}");
    }
}

#[test]
fn a_wrong_signature_and_an_expired_event_are_refused_for_security() {
    let host = host();
    let log = honest(host.path());
    let good = signed(&stranger(), "2026-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let changed = text(&good).replace("before", "behind");
    cooee_pub(host.path(), &[], changed).assert().code(5).stdout("").stderr(contains("line 1: the signature"));
    let expired = signed(&stranger(), "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z");
    cooee_pub(host.path(), &[], text(&expired)).assert().code(5).stdout("").stderr(contains("line 1: expired"));
    assert!(log.lock().expect("no panic").is_empty());
}

#[test]
fn payloads_are_measured_before_the_network() {
    let host = host();
    let log = honest(host.path());
    let line = |bytes: usize| format!("{}\n", "x".repeat(bytes));
    cooee_pub(host.path(), &[ADDRESS], line(65_536)).assert().success().stderr("");
    cooee_pub(host.path(), &[ADDRESS], "\n").assert().success().stderr("");
    let too_large = "cooee-pub: line 1: data of 65537 bytes is larger than 65536\n";
    cooee_pub(host.path(), &[ADDRESS], line(65_537)).assert().code(3).stdout("").stderr(too_large);
    let encoded = data_encoding::BASE64.encode(&vec![0; 65_537]);
    let bytes = draft("note", &json!(null)).replace("\"data\":null", &format!("\"data_base64\":\"{encoded}\""));
    cooee_pub(host.path(), &[], bytes).assert().code(3).stdout("").stderr(too_large);
    // 65,536 bytes, each written as six: fits as data, not as an event.
    let control = "\u{1}".repeat(65_536);
    cooee_pub(host.path(), &[ADDRESS], control).assert().code(3).stdout("").stderr(contains("larger than 98304"));
    assert_eq!(log.lock().expect("no panic").len(), 2);
}

#[test]
fn a_line_of_a_gibibyte_is_refused_in_little_memory() {
    let host = host();
    let log = honest(host.path());
    let mut command = std::process::Command::new("sh");
    let line = "ulimit -v 262144; { head -c 1073741824 /dev/zero; echo; echo small; } | \"$0\" --dir \"$1\" \"$2\"";
    command.args(["-c", line, env!("CARGO_BIN_EXE_cooee-pub")]).arg(host.path()).arg(ADDRESS);
    let ran = shell::run(&mut command, Duration::from_mins(2), false);
    assert_eq!((ran.code(), ran.err().as_str()), (3, "cooee-pub: line 1: line is longer than 1048576 bytes\n"));
    assert_eq!(log.lock().expect("no panic")[0].data(), &json!("small"));
}

#[test]
fn what_cannot_run_says_so_and_sends_nothing() {
    let host = host();
    let log = honest(host.path());
    let endless = format!("ucxl://{}:b@c:d", "x".repeat(10_240));
    for (arguments, message) in [
        (&[""][..], "address: an address starts with ucxl://"),
        (&[&endless], "address: address is longer than"),
        (&["ucxl://a:b@c:d/../e"], "address: "),
        (&["--type", "a b", ADDRESS], "--type takes"),
        (&["--type", "", ADDRESS], "--type takes"),
        (&["--agent", "short", ADDRESS], "--agent: "),
        (&["--expires", "0s", ADDRESS], "--expires"),
        (&["--timeout", "never", ADDRESS], "--timeout"),
        (&["--type", "note"], "ADDRESS"),
        (&["--flush", ADDRESS], "--flush"),
        (&["--wait", "answered"], "no fleet file"),
    ] {
        let assert = cooee_pub(host.path(), arguments, "x\n").assert().code(2).stdout("");
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains(message) && stderr.lines().count() <= 2, "{arguments:?}: {stderr}");
    }
    for empty in ["", "\n \n"] {
        cooee_pub(host.path(), &[], empty).assert().code(2).stdout("").stderr(contains("cooee-pub: no input\n"));
    }
    assert!(log.lock().expect("no panic").is_empty());
    fs::remove_file(host.path().join("host.key")).expect("removed");
    let assert = cooee_pub(host.path(), &[ADDRESS], "x").assert().code(2).stdout("");
    assert.stderr(contains("host.key").and(contains("hint: make one with cooee-key new")));
    assert_eq!(spool(host.path()), []);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let host = host();
    let key = host.path().join("host.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("mode");
    cooee_pub(host.path(), &[ADDRESS], "x").assert().code(5).stdout("").stderr(contains("others can read it"));
}

#[test]
fn the_sequence_rises_when_the_clock_goes_back() {
    let host = host();
    let log = honest(host.path());
    let ahead = (Timestamp::now() + jiff::SignedDuration::from_hours(1)).as_microsecond();
    fs::write(host.path().join("host.key.sequence"), format!("{ahead:020}")).expect("written");
    cooee_pub(host.path(), &[ADDRESS], "one\ntwo\n").assert().success();
    let sequences: Vec<_> = log.lock().expect("no panic").iter().map(Event::sequence).collect();
    assert_eq!(sequences, [ahead.unsigned_abs(), ahead.unsigned_abs() + 1]);
}
