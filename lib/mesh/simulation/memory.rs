//! The event log in memory, for simulated nodes: it outlives their crashes.

use crate::event::Event;
use crate::key::Did;
use crate::mesh::{
    Consumer, Consumers, Fingerprint, Id, Log, LogError, Mark, Opener, Reader, Record, Row, Totals, id_of,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Clone)]
struct Kept {
    place: u64,
    id: Id,
    open: bool,
    record: Option<Record>,
    event: Event,
}

#[derive(Clone, Default)]
pub struct Memory {
    rows: Arc<Mutex<(u64, Vec<Kept>)>>,
    consumers: Arc<Mutex<BTreeMap<String, Consumer>>>,
}

impl Memory {
    fn rows(&self) -> MutexGuard<'_, (u64, Vec<Kept>)> {
        self.rows.lock().expect("no test panics with it")
    }

    fn select(&self, keep: impl Fn(&Kept) -> bool) -> Vec<Vec<u8>> {
        self.rows().1.iter().filter(|row| keep(row)).map(|row| row.event.wire().to_vec()).collect()
    }

    /// All ids, sorted.
    pub fn all(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.rows().1.iter().map(|row| row.event.id().to_owned()).collect();
        ids.sort();
        ids
    }
}

impl Memory {
    fn holds(&self) -> Totals {
        let rows = self.rows();
        let bytes = rows.1.iter().map(|row| row.event.wire().len() as u64).sum();
        Totals { events: rows.1.len() as u64, bytes, newest: rows.1.last().map(|row| row.event.time()) }
    }
}

impl Log for Memory {
    type Reader = Self;

    fn opener(&self) -> Opener<Self> {
        let log = self.clone();
        Box::new(move || Ok(log.clone()))
    }

    fn totals(&self) -> Result<Totals, LogError> {
        Ok(self.holds())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn roll_back(&mut self) {}

    fn insert(&mut self, event: &Event, mark: &Mark) -> Result<bool, LogError> {
        let id = id_of(event.id()).expect("an event's id");
        let mut rows = self.rows();
        if rows.1.iter().any(|row| row.id == id && row.event.author() == event.author()) {
            return Ok(false);
        }
        rows.0 += 1;
        let place = rows.0;
        rows.1.push(Kept { place, id, open: mark.open, record: mark.record.clone(), event: event.clone() });
        Ok(true)
    }

    fn answered(&mut self, id: &Id, subject: &str, kinds: &[&str]) -> Result<(), LogError> {
        for row in &mut self.rows().1 {
            if row.id == *id && row.event.subject() == subject && kinds.contains(&row.event.kind()) {
                row.open = false;
            }
        }
        Ok(())
    }

    fn with_id(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        Ok(self.select(|row| row.id == *id))
    }

    fn replies(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        Ok(self.select(|row| row.event.in_reply_to().and_then(id_of) == Some(*id)))
    }

    fn has(&self, id: &Id) -> Result<bool, LogError> {
        Ok(self.rows().1.iter().any(|row| row.id == *id))
    }

    fn ids(&self, from: &Id, to: &Id, most: usize) -> Result<Vec<Id>, LogError> {
        let mut ids: Vec<_> = self.rows().1.iter().map(|row| row.id).filter(|id| id >= from && id < to).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(most);
        Ok(ids)
    }

    fn fingerprint(&self, from: &Id, to: &Id) -> Result<Fingerprint, LogError> {
        let mut sum = Fingerprint::default();
        self.ids(from, to, usize::MAX)?.iter().for_each(|id| sum.add(id));
        Ok(sum)
    }

    fn records(&self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError> {
        self.select(|row| row.record.is_some()).iter().for_each(|wire| each(wire));
        Ok(())
    }

    fn open_requests(&self, kind: &str, author: &Did, most: usize) -> Result<Vec<Vec<u8>>, LogError> {
        let mut open = self.select(|row| row.open && row.event.kind() == kind && row.event.author() == *author);
        open.truncate(most);
        Ok(open)
    }

    fn remove_source(&mut self, author: &Did, agent: Option<&str>) -> Result<u64, LogError> {
        let mut rows = self.rows();
        let before = rows.1.len();
        rows.1.retain(|row| {
            let said = row.event.author() == *author && (agent.is_none() || row.event.agent() == agent);
            !said || row.record.is_some()
        });
        Ok((before - rows.1.len()) as u64)
    }

    fn prune(&mut self, now: Timestamp, _cap_bytes: u64) -> Result<u64, LogError> {
        self.rows().1.retain(|row| row.event.expires() >= now);
        Ok(0)
    }

    fn floor(&self) -> Id {
        Id::default()
    }

    fn last_place(&self) -> u64 {
        self.rows().0
    }
}

impl Reader for Memory {
    fn after(&mut self, place: u64, open_only: bool, each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<(), LogError> {
        for row in self.rows().1.iter().filter(|row| row.place > place && (row.open || !open_only)) {
            if !each(shown(row)) {
                break;
            }
        }
        Ok(())
    }

    fn open_at(&mut self, place: u64, each: &mut dyn FnMut(Row<'_>)) -> Result<(), LogError> {
        self.rows().1.iter().filter(|row| row.place == place && row.open).for_each(|row| each(shown(row)));
        Ok(())
    }

    fn last_place(&mut self) -> Result<u64, LogError> {
        Ok(self.rows().0)
    }
}

fn shown(row: &Kept) -> Row<'_> {
    Row {
        place: row.place,
        kind: row.event.kind(),
        subject: row.event.subject(),
        time_ms: row.event.time().as_millisecond(),
        expires_ms: row.event.expires().as_millisecond(),
        wire: row.event.wire(),
    }
}

impl Consumers for Memory {
    fn consumer(&self, name: &str) -> Result<Option<Consumer>, LogError> {
        Ok(self.consumers.lock().expect("no test panics with it").get(name).copied())
    }

    fn consumers(&self) -> Result<u64, LogError> {
        Ok(self.consumers.lock().expect("no test panics with it").len() as u64)
    }

    fn keep_consumer(&mut self, name: &str, consumer: Consumer, _now: Timestamp) -> Result<(), LogError> {
        let mut consumers = self.consumers.lock().expect("no test panics with it");
        let kept = consumers.entry(name.to_owned()).or_insert(consumer);
        kept.place = kept.place.max(consumer.place);
        Ok(())
    }

    fn forget_consumer(&mut self, name: &str) -> Result<bool, LogError> {
        Ok(self.consumers.lock().expect("no test panics with it").remove(name).is_some())
    }

    fn forget_disused(&mut self, _before: Timestamp) -> Result<bool, LogError> {
        Ok(false)
    }

    fn relax(&mut self, _relaxed: bool) -> Result<(), LogError> {
        Ok(())
    }
}
