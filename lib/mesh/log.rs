//! The event log as the mesh sees it: the port that `store` fills.

use super::consume::{Consumers, Known};
use super::element::{Element, Span, Sum};
use crate::event::Event;
use crate::key::Did;
use jiff::Timestamp;
use std::error::Error;
use uuid::Uuid;

/// An event's id as its 16 bytes; UUIDv7 ids sort by the time in them.
pub type Id = [u8; 16];

/// The 16 bytes of an id's text; `None` if it is no UUID.
pub fn id_of(text: &str) -> Option<Id> {
    Uuid::try_parse(text).ok().map(Uuid::into_bytes)
}

/// The log could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the event log: {0}")]
pub struct LogError(#[source] pub Box<dyn Error + Send + Sync>);

/// What the rules say of an event when it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// A request that no Leader has answered.
    pub open: bool,
    /// Says who belongs; exempt from the size cap.
    pub record: Option<Record>,
}

/// A Leader's `enrolled`, or a `revoked` that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose key it is about.
    pub about: Did,
    /// A `revoked`: it outlives every `enrolled` about the same key.
    pub revokes: bool,
}

/// A part of the log's elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// All of them.
    #[default]
    All,
    /// Records and open requests: what the size cap spares longest.
    Kept,
    /// Records alone.
    Records,
}

/// Up to where the size cap has removed events, which are not to be fetched
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floors {
    /// No event below this one is wanted that is not an open request or a record.
    pub plain: Element,
    /// Below this one only records are.
    pub open: Element,
}

impl Default for Floors {
    fn default() -> Self {
        Self { plain: Element::FIRST, open: Element::FIRST }
    }
}

/// What a log holds in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events.
    pub events: u64,
    /// What they take on disk.
    pub bytes: u64,
    /// When the event that came last was made, by its author's clock.
    pub newest: Option<Timestamp>,
}

/// What one step of pruning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events that had expired.
    pub expired: u64,
    /// Over the cap: answered requests and whatever nobody answers.
    pub plain: u64,
    /// Over the cap, with nothing else left: open requests.
    pub open: u64,
    /// There is more to remove.
    pub more: bool,
}

/// The log as the set that nodes compare.
pub trait Set {
    /// Is this element there?
    fn has(&self, element: &Element) -> Result<bool, LogError>;

    /// The first `most` elements of a span, in order.
    fn elements(&self, view: View, span: &Span, most: usize) -> Result<Vec<Element>, LogError>;

    /// The sum of a span.
    fn sum(&self, view: View, span: &Span) -> Result<Sum, LogError>;

    /// Up to `pieces` − 1 elements that cut a span into about equal pieces.
    fn cuts(&self, view: View, span: &Span, pieces: usize) -> Result<Vec<Element>, LogError>;

    /// What is not to be fetched.
    fn floors(&self) -> Floors;
}

/// One stored event, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its place in the order of arrival; rises, and is never given twice.
    pub place: u64,
    /// The short type.
    pub kind: &'a str,
    /// The UCXL address.
    pub subject: &'a str,
    /// When its author says it was made, Unix time in ms.
    pub time_ms: i64,
    /// From when on it counts for nothing, Unix time in ms.
    pub expires_ms: i64,
    /// The wire form.
    pub wire: &'a [u8],
}

/// Opens readers of a log.
pub type Opener<R> = Box<dyn Fn() -> Result<R, LogError> + Send + Sync>;

/// The log, held by one node. Writes happen between [`Log::begin`] and
/// [`Log::commit`]; reads see them at once.
pub trait Log: Consumers + Set + Send {
    /// What reads beside it, from another thread.
    type Reader: Reader + 'static;

    /// What opens readers of what is committed, from any thread.
    fn opener(&self) -> Opener<Self::Reader>;

    /// Starts a batch.
    fn begin(&mut self) -> Result<(), LogError>;

    /// The batch is on disk when this returns.
    fn commit(&mut self) -> Result<(), LogError>;

    /// Forgets the batch.
    fn roll_back(&mut self);

    /// Adds an event; false if its element is there already.
    fn insert(&mut self, event: &Event, mark: &Mark) -> Result<bool, LogError>;

    /// A Leader has answered these requests: the events of this id and subject
    /// whose short type is one of `kinds`.
    fn answered(&mut self, id: &Id, subject: &str, kinds: &[&str]) -> Result<(), LogError>;

    /// The events of this id: one, unless it was given twice.
    fn with_id(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError>;

    /// The events that say they answer this id.
    fn replies(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError>;

    /// The event of this element.
    fn get(&self, element: &Element) -> Result<Option<Vec<u8>>, LogError>;

    /// Every event that says who belongs, in the order of arrival.
    fn records(&self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError>;

    /// An author's `enrolled` and `revoked` that are no records, as the log has
    /// it down.
    fn no_records(&self, author: &Did) -> Result<Vec<Vec<u8>>, LogError>;

    /// Notes, in the batch that was begun, that an event says who belongs, or
    /// that it does not.
    fn mark(&mut self, element: &Element, record: Option<&Record>) -> Result<(), LogError>;

    /// Up to `most` open requests of one short type and one author, in the
    /// order of arrival.
    fn open_requests(&self, kind: &str, author: &Did, most: usize) -> Result<Vec<Vec<u8>>, LogError>;

    /// Removes up to `most` events that a key has said: as one agent, or in all,
    /// but no records. Says how many; fewer than `most` is all of them.
    fn remove_source(&mut self, author: &Did, agent: Option<&str>, most: usize) -> Result<usize, LogError>;

    /// Removes some of what expired before `now`, and while the log takes more
    /// than `cap_bytes` on disk some of the oldest: what is neither a record nor
    /// an open request, then open requests, never records. A bounded step.
    fn prune(&mut self, now: Timestamp, cap_bytes: u64) -> Result<Pruned, LogError>;

    /// The place of the newest event; 0 if there was none.
    fn last_place(&self) -> u64;

    /// What it holds in all.
    fn totals(&self) -> Result<Totals, LogError>;
}

/// Reads the log beside the node that writes it.
pub trait Reader: Send {
    /// Shows events behind `place` in the order of arrival, until `each` says
    /// false; with `open_only` only requests that no Leader has answered.
    fn after(&mut self, place: u64, open_only: bool, each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<(), LogError>;

    /// Before the first event of this time or later in the order of arrival.
    fn before(&mut self, time_ms: i64) -> Result<u64, LogError>;

    /// All consumers, by name. Takes as long as it takes to count what waits for
    /// each.
    fn known(&mut self) -> Result<Vec<Known>, LogError>;

    /// The event at `place` if it is a request that no Leader has answered.
    fn open_at(&mut self, place: u64, each: &mut dyn FnMut(Row<'_>)) -> Result<(), LogError>;

    /// The place of the newest event; 0 if there was none.
    fn last_place(&mut self) -> Result<u64, LogError>;
}
