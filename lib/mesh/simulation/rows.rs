//! The rows of a log in memory, and how a half-written batch is taken back.

use crate::event::Event;
use crate::mesh::{Element, Floors, Id, LogError, Record, Span, Sums, View, id_of};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A row.
#[derive(Clone)]
pub struct Kept {
    pub place: u64,
    pub element: Element,
    pub open: bool,
    pub record: Option<Record>,
    pub event: Arc<Event>,
}

impl Kept {
    /// What the size cap takes first.
    pub fn is_plain(&self) -> bool {
        !self.open && self.record.is_none()
    }

    pub fn is_in(&self, view: View) -> bool {
        match view {
            View::All => true,
            View::Kept => !self.is_plain(),
            View::Records => self.record.is_some(),
        }
    }
}

/// What takes back one write of a batch.
pub enum Undo {
    Insert(u64),
    Close(u64),
    Mark(u64, Option<Record>),
    Remove(Kept),
    Floors(Floors),
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

/// What a log that works no more refuses: the disk is full, the file is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuses {
    /// To begin a batch.
    Begin,
    /// To make one durable.
    Commit,
}

#[derive(Default)]
pub struct Rows {
    pub last_place: u64,
    pub by_place: BTreeMap<u64, Kept>,
    pub places: BTreeMap<Element, u64>,
    pub sums: Sums,
    pub floors: Floors,
    pub bytes: u64,
    pub expiries: BTreeSet<(Timestamp, u64)>,
    pub replies: HashMap<Id, Vec<u64>>,
    pub undo: Vec<Undo>,
    pub breaks: Option<Break>,
    pub broken: bool,
    pub refuses: Option<Refuses>,
}

impl Rows {
    /// Before each write: may be where the node is killed.
    pub fn write(&mut self) -> Result<(), LogError> {
        match &mut self.breaks {
            Some(Break::Write(0)) => self.broken = true,
            Some(Break::Write(left)) => *left -= 1,
            _ => {}
        }
        if self.broken { Err(LogError("killed".into())) } else { Ok(()) }
    }

    /// Fails where it was asked to.
    pub fn refuse(&self, what: Refuses) -> Result<(), LogError> {
        if self.refuses == Some(what) { Err(LogError("it works no more".into())) } else { Ok(()) }
    }

    pub fn add(&mut self, row: Kept) {
        self.places.insert(row.element, row.place);
        self.bytes += row.event.wire().len() as u64;
        self.expiries.insert((row.event.expires(), row.place));
        let Self { places, sums, .. } = self;
        let mut list = |span: &Span| Ok(places.range(span.from..span.to).map(|(element, _)| *element).collect());
        sums.add(&row.element, &mut list).expect("nothing fails here");
        if let Some(request) = row.event.in_reply_to().and_then(id_of) {
            self.replies.entry(request).or_default().push(row.place);
        }
        self.by_place.insert(row.place, row);
    }

    pub fn take(&mut self, place: u64) -> Option<Kept> {
        let row = self.by_place.remove(&place)?;
        self.places.remove(&row.element);
        self.bytes -= row.event.wire().len() as u64;
        self.expiries.remove(&(row.event.expires(), place));
        self.sums.remove(&row.element);
        if let Some(replies) = row.event.in_reply_to().and_then(id_of).and_then(|id| self.replies.get_mut(&id)) {
            replies.retain(|reply| *reply != place);
        }
        Some(row)
    }

    /// Removes these rows, for the time being.
    pub fn remove(&mut self, places: &[u64]) -> Result<usize, LogError> {
        for place in places {
            self.write()?;
            let row = self.take(*place);
            self.undo.extend(row.map(Undo::Remove));
        }
        Ok(places.len())
    }

    /// The places of such rows, in the order of elements.
    pub fn select(&self, leaves: impl Fn(&Kept) -> bool) -> Vec<u64> {
        let rows = self.places.values().map(|place| &self.by_place[place]);
        rows.filter(|row| leaves(row)).map(|row| row.place).collect()
    }

    /// Removes the first of these rows until the log is small enough. Says how
    /// many, and what is behind the last of them.
    pub fn shrink(&mut self, cap_bytes: u64, leaves: impl Fn(&Kept) -> bool) -> Result<(u64, Element), LogError> {
        let (mut count, mut floor) = (0, Element::FIRST);
        if self.bytes > cap_bytes {
            for place in self.select(leaves) {
                if self.bytes <= cap_bytes {
                    break;
                }
                floor = self.by_place[&place].element.next();
                count += self.remove(&[place])? as u64;
            }
        }
        Ok((count, floor))
    }

    pub fn undo(&mut self) {
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
                Undo::Mark(place, record) => {
                    if let Some(row) = self.by_place.get_mut(&place) {
                        row.record = record;
                    }
                }
                Undo::Remove(row) => self.add(row),
                Undo::Floors(floors) => self.floors = floors,
            }
        }
    }

    pub fn with_id(&self, id: &Id) -> impl Iterator<Item = &Kept> {
        let span = Element::span_of(id);
        self.places.range(span.from..span.to).map(|(_, place)| &self.by_place[place])
    }

    pub fn elements(&self, view: View, span: &Span) -> impl Iterator<Item = Element> {
        let rows = self.places.range(span.from..span.to).map(|(_, place)| &self.by_place[place]);
        rows.filter(move |row| row.is_in(view)).map(|row| row.element)
    }
}
