//! Metrics, as Prometheus' own tool reads them.

use super::people::fleet;
use super::{signal, trust_score};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn metrics(input: &str) -> String {
    let output = trust_score(&["--prometheus"]).write_stdin(input).assert().code(0).stderr("").get_output().clone();
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What `promtool check metrics` says: whether it passes, and its complaints.
pub fn promtool(text: &str) -> (bool, String) {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain([tools])).expect("a path");
    let mut child = Command::new("sh")
        .args(["-c", "exec promtool check metrics"])
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    // It may refuse before it has read all.
    let _ = child.stdin.take().expect("piped").write_all(text.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    assert_ne!(output.status.code(), Some(127), "promtool is not there: ./scripts/test installs it");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn promtool_has_no_complaint() {
    assert_eq!(promtool(&metrics(&fleet())), (true, String::new()));
    // And it would have one.
    let (passes, said) = promtool(&metrics(&fleet()).replace("signals_total", "signals_count"));
    assert!(!passes && said.contains("signals_count"), "{said}");
}

#[test]
fn hostile_names_are_one_label_each() {
    let names = ["a\\\"} 1\\n", "\\u202e", "\\\\u{202e}", "\\u0000", "日本", "{}=,"];
    let lines: String = names.iter().map(|name| signal(name, "output_quality", 1, 1)).collect();
    // Names with control characters are refused by some readers, and not by all.
    let output = trust_score(&["--prometheus"]).write_stdin(lines).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let series: Vec<&str> = text.lines().filter(|line| line.starts_with("cooee_trust_score{")).collect();
    let mut different = series.clone();
    different.dedup();
    assert_eq!(series, different);
    assert!(series.len() >= 3 && text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    assert_eq!(promtool(&text), (true, String::new()));
}

#[test]
fn metrics_say_what_the_scores_say() {
    let text = metrics(&fleet());
    for line in [
        "cooee_trust_score{agent_did=\"did:web:good#AAAAAAAAAA\"} 625",
        "cooee_trust_tier{agent_did=\"did:web:risky#BBBBBBBBBB\",tier=\"probationary\"} 1",
        "cooee_trust_revoked{agent_did=\"did:web:gone\"} 1",
        "cooee_trust_at_risk{agent_did=\"did:web:gone\"} 0",
        "cooee_trust_at_risk{agent_did=\"did:web:risky#BBBBBBBBBB\"} 1",
        "cooee_trust_signals_total{agent_did=\"did:web:gone\"} 62",
        "cooee_trust_agents{tier=\"standard\"} 2",
        "cooee_trust_as_of_timestamp_seconds 1795219270.000",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
}
