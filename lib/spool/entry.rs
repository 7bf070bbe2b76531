//! One batch in the spool.

use super::{Spool, SpoolError};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A batch in the spool, locked by us. Dropping it gives the lock back and
/// leaves the file for the next run.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    /// Held open for its lock.
    file: File,
    /// Not even a power cut takes it.
    durable: bool,
}

impl Entry {
    /// Locks, writes beside, renames: nobody else sees it before it is whole,
    /// and from then on a kill of this command leaves it to the next run. What
    /// replaces a kept batch is on disk before it takes its place, and durable
    /// when this returns.
    pub(super) fn write<'a>(
        spool: &Spool,
        path: PathBuf,
        events: impl IntoIterator<Item = &'a [u8]>,
        replaces: bool,
    ) -> Result<Self, SpoolError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = spool.unfinished(&name);
        let failed = |error| SpoolError::at(&unfinished)(error);
        let file = create_locked(&unfinished).map_err(failed)?;
        let written = (|| {
            let mut writer = BufWriter::with_capacity(64 * 1024, &file);
            for event in events {
                writer.write_all(event)?;
                writer.write_all(b"\n")?;
            }
            writer.flush()?;
            drop(writer);
            if replaces {
                file.sync_all()?;
            }
            fs::rename(&unfinished, &path)
        })();
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(failed(error));
        }
        if replaces {
            // The old batch or the new one is there; either may be sent.
            spool.sync()?;
        }
        Ok(Self { path, file, durable: replaces })
    }

    /// On disk, with its name, when this returns: only now may it be said to be
    /// kept. Renamed before, both fsyncs are one commit of the file system's
    /// journal.
    pub fn sync(&mut self, spool: &Spool) -> Result<(), SpoolError> {
        if !self.durable {
            self.file.sync_all().map_err(SpoolError::at(&self.path))?;
            spool.sync()?;
            self.durable = true;
        }
        Ok(())
    }

    /// Would it outlast a power cut?
    pub fn is_durable(&self) -> bool {
        self.durable
    }

    /// Takes over a batch whose command has died; `None` if it lives, or has
    /// just removed it.
    pub(super) fn claim(path: PathBuf) -> Option<Self> {
        // A lock for writing must also work on file systems that ask for it.
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        // Locked: but is it still the file of that name?
        let here = file.metadata().ok()?;
        let there = fs::metadata(&path).ok()?;
        let same = here.ino() == there.ino() && here.dev() == there.dev();
        // Its command may have died before it had synced it.
        same.then_some(Self { path, file, durable: false })
    }

    /// The file itself, to read its lines.
    pub fn reader(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it has been handed over. No fsync: a batch that comes back after
    /// a power cut is sent again, and stored once.
    pub fn done(self) -> Result<(), SpoolError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::at(&self.path)(error)),
            _ => Ok(()),
        }
    }

    /// Keeps only `events` of it. On failure the whole batch stays.
    pub fn reduce<'a>(self, spool: &Spool, events: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, SpoolError> {
        Self::write(spool, self.path.clone(), events, true)
    }
}

/// A new file, 0600, locked. Another run that clears unfinished files may take
/// it between its making and its locking; then it is made again.
fn create_locked(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            // Somebody else's, or being cleared away right now.
            flock(&file, FlockOperation::LockExclusive)?;
        }
        let here = file.metadata()?;
        match fs::metadata(path) {
            Ok(there) if here.ino() == there.ino() && here.dev() == there.dev() => {
                file.set_len(0)?;
                return Ok(file);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}
