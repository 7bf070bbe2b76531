//! The event log as the mesh sees it: the port that `store` fills.

use super::consume::Consumers;
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

/// How many ids a range holds and a digest of them; equal on two nodes when
/// they hold the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many.
    pub count: u64,
    /// The exclusive or of the ids' BLAKE3 digests, each cut to 16 bytes.
    pub digest: [u8; 16],
}

impl Fingerprint {
    /// Takes one more id in.
    pub fn add(&mut self, id: &Id) {
        self.count += 1;
        let digest = blake3::hash(id);
        for (sum, byte) in self.digest.iter_mut().zip(digest.as_bytes()) {
            *sum ^= byte;
        }
    }

    /// `COUNT-32 hex digits`, as it stands in frames.
    pub fn to_text(self) -> String {
        format!("{}-{}", self.count, data_encoding::HEXLOWER.encode(&self.digest))
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
pub trait Log: Consumers + Send {
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

    /// Adds an event; false if its author's event of this id is there already.
    fn insert(&mut self, event: &Event, mark: &Mark) -> Result<bool, LogError>;

    /// A Leader has answered these requests: the events of this id and subject
    /// whose short type is one of `kinds`.
    fn answered(&mut self, id: &Id, subject: &str, kinds: &[&str]) -> Result<(), LogError>;

    /// The events of this id: one, unless two authors gave the same.
    fn with_id(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError>;

    /// The events that say they answer this id.
    fn replies(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError>;

    /// Is an event of this id there?
    fn has(&self, id: &Id) -> Result<bool, LogError>;

    /// Up to `most` ids from `from` to before `to`, in order.
    fn ids(&self, from: &Id, to: &Id, most: usize) -> Result<Vec<Id>, LogError>;

    /// The fingerprint of the ids from `from` to before `to`.
    fn fingerprint(&self, from: &Id, to: &Id) -> Result<Fingerprint, LogError>;

    /// Every event that says who belongs, in the order of arrival.
    fn records(&self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError>;

    /// Up to `most` open requests of one short type and one author, in the
    /// order of arrival.
    fn open_requests(&self, kind: &str, author: &Did, most: usize) -> Result<Vec<Vec<u8>>, LogError>;

    /// Removes what a key has said: as one agent, or in all, but not what a
    /// record is.
    fn remove_source(&mut self, author: &Did, agent: Option<&str>) -> Result<u64, LogError>;

    /// Removes what expired before `now`, then the oldest that are no records
    /// while the log takes more than `cap_bytes` on disk.
    fn prune(&mut self, now: Timestamp, cap_bytes: u64) -> Result<u64, LogError>;

    /// Ids up to this one were removed for size and are not to be fetched again.
    fn floor(&self) -> Id;

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

    /// The event at `place` if it is a request that no Leader has answered.
    fn open_at(&mut self, place: u64, each: &mut dyn FnMut(Row<'_>)) -> Result<(), LogError>;

    /// The place of the newest event; 0 if there was none.
    fn last_place(&mut self) -> Result<u64, LogError>;
}
