//! The event log in memory, for simulated nodes: it outlives their crashes.
//!
//! Like a database's, a batch that was not committed is undone when the node
//! starts again, however far it had got. Events themselves are kept once for
//! all nodes, so that ten thousand logs fit into memory.

use crate::event::Event;
use crate::key::Did;
use crate::mesh::{
    Consumer, Consumers, Fingerprint, Id, Log, LogError, Mark, Opener, Reader, Record, Row, Totals, id_of,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// Events that are in any log, by id and author.
pub type Pool = Arc<Mutex<HashMap<(Id, Did), Arc<Event>>>>;

#[derive(Clone)]
struct Kept {
    place: u64,
    id: Id,
    open: bool,
    record: Option<Record>,
    event: Arc<Event>,
}

/// What takes back one write of a batch.
enum Undo {
    Insert(u64),
    Close(u64),
    Remove(Kept),
}

/// Where a batch breaks off as if the node was killed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Before the write of this number: what came before it is half a batch.
    Write(u32),
    /// With everything written, before it is durable.
    BeforeCommit,
    /// The batch is durable and nobody has been told.
    AfterCommit,
}

#[derive(Default)]
struct Rows {
    last_place: u64,
    by_place: BTreeMap<u64, Kept>,
    places: BTreeMap<(Id, Did), u64>,
    replies: HashMap<Id, Vec<u64>>,
    undo: Vec<Undo>,
    breaks: Option<Break>,
    broken: bool,
}

impl Rows {
    /// Before each write: may be where the node is killed.
    fn write(&mut self) -> Result<(), LogError> {
        match &mut self.breaks {
            Some(Break::Write(0)) => self.broken = true,
            Some(Break::Write(left)) => *left -= 1,
            _ => {}
        }
        if self.broken { Err(LogError("killed".into())) } else { Ok(()) }
    }

    fn add(&mut self, row: Kept) {
        self.places.insert((row.id, row.event.author()), row.place);
        if let Some(request) = row.event.in_reply_to().and_then(id_of) {
            self.replies.entry(request).or_default().push(row.place);
        }
        self.by_place.insert(row.place, row);
    }

    fn take(&mut self, place: u64) -> Option<Kept> {
        let row = self.by_place.remove(&place)?;
        self.places.remove(&(row.id, row.event.author()));
        if let Some(replies) = row.event.in_reply_to().and_then(id_of).and_then(|id| self.replies.get_mut(&id)) {
            replies.retain(|reply| *reply != place);
        }
        Some(row)
    }

    /// Removes those rows, for the time being.
    fn remove(&mut self, leaves: impl Fn(&Kept) -> bool) -> Result<u64, LogError> {
        let places: Vec<u64> = self.by_place.values().filter(|row| leaves(row)).map(|row| row.place).collect();
        for place in &places {
            self.write()?;
            let row = self.take(*place);
            self.undo.extend(row.map(Undo::Remove));
        }
        Ok(places.len() as u64)
    }

    fn undo(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Insert(place) => {
                    self.take(place);
                    self.last_place = place - 1;
                }
                Undo::Close(place) => {
                    if let Some(row) = self.by_place.get_mut(&place) {
                        row.open = true;
                    }
                }
                Undo::Remove(row) => self.add(row),
            }
        }
    }

    fn with_id(&self, id: &Id) -> impl Iterator<Item = &Kept> {
        let of_id = self.places.range((*id, Did::from_public_key([0; 32]))..=(*id, Did::from_public_key([255; 32])));
        of_id.filter_map(|(_, place)| self.by_place.get(place))
    }
}

#[derive(Clone, Default)]
pub struct Memory {
    rows: Arc<Mutex<Rows>>,
    consumers: Arc<Mutex<BTreeMap<String, Consumer>>>,
    pool: Pool,
}

impl Memory {
    pub fn new(pool: &Pool) -> Self {
        Self { pool: pool.clone(), ..Self::default() }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().expect("no test panics with it")
    }

    fn select(&self, keep: impl Fn(&Kept) -> bool) -> Vec<Vec<u8>> {
        self.rows().by_place.values().filter(|row| keep(row)).map(|row| row.event.wire().to_vec()).collect()
    }

    /// All ids, sorted.
    pub fn all(&self) -> Vec<String> {
        self.rows().places.keys().map(|(id, _)| uuid::Uuid::from_bytes(*id).to_string()).collect()
    }

    /// The next batch breaks off there.
    pub fn break_at(&self, breaks: Break) {
        self.rows().breaks = Some(breaks);
    }

