//! `hwprobe`: copies of machines, real model servers,
//! and this machine.

mod gpus;
mod host;
mod network;
mod nvml;
mod servers;
mod tree;

use assert_cmd::Command;
use serde_json::Value;
use tree::Tree;

fn hwprobe(tree: &Tree) -> Command {
    let mut command = this_machine();
    command.arg("--root").arg(tree.path());
    command
}

fn this_machine() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("hwprobe"))
}

/// Runs it, expects silence on stderr and exit 0, and reads its lines.
fn lines(command: &mut Command) -> Vec<Value> {
    let output = command.assert().success().stderr("").get_output().stdout.clone();
    parsed(&output)
}

/// Each line read as strictly as any command reads it, and held against the
/// schema's list of members.
fn parsed(output: &[u8]) -> Vec<Value> {
    let schema: Value = serde_json::from_str(include_str!("../../src/bin/hwprobe/schema.json")).expect("JSON");
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let values: Vec<Value> = lines.map(|line| cooee::jsonl::parse(line).expect("strict JSON")).collect();
    for value in &values {
        let kind = value["type"].as_str().expect("a type");
        has_members(value, &schema["$defs"][kind], &schema, kind);
    }
    values
}

/// Exactly the members that the schema requires, below lists of objects too;
/// and every null has its reason.
fn has_members(value: &Value, definition: &Value, schema: &Value, path: &str) {
    let keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let required: Vec<&str> =
        definition["required"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(keys, required, "{path}");
    for key in keys {
        let property = &definition["properties"][key];
        assert!(property.is_object() || property.is_boolean(), "{path}.{key} is in the schema");
        if value["reasons"].is_object() && value[key].is_null() {
            assert!(value["reasons"][key].as_str().is_some_and(|reason| !reason.is_empty()), "{path}.{key}: no reason");
        }
        let item = property["items"]["$ref"].as_str().and_then(|item| item.strip_prefix("#/$defs/"));
        let item = item.map(|item| &schema["$defs"][item]).filter(|item| item["required"].is_array());
        for entry in value[key].as_array().into_iter().flatten() {
            item.inspect(|item| has_members(entry, item, schema, &format!("{path}.{key}")));
        }
    }
}

fn host(tree: &Tree) -> Value {
    let mut lines = lines(&mut hwprobe(tree));
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}
