//! `scripts/install`: what is put where, that its units are sound and their
//! lines work, and that nothing of it stays behind.

use crate::manual::{bin_dir, commands, root};
use crate::shell::{self, Ran};
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
const UNITS: [&str; 4] = ["cooee-enrol.service", "cooee-enrol.timer", "cooee-leader.service", "cooee-node.service"];

/// A folder whose name units may hold, and where a socket's name is short enough.
fn folder() -> TempDir {
    tempfile::Builder::new().prefix("cooee-").tempdir_in("/tmp").expect("a folder")
}

fn run(command: &mut Command) -> Ran {
    shell::run(command.stdin(Stdio::null()), LIMIT, false)
}

fn install(home: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(root().join("scripts/install"));
    for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    run(command.env("HOME", home).args(arguments))
}

fn bins() -> [&'static str; 2] {
    ["--bin", bin_dir().to_str().expect("text")]
}

/// Must have been silent on stderr, and done.
fn done(ran: &Ran) -> String {
    assert_eq!((ran.code(), ran.err().as_str()), (0, ""), "{}", ran.out());
    ran.out()
}

/// Every file and folder under `at`, folders with a `/` at their end.
fn tree(at: &Path) -> BTreeSet<String> {
    fn walk(at: &Path, base: &Path, into: &mut BTreeSet<String>) {
        for entry in fs::read_dir(at).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(base).expect("under it").to_str().expect("text").to_owned();
            if path.is_dir() && !path.is_symlink() {
                into.insert(name + "/");
                walk(&path, base, into);
            } else {
                into.insert(name);
            }
        }
    }
    let mut all = BTreeSet::new();
    walk(at, at, &mut all);
    all
}

fn files(at: &Path) -> BTreeSet<String> {
    tree(at).into_iter().filter(|name| !name.ends_with('/')).collect()
}

/// What an installation has under its prefix.
fn expected() -> BTreeSet<String> {
    let mut all = BTreeSet::from(["share/cooee/installed".to_owned()]);
    for name in commands() {
        all.insert(format!("bin/{name}"));
        all.insert(format!("share/bash-completion/completions/{name}"));
        all.insert(format!("share/zsh/site-functions/_{name}"));
        all.insert(format!("share/fish/vendor_completions.d/{name}.fish"));
    }
    for page in crate::manual::all_pages().iter().filter(|page| !page.ends_with("README.md")) {
        let name = page.file_name().expect("a file").to_str().expect("text");
        all.insert(format!("share/man/man{}/{name}", name.rsplit('.').next().expect("a section")));
    }
    all
}

