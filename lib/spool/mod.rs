//! Events that wait to be handed over: written, fsynced, locked, removed.
//!
//! One file per batch, its events as lines of their wire form. A file is locked
//! while the command that made it lives; an unlocked file is anybody's to send.
//! Must not know how they are sent.

pub mod agents;
mod entry;
mod told;

pub use entry::Entry;
pub use told::Told;

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Files being written: not kept yet, and nobody said so.
const UNFINISHED: &str = ".new-";

/// Why a batch is not kept, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct SpoolError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

impl SpoolError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self { path, source }
    }
}

/// The folder of batches that wait.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    /// Open for fsync: a new name is on disk only when its folder is.
    handle: File,
}

impl Spool {
    /// Opens the folder, made 0700 if it is not there.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let handle = File::open(folder).or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            match DirBuilder::new().mode(0o700).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            // Its own name must outlast a power cut as well.
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(above)?.sync_all()?;
            File::open(folder)
        });
        let handle = handle.map_err(SpoolError::at(folder))?;
        Ok(Self { folder: folder.to_owned(), handle })
    }

    /// Keeps a batch under a name of its own, locked, and on disk when this
    /// returns. Names sort by `now_us`, Unix time in µs. On any failure no file
    /// is left.
    pub fn keep<'a>(&self, now_us: u64, events: impl IntoIterator<Item = &'a [u8]>) -> Result<Entry, SpoolError> {
        let unique = getrandom::u32().map_err(io::Error::from).map_err(SpoolError::at(&self.folder))?;
        let path = self.folder.join(format!("{now_us:020}-{unique:08x}.jsonl"));
        let mut entry = Entry::write(self, path, events, false)?;
        match entry.sync(self) {
            Ok(()) => Ok(entry),
            Err(error) => {
                let _ = entry.done();
                Err(error)
            }
        }
    }

    /// The unlocked batches, oldest first, each locked for us as its turn comes.
    /// What a killed command had not finished writing is cleared away: nobody
    /// was told that it is kept.
    pub fn unlocked(&self) -> Result<impl Iterator<Item = Entry> + use<>, SpoolError> {
        let failed = |error| SpoolError::at(&self.folder)(error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(UNFINISHED) {
                clear(&entry.path());
            } else if name.ends_with(".jsonl") && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                found.push(entry.path());
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().filter_map(Entry::claim))
    }

    fn sync(&self) -> Result<(), SpoolError> {
        self.handle.sync_all().map_err(SpoolError::at(&self.folder))
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{UNFINISHED}{name}"))
    }
}

/// Removes an unfinished file that no living command is writing.
fn clear(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        // It may be gone already, or not ours to remove: the next run tries again.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn lines(entry: &Entry) -> String {
        let mut text = String::new();
        entry.reader().expect("a file").read_to_string(&mut text).expect("text");
        text
    }

    fn names(spool: &Spool) -> Vec<String> {
        let entries = fs::read_dir(&spool.folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_batch_is_its_owners_until_it_dies_then_anybodys() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(&folder.path().join("spool")).expect("made");
        let later = spool.keep(20, [&b"{\"b\":1}"[..], b"{}"]).expect("kept");
        let sooner = spool.keep(3, [&b"{\"a\":1}"[..]]).expect("kept");
        assert_eq!(lines(&later), "{\"b\":1}\n{}\n");
        let other = Spool::open(&spool.folder).expect("there");
        assert!(other.unlocked().expect("listed").next().is_none(), "both owners live");
        drop((sooner, later));
        let found: Vec<_> = other.unlocked().expect("listed").collect();
        assert_eq!(found.iter().map(lines).collect::<Vec<_>>(), ["{\"a\":1}\n", "{\"b\":1}\n{}\n"], "oldest first");
        assert!(spool.unlocked().expect("listed").next().is_none(), "claimed by the other now");
        for entry in found {
            entry.done().expect("removed");
        }
        assert!(names(&spool).is_empty());
    }

    #[test]
    fn only_what_is_synced_is_durable_and_a_dead_commands_batch_is_not_taken_to_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path()).expect("there");
        assert!(spool.keep(1, [&b"{}"[..]]).expect("kept").is_durable());
        let mut claimed: Vec<_> = spool.unlocked().expect("listed").collect();
        assert_eq!(claimed.iter().map(Entry::is_durable).collect::<Vec<_>>(), [false]);
        claimed[0].sync(&spool).expect("synced");
        assert!(claimed[0].is_durable());
    }

    #[test]
    fn what_is_left_of_a_batch_replaces_it_under_the_same_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path()).expect("there");
        let entry = spool.keep(1, [&b"1"[..], b"2", b"3"]).expect("kept");
        let path = entry.path().to_owned();
        let entry = entry.reduce(&spool, [&b"2"[..]]).expect("reduced");
        assert_eq!((entry.path(), lines(&entry).as_str()), (path.as_path(), "2\n"));
        assert!(spool.unlocked().expect("listed").next().is_none());
        drop(entry);
        assert_eq!(spool.unlocked().expect("listed").count(), 1);
    }

    #[test]
    fn unfinished_files_of_dead_commands_are_cleared_and_never_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path()).expect("there");
        let dead = spool.unfinished("1.jsonl");
        fs::write(&dead, "{\"half").expect("written");
        let alive = spool.unfinished("2.jsonl");
        fs::write(&alive, "{\"half").expect("written");
        let lock = File::open(&alive).expect("there");
        flock(&lock, FlockOperation::LockExclusive).expect("free");
        fs::create_dir(folder.path().join("3.jsonl")).expect("made");
        assert!(spool.unlocked().expect("listed").next().is_none());
        assert!(!dead.exists() && alive.exists());
    }

    #[test]
    fn nothing_is_kept_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spool");
        fs::write(&file, "").expect("written");
        assert!(Spool::open(&file).and_then(|spool| spool.keep(1, [&b"{}"[..]])).is_err());
        let spool = Spool::open(&folder.path().join("there")).expect("made");
        fs::remove_dir(&spool.folder).expect("removed");
        assert!(spool.keep(1, [&b"{}"[..]]).is_err());
    }

    #[test]
    fn each_batch_is_claimed_once_however_many_look() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path()).expect("there");
        for number in 0..40 {
            drop(spool.keep(number, [&b"{}"[..]]).expect("kept"));
        }
        let claimed = std::thread::scope(|scope| {
            let look = || {
                let spool = Spool::open(folder.path()).expect("there");
                let found = spool.unlocked().expect("listed");
                found.map(|entry| entry.done().expect("removed")).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(look)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>()
        });
        assert_eq!(claimed, 40);
        assert!(names(&spool).is_empty());
    }
}
