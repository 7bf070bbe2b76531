//! Two `host` records → what changed. Pure.
//!
//! Must not know what a member means, but which ones change by themselves.

use crate::jsonl;
use serde_json::{Map, Value, json};

/// Members that say nothing of the machine when they change.
const VOLATILE: [&str; 3] = ["memory_available_bytes", "reasons", "v"];

/// Why a saved probe cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// One of its lines is not JSON.
    #[error("line {0}: {1}")]
    NotJson(usize, jsonl::Reason),
    /// It has no line with such a record.
    #[error("it holds no host record")]
    NoHost,
}

/// The last `host` record of a saved probe: a file that every run is appended
/// to is compared with its newest line.
pub fn saved(file: &[u8]) -> Result<Value, DiffError> {
    let mut host = None;
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let value = jsonl::parse(line).map_err(|error| DiffError::NotJson(index + 1, error.reason))?;
        if value["type"] == "host" {
            host = Some(value);
        }
    }
    host.ok_or(DiffError::NoHost)
}

/// One `change` record per value that differs, in the order of the records.
/// GPUs are told apart by their PCI address, models by server and name, servers
/// by their address, so that one that comes or goes moves no other.
pub fn changes(before: &Value, after: &Map<String, Value>) -> Vec<Value> {
    let mut found = Vec::new();
    compare("", before, &Value::Object(after.clone()), &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Value>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            for key in new.keys().chain(gone).filter(|key| !VOLATILE.contains(&key.as_str())) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, &before[key], &after[key], found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.iter().chain(new).all(|item| name(item).is_some()) => {
            let find = |list: &[Value], wanted: &str| {
                list.iter().find(|item| name(item).as_deref() == Some(wanted)).cloned().unwrap_or_default()
            };
            let mut names: Vec<String> = new.iter().chain(old).filter_map(name).collect();
            let mut seen = std::collections::HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
            for name in names {
                compare(&format!("{path}[{name}]"), &find(old, &name), &find(new, &name), found);
            }
        }
        _ if before == after => {}
        _ => found.push(json!({"type": "change", "v": 1, "field": path, "before": before, "after": after})),
    }
}

/// What tells one item of a list from the others.
fn name(item: &Value) -> Option<String> {
    let text = |key: &str| item[key].as_str();
    match (text("pci_address"), text("url"), text("name")) {
        (Some(address), _, _) => Some(address.to_owned()),
        (None, Some(url), Some(name)) => Some(format!("{url} {name}")),
        (None, url, name) => url.or(name).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(before: &str, after: &str) -> Vec<String> {
        let parse = |text: &str| jsonl::parse(text.as_bytes()).expect("JSON");
        let Value::Object(after) = parse(after) else { panic!("an object") };
        changes(&parse(before), &after)
            .iter()
            .map(|change| change["field"].as_str().expect("text").to_owned())
            .collect()
    }

    #[test]
    fn what_changes_by_itself_is_no_change() {
        let before = r#"{"v":1,"mac":null,"memory_available_bytes":1,"reasons":{"mac":"a"}}"#;
        assert!(fields(before, r#"{"v":1,"mac":null,"memory_available_bytes":2,"reasons":{"mac":"b"}}"#).is_empty());
        assert_eq!(fields(before, r#"{"v":1,"mac":"00","memory_available_bytes":2,"reasons":{}}"#), ["mac"]);
    }

    #[test]
    fn a_card_that_goes_moves_no_other() {
        let card = |address: &str, name: &str| format!(r#"{{"pci_address":"{address}","name":"{name}"}}"#);
        let list = |cards: &[String]| format!(r#"{{"gpus":[{}]}}"#, cards.join(","));
        let three = list(&[card("1", "a"), card("2", "b"), card("3", "c")]);
        assert_eq!(fields(&three, &list(&[card("1", "a"), card("3", "c")])), ["gpus[2]"]);
        assert_eq!(fields(&three, &list(&[card("3", "c"), card("1", "a"), card("2", "x")])), ["gpus[2].name"]);
        assert_eq!(fields(&three, r#"{"gpus":[]}"#).len(), 3);
        assert_eq!(fields(r#"{"flags":["a"]}"#, r#"{"flags":["a","b"]}"#), ["flags"]);
    }

    #[test]
    fn the_newest_host_record_counts() {
        let file = b"{\"type\":\"host\",\"n\":1}\n\n{\"type\":\"host\",\"n\":2}\r\n{\"type\":\"agent\"}\n";
        assert_eq!(saved(file).expect("good")["n"], 2);
        assert!(matches!(saved(b""), Err(DiffError::NoHost)));
        assert!(matches!(saved(b"{}\n{"), Err(DiffError::NotJson(2, _))));
    }
}
