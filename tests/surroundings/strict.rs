//! JSON that is none, alike in every command that reads records: exit 3, the
//! line and the column named, and the next line taken.

use super::{ADDRESS, Ask, Book, Command, TempDir, run};
use crate::manual::bin_dir;
use cooee::key::{Key, write_key};
use serde_json::json;

#[test]
fn a_payload_that_is_no_strict_json_is_named_by_line_and_column() {
    let (leader, host) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let at = |name: &str, arguments: &[&str], dir: &TempDir| {
        let mut command = Command::new(bin_dir().join(name));
        command.args(arguments).arg("--dir").arg(dir.path());
        command
    };
    assert_eq!(run(at("cooee-key", &["found"], &leader), "").code(), 0);
    let string = run(at("cooee-key", &["invite"], &leader), "").out();
    assert_eq!(run(at("cooee-key", &["join", "-"], &host), &string).code(), 0);
    let book = Book::new();
    write_key(&book.path("host.key"), &Key::from_seed(&[1; 32])).expect("a key");
    let plain = |name: &str| Command::new(bin_dir().join(name));
    let agent = crate::register::fixture::agent("host1", "m", 0).to_string();
    let note = json!({"type": "note", "subject": ADDRESS, "expires": "2100-01-01T00:00:00Z", "data": 1}).to_string();
    let opened = Ask::new(&book, 1, "m").token('a').line();
    let commands: [(&str, &str, &dyn Fn() -> Command); 7] = [
        ("agentid-encode", r#"{"host_id":42,"gpu_slot":3}"#, &|| plain("agentid-encode")),
        ("agentid-decode", r#"{"token":"858RJ"}"#, &|| plain("agentid-decode")),
        ("agentid-hash", &agent, &|| plain("agentid-hash")),
        ("age-enrol", &agent, &|| at("age-enrol", &[], &host)),
        ("age-enrol", r#"{"type":"anything","v":1}"#, &|| at("age-enrol", &["--open"], &leader)),
        ("agentid-register", &opened, &|| at("agentid-register", &[], &book.folder)),
        ("cooee-pub", &note, &|| at("cooee-pub", &["--wait", "spooled"], &book.folder)),
    ];
    for (name, good, command) in commands {
        let open = &good[..good.len() - 1];
        // The spoilt value begins two characters after the end of `"pad":`.
        let column = open.len() + r#","pad":"#.len() + 1;
        let pad = |value: &str| format!("{open},\"pad\":{value}}}");
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (bad, column, what) in [
            (format!("nonsense {good}"), None, "not valid JSON"),
            (format!("{good}{good}"), Some(good.len() + 1), "more text after the JSON value"),
            (pad("1,\"pad\":1"), Some(column + 2), "duplicate key \"pad\""),
            (pad("1,\"\\u0070ad\":1"), Some(column + 2), "duplicate key \"pad\""),
            (pad("NaN"), Some(column), "not valid JSON"),
            (pad("1e400"), Some(column), "out of a double's range"),
            (pad("9007199254740993"), Some(column), "2^53-1"),
            (pad(&deep), None, "nested deeper than 100"),
            (pad("\"\\ud800\""), Some(column + 1), "lone surrogate"),
            (pad("\"\u{1}\""), Some(column + 1), "control character"),
            (open.to_owned(), Some(open.len() + 1), "ends too early"),
        ] {
            // Words are no JSON to the commands that read them as well.
            if what == "not valid JSON" && column.is_none() && name.ends_with("code") {
                continue;
            }
            let ran = run(command(), &format!("{bad}\n{good}\n"));
            let err = ran.err();
            let place = column.map_or_else(String::new, |column| format!("column {column}: "));
            let said = format!("{name}: line 1: {place}");
            let first = err.lines().next().unwrap_or_default();
            assert!(ran.code() == 3 && first.starts_with(&said) && first.contains(what), "{what}: {err}");
            assert_eq!(err.lines().filter(|line| line.contains(": line ")).count(), 1, "{name}, {what}: {err}");
            assert_eq!(ran.out().lines().count(), 1, "{name}, {what}: the second line");
        }
    }
}