    /// Did it break off?
    pub fn is_broken(&self) -> bool {
        self.rows().broken
    }

    /// What opening a database does after a crash.
    pub fn recover(&self) {
        let mut rows = self.rows();
        rows.undo();
        rows.broken = false;
        rows.breaks = None;
    }

    fn holds(&self) -> Totals {
        let rows = self.rows();
        let bytes = rows.by_place.values().map(|row| row.event.wire().len() as u64).sum();
        Totals {
            events: rows.by_place.len() as u64,
            bytes,
            newest: rows.by_place.values().next_back().map(|row| row.event.time()),
        }
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
        self.rows().undo.clear();
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let mut rows = self.rows();
        match rows.breaks {
            Some(Break::BeforeCommit) => rows.broken = true,
            Some(Break::AfterCommit) => {
                rows.undo.clear();
                rows.broken = true;
            }
            _ => {}
        }
        rows.write()?;
        rows.undo.clear();
        Ok(())
    }

    fn roll_back(&mut self) {
        // A node that was killed rolls nothing back: that is for the next start.
        let mut rows = self.rows();
        if !rows.broken {
            rows.undo();
        }
    }

    fn insert(&mut self, event: &Event, mark: &Mark) -> Result<bool, LogError> {
        let id = id_of(event.id()).expect("an event's id");
        let key = (id, event.author());
        let mut rows = self.rows();
        rows.write()?;
        if rows.places.contains_key(&key) {
            return Ok(false);
        }
        let mut pool = self.pool.lock().expect("no test panics with it");
        let shared = pool.entry(key).or_insert_with(|| Arc::new(event.clone())).clone();
        let event = if shared.wire() == event.wire() { shared } else { Arc::new(event.clone()) };
        rows.last_place += 1;
        let place = rows.last_place;
        rows.add(Kept { place, id, open: mark.open, record: mark.record.clone(), event });
        rows.undo.push(Undo::Insert(place));
        Ok(true)
    }

    fn answered(&mut self, id: &Id, subject: &str, kinds: &[&str]) -> Result<(), LogError> {
        let mut rows = self.rows();
        rows.write()?;
        let answered = |row: &&Kept| row.open && row.event.subject() == subject && kinds.contains(&row.event.kind());
        let places: Vec<u64> = rows.with_id(id).filter(answered).map(|row| row.place).collect();
        for place in places {
            rows.by_place.get_mut(&place).expect("it was just there").open = false;
            rows.undo.push(Undo::Close(place));
        }
        Ok(())
    }

    fn with_id(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        Ok(self.rows().with_id(id).map(|row| row.event.wire().to_vec()).collect())
    }

    fn replies(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        let rows = self.rows();
        let places = rows.replies.get(id).map_or(&[][..], Vec::as_slice);
        Ok(places.iter().map(|place| rows.by_place[place].event.wire().to_vec()).collect())
    }

    fn has(&self, id: &Id) -> Result<bool, LogError> {
        Ok(self.rows().with_id(id).next().is_some())
    }

    fn ids(&self, from: &Id, to: &Id, most: usize) -> Result<Vec<Id>, LogError> {
        let lowest = Did::from_public_key([0; 32]);
        let rows = self.rows();
        let mut ids: Vec<_> = rows.places.range((*from, lowest)..(*to, lowest)).map(|((id, _), _)| *id).collect();
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
        self.rows().remove(|row| {
            let said = row.event.author() == *author && (agent.is_none() || row.event.agent() == agent);
            said && row.record.is_none()
        })
    }

    fn prune(&mut self, now: Timestamp, _cap_bytes: u64) -> Result<u64, LogError> {
        self.rows().remove(|row| row.event.expires() < now)
    }

    fn floor(&self) -> Id {
        Id::default()
    }

    fn last_place(&self) -> u64 {
        self.rows().last_place
    }
}

impl Reader for Memory {
    fn after(&mut self, place: u64, open_only: bool, each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<(), LogError> {
        for row in self.rows().by_place.range(place + 1..).map(|(_, row)| row).filter(|row| row.open || !open_only) {
            if !each(shown(row)) {
                break;
            }
        }
        Ok(())
    }

    fn open_at(&mut self, place: u64, each: &mut dyn FnMut(Row<'_>)) -> Result<(), LogError> {
        self.rows().by_place.get(&place).filter(|row| row.open).into_iter().for_each(|row| each(shown(row)));
        Ok(())
    }

    fn last_place(&mut self) -> Result<u64, LogError> {
        Ok(self.rows().last_place)
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
