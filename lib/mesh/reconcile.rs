//! Fetching from a peer what gossip has lost.
//!
//! Each side pulls for itself. A range of ids whose fingerprints are equal is
//! done; else the peer lists the ids of a small range, and a large one is cut
//! where the asker's own ids lie. One request at a time for each peer.

use super::log::{Fingerprint, Id, Log, LogError, id_of};
use crate::attach::{IDS_LIMIT, Reply, Request};
use jiff::Timestamp;
use std::collections::{HashSet, VecDeque};
use uuid::Uuid;

/// How often two peers compare what they hold.
pub const EVERY_MS: u64 = 60_000;
/// Two comparisons begin at least this far apart: each looks at all ids.
const APART_MS: u64 = 2_000;
/// The wait after a peer refused or failed; doubles up to [`EVERY_MS`].
const AFTER_FAILURE_MS: u64 = 5_000;
/// Pieces that a range is cut into.
const PIECES: usize = 16;
/// With fewer ids of its own than this, the asker has the peer list its ids.
const FEW: u64 = 1_000;
/// Ids fetched with one request; a frame holds some hundred small events.
const FETCHED: usize = 256;
/// The last millisecond that fits a UUIDv7 and an RFC 3339 year of four digits.
const LAST_MS: u64 = 253_402_207_200_000;

/// Ids by the time in them, from `from_ms` to before `to_ms`, behind `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    from_ms: u64,
    to_ms: u64,
    after: Option<Id>,
    /// Listed page by page, without fingerprints.
    listed: bool,
}

impl Range {
    /// As the log takes it: from an id to before another.
    pub fn bounds(&self) -> (Id, Id) {
        let from = self.after.map_or_else(|| first_of(self.from_ms), next_of);
        (from, first_of(self.to_ms))
    }

    /// From a request's times; `None` if they are no range.
    pub fn read(from: Timestamp, to: Timestamp, after: Option<&str>) -> Option<Self> {
        let ms = |time: Timestamp| u64::try_from(time.as_millisecond()).ok().map(|ms| ms.min(LAST_MS));
        let after = match after {
            Some(text) => Some(id_of(text)?),
            None => None,
        };
        Some(Self { from_ms: ms(from)?, to_ms: ms(to)?, after, listed: false })
    }

    fn request(&self, fingerprint: Option<Fingerprint>) -> Request {
        let time = |ms: u64| Timestamp::from_millisecond(ms.cast_signed()).unwrap_or(Timestamp::MAX);
        Request::Ids {
            from: time(self.from_ms),
            to: time(self.to_ms),
            after: self.after.map(|id| Uuid::from_bytes(id).to_string()),
            fingerprint: fingerprint.map(Fingerprint::to_text),
        }
    }
}

/// The smallest id of a millisecond.
fn first_of(ms: u64) -> Id {
    (u128::from(ms) << 80).to_be_bytes()
}

fn next_of(id: Id) -> Id {
    u128::from_be_bytes(id).saturating_add(1).to_be_bytes()
}

fn ms_of(id: &Id) -> u64 {
    (u128::from_be_bytes(*id) >> 80) as u64
}

/// Answers a peer's request for ids.
pub fn list(log: &impl Log, range: &Range, fingerprint: Option<&str>) -> Result<Reply, LogError> {
    let (from, to) = range.bounds();
    if let Some(theirs) = fingerprint {
        let ours = log.fingerprint(&from, &to)?;
        if ours.to_text() == theirs {
            return Ok(Reply::Ids { ids: Vec::new(), more: false, same: true });
        }
        if ours.count > IDS_LIMIT as u64 {
            return Ok(Reply::Ids { ids: Vec::new(), more: true, same: false });
        }
    }
    let mut ids = log.ids(&from, &to, IDS_LIMIT + 1)?;
    let more = ids.len() > IDS_LIMIT;
    ids.truncate(IDS_LIMIT);
    let ids = ids.into_iter().map(|id| Uuid::from_bytes(id).to_string()).collect();
    Ok(Reply::Ids { ids, more, same: false })
}

#[derive(Debug)]
enum Asked {
    Ids(Range),
    Get(HashSet<Id>),
}

/// How far the comparison with one peer has got.
#[derive(Debug)]
pub struct Comparison {
    next_ms: u64,
    /// Until then the next does not begin, however urgent.
    rests_ms: u64,
    failures: u32,
    /// Begin again when this one is over.
    again: bool,
    ranges: Vec<Range>,
    want: VecDeque<Id>,
    asked: Option<Asked>,
}

impl Comparison {
    /// To begin at once.
    pub fn new(now_ms: u64) -> Self {
        Self {
            next_ms: now_ms,
            rests_ms: 0,
            failures: 0,
            again: false,
            ranges: Vec::new(),
            want: VecDeque::new(),
            asked: None,
        }
    }

