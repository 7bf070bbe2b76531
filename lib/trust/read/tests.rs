//! What a line becomes, and why it becomes nothing.

use super::*;
use crate::event::{Draft, Stamp};
use crate::key::Key;
use crate::trust::Dimension;
use jiff::Timestamp;
use serde_json::{Value, json};

fn signal(line: &str) -> Signal<'static> {
    let mut reader = Reader::default();
    let owned = |text: &str| text.to_owned().into();
    match reader.line(line.as_bytes()) {
        Ok(Line::Signal(signal)) => Signal {
            agent_did: owned(&signal.agent_did),
            source: owned(&signal.source),
            details: signal.details.as_deref().map(owned),
            trace_id: signal.trace_id.as_deref().map(owned),
            author: signal.author.as_deref().map(owned),
            id: signal.id.as_deref().map(owned),
            ..*signal
        },
        other => panic!("{line}: {other:?}"),
    }
}

fn fault(line: impl AsRef<[u8]>) -> String {
    Reader::default().line(line.as_ref()).map(|_| ()).expect_err("a fault").to_string()
}

/// Dimension, value, source and details of what a record becomes.
fn made(record: &Value) -> (Dimension, f64, String, Option<String>) {
    let signal = signal(&record.to_string());
    assert_eq!(signal.agent_did, "a");
    (signal.dimension, signal.value, signal.source.into(), signal.details.map(Into::into))
}

#[test]
fn all_members_of_a_signal() {
    let line = r#" {"weight":2.5,"value":2.5e-1,"timestamp":"2026-11-21T13:00:00+01:00","x":[{}],"type":"signal",
        "trace_id":"t\u0031","source":"me","id":"i","dimension":"output_quality","details":"d","author":"b","agent_did":"a#b"} "#;
    let want = Signal {
        agent_did: "a#b".into(),
        dimension: Dimension::OutputQuality,
        value: 0.25,
        at: Some(1_795_262_400_000),
        source: "me".into(),
        details: Some("d".into()),
        trace_id: Some("t1".into()),
        weight: Some(2.5),
        author: Some("b".into()),
        id: Some("i".into()),
    };
    assert_eq!(signal(&line.replace('\n', " ")), want);
    let least = signal(
        r#"{"agent_did":"a","dimension":"policy_compliance","value":1,"source":"","details":null,"timestamp":null,"trace_id":null,"weight":null,"author":null,"id":null}"#,
    );
    let none = (least.at, least.details, least.trace_id, least.weight, least.author, least.id);
    assert_eq!(none, (None, None, None, None, None, None));
}

#[test]
fn the_five_conversions() {
    use Dimension::{CollaborationHealth, OutputQuality, PolicyCompliance, ResourceEfficiency, SecurityPosture};
    let text = |text: &str| Some(text.to_owned());
    let policy = |compliant: bool, name: Value| {
        made(&json!({"type": "policy", "agent_did": "a", "compliant": compliant, "policy": name}))
    };
    assert_eq!(policy(true, json!("p")), (PolicyCompliance, 1.0, "policy_engine".into(), text("Policy: p")));
    assert_eq!(policy(false, json!(null)), (PolicyCompliance, 0.0, "policy_engine".into(), None));
    let usage = |used: f64, budget: f64, ms: f64, budget_ms: f64| {
        let record = json!({"type": "resource_usage", "agent_did": "a", "tokens_used": used, "tokens_budget": budget, "compute_ms": ms, "compute_budget_ms": budget_ms});
        made(&record).1.to_bits()
    };
    assert_eq!(usage(0.0, 0.0, 0.0, 0.0), 0.0f64.to_bits());
    assert_eq!(usage(0.0, 1.0, 0.0, 1.0), 1.0f64.to_bits());
    assert_eq!(usage(2000.0, 1000.0, 10.0, 500.0), 0.75f64.to_bits());
    assert_eq!(usage(3.0, 1.0, 7.0, 5.0), (f64::midpoint(1.0 / 3.0, 5.0 / 7.0)).to_bits());
    let usage = json!({"type": "resource_usage", "agent_did": "a", "tokens_used": 2000, "tokens_budget": 1000, "compute_ms": 12.5, "compute_budget_ms": 500});
    assert_eq!(
        made(&usage),
        (ResourceEfficiency, 0.75, "resource_monitor".into(), text("tokens=2000/1000, compute=12.5/500ms"))
    );
    let output = |accepted: bool, reason: Value| {
        made(
            &json!({"type": "output", "agent_did": "a", "accepted": accepted, "consumer": "c", "rejection_reason": reason}),
        )
    };
    assert_eq!(output(false, json!("late")), (OutputQuality, 0.0, "consumer:c".into(), text("late")));
    assert_eq!(output(true, json!(null)), (OutputQuality, 1.0, "consumer:c".into(), None));
    let security = json!({"type": "security", "agent_did": "a", "within_boundary": false, "event_type": "egress"});
    assert_eq!(made(&security), (SecurityPosture, 0.0, "security_monitor".into(), text("egress")));
    let handoff = json!({"type": "collaboration", "agent_did": "a", "handoff_successful": true, "peer_did": "p"});
    assert_eq!(made(&handoff), (CollaborationHealth, 1.0, "collaboration:p".into(), None));
}

