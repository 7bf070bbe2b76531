//! The table of known peers: whom to call, where, and when again.
//!
//! What a flag or the fleet file gives is called for ever, with a back-off that
//! doubles, jittered. Besides them a few of the learnt peers are called, chosen
//! at random, until enough connections are ours. An address is a text that only
//! the driver reads.

mod entry;
mod given;
mod place;
mod random;
#[cfg(test)]
mod tests;

pub use entry::Remembered;
pub use place::Source;
pub use random::Random;

use super::watch::CallFacts;
use crate::key::Did;
use crate::watch::{self, State};
use entry::{Connection, Entry};
use jiff::Timestamp;
use place::Place;
use std::collections::{BTreeMap, HashMap};

/// Connections that a node makes, besides those that others make to it: gossip
/// keeps eight neighbours, and the connections of many such nodes hang together.
pub const WANTED: usize = 8;
/// With so many of its own, a node does not even call those it has lost.
const MOST: usize = 2 * WANTED;
/// Peers that are known, at most.
pub const PEERS_LIMIT: usize = 4096;
/// Addresses of one peer, at most.
pub const ADDRESSES_LIMIT: usize = 8;
/// An address is no longer.
pub const ADDRESS_LIMIT_BYTES: usize = 256;
/// Peers that are written down, at most.
pub const REMEMBERED_LIMIT: usize = 512;
/// A connection that lasted this long was a good one.
const GOOD_MS: u64 = 30_000;
/// Learnt peers are called so often,
const LEARNT_EVERY_MS: u64 = 250;
/// and so many at once: a table of peers that are all away is no storm.
const LEARNT_AT_ONCE: usize = 2;
/// A node of another fleet is left alone for so long.
const FOREIGN_MS: u64 = 3_600_000;

/// An address that somebody gave, and who must answer there, if it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who must answer.
    pub peer: Option<Did>,
    /// Where, without the peer's name.
    pub address: String,
}

/// A call to be made: to all of these addresses, and the first that answers
/// counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Names the outcome.
    pub call: u64,
    /// Who must answer.
    pub peer: Option<Did>,
    /// Where.
    pub addresses: Vec<String>,
}

/// A given address that does not say who must answer.
#[derive(Debug)]
struct Nameless {
    place: Place,
    calling: Option<u64>,
    answered: Option<(Did, u64)>,
}

/// Known peers, and calls under way.
#[derive(Debug)]
pub struct Calls {
    peers: BTreeMap<Did, Entry>,
    /// Those with a given address.
    given: Vec<Did>,
    nameless: Vec<Nameless>,
    /// Whom each call under way is for; `None`: nobody by name.
    under_way: HashMap<u64, Option<Did>>,
    last_call: u64,
    /// Connections that we made to learnt peers.
    ours: usize,
    learnt_next_ms: u64,
    random: Random,
}

impl Calls {
    /// `targets` are called for ever.
    pub fn new(targets: &[Target], seed: u64) -> Self {
        let mut calls = Self {
            peers: BTreeMap::new(),
            given: Vec::new(),
            nameless: Vec::new(),
            under_way: HashMap::new(),
            last_call: 0,
            ours: 0,
            learnt_next_ms: 0,
            random: Random(seed),
        };
        for target in targets {
            calls.add(target, 0);
        }
        calls
    }

    /// Addresses of a peer were learnt.
    pub fn found(&mut self, peer: Did, addresses: Vec<String>, source: Source, now_ms: u64) {
        if !self.peers.contains_key(&peer) && self.peers.len() >= PEERS_LIMIT && !self.make_room() {
            return;
        }
        let entry = self.peers.entry(peer).or_default();
        for address in addresses.into_iter().take(ADDRESSES_LIMIT) {
            if address.len() > ADDRESS_LIMIT_BYTES {
                continue;
            }
            if let Some(place) = entry.places.iter_mut().find(|place| place.address == address) {
                place.source = place.source.max(source);
                continue;
            }
            if entry.places.len() >= ADDRESSES_LIMIT {
                // One that never answered makes room, none that did.
                let bad = |place: &Place| !place.is_given() && place.seen.is_none() && place.source <= source;
                let worst = (0..entry.places.len())
                    .filter(|index| bad(&entry.places[*index]) && entry.places[*index].failures > 0)
                    .max_by_key(|index| entry.places[*index].badness());
                let Some(worst) = worst else { continue };
                entry.places.swap_remove(worst);
            }
            entry.places.push(Place::new(address, source, now_ms));
        }
        if entry.places.is_empty() && entry.connection.is_none() {
            self.peers.remove(&peer);
        }
    }

