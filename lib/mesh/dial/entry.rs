//! What is known of one peer, and what of it is worth remembering.

use super::place::Place;
use crate::key::Did;
use jiff::Timestamp;

/// What is worth writing down about a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its key.
    pub peer: Did,
    /// Where it answered or said that it listens.
    pub addresses: Vec<String>,
    /// When it was last connected.
    pub seen: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) places: Vec<Place>,
    pub(super) calling: Option<u64>,
    pub(super) connection: Option<Connection>,
    /// Of another fleet: not called before.
    pub(super) barred_ms: u64,
    pub(super) seen: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) since_ms: u64,
    /// We called it, and nobody told us to.
    pub(super) ours: bool,
    /// We called it at this address.
    pub(super) address: Option<String>,
}

impl Entry {
    pub(super) fn is_callable(&self, now_ms: u64) -> bool {
        self.connection.is_none()
            && self.calling.is_none()
            && now_ms >= self.barred_ms
            && self.places.iter().any(|place| place.is_due(now_ms))
    }

    pub(super) fn remembered(&self, peer: Did, wall: Timestamp) -> Option<Remembered> {
        if self.barred_ms > 0 {
            return None;
        }
        let connected = self.connection.as_ref().map(|_| wall);
        let seen = connected.or(self.seen)?;
        let worth = |place: &&Place| !place.is_given() && (place.seen.is_some() || connected.is_some());
        let mut places: Vec<&Place> = self.places.iter().filter(worth).collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.seen));
        let addresses: Vec<String> = places.iter().map(|place| place.address.clone()).collect();
        (!addresses.is_empty()).then_some(Remembered { peer, addresses, seen })
    }
}
