//! `log.db`'s tables, and what an older one lacks.

use super::limit;
use super::set::write;
use crate::mesh::{Element, Id, Sums};
use crate::store::database::{Database, Error, Schema};
use rusqlite::{Connection, params};

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
        // The log becomes a set of elements, with sums of them. An element needs a
        // hash, which SQL has not: [`fill`] finishes this.
        "
        ALTER TABLE events ADD COLUMN element BLOB;
        DROP INDEX by_id;
        CREATE UNIQUE INDEX by_element ON events (element);
        CREATE INDEX kept ON events (element) WHERE open = 1 OR about IS NOT NULL;
        CREATE INDEX by_time ON events (time_ms);
        CREATE INDEX by_author ON events (substr(author, 1, 8), agent);
        CREATE TABLE sums (first BLOB PRIMARY KEY, count INTEGER NOT NULL, total BLOB NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE floors (only INTEGER PRIMARY KEY CHECK (only = 0), plain BLOB NOT NULL, open BLOB NOT NULL) STRICT;
        INSERT INTO floors SELECT 0, CAST(id || zeroblob(16) AS BLOB), zeroblob(32) FROM floor;
        DROP TABLE floor;
    ",
        "
        CREATE INDEX no_records ON events (author) WHERE about IS NULL AND kind IN ('enrolled', 'revoked');
    ",
    ],
};

/// Events given their element at once, in one transaction.
const FILLED: usize = 10_000;

/// Elements in a bucket of new sums.
const BUCKET: usize = 448;

/// Gives each event of an older log its element, and makes the sums.
pub(super) fn fill(database: &mut Database) -> Result<(), Error> {
    let lacks = "SELECT 1 FROM events WHERE element IS NULL";
    if database.ask(|sql| Ok(sql.prepare(lacks)?.exists([])?))? {
        while database.write(|sql| Ok(some(sql)?))? {}
    }
    Ok(())
}

/// True if there is more to do. Sums are made with the last elements, in one
/// transaction: where there are any, they are whole.
fn some(sql: &Connection) -> Result<bool, rusqlite::Error> {
    const LACKING: &str = "SELECT place, id, wire FROM events WHERE element IS NULL LIMIT ?1";
    let mut lacking = sql.prepare_cached(LACKING)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?, Element::new(&row.get::<_, Id>(1)?, row.get_ref(2)?.as_blob()?)))
    };
    let elements: Vec<_> = lacking.query_map([limit(FILLED)], read)?.collect::<Result<_, _>>()?;
    let mut update = sql.prepare_cached("UPDATE events SET element = ?2 WHERE place = ?1")?;
    for (place, element) in &elements {
        update.execute(params![place, element.0])?;
    }
    if elements.len() == FILLED {
        return Ok(true);
    }
    sql.execute("DELETE FROM sums", [])?;
    let mut sums = Sums::default();
    let mut bucket = Vec::with_capacity(BUCKET);
    let mut rows = sql.prepare("SELECT element FROM events ORDER BY element")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        bucket.push(Element(row.get(0)?));
        if bucket.len() == BUCKET {
            sums.append(&bucket);
            bucket.clear();
        }
    }
    sums.append(&bucket);
    write(sql, &mut sums)?;
    Ok(false)
}
