//! Where a command's files are: `--dir`, the system's folder, or the user's.

use super::Failure;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const SYSTEM: &str = "/var/lib/cooee";
const SYSTEM_SOCKET: &str = "/run/cooee/node.sock";

/// The folder that holds keys, fleet file, registry, log and spool.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// `--dir` if given; else `/var/lib/cooee` if that exists; else
    /// `$XDG_STATE_HOME/cooee`; else `.local/state/cooee` under the user's home,
    /// which the password database knows when `HOME` is not set.
    pub fn find(dir: Option<&Path>) -> Result<Self, Failure> {
        if let Some(dir) = dir {
            return Ok(Self(dir.to_path_buf()));
        }
        match std::fs::read_dir(SYSTEM) {
            Ok(_) => return Ok(Self(SYSTEM.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::could_not_run(format_args!("{SYSTEM}: {error}"))
                    .hint("join the group cooee, or name another folder with --dir"));
            }
        }
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let state = state.or_else(|| {
            let home = std::env::home_dir().filter(|home| home.is_absolute())?;
            Some(home.join(".local/state"))
        });
        match state {
            Some(state) => Ok(Self(state.join("cooee"))),
            None => Err(Failure::could_not_run("no home folder").hint("name a folder with --dir")),
        }
    }

    /// Makes the folder, 0700, with what is above it.
    pub fn create(&self) -> Result<(), Failure> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|error| {
            Failure::could_not_run(format_args!("{}: {error}", self.0.display())).hint("name another folder with --dir")
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it, by the names of cooee(7).
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The next sequence number of the key in the file `key`.
    pub fn sequence(&self, key: &str) -> PathBuf {
        self.0.join(format!("{key}.sequence"))
    }

    /// The node's socket: in the folder, but under `/run` for the system's.
    pub fn socket(&self) -> PathBuf {
        if self.0 == Path::new(SYSTEM) { SYSTEM_SOCKET.into() } else { self.0.join("node.sock") }
    }
}
