//! What Leaders said of the agent of a name: what this node's log holds, then
//! what its peers hold, then what the DHT does. Nothing found says only that.

use super::action::Action;
use super::dht::{self, Words};
use super::directory::Directory;
use super::input::{Now, Origin, Outcome};
use super::log::{Log, LogError};
use super::node::{Batch, Node};
use crate::attach::{Reply, Request};
use crate::event::Event;
use crate::key::Did;
use std::collections::{BTreeMap, HashSet};

/// Lookups under way, at most.
const LOOKUPS: usize = 32;
/// Peers that are asked in one.
const PEERS: usize = 8;
/// They are waited for no longer than this, nor than a third of all the time.
const PEERS_MS: u64 = 3_000;
/// A table of the DHT that is empty is looked at again after this.
const AGAIN_MS: u64 = 250;
/// Others may know better: so long after the first word the last one is taken.
const SETTLE_MS: u64 = 1_500;

struct Lookup<T> {
    ticket: T,
    name: String,
    found: Option<Words>,
    /// Asks whose answers are to come.
    asks: HashSet<u64>,
    asked: u64,
    answered: u64,
    in_dht: bool,
    /// Until when somebody may come who can be asked.
    alone_ms: u64,
    /// The DHT had nobody to ask; again from then on.
    again_ms: u64,
    /// When the peers have had their time, then when the DHT has.
    until_ms: u64,
    end_ms: u64,
}

impl<T> Lookup<T> {
    fn is_settled_at(&mut self, ms: u64) {
        self.until_ms = self.until_ms.min(ms);
    }
}

/// What is being looked for.
pub struct Lookups<T> {
    under_way: BTreeMap<u64, Lookup<T>>,
    last: u64,
}

impl<T> Default for Lookups<T> {
    fn default() -> Self {
        Self { under_way: BTreeMap::new(), last: 0 }
    }
}

impl<T> Lookups<T> {
    /// The lookup that this ask is one of.
    fn of(&self, ask: u64) -> Option<u64> {
        self.under_way.iter().find(|(_, lookup)| lookup.asks.contains(&ask)).map(|(number, _)| *number)
    }

    /// Is this ask one of a lookup's?
    pub fn asked(&self, ask: u64) -> bool {
        self.of(ask).is_some()
    }
}

fn reply<T>(lookup: Lookup<T>) -> Action<T> {
    let events = lookup.found.map(|words| words.events()).unwrap_or_default();
    Action::Reply(lookup.ticket, Reply::Found { events, asked: lookup.asked, answered: lookup.answered })
}

fn error(code: &str, reason: &str) -> Reply {
    Reply::Error { code: code.to_owned(), reason: reason.to_owned() }
}

impl<L: Log, T> Node<L, T> {
    /// A name is looked for. Others learn what the log holds; the socket's
    /// asker, what anybody does.
    pub(super) fn find(
        &mut self,
        ticket: T,
        origin: Origin,
        (name, wait_ms): (String, u64),
        now: Now,
        actions: &mut Vec<Action<T>>,
    ) {
        if !dht::is_name(&name) {
            return actions.push(Action::Reply(ticket, error("malformed", "not a token or a tiny id")));
        }
        let found = match self.known(&name, now) {
            Ok(found) => found,
            Err(fault) => return actions.push(Action::Reply(ticket, error("storage", &fault.to_string()))),
        };
        let wait_ms = if origin == Origin::Local && !self.stopping { wait_ms } else { 0 };
        let end_ms = now.uptime_ms + wait_ms;
        let until_ms = now.uptime_ms + PEERS_MS.min(wait_ms / 3);
        let (asks, asked, answered) = (HashSet::new(), 0, 0);
        let (alone_ms, again_ms) = (until_ms, 0);
        let lookup =
            Lookup { ticket, name, found, asks, asked, answered, in_dht: false, alone_ms, again_ms, until_ms, end_ms };
        // A log that is kept whole by others says it all.
        if wait_ms == 0 || (lookup.found.is_some() && self.gossips) {
            return actions.push(reply(lookup));
        }
        if self.lookups.under_way.len() >= LOOKUPS {
            return actions.push(Action::Reply(lookup.ticket, error("busy", "too many are looked for at once")));
        }
        self.lookups.last += 1;
        let number = self.lookups.last;
        self.lookups.under_way.insert(number, lookup);
        self.ask_peers(number, now, actions);
    }

    /// What the log holds about a name.
    fn known(&mut self, name: &str, now: Now) -> Result<Option<Words>, LogError> {
        let directory = self.take_directory()?;
        let found = directory.find(&self.log, name, &self.members, now.wall);
        self.directory = Some(directory);
        found
    }

    /// The directory, out of its place.
    pub(super) fn take_directory(&mut self) -> Result<Directory, LogError> {
        self.directory.take().map_or_else(|| Directory::of(&self.log, &self.members), Ok)
    }

