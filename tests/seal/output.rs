//! Where the result goes, and what is refused before anything is read.

use super::{Keys, age_enrol, secret};
use assert_cmd::Command;
use predicates::str::contains;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

#[test]
fn a_wrong_recipient_is_named_and_never_repeated() {
    let keys = Keys::new();
    let secret_key = fs::read_to_string(&keys.identity).expect("a file").lines().last().expect("a line").to_owned();
    let mut typo = keys.recipient.clone();
    let other = if typo.as_bytes()[30] == b'q' { "p" } else { "q" };
    typo.replace_range(30..31, other);
    for (recipient, what) in [
        (typo.as_str(), "checksum"),
        ("age1pq1qqqqqqqqqqqqq", "post-quantum"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkTGYdGRvZl9OGrDmZZ", "ssh"),
        (secret_key.as_str(), "secret key"),
        (&secret_key.to_lowercase(), "secret key"),
        ("bob", "starts with age1"),
        ("", "starts with age1"),
    ] {
        let mut command = age_enrol(&["--bytes", "-r", &keys.recipient, "-r", recipient]);
        let output = command.write_stdin("x").assert().code(2).stdout("").stderr(contains(what)).get_output().clone();
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("recipient 2") && (recipient.len() < 5 || !stderr.contains(recipient)), "{stderr}");
    }
}

#[test]
fn an_output_file_is_never_overwritten_unasked() {
    let keys = Keys::new();
    let output = keys.path("output");
    fs::write(&output, "before").expect("written");
    let path = output.to_str().expect("text");
    let seal = |more: &[&str]| {
        let mut command = age_enrol(&["--bytes", "-r", &keys.recipient, "-o", path]);
        command.args(more).write_stdin("content");
        command
    };
    seal(&[]).assert().code(2).stdout("").stderr(contains("already is such a file"));
    assert_eq!(fs::read_to_string(&output).expect("a file"), "before");
    seal(&["--force"]).assert().success().stdout("").stderr("");
    let sealed = fs::read(&output).expect("a file");
    keys.opening(&sealed).assert().success().stdout("content");
    let plain = keys.path("plain");
    keys.opening(&sealed).args(["-o", plain.to_str().expect("text")]).assert().success().stdout("").stderr("");
    assert_eq!(fs::read_to_string(&plain).expect("a file"), "content");
    assert_eq!(fs::metadata(&plain).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_output_is_not_the_input() {
    let keys = Keys::new();
    let file = keys.path("file");
    fs::write(&file, "content").expect("written");
    let input = || Stdio::from(fs::File::open(&file).expect("a file"));
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("age-enrol"));
    command.args(["--bytes", "-r", &keys.recipient, "--force", "-o"]).arg(&file).stdin(input());
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the output is the input"));
    assert_eq!(fs::read_to_string(&file).expect("a file"), "content");
}

#[test]
fn an_output_that_is_no_file_is_refused() {
    let keys = Keys::new();
    for path in ["/dev/full", "/dev", "/nonexistent/x", ""] {
        let mut command = age_enrol(&["--bytes", "-r", &keys.recipient, "--force", "-o", path]);
        command.write_stdin("content").assert().code(2).stdout("");
    }
    let mut nowhere = age_enrol(&["--bytes", "-r", &keys.recipient, "-o", "/nonexistent/x"]);
    let named = "age-enrol: /nonexistent/x: No such file or directory (os error 2)\n";
    nowhere.write_stdin("content").assert().code(2).stderr(named);
}

#[test]
fn a_hyphen_is_stdout() {
    let keys = Keys::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut seal = age_enrol(&["--bytes", "-r", &keys.recipient, "-o", "-"]);
    let sealed = seal.current_dir(folder.path()).write_stdin("content").assert().success().get_output().stdout.clone();
    keys.opening(&sealed).current_dir(folder.path()).args(["-o", "-"]).assert().success().stdout("content");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_full_disk_leaves_no_part_and_keeps_what_was_there() {
    let keys = Keys::new();
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").expect("a device"));
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("age-enrol"));
    command.args(["--bytes", "-r", &keys.recipient]).stdin(Stdio::null()).stdout(full());
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "stdout on a full disk");
    assert!(String::from_utf8_lossy(&output.stderr).contains("writing stdout"));

    // A file system of our own is not to be had everywhere; a limit on the size
    // of files fails at the same place, in the middle of writing.
    let target = keys.path("target");
    fs::write(&target, "before").expect("written");
    let script = "ulimit -f 64; trap '' XFSZ; exec \"$0\" --bytes -r \"$1\" --force -o \"$2\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(assert_cmd::cargo::cargo_bin!("age-enrol")).arg(&keys.recipient).arg(&target);
    shell.write_stdin(vec![b'x'; 300_000]).assert().code(2).stdout("").stderr(contains("writing"));
    assert_eq!(fs::read_to_string(&target).expect("a file"), "before");
    assert_eq!(fs::read_dir(keys.folder.path()).expect("a folder").count(), 2, "no part is left");
}

