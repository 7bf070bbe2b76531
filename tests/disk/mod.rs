//! Disks that take no more, and disks that take nothing.

mod full;
mod readonly;

use crate::register::fixture::{Ask, Book};
use crate::shell::{self, Ran};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
const ADDRESS: &str = "ucxl://any:ops@COOEE:demo/#";

/// Runs it with this on stdin.
fn run(mut command: Command, input: &str) -> Ran {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input.as_bytes()).and_then(|()| file.rewind()).expect("our own file");
    shell::run(command.stdin(Stdio::from(file)), LIMIT, false)
}

/// All that is in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
