//! Decay, confidence, and revocations on their way to the Leader.

use super::{records, signal, trust_score};
use crate::manual::bin_dir;
use crate::shell;
use predicates::str::contains;
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

const GOOD: [&str; 5] =
    ["policy_compliance", "resource_efficiency", "output_quality", "security_posture", "collaboration_health"];

/// One signal in each dimension, and somebody else's a while later.
fn perfect_then_idle(idle_seconds: usize) -> String {
    let perfect: String = GOOD.iter().map(|dimension| signal("known", dimension, 1, 0)).collect();
    perfect + &signal("other", "output_quality", 0.5, idle_seconds)
}

fn last<'a>(records: &'a [Value], agent: &str) -> &'a Value {
    records.iter().rev().find(|record| record["agent_did"] == agent).expect("the agent")
}

#[test]
fn nothing_is_added_that_is_not_asked_for() {
    let plain = records(&[], &perfect_then_idle(60));
    assert!(plain.iter().all(|record| record.get("effective_score").is_none() && record.get("idle_ms").is_none()));
}

#[test]
fn idle_agents_fade_and_the_total_stays() {
    let input = perfect_then_idle(7200);
    let faded = records(&["--decay", "1h"], &input);
    let known = last(&faded, "known");
    assert_eq!((&known["total_score"], &known["idle_ms"]), (&1000.into(), &7_200_000.into()));
    assert_eq!((&known["decayed_score"], &known["effective_score"]), (&625.into(), &625.into()));
    assert_eq!(known["effective_tier"], "standard");
    assert_eq!(last(&faded, "other")["effective_score"], 500);
    for bad in ["0s", "-1h", "soon", "100ns"] {
        trust_score(&["--decay", bad]).write_stdin(input.as_str()).assert().code(2).stdout("");
    }
}

/// However often a state is asked, an idle agent has the same score.
#[test]
fn asking_often_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("trust.db");
    let state = state.to_str().expect("UTF-8");
    let ask = |second| {
        let told =
            records(&["--state", state, "--all", "--decay", "1h"], &signal("other", "output_quality", 0.5, second));
        last(&told, "known")["effective_score"].clone()
    };
    records(&["--state", state], &perfect_then_idle(0));
    assert_eq!([ask(3600), ask(3600), ask(5400), ask(7200), ask(7200)], [750, 750, 676, 625, 625].map(Value::from));
}

#[test]
fn the_unknown_never_beat_the_known() {
    let many: String = (0..100).map(|n| signal("veteran", "output_quality", 0.8, n)).collect();
    let few: String = GOOD.iter().map(|dimension| signal("newcomer", dimension, 1, 99)).collect();
    let told = records(&["--confidence"], &(many + &few));
    let (newcomer, veteran) = (last(&told, "newcomer"), last(&told, "veteran"));
    // By the engine a perfect newcomer is far ahead.
    assert_eq!((&newcomer["total_score"], &veteran["total_score"]), (&1000.into(), &560.into()));
    assert_eq!((&newcomer["confidence_signals"], &newcomer["effective_score"]), (&5.into(), &648.into()));
    assert_eq!((&veteran["confidence_signals"], &veteran["effective_score"]), (&100.into(), &477.into()));
    let one = records(&["--confidence"], &signal("new", "output_quality", 1, 0));
    assert_eq!((&one[0]["total_score"], &one[0]["effective_score"]), (&600.into(), &102.into()));
}

/// Two agents fall, one of them twice as deep, and one at the last
/// recalculation of all.
fn falls() -> String {
    let falling = |agent: &str, second| {
        signal(agent, "policy_compliance", 0, second) + &signal(agent, "security_posture", 0, second + 1)
    };
    let key = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    let late: String = ["policy_compliance", "security_posture", "output_quality"]
        .map(|dimension| signal("late", dimension, 0.3, 5))
        .concat();
    falling("z-first", 0)
        + &falling(&format!("{key}#G6WG9CTNJ8"), 3)
        + &late
        + &signal("late", "resource_efficiency", 0.3, 6)
        + &signal("late", "collaboration_health", 0.29, 7)
        + &falling("z-first", 8)
        + &falling(key, 9)
}

const DRAFTS: &str = r#"{"type":"revoked","subject":"ucxl://any:admin@COOEE:revoke/#/name/z-first","data":{"agent_did":"z-first","reason":"Trust score 250 below threshold"}}
{"type":"revoked","subject":"ucxl://any:admin@COOEE:revoke/#/agentid/G6WG9CTNJ8","data":{"agent_did":"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#G6WG9CTNJ8","reason":"Trust score 250 below threshold"}}
{"type":"revoked","subject":"ucxl://any:admin@COOEE:revoke/#/name/late","data":{"agent_did":"late","reason":"Trust score 298 below threshold"}}
{"type":"revoked","subject":"ucxl://any:admin@COOEE:revoke/#/key/z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp","data":{"did":"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp","reason":"Trust score 250 below threshold"}}
"#;

