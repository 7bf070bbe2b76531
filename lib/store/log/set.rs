//! The log as the set that nodes compare: elements in order, and their sums,
//! which are written in the transaction that changes them.

use super::{Log, limit, run};
use crate::mesh::{Element, Floors, LogError, Set, Span, Sum, Sums, View};
use crate::store::database::Database;
use rusqlite::{Connection, OptionalExtension as _, params};

/// The sums, as they are on disk: a row for each bucket.
pub(super) fn read(sql: &Connection) -> Result<Sums, rusqlite::Error> {
    let mut statement = sql.prepare_cached("SELECT first, count, total FROM sums")?;
    let read = |row: &rusqlite::Row<'_>| {
        let count = row.get::<_, i64>(1)?.unsigned_abs();
        Ok((Element(row.get(0)?), Sum::new(count, &row.get(2)?)))
    };
    Ok(Sums::load(statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?))
}

/// Writes what has changed.
pub(super) fn write(sql: &Connection, sums: &mut Sums) -> Result<(), rusqlite::Error> {
    let mut put = sql.prepare_cached("INSERT OR REPLACE INTO sums VALUES (?1, ?2, ?3)")?;
    let mut remove = sql.prepare_cached("DELETE FROM sums WHERE first = ?1")?;
    for (first, sum) in sums.changed() {
        match sum {
            Some(sum) => put.execute(params![first.0, sum.count.cast_signed(), sum.total()])?,
            None => remove.execute([first.0])?,
        };
    }
    Ok(())
}

pub(super) fn floors(sql: &Connection) -> Result<Floors, rusqlite::Error> {
    let read = |row: &rusqlite::Row<'_>| Ok(Floors { plain: Element(row.get(0)?), open: Element(row.get(1)?) });
    Ok(sql.query_row("SELECT plain, open FROM floors", [], read).optional()?.unwrap_or_default())
}

fn list(database: &Database, view: View, span: &Span, most: i64) -> Result<Vec<Element>, LogError> {
    let query = match view {
        View::All => "SELECT element FROM events WHERE element >= ?1 AND element < ?2 ORDER BY element LIMIT ?3",
        View::Kept => {
            "SELECT element FROM events INDEXED BY kept WHERE (open = 1 OR about IS NOT NULL)
                AND element >= ?1 AND element < ?2 ORDER BY element LIMIT ?3"
        }
        View::Records => {
            "SELECT element FROM events INDEXED BY kept WHERE (open = 1 OR about IS NOT NULL)
                AND about IS NOT NULL AND element >= ?1 AND element < ?2 ORDER BY element LIMIT ?3"
        }
    };
    run(database, |sql| {
        let mut statement = sql.prepare_cached(query)?;
        statement.query_map(params![span.from.0, span.to.0, most], |row| Ok(Element(row.get(0)?)))?.collect()
    })
}

impl Log {
    fn list(&self, view: View, span: &Span, most: i64) -> Result<Vec<Element>, LogError> {
        let elements = list(&self.database, view, span, most)?;
        #[cfg(test)]
        self.visited.set(self.visited.get() + elements.len());
        Ok(elements)
    }

    /// The sums follow an event that was inserted.
    pub(super) fn takes_in(&mut self, element: &Element) -> Result<(), LogError> {
        let Self { database, sums, .. } = self;
        sums.add(element, &mut |span| list(database, View::All, span, i64::MAX))
    }

    /// Sums, by looking at every element: what the kept ones must equal.
    #[cfg(test)]
    pub(super) fn counted_anew(&self) -> Sum {
        Sum::of_all(&list(&self.database, View::All, &Span::ALL, i64::MAX).expect("elements"))
    }
}

impl Set for Log {
    fn has(&self, element: &Element) -> Result<bool, LogError> {
        self.run(|sql| sql.prepare_cached("SELECT 1 FROM events WHERE element = ?1")?.exists([element.0]))
    }

    fn elements(&self, view: View, span: &Span, most: usize) -> Result<Vec<Element>, LogError> {
        self.list(view, span, limit(most))
    }

    fn sum(&self, view: View, span: &Span) -> Result<Sum, LogError> {
        match view {
            View::All => self.sums.sum(span, &mut |span| self.list(view, span, i64::MAX)),
            // Few, and below the floors only.
            View::Kept | View::Records => Ok(Sum::of_all(&self.list(view, span, i64::MAX)?)),
        }
    }

    fn cuts(&self, view: View, span: &Span, pieces: usize) -> Result<Vec<Element>, LogError> {
        match view {
            View::All => self.sums.cuts(span, pieces, &mut |span| self.list(view, span, i64::MAX)),
            View::Kept | View::Records => Ok(Sums::even(self.list(view, span, i64::MAX)?, span, pieces)),
        }
    }

    fn floors(&self) -> Floors {
        self.floors
    }
}
