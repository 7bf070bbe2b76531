//! Why an agent has its score, as JSON.

use super::read::rfc3339;
use super::record::dimensions;
use super::{Config, Shown, Subject};
use crate::jsonl;
use std::fmt::Arguments;
use std::io::Write as _;

/// An `explanation` record, one line without its end. `as_of` is in milliseconds
/// since 1970. `more` may add members behind those that every record has.
///
/// Ten times the sum of the contributions, cut, is the total, if the agent was
/// recalculated under this configuration.
pub fn explanation(
    out: &mut Vec<u8>,
    subject: &Subject<'_>,
    config: &Config,
    as_of: i64,
    more: impl FnOnce(&mut Vec<u8>),
) {
    let agent = subject.agent;
    out.extend_from_slice(br#"{"type":"explanation","v":1,"agent_did":"#);
    jsonl::string(out, subject.did);
    write(out, format_args!(r#","total_score":{},"tier":"{}""#, agent.total(), agent.tier().name()));
    dimensions(out, agent, config);
    out.extend_from_slice(br#","recent_signals":["#);
    for (place, shown) in subject.recent.iter().enumerate() {
        out.extend_from_slice(if place > 0 { b"," } else { b"" });
        signal(out, shown);
    }
    write(out, format_args!(r#"],"trend":"{}""#, agent.trend().name()));
    match agent.revocation() {
        None => out.extend_from_slice(br#","revoked":false,"revocation_reason":null,"revoked_at":null"#),
        Some(revocation) => write(
            out,
            format_args!(
                r#","revoked":true,"revocation_reason":"{}","revoked_at":"{}""#,
                revocation.reason(),
                rfc3339(revocation.at)
            ),
        ),
    }
    out.extend_from_slice(br#","history":["#);
    for (place, point) in agent.history().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        write(out, format_args!(r#"{comma}["{}",{}]"#, rfc3339(point.at), point.total));
    }
    write(out, format_args!(r#"],"sample_size":{},"as_of":"{}""#, agent.window().len(), rfc3339(as_of)));
    if agent.late() > 0 {
        write(out, format_args!(r#","late_signals":{}"#, agent.late()));
    }
    more(out);
    out.push(b'}');
}

/// A signal as it was taken; what it did not say is left out.
fn signal(out: &mut Vec<u8>, shown: &Shown) {
    write(out, format_args!(r#"{{"dimension":"{}","value":{},"source":"#, shown.dimension.name(), shown.value));
    jsonl::string(out, &shown.source);
    let text = |out: &mut Vec<u8>, name: &str, text: &Option<Box<str>>| {
        if let Some(text) = text {
            write(out, format_args!(r#","{name}":"#));
            jsonl::string(out, text);
        }
    };
    text(out, "details", &shown.details);
    write(out, format_args!(r#","timestamp":"{}""#, rfc3339(shown.at)));
    text(out, "author", &shown.author);
    text(out, "trace_id", &shown.trace_id);
    if let Some(weight) = shown.weight {
        write(out, format_args!(r#","weight":{weight}"#));
    }
    out.push(b'}');
}

fn write(out: &mut Vec<u8>, text: Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes all bytes");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Agent, Dimension};
    use serde_json::{Value, json};

    fn explained(agent: &Agent, recent: Vec<&Shown>, config: &Config) -> Value {
        let (mut out, subject) = (Vec::new(), Subject { did: "did:web:\"a\"", agent, recent, effective: None });
        explanation(&mut out, &subject, config, 9000, |_| ());
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn all_that_is_known_is_said() {
        let config = Config::default();
        let mut agent = Agent::default();
        agent.signal(Dimension::PolicyCompliance, 0.0, 2000, &config);
        agent.signal(Dimension::SecurityPosture, 0.0, 1000, &config);
        agent.recalculate(9000, &config);
        let shown = Shown {
            dimension: Dimension::SecurityPosture,
            value: 0.0,
            at: 1000,
            source: "s\u{1b}".into(),
            details: Some("egress".into()),
            trace_id: None,
            weight: Some(2.0),
            author: Some("did:key:z".into()),
        };
        let record = explained(&agent, vec![&shown], &config);
        assert_eq!(record["agent_did"], "did:web:\"a\"");
        assert_eq!((&record["total_score"], &record["tier"]), (&json!(250), &json!("untrusted")));
        assert_eq!(record["revocation_reason"], "Trust score 250 below threshold");
        assert_eq!(record["revoked_at"], "1970-01-01T00:00:01.000Z");
        let history = json!([
            ["1970-01-01T00:00:02.000Z", 375],
            ["1970-01-01T00:00:01.000Z", 250],
            ["1970-01-01T00:00:09.000Z", 250]
        ]);
        assert_eq!(record["history"], history);
        assert_eq!((&record["sample_size"], &record["late_signals"]), (&json!(2), &json!(1)));
        let signal = json!([{"dimension": "security_posture", "value": 0, "source": "s\u{1b}", "details": "egress",
            "timestamp": "1970-01-01T00:00:01.000Z", "author": "did:key:z", "weight": 2}]);
        assert_eq!(record["recent_signals"], signal);
    }

    /// Also under weights that the agent was not scored with.
    #[test]
    fn what_contributes_makes_the_total() {
        let other = Config { weights: [0.6, 0.1, 0.1, 0.1, 0.1], ..Config::default() };
        let mut agent = Agent::default();
        for (at, value) in [0.9, 0.31, 0.77, 0.123].into_iter().enumerate() {
            agent.signal(Dimension::ALL[at], value, 1, &Config::default());
        }
        agent.recalculate(2, &Config::default());
        for config in [Config::default(), other] {
            let before = (agent.total(), agent.history().count());
            agent.settle(3, &config);
            let record = explained(&agent, Vec::new(), &config);
            let sum: f64 = Dimension::ALL
                .map(|dimension| record["dimensions"][dimension.name()]["contribution"].as_f64().expect("a number"))
                .into_iter()
                .sum();
            assert_eq!(record["total_score"], json!((sum * 10.0) as u16));
            // Only what makes another total is a recalculation.
            let same = (agent.total(), agent.history().count()) == before;
            assert_eq!(same, config == Config::default());
        }
    }
}
