//! What is called for ever, and that it may change.

use super::place::Place;
use super::{Calls, Nameless, Source, Target};

impl Calls {
    /// From now on these are called for ever, and no others are. One that is
    /// given no longer is as if another node had told of it.
    pub fn give(&mut self, targets: &[Target], now_ms: u64) {
        let named = |target: &Target, address: &str| target.address == address;
        self.nameless
            .retain(|entry| targets.iter().any(|target| target.peer.is_none() && named(target, &entry.place.address)));
        for (peer, entry) in &mut self.peers {
            for place in entry.places.iter_mut().filter(|place| place.is_given()) {
                if !targets.iter().any(|target| target.peer == Some(*peer) && named(target, &place.address)) {
                    place.source = Source::Exchange;
                }
            }
        }
        self.given.clear();
        for target in targets {
            self.add(target, now_ms);
        }
    }

    /// One more that is called for ever.
    pub(super) fn add(&mut self, target: &Target, now_ms: u64) {
        let place = Place::new(target.address.clone(), Source::Given, now_ms);
        let Some(peer) = target.peer else {
            if !self.nameless.iter().any(|entry| entry.place.address == target.address) {
                self.nameless.push(Nameless { place, calling: None, answered: None });
            }
            return;
        };
        if !self.given.contains(&peer) {
            self.given.push(peer);
        }
        let entry = self.peers.entry(peer).or_default();
        match entry.places.iter_mut().find(|known| known.address == target.address) {
            Some(known) if known.is_given() => {}
            // Whoever names it knows better than what became of it so far.
            Some(known) => {
                *known = place;
                entry.barred_ms = 0;
            }
            None => entry.places.push(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Did, Key};
    use jiff::Timestamp;

    fn did(seed: u8) -> Did {
        Key::from_seed(&[seed; 32]).did()
    }

    fn target(peer: Option<u8>, address: &str) -> Target {
        Target { peer: peer.map(did), address: address.to_owned() }
    }

    fn called(calls: &mut Calls, now_ms: u64) -> Vec<String> {
        let mut called: Vec<String> = Vec::new();
        for call in calls.due(now_ms, |_, source| source == Source::Given) {
            called.extend(call.addresses);
            calls.failed(call.call, now_ms);
        }
        called.sort();
        called
    }

    #[test]
    fn what_is_given_later_is_called_and_what_is_not_given_any_more_is_not() {
        let mut calls = Calls::new(&[target(Some(1), "a"), target(None, "b"), target(Some(2), "c")], 1);
        assert_eq!(called(&mut calls, 0), ["a", "b", "c"]);
        calls.give(&[target(Some(2), "c"), target(Some(2), "d"), target(None, "e"), target(Some(3), "f")], 1);
        assert_eq!(called(&mut calls, 1), ["d", "e", "f"], "those that are new, at once");
        assert_eq!(called(&mut calls, 100_000), ["c", "d", "e", "f"]);
        assert!(calls.given == [did(2), did(3)] && calls.nameless.len() == 1);
    }

    #[test]
    fn what_failed_for_long_and_is_given_then_is_called_at_once() {
        let mut calls = Calls::new(&[target(Some(1), "a")], 1);
        for minute in 0..20 {
            called(&mut calls, minute * 60_000);
        }
        calls.give(&[], 1_200_000);
        calls.foreign(&did(1), 1_200_000);
        calls.give(&[target(Some(1), "a")], 1_200_001);
        assert_eq!(called(&mut calls, 1_200_001), ["a"]);
        calls.give(&[target(Some(1), "a")], 1_200_002);
        assert!(called(&mut calls, 1_200_002).is_empty(), "it was given before");
    }

    #[test]
    fn a_call_under_way_to_what_is_given_no_more_may_still_end() {
        let mut calls = Calls::new(&[target(None, "a"), target(Some(1), "b")], 1);
        let due = calls.due(0, |_, _| true);
        calls.give(&[], 1);
        for call in &due {
            calls.failed(call.call, 2);
        }
        calls.give(&[target(None, "a")], 3);
        let due = calls.due(3, |_, _| true);
        calls.give(&[], 4);
        calls.connected(did(5), Some(due[0].call), Some("a"), Timestamp::UNIX_EPOCH, 5);
        calls.disconnected(did(5), 6);
        assert!(calls.nameless.is_empty() && calls.under_way.is_empty());
    }
}