    /// Forgets the peer that seems the least use; false if all are some.
    fn make_room(&mut self) -> bool {
        let is_useless = |entry: &Entry| {
            let never =
                entry.places.iter().all(|place| place.seen.is_none() && place.failures > 0 && !place.is_given());
            never && entry.connection.is_none() && entry.calling.is_none()
        };
        let useless = self.peers.iter().filter(|(_, entry)| is_useless(entry));
        let worst = useless.max_by_key(|(_, entry)| entry.places.iter().map(|place| place.failures).max());
        let Some(worst) = worst.map(|(peer, _)| *peer) else { return false };
        self.peers.remove(&worst);
        true
    }

    /// The calls to make now; each is waited for until it is connected or has
    /// failed. `may` says whether a peer whose best address was learnt so is to
    /// be called at all.
    pub fn due(&mut self, now_ms: u64, may: impl Fn(&Did, Source) -> bool) -> Vec<Call> {
        let mut due = Vec::new();
        for entry in &mut self.nameless {
            if entry.calling.is_none() && entry.answered.is_none() && entry.place.is_due(now_ms) {
                self.last_call += 1;
                entry.calling = Some(self.last_call);
                self.under_way.insert(self.last_call, None);
                due.push(Call { call: self.last_call, peer: None, addresses: vec![entry.place.address.clone()] });
            }
        }
        for index in 0..self.given.len() {
            let peer = self.given[index];
            due.extend(self.call(peer, now_ms));
        }
        if self.ours < MOST && now_ms >= self.learnt_next_ms {
            self.learnt_next_ms = now_ms + LEARNT_EVERY_MS;
            self.call_learnt(now_ms, may, &mut due);
        }
        due
    }

    fn call_learnt(&mut self, now_ms: u64, may: impl Fn(&Did, Source) -> bool, due: &mut Vec<Call>) {
        let enough = self.ours >= WANTED;
        let mut candidates: Vec<Did> = Vec::new();
        for (peer, entry) in &self.peers {
            // Whoever was connected once is called again, even by a node that
            // has enough others by now: they may all be on its side of a
            // network that fell in two, and nobody else would join it again.
            if (enough && entry.seen.is_none()) || !entry.is_callable(now_ms) {
                continue;
            }
            let source = entry.places.iter().map(|place| place.source).max();
            if source.is_some_and(|source| may(peer, source)) {
                candidates.push(*peer);
            }
        }
        let under_way = self.under_way.values().flatten().filter(|peer| !self.given.contains(peer)).count();
        let most = if enough { MOST } else { WANTED };
        let room = most.saturating_sub(self.ours + under_way).min(LEARNT_AT_ONCE);
        for _ in 0..room.min(candidates.len()) {
            let index = self.random.below(candidates.len() as u64) as usize;
            let peer = candidates.swap_remove(index);
            due.extend(self.call(peer, now_ms));
        }
    }

    fn call(&mut self, peer: Did, now_ms: u64) -> Option<Call> {
        let entry = self.peers.get_mut(&peer).filter(|entry| entry.is_callable(now_ms))?;
        let addresses = entry.places.iter().filter(|place| place.is_due(now_ms));
        let addresses = addresses.map(|place| place.address.clone()).collect();
        self.last_call += 1;
        entry.calling = Some(self.last_call);
        self.under_way.insert(self.last_call, Some(peer));
        Some(Call { call: self.last_call, peer: Some(peer), addresses })
    }

    /// A peer is connected: by our call, at `address`, or by its own.
    pub fn connected(&mut self, peer: Did, call: Option<u64>, address: Option<&str>, wall: Timestamp, now_ms: u64) {
        if let Some(call) = call {
            self.under_way.remove(&call);
            if let Some(entry) = self.nameless.iter_mut().find(|entry| entry.calling == Some(call)) {
                entry.calling = None;
                entry.answered = Some((peer, now_ms));
            }
        }
        let entry = self.peers.entry(peer).or_default();
        entry.seen = Some(wall);
        if let Some(call) = entry.calling.take_if(|_| call.is_some()) {
            self.under_way.remove(&call);
        }
        if let Some(place) = entry.places.iter_mut().find(|place| Some(place.address.as_str()) == address) {
            place.answered(wall);
        }
        if entry.connection.is_none() {
            let address = address.map(str::to_owned);
            let ours = call.is_some() && !self.given.contains(&peer);
            entry.connection = Some(Connection { since_ms: now_ms, ours, address });
            self.ours += usize::from(ours);
        }
    }