    /// Asks the connected nodes that the fleet knows, others each time.
    fn ask_peers(&mut self, number: u64, now: Now, actions: &mut Vec<Action<T>>) {
        let Some(name) = self.lookups.under_way.get(&number).map(|lookup| lookup.name.clone()) else { return };
        let named = |peer: &&Did| self.members.is_named(peer, now.wall);
        let peers: Vec<Did> = self.peers.keys().filter(named).copied().collect();
        let first = self.last_ask as usize % peers.len().max(1);
        for peer in peers.iter().cycle().skip(first).take(PEERS.min(peers.len())) {
            let (ask, action) = self.asks(*peer, Request::Find { name: name.clone(), wait_ms: 0 });
            actions.push(action);
            if let Some(lookup) = self.lookups.under_way.get_mut(&number) {
                lookup.asks.insert(ask);
                lookup.asked += 1;
            }
        }
    }

    /// A peer has answered, or will not.
    pub(super) fn peer_looked(&mut self, ask: u64, outcome: Outcome, now: Now, batch: &mut Batch<T>) {
        let Some(number) = self.lookups.of(ask) else { return };
        if let Some(lookup) = self.lookups.under_way.get_mut(&number) {
            lookup.asks.remove(&ask);
            lookup.answered += u64::from(matches!(outcome, Outcome::Events(_)));
        }
        if let Outcome::Events(events) = outcome {
            let events: Vec<Event> = events.into_iter().flatten().collect();
            self.take_found(number, &events, now);
        }
        self.go_further(number, now, &mut batch.actions);
    }

    /// The DHT had this; `over`: how many were asked for it, and answered.
    pub(super) fn looked_up(
        &mut self,
        number: u64,
        events: &[Event],
        over: Option<(u64, u64)>,
        now: Now,
        batch: &mut Batch<T>,
    ) {
        self.take_found(number, events, now);
        if let Some(lookup) = self.lookups.under_way.get_mut(&number)
            && let Some((asked, answered)) = over
        {
            lookup.asked += asked;
            lookup.answered += answered;
            if asked == 0 && now.uptime_ms < lookup.alone_ms && lookup.found.is_none() {
                // Who has just been met is not in the table yet.
                lookup.in_dht = false;
                lookup.again_ms = now.uptime_ms + AGAIN_MS;
                lookup.until_ms = lookup.again_ms;
            } else {
                lookup.is_settled_at(now.uptime_ms);
            }
        }
        self.go_further(number, now, &mut batch.actions);
    }

    fn take_found(&mut self, number: u64, events: &[Event], now: Now) {
        let Some(lookup) = self.lookups.under_way.get_mut(&number) else { return };
        let Some(words) = Words::of(events, &lookup.name, &self.members, now.wall) else { return };
        lookup.is_settled_at(now.uptime_ms + SETTLE_MS);
        lookup.found = Some(match lookup.found.take() {
            Some(before) => before.or_newer(words, &self.members),
            None => words,
        });
    }

    /// Peers that all have answered are waited for no longer; then the DHT is
    /// asked.
    fn go_further(&mut self, number: u64, now: Now, actions: &mut Vec<Action<T>>) {
        let Some(lookup) = self.lookups.under_way.get_mut(&number) else { return };
        let all_answered = !lookup.in_dht && lookup.asked > 0 && lookup.asks.is_empty();
        if now.uptime_ms < lookup.again_ms {
            return;
        }
        if !all_answered && now.uptime_ms < lookup.until_ms {
            return;
        }
        if lookup.in_dht || now.uptime_ms >= lookup.end_ms {
            return self.end_lookup(number, actions);
        }
        lookup.asks.clear();
        lookup.in_dht = true;
        // A word that only a few peers have said may be an old one.
        let settled_ms = if lookup.answered > 0 && lookup.found.is_some() { SETTLE_MS } else { u64::MAX };
        lookup.until_ms = lookup.end_ms.min(now.uptime_ms.saturating_add(settled_ms));
        actions.push(Action::Lookup { lookup: number, name: lookup.name.clone() });
    }

    /// Ends all of them with what they have.
    pub(super) fn end_lookups(&mut self, actions: &mut Vec<Action<T>>) {
        let numbers: Vec<u64> = self.lookups.under_way.keys().copied().collect();
        for number in numbers {
            self.end_lookup(number, actions);
        }
    }

    fn end_lookup(&mut self, number: u64, actions: &mut Vec<Action<T>>) {
        let Some(mut lookup) = self.lookups.under_way.remove(&number) else { return };
        // Whatever was found, this node may know who was revoked since.
        if let (Some(words), Ok(directory)) = (lookup.found.take(), self.take_directory()) {
            let words = directory.with_revocation(&self.log, words, &self.members);
            self.directory = Some(directory);
            lookup.found = words.ok();
        }
        actions.push(reply(lookup));
    }

    /// Time passes: whoever was asked in vain is waited for no longer, and
    /// whoever came meanwhile is asked.
    pub(super) fn tend_lookups(&mut self, now: Now, actions: &mut Vec<Action<T>>) {
        let numbers: Vec<u64> = self.lookups.under_way.keys().copied().collect();
        for number in numbers {
            if self.lookups.under_way.get(&number).is_some_and(|lookup| lookup.asked == 0 && !lookup.in_dht) {
                self.ask_peers(number, now, actions);
            }
            self.go_further(number, now, actions);
        }
    }
}
