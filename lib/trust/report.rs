//! How a fleet has fared over some days, as JSON.

use super::read::rfc3339;
use super::{Config, Standing, Subject};
use crate::jsonl;
use std::io::Write as _;

const DAY_MS: i64 = 86_400_000;

/// The first of two passes: how many agents there are, and how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// All agents.
    pub total: u64,
    /// Those that are revoked.
    pub revoked: u64,
    /// Those that are not, but below the warning threshold.
    pub at_risk: u64,
}

impl Census {
    /// Counts an agent.
    pub fn take(&mut self, subject: &Subject<'_>, config: &Config) {
        self.total += 1;
        match subject.standing(config) {
            Standing::Revoked => self.revoked += 1,
            Standing::AtRisk => self.at_risk += 1,
            Standing::Good => (),
        }
    }
}

/// The days before a time.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// How many.
    pub days: u32,
    /// Where they end, in milliseconds since 1970.
    pub as_of: i64,
}

impl Period {
    /// The `report` record, one line without its end.
    pub fn summary(self, out: &mut Vec<u8>, census: Census) {
        let Census { total, revoked, at_risk } = census;
        let (days, as_of) = (self.days, rfc3339(self.as_of));
        write!(
            out,
            r#"{{"type":"report","v":1,"period_days":{days},"total_agents":{total},"revoked_agents":{revoked},"at_risk_agents":{at_risk},"as_of":"{as_of}"}}"#
        )
        .expect("a Vec takes all bytes");
    }

    /// The agent's `report_agent` record, one line without its end. False, and
    /// nothing is written, if no recalculation of it is newer than the period's
    /// beginning: of such an agent the engine says nothing either.
    pub fn agent(self, out: &mut Vec<u8>, subject: &Subject<'_>) -> bool {
        let begin = self.as_of.saturating_sub(DAY_MS * i64::from(self.days));
        let totals: Vec<u16> =
            subject.agent.history().filter(|point| point.at > begin).map(|point| point.total).collect();
        let (Some(least), Some(most)) = (totals.iter().min(), totals.iter().max()) else { return false };
        let average = f64::from(totals.iter().copied().map(u32::from).sum::<u32>()) / totals.len() as f64;
        out.extend_from_slice(br#"{"type":"report_agent","v":1,"agent_did":"#);
        jsonl::string(out, subject.did);
        write!(
            out,
            r#","current":{},"min":{least},"max":{most},"average":{average},"trend":"{}","revoked":{}}}"#,
            subject.agent.total(),
            subject.agent.trend().name(),
            subject.agent.revocation().is_some()
        )
        .expect("a Vec takes all bytes");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Agent, Dimension};

    #[test]
    fn only_what_is_newer_than_the_period_counts() {
        let config = Config::default();
        let mut agent = Agent::default();
        for (day, value) in [(1, 0.0), (2, 1.0), (3, 0.5)] {
            agent.signal(Dimension::OutputQuality, value, day * DAY_MS, &config);
            agent.recalculate(day * DAY_MS, &config);
        }
        let subject = Subject { did: "a", agent: &agent, recent: Vec::new(), effective: None };
        let report = |days, as_of| {
            let mut out = Vec::new();
            let said = Period { days, as_of }.agent(&mut out, &subject);
            assert_eq!(said, !out.is_empty());
            String::from_utf8(out).expect("UTF-8")
        };
        // History: 400 twice (at once, and the tick), 500, 500.
        let line = |min, average| {
            format!(
                r#"{{"type":"report_agent","v":1,"agent_did":"a","current":500,"min":{min},"max":500,"average":{average},"trend":"stable","revoked":false}}"#
            )
        };
        assert_eq!(report(7, 3 * DAY_MS), line(400, 450));
        assert_eq!(report(2, 3 * DAY_MS - 1), line(400, 450));
        assert_eq!(report(2, 3 * DAY_MS), line(500, 500));
        assert_eq!(report(1, 4 * DAY_MS), "");
    }

    #[test]
    fn everyone_is_counted_once() {
        let config = Config::default();
        let (mut revoked, mut risky, good) = (Agent::default(), Agent::default(), Agent::default());
        risky.signal(Dimension::PolicyCompliance, 0.0, 0, &config);
        for dimension in Dimension::ALL {
            revoked.signal(dimension, 0.0, 0, &config);
        }
        let mut census = Census::default();
        for (agent, effective) in [(&revoked, None), (&risky, None), (&good, None), (&good, Some(499))] {
            census.take(&Subject { did: "a", agent, recent: Vec::new(), effective }, &config);
        }
        assert_eq!(census, Census { total: 4, revoked: 1, at_risk: 2 });
        let mut out = Vec::new();
        Period { days: 7, as_of: 0 }.summary(&mut out, census);
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            r#"{"type":"report","v":1,"period_days":7,"total_agents":4,"revoked_agents":1,"at_risk_agents":2,"as_of":"1970-01-01T00:00:00.000Z"}"#
        );
    }
}
