//! What leaves the log, in bounded steps; the sums follow.

use super::{Log, limit};
use crate::key::Did;
use crate::mesh::{Element, LogError, Pruned};
use jiff::Timestamp;
use rusqlite::params;

/// Rows removed in one step, so that nobody waits long for it.
const STEP: usize = 2_048;
/// Rows removed between two looks at the size, at most.
const CAP_ROWS: usize = 64;
/// Pages given back to the system in one step.
const VACUUM_PAGES: i64 = 500;

impl Log {
    pub(super) fn used_bytes(&self) -> Result<u64, LogError> {
        let pages = self.pragma("page_count")? - self.pragma("freelist_count")?;
        Ok((pages * self.pragma("page_size")?).unsigned_abs())
    }

    fn pragma(&self, name: &str) -> Result<i64, LogError> {
        self.run(|sql| sql.pragma_query_value(None, name, |row| row.get(0)))
    }

    /// Runs a DELETE that returns elements.
    fn remove(&mut self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Element>, LogError> {
        let read = |row: &rusqlite::Row<'_>| Ok(Element(row.get(0)?));
        let gone: Vec<Element> = self.run(|sql| sql.prepare_cached(query)?.query_map(parameters, read)?.collect())?;
        for element in &gone {
            self.sums.remove(element);
        }
        Ok(gone)
    }

    pub(super) fn remove_said(&mut self, author: &Did, agent: Option<&str>, most: usize) -> Result<usize, LogError> {
        const ALL: &str = "DELETE FROM events WHERE place IN (SELECT place FROM events
            WHERE substr(author, 1, 8) = substr(?1, 1, 8) AND author = ?1 AND about IS NULL LIMIT ?2)
            RETURNING element";
        const AGENT: &str = "DELETE FROM events WHERE place IN (SELECT place FROM events
            WHERE substr(author, 1, 8) = substr(?1, 1, 8) AND agent = ?3 AND author = ?1 AND about IS NULL LIMIT ?2)
            RETURNING element";
        let (author, most) = (author.public_key(), limit(most));
        let gone = match agent {
            None => self.remove(ALL, params![author, most])?,
            Some(agent) => self.remove(AGENT, params![author, most, agent])?,
        };
        Ok(gone.len())
    }

    pub(super) fn prune_step(&mut self, now: Timestamp, cap_bytes: u64) -> Result<Pruned, LogError> {
        const EXPIRED: &str = "
            DELETE FROM events WHERE place IN (SELECT place FROM events AS old WHERE expires_ms < ?1
                AND NOT (revokes = 1 AND EXISTS (SELECT 1 FROM events AS enrolled
                    WHERE enrolled.about = old.about AND enrolled.revokes = 0 AND enrolled.expires_ms >= ?1))
                LIMIT ?2) RETURNING element";
        let expired = self.remove(EXPIRED, params![now.as_millisecond(), limit(STEP)])?.len();
        let mut pruned = Pruned { expired: expired as u64, more: expired == STEP, ..Pruned::default() };
        let mut left = STEP;
        loop {
            let used = self.used_bytes()?;
            if used <= cap_bytes {
                break;
            }
            if left == 0 {
                pruned.more = true;
                break;
            }
            // As many as are too much, if they are of average size.
            let excess = u128::from(used - cap_bytes) * u128::from(self.sums.count()) / u128::from(used.max(1));
            let rows = usize::try_from(excess).unwrap_or(CAP_ROWS).clamp(1, CAP_ROWS);
            let mut gone = self.drop_plain(rows)?;
            pruned.plain += gone as u64;
            if gone == 0 {
                gone = self.drop_open(rows)?;
                pruned.open += gone as u64;
            }
            if gone == 0 {
                break;
            }
            left = left.saturating_sub(gone);
        }
        if pruned.plain + pruned.open > 0 {
            let (plain, open) = (self.floors.plain.0, self.floors.open.0);
            self.run(|sql| sql.execute("INSERT OR REPLACE INTO floors VALUES (0, ?1, ?2)", [plain, open]))?;
        }
        // A log at its limit fills again what it has freed.
        if self.pragma("freelist_count")? > self.pragma("page_count")? / 8 {
            self.run(|sql| sql.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})")))?;
        }
        Ok(pruned)
    }

    /// The oldest that nobody waits for.
    fn drop_plain(&mut self, rows: usize) -> Result<usize, LogError> {
        const OLDEST: &str = "DELETE FROM events WHERE place IN (SELECT place FROM events INDEXED BY by_element
            WHERE element >= ?1 AND open = 0 AND about IS NULL ORDER BY element LIMIT ?2) RETURNING element";
        let from = self.oldest;
        let gone = self.remove(OLDEST, params![from.0, limit(rows)])?;
        self.oldest = gone.iter().max().map_or(Element::END, Element::next);
        if !gone.is_empty() {
            self.floors.plain = self.floors.plain.max(self.oldest);
        }
        Ok(gone.len())
    }

    /// The oldest requests that no Leader has answered.
    fn drop_open(&mut self, rows: usize) -> Result<usize, LogError> {
        const OLDEST: &str = "DELETE FROM events WHERE place IN (SELECT place FROM events INDEXED BY kept
            WHERE (open = 1 OR about IS NOT NULL) AND open = 1 AND about IS NULL ORDER BY element LIMIT ?1)
            RETURNING element";
        let gone = self.remove(OLDEST, [limit(rows)])?;
        if let Some(last) = gone.iter().max() {
            self.floors.open = self.floors.open.max(last.next());
        }
        Ok(gone.len())
    }
}
