//! What the rules know of the node and its peers, for whoever watches; and how
//! far the peers' clocks are off.
//!
//! It is gathered when it is asked for. Until then it costs a few words a peer,
//! written when a comparison of logs ends.

use super::dial::Source;
use super::input::Now;
use super::log::{Log, LogError, Totals};
use super::node::{Batch, Node};
use crate::attach::{Reply, Request};
use crate::key::Did;
use crate::watch::{Comparison, ErrorCode, Standing, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How often a peer is asked for its time.
const CLOCK_EVERY_MS: u64 = 300_000;
/// The wait after it has not answered.
const CLOCK_AGAIN_MS: u64 = 30_000;
/// A clock that was set, not one that runs a little fast.
const CLOCK_JUMP: SignedDuration = SignedDuration::from_secs(5);

/// What the rules know, at one moment.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When that was.
    pub now: Now,
    /// What the node's own key is in the fleet.
    pub standing: Standing,
    /// Until when the host is enrolled.
    pub enrolled_until: Option<Timestamp>,
    /// Does the node take part in the gossip?
    pub gossips: bool,
    /// What the log holds.
    pub totals: Totals,
    /// Where the log is cut.
    pub log_limit_bytes: u64,
    /// Since the log failed it has not worked: when, and why.
    pub log_error: Option<(Timestamp, String)>,
    /// Those that are connected.
    pub peers: BTreeMap<Did, PeerFacts>,
    /// The addresses that are known.
    pub calls: Vec<CallFacts>,
}

/// What the rules know of a connected peer.
#[derive(Clone, Debug, Default)]
pub struct PeerFacts {
    /// What its key is in the fleet.
    pub standing: Standing,
    /// When the last comparison of logs ended, and how.
    pub compared: Option<(Timestamp, Comparison)>,
    /// The events that it was found to have and this node had not.
    pub differing: u64,
    /// How far its clock is ahead of ours.
    pub clock_offset_ms: Option<i64>,
    /// What it last refused: the code's meaning, its words, and when.
    pub refused: Option<(ErrorCode, String, Timestamp)>,
}

/// How far an address has got.
#[derive(Clone, Debug)]
pub struct CallFacts {
    /// Who must answer, or who did.
    pub peer: Option<Did>,
    /// Where, without the peer's name.
    pub address: String,
    /// Where it was learnt.
    pub source: Source,
    /// Connected, or about to be.
    pub state: State,
    /// What that key is in the fleet.
    pub standing: Standing,
    /// Calls that failed, one after the other.
    pub failures: u32,
    /// When it is called next, by the node's uptime.
    pub next_ms: Option<u64>,
}

/// What is noted of a peer while it is connected.
#[derive(Debug, Default)]
pub struct Notes {
    compared: Option<(Timestamp, Comparison)>,
    /// Of the comparison under way.
    found: u64,
    differing: u64,
    refused: Option<(ErrorCode, String, Timestamp)>,
    clock_offset_ms: Option<i64>,
    clock_due_ms: u64,
    clock_asked: Option<(u64, Timestamp)>,
}

impl Notes {
    /// The peer had this many events that are missing here.
    pub fn found(&mut self, events: usize) {
        self.found += events as u64;
    }

    /// A comparison has ended.
    pub fn ended(&mut self, how: Comparison, now: Timestamp) {
        self.compared = Some((now, how));
        self.differing = std::mem::take(&mut self.found);
        if how == Comparison::Done {
            self.refused = None;
        }
    }

    /// What was refused to a stranger counts no more when it is none.
    pub fn belongs(&mut self) {
        self.refused = None;
    }

    /// The peer refused what it was asked, or gave no answer.
    pub fn refused(&mut self, reply: Option<&Reply>, now: Timestamp) {
        let (code, words) = match reply {
            Some(Reply::Error { code, reason }) if code == "not_permitted" => (ErrorCode::NotPermitted, reason.clone()),
            Some(Reply::Error { code, reason }) => (ErrorCode::Other, format!("{code}: {reason}")),
            Some(_) => (ErrorCode::Protocol, "its reply is for another request".to_owned()),
            None => (ErrorCode::TimedOut, "it did not answer".to_owned()),
        };
        self.refused = Some((code, words, now));
    }

    fn facts(&self, standing: Standing) -> PeerFacts {
        PeerFacts {
            standing,
            compared: self.compared,
            differing: self.differing,
            clock_offset_ms: self.clock_offset_ms,
            refused: self.refused.clone(),
        }
    }
}