#[test]
fn a_system_gets_commands_pages_completions_and_units_and_loses_them_all_again() {
    let folder = folder();
    let dest = folder.path().join("dest");
    let at = ["--prefix", "/usr", "--destdir", dest.to_str().expect("text")];
    // What was there before, in a folder of ours, stays; so do keys.
    for name in ["usr/share/man/man1/other.1", "var/lib/cooee/host.key"] {
        fs::create_dir_all(dest.join(name).parent().expect("a folder")).expect("ours");
        fs::write(dest.join(name), "not installed by us").expect("ours");
    }
    let before = tree(&dest);
    done(&install(folder.path(), &[&at[..], &bins()].concat()));

    let mut all: BTreeSet<String> = expected().into_iter().map(|name| format!("usr/{name}")).collect();
    all.extend(UNITS.map(|name| format!("usr/lib/systemd/system/{name}")));
    all.extend(["sysusers", "tmpfiles"].map(|name| format!("usr/lib/{name}.d/cooee.conf")));
    all.extend(before.iter().filter(|name| !name.ends_with('/')).cloned());
    assert_eq!(files(&dest), all);

    let usr = dest.join("usr");
    for name in commands() {
        let mode = fs::metadata(usr.join("bin").join(&name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{name}");
        let version = done(&run(Command::new(usr.join("bin").join(&name)).arg("--version")));
        assert!(version.starts_with(&name), "{version}");
        let page = usr.join(format!("share/man/man1/{name}.1"));
        let page = done(&run(Command::new("mandoc").args(["-T", "utf8"]).arg(page)));
        assert!(page.contains("refused for security"), "{name}: {page}");
        let text = |path: String| fs::read_to_string(usr.join(path)).expect("completions");
        done(&run(Command::new("bash").arg("-n").arg(usr.join(format!("share/bash-completion/completions/{name}")))));
        assert!(text(format!("share/bash-completion/completions/{name}")).contains("COMPREPLY"), "{name}");
        assert!(text(format!("share/zsh/site-functions/_{name}")).starts_with(&format!("#compdef {name}")), "{name}");
        assert!(text(format!("share/fish/vendor_completions.d/{name}.fish")).contains(&format!("complete -c {name}")));
    }

    // A second run, of a version that has dropped something of the first.
    let list = usr.join("share/cooee/installed");
    let had = fs::read_to_string(&list).expect("a list");
    fs::write(usr.join("bin/cooee-dropped"), "").expect("ours");
    fs::write(&list, had.clone() + "/usr/bin/cooee-dropped\n").expect("ours");
    done(&install(folder.path(), &[&at[..], &bins()].concat()));
    assert_eq!(files(&dest), all);
    assert_eq!(fs::read_to_string(&list).expect("a list"), had);

    let said = done(&install(folder.path(), &[&at[..], &["--uninstall"]].concat()));
    assert_eq!(tree(&dest), before);
    assert!(said.contains("keys and state in /var/lib/cooee"), "{said}");
    let again = install(folder.path(), &[&at[..], &["--uninstall"]].concat());
    assert_eq!((again.code(), again.out().as_str()), (2, ""));
    assert!(again.err().contains("nothing is installed in /usr"), "{}", again.err());
}

#[test]
fn units_are_sound_and_hardened() {
    let folder = folder();
    // Units name commands by the prefix; a link makes it lead to where they are.
    let (dest, prefix) = (folder.path().join("dest"), folder.path().join("prefix"));
    let put = dest.join(prefix.strip_prefix("/").expect("absolute"));
    symlink(&put, &prefix).expect("ours");
    let at = ["--prefix", prefix.to_str().expect("text"), "--destdir", dest.to_str().expect("text")];
    let arguments = [&at[..], &bins()].concat();
    done(&install(folder.path(), &arguments));
    let units = dest.join("etc/systemd/system");
    let analyze = |arguments: &[&str]| {
        run(Command::new("systemd-analyze").args(arguments).current_dir(&units).env("XDG_RUNTIME_DIR", folder.path()))
    };
    let paths = UNITS.map(|name| format!("./{name}"));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    done(&analyze(&[&["verify", "--man=no"], &paths[..]].concat()));
    for path in paths.iter().filter(|path| path.ends_with(".service")) {
        // In tenths: less than 2.0.
        let judged = analyze(&["security", "--no-pager", "--offline=true", "--threshold=19", path]);
        assert_eq!(judged.code(), 0, "{}", judged.out());
    }
    assert!(!fs::read_to_string(units.join("cooee-node.service")).expect("a unit").contains("\n@"));

    // The user, the group, and the spool that is the group's: only root can make them.
    if geteuid().is_root() {
        let at = format!("--root={}", dest.display());
        // It says on stderr what it makes.
        let made = run(Command::new("systemd-sysusers").args([&at, "cooee.conf"]));
        assert_eq!(made.code(), 0, "{}", made.err());
        assert!(!made.err().contains("not a valid"), "{}", made.err());
        done(&run(Command::new("systemd-tmpfiles").args([&at, "--create", "--prefix=/var/lib/cooee"])));
        for (name, mode) in [("var/lib/cooee", 0o750), ("var/lib/cooee/spool", 0o2770)] {
            let metadata = fs::metadata(dest.join(name)).expect("made");
            assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{name}");
            assert!(metadata.uid() != 0 && metadata.gid() != 0, "{name}");
        }
    }
}

#[test]
fn bad_arguments_leave_everything_as_it_was() {
    let folder = folder();
    let dest = folder.path().join("dest");
    let dest_text = dest.to_str().expect("text");
    let empty = folder.path().to_str().expect("text");
    for (arguments, reason) in [
        (vec!["--prefix", "/usr", "--destdir", dest_text, "--bin", empty], "no command age-enrol in"),
        (vec!["--prefix", "/a b", "--destdir", dest_text, "--bin", empty], "\"/a b\" must be absolute"),
        (vec!["--prefix", "usr", "--destdir", dest_text], "\"usr\" must be absolute"),
        (vec!["--prefix"], "--prefix needs a value"),
        (vec!["--frob"], "unknown argument \"--frob\""),
    ] {
        let ran = install(folder.path(), &arguments);
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err().starts_with("install: error: ") && ran.err().contains(reason), "{}", ran.err());
        assert!(!dest.exists(), "{arguments:?}");
    }
}

/// A unit's command lines as a shell reads them: systemd's `$$` is one `$`.
fn lines(units: &Path, unit: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(units.join(unit)).expect("a unit").replace("\\\n", "");
    text.lines().filter_map(|line| line.strip_prefix(key)).map(|line| line.replace("$$", "$")).collect()
}

fn line(units: &Path, unit: &str, key: &str) -> String {
    lines(units, unit, key).into_iter().next().expect("it has one")
}

/// A running unit's line, ended with all that it started.
struct Unit(Child);

impl Unit {
    fn start(home: &Path, bin: &Path, line: &str) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut command = sh(home, bin, &format!("exec {line}"));
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().expect("sh"))
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

fn sh(home: &Path, bin: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("HOME", home).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    command.stdin(Stdio::null());
    command
}

#[test]
fn a_users_units_enrol_an_agent() {
    let folder = folder();
    let home: PathBuf = folder.path().join("home");
    fs::create_dir(&home).expect("ours");
    done(&install(&home, &[&["--user"][..], &bins()].concat()));
    let (prefix, units) = (home.join(".local"), home.join(".config/systemd/user"));
    assert!(expected().is_subset(&files(&prefix)));
    let checked = Command::new("systemd-analyze")
        .args(["--user", "--man=no", "verify"])
        .args(UNITS.map(|name| format!("./{name}")))
        .current_dir(&units)
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("HOME", &home)
        .output()
        .expect("systemd-analyze");
    assert_eq!((checked.status.code(), String::from_utf8_lossy(&checked.stderr).as_ref()), (Some(0), ""));

    let bin = prefix.join("bin");
    let dir = home.join(".local/state/cooee");
    let key = format!("cooee-key --dir {}", dir.display());
    done(&run(&mut sh(&home, &bin, &format!("{key} found"))));
    let text = fs::read_to_string(units.join("cooee-node.service")).expect("a unit");
    let listen = text.lines().find_map(|line| line.strip_prefix("Environment=\"LISTEN=")?.strip_suffix('"'));
    let serve = line(&units, "cooee-node.service", "ExecStart=").replace("$LISTEN", listen.expect("it listens"));
    let node = Unit::start(&home, &bin, &serve);
    let ready = line(&units, "cooee-node.service", "ExecStartPost=");
    done(&run(&mut sh(&home, &bin, &format!("export MAINPID={}; {ready}", node.0.id()))));
    done(&run(&mut sh(&home, &bin, &format!("{key} invite | {key} join -"))));
    let _leader = Unit::start(&home, &bin, &line(&units, "cooee-leader.service", "ExecStart="));
    // Twice, as by the hour: what has not changed is not said again.
    for (answer, told) in
        [(r#""type":"cooee.enrolled.v1""#, r#""type":"receipt""#), (r#""type":"unchanged""#, r#""type":"unchanged""#)]
    {
        let enrol = lines(&units, "cooee-enrol.service", "ExecStart=");
        let [enrol, tell] = &enrol[..] else { panic!("two lines: {enrol:?}") };
        let answers = done(&run(&mut sh(&home, &bin, &enrol.replace("--agents", "--agents --model llama3:8b"))));
        assert!(answers.contains(answer), "{answers}");
        let receipt = done(&run(&mut sh(&home, &bin, &tell.replace("--changed", "--changed --model llama3:8b"))));
        assert!(receipt.contains(told), "{receipt}");
    }
    let heard = format!("cooee-sub --dir {} --no-follow --type capability 'ucxl://any:any@any:any/#/*'", dir.display());
    let heard = done(&run(&mut sh(&home, &bin, &heard)));
    assert!(heard.lines().count() == 1 && heard.contains("llama3:8b"), "{heard}");
    drop(node);
    // Without its node the Leader's pipe does not become one.
    fs::remove_file(dir.join("node.sock")).expect("a socket");
    let alone = run(&mut sh(&home, &bin, &line(&units, "cooee-leader.service", "ExecStart=")));
    assert_eq!((alone.code(), alone.out().as_str()), (4, ""), "{}", alone.err());

    done(&install(&home, &["--user", "--uninstall"]));
    assert!(files(&home).iter().all(|name| name.starts_with(".local/state/cooee/")), "{:?}", files(&home));
    assert!(dir.join("host.key").exists(), "keys stay");
}