fn event(kind: &str, data: Value) -> Event {
    let time: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
    let draft = Draft {
        kind: kind.into(),
        subject: "ucxl://any:any@any:trust/#/signal/x".into(),
        expires: "2026-11-22T12:00:00Z".parse().expect("a time"),
        data,
        data_base64: None,
        in_reply_to: None,
        agent: Some("BPNTVYSZ5Y".into()),
    };
    let id = "01960000-0000-7000-8000-000000000001".parse().expect("an id");
    draft.sign(&Key::from_seed(&[7; 32]), &Stamp { id, time, sequence: 1 }).expect("an event")
}

#[test]
fn a_mesh_event_is_its_data_under_its_authors_name() {
    let event_line = |data: Value| String::from_utf8(event("signal", data).into_wire()).expect("text");
    let data = json!({"agent_did": "a", "type": "policy", "compliant": true, "author": "liar", "id": "forged"});
    let signal_of = signal(&event_line(data.clone()));
    assert_eq!(signal_of.author, Some(format!("{}#BPNTVYSZ5Y", Key::from_seed(&[7; 32]).did()).into()));
    assert_eq!((signal_of.id.as_deref(), signal_of.value), (Some("01960000-0000-7000-8000-000000000001"), 1.0));
    assert_eq!(signal_of.at, millis(b"2026-11-21T12:00:00Z"));
    let mut dated = data.clone();
    dated["timestamp"] = json!("2020-01-01T00:00:00Z");
    assert_eq!(signal(&event_line(dated)).at, millis(b"2020-01-01T00:00:00Z"));
    // Another spelling of the same event is the same event.
    let spelled = event_line(data.clone()).replace("\"compliant\"", " \"c\\u006fmpliant\" ");
    assert_eq!(signal(&spelled), signal_of);

    let forged = event_line(data.clone()).replace("true", "false");
    let error = Reader::default().line(forged.as_bytes()).map(|_| ()).expect_err("forged");
    assert!(error.is_security(), "{error}");
    assert_eq!(error.to_string(), "event: the signature does not match its author");
    let other = event("note", json!("hello"));
    assert_eq!(Reader::default().line(other.wire()), Ok(Line::Other));
    assert_eq!(fault(event_line(json!("hello"))), "\"data\" is not an object");
    assert_eq!(fault(event_line(json!({"agent_did": "a"}))), "\"dimension\" is missing");
    assert!(
        !Reader::default()
            .line(b"{\"specversion\":\"1.0\",\"type\":\"cooee.signal.v1\"}")
            .map(|_| ())
            .expect_err("no event")
            .is_security()
    );
}

#[test]
fn what_is_no_signal_is_named() {
    let good = json!({"agent_did": "a", "dimension": "policy_compliance", "value": 1, "source": "s"});
    let with = |name: &str, value: Value| {
        let mut record = good.clone();
        record[name] = value;
        fault(record.to_string())
    };
    let raw = |value: &str| fault(good.to_string().replace("\"value\":1", &format!("\"value\":{value}")));
    signal(&good.to_string());
    for (got, want) in [
        (with("value", json!(1.000_000_1)), "\"value\" is 1.0000001, which is not between 0 and 1"),
        (raw("-0.1"), "\"value\" is -0.1, which is not between 0 and 1"),
        (raw("-0"), "\"value\" is -0, which is not between 0 and 1"),
        (raw("-0.0"), "\"value\" is -0.0, which is not between 0 and 1"),
        (with("value", json!("0.5")), "\"value\" is not a number"),
        (with("value", json!(true)), "\"value\" is not a number"),
        (with("value", json!(null)), "\"value\" is not a number"),
        (with("weight", json!(-1)), "\"weight\" is -1, which is not 0 or more"),
        (with("weight", json!("1")), "\"weight\" is not a number"),
        (with("dimension", json!("honesty")), "\"dimension\" \"honesty\" is unknown"),
        (with("dimension", json!(3)), "\"dimension\" is not a string"),
        (with("agent_did", json!("")), "\"agent_did\" is empty"),
        (with("agent_did", json!("a\u{1b}[31m")), "\"agent_did\" has a control character"),
        (with("agent_did", json!("a\u{9b}")), "\"agent_did\" has a control character"),
        (with("agent_did", json!("a".repeat(257))), "\"agent_did\" is longer than 256 bytes"),
        (with("source", json!("a".repeat(257))), "\"source\" is longer than 256 bytes"),
        (with("source", json!(null)), "\"source\" is not a string"),
        (with("trace_id", json!("é".repeat(129))), "\"trace_id\" is longer than 256 bytes"),
        (with("details", json!("a".repeat(4097))), "\"details\" is longer than 4096 bytes"),
        (with("timestamp", json!(0)), "\"timestamp\" is not a string"),
        (
            with("timestamp", json!("2026-11-21")),
            "\"timestamp\" \"2026-11-21\" is not an RFC 3339 time with Z or an offset",
        ),
        (with("type", json!("host")), "\"type\" \"host\" is neither a signal nor what one is made of"),
        (with("type", json!(1)), "\"type\" is not a string"),
        (fault("{\"agent_did\":\"a\"}"), "\"dimension\" is missing"),
        (
            fault("{\"type\":\"resource_usage\",\"agent_did\":\"a\",\"tokens_used\":-1}"),
            "\"tokens_used\" is -1, which is not 0 or more",
        ),
        (fault("[]"), "column 1: expected a JSON object"),
        (fault("null"), "column 1: expected a JSON object"),
        (raw("NaN"), "column 58: not valid JSON"),
        (raw("1e400"), "column 58: number out of a double's range"),
    ] {
        assert_eq!(got, want);
    }
}
