//! Trust for Prometheus: its text exposition format, as node_exporter's textfile
//! collector reads it.

use super::escape;
use crate::trust::{Config, Standing, Subject, Tier};
use std::fmt::Write as _;

/// What is kept of an agent: all lines of one metric stand together, so all
/// agents are needed before the second metric begins.
#[derive(Debug)]
struct Row {
    /// Escaped for a label.
    did: Box<str>,
    total: u16,
    effective: Option<u16>,
    standing: Standing,
    sample: u16,
    late: u32,
    signals: u64,
}

/// Gathers agents, then prints them.
#[derive(Debug, Default)]
pub struct Exposition {
    rows: Vec<Row>,
}

type Value = fn(&Row) -> Option<u64>;

/// Name, type, help and value of each metric that agents have.
const METRICS: [(&str, &str, &str, Value); 7] = [
    ("score", "gauge", "Total trust score of the agent, 0 to 1000.", |row| Some(row.total.into())),
    ("effective_score", "gauge", "What the score is worth by the options it was asked for with, 0 to 1000.", |row| {
        row.effective.map(u64::from)
    }),
    ("revoked", "gauge", "1 if the agent is revoked, which nothing undoes, else 0.", |row| {
        Some((row.standing == Standing::Revoked).into())
    }),
    ("at_risk", "gauge", "1 if the agent is not revoked but below the warning threshold, else 0.", |row| {
        Some((row.standing == Standing::AtRisk).into())
    }),
    ("sample_size", "gauge", "Signals that the score rests on, 0 to 1000.", |row| Some(row.sample.into())),
    ("signals_total", "counter", "Signals ever taken of the agent.", |row| Some(row.signals)),
    ("late_signals_total", "counter", "Signals that were older than one before them.", |row| Some(row.late.into())),
];

const TIERS: [Tier; 5] = [Tier::Untrusted, Tier::Probationary, Tier::Standard, Tier::Trusted, Tier::VerifiedPartner];

impl Exposition {
    /// Takes an agent.
    pub fn take(&mut self, subject: &Subject<'_>, config: &Config) {
        self.rows.push(Row {
            did: label(subject.did).into(),
            total: subject.agent.total(),
            effective: subject.effective,
            standing: subject.standing(config),
            sample: subject.agent.window().len() as u16,
            late: subject.agent.late(),
            signals: subject.agent.signals(),
        });
    }

    /// Prints all; `as_of` is in milliseconds since 1970. `put` gets whole lines.
    pub fn print<E>(&self, as_of: i64, mut put: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let mut text = String::new();
        for (name, kind, help, value) in METRICS {
            let mut rows = self.rows.iter().filter_map(|row| Some((row, value(row)?))).peekable();
            if rows.peek().is_none() {
                continue;
            }
            head(&mut text, name, kind, help);
            for (row, value) in rows {
                let _ = writeln!(text, "cooee_trust_{name}{{agent_did=\"{}\"}} {value}", row.did);
                put(&text)?;
                text.clear();
            }
        }
        if !self.rows.is_empty() {
            head(&mut text, "tier", "gauge", "1 for the tier that the agent's score is in.");
        }
        for row in &self.rows {
            let tier = Tier::of(row.total).name();
            let _ = writeln!(text, "cooee_trust_tier{{agent_did=\"{}\",tier=\"{tier}\"}} 1", row.did);
            put(&text)?;
            text.clear();
        }
        head(&mut text, "agents", "gauge", "Agents in each tier.");
        for tier in TIERS {
            let count = self.rows.iter().filter(|row| Tier::of(row.total) == tier).count();
            let _ = writeln!(text, "cooee_trust_agents{{tier=\"{}\"}} {count}", tier.name());
        }
        for (name, help, standing) in [
            ("revoked_agents", "Agents that are revoked.", Standing::Revoked),
            ("at_risk_agents", "Agents that are not revoked but below the warning threshold.", Standing::AtRisk),
        ] {
            head(&mut text, name, "gauge", help);
            let count = self.rows.iter().filter(|row| row.standing == standing).count();
            let _ = writeln!(text, "cooee_trust_{name} {count}");
        }
        head(&mut text, "as_of_timestamp_seconds", "gauge", "Time of the last recalculation, in seconds since 1970.");
        let (sign, ms) = (if as_of < 0 { "-" } else { "" }, as_of.unsigned_abs());
        let _ = writeln!(text, "cooee_trust_as_of_timestamp_seconds {sign}{}.{:03}", ms / 1000, ms % 1000);
        put(&text)
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(text, "# HELP cooee_trust_{name} {help}\n# TYPE cooee_trust_{name} {kind}\n");
}

/// A label's value. Backslashes are doubled before control characters become
/// `\u{…}`, so that no two names become one: Prometheus refuses all of a file
/// that has the same series twice. Then come the format's own escapes.
pub(super) fn label(text: &str) -> String {
    escape(&text.replace('\\', "\\\\")).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Agent, Dimension};

