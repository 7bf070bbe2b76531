//! What most commands load from their folder: the host's key, the fleet file.
//!
//! Here each fault gets its exit code and its hint, once for all commands.

use super::{Failure, Folder};
use crate::enrol::{Fleet, is_token};
use crate::key::{self, Key, KeyFileError};
use crate::seal::Identity;
use crate::store;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// A fleet file is never larger.
const FLEET_LIMIT_BYTES: u64 = 64 * 1024;

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let hint = match &error {
            KeyFileError::Exposed { path, .. } => {
                let mode = if path.is_dir() { "go-w" } else { "600" };
                Some(format!("chmod {mode} {}", path.display()))
            }
            _ => None,
        };
        let failure = match &error {
            KeyFileError::Exposed { .. } => Self::security(error),
            KeyFileError::Io { .. } | KeyFileError::Malformed { .. } | KeyFileError::Exists(_) => {
                Self::could_not_run(error)
            }
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let hint = match error.fault {
            store::Fault::Locked => Some("another command is writing; try again"),
            store::Fault::Newer { .. } => Some("use the newer cooee that wrote it"),
            store::Fault::ReadOnly => Some("it, its -wal and -shm files, and their folder must be writable"),
            store::Fault::Full => Some("nothing was changed; try again when there is room"),
            store::Fault::Damaged | store::Fault::Empty if error.path.ends_with("log.db") => {
                Some("put a backup in its place, or move it away with its -wal and -shm: other nodes have most of it")
            }
            store::Fault::Damaged | store::Fault::Empty => Some("put a backup in its place; nothing was changed"),
            store::Fault::StrayLog => Some("put the database back, or move its -wal and -shm files away too"),
            store::Fault::Moved => Some("nothing was changed; put it back, or start again without it"),
            _ => None,
        };
        let failure = if error.is_temporary() { Self::temporary(error) } else { Self::could_not_run(error) };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl Folder {
    /// The Ed25519 key in the file `name`.
    pub fn key(&self, name: &str) -> Result<Key, Failure> {
        let path = self.file(name);
        key::read_key(&path).map_err(|error| match error {
            KeyFileError::Io { ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
                let hint = match name {
                    "leader.key" => "this folder is no leader's; cooee-key found makes one, --dir names another",
                    _ => "make one with cooee-key new, or name another folder with --dir",
                };
                Failure::could_not_run(error).hint(hint)
            }
            other => other.into(),
        })
    }

    /// The age identities in the file `name`, at least one.
    pub fn identities(&self, name: &str) -> Result<Vec<Identity>, Failure> {
        read_identities(&self.file(name)).map_err(|failure| {
            if self.file(name).exists() {
                failure
            } else {
                failure.hint("this folder is no leader's; cooee-key found makes one, --dir names another")
            }
        })
    }

    /// The join token; `None` where this host has none.
    pub fn join_token(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let path = self.file("join.token");
        let content = match key::read_secret(&path, 1024) {
            Err(KeyFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let text = std::str::from_utf8(&content).map(str::trim).unwrap_or_default();
        if is_token(text) {
            return Ok(Some(Zeroizing::new(text.to_owned())));
        }
        Err(Failure::could_not_run(format_args!("{}: not a join token", path.display()))
            .hint("join again with a string from the leader: cooee-key join"))
    }

    /// A file of ours that is no secret; `None` if there is none. A pipe in its
    /// place would be waited for.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        read_regular(&self.file(name), limit)
    }

    /// The fleet file; `None` where this folder belongs to no fleet.
    pub fn fleet(&self) -> Result<Option<Fleet>, Failure> {
        let path = self.file("fleet.json");
        let Some(text) = self.read("fleet.json", FLEET_LIMIT_BYTES)? else { return Ok(None) };
        let fleet =
            Fleet::parse(&text).map_err(|error| Failure::could_not_run(format_args!("{}: {error}", path.display())))?;
        Ok(Some(fleet))
    }

    /// The fleet file, for commands that mean nothing without a fleet.
    pub fn need_fleet(&self) -> Result<Fleet, Failure> {
        self.fleet()?.ok_or_else(|| {
            Failure::could_not_run(format_args!("{}: no such file", self.file("fleet.json").display()))
                .hint("join a fleet with cooee-key join, or found one with cooee-key found")
        })
    }
}

/// The age identities in a file that nobody else can read, at least one.
pub fn read_identities(path: &Path) -> Result<Vec<Identity>, Failure> {
    let content = key::read_secret(path, 64 * 1024)?;
    Identity::parse_file(&content).map_err(|error| Failure::could_not_run(format_args!("{}: {error}", path.display())))
}

/// Writes a file that is no secret over what was there: whole or not at all, on
/// disk before this returns. A new one is 0644 under the umask, an old one keeps
/// its mode. Where `path` is a link, the file it leads to is written; a folder, a
/// device or a pipe is refused, since another file in its place would be the end
/// of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let there = std::fs::metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        return Err(Failure::could_not_run(format_args!("{}: not a regular file", path.display())));
    }
    let resolved = std::fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        let mode = std::fs::Permissions::from_mode(0o644);
        let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
        if let Some(there) = there {
            file.as_file().set_permissions(there.permissions())?;
        }
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    written().map_err(|error| unwritten(path, &error))
}

/// Why a file is not there whole, without the name of the temporary one that
/// would have been renamed to it: nobody asked for that.
pub fn unwritten(path: &Path, error: &io::Error) -> Failure {
    let error = error.to_string();
    let cause = error.split(" at path ").next().unwrap_or_default();
    Failure::could_not_run(format_args!("{}: {cause}", path.display()))
}

/// [`read_bounded`] of a file that a resident command reads again and again: a
/// pipe in its place would be waited for, for ever.
pub fn read_regular(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(Failure::could_not_run(format_args!("{}: not a regular file", path.display())));
    }
    read_bounded(path, limit)
}

/// A whole file of at most `limit` bytes; `None` if there is none.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let failure = |error: io::Error| Failure::could_not_run(format_args!("{}: {error}", path.display()));
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure(error)),
    };
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(failure)?;
    if content.len() as u64 > limit {
        return Err(Failure::could_not_run(format_args!("{}: larger than {limit} bytes", path.display())));
    }
    Ok(Some(content))
}
