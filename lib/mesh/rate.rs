//! How many requests to enrol one place and one peer may hand over: they come
//! from anybody.

use super::guard::place;
use crate::key::Did;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

/// From one address at once, and after that one each so often: eight a second.
const PLACE: Rate = Rate { burst: 256, each_ms: 125 };
/// From one peer: a host enrols 64 agents, and then one now and then.
const PEER: Rate = Rate { burst: 128, each_ms: 500 };
/// Places and peers that are remembered.
const REMEMBERED: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u64,
    each_ms: u64,
}

/// May one more be handed over?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Yes.
    Yes,
    /// This key has handed over too many.
    TooManyOfPeer,
    /// All keys from this address have.
    TooManyOfPlace,
}

/// A bucket for each address and each peer: when it would be full again.
#[derive(Debug, Default)]
pub struct Rates {
    places: Buckets<Option<IpAddr>>,
    peers: Buckets<Did>,
}

impl Rates {
    /// One more now. A peer that is over its own rate costs its neighbours
    /// nothing.
    pub fn take(&mut self, peer: &Did, address: Option<IpAddr>, now_ms: u64) -> Taken {
        if !self.peers.has_room(peer, PEER, now_ms) {
            return Taken::TooManyOfPeer;
        }
        let place = address.map(place);
        if !self.places.has_room(&place, PLACE, now_ms) {
            return Taken::TooManyOfPlace;
        }
        self.peers.take(*peer, PEER, now_ms);
        self.places.take(place, PLACE, now_ms);
        Taken::Yes
    }
}

#[derive(Debug)]
struct Buckets<K> {
    full_ms: HashMap<K, u64>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { full_ms: HashMap::new() }
    }
}

impl<K: Eq + Hash> Buckets<K> {
    fn has_room(&mut self, key: &K, rate: Rate, now_ms: u64) -> bool {
        let Some(full) = self.full_ms.get(key) else {
            if self.full_ms.len() >= REMEMBERED {
                self.full_ms.retain(|_, full| *full > now_ms);
            }
            return self.full_ms.len() < REMEMBERED;
        };
        (*full).max(now_ms) + rate.each_ms <= now_ms + rate.burst * rate.each_ms
    }

    fn take(&mut self, key: K, rate: Rate, now_ms: u64) {
        let full = self.full_ms.entry(key).or_insert(now_ms);
        *full = (*full).max(now_ms) + rate.each_ms;
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
    fn a_burst_then_so_many_a_second_for_each_peer_and_each_place() {
        let mut rates = Rates::default();
        let taken = |rates: &mut Rates, number, place, now| {
            (0..1000).filter(|_| rates.take(&peer(number), place, now) == Taken::Yes).count()
        };
        let here = Some([127, 0, 0, 1].into());
        assert_eq!(taken(&mut rates, 1, here, 1000), 128);
        assert_eq!(rates.take(&peer(1), here, 1000), Taken::TooManyOfPeer);
        assert_eq!(taken(&mut rates, 2, here, 1000), 128, "another peer, the same place");
        assert_eq!(taken(&mut rates, 3, here, 1000), 0);
        assert_eq!(rates.take(&peer(3), here, 1000), Taken::TooManyOfPlace);
        assert_eq!(taken(&mut rates, 3, None, 1000), 128, "elsewhere");
        assert_eq!(taken(&mut rates, 1, here, 3000), 4);
        assert_eq!(taken(&mut rates, 4, here, 3000), 12, "sixteen in two seconds for the place");
        assert_eq!(taken(&mut rates, 1, here, 1_000_000), 128);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut rates = Rates::default();
        let one =
            |rates: &mut Rates, n: u32| rates.take(&peer(1 + n % 100), Some(n.to_be_bytes().into()), 5) == Taken::Yes;
        assert_eq!((0..10_000_u32).filter(|n| one(&mut rates, *n)).count(), REMEMBERED);
    }
}
