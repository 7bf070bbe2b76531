//! Scores over runs: cut anywhere, killed anywhere, by several at once.

use super::{signal, trust_score};
use cooee::trust::read::millis;
use cooee::trust::{Config, Dimension, Fleet, record};
use predicates::str::contains;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// One signal: of which agent, in which dimension, its value, its second.
type Seen = (usize, usize, f64, usize);

fn line((agent, dimension, value, second): Seen) -> String {
    signal(&format!("did:example:{agent}"), Dimension::ALL[dimension].name(), value, second)
}

fn text(signals: &[Seen]) -> String {
    signals.iter().copied().map(line).collect()
}

fn at(second: usize) -> i64 {
    millis(b"2026-11-21T00:00:00Z").expect("a time") + i64::try_from(second).expect("small") * 1000
}

/// Signals whose times mostly rise.
fn stream() -> impl Strategy<Value = Vec<Seen>> {
    let value = prop_oneof![0.0..=1.0f64, Just(0.0), Just(1.0)];
    prop::collection::vec((0..6usize, 0..5usize, value, 0..20usize), 1..300).prop_map(|seen| {
        let place = |(place, (agent, dimension, value, jitter)): (usize, Seen)| {
            (agent, dimension, (value * 1000.0).round() / 1000.0, place * 7 + jitter)
        };
        seen.into_iter().enumerate().map(place).collect()
    })
}

/// What runs over those pieces make of the agents: immediate recalculations, and
/// one tick of the touched at the end of each.
fn expected(pieces: &[&[Seen]]) -> Fleet {
    let (mut fleet, config) = (Fleet::default(), Config::default());
    for piece in pieces {
        let mut touched = std::collections::BTreeSet::new();
        for (agent, dimension, value, second) in *piece {
            let handle = fleet.handle(&format!("did:example:{agent}"));
            fleet.agent_mut(handle).signal(Dimension::ALL[*dimension], *value, at(*second), &config);
            touched.insert(*agent);
        }
        let Some(now) = piece.iter().map(|seen| seen.3).max() else { continue };
        for agent in touched {
            let handle = fleet.handle(&format!("did:example:{agent}"));
            fleet.agent_mut(handle).recalculate(at(now), &config);
        }
    }
    fleet
}

fn printed(fleet: &Fleet, as_of: i64) -> String {
    let mut out = Vec::new();
    for handle in fleet.sorted() {
        record::score(&mut out, fleet.name(handle), fleet.agent(handle), &Config::default(), as_of, |_| ());
        out.push(b'\n');
    }
    String::from_utf8(out).expect("UTF-8")
}

/// What a run with that state prints.
fn run(state: &Path, arguments: &[&str], input: impl Into<Vec<u8>>) -> String {
    let mut command = trust_score(arguments);
    let ran = command.arg("--state").arg(state).write_stdin(input).assert().code(0).stderr("");
    String::from_utf8(ran.get_output().stdout.clone()).expect("UTF-8")
}

