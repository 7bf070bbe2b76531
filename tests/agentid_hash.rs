//! `agentid-hash`: records in, the same with their hash and tiny id out.

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::{Value, json};

const HASH: &str = "5dabadfb3f2fa4f0b4ec2f42244aafd19ee14f04aad519aa2d63d31149267ef0";

fn agentid_hash(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("agentid-hash"));
    command.args(arguments);
    command
}

fn agent() -> Value {
    json!({"gpu_id": "none", "hostname": "host", "mac": "001a2b3c4d5e", "model": "llama3:8b"})
}

fn with(name: &str, value: impl Into<Value>) -> String {
    let mut agent = agent();
    agent[name] = value.into();
    agent.to_string()
}

fn hashed(line: &str) -> String {
    let output = agentid_hash(&["--raw"]).write_stdin(line).assert().code(0).stderr("").get_output().stdout.clone();
    String::from_utf8(output).expect("hex").trim_end().to_owned()
}

#[test]
fn records_gain_two_fields_and_keep_the_rest() {
    let input = r#"{"type":"agent","v":1,"gpu_id":"none","gpu_slot":0,"hostname":"Host","mac":"00:1A:2B:3C:4D:5E","model":"llama3:8b","size_bytes": 4.50e9}"#;
    let want = format!(
        r#"{{"type":"agent","v":1,"gpu_id":"none","gpu_slot":0,"hostname":"Host","mac":"00:1A:2B:3C:4D:5E","model":"llama3:8b","size_bytes":4.50e9,"hash":"{HASH}","tiny_id":"BPNTVYSZ5Y"}}"#
    );
    agentid_hash(&[]).write_stdin(input).assert().code(0).stdout(format!("{want}\n")).stderr("");
    // A second pass changes nothing.
    agentid_hash(&[]).write_stdin(want.clone()).assert().code(0).stdout(format!("{want}\n")).stderr("");
    let canonical = "{\"gpu_id\":\"none\",\"hostname\":\"host\",\"mac\":\"001a2b3c4d5e\",\"model\":\"llama3:8b\"}\n";
    agentid_hash(&["--canonical"]).write_stdin(input).assert().code(0).stdout(canonical).stderr("");
    assert_eq!(blake3::hash(canonical.trim_end().as_bytes()).to_hex().as_str(), HASH);
    let untyped = agentid_hash(&[]).write_stdin(agent().to_string()).assert().code(0).get_output().stdout.clone();
    assert!(untyped.starts_with(b"{\"type\":\"agent\",\"v\":1,\"gpu_id\""));
}

#[test]
fn spellings_of_one_agent_share_a_hash_and_no_others_do() {
    assert_eq!(hashed(&agent().to_string()), HASH);
    assert_eq!(hashed(&with("hostname", " HOST ")), HASH);
    assert_eq!(hashed(&with("mac", "00-1A-2B-3C-4D-5E")), HASH);
    assert_eq!(
        hashed(r#"{"model":"LLAMA3:8B","mac":"001a.2b3c.4d5e","x":1,"hostname":"\u0048ost","gpu_id":"None"}"#),
        HASH
    );
    assert_eq!(hashed(&with("model", "caf\u{e9}")), hashed(&with("model", "cafe\u{301}")));
    // What the old registry's separator let pass: A16.
    let pairs = [
        ("a|b", "c"),
        ("a", "b|c"),
        ("a\",\"model\":\"b", "c"),
        ("../a", "c"),
        ("a' OR 1=1--", "c"),
        ("a\\u0041", "c"),
    ];
    let mut hashes: Vec<_> = pairs
        .iter()
        .map(|(host, model)| {
            let mut agent = agent();
            (agent["hostname"], agent["model"]) = (json!(host), json!(model));
            hashed(&agent.to_string())
        })
        .collect();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), pairs.len());
}

#[test]
fn what_makes_no_agent_is_named() {
    let field = |name, value: &str| with(name, value);
    let without = |name: &str| {
        let mut agent = agent();
        agent.as_object_mut().expect("an object").remove(name);
        agent.to_string()
    };
    for (line, message) in [
        (without("model"), "\"model\" is missing"),
        (with("hostname", 7), "\"hostname\" is not a string"),
        (with("mac", Value::Null), "\"mac\" is not a string"),
        (field("hostname", " "), "hostname is empty"),
        (field("hostname", "a\u{1b}[31mb"), "hostname has the control or format character U+001B at 2"),
        (field("hostname", "a\nb"), "hostname has the control or format character U+000A at 2"),
        (field("model", "a\u{0}"), "model has the control or format character U+0000 at 2"),
        (field("model", "\u{202e}a"), "model has the control or format character U+202E at 1"),
        (field("gpu_id", &"x".repeat(1025)), "gpu_id is longer than 1024 bytes"),
        (field("mac", "001a2b3c4d5"), "mac \"001a2b3c4d5\" is neither twelve hex digits nor \"none\""),
        (with("type", "host"), "\"type\" is not \"agent\""),
        (r#"{"type":"agent","v":2,"gpu_id":"none","hostname":"h","mac":"none","model":"m"}"#.into(), "\"v\" is not 1"),
        (r#"{"gpu_id":"none","gpu_id":"x"}"#.into(), "duplicate key \"gpu_id\""),
        (r#"{"gpu_id":"\ud800"}"#.into(), "lone surrogate"),
        (r#"{"x":9007199254740993}"#.into(), "2^53-1"),
        ("[]".into(), "expected a JSON object"),
        ("none".into(), "not valid JSON"),
    ] {
        let good = with("model", "other");
        let input = format!("{line}\n{good}\n");
        let output =
            agentid_hash(&["--raw"]).write_stdin(input).assert().code(3).stderr(contains(message)).get_output().clone();
        assert_eq!(String::from_utf8_lossy(&output.stdout), hashed(&good) + "\n", "{line}");
        assert!(output.stderr.starts_with(b"agentid-hash: line 1: ") && !output.stderr.contains(&0x1b), "{line}");
    }
    agentid_hash(&["--strict"]).write_stdin(format!("{{}}\n{}\n", agent())).assert().code(3).stdout("");
    agentid_hash(&[]).write_stdin("").assert().code(2).stdout("").stderr(contains("expected input on stdin, got none"));
}

#[test]
fn the_odds_of_a_clash() {
    let line = |count: &str| {
        let output = agentid_hash(&["--fleet", count]).assert().code(0).stderr("").get_output().stdout.clone();
        let record: Value = serde_json::from_slice(&output).expect("JSON");
        assert_eq!(record["agents"].to_string(), count);
        (
            record["tiny_id_probability"].as_f64().expect("a number"),
            record["hash_probability"].as_f64().expect("a number"),
        )
    };
    let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-4, "{got} {want}");
    assert!(line("1").0.abs() + line("1").1.abs() < f64::MIN_POSITIVE);
    near(line("2").0, 2f64.powi(-50));
    near(line("2").1, 2f64.powi(-256));
    near(line("40000000").0, 0.5086);
    near(line("9007199254740991").0, 1.0);
    for bad in ["0", "-1", "1e3", "9007199254740992", ""] {
        agentid_hash(&["--fleet", bad]).assert().code(2).stdout("");
    }
}
