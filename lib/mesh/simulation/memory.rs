//! The event log in memory, for simulated nodes: it outlives their crashes.
//!
//! Like a database's, a batch that was not committed is undone when the node
//! starts again, however far it had got. Events themselves are kept once for
//! all nodes, so that ten thousand logs fit into memory.

pub use super::rows::{Break, Refuses};
use super::rows::{Kept, Rows, Undo};
use crate::event::Event;
use crate::key::Did;
use crate::mesh::{
    Consumer, Consumers, Element, Floors, Id, Known, Log, LogError, Mark, Opener, Pruned, Reader, Record, Row, Set,
    Span, Sum, Sums, Totals, View,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// Events that are in any log.
pub type Pool = Arc<Mutex<HashMap<Element, Arc<Event>>>>;

#[derive(Clone, Default)]
pub struct Memory {
    rows: Arc<Mutex<Rows>>,
    pool: Pool,
    consumers: Arc<Mutex<BTreeMap<String, Consumer>>>,
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
        self.rows()
            .by_place
            .values()
            .map(|row| row.event.id().to_owned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// All elements, sorted. Their sum is the one that is kept.
    pub fn held(&self) -> Vec<Element> {
        let rows = self.rows();
        let held: Vec<Element> = rows.places.keys().copied().collect();
        let kept = rows.sums.sum(&Span::ALL, &mut |_| panic!("one bucket at least is whole"));
        assert_eq!(kept.expect("nothing fails here"), Sum::of_all(&held));
        held
    }

    /// How many records there are.
    #[cfg(test)]
    pub fn records_held(&self) -> usize {
        self.rows().elements(View::Records, &Span::ALL).count()
    }

    /// The next batch breaks off there.
    pub fn break_at(&self, breaks: Break) {
        self.rows().breaks = Some(breaks);
    }

    /// It works no more, or again.
    #[cfg(test)]
    pub fn refuse(&self, what: Option<Refuses>) {
        self.rows().refuses = what;
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
}

impl Memory {
    fn holds(&self) -> Totals {
        let rows = self.rows();
        let newest = rows.by_place.values().next_back().map(|row| row.event.time());
        Totals { events: rows.by_place.len() as u64, bytes: rows.bytes, newest }
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
        let mut rows = self.rows();
        rows.refuse(Refuses::Begin)?;
        rows.undo.clear();
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let mut rows = self.rows();
        rows.refuse(Refuses::Commit)?;
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
        let element = Element::of(event).expect("an event's id");
        let mut rows = self.rows();
        rows.write()?;
        if rows.places.contains_key(&element) {
            return Ok(false);
        }
        let mut pool = self.pool.lock().expect("no test panics with it");
        let event = pool.entry(element).or_insert_with(|| Arc::new(event.clone())).clone();
        rows.last_place += 1;
        let place = rows.last_place;
        rows.add(Kept { place, element, open: mark.open, record: mark.record.clone(), event });
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

    fn no_records(&self, author: &Did) -> Result<Vec<Vec<u8>>, LogError> {
        let says_who_belongs = |row: &Kept| ["enrolled", "revoked"].contains(&row.event.kind());
        Ok(self.select(|row| row.record.is_none() && row.event.author() == *author && says_who_belongs(row)))
    }

    fn mark(&mut self, element: &Element, record: Option<&Record>) -> Result<(), LogError> {
        let mut rows = self.rows();
        rows.write()?;
        let Some(place) = rows.places.get(element).copied() else { return Ok(()) };
        let row = rows.by_place.get_mut(&place).expect("it was just there");
        let before = std::mem::replace(&mut row.record, record.cloned());
        rows.undo.push(Undo::Mark(place, before));
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

    fn get(&self, element: &Element) -> Result<Option<Vec<u8>>, LogError> {
        let rows = self.rows();
        Ok(rows.places.get(element).map(|place| rows.by_place[place].event.wire().to_vec()))
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

    fn remove_source(&mut self, author: &Did, agent: Option<&str>, most: usize) -> Result<usize, LogError> {
        let mut rows = self.rows();
        let mut places = rows.select(|row| {
            let said = row.event.author() == *author && (agent.is_none() || row.event.agent() == agent);
            said && row.record.is_none()
        });
        places.truncate(most);
        rows.remove(&places)
    }

    fn prune(&mut self, now: Timestamp, cap_bytes: u64) -> Result<Pruned, LogError> {
        let mut rows = self.rows();
        let expired: Vec<u64> = rows.expiries.range(..(now, 0)).map(|(_, place)| *place).collect();
        let expired = rows.remove(&expired)? as u64;
        let before = rows.floors;
        let (plain, below) = rows.shrink(cap_bytes, Kept::is_plain)?;
        rows.floors.plain = rows.floors.plain.max(below);
        let (open, below) = rows.shrink(cap_bytes, |row| row.open && row.record.is_none())?;
        rows.floors.open = rows.floors.open.max(below);
        rows.undo.push(Undo::Floors(before));
        Ok(Pruned { expired, plain, open, more: false })
    }

    fn last_place(&self) -> u64 {
        self.rows().last_place
    }
}

impl Set for Memory {
    fn has(&self, element: &Element) -> Result<bool, LogError> {
        Ok(self.rows().places.contains_key(element))
    }

    fn elements(&self, view: View, span: &Span, most: usize) -> Result<Vec<Element>, LogError> {
        Ok(self.rows().elements(view, span).take(most).collect())
    }

    fn sum(&self, view: View, span: &Span) -> Result<Sum, LogError> {
        let rows = self.rows();
        let mut list = |span: &Span| Ok(rows.elements(view, span).collect::<Vec<_>>());
        if view == View::All { rows.sums.sum(span, &mut list) } else { Ok(Sum::of_all(&list(span)?)) }
    }

    fn cuts(&self, view: View, span: &Span, pieces: usize) -> Result<Vec<Element>, LogError> {
        let rows = self.rows();
        let mut list = |span: &Span| Ok(rows.elements(view, span).collect::<Vec<_>>());
        if view == View::All {
            rows.sums.cuts(span, pieces, &mut list)
        } else {
            Ok(Sums::even(list(span)?, span, pieces))
        }
    }

    fn floors(&self) -> Floors {
        self.rows().floors
    }
}

impl Reader for Memory {
    fn before(&mut self, time_ms: i64) -> Result<u64, LogError> {
        let rows = self.rows();
        let first = rows.by_place.values().find(|row| row.event.time().as_millisecond() >= time_ms);
        Ok(first.map_or(rows.last_place, |row| row.place - 1))
    }

    fn after(&mut self, place: u64, open_only: bool, each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<(), LogError> {
        for row in self.rows().by_place.range(place + 1..).map(|(_, row)| row).filter(|row| row.open || !open_only) {
            if !each(shown(row)) {
                break;
            }
        }
        Ok(())
    }

    fn known(&mut self) -> Result<Vec<Known>, LogError> {
        let rows = self.rows();
        let consumers = self.consumers.lock().expect("no test panics with it");
        let known = |(name, consumer): (&String, &Consumer)| {
            let is_wanted =
                |row: &&Kept| consumer.since_ms.is_none_or(|since| row.event.time().as_millisecond() >= since);
            let behind = rows.by_place.range(consumer.place + 1..).map(|(_, row)| row);
            let waiting = behind.filter(is_wanted).count() as u64;
            Known { name: name.clone(), consumer: *consumer, waiting, used: Timestamp::UNIX_EPOCH }
        };
        Ok(consumers.iter().map(known).collect())
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
