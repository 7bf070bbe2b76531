//! Where the log has Leaders' last words on agents, by the agents' names. Made
//! of the log's records when it is first needed; new ones are added.

use super::Members;
use super::dht::{self, Words};
use super::element::Element;
use super::log::{Log, LogError};
use super::members::source_in;
use crate::event::Event;
use crate::key::Did;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// What orders two words on one name.
type Order = (u64, Timestamp);

/// Names and revocations, and the events that say so.
#[derive(Debug, Default)]
pub struct Directory {
    /// Records that were taken in.
    records: usize,
    /// With the key of the agent's host.
    words: HashMap<String, (Order, Element, Did)>,
    revoked: HashMap<(Did, Option<String>), Element>,
}

impl Directory {
    /// Reads the log's records.
    pub fn of(log: &impl Log, members: &Members) -> Result<Self, LogError> {
        let mut directory = Self::default();
        log.records(&mut |wire| {
            if let Ok(event) = Event::from_wire(wire) {
                directory.learn(&event, members);
            }
        })?;
        Ok(directory)
    }

    /// Takes in an event that the log has now.
    pub fn learn(&mut self, event: &Event, members: &Members) {
        let (Some(record), Some(element)) = (members.record(event), Element::of(event)) else { return };
        self.records += 1;
        if record.revokes {
            self.revoked.extend(source_in(event).map(|about| (about, element)));
            return;
        }
        let order = (event.sequence(), event.time());
        for name in dht::names(event) {
            let there = self.words.get(name);
            if there.is_none_or(|(last, ..)| *last < order) {
                self.words.insert(name.to_owned(), (order, element, record.about));
            }
        }
    }

    /// How many records it was made of.
    pub fn records(&self) -> usize {
        self.records
    }

    /// What the log says of a name.
    pub fn find(
        &self,
        log: &impl Log,
        name: &str,
        members: &Members,
        now: Timestamp,
    ) -> Result<Option<Words>, LogError> {
        let Some((_, element, _)) = self.words.get(name) else { return Ok(None) };
        let Some(enrolled) = event(log, element)? else { return Ok(None) };
        let words = Words::of(&[enrolled], name, members, now);
        words.map(|words| self.with_revocation(log, words, members)).transpose()
    }

    /// These words, with what the log says against them.
    pub fn with_revocation(&self, log: &impl Log, mut words: Words, members: &Members) -> Result<Words, LogError> {
        if words.revoked.is_none()
            && let Some((did, agent)) = source_in(&words.enrolled)
        {
            let about = [(did, None), (did, agent)];
            if let Some(element) = about.iter().find_map(|about| self.revoked.get(about)) {
                words.revoked = event(log, element)?.filter(|event| dht::revokes(event, &words.enrolled, members));
            }
        }
        Ok(words)
    }

    /// What the log says of every agent that it names, or of one host's.
    pub fn all(
        &self,
        log: &impl Log,
        host: Option<Did>,
        members: &Members,
        now: Timestamp,
    ) -> Result<Vec<Words>, LogError> {
        let wanted = self.words.values().filter(|(.., about)| host.is_none_or(|host| *about == host));
        let elements: BTreeSet<&Element> = wanted.map(|(_, element, _)| element).collect();
        let mut all = Vec::with_capacity(elements.len());
        for element in elements {
            let Some(enrolled) = event(log, element)? else { continue };
            let Some(name) = dht::names(&enrolled).next().map(str::to_owned) else { continue };
            if let Some(words) = Words::of(&[enrolled], &name, members, now) {
                all.push(self.with_revocation(log, words, members)?);
            }
        }
        Ok(all)
    }
}

fn event(log: &impl Log, element: &Element) -> Result<Option<Event>, LogError> {
    Ok(log.get(element)?.and_then(|wire| Event::from_wire(&wire).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Mark;
    use crate::mesh::dht::tests::{LEADER, did, enrolled, members};
    use crate::mesh::simulation::Memory;

    #[test]
    fn of_one_host_only_its_own_agents_are_read() {
        let (mut log, members) = (Memory::default(), members());
        let (mine, others) = (enrolled(LEADER, 2, "80007", 1), enrolled(LEADER, 3, "80412", 2));
        log.begin().expect("begun");
        for event in [&mine, &others] {
            log.insert(event, &Mark { open: false, record: members.record(event) }).expect("inserted");
        }
        log.commit().expect("kept");
        let directory = Directory::of(&log, &members).expect("read");
        let all = |host| {
            let all = directory.all(&log, host, &members, Timestamp::now()).expect("read");
            all.into_iter().map(|words| words.enrolled.id().to_owned()).collect::<BTreeSet<_>>()
        };
        let ids = |events: &[&Event]| events.iter().map(|event| event.id().to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(all(Some(did(2))), ids(&[&mine]));
        assert_eq!(all(None), ids(&[&mine, &others]));
        assert_eq!(all(Some(did(4))), ids(&[]));
    }
}