impl<L: Log, T> Node<L, T> {
    /// What is known now.
    pub(super) fn facts(&self, now: Now) -> Result<Facts, LogError> {
        let own = self.config.key.did();
        let standing = if self.config.leads { Standing::Leader } else { self.members.standing(&own, now.wall) };
        let known = |(did, peer): (&Did, &super::peers::Peer)| {
            let standing = self.members.standing(did, now.wall);
            (*did, peer.notes.facts(standing))
        };
        Ok(Facts {
            now,
            standing,
            enrolled_until: self.members.enrolled_until(&own),
            gossips: self.gossips,
            totals: self.log.totals()?,
            log_limit_bytes: self.config.log_limit_bytes,
            log_error: self.log_error.clone(),
            peers: self.peers.iter().map(known).collect(),
            calls: self.calls.facts(|did| self.members.standing(did, now.wall)),
        })
    }

    /// Asks nodes for their time, now and then.
    pub(super) fn ask_clocks(&mut self, now: Now, batch: &mut Batch<T>) {
        let uptime = SignedDuration::from_millis(i64::try_from(now.uptime_ms).unwrap_or(i64::MAX));
        let began = now.wall.saturating_sub(uptime).unwrap_or(now.wall);
        let jumped = |before: Timestamp| began.duration_since(before).abs() > CLOCK_JUMP;
        if self.began.is_some_and(jumped) {
            // What is known of others' clocks is so by the one before.
            self.peers.values_mut().for_each(|peer| peer.notes.clock_due_ms = now.uptime_ms);
        }
        // One that is only slewed never gets there.
        self.began = Some(began);
        let members = &self.members;
        let is_due = |(did, peer): (&Did, &mut super::peers::Peer)| {
            let asks = peer.notes.clock_asked.is_none() && now.uptime_ms >= peer.notes.clock_due_ms;
            (asks && (peer.is_node || members.is_named(did, now.wall))).then_some(*did)
        };
        let due: Vec<Did> = self.peers.iter_mut().filter_map(is_due).collect();
        for did in due {
            let (ask, action) = self.asks(did, Request::Clock);
            batch.actions.push(action);
            if let Some(peer) = self.peers.get_mut(&did) {
                peer.notes.clock_asked = Some((ask, now.wall));
            }
        }
    }

