//! Options that contradict each other are refused, never ignored.

use super::{signal, trust_score};
use predicates::str::contains;

const REPORT: [&str; 3] = ["--report", "--days", "3"];
const PAGE: [&str; 4] = ["--html", "p.html", "--html-agents", "5"];
const FOLLOW: [&str; 3] = ["--follow", "--interval", "5"];

/// What is needed by an option must be given, whatever else is.
#[test]
fn what_would_do_nothing_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let views: [&[&str]; 8] = [
        &["--explain", "a"],
        &["--at-risk"],
        &["--report"],
        &["--table"],
        &["--html", "p.html"],
        &["--prometheus"],
        &["--revocations"],
        &["--partial"],
    ];
    let mut pairs: Vec<Vec<&str>> = Vec::new();
    for view in views {
        for (with, of) in [(&REPORT[1..], "--report"), (&PAGE[2..], "--html"), (&FOLLOW[1..], "--follow")] {
            if view[0] != of {
                pairs.push([view, with].concat());
            }
        }
    }
    for with in [&REPORT[1..], &PAGE[2..]] {
        pairs.extend([[&["--follow"], with].concat(), [&["--min", "1"], with].concat()]);
    }
    pairs.extend([[&REPORT[1..], &PAGE[2..]].concat(), [&REPORT[1..], &FOLLOW[1..]].concat()]);
    pairs.push([&PAGE[2..], &FOLLOW[1..]].concat());
    for of_state in ["--keep-log", "--all"] {
        pairs.extend([vec![of_state], vec![of_state, "--merge"], vec![of_state, "--partial"]]);
    }
    for other in [&["--min", "1"][..], &["--merge"], &["--trust-graph", "did:x"], &["--as-of", "2026-11-21T12:00:00Z"]]
    {
        pairs.push([&FOLLOW[1..], other].concat());
    }
    // By the engine's total alone agents are revoked, and whole agents are judged
    // by whoever merges them.
    for judge in [&["--decay", "1d"][..], &["--confidence"], &["--trust-graph", "did:x"]] {
        pairs.extend([[judge, &["--revocations"]].concat(), [judge, &["--partial"]].concat()]);
    }
    for pair in pairs {
        let mut ran = trust_score(&pair);
        let ran = ran.current_dir(folder.path()).write_stdin(signal("a", "output_quality", 1, 0)).assert().stdout("");
        let error = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
        ran.code(2);
        let said = ["cannot be used with", "not provided", "needs"].iter().any(|said| error.contains(said));
        assert!(said, "{pair:?}: {error}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 0, "{pair:?}");
    }
}

/// The log says what the weights were.
#[test]
fn a_log_is_not_replayed_under_another_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], input: &str| {
        let mut ran = trust_score(&["--state", "t.db"]);
        ran.args(arguments).current_dir(folder.path()).write_stdin(input.to_owned()).assert()
    };
    run(&["--keep-log"], &signal("a", "output_quality", 1, 0)).code(0);
    std::fs::write(folder.path().join("c.toml"), "warning_threshold = 400\n").expect("written");
    let then = ["--as-of", "9999-12-31T23:59:59.999Z"];
    run(&then, "").code(0).stdout(contains(r#""as_of":"9999-12-31T23:59:59.999Z""#));
    run(&[&then[..], &["--config", "c.toml"]].concat(), "").code(2).stdout("").stderr(contains("cannot be used with"));
}
