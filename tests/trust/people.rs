//! What people ask of scores: why, who is at risk, how has the fleet fared, may
//! it go on; and the table.

use super::{records, signal, trust_score};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// `good` has 625, `risky` 447 by way of 420, `gone` is revoked and back at 500
/// or more, `quiet` has 500.
pub fn fleet() -> String {
    let mut lines = String::new();
    for second in 0..5 {
        lines += &signal("did:web:good#AAAAAAAAAA", "security_posture", 1, second);
    }
    lines += &signal("did:web:risky#BBBBBBBBBB", "policy_compliance", 0.2, 10);
    lines += &signal("did:web:risky#BBBBBBBBBB", "policy_compliance", 0.37, 11);
    lines += &signal("did:web:gone", "policy_compliance", 0, 20);
    lines += &signal("did:web:gone", "security_posture", 0, 21);
    for second in 30..60 {
        lines += &signal("did:web:gone", "policy_compliance", 1, second);
        lines += &signal("did:web:gone", "security_posture", 1, second);
    }
    lines += &signal("did:web:quiet", "output_quality", 0.5, 70);
    lines
}

#[test]
fn an_explanation_adds_up() {
    let dids = ["did:web:gone", "did:web:risky#BBBBBBBBBB", "did:web:good#AAAAAAAAAA"];
    let arguments: Vec<&str> = dids.iter().flat_map(|did| ["--explain", did]).collect();
    let explained = records(&arguments, &fleet());
    let scores = records(&[], &fleet());
    assert_eq!(explained.len(), 3);
    for (record, did) in explained.iter().zip(dids) {
        assert_eq!(
            (&record["type"], &record["v"], &record["agent_did"]),
            (&json!("explanation"), &json!(1), &json!(did))
        );
        let score = scores.iter().find(|score| score["agent_did"] == did).expect("scored as well");
        for member in
            ["total_score", "tier", "dimensions", "trend", "revoked", "revocation_reason", "sample_size", "as_of"]
        {
            assert_eq!(record[member], score[member], "{did}: {member}");
        }
        let sum: f64 = record["dimensions"]
            .as_object()
            .expect("an object")
            .values()
            .map(|of| of["contribution"].as_f64().expect("a number"))
            .sum();
        assert_eq!(record["total_score"].to_string(), (sum * 10.0).trunc().to_string(), "{did}");
        let history = record["history"].as_array().expect("a list");
        assert_eq!(history.last().expect("a point"), &json!([record["as_of"], record["total_score"]]));
    }
    let gone = &explained[0];
    assert_eq!(
        gone["history"],
        json!([
            ["2026-11-21T00:00:20.000Z", 375],
            ["2026-11-21T00:00:21.000Z", 250],
            ["2026-11-21T00:01:10.000Z", gone["total_score"]]
        ])
    );
    assert_eq!((&gone["revoked"], &gone["revoked_at"]), (&json!(true), &json!("2026-11-21T00:00:21.000Z")));
    let recent = gone["recent_signals"].as_array().expect("a list");
    assert_eq!(recent.len(), 10);
    assert_eq!(
        recent[9],
        json!({"dimension": "security_posture", "value": 1, "source": "test", "timestamp": "2026-11-21T00:00:59.000Z"})
    );
    assert_eq!(explained[1]["revoked_at"], Value::Null);
}