    /// Something may be missing: compare soon.
    pub fn soon(&mut self, now_ms: u64) {
        self.next_ms = self.next_ms.min(now_ms.max(self.rests_ms));
        self.again = true;
    }

    /// The next request, if one is due and none is under way.
    pub fn next(&mut self, log: &impl Log, now_ms: u64) -> Result<Option<Request>, LogError> {
        if self.asked.is_some() {
            return Ok(None);
        }
        if self.ranges.is_empty() && self.want.is_empty() {
            if now_ms < self.next_ms {
                return Ok(None);
            }
            self.next_ms = now_ms + EVERY_MS;
            self.rests_ms = now_ms + APART_MS;
            self.again = false;
            let from_ms = ms_of(&log.floor());
            self.ranges.push(Range { from_ms, to_ms: LAST_MS, after: None, listed: false });
        }
        if !self.want.is_empty() {
            let ids: Vec<Id> = self.want.drain(..self.want.len().min(FETCHED)).collect();
            let request = Request::Get { ids: ids.iter().map(|id| Uuid::from_bytes(*id).to_string()).collect() };
            self.asked = Some(Asked::Get(ids.into_iter().collect()));
            return Ok(Some(request));
        }
        let Some(range) = self.ranges.pop() else { return Ok(None) };
        let (from, to) = range.bounds();
        let fingerprint = if range.listed { None } else { Some(log.fingerprint(&from, &to)?) };
        self.asked = Some(Asked::Ids(range));
        Ok(Some(range.request(fingerprint)))
    }

    /// Is nothing left to be asked?
    pub fn is_over(&self) -> bool {
        self.asked.is_none() && self.ranges.is_empty() && self.want.is_empty()
    }

    /// The peer listed ids.
    pub fn listed(&mut self, log: &impl Log, ids: &[String], more: bool, same: bool) -> Result<(), LogError> {
        let Some(Asked::Ids(range)) = self.asked.take() else { return Ok(()) };
        self.failures = 0;
        let (from, to) = range.bounds();
        if same {
            return Ok(());
        }
        let mut last = None;
        for id in ids.iter().filter_map(|id| id_of(id)) {
            // Only rising ids of the range: a peer that lies does not get us
            // round for ever.
            if id < from || id >= to || last.is_some_and(|last| id <= last) {
                return Ok(());
            }
            last = Some(id);
            if id > log.floor() && !log.has(&id)? {
                self.want.push_back(id);
            }
        }
        match (more, last) {
            (true, Some(last)) => self.ranges.push(Range { after: Some(last), ..range }),
            (true, None) if !range.listed => self.cut(log, range)?,
            _ => {}
        }
        Ok(())
    }

    fn cut(&mut self, log: &impl Log, range: Range) -> Result<(), LogError> {
        let (from, to) = range.bounds();
        let own = log.fingerprint(&from, &to)?.count;
        let mut cuts = Vec::new();
        if own >= FEW {
            let ids = log.ids(&from, &to, usize::MAX)?;
            cuts.extend(ids.chunks(ids.len().div_ceil(PIECES)).skip(1).map(|piece| ms_of(&piece[0])));
            cuts.retain(|ms| range.from_ms < *ms && *ms < range.to_ms);
            cuts.dedup();
        }
        if cuts.is_empty() {
            self.ranges.push(Range { listed: true, ..range });
            return Ok(());
        }
        let mut from_ms = range.from_ms;
        let mut after = range.after;
        for to_ms in cuts.into_iter().chain([range.to_ms]) {
            self.ranges.push(Range { from_ms, to_ms, after: after.take(), listed: false });
            from_ms = to_ms;
        }
        Ok(())
    }

    /// The peer sent what it still had of what was asked for. Says which ids
    /// were: what else it sent is not taken.
    pub fn fetched(&mut self, sent: &[Id]) -> HashSet<Id> {
        let Some(Asked::Get(mut asked)) = self.asked.take() else { return HashSet::new() };
        self.failures = 0;
        let got: HashSet<Id> = sent.iter().filter(|id| asked.remove(*id)).copied().collect();
        // With no progress the rest is gone there.
        if !got.is_empty() {
            let mut rest: Vec<Id> = asked.into_iter().collect();
            rest.sort_unstable();
            self.want.extend(rest);
        }
        got
    }

    /// The peer refused, failed or did not answer.
    pub fn failed(&mut self, now_ms: u64) {
        self.asked = None;
        self.ranges.clear();
        self.want.clear();
        let wait = (AFTER_FAILURE_MS << self.failures.min(4)).min(EVERY_MS);
        self.failures += 1;
        self.next_ms = now_ms + if self.again { AFTER_FAILURE_MS.min(wait) } else { wait };
    }
}
