//! `trust-score`: the engine's own numbers through the command, and what it
//! makes of lines that are no signals.

mod beyond;
mod browser;
mod config;
mod follow;
mod graph;
mod lines;
mod merge;
mod metrics;
mod options;
mod page;
mod people;
mod progress;
mod scores;
mod state;

pub use metrics::promtool;

use assert_cmd::Command;
use serde_json::Value;

/// The command with its arguments.
pub fn trust_score(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("trust-score"));
    command.args(arguments);
    command
}

/// The records it prints for that input, which it must take whole.
pub fn records(arguments: &[&str], input: &str) -> Vec<Value> {
    let output = trust_score(arguments).write_stdin(input).assert().code(0).stderr("").get_output().stdout.clone();
    let text = String::from_utf8(output).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A signal's line.
pub fn signal(agent: &str, dimension: &str, value: impl std::fmt::Display, second: usize) -> String {
    format!(
        r#"{{"agent_did":"{agent}","dimension":"{dimension}","value":{value},"source":"test","timestamp":"2026-11-21T{:02}:{:02}:{:02}Z"}}{}"#,
        second / 3600,
        second / 60 % 60,
        second % 60,
        '\n'
    )
}
