//! The effective score: the engine's total as somebody judges it who asks for
//! more than the engine does.
//!
//! First who spoke (the trust graph), then how long ago (decay), then how often
//! (confidence). Each is off unless asked for; the total itself never changes.

use super::{Agent, Config, Dimension, Graph, HalfLife, Tier, lower_bound};
use crate::jsonl;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Beyond {
    /// Scores above 500 fade while nothing is heard.
    pub half_life: Option<HalfLife>,
    /// The lower bound that the number of signals allows.
    pub confidence: bool,
    /// Collaboration as trusted keys see it.
    pub graph: Option<Graph>,
}

/// An agent as it is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    graph: Option<Ranked>,
    decay: Option<Decayed>,
    confidence: Option<Bound>,
    /// 0 to 1000.
    pub score: u16,
    /// The tier of that score.
    pub tier: Tier,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Ranked {
    trust: f64,
    collaboration: f64,
    score: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Decayed {
    idle_ms: u64,
    score: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    signals: u32,
    score: u16,
}

impl Beyond {
    /// Adds the members of what is asked for to a record.
    pub fn write(&self, out: &mut Vec<u8>, did: &str, agent: &Agent, now: i64, config: &Config) {
        if let Some(effective) = self.judge(did, agent, now, config) {
            effective.write(out);
        }
    }

    /// The agent at the time `now`; `None` where nothing is asked for.
    pub fn judge(&self, did: &str, agent: &Agent, now: i64, config: &Config) -> Option<Effective> {
        if self.half_life.is_none() && !self.confidence && self.graph.is_none() {
            return None;
        }
        let mut score = f64::from(agent.total());
        let graph = self.graph.as_ref().map(|graph| {
            let collaboration = graph.collaboration(did);
            let total = agent.window().total_with(&config.weights, Dimension::CollaborationHealth, collaboration);
            score = f64::from(total);
            Ranked { trust: graph.trust(did), collaboration, score: total }
        });
        let decay = self.half_life.map(|half_life| {
            let idle_ms = agent.idle_ms(now);
            score = half_life.decayed(score, idle_ms);
            Decayed { idle_ms, score: score as u16 }
        });
        let confidence = self.confidence.then(|| {
            let signals = agent.weighed();
            score = lower_bound(score, signals);
            Bound { signals, score: score as u16 }
        });
        let score = score as u16;
        Some(Effective { graph, decay, confidence, score, tier: Tier::of(score) })
    }
}

impl Effective {
    /// Adds its members to a record.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut number = |name: &str, text: String| jsonl::member(out, name, text.as_bytes());
        if let Some(graph) = &self.graph {
            number("graph_trust", graph.trust.to_string());
            number("graph_collaboration", graph.collaboration.to_string());
            number("graph_score", graph.score.to_string());
        }
        if let Some(decay) = &self.decay {
            number("idle_ms", decay.idle_ms.to_string());
            number("decayed_score", decay.score.to_string());
        }
        if let Some(bound) = &self.confidence {
            number("confidence_signals", bound.signals.to_string());
            number("confidence_score", bound.score.to_string());
        }
        number("effective_score", self.score.to_string());
        number("effective_tier", format!("\"{}\"", self.tier.name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Heard, Said};

    const DID: &str = "did:key:zA#AGENT";

    fn agent() -> (Agent, Config) {
        let (mut agent, config) = (Agent::default(), Config::default());
        for dimension in Dimension::ALL {
            agent.signal(dimension, 1.0, 1000, &config);
        }
        agent.recalculate(1000, &config);
        (agent, config)
    }

    fn line(beyond: &Beyond, now: i64) -> String {
        let (agent, config) = agent();
        let mut out = b"{".to_vec();
        beyond.judge(DID, &agent, now, &config).expect("asked for").write(&mut out);
        out.push(b'}');
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn nothing_is_said_that_was_not_asked_for() {
        let (agent, config) = agent();
        assert_eq!(Beyond::default().judge(DID, &agent, 0, &config), None);
    }

    #[test]
    fn each_has_its_members_and_the_last_one_decides() {
        let half_life = HalfLife::from_millis(1000);
        let graph = Some(Graph::default());
        let decay = Beyond { half_life, ..Beyond::default() };
        assert_eq!(
            line(&decay, 2000),
            r#"{"idle_ms":1000,"decayed_score":750,"effective_score":750,"effective_tier":"trusted"}"#
        );
        let sure = Beyond { confidence: true, ..Beyond::default() };
        assert_eq!(
            line(&sure, 2000),
            r#"{"confidence_signals":5,"confidence_score":648,"effective_score":648,"effective_tier":"standard"}"#
        );
        // Nobody trusted has spoken: collaboration is neutral, 0.15 of the weight.
        let ranked = Beyond { graph: graph.clone(), ..Beyond::default() };
        assert_eq!(
            line(&ranked, 2000),
            r#"{"graph_trust":0,"graph_collaboration":50,"graph_score":925,"effective_score":925,"effective_tier":"verified_partner"}"#
        );
        let all = Beyond { half_life, confidence: true, graph };
        assert_eq!(
            line(&all, 3000),
            r#"{"graph_trust":0,"graph_collaboration":50,"graph_score":925,"idle_ms":2000,"decayed_score":606,"confidence_signals":5,"confidence_score":277,"effective_score":277,"effective_tier":"untrusted"}"#
        );
    }

    /// Whom one knows is judged by the graph; the total stays the engine's.
    #[test]
    fn the_graph_replaces_one_dimension() {
        let (agent, config) = agent();
        let heard = vec![Heard { speaker: "p", agent: DID, said: Said { sum: 0.0, count: 1 } }];
        let beyond = Beyond { graph: Some(Graph::rank(&["p"], heard)), ..Beyond::default() };
        let judged = beyond.judge(DID, &agent, 1000, &config).expect("asked for");
        // p alone: trust 1, prior 0.15: 50 − 50/1.15.
        assert_eq!((agent.total(), judged.score), (1000, (850.0 + 1.5 * (50.0 - 50.0 / 1.15)) as u16));
    }

    /// An unknown agent has 0 with confidence, whatever else is asked for.
    #[test]
    fn the_unknown_has_nothing() {
        let beyond = Beyond { confidence: true, ..Beyond::default() };
        let judged = beyond.judge(DID, &Agent::default(), 0, &Config::default()).expect("asked for");
        assert_eq!((judged.score, judged.tier), (0, Tier::Untrusted));
    }
}
