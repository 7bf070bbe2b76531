//! `registry.db`: who was let in, under which number, and the audit chain.
//!
//! Must not know the rules: `enrol` judges what is read here, and its outcome
//! is written in the same transaction.

mod audit;
mod find;
mod outcome;
mod state;
mod token;

pub use audit::{AuditFault, Checkpoint, Entry};
pub use find::{Query, Registration, Standing};
pub use token::JoinToken;

use super::database::{Database, Error, Fault, Schema};
use rusqlite::Transaction;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;

const SCHEMA: Schema = Schema {
    name: "registry",
    application_id: 0x636f_5267, // "coRg"
    migrations: &[include_str!("schema.sql")],
};

/// An open registry.
#[derive(Debug)]
pub struct Registry(Database);

/// One write transaction on a registry: what it reads holds until it commits.
pub struct Turn<'t> {
    sql: &'t Transaction<'t>,
    tail: audit::Tail,
    /// No short number is out of use; known for this transaction.
    no_spare: Cell<bool>,
    /// How many agents of a key count, as far as this transaction had to know.
    counts: RefCell<HashMap<[u8; 32], u32>>,
}

impl Registry {
    /// A new one; there must be none.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Database::create(path, &SCHEMA).map(Self)
    }

    /// The one that is there, for writing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Database::open(path, &SCHEMA).map(Self)
    }

    /// The one that is there, for reading.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Database::read(path, &SCHEMA).map(Self)
    }

    /// One IMMEDIATE transaction: all of it is on disk when this returns `Ok`,
    /// nothing otherwise.
    pub fn turn<T>(&mut self, work: impl FnOnce(&mut Turn<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        self.0.write(|sql| {
            let tail = audit::tail(sql)?;
            work(&mut Turn { sql, tail, no_spare: Cell::new(false), counts: RefCell::default() })
        })
    }
}
