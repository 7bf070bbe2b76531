//! `scripts/package`: the Debian package, installed into a root of its own and
//! removed again.

use crate::manual::{bin_dir, commands, root};
use crate::shell::{self, Ran};
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(3);

fn run(command: &mut Command) -> Ran {
    shell::run(command.stdin(Stdio::null()), LIMIT, true)
}

fn done(command: &mut Command) -> String {
    let ran = run(command);
    assert_eq!(ran.code(), 0, "{command:?}: {}", ran.out());
    ran.out()
}

fn package(arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/package"));
    command.args(arguments);
    command
}

/// All files and folders under a root, without dpkg's own.
fn tree(folder: &Path) -> BTreeSet<String> {
    let found = done(Command::new("find").arg(folder).args(["-mindepth", "1", "-printf", "%P\n"]));
    found.lines().filter(|name| !name.starts_with("var/lib/dpkg/")).map(str::to_owned).collect()
}

#[test]
fn it_installs_everything_and_takes_it_away_again() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let bins = bin_dir().to_str().expect("text");
    let made = done(&mut package(&[
        "--bin",
        bins,
        "--out",
        out.to_str().expect("text"),
        "--maintainer",
        "Ada <ada@example.com>",
        "--compress",
        "none",
    ]));
    let file = Path::new(made.trim());
    assert!(file.is_file(), "{made}");

    let said = done(Command::new("dpkg-deb").arg("--info").arg(file));
    for line in
        [" Package: cooee", concat!(" Version: ", env!("CARGO_PKG_VERSION")), " Maintainer: Ada <ada@example.com>"]
    {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    let depends = said.lines().find_map(|line| line.strip_prefix(" Depends: ")).expect("it depends on something");
    assert!(depends.contains("libc6 (>= ") && depends.contains("systemd-sysusers"), "{depends}");
    // Everything is root's, and nothing may be written by others.
    let listed = done(Command::new("dpkg-deb").arg("--contents").arg(file));
    for line in listed.lines() {
        assert!(line.contains(" root/root ") && line.as_bytes()[8] != b'w', "{line}");
    }

    // dpkg needs to own what it unpacks.
    if !geteuid().is_root() {
        return;
    }
    let at = folder.path().join("root");
    for name in ["etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
        fs::create_dir_all(at.join(name)).expect("ours");
    }
    fs::write(at.join("var/lib/dpkg/status"), "").expect("ours");
    let before = tree(&at);
    let dpkg = |arguments: &[&str]| {
        let mut dpkg = Command::new("dpkg");
        // Its scripts see that this root is not the machine; what it depends on is not in it.
        dpkg.arg(format!("--root={}", at.display())).args(["--force-script-chrootless", "--force-depends"]);
        dpkg.args(arguments).env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        done(&mut dpkg)
    };
    dpkg(&["--install", file.to_str().expect("text")]);
    let installed = tree(&at);
    for name in commands() {
        assert!(installed.contains(&format!("usr/bin/{name}")), "{name}");
        assert!(installed.contains(&format!("usr/share/man/man1/{name}.1.gz")), "{name}");
        assert!(installed.contains(&format!("usr/share/bash-completion/completions/{name}")), "{name}");
        assert!(installed.contains(&format!("usr/share/zsh/vendor-completions/_{name}")), "{name}");
        assert!(installed.contains(&format!("usr/share/fish/vendor_completions.d/{name}.fish")), "{name}");
    }
    for name in [
        "usr/lib/systemd/system/cooee-node.service",
        "usr/lib/systemd/system/cooee-enrol.timer",
        "usr/share/man/man7/cooee-protocol.7.gz",
        "usr/share/doc/cooee/copyright",
        "usr/share/doc/cooee/changelog.gz",
        "var/lib/cooee/spool",
    ] {
        assert!(installed.contains(name), "{name}");
    }
    // What was installed runs.
    let version = done(Command::new(at.join("usr/bin/cooee-key")).arg("--version"));
    assert_eq!(version, concat!("cooee-key ", env!("CARGO_PKG_VERSION"), "\n"));
    let verified = dpkg(&["--verify", "cooee"]);
    assert_eq!(verified, "", "the sums are those of the files");
    assert!(fs::read_to_string(at.join("etc/passwd")).expect("made").contains("cooee:"));
    assert!(fs::metadata(at.join("var/lib/cooee")).expect("made").uid() != 0);

    fs::write(at.join("var/lib/cooee/host.key"), "kept").expect("ours");
    dpkg(&["--purge", "cooee"]);
    let left: BTreeSet<_> = tree(&at).difference(&before).cloned().collect();
    let stays = |name: &String| {
        name.starts_with("etc/") || "var/lib/cooee".starts_with(name.as_str()) || name.starts_with("var/lib/cooee")
    };
    assert!(left.iter().all(stays), "{left:?}");
    assert!(left.contains("var/lib/cooee/host.key"), "keys stay");
}

#[test]
fn bad_arguments_make_nothing() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let at = out.to_str().expect("text");
    for (arguments, reason) in [
        (&["--frob"][..], "unknown argument \"--frob\""),
        (&["--out"], "--out needs a value"),
        (&["--maintainer", "nobody", "--out", at], "no maintainer"),
        (&["--compress", "lz", "--out", at], "--compress \"lz\""),
    ] {
        let ran = run(&mut package(arguments));
        assert_eq!(ran.code(), 2, "{}", ran.out());
        assert!(ran.out().starts_with("package: error: ") && ran.out().contains(reason), "{}", ran.out());
        assert!(!out.exists(), "{arguments:?}");
    }
}