    #[test]
    fn hostile_names_stay_apart() {
        assert_eq!(label("did:key:z6Mk#A1"), "did:key:z6Mk#A1");
        assert_eq!(label("a\"} 1\nb"), "a\\\"} 1\\\\nb");
        assert_eq!(label("\u{0}"), "\\\\u{0}");
        assert_eq!(label("\\u{0}"), "\\\\\\\\u{0}");
        assert_eq!(label("\u{202e}"), "\\\\u{202e}");
    }

    #[test]
    fn every_metric_is_one_block() {
        let config = Config::default();
        let mut bad = Agent::default();
        bad.signal(Dimension::PolicyCompliance, 0.0, 2000, &config);
        bad.signal(Dimension::SecurityPosture, 0.0, 1000, &config);
        let (good, mut exposition) = (Agent::default(), Exposition::default());
        for (did, agent, effective) in [("a", &bad, None), ("b", &good, Some(420))] {
            exposition.take(&Subject { did, agent, recent: Vec::new(), effective }, &config);
        }
        let mut text = String::new();
        let printed: Result<(), ()> = exposition.print(1_700_000_000_123, |line| {
            text.push_str(line);
            Ok(())
        });
        assert_eq!(printed, Ok(()));
        let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            series,
            [
                r#"cooee_trust_score{agent_did="a"} 250"#,
                r#"cooee_trust_score{agent_did="b"} 500"#,
                r#"cooee_trust_effective_score{agent_did="b"} 420"#,
                r#"cooee_trust_revoked{agent_did="a"} 1"#,
                r#"cooee_trust_revoked{agent_did="b"} 0"#,
                r#"cooee_trust_at_risk{agent_did="a"} 0"#,
                r#"cooee_trust_at_risk{agent_did="b"} 1"#,
                r#"cooee_trust_sample_size{agent_did="a"} 2"#,
                r#"cooee_trust_sample_size{agent_did="b"} 0"#,
                r#"cooee_trust_signals_total{agent_did="a"} 2"#,
                r#"cooee_trust_signals_total{agent_did="b"} 0"#,
                r#"cooee_trust_late_signals_total{agent_did="a"} 1"#,
                r#"cooee_trust_late_signals_total{agent_did="b"} 0"#,
                r#"cooee_trust_tier{agent_did="a",tier="untrusted"} 1"#,
                r#"cooee_trust_tier{agent_did="b",tier="standard"} 1"#,
                r#"cooee_trust_agents{tier="untrusted"} 1"#,
                r#"cooee_trust_agents{tier="probationary"} 0"#,
                r#"cooee_trust_agents{tier="standard"} 1"#,
                r#"cooee_trust_agents{tier="trusted"} 0"#,
                r#"cooee_trust_agents{tier="verified_partner"} 0"#,
                "cooee_trust_revoked_agents 1",
                "cooee_trust_at_risk_agents 1",
                "cooee_trust_as_of_timestamp_seconds 1700000000.123",
            ]
        );
        let names = |prefix: &str| -> Vec<String> {
            let word = |line: &str| line.split(' ').nth(2).map(str::to_owned);
            text.lines().filter(|line| line.starts_with(prefix)).filter_map(word).collect()
        };
        assert_eq!(names("# HELP"), names("# TYPE"));
        assert_eq!(names("# HELP").len(), 12);
    }
}
