//! Scores: the engine's cases, order, time.

use super::{records, signal, trust_score};
use serde_json::{Value, json};

fn golden() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/reward/golden.json");
    serde_json::from_slice(&std::fs::read(path).expect("the golden cases")).expect("JSON")
}

/// A case's signals as lines about that agent.
fn lines(case: &Value, agent: &str) -> String {
    if let Some(listed) = case["signals"].as_array() {
        let line =
            |(at, one): (usize, &Value)| signal(agent, one["dimension"].as_str().expect("a name"), &one["value"], at);
        return listed.iter().enumerate().map(line).collect();
    }
    let count = usize::try_from(case["signals"]["n"].as_u64().expect("a count")).expect("small");
    (0..count).map(|at| signal(agent, "policy_compliance", u8::from(at >= count - 100), at)).collect()
}

fn check(case: &Value, record: &Value) {
    let name = &case["name"];
    for (ours, theirs) in [
        ("total_score", "total"),
        ("tier", "tier"),
        ("revoked", "revoked"),
        ("revocation_reason", "reason"),
        ("trend", "trend"),
    ] {
        assert_eq!(record[ours], case[theirs], "{name}: {ours}");
    }
    let (mut sum, mut signals) = (0.0, 0);
    for (dimension, of) in record["dimensions"].as_object().expect("an object") {
        let number = |value: &Value| value.as_f64().expect("a number");
        assert!((number(&of["score"]) - number(&case["dims"][dimension])).abs() < 1e-9, "{name}: {dimension}");
        assert_eq!(of["signal_count"], case["counts"][dimension], "{name}: {dimension}");
        assert_eq!(number(&of["contribution"]).to_bits(), (number(&of["score"]) * number(&of["weight"])).to_bits());
        sum += number(&of["contribution"]);
        signals += of["signal_count"].as_u64().expect("a count");
    }
    let total = record["total_score"].as_f64().expect("a number");
    assert!(((sum * 10.0).trunc().min(1000.0) - total).abs() < 0.5, "{name}: what contributes makes the total");
    assert_eq!(json!(signals), record["sample_size"], "{name}");
}

#[test]
fn the_engines_own_numbers() {
    let golden = golden();
    let mut together = Vec::new();
    for case in golden["cases"].as_array().expect("cases") {
        if case["config"] != json!({}) || case["signals"] == json!([]) {
            continue;
        }
        let agent = format!("did:example:{}", case["name"].as_str().expect("a name"));
        let input = lines(case, &agent);
        let records = records(&[], &input);
        assert_eq!(records.len(), 1, "{agent}");
        assert_eq!(records[0]["agent_did"], agent);
        check(case, &records[0]);
        together.push((agent, case, input));
    }
    assert!(together.len() >= 10, "{} cases", together.len());
    // All in one input, their lines mixed: each agent as if it were alone.
    let mut streams: Vec<_> = together.iter().map(|(_, _, input)| input.lines()).collect();
    let mut mixed = String::new();
    while !streams.is_empty() {
        streams.retain_mut(|lines| lines.next().map(|line| mixed.extend([line, "\n"])).is_some());
    }
    together.sort_by(|a, b| a.0.cmp(&b.0));
    let records = records(&[], &mixed);
    assert_eq!(records.len(), together.len());
    for ((agent, case, _), record) in together.iter().zip(&records) {
        assert_eq!(record["agent_did"], *agent);
        check(case, record);
    }
}

#[test]
fn a_record_has_its_members_in_order_and_its_time_from_the_signals() {
    let input = signal("b", "output_quality", 0.75, 3600)
        + &signal("a", "output_quality", 1, 61)
        + &signal("b", "output_quality", 0.5, 59);
    let output = trust_score(&[]).write_stdin(input.clone()).assert().code(0).stderr("").get_output().stdout.clone();
    let neutral = |name: &str, weight: &str, contribution: &str| {
        format!(r#""{name}":{{"score":50,"signal_count":0,"weight":{weight},"contribution":{contribution}}}"#)
    };
    let want = |agent: &str, total, tier: &str, score: &str, count, contribution: &str| {
        format!(
            r#"{{"type":"score","v":1,"agent_did":"{agent}","total_score":{total},"tier":"{tier}","dimensions":{{{},{},"output_quality":{{"score":{score},"signal_count":{count},"weight":0.2,"contribution":{contribution}}},{},{}}},"trend":"stable","revoked":false,"revocation_reason":null,"sample_size":{count},"as_of":"2026-11-21T01:00:00.000Z""#,
            neutral("policy_compliance", "0.25", "12.5"),
            neutral("resource_efficiency", "0.15", "7.5"),
            neutral("security_posture", "0.25", "12.5"),
            neutral("collaboration_health", "0.15", "7.5"),
        )
    };
    let a = want("a", 600, "standard", "100", 1, "20") + "}\n";
    let b = want("b", 524, "standard", "62.43781094527363", 2, "12.487562189054728") + ",\"late_signals\":1}\n";
    assert_eq!(String::from_utf8(output).expect("text"), a + &b);
    assert_eq!(records(&[], &input), records(&[], &input));
}

#[test]
fn the_same_signal_counts_once() {
    let with_id =
        |id: &str| signal("a", "policy_compliance", 1, 0).replace("\"source\"", &format!("\"id\":\"{id}\",\"source\""));
    let input = with_id("x")
        + &with_id("y")
        + &with_id("x")
        + &with_id("\\u0078")
        + &signal("a", "policy_compliance", 1, 0).repeat(2);
    assert_eq!(records(&[], &input)[0]["sample_size"], 4);
}

#[test]
fn without_a_time_it_is_now() {
    let record = &records(&[], r#"{"agent_did":"a","dimension":"output_quality","value":1,"source":"s"}"#)[0];
    let as_of: jiff::Timestamp = record["as_of"].as_str().expect("a time").parse().expect("a time");
    assert!((jiff::Timestamp::now().as_second() - as_of.as_second()).abs() < 600, "{as_of}");
}