#[test]
fn whoever_is_not_known_is_named() {
    let unknown = ["--explain", "did:web:nobody\u{1b}", "--explain", "did:web:quiet"];
    let output = trust_score(&unknown).write_stdin(fleet()).assert().code(1).get_output().clone();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "trust-score: did:web:nobody\\u{1b} is not known\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}

#[test]
fn at_risk_is_low_and_not_revoked() {
    let names = |arguments: &[&str]| -> Vec<Value> {
        let mut arguments = arguments.to_vec();
        arguments.push("--at-risk");
        let records = records(&arguments, &fleet());
        assert!(records.iter().all(|record| record["type"] == "score"));
        records.into_iter().map(|record| record["agent_did"].clone()).collect()
    };
    assert_eq!(names(&[]), [json!("did:web:risky#BBBBBBBBBB")]);
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("trust.toml");
    std::fs::write(&config, "warning_threshold = 501").expect("written");
    let config = config.to_str().expect("UTF-8");
    assert_eq!(names(&["--config", config]), [json!("did:web:quiet"), json!("did:web:risky#BBBBBBBBBB")]);
}

#[test]
fn a_report_looks_back_some_days() {
    let records = records(&["--report"], &fleet());
    let head = json!({"type": "report", "v": 1, "period_days": 7, "total_agents": 4, "revoked_agents": 1,
        "at_risk_agents": 1, "as_of": "2026-11-21T00:01:10.000Z"});
    assert_eq!(records[0], head);
    let names: Vec<&Value> = records[1..].iter().map(|record| &record["agent_did"]).collect();
    assert_eq!(names, ["did:web:gone", "did:web:good#AAAAAAAAAA", "did:web:quiet", "did:web:risky#BBBBBBBBBB"]);
    let gone = records[1]["current"].as_u64().expect("a total");
    let average = (375.0 + 250.0 + f64::from(u32::try_from(gone).expect("small"))) / 3.0;
    let expected = json!({"type": "report_agent", "v": 1, "agent_did": "did:web:gone", "current": gone, "min": 250,
        "max": gone, "average": average, "trend": "stable", "revoked": true});
    assert_eq!(records[1], expected);
}

/// The final recalculation is always within the period; what was before it not.
#[test]
fn what_is_older_than_the_period_is_left_out() {
    let mut lines = signal("a", "policy_compliance", 0, 3);
    lines += &signal("a", "policy_compliance", 1, 2).replace("2026-11-21", "2026-11-23");
    for (days, least) in [("1", 500), ("2", 375)] {
        let records = records(&["--report", "--days", days], &lines);
        assert_eq!((records.len(), &records[1]["min"]), (2, &json!(least)), "{days} days");
    }
    trust_score(&["--report", "--days", "0"]).write_stdin(lines).assert().code(2).stdout("");
}

#[test]
fn the_gate_closes_for_one() {
    let gate = |arguments: &[&str], code: i32, said: &str| {
        let output = trust_score(arguments).write_stdin(fleet()).assert().code(code).get_output().clone();
        assert_eq!(String::from_utf8_lossy(&output.stderr), said, "{arguments:?}");
        output.stdout
    };
    let revoked = "trust-score: did:web:gone is revoked, and has 735";
    let all = gate(&["--min", "0"], 1, &format!("{revoked}\n"));
    assert_eq!(all, gate(&[], 0, ""));
    gate(&["--min", "501"], 1, &format!("{revoked}; 3 agents do not pass\n"));
    gate(&["--table", "--min", "300"], 1, &format!("{revoked}\n"));
    let good = ["--explain", "did:web:good#AAAAAAAAAA", "--min"];
    gate(&[good[0], good[1], good[2], "625"], 0, "");
    gate(&[good[0], good[1], good[2], "626"], 1, "trust-score: did:web:good#AAAAAAAAAA has 625, below 626\n");
    gate(&[good[0], good[1], good[2], "1", "--explain", "b"], 1, "trust-score: b is not known\n");
    for more in [
        ["--report", "--min=5"],
        ["--at-risk", "--min=5"],
        ["--prometheus", "--min=5"],
        ["--table", "--report"],
        ["--follow", "--table"],
        ["--follow", "--min=5"],
    ] {
        trust_score(&more).write_stdin(fleet()).assert().code(2).stdout("");
    }
    trust_score(&["--min", "1001"]).write_stdin(fleet()).assert().code(2).stdout("");
}

/// Whoever reads only the first line gets the same answer: with `pipefail` it is
/// the pipeline's.
#[test]
fn the_gate_answers_also_where_nobody_reads() {
    for (arguments, code) in [
        (&["--min", "580"][..], 0),
        (&["--min", "581"], 1),
        (&["--min", "581", "--table"], 1),
        (&["--min", "581", "--explain", "a"], 1),
        (&["--min", "1", "--explain", "b"], 1),
        (&[], 0),
    ] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("trust-score"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        drop(child.stdout.take());
        let mut input = child.stdin.take().expect("piped");
        input.write_all(signal("a", "output_quality", 0.9, 1).as_bytes()).expect("it reads");
        drop(input);
        assert_eq!(child.wait().expect("our own child").code(), Some(code), "{arguments:?}");
    }
}

/// A line that was rejected does not hide that the gate is closed.
#[test]
fn no_outranks_rejected() {
    let lines = format!("{}nonsense\n", fleet());
    trust_score(&["--min", "1"]).write_stdin(lines).assert().code(1);
}

const TABLE: &str = "\
AGENT                     TOTAL  TIER          TREND   STATUS   SIGNALS  HISTORY
did:web:gone                735  trusted       stable  revoked       62  ▃▂▆
did:web:good#AAAAAAAAAA     625  standard      stable                 5  ▅
did:web:quiet               500  standard      stable                 1  ▄
did:web:risky#BBBBBBBBBB    446  probationary  stable  at risk        2  ▄▄
";

#[test]
fn a_table_for_people() {
    trust_score(&["--table"]).write_stdin(fleet()).assert().code(0).stdout(TABLE).stderr("");
}

/// On a terminal of its own, with as many columns as we like.
#[test]
fn a_table_fits_its_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("signals"), fleet()).expect("written");
    let bin = assert_cmd::cargo::cargo_bin!("trust-score");
    let at = |columns: usize| -> Vec<String> {
        let line = format!("stty cols {columns} rows 40; '{}' --table <signals", bin.display());
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(folder.path())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("script runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8").replace('\r', "");
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(at(81).join("\n") + "\n", TABLE);
    let narrow = at(62);
    assert_eq!(narrow[0], "AGENT            TOTAL  TIER          TREND   STATUS   SIGNALS");
    assert_eq!(narrow[2], "did…#AAAAAAAAAA    625  standard      stable                 5");
    for columns in [48, 60, 70, 80, 120] {
        let lines = at(columns);
        assert_eq!(lines.len(), 5);
        for line in lines {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
            assert!(!line.contains('\u{1b}'), "{line:?}");
        }
    }
}

