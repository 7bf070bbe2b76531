//! `KEY.sequence`: numbers that rise for one key, across processes and clocks
//! that jump.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// Takes `count` numbers: from max(last + 1, `now_us`), which is Unix time in
/// µs. Commands running at once on one host take turns under flock and never
/// get the same. No fsync: after a power cut the clock has moved on.
pub fn allot(path: &Path, count: u64, now_us: u64) -> io::Result<Range<u64>> {
    let (mut file, next) = locked(path)?;
    let from = next.max(now_us);
    // So near to the end of all numbers no clock has ever been.
    let to = from.checked_add(count).ok_or_else(damaged)?;
    write(&mut file, to)?;
    Ok(from..to)
}

/// Goes back to `now_us` where the numbers are further ahead of it than `leeway`:
/// a node has said that they run ahead of its clock.
pub fn rewind(path: &Path, now_us: u64, leeway: Duration) -> io::Result<()> {
    let (mut file, next) = locked(path)?;
    let most = u64::try_from(leeway.as_micros()).map_or(u64::MAX, |leeway_us| now_us.saturating_add(leeway_us));
    if next > most { write(&mut file, now_us) } else { Ok(()) }
}

/// The file, which is ours until it is closed, and the next number.
fn locked(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    flock(&file, FlockOperation::LockExclusive)?;
    let mut text = String::new();
    (&file).take(32).read_to_string(&mut text)?;
    let next = match text.trim() {
        "" => 0,
        digits => digits.parse().map_err(|_| damaged())?,
    };
    Ok((file, next))
}

/// Twenty digits always, so that a shorter number never leaves an old tail; and
/// in one write, so that a kill leaves the old number or the new.
fn write(file: &mut File, next: u64) -> io::Result<()> {
    file.rewind()?;
    file.write_all(format!("{next:020}").as_bytes())
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
        std::fs::remove_file(&path).expect("ours");
        assert_eq!(allot(&path, 1, 2_000_000).expect("ahead"), 2_000_000..2_000_001);
        let leeway = Duration::from_secs(1);
        rewind(&path, 1_000_001, leeway).expect("near enough");
        assert_eq!(next(&path).expect("some"), 2_000_001);
        rewind(&path, 1_000_000, leeway).expect("too far ahead");
        assert_eq!(allot(&path, 1, 60).expect("again"), 1_000_000..1_000_001);
    }
}
