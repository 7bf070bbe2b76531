//! Small files below a root: `/` for this machine, another folder for a copy
//! of one.
//!
//! Must not know what any file means.

use super::Found;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file of `/sys` or `/proc` that is longer than this is not what it says.
const FILE_LIMIT_BYTES: u64 = 64 * 1024;

/// Where files are looked for. Names given to it start with `/`; reasons name
/// files without the root, so that they are the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Tree(PathBuf);

impl Tree {
    pub fn new(root: &Path) -> Self {
        Self(root.to_path_buf())
    }

    /// Is it the machine this process runs on?
    pub fn is_this_machine(&self) -> bool {
        self.0 == Path::new("/")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name.trim_start_matches('/'))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// A file's first `limit` bytes.
    pub fn head(&self, name: &str, limit: u64) -> Found<Vec<u8>> {
        // Room for most files at once: growing step by step costs a read each.
        let mut bytes = Vec::with_capacity(4096);
        // A pipe in a copy would be waited for, and a device never ends.
        if !self.is_this_machine() && self.path(name).metadata().is_ok_and(|there| !there.is_file()) {
            return Err(format!("{name}: not a regular file"));
        }
        let read = File::open(self.path(name)).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|error| format!("{name}: {}", why(&error)))
    }

    /// A small file's bytes as they are.
    pub fn bytes(&self, name: &str) -> Found<Vec<u8>> {
        self.head(name, FILE_LIMIT_BYTES)
    }

    /// A small file's text without white space around it.
    pub fn text(&self, name: &str) -> Found<String> {
        let text = String::from_utf8(self.bytes(name)?).map_err(|_| format!("{name}: not UTF-8"))?;
        Ok(text.trim().to_owned())
    }

    /// A file that holds one decimal number.
    pub fn number(&self, name: &str) -> Found<u64> {
        self.text(name)?.parse().map_err(|_| format!("{name}: not a number"))
    }

    /// The names in a folder, sorted. Names that are not UTF-8 are none of ours.
    pub fn names(&self, folder: &str) -> Found<Vec<String>> {
        let entries = fs::read_dir(self.path(folder)).map_err(|error| format!("{folder}: {}", why(&error)))?;
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// The last part of where a link points: how sysfs names drivers and buses.
    pub fn link(&self, name: &str) -> Option<String> {
        let target = fs::read_link(self.path(name)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "not a folder".to_owned(),
        io::ErrorKind::IsADirectory => "a folder".to_owned(),
        _ => error.to_string(),
    }
}
