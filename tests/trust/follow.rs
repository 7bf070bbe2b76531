//! Staying in the pipe: a line for every change, ticks by the signals' time and
//! by the clock, a last one at the end.

use super::{signal, trust_score};
use crate::shell::until;
use cooee::trust::read::millis;
use cooee::trust::{Agent, Config, Dimension, Fleet, Handle, record};
use predicates::str::contains;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(1);
const INTERVAL_MS: i64 = 30_000;

/// A signal of a day long gone, so that it is ahead of no clock.
fn line(agent: &str, value: f64, second: usize) -> String {
    signal(agent, "output_quality", value, second).replace("2026-", "2020-")
}

/// The engine, tick by tick.
struct Engine {
    fleet: Fleet,
    config: Config,
    agents: BTreeMap<String, Handle>,
    touched: BTreeMap<String, Handle>,
    out: Vec<u8>,
}

impl Engine {
    fn recalculated(&mut self, handle: Handle, at: i64, change: impl FnOnce(&mut Agent, &Config)) {
        let standing = |agent: &Agent| (agent.history().count() == 0, agent.total(), agent.revocation().is_some());
        let before = standing(self.fleet.agent(handle));
        change(self.fleet.agent_mut(handle), &self.config);
        if standing(self.fleet.agent(handle)) != before {
            let (did, agent) = (self.fleet.name(handle), self.fleet.agent(handle));
            record::score(&mut self.out, did, agent, &self.config, at, |_| ());
            self.out.push(b'\n');
        }
    }

    fn tick(&mut self, at: i64, everyone: bool) {
        let touched = std::mem::take(&mut self.touched);
        for handle in if everyone { self.agents.clone() } else { touched }.into_values() {
            self.recalculated(handle, at, |agent, config| _ = agent.recalculate(at, config));
        }
    }

    /// What following prints: `everyone` is recalculated at a tick, as the engine
    /// does it, or who was touched since the last one.
    fn lines(stream: &[(usize, f64, usize)], everyone: bool) -> String {
        let start = millis(b"2020-11-21T00:00:00Z").expect("a time");
        let mut engine = Self {
            fleet: Fleet::default(),
            config: Config::default(),
            agents: BTreeMap::new(),
            touched: BTreeMap::new(),
            out: Vec::new(),
        };
        let (mut next, mut time) = (None, i64::MIN);
        for (agent, value, second) in stream {
            let at = start + i64::try_from(*second).expect("small") * 1000;
            let mut due = next.unwrap_or((at / INTERVAL_MS + 1) * INTERVAL_MS);
            while due <= at {
                engine.tick(due, everyone);
                due += INTERVAL_MS;
            }
            (next, time) = (Some(due), time.max(at));
            let did = format!("did:example:{agent}");
            let handle = engine.fleet.handle(&did);
            engine.agents.insert(did.clone(), handle);
            engine.touched.insert(did, handle);
            engine.recalculated(handle, at, |agent, config| {
                _ = agent.signal(Dimension::OutputQuality, *value, at, config);
            });
        }
        engine.tick(time, false);
        String::from_utf8(engine.out).expect("UTF-8")
    }
}

/// Signals whose times mostly rise, some after a gap of over a hundred ticks.
fn stream() -> impl Strategy<Value = Vec<(usize, f64, usize)>> {
    let gap = prop_oneof![8 => 0..9usize, 2 => 20..90usize, 1 => 2000..4000usize];
    prop::collection::vec((0..4usize, 0.0..=1.0f64, gap, 0..12usize), 1..60).prop_map(|seen| {
        let mut second = 0;
        let mut place = |(agent, value, gap, late): (usize, f64, usize, usize)| {
            second += gap;
            (agent, (value * 1000.0).round() / 1000.0, second.saturating_sub(late) % 86_400)
        };
        seen.into_iter().map(&mut place).collect()
    })
}

#[test]
fn what_follows_is_what_the_engine_would_have_said() {
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
    let outcome = TestRunner::new(config).run(&(stream(), any::<bool>()), |(stream, kept)| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = trust_score(&["--follow"]);
        if kept {
            command.arg("--state").arg(folder.path().join("trust.db"));
        }
        let input: String = stream
            .iter()
            .map(|(agent, value, second)| line(&format!("did:example:{agent}"), *value, *second))
            .collect();
        let ran = command.write_stdin(input).assert().code(0).stderr("");
        let printed = String::from_utf8(ran.get_output().stdout.clone()).expect("UTF-8");
        prop_assert_eq!(printed, Engine::lines(&stream, !kept));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// A command that stays, what it is told, and what it says.
pub struct Resident {
    child: Child,
    pub stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Resident {
    pub fn start(arguments: &[&str], state: Option<&Path>) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("trust-score"));
        command.arg("--follow").args(arguments);
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the command is built");
        let (stdin, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("piped")));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, stdin, lines }
    }

    pub fn tell(&mut self, text: &str) {
        self.stdin.as_mut().expect("open").write_all(text.as_bytes()).expect("it reads");
    }

    /// Agent and total of its next line.
    pub fn said(&self) -> (String, u64) {
        let line = self.lines.recv_timeout(LIMIT).expect("a line in time");
        let record: Value = serde_json::from_str(&line).expect("JSON");
        (record["agent_did"].as_str().expect("a did").to_owned(), record["total_score"].as_u64().expect("a total"))
    }

    fn code(&mut self) -> Option<i32> {
        until(LIMIT, || self.child.try_wait().expect("our own child")).expect("it ends in time").code()
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(agent: &str, total: u64) -> (String, u64) {
    (agent.to_owned(), total)
}

#[test]
fn what_is_bad_is_said_at_once_and_the_rest_in_time() {
    let mut resident = Resident::start(&["--interval", "1"], None);
    resident.tell(&line("a", 0.0, 5));
    assert_eq!(resident.said(), said("a", 400), "at once");
    // Nothing more comes: the clock ticks.
    resident.tell(&line("b", 1.0, 5));
    assert_eq!(resident.said(), said("b", 600));
    // The signals' own time ticks.
    resident.tell(&(line("b", 0.5, 6) + &line("c", 1.0, 8)));
    assert_eq!(resident.said().0, "b");
    drop(resident.stdin.take());
    assert_eq!(resident.said(), said("c", 600), "a last tick at the end");
    assert_eq!(resident.code(), Some(0));
    assert!(resident.lines.recv_timeout(LIMIT).is_err(), "nothing else");
}

/// Signals of one second, faster than a state takes them: there is no quiet in
/// which the clock could tick, and it ticks.
#[test]
fn a_flood_holds_up_no_score() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut resident = Resident::start(&["--interval", "1"], Some(&folder.path().join("trust.db")));
    let mut stdin = resident.stdin.take().expect("open");
    let lines: String = (0..20_000).map(|n| line(&format!("agent{n}"), 1.0, 5)).collect();
    let flood = std::thread::spawn(move || while stdin.write_all(lines.as_bytes()).is_ok() {});
    assert_eq!(resident.said(), said("agent0", 600));
    drop(resident);
    flood.join().expect("it ends with its reader");
}

