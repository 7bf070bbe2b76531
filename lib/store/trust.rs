//! `trust.db`: agents and their scores over runs, which signals were counted,
//! and, where it is wanted, the log of all of it.
//!
//! Must not know how a score comes about: `trust` makes the bytes kept here.

use super::database::{Database, Error, Fault, Schema};
use crate::trust::bytes::{BytesError, RecentBytes, decode_agent, encode_agent};
use crate::trust::{Agent, Revocation};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;

const SCHEMA: Schema = Schema {
    name: "trust state",
    application_id: 0x636f_5472, // "coTr"
    migrations: &["
        CREATE TABLE agents (
            number INTEGER PRIMARY KEY,
            did TEXT NOT NULL UNIQUE,
            agent BLOB NOT NULL,
            recent BLOB NOT NULL
        ) STRICT;
        CREATE TABLE seen (signal BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE unsaid (did TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE log (
            place INTEGER PRIMARY KEY,
            run INTEGER NOT NULL,
            entries BLOB NOT NULL
        ) STRICT;
        CREATE TABLE about (
            only INTEGER PRIMARY KEY CHECK (only = 0),
            keeps_log INTEGER NOT NULL,
            runs INTEGER NOT NULL
        ) STRICT;
        INSERT INTO about VALUES (0, 0, 0);
    "],
};

/// The WAL is folded back when it has this many pages of 4 KiB: a run that
/// touches a few agents need not do it.
const CHECKPOINT_PAGES: i64 = 4_000;

/// What is kept of a signal to know it again: its id and who signed it, since
/// anybody can copy another's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKey([u8; 24]);

impl SignalKey {
    /// The key of the signal with that id, in an event of that author.
    pub fn new(id: &str, author: Option<&str>) -> Self {
        let mut key = [0; 24];
        match uuid::Uuid::try_parse(id) {
            // Ids that rise with time keep their order, so that a new one is
            // put behind the others instead of anywhere.
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut [0; 36]) == id => {
                let author = blake3::hash(author.unwrap_or_default().as_bytes());
                key[..16].copy_from_slice(uuid.as_bytes());
                key[16..].copy_from_slice(&author.as_bytes()[..8]);
            }
            _ => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(author.unwrap_or_default().as_bytes()).update(b"\0").update(id.as_bytes());
                key.copy_from_slice(&hasher.finalize().as_bytes()[..24]);
            }
        }
        Self(key)
    }
}

/// An open state.
#[derive(Debug)]
pub struct Trust {
    database: Database,
    keeps_log: bool,
    /// This process's number in the log; 0 before its first entry.
    run: i64,
    /// Others' commits seen so far, as SQLite counts them.
    version: i64,
    agent_bytes: Vec<u8>,
}

impl Trust {
    /// Opens the state for writing, or makes it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::open_or_create(path, &SCHEMA)?;
        database.ask(|sql| Ok(sql.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?))?;
        Self::new(database)
    }

    /// Opens one that must be there, for reading.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::new(Database::read(path, &SCHEMA)?)
    }

    fn new(database: Database) -> Result<Self, Error> {
        let keeps_log = database.ask(keeps_log)?;
        let version = database.ask(version)?;
        Ok(Self { database, keeps_log, run: 0, version, agent_bytes: Vec::new() })
    }

    /// Whether every signal and every tick is logged.
    pub fn keeps_log(&self) -> bool {
        self.keeps_log
    }

    /// Keeps a log from now on. False if it is too late for that: there are
    /// agents whose past it would lack.
    pub fn keep_log(&mut self) -> Result<bool, Error> {
        if !self.keeps_log {
            self.keeps_log = self.database.write(|sql| {
                sql.execute("UPDATE about SET keeps_log = 1 WHERE NOT EXISTS (SELECT 1 FROM agents)", [])?;
                keeps_log(sql)
            })?;
        }
        Ok(self.keeps_log)
    }

    /// Begins a transaction when it is this process's turn; true if others have
    /// written since its last one. What is done before [`Trust::commit`] is done
    /// wholly or not at all.
    pub fn begin(&mut self) -> Result<bool, Error> {
        self.database.begin()?;
        let (version, keeps_log) = self.database.ask(|sql| Ok((version(sql)?, keeps_log(sql)?)))?;
        let changed = version != self.version;
        (self.version, self.keeps_log) = (version, keeps_log);
        Ok(changed)
    }

    /// All since [`Trust::begin`] is on disk when this returns `Ok`.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.database.commit()
    }

    /// Counts a signal; false if it was counted before.
    pub fn count(&mut self, key: &SignalKey) -> Result<bool, Error> {
        self.database.ask(|sql| {
            let mut insert = sql.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)")?;
            Ok(insert.execute([key.0])? > 0)
        })
    }

    /// The agent with that DID and its last ten signals, if it is known.
    pub fn load(&self, did: &str) -> Result<Option<(Agent, RecentBytes)>, Error> {
        self.database.ask(|sql| {
            let mut query = sql.prepare_cached("SELECT agent, recent FROM agents WHERE did = ?1")?;
            let row = query.query_row([did], |row| Ok(decoded(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?)));
            Ok(row.optional()?.transpose()?)
        })
    }

    /// Keeps an agent in place of what was kept of it. Sorted by DID is fastest.
    pub fn save(&mut self, did: &str, agent: &Agent, recent: &RecentBytes) -> Result<(), Error> {
        self.agent_bytes.clear();
        encode_agent(agent, &mut self.agent_bytes);
        self.database.ask(|sql| {
            let mut upsert = sql.prepare_cached(
                "INSERT INTO agents (did, agent, recent) VALUES (?1, ?2, ?3)
                ON CONFLICT (did) DO UPDATE SET agent = ?2, recent = ?3",
            )?;
            upsert.execute(params![did, self.agent_bytes, recent.as_bytes()])?;
            Ok(())
        })
    }

    /// Calls `each` with every agent, sorted by DID, until it says false. Only
    /// one is in memory at a time.
    pub fn each(&self, mut each: impl FnMut(&str, Agent, RecentBytes) -> bool) -> Result<(), Error> {
        self.database.ask(|sql| {
            let mut query = sql.prepare_cached("SELECT did, agent, recent FROM agents ORDER BY did")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let blob = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_blob()?);
                let (agent, recent) = decoded(blob(1)?, blob(2)?)?;
                if !each(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, agent, recent) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Notes that the agent's revocation is still to be said.
    pub fn owe(&mut self, did: &str) -> Result<(), Error> {
        self.database.ask(|sql| {
            sql.prepare_cached("INSERT OR IGNORE INTO unsaid VALUES (?1)")?.execute([did])?;
            Ok(())
        })
    }

    /// Revocations that are still to be said, in the order in which they
    /// happened.
    pub fn owed(&self) -> Result<Vec<(String, Revocation)>, Error> {
        let dids = self.database.ask(|sql| {
            let mut query = sql.prepare_cached("SELECT did FROM unsaid")?;
            let dids = query.query_map([], |row| row.get(0))?;
            Ok(dids.collect::<Result<Vec<String>, _>>()?)
        })?;
        let mut owed = Vec::new();
        for did in dids {
            let revocation = self.load(&did)?.and_then(|(agent, _)| agent.revocation());
            owed.extend(revocation.map(|revocation| (did, revocation)));
        }
        owed.sort_unstable_by(|a, b| (a.1.at, &a.0).cmp(&(b.1.at, &b.0)));
        Ok(owed)
    }

    /// Those have been said.
    pub fn paid(&mut self, owed: &[(String, Revocation)]) -> Result<(), Error> {
        self.database.write(|sql| {
            let mut delete = sql.prepare_cached("DELETE FROM unsaid WHERE did = ?1")?;
            for (did, _) in owed {
                delete.execute([did])?;
            }
            Ok(())
        })
    }

    /// Appends entries (`trust::bytes`) to the log, as this run's.
    pub fn log(&mut self, entries: &[u8]) -> Result<(), Error> {
        let run = &mut self.run;
        self.database.ask(|sql| {
            if *run == 0 {
                *run = sql.query_row("UPDATE about SET runs = runs + 1 RETURNING runs", [], |row| row.get(0))?;
            }
            let mut insert = sql.prepare_cached("INSERT INTO log (run, entries) VALUES (?1, ?2)")?;
            insert.execute(params![*run, entries])?;
            Ok(())
        })
    }

    /// Calls `each` with every piece of the log in its order: the number of its
    /// run, and its entries.
    pub fn replay(&self, mut each: impl FnMut(i64, &[u8]) -> Result<(), BytesError>) -> Result<(), Error> {
        self.database.ask(|sql| {
            let mut query = sql.prepare_cached("SELECT run, entries FROM log ORDER BY place")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get(0)?, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            }
            Ok(())
        })
    }
}

impl From<BytesError> for Fault {
    fn from(_: BytesError) -> Self {
        Self::Damaged
    }
}

fn decoded(agent: &[u8], recent: &[u8]) -> Result<(Agent, RecentBytes), BytesError> {
    Ok((decode_agent(agent)?, RecentBytes::read(recent)?))
}

fn keeps_log(sql: &Connection) -> Result<bool, Fault> {
    Ok(sql.query_row("SELECT keeps_log FROM about", [], |row| row.get(0))?)
}

fn version(sql: &Connection) -> Result<i64, Fault> {
    Ok(sql.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
