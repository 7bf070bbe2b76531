//! Looks at `fleet.json` while the node runs, and gives it to the node again
//! when it has changed.

use super::serve::leads;
use cooee::cli::{Folder, Io};
use cooee::net::{RenewError, Renewer};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The wait after the log has failed.
const AGAIN: Duration = Duration::from_secs(10);

type Tell = Box<dyn Fn(&str, bool) + Send>;

/// By what a changed file is known: device, inode, size, and when it was
/// changed, to the nanosecond. `None`: there is none.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// The file as it is now.
pub fn stamp(folder: &Folder) -> Stamp {
    let there = std::fs::metadata(folder.file("fleet.json")).ok()?;
    Some((there.dev(), there.ino(), there.size(), there.ctime(), there.ctime_nsec()))
}

struct Renew {
    folder: Folder,
    renewer: Renewer,
    tell: Tell,
    /// The file that the node goes by, or that it was found not to go by.
    judged: Stamp,
    /// At the last look.
    seen: Stamp,
}

/// Looks for as long as the node lives. `judged` is what the node has read.
pub fn start(io: &Io, folder: &Folder, renewer: Renewer, judged: Stamp) {
    let folder = folder.clone();
    let mut renew = Renew { folder, renewer, tell: Box::new(io.teller()), judged, seen: judged };
    std::thread::spawn(move || {
        while renew.look() {
            std::thread::sleep(LOOK);
        }
    });
}

impl Renew {
    /// False once the node has ended.
    fn look(&mut self) -> bool {
        let now = stamp(&self.folder);
        // What is still being written is looked at when it is whole.
        let still = std::mem::replace(&mut self.seen, now) == now;
        if now == self.judged || !still {
            return true;
        }
        match self.renew() {
            Ok(()) => (self.tell)("fleet.json has changed, and counts from now on", true),
            Err(RenewError::Ended) => return false,
            Err(error) => {
                let (path, words) = (self.folder.file("fleet.json").display().to_string(), error.to_string());
                let words = words.strip_prefix(&format!("{path}: ")).unwrap_or(&words);
                (self.tell)(&format!("{path}: {words}; the node goes by what it had before"), false);
                if let RenewError::Log(_) = error {
                    std::thread::sleep(AGAIN);
                    return true;
                }
            }
        }
        if stamp(&self.folder) == now {
            self.judged = now;
        }
        true
    }

    fn renew(&self) -> Result<(), RenewError> {
        let refused = |failure: cooee::cli::Failure| RenewError::Refused(failure.message().to_owned());
        let fleet = self.folder.fleet().map_err(refused)?;
        let fleet = fleet.ok_or_else(|| RenewError::Refused("no such file".to_owned()))?;
        let leads = leads(&self.folder, &fleet).map_err(refused)?;
        self.renewer.renew(fleet, leads)
    }
}
