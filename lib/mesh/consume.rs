//! Consumers: readers that the node knows by name, and how far each has got.
//!
//! Must not know connections: who reads under a name just now is the driver's
//! to say.

use super::action::Action;
use super::input::Now;
use super::log::{Log, LogError};
use super::node::{Batch, Node};
use crate::attach::Reply;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Names that a log keeps, at most.
pub const CONSUMERS_LIMIT: u64 = 256;
/// A name's length, at most.
pub const NAME_LIMIT: usize = 64;
/// Where there is no room for a new name, one that was not used for this long
/// is forgotten.
const DISUSED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long what was taken may be where only a power cut can lose it.
const SYNC_EVERY_MS: u64 = 1_000;

/// How far a consumer has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// It has taken all that it wanted up to this place.
    pub place: u64,
    /// It wants events from this time on, Unix time in ms; none: all.
    pub since_ms: Option<i64>,
}

/// A consumer, seen from beside the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// How far it has got.
    pub consumer: Consumer,
    /// Events behind that, of the time it wants.
    pub waiting: u64,
    /// When it last began or took something.
    pub used: Timestamp,
}

/// Where consumers are kept: beside the events, so that a place and what it
/// counts share one fate.
pub trait Consumers {
    /// How far one has got; `None` if there is none of this name.
    fn consumer(&self, name: &str) -> Result<Option<Consumer>, LogError>;

    /// How many there are.
    fn consumers(&self) -> Result<u64, LogError>;

    /// Keeps one, in the batch that was begun. A place never falls.
    fn keep_consumer(&mut self, name: &str, consumer: Consumer, now: Timestamp) -> Result<(), LogError>;

    /// Forgets one, in the batch that was begun; false if there is none.
    fn forget_consumer(&mut self, name: &str) -> Result<bool, LogError>;

    /// Forgets the one that was used last of all, if that was before `before`.
    fn forget_disused(&mut self, before: Timestamp) -> Result<bool, LogError>;

    /// With true, what is committed from now on outlives this process, but a
    /// power cut only if something is committed without it later.
    fn relax(&mut self, relaxed: bool) -> Result<(), LogError>;
}

/// What was taken and is not yet on disk for good.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    taken: BTreeMap<String, u64>,
    since_ms: Option<u64>,
}

/// May a consumer be called that?
pub fn is_consumer_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=NAME_LIMIT).contains(&name.len()) && name.bytes().all(allowed)
}

