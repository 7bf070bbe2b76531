//! Lines that are no signals: named, counted, skipped; nothing good is lost.

use super::{signal, trust_score};
use cooee::event::{Draft, Stamp};
use cooee::key::Key;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};

/// The good lines between which the bad ones stand: they make 625.
fn good() -> (String, String) {
    (signal("a", "policy_compliance", 1, 1), signal("a", "policy_compliance", 1, 2))
}

fn with_value(value: &str) -> Vec<u8> {
    signal("a", "policy_compliance", value, 0).trim_end().into()
}

/// Runs it over that line between two good ones.
fn refuses(line: &[u8], message: &str) {
    let (before, after) = good();
    let input = [before.as_bytes(), line, b"\n", after.as_bytes()].concat();
    let ran = trust_score(&[]).write_stdin(input).assert().code(3).get_output().clone();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(out.contains("\"total_score\":625,") && out.contains("\"sample_size\":2,"), "{message}: {out}");
    assert_eq!(out.lines().count(), 1, "{message}");
    assert!(err.starts_with("trust-score: line 2: ") && err.contains(message), "{message}: {err}");
    assert!(err.ends_with("trust-score: 1 of 3 lines rejected\n"), "{message}: {err}");
    assert!(!err.contains('\u{1b}'), "{message}: {err}");
}

#[test]
fn bad_lines_are_named_and_skipped() {
    let deep = [b"{\"x\":".as_slice(), &b"[".repeat(200), &b"]".repeat(200), b"}"].concat();
    let mut control = with_value("1");
    control[15] = 0;
    let twice = signal("a", "policy_compliance", 1, 0).replace("\"source\"", "\"value\":1,\"source\"");
    for (line, message) in [
        (b"\xff\xfe{}".to_vec(), "not UTF-8"),
        (with_value("1").iter().flat_map(|byte| [*byte, 0]).collect(), "not valid JSON"),
        (with_value("NaN"), "not valid JSON"),
        (with_value("Infinity"), "not valid JSON"),
        (with_value("-Infinity"), "not valid JSON"),
        (with_value("1e400"), "out of a double's range"),
        (with_value("-0"), "\"value\" is -0, which is not between 0 and 1"),
        (with_value("1.0000001"), "\"value\" is 1.0000001, which is not between 0 and 1"),
        (with_value("-0.1"), "\"value\" is -0.1, which is not between 0 and 1"),
        (with_value("\"0.5\""), "\"value\" is not a number"),
        (with_value("true"), "\"value\" is not a number"),
        (twice.trim_end().into(), "duplicate key \"value\""),
        (deep, "nested deeper than 100"),
        (vec![b' '; 10 << 20].into_iter().chain(*b"{}").collect(), "line is longer than 1048576 bytes"),
        (control, "unescaped control character"),
        (b"[]".into(), "expected a JSON object"),
        (b"null".into(), "expected a JSON object"),
        (b"{}".into(), "\"agent_did\" is missing"),
        (
            b"{\"agent_did\":\"a\\u0000\",\"dimension\":\"output_quality\",\"value\":1,\"source\":\"s\"}".into(),
            "control character",
        ),
        (
            b"{\"agent_did\":\"a\",\"dimension\":\"\\u001b[2J\",\"value\":1,\"source\":\"s\"}".into(),
            "\"\\u{1b}[2J\" is unknown",
        ),
        (b"{\"type\":\"host\",\"v\":1,\"agent_did\":\"a\"}".into(), "\"type\" \"host\" is neither a signal"),
        (with_value("1")[..40].into(), "the JSON text ends too early"),
    ] {
        refuses(&line, message);
    }
}

