use super::*;
use crate::trust::Config;
use proptest::prelude::*;

fn read_back(line: &[u8]) -> Result<Partial, PartialError> {
    read(line, &mut Scanner::default())
}

fn whole(line: &[u8]) -> Whole {
    match read_back(line).expect("a partial") {
        Partial::Agent(whole) => *whole,
        Partial::Heard { .. } => panic!("no agent"),
    }
}

fn some(at: i64) -> Shown {
    Shown {
        dimension: Dimension::OutputQuality,
        value: 0.1 + 0.2,
        at,
        source: "consumer:\"x\"\n".into(),
        details: (at > 0).then(|| "too late".into()),
        trace_id: (at > 0).then(|| "t".into()),
        weight: (at > 0).then_some(1e-300),
        author: (at > 0).then(|| "did:key:zA".into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What is written is read back to the last bit.
    #[test]
    fn nothing_is_lost(signals in prop::collection::vec((0..5usize, 0.0..=1.0f64, -5..5_000_000i64), 0..1300), ticks in 0..3i64) {
        let (mut agent, config) = (Agent::default(), Config::default());
        for (dimension, value, at) in signals {
            agent.signal(Dimension::ALL[dimension], value, at, &config);
        }
        for tick in 0..ticks {
            agent.recalculate(tick, &config);
        }
        let recent = [some(0), some(1000)];
        let mut line = Vec::new();
        write_agent(&mut line, "did:key:zA#\u{1f600}", &agent, recent.iter());
        let back = whole(&line);
        prop_assert_eq!(back.agent.parts(), agent.parts());
        prop_assert_eq!((back.did.as_str(), back.recent.as_slice()), ("did:key:zA#\u{1f600}", recent.as_slice()));
        let mut again = Vec::new();
        write_agent(&mut again, &back.did, &back.agent, back.recent.iter());
        prop_assert_eq!(again, line);
    }
}

#[test]
fn the_line_is_readable() {
    let (mut agent, config) = (Agent::default(), Config::default());
    agent.signal(Dimension::SecurityPosture, 0.0, 1_000, &config);
    agent.signal(Dimension::PolicyCompliance, 0.1, 2_500, &config);
    agent.signal(Dimension::CollaborationHealth, 1.0, 2_000, &config);
    let mut line = Vec::new();
    write_agent(&mut line, "a", &agent, [].iter());
    let expected = concat!(
        r#"{"type":"partial","v":1,"agent_did":"a","order":"spc","#,
        r#""values":{"policy_compliance":[0.1],"resource_efficiency":[],"output_quality":[],"security_posture":[0.0],"collaboration_health":[1.0]},"#,
        r#""history":[["1970-01-01T00:00:01.000Z",375],["1970-01-01T00:00:02.500Z",275]],"#,
        r#""revocation":{"total_score":275,"at":"1970-01-01T00:00:02.500Z"},"last_signal":"1970-01-01T00:00:02.500Z","#,
        r#""signals":3,"late_signals":1,"total_score":275,"stale":true,"recent_signals":[]}"#
    );
    assert_eq!(String::from_utf8_lossy(&line), expected);

    let mut line = Vec::new();
    write_heard(&mut line, "did:key:zA", "did:key:zB#X", Said { sum: 0.1 + 0.2, count: 3 });
    assert_eq!(
        String::from_utf8_lossy(&line),
        r#"{"type":"heard","v":1,"agent_did":"did:key:zB#X","speaker":"did:key:zA","sum":0.30000000000000004,"count":3}"#
    );
    match read_back(&line).expect("heard") {
        Partial::Heard { speaker, agent, said } => {
            assert_eq!((&*speaker, &*agent, said), ("did:key:zA", "did:key:zB#X", Said { sum: 0.1 + 0.2, count: 3 }));
        }
        Partial::Agent(_) => panic!("heard"),
    }
}

/// Each has one fault.
#[test]
fn what_partial_does_not_print_is_refused() {
    let (mut agent, config) = (Agent::default(), Config::default());
    agent.signal(Dimension::OutputQuality, 0.9, 1_000, &config);
    agent.recalculate(1_000, &config);
    let mut line = Vec::new();
    write_agent(&mut line, "a", &agent, [some(0)].iter());
    let good = String::from_utf8(line).expect("UTF-8");
    whole(good.as_bytes());
    for (from, to, message) in [
        ("\"partial\"", "\"score\"", "\"type\" is neither \"partial\" nor \"heard\""),
        ("\"v\":1", "\"v\":2", "\"v\" is not 1"),
        ("\"order\":\"o\"", "\"order\":\"x\"", "\"order\" is not what --partial prints"),
        ("\"order\":\"o\"", "\"order\":\"p\"", "\"order\", \"values\" and \"history\" are not of one agent"),
        ("\"order\":\"o\"", "\"order\":\"oo\"", "\"signals\" is not what --partial prints"),
        ("\"output_quality\":[0.9]", "\"output_quality\":[1.5]", "are not of one agent"),
        ("\"output_quality\":[0.9]", "\"output_quality\":\"0.9\"", "invalid type: string"),
        (",\"total_score\":580,\"stale\"", ",\"total_score\":1001,\"stale\"", "are not of one agent"),
        ("Z\",580]", "\",580]", "\"history\" is not what"),
        (
            "\"revocation\":null",
            "\"revocation\":{\"total_score\":1001,\"at\":\"1970-01-01T00:00:00Z\"}",
            "\"revocation\" is not",
        ),
        (",\"revocation\":null", "", "missing field `revocation`"),
        ("\"recent_signals\":[", "\"recent_signals\":[1,", "expected an object"),
        ("\"signals\":1", "\"signals\":0", "\"signals\" is not what"),
        ("\"stale\":false", "\"stalest\":false", "missing field `stale`"),
        ("\"agent_did\":\"a\"", "\"agent_did\":\"\"", "\"agent_did\" is not what"),
        ("\"agent_did\":\"a\"", "\"agent_did\":\"\\u0000\"", "\"agent_did\" is not what"),
        ("\"dimension\":\"output_quality\"", "\"dimension\":\"honesty\"", "\"recent_signals\" is not what"),
        ("\"stale\":false", "\"stale\":false,\"stale\":false", "duplicate key"),
    ] {
        assert!(good.contains(from), "{from}");
        let error = read_back(good.replacen(from, to, 1).as_bytes()).expect_err(to).to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
    for bad in [
        r#"{"type":"heard","v":1,"agent_did":"b","speaker":"","sum":1,"count":1}"#,
        r#"{"type":"heard","v":1,"agent_did":"b","speaker":"a#1","sum":1,"count":1}"#,
        r#"{"type":"heard","v":1,"agent_did":"b#1","speaker":"b","sum":1,"count":1}"#,
        r#"{"type":"heard","v":1,"agent_did":"b","speaker":"a","sum":1.1,"count":1}"#,
        r#"{"type":"heard","v":1,"agent_did":"b","speaker":"a","sum":1,"count":101}"#,
        "[]",
    ] {
        read_back(bad.as_bytes()).expect_err(bad);
    }
}
