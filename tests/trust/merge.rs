//! `--partial` and `--merge`: many processes give what one would have given.

use super::{signal, trust_score};
use predicates::str::contains;
use proptest::prelude::*;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

const DIMENSIONS: [&str; 5] =
    ["policy_compliance", "resource_efficiency", "output_quality", "security_posture", "collaboration_health"];

/// Signals of eleven agents; some are revoked, some come late, some praise.
fn signals() -> Vec<(String, String)> {
    let mut state = 42u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let made = |n: usize| {
        let agent = format!("did:key:z{}#A", next(11));
        let some = u32::try_from(next(1_000_000)).expect("small");
        let value = if agent.as_str() < "did:key:z2" { 0.1 } else { 0.35 + f64::from(some) / 1_600_000.0 };
        let second = n + next(3) as usize * 5;
        let line = signal(&agent, DIMENSIONS[next(5) as usize], value, second);
        let peer = format!("\"source\":\"collaboration:did:key:z{}#A\"", next(11));
        (agent, line.replace("\"source\":\"test\"", &peer))
    };
    (0..4000).map(made).collect()
}

fn run(arguments: &[&str], input: &str) -> String {
    let output = trust_score(arguments).write_stdin(input).assert().code(0).stderr("").get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

/// Each agent's signals in one of `shards`, in their order.
fn shards(signals: &[(String, String)], shards: u64) -> Vec<String> {
    let mut parts = vec![String::new(); shards as usize];
    for (agent, line) in signals {
        let mut hasher = DefaultHasher::new();
        agent.hash(&mut hasher);
        parts[(hasher.finish() % shards) as usize].push_str(line);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[test]
fn shards_put_together_are_the_whole() {
    let signals = signals();
    let whole: String = signals.iter().map(|(_, line)| line.as_str()).collect();
    for count in [1, 2, 7] {
        let mut parts: Vec<String> = shards(&signals, count).iter().map(|part| run(&["--partial"], part)).collect();
        parts.reverse();
        let parts = parts.concat();
        for view in [
            &[][..],
            &["--decay", "1s", "--confidence"],
            &["--trust-graph", "did:key:z5"],
            &["--revocations"],
            &["--partial"],
        ] {
            let expected = run(view, &whole);
            assert!(!expected.is_empty(), "{view:?}");
            let merged = run(&[view, &["--merge"]].concat(), &parts);
            if view != ["--partial"] {
                assert!(merged == expected, "{view:?} of {count} differ:\n{merged}\n{expected}");
            }
        }
    }
}

#[test]
fn one_agent_in_two_parts_is_refused() {
    let one = run(&["--partial"], &signal("a", "output_quality", 1, 0));
    let two = run(&["--partial"], &(signal("a", "output_quality", 0.5, 1) + &signal("b", "output_quality", 0.5, 1)));
    let ran = trust_score(&["--merge"]).write_stdin(one + &two).assert().code(3);
    let told = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
    assert_eq!(told.lines().count(), 2, "the other one counts: {told}");
    assert!(told.starts_with(r#"{"type":"score","v":1,"agent_did":"a","total_score":600"#), "{told}");
    ran.stderr(
        "trust-score: line 2: a is in a part before this one\n\
         trust-score: hint: shard by agent: all signals of one agent go to one process\n",
    );
}

#[test]
fn what_is_no_part_is_refused() {
    let part = run(&["--partial"], &signal("a", "output_quality", 0.5, 0));
    for (line, message) in [
        (signal("b", "output_quality", 1, 0), "\"type\" is neither \"partial\" nor \"heard\""),
        (part.replace("[0.5]", "[5]").replace("\"a\"", "\"b\""), "are not of one agent"),
        (
            r#"{"type":"heard","v":1,"agent_did":"b","speaker":"c","sum":1,"count":1}"#.to_owned() + "\n",
            "b is not known",
        ),
        (part[..40].to_owned() + "\n", "ends too early"),
    ] {
        let ran = trust_score(&["--merge"]).write_stdin(part.clone() + &line).assert().code(3);
        assert_eq!(String::from_utf8_lossy(&ran.get_output().stdout).lines().count(), 1, "{message}");
        ran.stderr(contains(message));
    }
    let heard = r#"{"type":"heard","v":1,"agent_did":"a","speaker":"c","sum":1,"count":1}"#;
    let twice = format!("{part}{heard}\n{heard}\n");
    let ran = trust_score(&["--merge", "--trust-graph", "did:c"]).write_stdin(twice).assert().code(3);
    ran.stderr("trust-score: line 3: what c says of a is in a part before this one\n");
    trust_score(&["--merge"]).write_stdin("").assert().code(2).stdout("");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// A part of parts is a part.
    #[test]
    fn parts_go_through_unchanged(cut in 1..400usize) {
        let signals = signals();
        let some: String = signals[..cut].iter().map(|(_, line)| line.as_str()).collect();
        let part = run(&["--partial"], &some);
        prop_assert_eq!(run(&["--merge", "--partial"], &part), part);
    }
}
