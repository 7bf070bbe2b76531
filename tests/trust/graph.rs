//! `--trust-graph`: a ring of Sybils beside the plain mean.

use super::{records, trust_score};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn word(speaker: &str, agent: &str, good: bool, second: usize) -> String {
    let record = json!({"type": "collaboration", "agent_did": agent, "peer_did": speaker, "handoff_successful": good,
        "timestamp": format!("2026-11-21T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)});
    record.to_string() + "\n"
}

/// Six honest hosts whose handoffs succeed nine times of ten, and nine Sybils
/// that praise each other and run the honest down.
fn attack() -> String {
    let (mut lines, mut second) = (String::new(), 0);
    let mut say = |speaker: &str, agent: &str, good| {
        second += 1;
        let _ = write!(lines, "{}", word(speaker, agent, good, second));
    };
    let honest = |n: usize| format!("did:key:zHonest{n}#A");
    let sybil = |n: usize| format!("did:key:zSybil{n}#A");
    for round in 0..10 {
        for (from, to) in (0..6).flat_map(|from| (0..6).map(move |to| (from, to))).filter(|(from, to)| from != to) {
            say(&honest(from), &honest(to), (from + to + round) % 10 != 0);
        }
        for from in 0..9 {
            say(&sybil(from), &sybil((from + 1) % 9), true);
            say(&sybil(from), &honest(from % 6), false);
        }
    }
    lines
}

fn of<'a>(records: &'a [Value], prefix: &str, member: &str) -> Vec<&'a Value> {
    let named = |record: &&Value| record["agent_did"].as_str().is_some_and(|did| did.starts_with(prefix));
    records.iter().filter(named).map(|record| &record[member]).collect()
}

#[test]
fn a_ring_of_sybils_gains_nothing() {
    let input = attack();
    let plain = records(&[], &input);
    assert!(of(&plain, "did:key:zSybil", "total_score").iter().all(|total| **total == 575), "{plain:?}");
    assert!(of(&plain, "did:key:zHonest", "total_score").iter().all(|total| total.as_u64() < Some(560)));
    let graph = records(&["--trust-graph", "did:key:zHonest0#A", "--trust-graph", "did:key:zHonest3"], &input);
    for (member, expected) in
        [("graph_trust", 0), ("graph_collaboration", 50), ("effective_score", 500), ("total_score", 575)]
    {
        assert!(of(&graph, "did:key:zSybil", member).iter().all(|value| **value == expected), "{member}: {graph:?}");
    }
    assert!(
        of(&graph, "did:key:zHonest", "effective_score").iter().all(|score| score.as_u64() > Some(553)),
        "{graph:?}"
    );
}

#[test]
fn pretrusted_agents_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pretrusted");
    let path = path.to_str().expect("UTF-8");
    std::fs::write(path, "# the founders\ndid:key:zHonest0#A\n\n  did:key:zHonest3 \n").expect("written");
    let input = attack();
    let named = records(&["--trust-graph", "did:key:zHonest3", "--trust-graph", "did:key:zHonest0"], &input);
    assert_eq!(records(&["--trust-graph", path], &input), named);
    std::fs::write(path, "# nobody\n").expect("written");
    let message = format!("trust-score: {path}: names nobody\n");
    let ran = trust_score(&["--trust-graph", path]).write_stdin(input.as_str()).assert().code(2).stdout("");
    assert!(String::from_utf8_lossy(&ran.get_output().stderr).starts_with(&message));
    let ran = trust_score(&["--trust-graph", "no-such-file"]).write_stdin(input.as_str()).assert().code(2).stdout("");
    ran.stderr("trust-score: no-such-file: no such file\ntrust-score: hint: --trust-graph takes a DID, or a file with one on each line\n");
}

/// A state with a log remembers who spoke; one without says that it does not.
#[test]
fn a_state_with_a_log_knows_who_spoke() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (logged, plain) = (path("logged.db"), path("plain.db"));
    let input = attack();
    let (first, second) = input.split_at(input[..input.len() / 2].rfind('\n').expect("lines") + 1);
    let whole = records(&["--trust-graph", "did:key:zHonest0"], &input);
    records(&["--state", &logged, "--keep-log"], first);
    let told = records(&["--state", &logged, "--trust-graph", "did:key:zHonest0"], second);
    let trust = |records: &[Value]| of(records, "did:", "graph_trust").into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(trust(&told), trust(&whole));
    let then =
        records(&["--state", &logged, "--as-of", "2027-01-01T00:00:00Z", "--trust-graph", "did:key:zHonest0"], "");
    assert_eq!(trust(&then), trust(&whole));

    records(&["--state", &plain], first);
    let ran =
        trust_score(&["--state", &plain, "--trust-graph", "did:key:zHonest0"]).write_stdin(second).assert().code(2);
    ran.stdout("").stderr(format!(
        "trust-score: {plain}: has no log of its signals\ntrust-score: hint: --trust-graph needs a state that was made with --keep-log\n"
    ));
}
