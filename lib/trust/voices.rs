//! Who has said what of whose collaboration: what a trust graph is made of.
//!
//! Must not know what such a word is worth; [`super::Graph`] does.

use super::{Dimension, Signal};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Pairs of speaker and agent that are kept; more would let a flood of speakers
/// fill the memory.
pub const VOICES_LIMIT: usize = 1 << 20;
/// Words of a pair that count; older ones fade.
const WORDS: u16 = 100;

/// What comes before the `#` of an agent's DID. All agents under one key speak
/// with one voice: the key is what signs, and what somebody had to let in.
pub fn key_of(did: &str) -> &str {
    did.split_once('#').map_or(did, |(key, _)| key)
}

impl Signal<'_> {
    /// Whose word about the agent's collaboration this is: the key that signed
    /// it, or the peer in `collaboration:PEER` where nobody did. `None` for what
    /// says nothing of collaboration, names nobody, or is praise of oneself.
    pub fn speaker(&self) -> Option<&str> {
        speaker(&self.agent_did, self.dimension, &self.source, self.author.as_deref())
    }
}

/// The same of a signal's parts.
pub(super) fn speaker<'a>(
    did: &str,
    dimension: Dimension,
    source: &'a str,
    author: Option<&'a str>,
) -> Option<&'a str> {
    if dimension != Dimension::CollaborationHealth {
        return None;
    }
    let key = key_of(author.or_else(|| source.strip_prefix("collaboration:"))?);
    (!key.is_empty() && key != key_of(did)).then_some(key)
}

/// What one key has said of one agent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    /// Sum of the values, 0 to 100.
    pub sum: f64,
    /// How many, 0 to 100.
    pub count: u16,
}

impl Said {
    /// One word more. Once there are 100, each new one takes a hundredth of the
    /// weight of all before it.
    pub fn add(&mut self, value: f64) {
        if self.count < WORDS {
            self.count += 1;
        } else {
            self.sum -= self.sum / f64::from(WORDS);
        }
        self.sum += value;
    }

    /// The mean of the values, 0 to 1; 0 where there is none.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }

    /// Whether it can have been added up from values of 0 to 1.
    pub fn holds(&self) -> bool {
        self.count <= WORDS && (0.0..=f64::from(self.count) + 1e-9).contains(&self.sum)
    }
}

/// All that has been said, by speaker and agent. Agents are numbered by the
/// fleet that holds this.
#[derive(Debug)]
pub struct Voices {
    numbers: HashMap<Box<str>, u32, RandomState>,
    speakers: Vec<Box<str>>,
    pairs: HashMap<(u32, u32), Said, RandomState>,
    limit: usize,
    unheard: u64,
}

impl Default for Voices {
    fn default() -> Self {
        Self::with_limit(VOICES_LIMIT)
    }
}

impl Voices {
    /// Keeps at most `limit` pairs.
    pub fn with_limit(limit: usize) -> Self {
        Self { numbers: HashMap::default(), speakers: Vec::new(), pairs: HashMap::default(), limit, unheard: 0 }
    }

    /// Takes a word. A new pair past the limit is not heard: those that were
    /// there first cannot be pushed out.
    pub fn hear(&mut self, agent: u32, speaker: &str, value: f64) {
        match self.pair(agent, speaker) {
            Some(said) => said.add(value),
            None => self.unheard += 1,
        }
    }

    /// Sets what a pair has said, known from elsewhere; false if it has said
    /// something before.
    pub fn put(&mut self, agent: u32, speaker: &str, said: Said) -> bool {
        match self.pair(agent, speaker) {
            Some(kept) if kept.count > 0 => return false,
            Some(kept) => *kept = said,
            None => self.unheard += u64::from(said.count),
        }
        true
    }

    fn pair(&mut self, agent: u32, speaker: &str) -> Option<&mut Said> {
        let full = self.pairs.len() >= self.limit;
        let number = match self.numbers.get(speaker) {
            Some(number) => *number,
            None if full => return None,
            None => {
                let number = self.speakers.len() as u32;
                self.speakers.push(speaker.into());
                self.numbers.insert(speaker.into(), number);
                number
            }
        };
        if full { self.pairs.get_mut(&(agent, number)) } else { Some(self.pairs.entry((agent, number)).or_default()) }
    }

    /// Words that were not heard because of the limit.
    pub fn unheard(&self) -> u64 {
        self.unheard
    }

    /// Agent, speaker and what was said; in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str, Said)> {
        self.pairs.iter().map(|((agent, speaker), said)| (*agent, &*self.speakers[*speaker as usize], *said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal<'a>(dimension: Dimension, source: &'a str, author: Option<&'a str>) -> Signal<'a> {
        Signal {
            agent_did: "did:key:zB#AGENT".into(),
            dimension,
            value: 1.0,
            at: None,
            source: source.into(),
            details: None,
            trace_id: None,
            weight: None,
            author: author.map(Into::into),
            id: None,
        }
    }

    #[test]
    fn the_signer_speaks_and_else_the_peer_but_nobody_for_oneself() {
        let speaker =
            |source, author| signal(Dimension::CollaborationHealth, source, author).speaker().map(str::to_owned);
        assert_eq!(speaker("collaboration:did:key:zA#PEER", None).as_deref(), Some("did:key:zA"));
        assert_eq!(speaker("collaboration:did:key:zA", Some("did:key:zC#X")).as_deref(), Some("did:key:zC"));
        assert_eq!(speaker("collaboration:planner", None).as_deref(), Some("planner"));
        for (source, author) in [
            ("collaboration:did:key:zB#OTHER", None),
            ("collaboration:did:key:zA", Some("did:key:zB")),
            ("collaboration:", None),
            ("collaboration:#x", None),
            ("policy_engine", None),
        ] {
            assert_eq!(speaker(source, author), None, "{source} {author:?}");
        }
        assert_eq!(signal(Dimension::OutputQuality, "collaboration:did:key:zA", None).speaker(), None);
    }

    #[test]
    fn old_words_fade() {
        let mut said = Said::default();
        for _ in 0..300 {
            said.add(0.0);
        }
        assert_eq!((said.count, said.mean().to_bits()), (100, 0));
        for _ in 0..100 {
            said.add(1.0);
        }
        assert_eq!(said.count, 100);
        assert!((said.mean() - (1.0 - 0.99f64.powi(100))).abs() < 1e-12, "{}", said.mean());
        assert!(said.holds());
        assert!(!Said { sum: 1.5, count: 1 }.holds() && !Said { sum: 1.0, count: 101 }.holds());
    }

    #[test]
    fn a_flood_pushes_nobody_out() {
        let mut voices = Voices::with_limit(2);
        for speaker in ["a", "b", "c", "d", "a", "b"] {
            voices.hear(0, speaker, 1.0);
        }
        voices.hear(1, "a", 1.0);
        let mut heard: Vec<_> = voices.iter().map(|(agent, speaker, said)| (agent, speaker, said.count)).collect();
        heard.sort_unstable();
        assert_eq!(heard, [(0, "a", 2), (0, "b", 2)]);
        assert_eq!(voices.unheard(), 3);
        assert!(voices.put(1, "a", Said { sum: 2.0, count: 2 }), "full, not there before");
        assert!(!voices.put(0, "a", Said { sum: 1.0, count: 1 }));
        assert_eq!((voices.unheard(), voices.iter().map(|(_, _, said)| said.count).sum::<u16>()), (5, 4));
    }
}