impl<L: Log, T> Node<L, T> {
    /// Where a consumer goes on, or begins. A new name is on disk before its
    /// reader hears of it.
    pub(super) fn consume(
        &mut self,
        name: &str,
        since: Option<Timestamp>,
        taken: Option<u64>,
        now: Now,
        batch: &mut Batch<T>,
    ) -> Result<Reply, LogError> {
        if !is_consumer_name(name) {
            return Ok(error("malformed", "a name is 1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        let last = self.log.last_place();
        if let Some(known) = self.log.consumer(name)? {
            let place = known.place.max(taken.unwrap_or_default().min(last));
            // In this batch it may have taken something.
            let kept = batch.taken.entry(name.to_owned()).or_default();
            *kept = place.max(*kept);
            let place = *kept;
            let since = known.since_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            return Ok(Reply::Began { place, since });
        }
        self.begin(batch)?;
        if self.log.consumers()? >= CONSUMERS_LIMIT && !self.log.forget_disused(now.wall - DISUSED)? {
            return Ok(error("full", "256 consumers are remembered already, each used within 30 days"));
        }
        let place = if since.is_some() { 0 } else { last };
        let consumer = Consumer { place, since_ms: since.map(Timestamp::as_millisecond) };
        self.log.keep_consumer(name, consumer, now.wall)?;
        Ok(Reply::Began { place, since })
    }

    /// A consumer has taken what was handed out up to `place`.
    pub(super) fn took(&mut self, ticket: T, name: String, place: u64, batch: &mut Batch<T>) {
        let place = place.min(self.log.last_place());
        let taken = batch.taken.entry(name).or_default();
        *taken = place.max(*taken);
        batch.actions.push(Action::Reply(ticket, Reply::End));
    }

    pub(super) fn forget(&mut self, name: &str, batch: &mut Batch<T>) -> Result<Reply, LogError> {
        self.begin(batch)?;
        self.unsynced.taken.remove(name);
        batch.taken.remove(name);
        let known = self.log.forget_consumer(name)?;
        Ok(if known { Reply::End } else { error("unknown", "no consumer of this name") })
    }

    fn begin(&mut self, batch: &mut Batch<T>) -> Result<(), LogError> {
        if !batch.began {
            self.log.begin()?;
            batch.began = true;
        }
        Ok(())
    }

    /// Writes down what was taken: with the batch's events under their sync,
    /// else without one, so that many small steps cost none.
    pub(super) fn keep_taken(&mut self, batch: &mut Batch<T>, now: Now) -> Result<(), LogError> {
        if !batch.began && batch.taken.is_empty() {
            return Ok(());
        }
        if batch.began {
            self.unsynced.taken.append(&mut batch.taken);
            self.unsynced.since_ms.get_or_insert(now.uptime_ms);
            for (name, place) in &self.unsynced.taken {
                self.log.keep_consumer(name, Consumer { place: *place, since_ms: None }, now.wall)?;
            }
            return Ok(());
        }
        self.log.relax(true)?;
        let written = self.log.begin().and_then(|()| {
            for (name, place) in &batch.taken {
                self.log.keep_consumer(name, Consumer { place: *place, since_ms: None }, now.wall)?;
            }
            self.log.commit()
        });
        if written.is_err() {
            self.log.roll_back();
        }
        self.log.relax(false)?;
        written?;
        self.unsynced.taken.append(&mut batch.taken);
        self.unsynced.since_ms.get_or_insert(now.uptime_ms);
        Ok(())
    }

    /// A batch is on disk, and with it all that was taken.
    pub(super) fn synced(&mut self) {
        self.unsynced = Unsynced::default();
    }

    /// Is there something taken that has waited long enough for its sync?
    pub(super) fn sync_due(&self, now: Now) -> bool {
        self.unsynced.since_ms.is_some_and(|since| now.uptime_ms >= since + SYNC_EVERY_MS)
    }
}

fn error(code: &str, reason: &str) -> Reply {
    Reply::Error { code: code.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::Request;
    use crate::event::{Draft, Stamp};
    use crate::key::Key;
    use crate::mesh::{Config, Input, Origin};

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "a.b-c_9", &"x".repeat(NAME_LIMIT)] {
            assert!(is_consumer_name(good), "{good}");
        }
        for bad in ["", " ", "a b", "a/b", "ä", "a\n", &"x".repeat(NAME_LIMIT + 1)] {
            assert!(!is_consumer_name(bad), "{bad}");
        }
    }

    fn node(folder: &std::path::Path) -> Node<crate::store::Log, u8> {
        let config = Config {
            key: Key::from_seed(&[1; 32]),
            fleet: None,
            leads: false,
            nodes: std::sync::Arc::default(),
            targets: Vec::new(),
            log_limit_bytes: 1 << 20,
            seed: 1,
        };
        Node::new(config, crate::store::Log::open(&folder.join("log.db")).expect("a log")).expect("a node")
    }

    fn at(days: i64) -> Now {
        let wall = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + days));
        Now { wall, uptime_ms: days.unsigned_abs() * 86_400_000 }
    }

    fn reply(node: &mut Node<crate::store::Log, u8>, input: Input<u8>, now: Now) -> Reply {
        let replies = node.handle([input], now).into_iter().filter_map(|action| match action {
            Action::Reply(1, reply) => Some(reply),
            _ => None,
        });
        replies.last().expect("a reply")
    }

    fn asked(origin: Origin, name: &str, since: Option<Timestamp>, taken: Option<u64>) -> Input<u8> {
        let (name, patterns) = (name.to_owned(), vec!["ucxl://a:b@c:d".to_owned()]);
        let request = Request::Consume { name, patterns, types: vec![], since, taken, follow: true };
        Input::Ask { ticket: 1, origin, request }
    }

    fn began(reply: &Reply) -> (u64, bool) {
        let Reply::Began { place, since } = reply else { panic!("not begun: {reply:?}") };
        (*place, since.is_some())
    }

    fn code(reply: &Reply) -> &str {
        let Reply::Error { code, .. } = reply else { panic!("not refused: {reply:?}") };
        code
    }

