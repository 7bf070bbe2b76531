//! The event log, `log.db`: what a node holds, in the order of arrival, and as
//! a set with its sums.
//!
//! Must not know which events count: the mesh marks them.

mod consumers;
mod prune;
mod reader;
mod schema;
mod set;

pub use reader::Reader;
pub use schema::LOG;

use super::database::{Database, Error};
use crate::event::Event;
use crate::key::Did;
use crate::mesh::{self, Element, Floors, Id, LogError, Mark, Opener, Pruned, Record, Sums, Totals, id_of};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;

/// The node's own handle on `log.db`.
#[derive(Debug)]
pub struct Log {
    database: Database,
    last_place: i64,
    sums: Sums,
    floors: Floors,
    /// Nothing below this one is removed before requests and records are: where
    /// a search for the oldest begins.
    oldest: Element,
    /// Elements looked at one by one.
    #[cfg(test)]
    visited: std::cell::Cell<usize>,
}

impl Log {
    /// Opens the log, or makes it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut database = Database::open_or_create(path, &LOG)?;
        // Fewer, larger checkpoints: each costs the same syncs.
        database.ask(|sql| Ok(sql.pragma_update(None, "wal_autocheckpoint", 4_000)?))?;
        schema::fill(&mut database)?;
        let (last_place, sums, floors) =
            database.ask(|sql| Ok((last_place(sql)?, set::read(sql)?, set::floors(sql)?)))?;
        Ok(Self {
            database,
            last_place,
            sums,
            floors,
            oldest: Element::FIRST,
            #[cfg(test)]
            visited: std::cell::Cell::default(),
        })
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, LogError> {
        run(&self.database, work)
    }

    fn wires(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Vec<u8>>, LogError> {
        self.run(|sql| sql.prepare_cached(query)?.query_map(parameters, |row| row.get(0))?.collect())
    }
}

impl mesh::Log for Log {
    type Reader = Reader;

    fn opener(&self) -> Opener<Reader> {
        let path = self.database.path().to_owned();
        Box::new(move || Database::read(&path, &LOG).map(Reader).map_err(failed))
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.database.begin().map_err(failed)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        run(&self.database, |sql| {
            set::write(sql, &mut self.sums)?;
            sql.execute_batch("COMMIT")
        })
    }

    fn roll_back(&mut self) {
        // What cannot be rolled back was not begun.
        let _ = self.run(|sql| sql.execute_batch("ROLLBACK"));
        let kept = self.run(|sql| Ok((last_place(sql)?, set::read(sql)?, set::floors(sql)?)));
        if let Ok(kept) = kept {
            (self.last_place, self.sums, self.floors) = kept;
        }
        self.oldest = Element::FIRST;
    }

    fn insert(&mut self, event: &Event, mark: &Mark) -> Result<bool, LogError> {
        const INSERT: &str =
            "INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        let Some(id) = id_of(event.id()) else { return Ok(false) };
        let element = Element::new(&id, event.wire());
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
                element.0,
            ])
        })?;
        if added == 0 {
            return Ok(false);
        }
        self.last_place = place;
        self.oldest = self.oldest.min(element);
        self.takes_in(&element)?;
        Ok(true)
    }

    fn answered(&mut self, id: &Id, subject: &str, kinds: &[&str]) -> Result<(), LogError> {
        const CLOSE: &str = "UPDATE events SET open = 0
            WHERE element >= ?1 AND element < ?2 AND open = 1 AND subject = ?3 AND kind = ?4";
        let span = Element::span_of(id);
        self.oldest = self.oldest.min(span.from);
        self.run(|sql| {
            let mut statement = sql.prepare_cached(CLOSE)?;
            for kind in kinds {
                statement.execute(params![span.from.0, span.to.0, subject, kind])?;
            }
            Ok(())
        })
    }

    fn with_id(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        let span = Element::span_of(id);
        self.wires("SELECT wire FROM events WHERE element >= ?1 AND element < ?2", [span.from.0, span.to.0])
    }

    fn get(&self, element: &Element) -> Result<Option<Vec<u8>>, LogError> {
        const ONE: &str = "SELECT wire FROM events WHERE element = ?1";
        self.run(|sql| sql.prepare_cached(ONE)?.query_row([element.0], |row| row.get(0)).optional())
    }

    fn replies(&self, id: &Id) -> Result<Vec<Vec<u8>>, LogError> {
        self.wires("SELECT wire FROM events WHERE in_reply_to = ?1 ORDER BY place", [id])
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

    fn no_records(&self, author: &Did) -> Result<Vec<Vec<u8>>, LogError> {
        // Else SQLite might look through all that a Leader has said.
        const NONE: &str = "SELECT wire FROM events INDEXED BY no_records
            WHERE about IS NULL AND kind IN ('enrolled', 'revoked') AND author = ?1 ORDER BY place";
        self.wires(NONE, [author.public_key()])
    }

    fn mark(&mut self, element: &Element, record: Option<&Record>) -> Result<(), LogError> {
        const MARK: &str = "UPDATE events SET about = ?2, revokes = ?3 WHERE element = ?1";
        // One that is a record no more may be removed, however old it is.
        self.oldest = self.oldest.min(*element);
        let about = record.map(|record| *record.about.public_key());
        let revokes = record.is_some_and(|record| record.revokes);
        self.run(|sql| sql.prepare_cached(MARK)?.execute(params![element.0, about, revokes]))?;
        Ok(())
    }

    fn open_requests(&self, kind: &str, author: &Did, most: usize) -> Result<Vec<Vec<u8>>, LogError> {
        self.wires(
            "SELECT wire FROM events WHERE open = 1 AND kind = ?1 AND author = ?2 ORDER BY place LIMIT ?3",
            params![kind, author.public_key(), limit(most)],
        )
    }

    fn remove_source(&mut self, author: &Did, agent: Option<&str>, most: usize) -> Result<usize, LogError> {
        self.remove_said(author, agent, most)
    }

    fn prune(&mut self, now: Timestamp, cap_bytes: u64) -> Result<Pruned, LogError> {
        self.prune_step(now, cap_bytes)
    }

    fn totals(&self) -> Result<Totals, LogError> {
        const NEWEST: &str = "SELECT time_ms FROM events ORDER BY place DESC LIMIT 1";
        let newest: Option<i64> = self.run(|sql| sql.query_row(NEWEST, [], |row| row.get(0)).optional())?;
        let newest = newest.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Ok(Totals { events: self.sums.count(), bytes: self.used_bytes()?, newest })
    }

    fn last_place(&self) -> u64 {
        self.last_place.unsigned_abs()
    }
}

fn run<T>(database: &Database, work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, LogError> {
    database.ask(|sql| Ok(work(sql)?)).map_err(failed)
}

/// As SQL takes it.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
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