#[test]
fn what_is_too_large_for_stdout_is_refused_before_it_is_read() {
    let keys = Keys::new();
    let most = 16 << 20;
    let path = keys.path("large");
    let sealed = keys.path("sealed");
    fs::write(&path, vec![0; most - 4096 - 65_536]).expect("written");
    for (more, code) in [(0, 0), (200_000, 2)] {
        let plain = fs::OpenOptions::new().append(true).open(&path).expect("a file");
        { plain }.write_all(&vec![0; more]).expect("written");
        let content = fs::read(&path).expect("a file");
        fs::write(&sealed, keys.seal(&content, &[])).expect("written");
        // As a regular file, of which the size is known, and as a pipe.
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("age-enrol"));
        command.args(["--open", "--bytes", "-i", &keys.identity]).stdin(fs::File::open(&sealed).expect("a file"));
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(output.stdout.len(), if code == 0 { content.len() } else { 0 });
        let piped = keys.opening(&fs::read(&sealed).expect("a file")).assert().code(code).get_output().stdout.len();
        assert_eq!(piped, output.stdout.len());
        let file = keys.path("opened");
        keys.opening(&fs::read(&sealed).expect("a file")).args(["-o"]).arg(&file).assert().success().stderr("");
        assert_eq!(fs::metadata(&file).expect("a file").len(), content.len() as u64);
        fs::remove_file(&file).expect("removed");
    }
}

#[test]
fn what_is_larger_than_memory_goes_through() {
    let keys = Keys::new();
    // 64 MiB through processes that may not have 64 MiB, their programs included.
    let script = "head -c 67108864 /dev/zero | \"$0\" --bytes -r \"$1\" | \"$0\" --open --bytes -i \"$2\" -o \"$3\"; \
                  wc -c < \"$3\"";
    let mut shell = Command::new("sh");
    let output = keys.path("output");
    shell.args(["-c", &format!("ulimit -v 65536; {script}")]).arg(assert_cmd::cargo::cargo_bin!("age-enrol"));
    shell.args([&keys.recipient, &keys.identity]).arg(&output);
    shell.assert().success().stdout(contains("67108864")).stderr("");
}

#[test]
fn an_identity_file_that_is_not_one_is_refused() {
    let keys = Keys::new();
    let sealed = keys.seal(b"x", &[]);
    let path = keys.path("other");
    let good = fs::read_to_string(&keys.identity).expect("a file");
    let open = |code: i32, what: &str| {
        let mut command = age_enrol(&["--open", "--bytes", "-i", path.to_str().expect("text")]);
        let output = command.write_stdin(sealed.clone()).assert().code(code).stdout("").get_output().clone();
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(stderr.contains(what) && !stderr.contains("AGE-SECRET-KEY-1Q"), "{stderr}");
    };
    open(2, "No such file");
    fs::create_dir(&path).expect("a folder");
    open(2, "not a regular file");
    fs::remove_dir(&path).expect("removed");
    Command::new("mkfifo").args(["-m", "600"]).arg(&path).assert().success();
    open(2, "not a regular file");
    fs::remove_file(&path).expect("removed");
    for (content, what) in [("", "empty"), ("# a comment\n", "only comments"), ("AGE-SECRET-KEY-1QQQ\n", "line 1")] {
        secret(&path, content.as_bytes());
        open(2, what);
    }
    secret(&path, good.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
    open(5, "others can read it");
    for spelled in [good.replace('\n', "\r\n"), format!("{good}{good}")] {
        secret(&path, spelled.as_bytes());
        let mut command = age_enrol(&["--open", "--bytes", "-i", path.to_str().expect("text")]);
        command.write_stdin(sealed.clone()).assert().success().stdout("x").stderr("");
    }
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    let keys = Keys::new();
    for arguments in [
        &["--bytes", "--open", "-r", &keys.recipient][..],
        &["--bytes", "-i", &keys.identity],
        &["-o", "x"],
        &["--bytes", "--force"],
        &["--armor"],
        &["--open", "--bytes", "--armor"],
        &["--open", "--expires", "1h"],
        &["--expires", "8d"],
        &["--expires", "0s"],
    ] {
        age_enrol(arguments)
            .write_stdin("x")
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicates::str::starts_with("age-enrol: "));
    }
}

#[test]
fn a_closed_stdout_is_a_quiet_end() {
    let keys = Keys::new();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("age-enrol"));
    command
        .args(["--bytes", "-r", &keys.recipient])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    drop(child.stdout.take());
    let _ = child.stdin.take().expect("a pipe").write_all(&vec![0; 1 << 20]);
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert_eq!((child.wait().expect("it ends").code(), stderr.as_str()), (Some(0), ""));
}
