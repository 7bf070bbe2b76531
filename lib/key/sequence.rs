//! `KEY.sequence`: numbers that rise for one key, across processes and clocks
//! that jump.

use rustix::fs::{FlockOperation, flock};
use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Takes `count` numbers: from max(last + 1, `now_us`), which is Unix time in
/// µs. Commands running at once on one host take turns under flock and never
/// get the same. No fsync: after a power cut the clock has moved on.
pub fn allot(path: &Path, count: u64, now_us: u64) -> io::Result<Range<u64>> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    flock(&file, FlockOperation::LockExclusive)?;
    let mut text = String::new();
    (&file).take(32).read_to_string(&mut text)?;
    let next: u64 = match text.trim() {
        "" => 0,
        digits => digits.parse().map_err(|_| damaged())?,
    };
    let from = next.max(now_us);
    // So near to the end of all numbers no clock has ever been.
    let to = from.checked_add(count).ok_or_else(damaged)?;
    file.rewind()?;
    // Twenty digits always, so that a shorter number never leaves an old tail.
    // And in one write, so that a kill leaves the old number or the new.
    file.write_all(format!("{to:020}").as_bytes())?;
    Ok(from..to)
}

/// The first number that has not been allotted yet; 0 where none was.
pub fn next(path: &Path) -> io::Result<u64> {
    match std::fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|_| damaged()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a sequence number; without this file they go on from the clock")
}

/// Starts again from `now_us`: a node has said that the numbers ran ahead of
/// its clock.
pub fn reset(path: &Path, now_us: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    file.write_all(format!("{now_us:020}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_over_clocks_that_go_back_and_processes_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.key.sequence");
        assert_eq!(next(&path).expect("none"), 0);
        assert_eq!(allot(&path, 3, 1000).expect("first"), 1000..1003);
        assert_eq!(next(&path).expect("some"), 1003);
        assert_eq!(allot(&path, 2, 10).expect("clock back"), 1003..1005);
        assert_eq!(allot(&path, 1, 5000).expect("clock on"), 5000..5001);
        let taken: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..50).map(|_| allot(&path, 1, 0).expect("turn").start).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        let mut unique = taken.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 400);
        for wrong in ["x", "18446744073709551615", "18446744073709551616", "-1"] {
            std::fs::write(&path, wrong).expect("written");
            allot(&path, 1, 60).expect_err(wrong);
            assert_eq!(std::fs::read_to_string(&path).expect("there"), wrong);
        }
        allot(Path::new("/dev/null"), 1, 60).expect_err("it keeps nothing");
        reset(&path, 70).expect("reset");
        assert_eq!(allot(&path, 1, 60).expect("again"), 70..71);
    }
}
