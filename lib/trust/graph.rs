//! The trust graph: whose word about collaboration is worth how much.
//!
//! EigenTrust (Kamvar, Schlosser, Garcia-Molina, WWW 2003) over keys. A key's
//! trust is handed on to those it had good handoffs with, and a part of all
//! trust always starts again from the keys that an operator trusts beforehand.
//! Keys that only praise each other are reached by none of it.
//!
//! Must not know how the words came here.

use super::voices::{Said, key_of};

/// The part of trust that starts from the pre-trusted keys in each round; the
/// paper's a.
pub const DAMPING: f64 = 0.15;
/// It ends when a round moves less trust than this in sum.
const TOLERANCE: f64 = 1e-12;
/// Or after so many rounds; 0.85 to the 200th is under the tolerance.
const ROUNDS: usize = 200;
/// The collaboration score of an agent nobody trusted has spoken of.
const NEUTRAL: f64 = 50.0;

/// What one key has said of one agent's collaboration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard<'a> {
    /// A key, or the name of a peer.
    pub speaker: &'a str,
    /// The agent's DID.
    pub agent: &'a str,
    /// Its words.
    pub said: Said,
}

/// Trust of each key, and what trusted keys say of each agent.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By name: a key and its share of all trust.
    trust: Vec<(Box<str>, f64)>,
    /// By name: an agent and its collaboration score.
    collaboration: Vec<(Box<str>, f64)>,
}

impl Graph {
    /// Ranks. `pretrusted` names keys or agents, of which the key counts. The
    /// order of neither changes a bit of the result.
    pub fn rank<T: AsRef<str>>(pretrusted: &[T], mut heard: Vec<Heard<'_>>) -> Self {
        let mut start: Vec<&str> = pretrusted.iter().map(|name| key_of(name.as_ref())).collect();
        start.sort_unstable();
        start.dedup();
        let mut names: Vec<&str> = start.clone();
        names.extend(heard.iter().flat_map(|heard| [heard.speaker, key_of(heard.agent)]));
        names.sort_unstable();
        names.dedup();
        let number = |name: &str| names.binary_search(&name).unwrap_or_default();
        let start: Vec<usize> = start.into_iter().map(number).collect();

        heard.sort_unstable_by(|a, b| (a.speaker, a.agent).cmp(&(b.speaker, b.agent)));
        let edges = local_trust(&heard, number);
        let trust = global_trust(names.len(), &start, &edges);

        heard.sort_unstable_by(|a, b| (a.agent, a.speaker).cmp(&(b.agent, b.speaker)));
        // What nobody knows speaks with the least trust a pre-trusted key has.
        let prior = DAMPING / start.len().max(1) as f64;
        let of_one = heard.chunk_by(|a, b| a.agent == b.agent);
        let collaboration = of_one.map(|words| {
            let (mut sum, mut weight) = (0.0, prior);
            for word in words {
                let trust = trust[number(word.speaker)];
                sum += trust * (word.said.mean() * 100.0 - NEUTRAL);
                weight += trust;
            }
            (words[0].agent.into(), NEUTRAL + sum / weight)
        });
        Self {
            collaboration: collaboration.collect(),
            trust: names.iter().map(|name| Box::from(*name)).zip(trust.iter().copied()).collect(),
        }
    }

    /// The share of all trust that the agent's key has, 0 to 1; all shares sum
    /// to 1.
    pub fn trust(&self, did: &str) -> f64 {
        find(&self.trust, key_of(did)).unwrap_or(0.0)
    }

    /// What others say of the agent's collaboration, 0 to 100, each weighed by
    /// the trust in who says it; 50 where nobody trusted says anything.
    pub fn collaboration(&self, did: &str) -> f64 {
        find(&self.collaboration, did).unwrap_or(NEUTRAL)
    }
}

fn find(sorted: &[(Box<str>, f64)], name: &str) -> Option<f64> {
    sorted.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok().map(|at| sorted[at].1)
}

/// From whom, to whom, and the share of the first one's trust that goes there.
/// `heard` is sorted by speaker and agent, so that the agents of a key stand
/// together nearly always; where they do not, the parts are added up later.
fn local_trust(heard: &[Heard<'_>], number: impl Fn(&str) -> usize) -> Vec<(u32, u32, f64)> {
    let mut edges: Vec<(u32, u32, f64)> = Vec::with_capacity(heard.len());
    for words in heard {
        let (from, to) = (number(words.speaker) as u32, number(key_of(words.agent)) as u32);
        // Good handoffs less bad ones; a value of 0.5 is neither.
        let balance = 2.0 * words.said.sum - f64::from(words.said.count);
        edges.push((from, to, balance));
    }
    // Stable, so that parts of one edge are added in the order of the agents.
    edges.sort_by_key(|(from, to, _)| (*from, *to));
    let merged = edges.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let merged = merged.map(|parts| (parts[0].0, parts[0].1, parts.iter().map(|part| part.2).sum::<f64>()));
    let mut edges: Vec<_> = merged.filter(|edge| edge.0 != edge.1 && edge.2 > 0.0).collect();
    for from_one in edges.chunk_by_mut(|a, b| a.0 == b.0) {
        let sum: f64 = from_one.iter().map(|edge| edge.2).sum();
        for edge in from_one {
            edge.2 /= sum;
        }
    }
    edges
}

/// The share of all trust that each of `count` keys has in the end. Sorted
/// edges and one order of addition: the same bits whoever computes it.
fn global_trust(count: usize, start: &[usize], edges: &[(u32, u32, f64)]) -> Vec<f64> {
    let mut trust = vec![0.0; count];
    let share = 1.0 / start.len().max(1) as f64;
    for at in start {
        trust[*at] = share;
    }
    let mut silent = vec![true; count];
    for (from, ..) in edges {
        silent[*from as usize] = false;
    }
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; count];
        for (from, to, part) in edges {
            next[*to as usize] += trust[*from as usize] * part;
        }
        // Who has had no good handoff trusts those that everybody may.
        let unspent: f64 = trust.iter().zip(&silent).filter(|(_, silent)| **silent).map(|(trust, _)| trust).sum();
        for handed_on in &mut next {
            *handed_on *= 1.0 - DAMPING;
        }
        for at in start {
            next[*at] += (unspent * (1.0 - DAMPING) + DAMPING) * share;
        }
        let moved: f64 = trust.iter().zip(&next).map(|(old, new): (&f64, &f64)| (old - new).abs()).sum();
        trust = next;
        if moved < TOLERANCE {
            break;
        }
    }
    trust
}

#[cfg(test)]
mod tests;
