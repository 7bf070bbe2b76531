//! What this node puts into the DHT: the records of its own host's agents, at
//! the nodes near their names, and in its own part of it what its log says of
//! everybody's.

use super::action::Action;
use super::dht::Words;
use super::directory::Directory;
use super::input::Now;
use super::log::{Log, LogError};
use super::node::{Batch, Node};
use crate::event::Event;
use crate::key::Did;
use jiff::Timestamp;

/// A node that starts knows few others: its records go out again after this,
const FIRST_MS: u64 = 5_000;
/// then each time twice as long after, up to an hour.
const EVERY_MS: u64 = 3_600_000;
/// Agents of one host, at most.
const OWN_LIMIT: usize = 64;
/// What the log says is taken over as soon as it says something new, but so
/// much later for each record in it, since all of them are read.
const HOLD_EACH_MS: u64 = 2;

/// A record for the DHT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The names it is found under.
    pub names: Vec<String>,
    /// `None`: there is to be no such record.
    pub value: Option<Vec<u8>>,
    /// Until when.
    pub expires: Timestamp,
}

impl From<&Words> for Announced {
    fn from(words: &Words) -> Self {
        Self { names: words.names(), value: words.value(), expires: words.enrolled.expires() }
    }
}

/// When the next announcement is due.
#[derive(Debug)]
pub struct Announces {
    at_ms: u64,
    wait_ms: u64,
    /// In ms of uptime; `None`: the log says nothing new.
    holds_at: Option<u64>,
}

impl Default for Announces {
    fn default() -> Self {
        Self { at_ms: 0, wait_ms: FIRST_MS, holds_at: Some(0) }
    }
}

impl<L: Log, T> Node<L, T> {
    /// The log says something new of these hosts: who belongs, and who no longer.
    pub(super) fn heard_of(&mut self, hosts: &[Did], now: Now) {
        if hosts.is_empty() {
            return;
        }
        let records = self.directory.as_ref().map_or(0, Directory::records);
        let soon = now.uptime_ms + HOLD_EACH_MS * records as u64;
        self.announces.holds_at.get_or_insert(soon);
        if hosts.contains(&self.own) {
            self.announces.at_ms = 0;
            self.announces.wait_ms = FIRST_MS;
        }
    }

    /// Puts into the DHT what is due.
    pub(super) fn announce(&mut self, now: Now, actions: &mut Vec<Action<T>>) {
        // Who does not belong has nothing to spread, but says what it knows, even
        // of its own revocation.
        let due = self.gossips && now.uptime_ms >= self.announces.at_ms;
        let holds = self.announces.holds_at.is_some_and(|at| now.uptime_ms >= at);
        if !due && !holds {
            return;
        }
        if holds {
            // What has left the log leaves the directory too.
            self.directory = None;
        }
        // Where the log says nothing new, others' agents are not read again.
        let host = (!holds).then_some(self.own);
        let all = match self.all_words(host, now) {
            Ok(all) => all,
            Err(error) => {
                let again_ms = now.uptime_ms + FIRST_MS;
                self.announces.at_ms = self.announces.at_ms.max(again_ms);
                self.announces.holds_at = self.announces.holds_at.map(|_| again_ms);
                return actions.push(Action::Failed(error));
            }
        };
        if holds {
            self.announces.holds_at = None;
            actions.push(Action::Hold(all.iter().map(Announced::from).collect()));
        }
        if due {
            self.announces.at_ms = now.uptime_ms + self.announces.wait_ms;
            self.announces.wait_ms = (self.announces.wait_ms * 2).min(EVERY_MS);
            let own = all.iter().filter(|words| words.host() == Some(self.own)).take(OWN_LIMIT);
            let own: Vec<Announced> = own.map(Announced::from).filter(|record| record.value.is_some()).collect();
            if !own.is_empty() {
                actions.push(Action::Announce(own));
            }
        }
    }

    fn all_words(&mut self, host: Option<Did>, now: Now) -> Result<Vec<Words>, LogError> {
        let directory = self.take_directory()?;
        let all = directory.all(&self.log, host, &self.members, now.wall);
        self.directory = Some(directory);
        all
    }

    /// A record was sent to be kept: these are its events, and those of the one
    /// that is there. What may be kept is the last word of all of them.
    pub(super) fn offered(
        &mut self,
        (name, events): (String, Vec<Event>),
        there: Option<Vec<u8>>,
        now: Now,
        batch: &mut Batch<T>,
    ) {
        let Some(words) = Words::of(&events, &name, &self.members, now.wall) else { return };
        let Ok(directory) = self.take_directory() else { return };
        let words = directory.with_revocation(&self.log, words, &self.members);
        self.directory = Some(directory);
        let Ok(words) = words else { return };
        let record = Announced { names: vec![name], ..Announced::from(&words) };
        if record.value != there {
            batch.actions.push(Action::Keep { record, there });
        }
    }
}
