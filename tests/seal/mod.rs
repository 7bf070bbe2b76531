//! `age-enrol --bytes`: sealing and opening as `age` does it.

mod damage;
mod interop;
mod output;
mod vectors;

use assert_cmd::Command;
use cooee::seal::Identity;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub fn age_enrol(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("age-enrol"));
    command.args(arguments);
    command
}

/// A folder with an identity file, mode 0600, and its recipient.
pub struct Keys {
    pub folder: tempfile::TempDir,
    pub recipient: String,
    pub identity: String,
}

impl Keys {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Identity::generate();
        let path = folder.path().join("identity");
        secret(&path, identity.to_file().as_bytes());
        let identity_path = path.to_str().expect("text").to_owned();
        Self { folder, recipient: identity.recipient().to_string(), identity: identity_path }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn seal(&self, plaintext: &[u8], more: &[&str]) -> Vec<u8> {
        let mut command = age_enrol(&["--bytes", "-r", &self.recipient]);
        command.args(more).write_stdin(plaintext).assert().success().stderr("").get_output().stdout.clone()
    }

    /// `--open --bytes` with this identity.
    pub fn opening(&self, file: &[u8]) -> Command {
        let mut command = age_enrol(&["--open", "--bytes", "-i", &self.identity]);
        command.write_stdin(file);
        command
    }
}

/// A file that only its owner can read.
pub fn secret(path: &Path, content: &[u8]) {
    fs::write(path, content).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("mode");
}
