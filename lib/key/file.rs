//! Key files: PKCS#8 PEM (RFC 8410, as `openssl genpkey -algorithm ed25519`
//! writes them), created new, 0600; one that others can read is refused.

use super::Key;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key file holds one short PEM block; more is not a key file.
const FILE_LIMIT_BYTES: u64 = 4096;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system says no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others can read it, or somebody else owns it, or others can write its
    /// folder. A security refusal: exit 5.
    #[error("{path}: {what}")]
    Exposed {
        /// The file or its folder.
        path: PathBuf,
        /// What is open.
        what: &'static str,
    },
    /// Not one Ed25519 key.
    #[error("{path}: {what}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// There already is a key.
    #[error("{0}: a key is already there, and keys are never overwritten")]
    Exists(PathBuf),
}

/// Opens a secret file: a regular file of ours that nobody else can read, in a
/// folder that nobody else can write. Works for key, token and identity files.
pub fn check_private(path: &Path) -> Result<File, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
    let exposed = |path: &Path, what| Err(KeyFileError::Exposed { path: path.to_owned(), what });
    // Not blocking on a FIFO: its kind is looked at before its content.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return Err(KeyFileError::Malformed { path: path.to_owned(), what: "not a regular file" });
    }
    let uid = rustix::process::geteuid().as_raw();
    if metadata.uid() != uid && uid != 0 && metadata.uid() != 0 {
        return exposed(path, "belongs to another user");
    }
    if metadata.mode() & 0o077 != 0 {
        return exposed(path, "others can read it");
    }
    let folder = folder_of(path);
    let mode = fs::metadata(folder).map_err(io_error)?.mode();
    // A sticky folder such as /tmp lets nobody replace another's file.
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return exposed(folder, "others can write the folder of a secret file");
    }
    Ok(file)
}

/// Reads an Ed25519 key.
pub fn read_key(path: &Path) -> Result<Key, KeyFileError> {
    let malformed = |what| KeyFileError::Malformed { path: path.to_owned(), what };
    let file = check_private(path)?;
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => malformed("not text"),
        _ => KeyFileError::Io { path: path.to_owned(), source },
    })?;
    if text.len() as u64 > FILE_LIMIT_BYTES {
        return Err(malformed("too large for a key file"));
    }
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut block = Zeroizing::new(String::new());
    for line in lines {
        block.push_str(line);
        block.push('\n');
    }
    match block.matches("-----BEGIN").count() {
        0 if text.trim().is_empty() => return Err(malformed("the key file is empty")),
        0 => return Err(malformed("no key in it")),
        1 => {}
        _ => return Err(malformed("more than one key in it")),
    }
    let key = SigningKey::from_pkcs8_pem(&block).map_err(|_| malformed("not an Ed25519 key in PKCS#8 PEM"))?;
    Ok(Key(key))
}

/// Reads a secret file of at most `limit` bytes, after [`check_private`].
pub fn read_secret(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = check_private(path)?;
    let mut content = Zeroizing::new(Vec::new());
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
    if content.len() as u64 > limit {
        return Err(KeyFileError::Malformed { path: path.to_owned(), what: "too large for a secret file" });
    }
    Ok(content)
}

/// Writes a new key file, 0600, on disk before this returns; never over
/// another.
pub fn write_key(path: &Path, key: &Key) -> Result<(), KeyFileError> {
    // Without the public key, version 1 of PKCS#8: OpenSSL 3.0 does not read version 2.
    let pair = KeypairBytes { secret_key: key.0.to_bytes(), public_key: None };
    let pem = pair.to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key has a PKCS#8 form");
    write_secret(path, pem.as_bytes())
}

/// Writes a new secret file, 0600, whole or not at all.
pub fn write_secret(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    written_beside(path, content)?.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
        _ => KeyFileError::Io { path: path.to_owned(), source: error.error },
    })?;
    sync_folder(path)
}

/// Writes a secret file, 0600, over what was there: whole or not at all. For
/// join tokens, never for keys.
pub fn replace_secret(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    written_beside(path, content)?
        .persist(path)
        .map_err(|error| KeyFileError::Io { path: path.to_owned(), source: error.error })?;
    sync_folder(path)
}

fn written_beside(path: &Path, content: &[u8]) -> Result<tempfile::NamedTempFile, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path)).map_err(io_error)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(io_error)?;
    Ok(file)
}

/// So that the file's name is on disk too.
fn sync_folder(path: &Path) -> Result<(), KeyFileError> {
    let folder = folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| KeyFileError::Io { path: folder.to_owned(), source })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
