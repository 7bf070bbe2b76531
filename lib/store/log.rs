//! The event log, `log.db`: what a node holds, in the order of arrival.
//!
//! Must not know which events count: the mesh marks them.

mod consumers;

use super::database::{Database, Error, Schema};
use crate::event::Event;
use crate::key::Did;
use crate::mesh::{self, Fingerprint, Id, LogError, Mark, Opener, Row, Totals, id_of};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Rows, params};
use std::path::Path;

/// `log.db`'s schema.
pub const LOG: Schema = Schema {
    name: "event log",
    application_id: 0x636f_6c67,
    migrations: &[
        "
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
    ",
        "
        CREATE TABLE consumers (
            name TEXT PRIMARY KEY,
            place INTEGER NOT NULL,
            since_ms INTEGER,
            used_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    ",
    ],
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

    fn totals(&self) -> Result<Totals, LogError> {
        let (events, newest) = self.run(|sql| {
            let events: i64 = sql.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
            let newest = "SELECT time_ms FROM events ORDER BY place DESC LIMIT 1";
            Ok((events, sql.query_row(newest, [], |row| row.get(0)).optional()?))
        })?;
        let newest = newest.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Ok(Totals { events: events.unsigned_abs(), bytes: self.used_bytes()?, newest })
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

/// Events go, and with them the last place; where a consumer has been, no new
/// event may stand.
fn last_place(sql: &Connection) -> Result<i64, rusqlite::Error> {
    const LAST: &str = "SELECT max(coalesce((SELECT max(place) FROM events), 0),
        coalesce((SELECT max(place) FROM consumers), 0))";
    sql.query_row(LAST, [], |row| row.get(0))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LogError {
    LogError(Box::new(error))
}

#[cfg(test)]
mod tests;
