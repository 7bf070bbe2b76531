//! Which of the known peers a node calls, and whom it remembers.

use super::action::Action;
use super::dial::Source;
use super::input::Now;
use super::log::Log;
use super::node::Node;
use crate::key::Did;

/// Peers are written down so long after there is something new: soon the first
/// time, so that a crash does not cost them.
const FIRST_MS: u64 = 5_000;
/// Later they change little.
const EVERY_MS: u64 = 120_000;
/// How often it is looked whether somebody joined, left or expired.
const TELL_EVERY_MS: u64 = 1_000;

impl<L: Log, T> Node<L, T> {
    /// Addresses of a peer were learnt.
    pub(super) fn found(&mut self, peer: Did, addresses: Vec<String>, source: Source, now: Now) {
        if peer != self.config.key.did() {
            self.calls.found(peer, addresses, source, now.uptime_ms);
            self.remember_soon(now);
        }
    }

    /// The calls that are due. A node that does not belong yet has nothing to
    /// say to any but the fleet file's nodes; one that does calls whom another
    /// node told of only if a Leader has let it in.
    pub(super) fn call(&mut self, belongs: bool, now: Now, actions: &mut Vec<Action<T>>) {
        let members = &self.members;
        let may = |peer: &Did, source: Source| {
            if !belongs {
                return members.is_node(peer);
            }
            !members.is_barred(peer) && (source > Source::Exchange || members.is_peer(peer, now.wall))
        };
        actions.extend(self.calls.due(now.uptime_ms, may).into_iter().map(Action::Call));
        if self.remembers_ms.is_some_and(|at| now.uptime_ms >= at) {
            actions.extend(self.remember(now));
        }
    }

    /// Tells the driver who belongs, when that has changed.
    pub(super) fn tell_members(&mut self, now: Now, actions: &mut Vec<Action<T>>) {
        if now.uptime_ms < self.tells_ms {
            return;
        }
        self.tells_ms = now.uptime_ms + TELL_EVERY_MS;
        let members = self.members.all(now.wall);
        if self.told != members {
            self.told.clone_from(&members);
            actions.push(Action::Members(members));
        }
    }

    pub(super) fn remember_soon(&mut self, now: Now) {
        let wait_ms = if now.uptime_ms < EVERY_MS { FIRST_MS } else { EVERY_MS };
        self.remembers_ms.get_or_insert(now.uptime_ms + wait_ms);
    }

    /// Whom to call after a restart, if that may have changed.
    pub(super) fn remember(&mut self, now: Now) -> Option<Action<T>> {
        self.remembers_ms.take()?;
        Some(Action::Remember(self.calls.worth_remembering(now.wall)))
    }
}
