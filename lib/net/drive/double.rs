//! Signs that this host's key is in use in a second folder.
//!
//! Two nodes with one key are one peer to all others: what is meant for one
//! goes to the other, and gossip that one has said is not heard by the other.

use super::Driver;
use crate::key::sequence;
use crate::mesh::Reader;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// A call and what it meets on its way in are no further apart: a handshake
/// takes no longer.
const APART: Duration = Duration::from_secs(12);
/// So long both of them are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where our own key was met.
#[derive(Debug, Default)]
pub(super) struct Double {
    /// Somebody called, who may be ourselves.
    arrived: Option<Instant>,
    /// Our own key answered a call.
    answered: Option<(Instant, String)>,
    /// Somebody with our own key called.
    called: Option<(Instant, String)>,
    /// What was seen last, and when.
    pub seen: Option<(String, Timestamp)>,
}

impl Double {
    /// Somebody calls.
    pub fn arrives(&mut self, now: Instant) {
        self.arrived = Some(now);
    }

    /// A call to this address was answered with our own key.
    pub fn answers(&mut self, address: &str, now: Instant) {
        self.answered.get_or_insert_with(|| (now, address.to_owned()));
    }

    /// A caller at this address has proved our own key.
    pub fn calls(&mut self, address: &str, now: Instant) {
        self.called.get_or_insert_with(|| (now, address.to_owned()));
    }

    /// What is certain by now. A node that calls itself is called at the same
    /// time; one that only calls, or is only called, has met another.
    pub fn met(&mut self, now: Instant) -> Option<String> {
        let due = |at: Instant| now.duration_since(at) >= PATIENCE;
        let near = |one: Instant, other: Instant| one.max(other).duration_since(one.min(other)) <= APART;
        if let (Some((one, _)), Some((other, _))) = (&self.answered, &self.called)
            && near(*one, *other)
        {
            (self.answered, self.called) = (None, None);
        }
        let mut met = None;
        if let Some((at, address)) = self.answered.take_if(|(at, _)| due(*at))
            && !self.arrived.is_some_and(|arrived| near(arrived, at))
        {
            met = Some(format!("a node with the same key answers at {address}"));
        }
        if let Some((_, address)) = self.called.take_if(|(at, _)| due(*at)) {
            met = Some(format!("a node with the same key called from {address}"));
        }
        met
    }
}

impl<R: Reader + 'static> Driver<R> {
    /// Somebody has said this event under our key, and not from here. It counts
    /// only if its number was never allotted in this folder.
    pub(super) fn said_elsewhere(&mut self, id: &str, number: u64) {
        if sequence::next(&self.sequence_file).is_ok_and(|next| number >= next) {
            self.doubled(format!("event {id} is signed with it, and was not made here"));
        }
    }

    /// Says it once; the doctor says it as long as it is fresh.
    pub(super) fn doubled(&mut self, how: String) {
        if self.double.seen.is_none() {
            self.shared.say.say(&format!("this host's key is in use in another folder too: {how}"));
            self.shared.say.say(
                "hint: end the node of one of the two; a folder that was copied needs a key of its own: cooee-key new",
            );
        }
        self.double.seen = Some((how, Timestamp::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_node_that_calls_itself_has_met_nobody() {
        let start = Instant::now();
        let mut double = Double::default();
        // As the swarm tells it: the one end, the other, or both.
        for both in [true, false] {
            double.arrives(start);
            double.answers("/a", at(start, 1));
            if both {
                double.calls("/b", at(start, 2));
            }
            for second in 1..30 {
                assert_eq!(double.met(at(start, second)), None, "after {second} s");
            }
        }
    }

    #[test]
    fn one_that_only_calls_or_is_only_called_has_met_another() {
        let start = Instant::now();
        let mut double = Double::default();
        double.answers("/a", start);
        assert_eq!(double.met(at(start, 4)), None, "it may come yet");
        assert_eq!(double.met(at(start, 5)).as_deref(), Some("a node with the same key answers at /a"));
        assert_eq!(double.met(at(start, 6)), None);
        double.arrives(at(start, 100));
        double.calls("/b", at(start, 101));
        assert_eq!(double.met(at(start, 106)).as_deref(), Some("a node with the same key called from /b"));
        // Whoever calls much later has nothing to do with it.
        double.answers("/a", at(start, 200));
        double.arrives(at(start, 213));
        assert!(double.met(at(start, 213)).is_some());
    }
}