    /// Was this ask for a peer's time? Then its answer, or that there is none,
    /// is noted.
    pub(super) fn clock_answered(&mut self, did: &Did, ask: u64, time: Option<Timestamp>, now: Now) -> bool {
        let Some(peer) = self.peers.get_mut(did) else { return false };
        let Some((_, asked)) = peer.notes.clock_asked.filter(|(asked, _)| *asked == ask) else { return false };
        peer.notes.clock_asked = None;
        peer.notes.clock_due_ms = now.uptime_ms + if time.is_some() { CLOCK_EVERY_MS } else { CLOCK_AGAIN_MS };
        if let Some(time) = time {
            // It was made about half-way between (RFC 5905, with one exchange).
            let half = now.wall.duration_since(asked) / 2;
            let offset = time.duration_since(asked).checked_sub(half).unwrap_or(SignedDuration::ZERO);
            peer.notes.clock_offset_ms = Some(i64::try_from(offset.as_millis()).unwrap_or(i64::MAX));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::mesh::input::at;
    use crate::mesh::simulation::Memory;
    use crate::mesh::{Action, Config, Input, Origin, Outcome};

    type Ours = Node<Memory, u32>;

    fn peer() -> Did {
        Key::from_seed(&[2; 32]).did()
    }

    /// An ad hoc node with one peer, which it has called.
    fn node() -> Ours {
        let config = Config {
            key: Key::from_seed(&[1; 32]),
            fleet: None,
            leads: false,
            nodes: std::sync::Arc::default(),
            targets: Vec::new(),
            log_limit_bytes: 7,
            seed: 1,
        };
        let mut node = Node::new(config, Memory::default()).expect("a log");
        node.handle([Input::Connected { peer: peer(), call: Some(1), address: None }], at(0));
        node
    }

    /// The numbers of requests for a peer's time.
    fn clocks(actions: &[Action<u32>]) -> Vec<u64> {
        let clock = |action: &Action<u32>| match action {
            Action::Ask { ask, request: Request::Clock, .. } => Some(*ask),
            _ => None,
        };
        actions.iter().filter_map(clock).collect()
    }

    fn facts(node: &mut Ours, now: Now) -> Facts {
        let request = Input::Ask { ticket: 1, origin: Origin::Local, request: Request::Peers };
        let watched = node.handle([request], now).into_iter().find_map(|action| match action {
            Action::Watched(1, facts) => Some(*facts),
            _ => None,
        });
        watched.expect("an answer")
    }

    #[test]
    fn a_clock_is_compared_with_the_middle_of_the_way() {
        let mut node = node();
        let asked = clocks(&node.handle([Input::Tick], at(1000)));
        assert_eq!((asked.len(), clocks(&node.handle([Input::Tick], at(1001)))), (1, vec![]), "one at a time");
        assert_eq!(facts(&mut node, at(1050)).peers[&peer()].clock_offset_ms, None);
        let time = at(1050).wall + SignedDuration::from_millis(-125_000);
        let outcome = Outcome::Other(Reply::Clock { time });
        node.handle([Input::Answered { ask: asked[0], outcome }], at(1100));
        assert_eq!(facts(&mut node, at(1100)).peers[&peer()].clock_offset_ms, Some(-125_000));
        let next = 1100 + CLOCK_EVERY_MS;
        assert_eq!(clocks(&node.handle([Input::Tick], at(next - 1))), [0; 0]);
        let asked = clocks(&node.handle([Input::Tick], at(next)));
        node.handle([Input::Answered { ask: asked[0], outcome: Outcome::Failed }], at(next));
        assert_eq!(clocks(&node.handle([Input::Tick], at(next + CLOCK_AGAIN_MS - 1))), [0; 0]);
        assert_eq!(clocks(&node.handle([Input::Tick], at(next + CLOCK_AGAIN_MS))).len(), 1);
        let known = facts(&mut node, at(next)).peers[&peer()].clock_offset_ms;
        assert_eq!(known, Some(-125_000), "what was known stays");
        node.handle([Input::Disconnected { peer: peer() }], at(next));
        assert!(facts(&mut node, at(next)).peers.is_empty());
    }

    #[test]
    fn after_a_jump_of_its_own_clock_it_asks_again() {
        let mut node = node();
        let asked = clocks(&node.handle([Input::Tick], at(1000)));
        let outcome = Outcome::Other(Reply::Clock { time: at(1000).wall });
        node.handle([Input::Answered { ask: asked[0], outcome }], at(1000));
        assert_eq!(clocks(&node.handle([Input::Tick], at(2000))), [0; 0]);
        let set = |uptime_ms, seconds| Now { wall: at(uptime_ms).wall + SignedDuration::from_secs(seconds), uptime_ms };
        assert_eq!(clocks(&node.handle([Input::Tick], set(3000, 4))), [0; 0]);
        for (uptime_ms, seconds) in [(4000, 86_400), (6000, 4)] {
            let asked = clocks(&node.handle([Input::Tick], set(uptime_ms, seconds)));
            assert_eq!(asked.len(), 1, "{seconds}");
            let outcome = Outcome::Other(Reply::Clock { time: at(uptime_ms).wall });
            node.handle([Input::Answered { ask: asked[0], outcome }], set(uptime_ms, seconds));
            let known = facts(&mut node, set(uptime_ms, seconds)).peers[&peer()].clock_offset_ms;
            assert_eq!(known, Some(-seconds * 1000));
        }
    }

    #[test]
    fn a_comparison_that_fails_says_why() {
        let mut node = node();
        // It was asked as soon as it was connected.
        let compare = 1;
        let reply = Reply::Error { code: "not_permitted".to_owned(), reason: "members only".to_owned() };
        node.handle([Input::Answered { ask: compare, outcome: Outcome::Other(reply) }], at(30));
        let known = facts(&mut node, at(40)).peers[&peer()].clone();
        assert_eq!(known.compared, Some((at(30).wall, Comparison::Failed)));
        assert_eq!(known.refused, Some((ErrorCode::NotPermitted, "members only".to_owned(), at(30).wall)));
    }

    #[test]
    fn other_machines_may_ask_for_the_time_alone() {
        let mut node = node();
        let origin = Origin::Peer { did: peer(), address: None };
        let mut ask = |request| node.handle([Input::Ask { ticket: 1, origin, request }], at(5));
        let clock = ask(Request::Clock);
        assert!(
            clock.iter().any(|action| matches!(action, Action::Reply(1, Reply::Clock { time }) if *time == at(5).wall))
        );
        let refused = ask(Request::Peers);
        let is_refusal = |action: &Action<u32>| matches!(action, Action::Reply(1, Reply::Error { code, .. }) if code == "not_permitted");
        assert!(refused.iter().any(is_refusal) && !refused.iter().any(|action| matches!(action, Action::Watched(..))));
    }
}