/// All agents of a state, without the time at which it was asked.
fn everyone(state: &Path) -> Vec<Value> {
    let records = run(state, &["--all"], "");
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).expect("JSON");
        record.as_object_mut().expect("an object").remove("as_of");
        record
    };
    records.lines().map(record).collect()
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Runs over a stream cut anywhere: each prints the agents it touched, to the
/// byte as the mathematics has it, and in the end totals, dimensions and counts
/// are those of one long run.
#[test]
fn a_stream_cut_into_runs_is_the_same_stream() {
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..5);
    let mut runner = TestRunner::new(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() });
    runner
        .run(&(stream(), cuts, any::<bool>()), |(stream, cuts, log)| {
            let place = Place::new();
            let state = place.path("trust.db");
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
            ends.extend([0, stream.len()]);
            ends.sort_unstable();
            let pieces: Vec<&[Seen]> = ends.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect();
            let arguments: &[&str] = if log { &["--keep-log"] } else { &[] };
            for (number, piece) in pieces.iter().enumerate() {
                let fleet = expected(&pieces[..=number]);
                let now = piece.iter().map(|seen| at(seen.3)).max().unwrap_or_default();
                let touched = |line: &&str| piece.iter().any(|seen| line.contains(&format!("example:{}\"", seen.0)));
                let want: Vec<String> =
                    printed(&fleet, now).lines().filter(touched).map(|line| format!("{line}\n")).collect();
                prop_assert_eq!(run(&state, arguments, text(piece)), want.concat());
            }
            let all = everyone(&state);
            let long = records(&printed(&expected(&[&stream]), 0));
            prop_assert_eq!(all.len(), long.len());
            for (cut, long) in all.iter().zip(&long) {
                for member in ["agent_did", "total_score", "tier", "dimensions", "sample_size", "late_signals"] {
                    prop_assert_eq!(&cut[member], &long[member]);
                }
            }
            if log {
                // The log replays to what the state holds, and to what an
                // earlier time would have had of the signals up to it.
                let last = stream.iter().map(|seen| at(seen.3)).max().expect("one");
                let time = |at| cooee::trust::read::rfc3339(at);
                prop_assert_eq!(run(&state, &["--as-of", &time(last)], ""), printed(&expected(&pieces), last));
                let half = at(stream.len() * 7 / 2);
                let earlier: Vec<Seen> = stream.iter().copied().filter(|seen| at(seen.3) <= half).collect();
                let then = records(&run(&state, &["--as-of", &time(half)], ""));
                let input =
                    trust_score(&["--as-of", &time(half)]).write_stdin(text(&stream)).output().expect("it runs");
                let from_input = records(std::str::from_utf8(&input.stdout).expect("UTF-8"));
                let want = records(&printed(&expected(&[&earlier]), half));
                prop_assert_eq!(then.len(), want.len());
                prop_assert_eq!(&from_input, &want);
                for (then, want) in then.iter().zip(&want) {
                    for member in ["agent_did", "total_score", "dimensions", "sample_size", "as_of"] {
                        prop_assert_eq!(&then[member], &want[member]);
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// A recalculation at once is not the last one: histories, and what is drawn of
/// them, have the one at the end as well, whence ever the signals come.
#[test]
fn a_log_looks_back_as_the_signals_themselves_do() {
    let place = Place::new();
    let state = place.path("trust.db");
    let input = line((1, 0, 0.1, 5)) + &line((2, 0, 0.9, 6)) + &line((1, 0, 0.9, 60));
    run(&state, &["--keep-log"], input.as_str());
    for view in [&["--report"][..], &["--table"], &["--explain", "did:example:1"], &["--html", "-"]] {
        let arguments = [view, &["--as-of", "2026-11-21T00:00:30Z"]].concat();
        let themselves =
            trust_score(&arguments).write_stdin(input.clone()).assert().code(0).get_output().stdout.clone();
        assert_eq!(run(&state, &arguments, ""), String::from_utf8(themselves).expect("UTF-8"), "{view:?}");
    }
}

#[test]
fn a_signal_counts_once_over_runs() {
    let place = Place::new();
    let state = place.path("trust.db");
    let named = |id: &str| line((1, 0, 0.0, 5)).replace("\"source\"", &format!("\"id\":\"{id}\",\"source\""));
    let count = |records: &str| records.matches("\"signal_count\":1,").count();
    let uuid = "01999999-1111-7222-8333-444455556666";
    assert_eq!(count(&run(&state, &[], named("a") + &named("a"))), 1);
    assert_eq!(run(&state, &[], named("a")), "", "nobody was touched");
    let later = run(&state, &[], named(uuid) + &named("a") + &named("b") + &named(uuid));
    assert!(later.contains("\"sample_size\":3,"), "{later}");
}

#[test]
fn a_run_that_fails_leaves_the_state_as_it_was() {
    let place = Place::new();
    let state = place.path("trust.db");
    run(&state, &[], line((1, 0, 0.5, 5)));
    let before = everyone(&state);
    let id = line((1, 0, 0.0, 6)).replace("\"source\"", "\"id\":\"x\",\"source\"");
    let mut strict = trust_score(&["--strict"]);
    strict.arg("--state").arg(&state).write_stdin(id.clone() + "nonsense\n").assert().code(3).stdout("");
    assert_eq!(everyone(&state), before);
    let mut lenient = trust_score(&[]);
    let ran = lenient.arg("--state").arg(&state).write_stdin(id + "nonsense\n").assert().code(3);
    assert!(std::str::from_utf8(&ran.get_output().stdout).expect("UTF-8").contains("\"sample_size\":2,"));
}

#[test]
fn no_new_signals_are_no_failure() {
    let place = Place::new();
    let state = place.path("trust.db");
    assert_eq!(run(&state, &[], ""), "");
    assert_eq!(run(&state, &["--all"], ""), "");
    run(&state, &[], line((1, 0, 0.5, 5)) + &line((2, 0, 0.5, 5)));
    assert_eq!(run(&state, &[], ""), "");
    assert_eq!(everyone(&state).len(), 2);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&state).expect("there").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_bad_state_is_named_and_left_alone() {
    let place = Place::new();
    let state = place.path("trust.db");
    run(&state, &[], line((1, 0, 0.5, 5)));
    let good = std::fs::read(&state).expect("bytes");
    let refused = |path: &Path, message: &str| {
        for arguments in [&[][..], &["--all"], &["--as-of", "2026-11-21T00:00:00Z"], &["--follow"]] {
            let mut command = trust_score(arguments);
            let ran = command.arg("--state").arg(path).write_stdin(line((1, 0, 0.5, 6))).assert();
            ran.code(2).stdout("").stderr(contains(format!("{}: {message}\n", path.display())));
        }
    };
    for (content, message) in [
        (&b""[..], "is empty"),
        (b"x", "not an SQLite database"),
        (&[b'x'; 5000], "not an SQLite database"),
        (&good[..good.len() - 1], "cut or damaged"),
        (&good[..4096], "cut or damaged"),
    ] {
        std::fs::write(&state, content).expect("written");
        refused(&state, message);
        assert_eq!(std::fs::read(&state).expect("bytes"), content, "changed");
    }
    refused(place.folder.path(), "is a folder");
    refused(Path::new("/dev/null"), "not a regular file");
    let nowhere = trust_score(&[]).arg("--state").arg(place.path("no/such")).write_stdin("").assert();
    nowhere.code(2).stdout("").stderr(contains("No such file or directory"));
    std::fs::write(&state, &good).expect("written");
    let set = |pragma: &str, value: i64| {
        let sql = rusqlite::Connection::open(&state).expect("opened");
        sql.pragma_update(None, pragma, value).expect("set");
    };
    set("user_version", 99);
    refused(&state, "schema 99 is newer than this program knows (1)");
    set("user_version", 1);
    set("application_id", 7);
    refused(&state, "not a cooee trust state");
}

#[test]
fn a_locked_state_is_temporary() {
    let place = Place::new();
    let state = place.path("trust.db");
    run(&state, &[], line((1, 0, 0.5, 5)));
    let sql = rusqlite::Connection::open(&state).expect("opened");
    sql.execute_batch("BEGIN IMMEDIATE").expect("locked");
    assert_eq!(everyone(&state).len(), 1, "who only looks need not wait");
    let ran = trust_score(&[]).arg("--state").arg(&state).write_stdin(line((1, 0, 0.5, 6))).assert();
    ran.code(4).stdout("").stderr(contains("locked by another process for over 5 s"));
}

#[test]
fn a_log_is_asked_for_at_the_beginning() {
    let place = Place::new();
    let state = place.path("trust.db");
    run(&state, &[], line((1, 0, 0.5, 5)));
    let refused = |arguments: &[&str], message: &'static str| {
        let ran = trust_score(arguments).arg("--state").arg(&state).write_stdin("").assert();
        ran.code(2).stdout("").stderr(contains(message));
    };
    refused(&["--keep-log"], "trust.db: has agents, and no log of their signals");
    refused(&["--as-of", "2026-11-21T12:00:00Z"], "trust.db: has no log of its signals");
    refused(&["--as-of", "today"], "expected an RFC 3339 time");
    trust_score(&["--keep-log"]).write_stdin("").assert().code(2);
}

/// Starts a run, its input still to be written.
fn start(state: &Path) -> std::process::Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("trust-score"));
    command.arg("--state").arg(state).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().expect("the command is built")
}

/// 40 runs, each killed at a random moment of its life: what the state holds is
/// what it held before, or all of the run.
#[test]
fn killed_at_any_moment_a_run_counts_wholly_or_not_at_all() {
    let place = Place::new();
    let state = place.path("trust.db");
    let signals: Vec<Seen> = (0..200).map(|n| (n % 40, n % 5, 0.5, n)).collect();
    let input = text(&signals);
    run(&state, &[], input.clone());
    let counts = |state: &Path| -> Vec<u64> {
        everyone(state).iter().map(|record| record["sample_size"].as_u64().expect("a number")).collect()
    };
    let (mut before, mut random, mut killed, mut whole) = (counts(&state), 0x9e37_79b9_7f4a_7c15_u64, 0, 0);
    let began = std::time::Instant::now();
    start(&state).wait().expect("our own child");
    let mut life = u64::try_from(began.elapsed().as_micros()).expect("short").max(1000) * 4;
    for turn in 0.. {
        if turn >= 40 && killed > 5 && whole > 0 {
            break;
        }
        assert!(turn < 1000, "killed {killed}, whole {whole}");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut child = start(&state);
        let mut stdin = child.stdin.take().expect("piped");
        // It may be killed while it is written to.
        let written = std::thread::spawn({
            let input = input.clone();
            move || stdin.write_all(input.as_bytes())
        });
        std::thread::sleep(Duration::from_micros((random >> 32) % life));
        let _ = child.kill();
        let code = child.wait().expect("our own child").code();
        let _ = written.join().expect("no panic");
        let after = counts(&state);
        let once_more: Vec<u64> = before.iter().map(|count| count + 5).collect();
        match code {
            Some(code) => assert_eq!((code, &after), (0, &once_more)),
            None => assert!(after == before || after == once_more, "half of it: {after:?}"),
        }
        killed += usize::from(code.is_none());
        whole += usize::from(after == once_more);
        before = after;
        // However busy the machine is, some runs shall end and some not.
        life = if code.is_none() { life + life / 4 } else { (life - life / 5).max(1000) };
    }
}

/// 4 at once, each with runs of its own: they take turns, and no signal is lost
/// or counted twice.
#[test]
fn several_writers_lose_nothing() {
    let place = Place::new();
    let state = place.path("trust.db");
    std::thread::scope(|scope| {
        for writer in 1..=4 {
            let state = &state;
            scope.spawn(move || {
                for turn in 0..12 {
                    let piece = [(0, turn % 5, 0.5, turn), (writer, 0, 0.5, turn), (writer, 1, 0.5, turn)];
                    run(state, &[], text(&piece));
                }
            });
        }
    });
    let sizes: Vec<_> = everyone(&state).iter().map(|record| record["sample_size"].clone()).collect();
    assert_eq!(sizes, [48, 24, 24, 24, 24]);
}

/// A state is looked at under the configuration that is given, also what was
/// kept under another; looking changes nothing.
#[test]
fn another_configuration_makes_what_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let [state, config] = ["trust.db", "trust.toml"].map(|name| folder.path().join(name));
    let run = |arguments: &[&str], input: &str| {
        let mut command = trust_score(arguments);
        let ran = command.arg("--state").arg(&state).write_stdin(input.to_owned()).assert().code(0).stderr("");
        let text = String::from_utf8(ran.get_output().stdout.clone()).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let input = signal("a", "output_quality", 0.9, 1) + &signal("b", "output_quality", 0.4, 2);
    run(&["--keep-log"], &input);
    let kept = run(&["--all"], "");
    std::fs::write(&config, "revocation_threshold = 490\nweights = { output_quality = 0.45, security_posture = 0 }\n")
        .expect("written");
    let config = config.to_str().expect("UTF-8");
    for view in [&["--all"][..], &["--explain", "a", "--explain", "b"]] {
        let shown = run(&[view, &["--config", config]].concat(), "");
        let of = |record: &Value| (record["total_score"].clone(), record["revoked"].clone());
        assert_eq!(shown.iter().map(of).collect::<Vec<_>>(), [(680.into(), false.into()), (455.into(), true.into())]);
        for record in shown {
            let dimensions = record["dimensions"].as_object().expect("an object").values();
            let sum: f64 = dimensions.map(|dimension| dimension["contribution"].as_f64().expect("a number")).sum();
            assert_eq!(Some((sum * 10.0).floor()), record["total_score"].as_f64());
        }
    }
    let again = run(&["--all"], "");
    let bare = |records: &[Value]| records.iter().map(|record| record["total_score"].clone()).collect::<Vec<_>>();
    assert_eq!((bare(&again), &again[1]["revoked"]), (bare(&kept), &Value::from(false)));
    // Looking back, those that were not touched since are as the last one makes them.
    run(&["--config", config], &signal("a", "output_quality", 0.9, 3));
    let back = run(&["--as-of", "2026-11-22T00:00:00Z"], "");
    assert_eq!(bare(&back), [680, 455]);
}