/// A line may be a mebibyte; what is said of it is one that people read.
#[test]
fn a_bad_line_does_not_flood_stderr() {
    let long = "k".repeat(500_000);
    let signal = |more: &str| format!(r#"{{"agent_did":"a","dimension":"output_quality","source":"s"{more}}}"#);
    for (more, message) in [
        (format!(r#","value":-0.{}"#, "0".repeat(500_000)), "\"value\" is -0.000"),
        (format!(r#","value":1,"{long}":1,"{long}":2"#), "duplicate key \"kkk"),
        (format!(r#","value":1,"timestamp":"{long}""#), "\"timestamp\" \"kkk"),
        (format!(r#","value":1,"type":"{long}""#), "\"type\" \"kkk"),
    ] {
        let ran = trust_score(&[]).write_stdin(signal(&more)).assert().code(3).get_output().clone();
        let err = String::from_utf8_lossy(&ran.stderr);
        assert!(err.contains(message) && err.len() < 500, "{message}: {} bytes", err.len());
    }
    let part = format!(r#"{{"type":"partial","v":1,"stale":"{long}"}}"#);
    let ran = trust_score(&["--merge"]).write_stdin(part).assert().code(3).get_output().clone();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(err.starts_with("trust-score: line 1: ") && err.len() < 500, "{} bytes", err.len());
}

#[test]
fn ends_of_lines_and_of_the_input() {
    let (before, after) = good();
    let expected = trust_score(&[]).write_stdin(before.clone() + &after).assert().code(0).get_output().stdout.clone();
    let crlf = format!("\u{feff}{}\n\r\n  \n{}", before.replace('\n', "\r\n"), after.trim_end());
    trust_score(&[]).write_stdin(crlf).assert().code(0).stdout(expected.clone()).stderr("");
    trust_score(&[])
        .write_stdin("")
        .assert()
        .code(2)
        .stdout("")
        .stderr("trust-score: expected input on stdin, got none\n");
    trust_score(&[]).write_stdin("\n\n").assert().code(2).stdout("");
    trust_score(&[]).write_stdin("{}\nx\n").assert().code(3).stdout("").stderr(contains("2 of 2 lines rejected"));
    let ran = trust_score(&["--strict"]).write_stdin(format!("{before}x\n{after}")).assert().code(3).stdout("");
    ran.stderr("trust-score: line 2: column 1: not valid JSON\n");
}

fn event(kind: &str, data: Value, number: u8) -> String {
    let draft = Draft {
        kind: kind.into(),
        subject: "ucxl://any:any@any:trust/#/signal/x".into(),
        expires: "2026-11-22T12:00:00Z".parse().expect("a time"),
        data,
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let id = format!("01960000-0000-7000-8000-0000000000{number:02}").parse().expect("an id");
    let time = "2026-11-21T12:00:00Z".parse().expect("a time");
    let event = draft.sign(&Key::from_seed(&[7; 32]), &Stamp { id, time, sequence: 1 }).expect("an event");
    String::from_utf8(event.into_wire()).expect("text") + "\n"
}

#[test]
fn mesh_events_are_checked_and_unwrapped() {
    let seen = |number, compliant: bool| {
        event("signal", json!({"type": "policy", "agent_did": "a", "compliant": compliant}), number)
    };
    let input = seen(1, true) + &event("note", json!("x"), 2) + &seen(3, true) + &seen(1, true);
    let ran = trust_score(&[]).write_stdin(input.clone()).assert().code(0).stderr("").get_output().clone();
    let out = String::from_utf8(ran.stdout).expect("text");
    assert!(
        out.contains("\"total_score\":625,")
            && out.contains("\"sample_size\":2,\"as_of\":\"2026-11-21T12:00:00.000Z\""),
        "{out}"
    );
    trust_score(&["-v"])
        .write_stdin(input)
        .assert()
        .code(0)
        .stderr(contains("signals: 2, repeated: 1, other events: 1"));
    // Forged: the agent would be revoked.
    let forged = seen(4, true).replace("true", "false");
    trust_score(&[])
        .write_stdin(seen(1, true) + &forged.repeat(3) + "{}\n" + &seen(3, true))
        .assert()
        .code(5)
        .stdout(out)
        .stderr(
            contains("line 2: event: the signature does not match its author").and(contains("4 of 6 lines rejected")),
        );
    // Also where it is the end.
    for arguments in [&["--strict"][..], &["--strict", "--follow"]] {
        let ran = trust_score(arguments).write_stdin(forged.clone()).assert().code(5).stdout("");
        ran.stderr("trust-score: line 1: event: the signature does not match its author\n");
    }
    trust_score(&[]).write_stdin(event("note", json!("x"), 2)).assert().code(0).stdout("").stderr("");
}

/// Else the agent's score would never fade again, and all others' signals would
/// seem to be of long ago.
#[test]
fn nobody_signs_what_is_still_to_be_seen() {
    let dated = |number, timestamp: &str| {
        let data = json!({"type": "policy", "agent_did": "a", "compliant": true, "timestamp": timestamp});
        event("signal", data, number)
    };
    let input =
        dated(1, "2026-11-21T13:00:00Z") + &dated(2, "2026-11-21T13:00:00.001Z") + &dated(3, "2020-01-01T00:00:00Z");
    for arguments in [&["--as-of", "9999-01-01T00:00:00Z"][..], &["--decay", "1d"], &["--partial"]] {
        let ran = trust_score(arguments).write_stdin(input.clone()).assert().code(3);
        ran.stdout(contains("\"agent_did\":\"a\"").and(contains("2026-11-21T13:00:00.001Z").not()))
            .stderr(contains("line 2: \"timestamp\" is over an hour ahead of its event\n"));
    }
}

/// More than a block, so that blocks are parsed side by side: still in order.
#[test]
fn long_inputs_keep_their_order_and_their_line_numbers() {
    let count = 12_000;
    let mut input = String::new();
    let (mut plain, mut bad) = (String::new(), Vec::new());
    for n in 0..count {
        let line = signal(&format!("agent-{}", n % 7), "security_posture", f64::from(n * 37 % 101) / 100.0, 1);
        match n % 997 {
            500 => {
                bad.push(input.lines().count() + 1);
                input.push_str("{\"agent_did\":}\n");
            }
            700 => input.push('\n'),
            // The general path reads it, between others of the same agent.
            900 => input.push_str(&line.replace("agent_did", "agent\\u005fdid")),
            _ => input.push_str(&line),
        }
        if !matches!(n % 997, 500 | 700) {
            plain.push_str(&line);
        }
    }
    assert!(input.len() > 4 * 256 * 1024 && bad.len() == 12);
    let ran = trust_score(&[]).write_stdin(input).assert().code(3).get_output().clone();
    let numbers: Vec<usize> = String::from_utf8_lossy(&ran.stderr)
        .lines()
        .filter_map(|line| line.strip_prefix("trust-score: line ")?.split(':').next()?.parse().ok())
        .collect();
    assert_eq!(numbers, bad);
    let clean = trust_score(&[]).write_stdin(plain).assert().code(0).stderr("").get_output().stdout.clone();
    assert_eq!(ran.stdout, clean);
    assert_eq!(String::from_utf8_lossy(&clean).lines().count(), 7);
}

#[test]
fn a_cut_last_line_is_said() {
    let (before, after) = good();
    let cut = format!("{before}{}", &after[..60]);
    trust_score(&[])
        .write_stdin(cut)
        .assert()
        .code(3)
        .stdout(contains("\"sample_size\":1,"))
        .stderr(contains("line 2: column 61: the JSON text ends too early; the input ends inside this line"));
}

/// An exporter that leaves its ids empty would have one signal in all.
#[test]
fn an_empty_id_is_none_and_a_null_type_is_a_signal() {
    let with = |member: &str| signal("a", "policy_compliance", 0, 0).trim_end().replace('{', &format!("{{{member},"));
    refuses(with(r#""id":"""#).as_bytes(), r#""id" is empty"#);
    refuses(with(r#""id":"","x":1"#).as_bytes(), r#""id" is empty"#);
    let input = with(r#""id":null,"type":null"#) + "\n";
    trust_score(&[]).write_stdin(input.repeat(2)).assert().code(0).stdout(contains("\"sample_size\":2,")).stderr("");
}