    /// A peer has gone.
    pub fn disconnected(&mut self, gone: Did, now_ms: u64) {
        for entry in &mut self.nameless {
            if let Some((_, since_ms)) = entry.answered.take_if(|(peer, _)| *peer == gone) {
                if now_ms >= since_ms + GOOD_MS {
                    entry.place.rest(&mut self.random, now_ms);
                } else {
                    entry.place.fail(&mut self.random, now_ms);
                }
            }
        }
        let Some(entry) = self.peers.get_mut(&gone) else { return };
        let Some(connection) = entry.connection.take() else { return };
        self.ours -= usize::from(connection.ours);
        let good = now_ms >= connection.since_ms + GOOD_MS;
        for place in &mut entry.places {
            let used = connection.address.is_none() || connection.address.as_ref() == Some(&place.address);
            match (good, used) {
                (false, true) => place.fail(&mut self.random, now_ms),
                (true, _) => place.rest(&mut self.random, now_ms),
                (false, false) => {}
            }
        }
        self.forget(&gone, now_ms);
    }

    /// A call came to nothing.
    pub fn failed(&mut self, call: u64, now_ms: u64) {
        let Some(peer) = self.under_way.remove(&call) else { return };
        let Some(peer) = peer else {
            for entry in &mut self.nameless {
                if entry.calling.take_if(|calling| *calling == call).is_some() {
                    entry.place.fail(&mut self.random, now_ms);
                }
            }
            return;
        };
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.calling = None;
        for place in entry.places.iter_mut().filter(|place| place.is_due(now_ms)) {
            place.fail(&mut self.random, now_ms);
        }
        self.forget(&peer, now_ms);
    }

    /// A peer turned out to be of another fleet. No fault of its, but no use
    /// to call it again.
    pub fn foreign(&mut self, peer: &Did, now_ms: u64) {
        if let Some(entry) = self.peers.get_mut(peer) {
            let given = entry.places.iter().any(Place::is_given);
            entry.barred_ms = if given { 0 } else { now_ms + FOREIGN_MS };
        }
    }

    /// How far each known address has got.
    pub fn facts(&self, standing: impl Fn(&Did) -> watch::Standing) -> Vec<CallFacts> {
        let fact = |peer: Option<Did>, place: &Place, state: State| CallFacts {
            peer,
            standing: peer.as_ref().map(&standing).unwrap_or_default(),
            address: place.address.clone(),
            source: place.source,
            state,
            failures: place.failures,
            next_ms: (state == State::Waiting).then(|| place.next_ms()),
        };
        let state = |connected: bool, calling: bool| match (connected, calling) {
            (true, _) => State::Connected,
            (_, true) => State::Calling,
            _ => State::Waiting,
        };
        let nameless = self.nameless.iter().map(|entry| {
            let peer = entry.answered.map(|(peer, _)| peer);
            fact(peer, &entry.place, state(entry.answered.is_some(), entry.calling.is_some()))
        });
        let named = self.peers.iter().flat_map(|(peer, entry)| {
            let state = state(entry.connection.is_some(), entry.calling.is_some());
            entry.places.iter().map(move |place| (*peer, place, state))
        });
        nameless.chain(named.map(|(peer, place, state)| fact(Some(peer), place, state))).collect()
    }

    fn forget(&mut self, peer: &Did, now_ms: u64) {
        let Some(entry) = self.peers.get_mut(peer) else { return };
        entry.places.retain(|place| !place.is_hopeless(now_ms));
        if entry.places.is_empty() && entry.connection.is_none() && entry.calling.is_none() {
            self.peers.remove(peer);
        }
    }

    /// Does it know nobody to call?
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.nameless.is_empty() && self.peers.values().all(|entry| entry.places.is_empty())
    }

    /// Whom to call after a restart: those that answered, or that are connected
    /// and say where they listen. The last seen first.
    pub fn worth_remembering(&self, wall: Timestamp) -> Vec<Remembered> {
        let mut all: Vec<Remembered> =
            self.peers.iter().filter_map(|(peer, entry)| entry.remembered(*peer, wall)).collect();
        all.sort_by(|one, other| other.seen.cmp(&one.seen).then_with(|| one.peer.cmp(&other.peer)));
        all.truncate(REMEMBERED_LIMIT);
        all
    }
}