    #[test]
    fn a_consumer_goes_on_behind_what_it_has_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = node(folder.path());
        let now = at(0);
        let draft = Draft {
            kind: "note".into(),
            subject: "ucxl://a:b@c:d".into(),
            expires: now.wall + SignedDuration::from_hours(1),
            data: 1.into(),
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        for sequence in 1..=5 {
            let ms = now.wall.as_millisecond().unsigned_abs();
            let id = uuid::Builder::from_unix_timestamp_millis(ms + sequence, &[0; 10]).into_uuid();
            let stamp = Stamp { id, time: now.wall, sequence };
            let events = vec![Ok(draft.sign(&Key::from_seed(&[1; 32]), &stamp).expect("a good draft"))];
            reply(&mut node, Input::Put { ticket: 1, origin: Origin::Local, events }, now);
        }
        let open =
            |node: &mut _, name, since, taken| began(&reply(node, asked(Origin::Local, name, since, taken), now));
        assert_eq!(open(&mut node, "now", None, None), (5, false));
        assert_eq!(open(&mut node, "all", Some(now.wall), None), (0, true));
        for (place, expected) in [(3, 3), (2, 3), (1 << 40, 5)] {
            let took = Input::Took { ticket: 1, name: "all".into(), place };
            assert_eq!(reply(&mut node, took, now), Reply::End);
            assert_eq!(open(&mut node, "all", None, None), (expected, true), "never behind, nor beyond the log");
        }
        // Also where both are in one batch.
        open(&mut node, "both", Some(now.wall), None);
        let took = Input::Took { ticket: 0, name: "both".into(), place: 2 };
        let both = node.handle([took, asked(Origin::Local, "both", None, None)], now);
        let goes_on = |action: &Action<u8>| matches!(action, Action::Reply(1, Reply::Began { place: 2, .. }));
        assert!(both.iter().any(goes_on), "{both:?}");
        assert_eq!(node.log().consumer("both").expect("asked").map(|kept| kept.place), Some(2));
        // What only the consumer knows counts, as far as it can be.
        open(&mut node, "knows", Some(now.wall), None);
        assert_eq!(open(&mut node, "knows", None, Some(4)), (4, true));
        assert_eq!(open(&mut node, "knows", None, Some(99)), (5, true));
        let peer = Origin::Peer { did: Key::from_seed(&[2; 32]).did(), address: None };
        assert_eq!(code(&reply(&mut node, asked(peer, "all", None, None), now)), "malformed");
        assert_eq!(code(&reply(&mut node, asked(Origin::Local, "a b", None, None), now)), "malformed");
    }

    #[test]
    fn what_was_taken_is_synced_a_second_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = node(folder.path());
        let now = at(0);
        reply(&mut node, asked(Origin::Local, "a", None, None), now);
        assert!(!node.sync_due(at(1)), "a new name is synced at once");
        node.handle([Input::Took { ticket: 1, name: "a".into(), place: 0 }], now);
        let later = |ms| Now { uptime_ms: now.uptime_ms + ms, ..now };
        assert!(!node.sync_due(later(SYNC_EVERY_MS - 1)) && node.sync_due(later(SYNC_EVERY_MS)));
        node.handle([Input::Tick], later(SYNC_EVERY_MS));
        assert!(!node.sync_due(at(1)));
    }

    #[test]
    fn names_are_bounded_and_the_disused_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = node(folder.path());
        let open = |node: &mut _, name: &str, now| reply(node, asked(Origin::Local, name, None, None), now);
        for number in 0..CONSUMERS_LIMIT {
            began(&open(&mut node, &format!("n{number}"), at(0)));
        }
        assert_eq!(code(&open(&mut node, "more", at(29))), "full");
        began(&open(&mut node, "n0", at(29)));
        began(&open(&mut node, "more", at(31)));
        assert_eq!(node.log().consumers().expect("asked"), CONSUMERS_LIMIT);
        assert!(node.log().consumer("n0").expect("asked").is_some(), "it was used since");
        let forget = |name: &str| Input::Ask {
            ticket: 1,
            origin: Origin::Local,
            request: Request::Forget { name: name.to_owned() },
        };
        assert_eq!(reply(&mut node, forget("more"), at(31)), Reply::End);
        assert_eq!(code(&reply(&mut node, forget("more"), at(31))), "unknown");
    }
}
