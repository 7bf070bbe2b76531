//! The process edge, alike for every command: full and closed outputs, strange
//! arguments, strange surroundings.

use super::{bin_dir, commands, shell};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(1);

/// Runs a line of `sh` for a command, whose name and path are `$0` and `$1`, in
/// a fresh folder that is `HOME`.
fn sh(name: &str, line: &str) -> shell::Ran {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command.args(["-c", line, name]).arg(bin_dir().join(name));
    command.current_dir(home.path()).env("HOME", home.path()).env_remove("XDG_STATE_HOME").stdin(Stdio::null());
    shell::run(&mut command, LIMIT, false)
}

/// What stderr may hold: `command: message` lines without escapes or panics.
fn well_mannered(name: &str, ran: &shell::Ran, what: &str) {
    let err = ran.err();
    assert!((0..=5).contains(&ran.code()), "{name}, {what}: exit {}; {err}", ran.code());
    assert!(!err.contains("internal error") && !err.contains("panicked"), "{name}, {what}: {err}");
    assert!(!err.contains('\u{1b}'), "{name}, {what}: raw escape in {err:?}");
    for line in err.lines() {
        assert!(line.starts_with(&format!("{name}: ")), "{name}, {what}: {line}");
    }
}

fn is_usage_error(name: &str, ran: &shell::Ran, what: &str) {
    well_mannered(name, ran, what);
    assert_eq!((ran.code(), ran.out()), (2, String::new()), "{name}, {what}: {}", ran.err());
    assert!((1..=2).contains(&ran.err().lines().count()), "{name}, {what}: {}", ran.err());
}

#[test]
fn unknown_flags_are_refused() {
    for name in commands() {
        let ran = sh(&name, "\"$1\" --no-such-flag");
        is_usage_error(&name, &ran, "--no-such-flag");
        assert!(ran.err().contains("--no-such-flag"), "{name}: {}", ran.err());
    }
}

#[test]
fn arguments_that_are_not_utf8_are_refused() {
    for name in commands() {
        for argument in [&b"\xff"[..], b"--\xff", b"--generate=\xff"] {
            let mut command = Command::new(bin_dir().join(&name));
            command.arg(OsStr::from_bytes(argument)).stdin(Stdio::null());
            let home = tempfile::tempdir().expect("a folder");
            let ran = shell::run(command.env("HOME", home.path()), LIMIT, false);
            is_usage_error(&name, &ran, "an argument that is not UTF-8");
        }
    }
}

/// Asked for beside other arguments, page and schema are printed all the same.
#[test]
fn what_a_command_says_of_itself_needs_no_first_place() {
    for name in commands() {
        let rest = match name.as_str() {
            "cooee-key" => "show",
            "agentid-resolve" | "cooee-dial" | "cooee-sub" => "x",
            _ => "",
        };
        for flags in ["--schema", "--generate man"] {
            let line = format!("\"$1\" {flags} >first; \"$1\" -v {flags} {rest} | cmp - first && test -s first");
            let ran = sh(&name, &line);
            assert_eq!((ran.code(), ran.out(), ran.err()), (0, String::new(), String::new()), "{name} {flags}");
        }
    }
}

#[test]
fn a_full_disk_is_named() {
    for name in commands() {
        for flags in ["--help", "--version", "--schema", "--generate man"] {
            let ran = sh(&name, &format!("\"$1\" {flags} >/dev/full"));
            is_usage_error(&name, &ran, flags);
            assert!(ran.err().contains("No space left"), "{name} {flags}: {}", ran.err());
        }
    }
}

#[test]
fn a_closed_stdout_is_quiet() {
    for name in commands() {
        for flags in ["--help", "--version", "--schema", "--generate man", "--generate complete-bash"] {
            // The reader is gone before the command starts.
            let line = format!("mkfifo p; exec 3<>p 4>p; exec 3<&-; \"$1\" {flags} >&4; echo $? >&2");
            assert_eq!(sh(&name, &line).err(), "0\n", "{name} {flags} | true");
            let ran = sh(&name, &format!("\"$1\" {flags} >&-"));
            assert_eq!((ran.code(), ran.err()), (0, String::new()), "{name} {flags} >&-");
        }
        assert_eq!(sh(&name, "\"$1\" --no-such-flag >&- 2>&-").code(), 2, "{name}: both closed");
        assert_eq!(sh(&name, "\"$1\" --version <&-").code(), 0, "{name}: stdin closed");
    }
}

#[test]
fn strange_surroundings_are_survived() {
    let surroundings = [
        ("no HOME", "unset HOME; \"$1\""),
        ("HOME is no folder", "HOME=/dev/null \"$1\""),
        ("HOME is relative", "HOME=x \"$1\""),
        ("no environment", "exec env -i \"$1\""),
        ("TMPDIR absent", "TMPDIR=/nonexistent \"$1\""),
        ("folder deleted", "mkdir d; cd d; rmdir ../d; \"$1\""),
        ("16 descriptors", "ulimit -n 16; \"$1\""),
        ("all closed", "\"$1\" <&- >&- 2>&-"),
    ];
    for name in commands() {
        for (what, line) in surroundings {
            well_mannered(&name, &sh(&name, line), what);
        }
    }
}

/// Whatever a command leaves behind, nobody else can read it.
#[test]
fn umask_000_opens_nothing() {
    for name in commands() {
        let ran = sh(&name, "umask 000; \"$1\" >/dev/null 2>&1; find . -mindepth 1 -perm /077 ! -type l");
        assert!(!ran.out().contains("cooee/"), "{name}: {}", ran.out());
    }
}

#[test]
fn terminals_see_no_escapes() {
    for name in commands() {
        for argument in ["\u{1b}[31mred", "--\u{1b}[31mred", "ucxl://\u{1b}[2J"] {
            let mut command = Command::new(bin_dir().join(&name));
            let home = tempfile::tempdir().expect("a folder");
            command.arg(argument).env("HOME", home.path()).stdin(Stdio::null());
            let ran = shell::run(&mut command, LIMIT, false);
            well_mannered(&name, &ran, "an argument with escapes");
            assert_ne!(ran.code(), 0, "{name} {argument:?}");
        }
    }
}

/// Nobody types JSON lines: a command that wants input says so instead of
/// waiting for it. The commands that want none are named here.
#[test]
fn a_terminal_is_no_input() {
    for name in commands() {
        if ["agentid-resolve", "cooee-key", "cooee-peers", "cooee-sub", "hwprobe"].contains(&name.as_str()) {
            continue;
        }
        // `script` runs it on a terminal of its own.
        let line = "\"$1\" --version >/dev/null && script -qec \"'$1'\" /dev/null </dev/null";
        let ran = sh(&name, line);
        let said = ran.out().replace('\r', "").replace("^D\u{8}\u{8}", "");
        assert_eq!(ran.code(), 2, "{name}: {said}");
        assert!((1..=2).contains(&said.lines().count()) && said.starts_with(&format!("{name}: ")), "{name}: {said:?}");
    }
}