#[test]
fn a_signal_to_end_is_the_end_of_the_input() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut resident = Resident::start(&["--interval", "300"], None);
        // The first is said at once, so that the other has been read as well.
        resident.tell(&(line("b", 1.0, 5) + &line("a", 0.0, 6)));
        assert_eq!(resident.said(), said("a", 400));
        kill_process(Pid::from_child(&resident.child), signal).expect("it runs");
        assert_eq!(resident.said(), said("b", 600));
        assert_eq!(resident.code(), Some(0));
    }
}

#[test]
fn what_is_said_is_kept_and_what_others_keep_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("trust.db");
    let batch = |arguments: &[&str], input: String| {
        let ran = trust_score(arguments).arg("--state").arg(&state).write_stdin(input).assert().code(0).stderr("");
        String::from_utf8(ran.get_output().stdout.clone()).expect("UTF-8")
    };
    // The clock ticks within no test.
    let mut resident = Resident::start(&["--interval", "300"], Some(&state));
    resident.tell(&line("a", 0.0, 5));
    assert_eq!(resident.said(), said("a", 400));
    assert!(batch(&["--all"], String::new()).contains("\"total_score\":400,"), "on disk before it is said");
    resident.tell(&line("b", 1.0, 6));
    for second in 7..10 {
        assert!(batch(&[], line("a", 0.9, second)).contains("\"agent_did\":\"a\""));
    }
    resident.tell(&line("a", 0.1, 10));
    let (agent, total) = resident.said();
    assert_eq!(agent, "a");
    drop(resident.stdin.take());
    assert_eq!(resident.said(), said("b", 600));
    assert_eq!(resident.code(), Some(0));
    let all = batch(&["--all"], String::new());
    assert!(all.contains(&format!("\"total_score\":{total},")) && all.contains("\"sample_size\":5,"), "{all}");
    let mut engine = Agent::default();
    for value in [0.0, 0.9, 0.9, 0.9, 0.1] {
        engine.signal(Dimension::OutputQuality, value, 0, &Config::default());
    }
    assert_eq!(u64::from(engine.total()), total, "theirs counted");
}

#[test]
fn a_signal_far_ahead_of_the_clock_is_refused() {
    let ahead = line("a", 0.0, 5).replace("2020-", "2999-");
    let ran = trust_score(&["--follow"]).write_stdin(ahead + &line("a", 1.0, 5)).assert().code(3);
    let ran = ran.stderr(contains("line 1: \"timestamp\" is over an hour ahead of the clock\n"));
    assert_eq!(std::str::from_utf8(&ran.get_output().stdout).expect("UTF-8").lines().count(), 1);
}

#[test]
fn ids_count_once_and_no_line_at_all_is_a_stage_that_failed() {
    let named = line("a", 1.0, 5).replace("\"source\"", "\"id\":\"x\",\"source\"");
    let ran = trust_score(&["--follow"]).write_stdin(named.clone() + &named).assert().code(0).stderr("");
    let printed = String::from_utf8(ran.get_output().stdout.clone()).expect("UTF-8");
    assert!(printed.contains("\"sample_size\":1,"), "{printed}");
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("trust.db");
    trust_score(&["--follow"]).arg("--state").arg(state).write_stdin("").assert().code(0).stdout("").stderr("");
    let none = "trust-score: expected input on stdin, got none\n";
    trust_score(&["--follow"]).write_stdin("").assert().code(2).stdout("").stderr(none);
}

#[test]
fn a_reader_that_went_away_is_the_end() {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("trust-score"));
    let spawned = command.arg("--follow").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.expect("the command is built");
    drop(child.stdout.take());
    let status = until(LIMIT, || child.try_wait().expect("our own child"));
    let _ = child.kill();
    assert_eq!(status.expect("it ends in time").code(), Some(0));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut said).expect("text");
    assert_eq!(said, "");
}
