//! The event log, `log.db`: what a node holds, in the order of arrival.
//!
//! Must not know which events count: the mesh marks them.

use super::database::{Database, Error, Schema};
use crate::event::Event;
use crate::key::Did;
use crate::mesh::{self, Fingerprint, Id, LogError, Mark, Opener, Row, id_of};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Rows, params};
use std::path::Path;

/// `log.db`'s schema.
pub const LOG: Schema = Schema {
    name: "event log",
    application_id: 0x636f_6c67,
    migrations: &["
        CREATE TABLE events (
            place INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            author BLOB NOT NULL,
            agent TEXT,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            time_ms INTEGER NOT NULL,
            expires_ms INTEGER NOT NULL,
            in_reply_to BLOB,
            open INTEGER NOT NULL,
            about BLOB,
            revokes INTEGER NOT NULL,
            wire BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX by_id ON events (id, author);
        CREATE INDEX by_expiry ON events (expires_ms);
        CREATE INDEX by_request ON events (in_reply_to) WHERE in_reply_to IS NOT NULL;
        CREATE INDEX open_ones ON events (place) WHERE open = 1;
        CREATE INDEX records ON events (about) WHERE about IS NOT NULL;
        CREATE TABLE floor (only INTEGER PRIMARY KEY CHECK (only = 0), id BLOB NOT NULL) STRICT;
    "],
};

/// How many rows a prune takes at once, so that nobody waits long for it.
const PRUNE_ROWS: i64 = 5_000;
/// Rows removed between two looks at the size.
const CAP_ROWS: i64 = 64;

/// The node's own handle on `log.db`.
#[derive(Debug)]
pub struct Log {
    database: Database,
    last_place: i64,
    floor: Id,
}

impl Log {
    /// Opens the log, or makes it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::open_or_create(path, &LOG)?;
        let (last_place, floor) = database.ask(|sql| {
            // Fewer, larger checkpoints: each costs the same syncs.
            sql.pragma_update(None, "wal_autocheckpoint", 4_000)?;
            let floor = sql.query_row("SELECT id FROM floor", [], |row| row.get(0)).optional()?;
            Ok((last_place(sql)?, floor.unwrap_or_default()))
        })?;
        Ok(Self { database, last_place, floor })
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, LogError> {
        self.database.ask(|sql| Ok(work(sql)?)).map_err(failed)
    }

    fn wires(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Vec<u8>>, LogError> {
        self.run(|sql| sql.prepare_cached(query)?.query_map(parameters, |row| row.get(0))?.collect())
    }

    fn used_bytes(&self) -> Result<u64, LogError> {
        let number = |name| self.run(|sql| sql.pragma_query_value(None, name, |row| row.get::<_, i64>(0)));
        let pages = number("page_count")? - number("freelist_count")?;
        Ok((pages * number("page_size")?).unsigned_abs())
    }
}

impl mesh::Log for Log {
    type Reader = Reader;

    fn opener(&self) -> Opener<Reader> {
        let path = self.database.path().to_owned();
        Box::new(move || Database::read(&path, &LOG).map(Reader).map_err(failed))
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.run(|sql| sql.execute_batch("BEGIN IMMEDIATE"))
    }

    fn commit(&mut self) -> Result<(), LogError> {
        self.run(|sql| sql.execute_batch("COMMIT"))
    }

    fn roll_back(&mut self) {
        // What cannot be rolled back was not begun.
        let _ = self.run(|sql| sql.execute_batch("ROLLBACK"));
        self.last_place = self.run(last_place).unwrap_or(self.last_place);
    }

    fn insert(&mut self, event: &Event, mark: &Mark) -> Result<bool, LogError> {
        const INSERT: &str =
            "INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let Some(id) = id_of(event.id()) else { return Ok(false) };
        let place = self.last_place + 1;
        let added = self.run(|sql| {
            sql.prepare_cached(INSERT)?.execute(params![
                place,
                id,
                event.author().public_key(),
                event.agent(),
                event.kind(),
                event.subject(),
                event.time().as_millisecond(),
                event.expires().as_millisecond(),
                event.in_reply_to().and_then(id_of),
                mark.open,
                mark.record.as_ref().map(|record| *record.about.public_key()),
                mark.record.as_ref().is_some_and(|record| record.revokes),
                event.wire(),
            ])
        })?;
        if added > 0 {
            self.last_place = place;
        }
        Ok(added > 0)
    }

    fn answered(&mut self, id: &Id, subject: &str, kinds: &[&str]) -> Result<(), LogError> {
        self.run(|sql| {
            let mut statement = sql.prepare_cached(
                "UPDATE events SET open = 0 WHERE id = ?1 AND open = 1 AND subject = ?2 AND kind = ?3",
            )?;
            for kind in kinds {
                statement.execute(params![id, subject, kind])?;
            }
            Ok(())
        })
    }

    fn with_id(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        self.wires("SELECT wire FROM events WHERE id = ?1", [id])
    }

    fn replies(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        self.wires("SELECT wire FROM events WHERE in_reply_to = ?1 ORDER BY place", [id])
    }

    fn has(&self, id: &Id) -> Result<bool, LogError> {
        self.run(|sql| sql.prepare_cached("SELECT 1 FROM events WHERE id = ?1")?.exists([id]))
    }

    fn ids(&self, from: &Id, to: &Id, most: usize) -> Result<Vec<Id>, LogError> {
        const QUERY: &str = "SELECT DISTINCT id FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.run(|sql| sql.prepare_cached(QUERY)?.query_map(params![from, to, most], |row| row.get(0))?.collect())
    }

    fn fingerprint(&self, from: &Id, to: &Id) -> Result<Fingerprint, LogError> {
        self.run(|sql| {
            let mut sum = Fingerprint::default();
            let mut statement = sql.prepare_cached("SELECT DISTINCT id FROM events WHERE id >= ?1 AND id < ?2")?;
            let mut rows = statement.query([from, to])?;
            while let Some(row) = rows.next()? {
                sum.add(&row.get(0)?);
            }
            Ok(sum)
        })
    }

    fn records(&self, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError> {
        self.run(|sql| {
            let mut statement = sql.prepare_cached("SELECT wire FROM events WHERE about IS NOT NULL ORDER BY place")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get_ref(0)?.as_blob()?);
            }
            Ok(())
        })
    }

    fn open_requests(&self, kind: &str, author: &Did, most: usize) -> Result<Vec<Vec<u8>>, LogError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.wires(
            "SELECT wire FROM events WHERE open = 1 AND kind = ?1 AND author = ?2 ORDER BY place LIMIT ?3",
            params![kind, author.public_key(), most],
        )
    }

    fn remove_source(&mut self, author: &Did, agent: Option<&str>) -> Result<u64, LogError> {
        const DELETE: &str = "DELETE FROM events WHERE author = ?1 AND about IS NULL AND (?2 IS NULL OR agent = ?2)";
        let removed = self.run(|sql| sql.prepare_cached(DELETE)?.execute(params![author.public_key(), agent]))?;
        Ok(removed as u64)
    }

    fn prune(&mut self, now: Timestamp, cap_bytes: u64) -> Result<u64, LogError> {
        const EXPIRED: &str = "
            DELETE FROM events WHERE place IN (SELECT place FROM events AS old WHERE expires_ms < ?1
                AND NOT (revokes = 1 AND EXISTS (SELECT 1 FROM events AS enrolled
                    WHERE enrolled.about = old.about AND enrolled.revokes = 0 AND enrolled.expires_ms >= ?1))
                LIMIT ?2)";
        const OLDEST: &str = "
            DELETE FROM events WHERE place IN
                (SELECT place FROM events WHERE about IS NULL ORDER BY id LIMIT ?1) RETURNING id";
        let mut removed =
            self.run(|sql| sql.prepare_cached(EXPIRED)?.execute(params![now.as_millisecond(), PRUNE_ROWS]))?;
        while self.used_bytes()? > cap_bytes {
            let ids: Vec<Id> =
                self.run(|sql| sql.prepare_cached(OLDEST)?.query_map([CAP_ROWS], |row| row.get(0))?.collect())?;
            let Some(highest) = ids.iter().max() else { break };
            removed += ids.len();
            self.floor = self.floor.max(*highest);
            self.run(|sql| sql.execute("INSERT OR REPLACE INTO floor VALUES (0, ?1)", [self.floor]))?;
        }
        if removed > 0 {
            self.run(|sql| sql.execute_batch("PRAGMA incremental_vacuum(1000)"))?;
        }
        Ok(removed as u64)
    }

    fn floor(&self) -> Id {
        self.floor
    }

    fn last_place(&self) -> u64 {
        self.last_place.unsigned_abs()
    }
}

/// A second, read-only handle on `log.db`.
#[derive(Debug)]
pub struct Reader(Database);

impl Reader {
    fn run<T>(&self, work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, LogError> {
        self.0.ask(|sql| Ok(work(sql)?)).map_err(failed)
    }
}

impl mesh::Reader for Reader {
    fn after(&mut self, place: u64, open_only: bool, each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<(), LogError> {
        const ALL: &str = "SELECT place, kind, subject, time_ms, expires_ms, wire FROM events
            WHERE place > ?1 ORDER BY place";
        const OPEN: &str = "SELECT place, kind, subject, time_ms, expires_ms, wire FROM events
            WHERE place > ?1 AND open = 1 ORDER BY place";
        self.run(|sql| {
            let mut statement = sql.prepare_cached(if open_only { OPEN } else { ALL })?;
            let mut rows = statement.query([place.cast_signed()])?;
            while let Some(row) = next(&mut rows)? {
                if !each(row) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn open_at(&mut self, place: u64, each: &mut dyn FnMut(Row<'_>)) -> Result<(), LogError> {
        const ONE: &str = "SELECT place, kind, subject, time_ms, expires_ms, wire FROM events
            WHERE place = ?1 AND open = 1";
        self.run(|sql| {
            let mut statement = sql.prepare_cached(ONE)?;
            let mut rows = statement.query([place.cast_signed()])?;
            if let Some(row) = next(&mut rows)? {
                each(row);
            }
            Ok(())
        })
    }

    fn last_place(&mut self) -> Result<u64, LogError> {
        Ok(self.run(last_place)?.unsigned_abs())
    }
}

fn next<'a>(rows: &'a mut Rows<'_>) -> Result<Option<Row<'a>>, rusqlite::Error> {
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Row {
        place: row.get::<_, i64>(0)?.unsigned_abs(),
        kind: row.get_ref(1)?.as_str()?,
        subject: row.get_ref(2)?.as_str()?,
        time_ms: row.get(3)?,
        expires_ms: row.get(4)?,
        wire: row.get_ref(5)?.as_blob()?,
    }))
}

fn last_place(sql: &Connection) -> Result<i64, rusqlite::Error> {
    sql.query_row("SELECT coalesce(max(place), 0) FROM events", [], |row| row.get(0))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LogError {
    LogError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, Stamp};
    use crate::key::Key;
    use crate::mesh::{Log as _, Reader as _, Record};
    use jiff::SignedDuration;
    use uuid::{Builder, Uuid};

    fn event(seed: u8, minute: i64, bytes: usize) -> Event {
        let time = Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time");
        let draft = Draft {
            kind: "note".into(),
            subject: "ucxl://a:b@c:d".into(),
            expires: time + SignedDuration::from_mins(60),
            data: "x".repeat(bytes).into(),
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        let ms = time.as_millisecond().unsigned_abs();
        let id: Uuid = Builder::from_unix_timestamp_millis(ms, &[seed; 10]).into_uuid();
        draft.sign(&Key::from_seed(&[seed; 32]), &Stamp { id, time, sequence: 1 }).expect("a good draft")
    }

    fn add(log: &mut Log, events: &[&Event], mark: &Mark) -> Vec<bool> {
        log.begin().expect("begun");
        let added = events.iter().map(|event| log.insert(event, mark).expect("inserted")).collect();
        log.commit().expect("on disk");
        added
    }

    fn all(log: &Log) -> Vec<Id> {
        log.ids(&[0; 16], &[0xff; 16], usize::MAX).expect("ids")
    }

    #[test]
    fn what_is_committed_is_there_once_and_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.db");
        let mut log = Log::open(&path).expect("made");
        let (one, two, three) = (event(1, 0, 1), event(2, 1, 1), event(3, 2, 1));
        assert_eq!(add(&mut log, &[&two, &one, &two], &Mark::default()), [true, true, false]);
        log.begin().expect("begun");
        log.insert(&three, &Mark::default()).expect("inserted");
        log.roll_back();
        assert_eq!(log.last_place(), 2);
        drop(log);
        let mut log = Log::open(&path).expect("opened");
        assert_eq!(all(&log), [&one, &two].map(|event| id_of(event.id()).expect("an id")));
        let open = Mark { open: true, record: None };
        assert_eq!(add(&mut log, &[&three], &open), [true]);
        let mut reader = log.opener()().expect("a reader");
        let mut seen = Vec::new();
        let mut look = |reader: &mut Reader, place, open| {
            seen.clear();
            reader
                .after(place, open, &mut |row| {
                    seen.push((row.place, row.wire.to_vec()));
                    true
                })
                .expect("read");
            seen.clone()
        };
        let wires = [(1, two.wire().to_vec()), (2, one.wire().to_vec()), (3, three.wire().to_vec())];
        assert_eq!(look(&mut reader, 0, false), wires);
        assert_eq!(look(&mut reader, 2, false), wires[2..]);
        assert_eq!(look(&mut reader, 0, true), wires[2..]);
        let id = id_of(three.id()).expect("an id");
        for (subject, kind, left) in
            [("ucxl://x:b@c:d", "note", 1), ("ucxl://a:b@c:d", "pr", 1), ("ucxl://a:b@c:d", "note", 0)]
        {
            log.answered(&id, subject, &[kind]).expect("updated");
            assert_eq!(look(&mut reader, 0, true).len(), left, "{subject} {kind}");
        }
    }

    #[test]
    fn what_has_expired_goes_but_a_revocation_outlives_what_it_revokes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::open(&folder.path().join("log.db")).expect("made");
        let about = Key::from_seed(&[9; 32]).did();
        let record = |revokes| Mark { open: false, record: Some(Record { about, revokes }) };
        let (note, revoked, enrolled) = (event(1, 0, 1), event(2, 0, 1), event(3, 30, 1));
        add(&mut log, &[&note], &Mark::default());
        add(&mut log, &[&revoked], &record(true));
        add(&mut log, &[&enrolled], &record(false));
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time");
        for (minute, left) in [(60, 3), (61, 2), (90, 2), (91, 0)] {
            log.begin().expect("begun");
            log.prune(at(minute), u64::MAX).expect("pruned");
            // What was enrolled goes first; its revocation may go with the next.
            log.prune(at(minute), u64::MAX).expect("pruned");
            log.commit().expect("on disk");
            assert_eq!(all(&log).len(), left, "minute {minute}");
        }
    }

    #[test]
    fn over_its_cap_the_oldest_go_but_not_who_belongs() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::open(&folder.path().join("log.db")).expect("made");
        let mark = Mark { open: false, record: Some(Record { about: Key::from_seed(&[9; 32]).did(), revokes: false }) };
        let enrolled = event(9, 0, 1);
        add(&mut log, &[&enrolled], &mark);
        let events: Vec<_> = (1..=200).map(|n| event(n, i64::from(n), 10_000)).collect();
        add(&mut log, &events.iter().collect::<Vec<_>>(), &Mark::default());
        let cap = 1_000_000;
        log.begin().expect("begun");
        let gone = log.prune(Timestamp::from_second(1_800_000_000).expect("a time"), cap).expect("pruned");
        log.commit().expect("on disk");
        let left = all(&log);
        assert_eq!(left.len() as u64, 201 - gone);
        assert!(log.used_bytes().expect("pages") <= cap && gone < 201);
        assert_eq!(left[0], id_of(enrolled.id()).expect("an id"));
        let newest = id_of(events[199].id()).expect("an id");
        assert!(left.len() == 1 || left.contains(&newest));
        assert!(log.floor() > left[0] && !left.contains(&log.floor()));
        let floor = log.floor();
        drop(log);
        assert_eq!(Log::open(&folder.path().join("log.db")).expect("opened").floor(), floor);
    }
}
