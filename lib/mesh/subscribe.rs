//! A subscription: which stored events a reader wants, and how far it has got.
//!
//! It pulls from the log as fast as its reader takes, so it needs no queue and
//! a slow or dead reader costs the node nothing.

use super::input::Now;
use super::log::{LogError, Reader};
use crate::attach::{FRAME_LIMIT_BYTES, Reply};
use crate::ucxl::{Address, AddressError, Pattern};
use jiff::Timestamp;
use std::collections::VecDeque;

/// What fits into a frame beside its few other members.
const ROOM_BYTES: usize = FRAME_LIMIT_BYTES - 256;
/// A place and its comma.
const PLACE_BYTES: usize = 17;
/// Rows looked at in one turn, so that a pattern that matches little does not
/// hold its thread for long.
const ROWS_A_TURN: usize = 4096;
/// An unanswered request is handed out again after this: 60 s.
const AGAIN_MS: u64 = 60_000;
/// Handed out and unanswered, at most; beyond it nothing new is handed out
/// until some are answered.
const HANDED_LIMIT: usize = 100_000;
const PATTERNS_LIMIT: usize = 64;
const TYPES_LIMIT: usize = 64;

/// Why a subscription is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// No pattern, or more than 64 of them or of types.
    #[error("1 to {PATTERNS_LIMIT} patterns and at most {TYPES_LIMIT} types")]
    Count,
    /// Not a pattern.
    #[error("pattern \"{pattern}\": {source}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// Why not.
        source: AddressError,
    },
}

/// One turn's events.
#[derive(Debug, Default)]
pub struct Page {
    /// Wire forms, together small enough for a frame.
    pub events: Vec<Vec<u8>>,
    /// Each one's place.
    pub places: Vec<u64>,
    /// There may be more at once.
    pub more: bool,
    /// Look again when the node's uptime is this, even if nothing new has come.
    pub again_ms: Option<u64>,
}

/// Where a reader is in the log, and what it wants from there on.
#[derive(Debug)]
pub struct Subscription {
    patterns: Vec<Pattern>,
    types: Vec<String>,
    since_ms: i64,
    unanswered: bool,
    /// How far it has got; `None`: not yet looked where `since_ms` begins.
    place: Option<u64>,
    /// Requests that were handed out: when they are due again, and their place.
    handed: VecDeque<(u64, u64)>,
}

impl Subscription {
    /// Begins behind `last_place`, or at the log's beginning if `since` is given
    /// or `unanswered` is asked for.
    pub fn new(
        patterns: &[String],
        types: Vec<String>,
        since: Option<Timestamp>,
        unanswered: bool,
        last_place: u64,
    ) -> Result<Self, SubscriptionError> {
        if !(1..=PATTERNS_LIMIT).contains(&patterns.len()) || types.len() > TYPES_LIMIT {
            return Err(SubscriptionError::Count);
        }
        let read =
            |text: &String| text.parse().map_err(|source| SubscriptionError::Pattern { pattern: text.clone(), source });
        Ok(Self {
            patterns: patterns.iter().map(read).collect::<Result<_, _>>()?,
            types,
            since_ms: since.map_or(i64::MIN, Timestamp::as_millisecond),
            unanswered,
            place: match since {
                Some(since) if since > Timestamp::UNIX_EPOCH && !unanswered => None,
                None if !unanswered => Some(last_place),
                _ => Some(0),
            },
            handed: VecDeque::new(),
        })
    }

    /// Goes on behind `place`.
    #[must_use]
    pub fn behind(self, place: u64) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Everything up to here was looked at.
    pub fn place(&self) -> u64 {
        self.place.unwrap_or(0)
    }

    /// The next events, at most a frame full.
    pub fn next(&mut self, reader: &mut impl Reader, now: Now) -> Result<Page, LogError> {
        let mut page = Page::default();
        let mut room = ROOM_BYTES;
        let now_ms = now.wall.as_millisecond();
        while let Some((due, place)) = self.handed.front().copied() {
            if due > now.uptime_ms {
                break;
            }
            let mut full = false;
            let mut handed = false;
            reader.open_at(place, &mut |row| {
                if row.expires_ms <= now_ms {
                } else if row.wire.len() + PLACE_BYTES < room {
                    room -= row.wire.len() + 1 + PLACE_BYTES;
                    page.events.push(row.wire.to_vec());
                    page.places.push(place);
                    handed = true;
                } else {
                    full = true;
                }
            })?;
            if full {
                page.more = true;
                return Ok(page);
            }
            self.handed.pop_front();
            if handed {
                self.handed.push_back((now.uptime_ms + AGAIN_MS, place));
            }
        }
        let mut rows = 0;
        let mut more = false;
        let unanswered = self.unanswered;
        let place = match self.place {
            Some(place) => place,
            None => reader.before(self.since_ms)?,
        };
        self.place = Some(place);
        reader.after(place, unanswered, &mut |row| {
            rows += 1;
            if rows > ROWS_A_TURN || self.handed.len() >= HANDED_LIMIT {
                more = self.handed.len() < HANDED_LIMIT;
                return false;
            }
            if row.expires_ms > now_ms && self.wants(row.kind, row.subject, row.time_ms) {
                if row.wire.len() + PLACE_BYTES >= room {
                    more = true;
                    return false;
                }
                room -= row.wire.len() + 1 + PLACE_BYTES;
                page.events.push(row.wire.to_vec());
                page.places.push(row.place);
                if unanswered {
                    self.handed.push_back((now.uptime_ms + AGAIN_MS, row.place));
                }
            }
            self.place = Some(row.place);
            true
        })?;
        page.more = more;
        page.again_ms = self.handed.front().map(|(due, _)| *due);
        Ok(page)
    }

    fn wants(&self, kind: &str, subject: &str, time_ms: i64) -> bool {
        time_ms >= self.since_ms
            && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == kind))
            && subject
                .parse::<Address>()
                .is_ok_and(|address| self.patterns.iter().any(|pattern| pattern.matches(&address)))
    }
}

/// How an error about a pattern's text reads in a reply.
impl From<&SubscriptionError> for Reply {
    fn from(error: &SubscriptionError) -> Self {
        Self::Error { code: "malformed".to_owned(), reason: error.to_string() }
    }
}