#[test]
fn each_revocation_is_said_once_in_its_order() {
    trust_score(&["--revocations"]).write_stdin(falls()).assert().code(0).stdout(DRAFTS).stderr("");
    trust_score(&["--revocations", "--follow"]).write_stdin(falls()).assert().code(0).stdout(DRAFTS).stderr("");
    trust_score(&["--revocations"]).write_stdin(signal("a", "output_quality", 1, 0)).assert().code(0).stdout("");
}

/// What a run without --revocations has found is said by the next one with it,
/// and never again: so a crash before it was said loses nothing.
#[test]
fn a_state_says_each_revocation_once_over_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    for (first, second) in [(&[][..], &["--revocations"][..]), (&["--follow"], &["--follow", "--revocations"])] {
        let state = folder.path().join(format!("{}.db", first.len()));
        let run = |more: &[&str], input: &str| {
            let arguments = [more, &["--state", state.to_str().expect("UTF-8")]].concat();
            let output = trust_score(&arguments).write_stdin(input).assert().code(0).get_output().stdout.clone();
            String::from_utf8(output).expect("UTF-8")
        };
        let lines = falls();
        let (early, later) = lines.split_at(lines.match_indices('\n').nth(3).expect("lines").0 + 1);
        run(first, early);
        let said = run(second, "");
        assert_eq!(said + &run(second, later), DRAFTS, "{second:?}");
        assert_eq!(run(second, later), "", "{second:?}");
    }
}

/// The whole of DESIGN's second flow: what two signed signals cost an agent, its
/// Leader has in its registry at the end.
#[test]
fn a_revocation_reaches_the_leaders_registry() {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command.arg("-c").arg(PIPE).current_dir(home.path()).stdin(Stdio::null());
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", bin_dir().display()));
    let ran = shell::run(&mut command, Duration::from_mins(2), false);
    assert_eq!(ran.code(), 0, "{} {}", ran.out(), ran.err());
    let agent: Value = serde_json::from_str(ran.out().lines().last().unwrap_or_default()).expect("a registration");
    assert_eq!(agent["standing"], "revoked", "{} {}", ran.out(), ran.err());
    assert_eq!(agent["reason"], "Trust score 250 below threshold");
    assert!(ran.clean);
}

const PIPE: &str = r#"set -eu
cooee-key new --dir host >/dev/null
host=$(cooee-key show --dir host --raw)
cooee-key found --dir leader >/dev/null
sed "s/\"revokers\":\[\]/\"revokers\":[\"$host\"]/" leader/fleet.json >fleet && mv fleet leader/fleet.json
cooee-sub --serve --dir leader --listen /ip4/127.0.0.1/tcp/0 &
until test -S leader/node.sock; do sleep 0.02; done
cooee-key invite --dir leader | cooee-key join --dir host - >/dev/null
echo '{"type":"agent","v":1,"gpu_id":"none","gpu_slot":0,"hostname":"gpu-7","mac":"0c42a1b2c3d4","model":"m"}' |
  agentid-hash | age-enrol --dir host | cooee-pub --dir host >/dev/null
cooee-sub --dir leader --unanswered --count 1 'ucxl://any:admin@COOEE:enrol/#/agentid/*' |
  age-enrol --dir leader --open | agentid-register --dir leader | cooee-pub --dir leader >/dev/null
# The pipe stays, as it would in a unit.
cooee-sub --dir leader 'ucxl://any:any@any:trust/#/signal/*' --since 1h |
  trust-score --follow --revocations | cooee-pub --dir host >/dev/null &
cooee-sub --dir leader --unanswered --type revoked 'ucxl://any:any@any:any/#/*' --count 1 |
  agentid-register --dir leader | cooee-pub --dir leader >/dev/null &
judged=$!
did=$(agentid-register --list --dir leader | sed 's/.*"agent_did":"\([^"]*\)".*/\1/')
for dimension in policy_compliance security_posture; do
  echo '{"type":"signal","subject":"ucxl://any:any@any:trust/#/signal/x","data":{"agent_did":"'"$did"'","dimension":"'$dimension'","value":0,"source":"test"}}'
done | cooee-pub --dir host >/dev/null
wait $judged
agentid-register --list --dir leader
"#;

#[test]
fn what_excludes_each_other_is_said() {
    for arguments in [
        &["--revocations", "--partial"][..],
        &["--merge", "--follow"],
        &["--partial", "--state", "x"],
        &["--trust-graph", "did:key:zA", "--follow"],
    ] {
        let ran = trust_score(arguments).write_stdin("").assert().code(2).stdout("");
        ran.stderr(contains("cannot be used with"));
    }
}
