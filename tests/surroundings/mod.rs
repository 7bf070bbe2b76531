//! What commands meet: disks that take no more, files that others own, little
//! memory, few descriptors, JSON that is none.

mod full;
mod group;
mod memory;
mod readonly;
mod strict;

use crate::register::fixture::{Ask, Book};
use crate::shell::{self, Ran};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
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

/// Who is nobody on every system.
const NOBODY: u32 = 65_534;

/// Our own commands, and a user who may not do everything.
struct User {
    bins: TempDir,
    root: bool,
}

impl User {
    fn new() -> Self {
        // Not in a folder that root keeps to itself.
        let bins = tempfile::Builder::new().permissions(mode(0o755)).tempdir_in("/tmp").expect("a folder");
        Self { bins, root: rustix::process::geteuid().is_root() }
    }

    /// Runs it as nobody.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        self.command_as(NOBODY, NOBODY, name, arguments)
    }

    /// Runs it as this user of this group; only root can.
    fn command_as(&self, user: u32, group: u32, name: &str, arguments: &[&str]) -> Command {
        let copy = self.bins.path().join(name);
        if !copy.exists() {
            fs::copy(crate::manual::bin_dir().join(name), &copy).expect("the command is built");
            fs::set_permissions(&copy, mode(0o755)).expect("our own file");
        }
        let mut command = Command::new(copy);
        command.args(arguments).current_dir("/");
        if self.root {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes a folder and what is in it this user's.
    fn owns(&self, folder: &Path) {
        if self.root {
            let paths = names(folder).into_iter().map(|name| folder.join(name));
            for path in paths.chain([folder.to_owned()]) {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
            }
        }
    }
}

fn mode(bits: u32) -> fs::Permissions {
    fs::Permissions::from_mode(bits)
}