/// Every record is what the schema says, and nothing else.
#[test]
fn records_have_the_members_of_the_schema() {
    let schema: Value =
        serde_json::from_slice(&trust_score(&["--schema"]).output().expect("it runs").stdout).expect("JSON");
    let mut seen = Vec::new();
    for arguments in [&["--explain", "did:web:gone"][..], &["--report"], &["--at-risk"]] {
        for record in records(arguments, &fleet()) {
            let kind = record["type"].as_str().expect("a type").to_owned();
            let of = &schema["$defs"][&kind];
            let record = record.as_object().expect("an object");
            for name in record.keys() {
                assert!(!of["properties"][name].is_null(), "{kind}: {name}");
            }
            for name in of["required"].as_array().expect("a list") {
                assert!(record.contains_key(name.as_str().expect("a name")), "{kind}: {name}");
            }
            seen.push(kind);
        }
    }
    seen.dedup();
    assert_eq!(seen, ["explanation", "report", "report_agent", "score"]);
}

/// The views look at all that a state holds, the gate at what is printed.
#[test]
fn views_of_a_state_know_everyone() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("trust.db");
    let state = ["--state", state.to_str().expect("UTF-8")];
    let with = |more: &[&'static str]| [&state[..], more].concat();
    trust_score(&state).write_stdin(fleet()).assert().code(0).stderr("");
    let later = signal("did:web:new", "output_quality", 1, 4000);
    assert_eq!(records(&state, &later).len(), 1);
    let table = trust_score(&with(&["--table"])).write_stdin("").assert().code(0).get_output().stdout.clone();
    let table = String::from_utf8(table).expect("UTF-8");
    assert_eq!(table.lines().count(), 6, "{table}");
    for (line, old) in table.lines().filter(|line| !line.contains("did:web:new")).zip(TABLE.lines()) {
        assert_eq!(line, old);
    }
    assert_eq!(records(&with(&["--at-risk"]), "").len(), 1);
    let report = records(&with(&["--report", "--days", "36500"]), "");
    assert_eq!((report.len(), &report[0]["total_agents"]), (6, &json!(5)));
    let explained = records(&with(&["--explain", "did:web:gone"]), "");
    assert_eq!(explained[0]["recent_signals"].as_array().map(Vec::len), Some(10));
    assert_eq!(explained[0]["history"].as_array().map(Vec::len), Some(3));
    let page = trust_score(&with(&["--html", "-"])).write_stdin("").assert().code(0).get_output().stdout.clone();
    let page = String::from_utf8(page).expect("UTF-8");
    assert_eq!((page.matches("<article").count(), page.matches("<summary>").count()), (5, 5));
    // Nobody touched, nobody printed: a gate that lets nobody through is shut.
    let shut = "trust-score: --min: there is no agent that could pass\n";
    trust_score(&with(&["--min", "1"])).write_stdin("").assert().code(1).stdout("").stderr(shut);
    let revoked = "trust-score: did:web:gone is revoked, and has 735\n";
    trust_score(&with(&["--min", "1", "--all"])).write_stdin("").assert().code(1).stderr(revoked);
    let again = signal("did:web:new", "output_quality", 1, 4001);
    trust_score(&with(&["--min", "1"])).write_stdin(again).assert().code(0).stderr("");
}

/// Asked to judge beyond the engine's numbers, people see by what is judged.
#[test]
fn views_judge_by_the_effective_score() {
    let scores = records(&["--confidence"], &fleet());
    let judged = scores.iter().find(|score| score["agent_did"] == "did:web:quiet").expect("scored");
    let effective = judged["effective_score"].as_u64().expect("a score");
    assert!(effective < 500, "{judged}");
    let stdout = |arguments: &[&str]| {
        let output = trust_score(arguments).write_stdin(fleet()).assert().code(0).get_output().stdout.clone();
        String::from_utf8(output).expect("UTF-8")
    };
    let table = stdout(&["--confidence", "--table"]);
    let quiet = table.lines().find(|line| line.starts_with("did:web:quiet")).expect("its line");
    let cells: Vec<&str> = quiet.split_whitespace().collect();
    assert!(table.lines().next().expect("titles").contains("  EFFECTIVE  "));
    assert_eq!(cells[1..6], ["500", &effective.to_string(), "standard", "stable", "at"], "{quiet}");
    let line = format!("cooee_trust_effective_score{{agent_did=\"did:web:quiet\"}} {effective}\n");
    assert!(stdout(&["--confidence", "--prometheus"]).contains(&line));
    assert!(stdout(&["--confidence", "--html", "-"]).contains(&format!("effective score {effective}<")));
    let names: Vec<Value> = records(&["--confidence", "--at-risk"], &fleet());
    assert!(names.iter().any(|record| record["agent_did"] == "did:web:quiet"));
}
