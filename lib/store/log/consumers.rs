//! The table of consumers: how far each named reader has got.

use super::Log;
use crate::mesh::{Consumer, Consumers, LogError};
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

impl Consumers for Log {
    fn consumer(&self, name: &str) -> Result<Option<Consumer>, LogError> {
        self.run(|sql| {
            let mut statement = sql.prepare_cached("SELECT place, since_ms FROM consumers WHERE name = ?1")?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Consumer { place: row.get::<_, i64>(0)?.unsigned_abs(), since_ms: row.get(1)? })
            };
            statement.query_row([name], read).optional()
        })
    }

    fn consumers(&self) -> Result<u64, LogError> {
        let count: i64 = self.run(|sql| sql.query_row("SELECT count(*) FROM consumers", [], |row| row.get(0)))?;
        Ok(count.unsigned_abs())
    }

    fn keep_consumer(&mut self, name: &str, consumer: Consumer, now: Timestamp) -> Result<(), LogError> {
        const KEEP: &str = "INSERT INTO consumers VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (name) DO UPDATE SET place = max(place, excluded.place), used_ms = excluded.used_ms";
        let place = consumer.place.cast_signed();
        let row = params![name, place, consumer.since_ms, now.as_millisecond()];
        self.run(|sql| sql.prepare_cached(KEEP)?.execute(row))?;
        Ok(())
    }

    fn forget_consumer(&mut self, name: &str) -> Result<bool, LogError> {
        Ok(self.run(|sql| sql.execute("DELETE FROM consumers WHERE name = ?1", [name]))? > 0)
    }

    fn forget_disused(&mut self, before: Timestamp) -> Result<bool, LogError> {
        const DISUSED: &str = "DELETE FROM consumers WHERE name =
            (SELECT name FROM consumers WHERE used_ms < ?1 ORDER BY used_ms, name LIMIT 1)";
        Ok(self.run(|sql| sql.execute(DISUSED, [before.as_millisecond()]))? > 0)
    }

    fn relax(&mut self, relaxed: bool) -> Result<(), LogError> {
        self.run(|sql| sql.pragma_update(None, "synchronous", if relaxed { "NORMAL" } else { "FULL" }))
    }
}
