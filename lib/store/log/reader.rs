//! Reading beside the node that writes.

use super::{failed, last_place};
use crate::mesh::{self, Consumer, Known, LogError, Row};
use crate::store::database::Database;
use jiff::Timestamp;
use rusqlite::{Connection, Rows};

/// A second, read-only handle on `log.db`.
#[derive(Debug)]
pub struct Reader(pub(super) Database);

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

    fn before(&mut self, time_ms: i64) -> Result<u64, LogError> {
        const FIRST: &str = "SELECT coalesce(min(place) - 1, (SELECT coalesce(max(place), 0) FROM events))
            FROM events WHERE time_ms >= ?1";
        self.run(|sql| Ok(sql.prepare_cached(FIRST)?.query_row([time_ms], |row| row.get::<_, i64>(0))?.unsigned_abs()))
    }

    fn known(&mut self) -> Result<Vec<Known>, LogError> {
        const ALL: &str = "SELECT name, place, since_ms, used_ms FROM consumers ORDER BY name";
        // Once for all of them, and the index alone: the events are the whole log.
        const BEHIND: &str = "SELECT time_ms, place FROM events INDEXED BY by_time WHERE place > ?1";
        self.run(|sql| {
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Known {
                    name: row.get(0)?,
                    consumer: Consumer { place: row.get::<_, i64>(1)?.unsigned_abs(), since_ms: row.get(2)? },
                    used: Timestamp::from_millisecond(row.get(3)?).unwrap_or_default(),
                    waiting: 0,
                })
            };
            let mut all: Vec<Known> = sql.prepare_cached(ALL)?.query_map([], read)?.collect::<Result<_, _>>()?;
            let first = all.iter().map(|known| known.consumer.place).min();
            let Some(first) = first.filter(|first| last_place(sql).is_ok_and(|last| *first < last.unsigned_abs()))
            else {
                return Ok(all);
            };
            let mut behind = sql.prepare_cached(BEHIND)?;
            let mut behind = behind.query([first.cast_signed()])?;
            while let Some(row) = behind.next()? {
                let (time_ms, place) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?.unsigned_abs());
                for Known { consumer, waiting, .. } in &mut all {
                    let wanted = consumer.since_ms.is_none_or(|since_ms| time_ms >= since_ms);
                    *waiting += u64::from(wanted && place > consumer.place);
                }
            }
            Ok(all)
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
