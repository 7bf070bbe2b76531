//! `--config`: what an operator may tune, and what is refused.

use super::follow::Resident;
use super::{records, signal, trust_score};
use crate::shell::until;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

fn written(folder: &Path, text: impl AsRef<[u8]>) -> String {
    let path = folder.join("trust.toml");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn weights_and_thresholds_hold() {
    let folder = folder();
    let path = written(
        folder.path(),
        "revocation_threshold = 400\n[weights]\npolicy_compliance = 0.5\nresource_efficiency = 0\n\
         output_quality = 0.3\nsecurity_posture = 0.1\ncollaboration_health = 0.1\n",
    );
    let input = signal("a", "policy_compliance", 0.4, 0) + &signal("b", "policy_compliance", 0.1, 0);
    let told = records(&["--config", &path], &input);
    assert_eq!((&told[0]["total_score"], &told[0]["revoked"]), (&450.into(), &false.into()));
    assert_eq!(told[0]["dimensions"]["policy_compliance"]["weight"], 0.5);
    assert_eq!((&told[1]["total_score"], &told[1]["revoked"]), (&300.into(), &true.into()));
    assert_eq!(told[1]["revocation_reason"], "Trust score 300 below threshold");
    // By the defaults both are better off.
    let plain = records(&[], &input);
    assert_eq!((&plain[0]["total_score"], &plain[1]["total_score"]), (&475.into(), &400.into()));
    assert_eq!(plain[1]["revoked"], false);
}

#[test]
fn what_cannot_be_meant_stops_it_before_it_reads() {
    let folder = folder();
    for (text, message, hint) in [
        (
            &b"[weights]\npolicy_compliance = 0.3\n"[..],
            "line 1: the weights sum to 1.05, not to 1",
            "name all five weights",
        ),
        (
            b"\n\n[weights]\noutput_quality = -0.2",
            "line 4: the weight of output_quality is -0.2, which is",
            "a weight is a share",
        ),
        (
            b"[weights]\noutput_quality = nan",
            "line 2: the weight of output_quality is NaN, which is",
            "a weight is a share",
        ),
        (
            b"[weights]\noutput_quality = +inf",
            "line 2: the weight of output_quality is inf, which is",
            "a weight is a share",
        ),
        (b"[weight]\noutput_quality = 0.2", "line 1: unknown field `weight`, expected one of", "a configuration has"),
        (
            b"update_interval_seconds = \"30\"",
            "line 1: invalid type: string \"30\", expected an integer",
            "a configuration has",
        ),
        (
            b"warning_threshold = 1001",
            "line 1: warning_threshold is 1001, which is not between 0 and 1000",
            "a threshold is",
        ),
        (b"{\"weights\": {}}", "line 1: ", "a configuration has"),
        (b"# fine\n# \xff\n", "line 2: not UTF-8", "a configuration is TOML text"),
    ] {
        let path = written(folder.path(), text);
        let ran = trust_score(&["--config", &path])
            .write_stdin(signal("a", "output_quality", 1, 0))
            .assert()
            .code(2)
            .stdout("");
        let err = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
        assert!(err.starts_with(&format!("trust-score: {path}: {message}")), "{err}");
        assert!(err.contains(&format!("\ntrust-score: hint: {hint}")), "{err}");
        assert_eq!(err.lines().count(), 2, "{err}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = folder();
    let missing = folder.path().join("none.toml");
    let missing = missing.to_str().expect("UTF-8");
    let input = || signal("a", "output_quality", 1, 0);
    let message = format!("trust-score: {missing}: no such file\n");
    trust_score(&["--config", missing]).write_stdin(input()).assert().code(2).stdout("").stderr(message);
    let is_folder = folder.path().to_str().expect("UTF-8");
    trust_score(&["--config", is_folder]).write_stdin(input()).assert().code(2).stdout("");
    // 64 KiB are read, a byte more is not.
    let most = "#".repeat(64 * 1024);
    let path = written(folder.path(), &most);
    trust_score(&["--config", &path]).write_stdin(input()).assert().code(0).stderr("");
    let path = written(folder.path(), most + "#");
    let message = format!("trust-score: {path}: larger than 65536 bytes\n");
    trust_score(&["--config", &path]).write_stdin(input()).assert().code(2).stdout("").stderr(message);
}

/// While it stays: a file that is good is taken up, one that is not is said once
/// and changes nothing.
#[test]
fn a_file_that_changes_is_taken_up() {
    let folder = folder();
    let path = written(folder.path(), "# the defaults\n");
    let stderr = folder.path().join("stderr");
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("trust-score"))
        .args(["--follow", "--interval", "1", "--config", &path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&stderr).expect("a file"))
        .spawn()
        .expect("it runs");
    let mut input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, lines) = channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let said = || {
        let line = lines.recv_timeout(LIMIT).expect("a line in time");
        let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        (record["agent_did"].as_str().expect("a did").to_owned(), record["total_score"].as_u64().expect("a total"))
    };
    let mut tell = |agent: &str, second| {
        let line = signal(agent, "output_quality", 1, second).replace("2026-", "2020-");
        input.write_all(line.as_bytes()).expect("it reads");
    };
    tell("a", 1);
    assert_eq!(said(), ("a".to_owned(), 600));
    written(folder.path(), "\n[weights]\noutput_quality = 9\n");
    let complaint = || std::fs::read_to_string(&stderr).expect("there");
    until(LIMIT, || complaint().contains("hint").then_some(())).expect("it is said");
    // The old weights hold, over some looks at the bad file.
    for (second, agent) in ["b", "c", "d"].into_iter().enumerate() {
        tell(agent, 10 + 10 * second);
        assert_eq!(said(), (agent.to_owned(), 600));
    }
    written(folder.path(), "weights = { policy_compliance = 0.1, security_posture = 0.1, output_quality = 0.5 }\n");
    for agent in ["a", "b", "c", "d"] {
        assert_eq!(said(), (agent.to_owned(), 750));
    }
    drop(input);
    assert_eq!(child.wait().expect("our own child").code(), Some(0));
    let weight = "the weight of output_quality is 9, which is not between 0 and 1";
    let expected =
        format!("trust-score: {path}: line 3: {weight}\ntrust-score: hint: the configuration from before holds on\n");
    assert_eq!(complaint(), expected);
}

/// To read it would be to wait until somebody writes.
#[test]
fn a_pipe_in_the_files_place_holds_up_no_score() {
    let folder = folder();
    let path = written(folder.path(), "# the defaults\n");
    let mut resident = Resident::start(&["--interval", "1", "--config", &path], None);
    let mut told = 0;
    let mut say = |resident: &mut Resident, value: f64| {
        told += 1;
        resident.tell(&signal("a", "output_quality", value, told).replace("2026-", "2020-"));
        resident.said().1
    };
    // Its first line says that it has read the file.
    assert_eq!(say(&mut resident, 1.0), 600);
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("made");
    std::fs::rename(&pipe, &path).expect("in its place");
    // The file is looked at each second, and each of these waits for a tick.
    assert_eq!([0.5, 1.0, 0.5].map(|value| say(&mut resident, value)), [549, 566, 549]);
    let text = "weights = { output_quality = 0.45, security_posture = 0 }\n";
    std::fs::write(&pipe, text).expect("written");
    std::fs::rename(&pipe, &path).expect("in its place");
    assert_eq!(resident.said().1, 611, "a file again");
}
