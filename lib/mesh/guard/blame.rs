//! Points for what no honest peer does, and what they lead to.

use crate::key::Did;
use std::collections::HashMap;
use std::net::IpAddr;

/// Points at which a peer is shut out; each second takes one away.
const ENOUGH: u64 = 100;
/// The first time for so long; each further time twice as long.
const FIRST_BAN_MS: u64 = 60_000;
/// At most for so long; forgotten as long after it.
const LONGEST_BAN_MS: u64 = 3_600_000;
/// So many bad peers from one address, and it is shut out to strangers.
const PEERS_OF_BAD_PLACE: u32 = 4;
/// Peers remembered, and addresses: the least bad are forgotten first.
const REMEMBERED: usize = 4096;

/// What a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// A gossip message with an event that is none or that its author did not
    /// sign. Nodes look before they pass anything on, so three are enough.
    Gossip,
    /// A frame that is none, or with such an event: ten are enough.
    Frame,
    /// Gossip's own score of it is so low that nothing of it is listened to:
    /// for eight seconds, told twice a second.
    Graylisted,
    /// Far more than it may send, though it was told so.
    Flood,
}

impl Offence {
    fn points(self) -> u64 {
        match self {
            Self::Gossip => 34,
            Self::Frame => 10,
            Self::Graylisted => 7,
            Self::Flood => 2,
        }
    }
}

/// What an offence led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ban {
    /// Nothing yet.
    None,
    /// The peer is shut out.
    Peer,
    /// And with it the strangers of its address.
    Place(IpAddr),
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// When the last point will have gone: as many ms ahead as points.
    clean_ms: u64,
    until_ms: u64,
    times: u32,
}

impl Record {
    fn ban(&mut self, now_ms: u64) {
        let length = (FIRST_BAN_MS << self.times.min(16)).min(LONGEST_BAN_MS);
        self.times += 1;
        self.until_ms = now_ms + length;
        self.clean_ms = 0;
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.clean_ms <= now_ms && (self.times == 0 || self.until_ms + LONGEST_BAN_MS <= now_ms)
    }
}

/// Who did how much.
#[derive(Debug, Default)]
pub struct Blame {
    peers: HashMap<Did, Record>,
    places: HashMap<IpAddr, (u32, Record)>,
}

impl Blame {
    /// Is this key shut out?
    pub fn banned(&self, peer: &Did, now_ms: u64) -> bool {
        self.peers.get(peer).is_some_and(|record| now_ms < record.until_ms)
    }

    /// Are strangers from this place?
    pub fn place_banned(&self, place: &IpAddr, now_ms: u64) -> bool {
        self.places.get(place).is_some_and(|(_, record)| now_ms < record.until_ms)
    }

    /// One more offence of a peer, and of a place if the peer is a stranger
    /// there.
    pub fn add(&mut self, peer: Did, place: Option<IpAddr>, offence: Offence, now_ms: u64) -> Ban {
        make_room(&mut self.peers, &peer, now_ms, |record| *record);
        let record = self.peers.entry(peer).or_default();
        if now_ms < record.until_ms {
            return Ban::None;
        }
        if record.is_over(now_ms) {
            *record = Record::default();
        }
        record.clean_ms = record.clean_ms.max(now_ms) + offence.points() * 1000;
        if record.clean_ms < now_ms + ENOUGH * 1000 {
            return Ban::None;
        }
        record.ban(now_ms);
        let Some(place) = place else { return Ban::Peer };
        make_room(&mut self.places, &place, now_ms, |(_, record)| *record);
        let (peers, record) = self.places.entry(place).or_default();
        if *peers > 0 && record.is_over(now_ms) {
            (*peers, *record) = (0, Record::default());
        }
        *peers += 1;
        // Counted for as long as a ban is remembered.
        record.clean_ms = now_ms + LONGEST_BAN_MS;
        if *peers < PEERS_OF_BAD_PLACE {
            return Ban::Peer;
        }
        record.ban(now_ms);
        record.clean_ms = now_ms + LONGEST_BAN_MS;
        Ban::Place(place)
    }
}

/// Forgets what is over, and if nothing is, whoever is free again the soonest.
fn make_room<K: Copy + Eq + std::hash::Hash, V>(
    records: &mut HashMap<K, V>,
    key: &K,
    now_ms: u64,
    of: impl Fn(&V) -> Record,
) {
    if records.len() < REMEMBERED || records.contains_key(key) {
        return;
    }
    records.retain(|_, record| !of(record).is_over(now_ms));
    while records.len() >= REMEMBERED {
        let least = records.iter().min_by_key(|(_, record)| {
            let record = of(record);
            (record.until_ms, record.clean_ms)
        });
        let Some(key) = least.map(|(key, _)| *key) else { return };
        records.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    fn peer(number: u32) -> Did {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        Key::from_seed(&seed).did()
    }

    #[test]
    fn ten_at_once_are_too_many_and_one_now_and_then_is_not() {
        let mut blame = Blame::default();
        let now_and_then = (0..1000).map(|n| blame.add(peer(1), None, Offence::Frame, n * 11_000));
        assert!(now_and_then.into_iter().all(|ban| ban == Ban::None));
        let at_once: Vec<_> = (0..10).map(|_| blame.add(peer(2), None, Offence::Frame, 5)).collect();
        assert_eq!(at_once.iter().position(|ban| *ban == Ban::Peer), Some(9));
        assert!(blame.banned(&peer(2), 5) && !blame.banned(&peer(1), 5));
    }

    #[test]
    fn each_ban_is_twice_as_long_up_to_an_hour_and_forgotten_later() {
        let mut blame = Blame::default();
        let mut now = 0;
        let mut lengths = Vec::new();
        for _ in 0..9 {
            while blame.add(peer(1), None, Offence::Frame, now) == Ban::None {}
            let begun = now;
            while blame.banned(&peer(1), now) {
                now += 1_000;
            }
            lengths.push((now - begun) / 60_000);
        }
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        now += LONGEST_BAN_MS;
        while blame.add(peer(1), None, Offence::Frame, now) == Ban::None {}
        assert!(!blame.banned(&peer(1), now + 60_000), "the first again");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_banned_stay() {
        let mut blame = Blame::default();
        while blame.add(peer(0), Some([192, 0, 2, 1].into()), Offence::Frame, 0) == Ban::None {}
        for number in 1..6_000_u32 {
            blame.add(peer(number), None, Offence::Flood, 1);
        }
        assert!(blame.peers.len() <= REMEMBERED);
        assert!(blame.banned(&peer(0), 1));
        for number in 0..6_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            while blame.add(peer(10_000 + number), Some(address), Offence::Frame, 2) == Ban::None {}
        }
        assert!(blame.peers.len() <= REMEMBERED && blame.places.len() <= REMEMBERED);
    }
}
