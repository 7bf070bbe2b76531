//! One SQLite file of ours: made whole or not at all, opened only if it is what
//! it should be, written in IMMEDIATE transactions.
//!
//! Must not know any table.

mod fault;

pub use fault::{Error, Fault};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a command waits for another's transaction before it says so.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a file of one kind holds.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// What people call it: "registry".
    pub name: &'static str,
    /// `PRAGMA application_id`: keeps a log from being taken for a registry.
    pub application_id: i32,
    /// SQL that takes version n − 1 to version n; `user_version` counts them.
    /// Only ever appended to.
    pub migrations: &'static [&'static str],
}

impl Schema {
    fn version(&self) -> i64 {
        i64::try_from(self.migrations.len()).expect("a handful")
    }
}

/// An open database.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
    /// Device and inode of the open file.
    place: (u64, u64),
}

impl Database {
    /// Makes a new one, 0600. It appears whole under its name, so that a crash
    /// on the way, or another process doing the same, leaves no half of it.
    pub fn create(path: &Path, schema: &Schema) -> Result<Self, Error> {
        let at = |fault| Error { path: path.to_owned(), fault };
        if fs::symlink_metadata(path).is_ok() {
            return Err(at(Fault::Exists));
        }
        if fs::symlink_metadata(beside(path, "-wal")).is_ok() {
            return Err(at(Fault::StrayLog));
        }
        make(path, schema).map_err(at)?;
        Self::open(path, schema)
    }

    /// Opens one that must be there, for reading and writing; an older schema
    /// is brought up to date.
    pub fn open(path: &Path, schema: &Schema) -> Result<Self, Error> {
        let at = |fault| Error { path: path.to_owned(), fault };
        look(path).map_err(at)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| at(error.into()))?;
        let place = place(path).map_err(at)?;
        let mut database = Self { connection, path: path.to_owned(), place };
        wait_for_turns(&mut database.connection).map_err(at)?;
        let opened = patiently(|| database.prepare(schema));
        opened.map_err(at)?;
        Ok(database)
    }

    /// [`Database::open`], after [`Database::create`] if there is none.
    pub fn open_or_create(path: &Path, schema: &Schema) -> Result<Self, Error> {
        match Self::open(path, schema) {
            Err(Error { fault: Fault::Missing, .. }) => match Self::create(path, schema) {
                Err(Error { fault: Fault::Exists, .. }) => Self::open(path, schema),
                made => made,
            },
            opened => opened,
        }
    }

    /// Opens one that must be there and up to date, for reading only.
    pub fn read(path: &Path, schema: &Schema) -> Result<Self, Error> {
        let at = |fault| Error { path: path.to_owned(), fault };
        look(path).map_err(at)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| at(error.into()))?;
        let place = place(path).map_err(at)?;
        let mut database = Self { connection, path: path.to_owned(), place };
        wait_for_turns(&mut database.connection).map_err(at)?;
        patiently(|| match database.version(schema)? {
            found if found < schema.version() => Err(Fault::Older { found, known: schema.version() }),
            _ => Ok(()),
        })
        .map_err(at)?;
        Ok(database)
    }

    /// For statements that only read.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `fault` with this file's name.
    pub fn error(&self, fault: impl Into<Fault>) -> Error {
        Error { path: self.path.clone(), fault: fault.into() }
    }

    /// Reads, and names this file in what goes wrong.
    pub fn ask<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Error> {
        work(&self.connection).map_err(|fault| self.error(fault))
    }

    /// One IMMEDIATE transaction: it waits for its turn before it reads, so that
    /// what it read still holds when it writes. An error rolls all of it back;
    /// `Ok` means that it is on disk.
    pub fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        let outcome = (|| {
            let began = patiently(|| {
                Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate).map_err(Fault::from)
            });
            let transaction = began?;
            self.still_there()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        outcome.map_err(|fault: Fault| self.error(fault))
    }

    /// [`Database::write`] in pieces, for one that lasts: begins it. Without
    /// [`Database::commit`] it leaves nothing, however the process ends.
    pub fn begin(&self) -> Result<(), Error> {
        let began = patiently(|| Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?));
        began.map_err(|fault| self.error(fault))?;
        self.still_there().map_err(|fault| {
            self.roll_back();
            self.error(fault)
        })
    }

    /// A file that somebody has moved or deleted can still be written, and what
    /// is written is lost: SQLite does not look while a write-ahead log is in use.
    fn still_there(&self) -> Result<(), Fault> {
        match place(&self.path) {
            Ok(place) if place == self.place => Ok(()),
            Ok(_) | Err(Fault::Missing) => Err(Fault::Moved),
            Err(fault) => Err(fault),
        }
    }

    /// Ends what [`Database::begin`] began: `Ok` means that it is on disk.
    pub fn commit(&self) -> Result<(), Error> {
        self.ask(|sql| Ok(sql.execute_batch("COMMIT")?))
    }

    /// Takes back what [`Database::begin`] began.
    pub fn roll_back(&self) {
        // What cannot be rolled back was not begun.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    fn prepare(&mut self, schema: &Schema) -> Result<(), Fault> {
        let found = self.version(schema)?;
        if self.connection.is_readonly("main")? {
            return Err(Fault::ReadOnly);
        }
        configure(&self.connection)?;
        if found < schema.version() {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            migrate(&transaction, schema)?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// `user_version`, after a look at whose file it is.
    fn version(&self, schema: &Schema) -> Result<i64, Fault> {
        let number = |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        if number("application_id")? != i64::from(schema.application_id) {
            return Err(Fault::Foreign(schema.name));
        }
        let bytes = number("page_size")? * number("page_count")?;
        // While a log is beside it, pages may still be on their way.
        let logged = fs::metadata(beside(&self.path, "-wal")).is_ok_and(|log| log.len() > 0);
        if !logged && fs::metadata(&self.path)?.len().cast_signed() < bytes {
            return Err(Fault::Damaged);
        }
        let found = number("user_version")?;
        let known = schema.version();
        if (0..=known).contains(&found) { Ok(found) } else { Err(Fault::Newer { found, known }) }
    }
}

/// Is there a file that SQLite may touch? SQLite itself would make a missing
/// one, and take an empty one for new: a registry that was cut to nothing would
/// start to number from the beginning. Looks without opening: closing a second
/// handle would drop the locks that a connection of this process holds.
fn look(path: &Path) -> Result<(), Fault> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Fault::Missing),
        Err(error) => return Err(error.into()),
    };
    if metadata.is_dir() {
        return Err(Fault::Folder);
    }
    if !metadata.is_file() {
        return Err(Fault::NotRegular);
    }
    match metadata.len() {
        0 => Err(Fault::Empty),
        // The smallest page; SQLite takes a few bytes of anything for new.
        1..512 => Err(Fault::NotSqlite),
        _ => Ok(()),
    }
}

