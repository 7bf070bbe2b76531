//! Tells the driver who belongs: what has changed, as soon as it has.

use super::Members;
use super::guard::Admission;
use super::node::{Action, Now};
use crate::key::Did;
use std::collections::{BTreeMap, BTreeSet};

/// Enrolments run out without a word, so all are looked at so often.
const EVERY_MS: u64 = 5_000;

/// What was told; a stranger is not mentioned.
#[derive(Debug, Default)]
pub struct Admissions {
    told: BTreeMap<Did, Admission>,
    next_ms: u64,
}

impl Admissions {
    /// Who belongs is not what it was.
    pub fn changed(&mut self) {
        self.next_ms = 0;
    }

    /// Says what is to be told now.
    pub fn tell<T>(&mut self, members: &Members, now: Now, actions: &mut Vec<Action<T>>) {
        if now.uptime_ms < self.next_ms {
            return;
        }
        self.next_ms = now.uptime_ms + EVERY_MS;
        let known: BTreeSet<Did> = members.known().chain(self.told.keys().copied()).collect();
        for did in known {
            let admission = members.admission(&did, now.wall);
            let before = self.told.get(&did).copied().unwrap_or(Admission::Stranger);
            if admission == before {
                continue;
            }
            if admission == Admission::Stranger {
                self.told.remove(&did);
            } else {
                self.told.insert(did, admission);
            }
            actions.push(Action::Admission(did, admission));
        }
    }
}
