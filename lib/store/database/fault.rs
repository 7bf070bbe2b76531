//! Why a database cannot be used.

use super::BUSY_TIMEOUT;
use rusqlite::ErrorCode;
use std::io;
use std::path::PathBuf;

/// What went wrong, without the place.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No such file.
    #[error("no such file")]
    Missing,
    /// A folder.
    #[error("is a folder")]
    Folder,
    /// A device, FIFO or socket.
    #[error("not a regular file")]
    NotRegular,
    /// There already is one.
    #[error("already exists")]
    Exists,
    /// A write-ahead log of a database that is gone would be taken for ours.
    #[error("a write-ahead log without its database is beside it")]
    StrayLog,
    /// No bytes in it.
    #[error("is empty")]
    Empty,
    /// Other bytes than SQLite's.
    #[error("not an SQLite database")]
    NotSqlite,
    /// Fewer bytes than its header says, or pages that contradict each other.
    #[error("cut or damaged")]
    Damaged,
    /// Another program's database, or another of our kinds.
    #[error("not a cooee {0}")]
    Foreign(&'static str),
    /// Made by a newer program.
    #[error("schema {found} is newer than this program knows ({known})")]
    Newer {
        /// In the file.
        found: i64,
        /// Here.
        known: i64,
    },
    /// Made by an older program, and opened for reading only.
    #[error("schema {found} is older than this program reads ({known})")]
    Older {
        /// In the file.
        found: i64,
        /// Here.
        known: i64,
    },
    /// The file or its folder cannot be written.
    #[error("read-only")]
    ReadOnly,
    /// What is written would be kept nowhere: the open file has no name any more,
    /// or not this one.
    #[error("was moved, deleted or replaced while in use")]
    Moved,
    /// Another process holds it for longer than the busy timeout.
    #[error("locked by another process for over {} s", BUSY_TIMEOUT.as_secs())]
    Locked,
    /// No space left.
    #[error("the disk is full")]
    Full,
    /// The system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Anything else SQLite says; a defect of ours if it is about SQL.
    #[error("{0}")]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        // The index of the write-ahead log could not grow: that is how a full
        // disk shows itself first.
        if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::Full;
        }
        // What is in it is not what its schema says.
        if matches!(
            error,
            rusqlite::Error::Utf8Error(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        ) {
            return Self::Damaged;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::NotADatabase) => Self::NotSqlite,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sql(error),
        }
    }
}

/// A [`Fault`] and its file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct Error {
    /// The database.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

impl Error {
    /// Will it pass by itself or with a little room, so that a script may try
    /// again (exit 4)?
    pub fn is_temporary(&self) -> bool {
        matches!(self.fault, Fault::Locked | Fault::Full)
    }
}
