//! Whom to call, and when again: with a back-off that doubles, jittered, for
//! ever.

use crate::key::Did;

/// The first wait after a call failed.
const FIRST_MS: u64 = 500;
/// The longest.
const LONGEST_MS: u64 = 60_000;
/// A connection that lasted this long was a good one.
const GOOD_MS: u64 = 30_000;

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting { until_ms: u64 },
    Calling,
    Connected { peer: Did, since_ms: u64 },
}

#[derive(Debug)]
struct Target {
    /// Who must answer, if the address says so.
    peer: Option<Did>,
    failures: u32,
    state: State,
}

/// The addresses a node calls, by their index.
#[derive(Debug)]
pub struct Calls {
    targets: Vec<Target>,
    random: Random,
}

impl Calls {
    /// `targets` says for each address who must answer there.
    pub fn new(targets: &[Option<Did>], seed: u64) -> Self {
        let target = |peer: &Option<Did>| Target { peer: *peer, failures: 0, state: State::Waiting { until_ms: 0 } };
        Self { targets: targets.iter().map(target).collect(), random: Random(seed) }
    }

    /// The addresses to call now; each is waited for until it is connected or
    /// has failed.
    pub fn due(&mut self, now_ms: u64) -> Vec<usize> {
        let mut due = Vec::new();
        for (index, target) in self.targets.iter_mut().enumerate() {
            if matches!(target.state, State::Waiting { until_ms } if until_ms <= now_ms) {
                target.state = State::Calling;
                due.push(index);
            }
        }
        due
    }

    /// A peer is connected: because `target` was called, or by itself.
    pub fn connected(&mut self, peer: Did, target: Option<usize>, now_ms: u64) {
        for (index, entry) in self.targets.iter_mut().enumerate() {
            if Some(index) == target || entry.peer == Some(peer) {
                entry.state = State::Connected { peer, since_ms: now_ms };
            }
        }
    }

    /// A peer has gone.
    pub fn disconnected(&mut self, gone: Did, now_ms: u64) {
        for index in 0..self.targets.len() {
            if let State::Connected { peer, since_ms } = self.targets[index].state
                && peer == gone
            {
                if now_ms >= since_ms + GOOD_MS {
                    self.targets[index].failures = 0;
                }
                self.wait(index, now_ms);
            }
        }
    }

    /// A call came to nothing.
    pub fn failed(&mut self, index: usize, now_ms: u64) {
        // A peer that called us meanwhile is connected all the same.
        if matches!(self.targets.get(index), Some(Target { state: State::Calling, .. })) {
            self.wait(index, now_ms);
        }
    }

    fn wait(&mut self, index: usize, now_ms: u64) {
        let target = &mut self.targets[index];
        let full = (FIRST_MS << target.failures.min(7)).min(LONGEST_MS);
        target.failures = target.failures.saturating_add(1);
        // From half of it to all of it: two nodes do not keep calling at once.
        let wait_ms = full / 2 + self.random.below(full / 2 + 1);
        target.state = State::Waiting { until_ms: now_ms + wait_ms };
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): spreads waits, guards nothing.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is small.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn waits_double_up_to_a_minute_and_never_end() {
        let mut calls = Calls::new(&[None], 1);
        let mut now = 0;
        let mut longest = 0;
        for round in 0..30 {
            assert_eq!(calls.due(now), [0], "round {round}");
            assert_eq!(calls.due(now), [0; 0], "one call at a time");
            calls.failed(0, now);
            let before = now;
            while calls.due(now).is_empty() {
                now += 50;
            }
            calls.targets[0].state = State::Waiting { until_ms: now };
            longest = longest.max(now - before);
            assert!(now - before <= LONGEST_MS + 50);
        }
        assert!(longest > LONGEST_MS / 2);
    }

    #[test]
    fn a_peer_that_called_us_is_not_called_until_it_has_gone() {
        let peer = Key::from_seed(&[1; 32]).did();
        let mut calls = Calls::new(&[Some(peer)], 1);
        calls.connected(peer, None, 0);
        assert_eq!(calls.due(100_000), [0; 0]);
        calls.disconnected(peer, 100_000);
        assert_eq!(calls.due(100_000), [0; 0], "not at once");
        assert_eq!(calls.due(101_000), [0]);
    }
}