/// Which file that name is now: its device and inode.
fn place(path: &Path) -> Result<(u64, u64), Fault> {
    match fs::metadata(path) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::Missing),
        Err(error) => Err(error.into()),
    }
}

fn make(path: &Path, schema: &Schema) -> Result<(), Fault> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Else the message would name a file that never was.
    fs::metadata(folder)?;
    let file =
        tempfile::Builder::new().prefix(".new-").permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    fill(file.path(), schema).inspect_err(|_| {
        // Left where it could not be rolled back.
        let _ = fs::remove_file(beside(file.path(), "-journal"));
    })?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => Fault::Exists,
        _ => Fault::Io(error.error),
    })?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Makes an empty file a database without rows; not yet with a write-ahead log,
/// which a full disk may keep from being folded back in, unsaid.
fn fill(path: &Path, schema: &Schema) -> Result<(), Fault> {
    let mut connection = Connection::open(path)?;
    // Only while the file has no page yet can it be told to give pages back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "application_id", schema.application_id)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migrate(&transaction, schema)?;
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error.into())
}

/// WAL: readers never wait. FULL: a commit is on disk before anybody hears of it.
fn configure(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // 16 MiB: the indexes of a large fleet stay in memory.
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Brings the schema up to date; the transaction is IMMEDIATE, so the version
/// it reads is the one it changes.
fn migrate(transaction: &Transaction<'_>, schema: &Schema) -> Result<(), Fault> {
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for migration in schema.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", schema.version())?;
    Ok(())
}

/// Asks for a lock every few milliseconds until the busy timeout is over. SQLite's
/// own handler sleeps ever longer, up to 100 ms, so that of many processes the
/// one that has waited longest asks least: some of 32 then never get a turn.
fn wait_for_turns(connection: &mut Connection) -> Result<(), Fault> {
    let mut began = Instant::now();
    let own = u64::from(std::process::id());
    connection.busy_handler(Some(move |count: i32| {
        if count == 0 {
            began = Instant::now();
        }
        // Not all at the same moments.
        std::thread::sleep(Duration::from_micros(500 + (own + u64::from(count.unsigned_abs())) % 7 * 400));
        began.elapsed() < BUSY_TIMEOUT
    }))?;
    Ok(())
}

/// Some locks SQLite reports at once, without its busy timeout (a recovery, the
/// change to WAL): tried again until that time is over.
fn patiently<T>(mut work: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let began = Instant::now();
    loop {
        match work() {
            Err(Fault::Locked) if began.elapsed() < BUSY_TIMEOUT => std::thread::sleep(Duration::from_millis(2)),
            outcome => return outcome,
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
