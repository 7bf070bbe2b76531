//! What is far too large is refused in little memory; few descriptors are enough.

use super::LIMIT;
use crate::manual::bin_dir;
use crate::shell::until;
use cooee::seal::Identity;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const GIBIBYTE: u64 = 1 << 30;
/// FACTS-security, A12.
const MOST_MEMORY_KB: u64 = 32 * 1024;

/// A leader's folder.
fn leader() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let mut found = Command::new(bin_dir().join("cooee-key"));
    let made = found.args(["found", "--dir"]).arg(folder.path()).output().expect("the command is built");
    assert!(made.status.success());
    folder
}

fn open(arguments: &[&str], dir: &Path, input: Stdio) -> Child {
    let mut command = Command::new(bin_dir().join("age-enrol"));
    command.arg("--open").args(arguments).arg("--dir").arg(dir).stdin(input);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command is built")
}

/// The most memory that a process has had at once.
fn peak_kb(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Its exit code, stdout and stderr.
fn ended(mut child: Child) -> (Option<i32>, String, String) {
    let status = until(LIMIT, || child.try_wait().expect("our own child")).expect("it ends in time");
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
    (status.code(), out, err)
}

/// A12: as a line of a gibibyte.
#[test]
fn a12_a_request_of_a_gibibyte_is_refused_in_little_memory() {
    let leader = leader();
    let mut child = open(&[], leader.path(), Stdio::piped());
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"{\"data_base64\":\"").expect("it reads");
    let chunk = vec![b'A'; 1 << 20];
    for _ in 0..GIBIBYTE / chunk.len() as u64 {
        input.write_all(&chunk).expect("it reads on, to the next line");
    }
    input.write_all(b"\"}\n").expect("it reads");
    // It still waits for the next line, so that it can be measured.
    let peak = peak_kb(&child).expect("it lives");
    drop(input);
    let (code, out, err) = ended(child);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert_eq!(err, "age-enrol: line 1: line is longer than 1048576 bytes\n");
    assert!(peak < MOST_MEMORY_KB, "{peak} kB");
}

/// A12: as a file of a gibibyte, of which the size is known: not read at all.
#[test]
fn a12_a_file_of_a_gibibyte_is_refused_unread() {
    let leader = leader();
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"age-encryption.org/v1\n").and_then(|()| file.set_len(GIBIBYTE)).expect("a sparse file");
    file.rewind().expect("our own file");
    let child = open(&["--bytes"], leader.path(), Stdio::from(file.try_clone().expect("one more")));
    let (code, out, err) = ended(child);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains("16 MiB") || err.contains("16777216"), "{err}");
    let read = file.stream_position().expect("our own file");
    assert_eq!(read, 0, "of a file that both of us have open");
}

/// A12: as a stream of which nobody knows how long it is: read up to the cap.
#[test]
fn a12_a_stream_of_a_gibibyte_is_refused_at_the_cap() {
    let leader = leader();
    let identity = Identity::parse_file(&fs::read(leader.path().join("leader.age")).expect("a file")).expect("good");
    let mut seal = Command::new(bin_dir().join("age-enrol"));
    seal.args(["--bytes", "-r", &identity[0].recipient().to_string()]);
    let zeros = File::open("/dev/zero").expect("there");
    seal.stdin(zeros).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut seal = seal.spawn().expect("the command is built");
    let mut sealed = seal.stdout.take().expect("piped");
    let mut child = open(&["--bytes"], leader.path(), Stdio::piped());
    let mut input = child.stdin.take().expect("piped");
    let (mut taken, mut peak) = (0, 0);
    let mut chunk = vec![0; 1 << 16];
    while taken < GIBIBYTE {
        sealed.read_exact(&mut chunk).expect("it goes on");
        if input.write_all(&chunk).is_err() {
            break;
        }
        taken += chunk.len() as u64;
        // Only ever rises; what it does with the last bytes is nothing.
        peak = peak_kb(&child).unwrap_or(peak);
    }
    let _ = seal.kill();
    let _ = seal.wait();
    let (code, out, err) = ended(child);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(taken > 16 << 20 && taken < 20 << 20, "{taken} bytes were taken");
    assert!((1..MOST_MEMORY_KB).contains(&peak), "{peak} kB");
}

/// Whatever else the test was started with open: the limit itself is judged.
#[test]
fn sixteen_descriptors_are_enough_for_all_but_a_node_and_it_says_so() {
    let folder = TempDir::new().expect("a folder");
    let line = "ulimit -n 16; PATH=$0:$PATH; set -e; agentid-encode --raw 42:3; hwprobe >/dev/null; \
        cooee-key found --dir \"$1\" >/dev/null; agentid-register --list --dir \"$1\"; \
        echo one | cooee-pub --wait spooled --dir \"$1\" ucxl://any:ops@COOEE:demo >/dev/null; \
        cooee-sub --no-follow --dir \"$1\" ucxl://any:any@any:any";
    let mut command = Command::new("sh");
    let dir = folder.path().join("new");
    command.args(["-c", line]).arg(bin_dir()).arg(dir).stdin(Stdio::null());
    let ran = crate::shell::run(&mut command, LIMIT, false);
    assert_eq!(ran.out(), "858RJ\n", "{}", ran.err());
    let lack = "cooee-sub: a node needs 64 open files, the limit is 16\ncooee-sub: hint: raise it: ulimit -n 1024\n";
    assert_eq!((ran.code(), ran.err().as_str()), (2, lack));
}
