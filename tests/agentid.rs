//! `agentid-encode` and `agentid-decode`: words as arguments, words and JSON
//! lines on stdin, and what is not a token.

use crate::register::fixture::{Ask, Book, agent};
use assert_cmd::Command;
use predicates::str::{contains, starts_with};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

const RECORD: &str =
    r#"{"type":"token","v":1,"token":"458RV","version":1,"host_id":42,"gpu_slot":3,"reserved":0,"checksum":27}"#;

fn encode<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("agentid-encode"));
    command.args(arguments);
    command
}

fn decode<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("agentid-decode"));
    command.args(arguments);
    command
}

#[test]
fn arguments_are_words() {
    decode(["458RV"]).assert().code(0).stdout(format!("{RECORD}\n")).stderr("");
    decode(["--raw", "4-58rv", "858RJ", "c0o586fw"])
        .assert()
        .code(0)
        .stdout("v1:42:3:0\nv2:42:3:0\nv3:42:3:0\n")
        .stderr("");
    encode(["v1:42:3"]).assert().code(0).stdout(format!("{RECORD}\n")).stderr("");
    encode(["--raw", "--token-version=1", "42:3", "v2:42:3", "v3:42:3", "42:3:3"])
        .assert()
        .code(0)
        .stdout("458RV\n858RJ\nC00586FW\n458ZV\n")
        .stderr("");
}

#[test]
fn every_deployed_token_goes_there_and_back() {
    let vectors = include_str!("testdata/agentid/v1.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
    let mut tokens = String::new();
    for vector in vectors["valid"].as_array().expect("an array") {
        tokens += vector["token"].as_str().expect("a string");
        tokens.push('\n');
    }
    let decoded = decode(["--raw"]).write_stdin(tokens.clone()).assert().code(0).stderr("").get_output().stdout.clone();
    encode(["--raw"]).write_stdin(decoded).assert().code(0).stdout(tokens.clone()).stderr("");
    let decoded = decode([""; 0]).write_stdin(tokens.clone()).assert().code(0).stderr("").get_output().stdout.clone();
    encode(["--raw"]).write_stdin(decoded).assert().code(0).stdout(tokens).stderr("");
    for vector in vectors["invalid"].as_array().expect("an array") {
        let word = vector["token"].as_str().expect("a string");
        // Only this one has a version that exists.
        let code = if word == "4K7J2" { 1 } else { 2 };
        decode([word]).assert().code(code).stdout("").stderr(starts_with("agentid-decode: "));
    }
}

#[test]
fn json_lines_keep_what_else_they_have() {
    let input = r#" { "name" : "ada", "token":"458rv", "x": [1.50, {"y": "\u00e9"}] }"#;
    decode(["-"]).write_stdin(input).assert().code(0).stderr("").stdout(concat!(
        r#"{"type":"token","v":1,"name":"ada","token":"458RV","x":[1.50, {"y": "\u00e9"}],"#,
        r#""version":1,"host_id":42,"gpu_slot":3,"reserved":0,"checksum":27}"#,
        "\n"
    ));
    let input = r#"{"type":"agent","v":1,"host_id":42,"gpu_slot":3,"token":"old","checksum":0}"#;
    encode([""; 0]).write_stdin(input).assert().code(0).stderr("").stdout(concat!(
        r#"{"type":"agent","v":1,"host_id":42,"gpu_slot":3,"token":"858RJ","checksum":18,"version":2,"reserved":0}"#,
        "\n"
    ));
    decode(["--raw"]).write_stdin("{\"token\":\"458RV\"}\n858RJ\n").assert().code(0).stdout("v1:42:3:0\nv2:42:3:0\n");
}

#[test]
fn a_host_id_out_of_range_is_named_with_its_range() {
    for word in ["1024:0", "1e3:0", " 42:0", "٤٢:0", "1024", "-1", "4294967338:0", "0x2a:0"] {
        let id = word.split(':').next().expect("a part");
        encode([word]).assert().code(2).stdout("").stderr(contains("from 0 to 1023").and_(id));
        encode([""; 0]).write_stdin(format!("{word}\n")).assert().code(3).stdout("").stderr(
            predicates::prelude::PredicateBooleanExt::and(
                starts_with("agentid-encode: line 1: host_id"),
                contains("from 0 to 1023"),
            ),
        );
    }
    encode(["--", "-1:0"]).assert().code(2).stdout("").stderr(contains("host_id \"-1\"").and_("from 0 to 1023"));
    encode(["-1:0"]).assert().code(2).stdout("").stderr(contains("-1"));
    for id in ["1024", "-1", "1e3", "\" 42\"", "\"٤٢\"", "42.0", "null"] {
        let record = format!("{{\"host_id\":{id},\"gpu_slot\":0}}");
        encode([""; 0])
            .write_stdin(record)
            .assert()
            .code(3)
            .stdout("")
            .stderr("agentid-encode: line 1: \"host_id\" is not a whole number from 0 to 1023\n");
    }
    encode(["1023:15:3"]).assert().code(0);
    let version = "agentid-encode: version \"4\" is not 1, 2 or 3\n";
    encode(["v4:1:1"]).assert().code(2).stdout("").stderr(version);
    encode(["v3:1048576:0"]).assert().code(2).stderr(contains("1048575"));
    encode(["1024:0"]).assert().stderr(contains("hint: --token-version 3"));
}

/// `contains(a)` and also `b`.
trait AndContains: predicates::Predicate<str> + Sized {
    fn and_(self, other: &str) -> predicates::boolean::AndPredicate<Self, predicates::str::ContainsPredicate, str> {
        predicates::prelude::PredicateBooleanExt::and(self, contains(other))
    }
}
impl<P: predicates::Predicate<str>> AndContains for P {}

#[test]
fn a_wrong_length_is_2_as_argument_and_3_from_stdin() {
    for (word, message) in [
        ("458R", "4 characters: a token has 5 (versions 1 and 2) or 8 (version 3)"),
        ("458RVV", "6 characters: a token has 5 (versions 1 and 2) or 8 (version 3)"),
        ("", "the token is empty"),
        ("--", "the token is empty"),
    ] {
        let argument: &[&str] = if word == "--" { &["--", "--"] } else { &[word] };
        decode(argument).assert().code(2).stdout("").stderr(format!("agentid-decode: {word}: {message}\n"));
        let record = format!("{{\"token\":\"{word}\"}}");
        decode([""; 0])
            .write_stdin(record)
            .assert()
            .code(3)
            .stdout("")
            .stderr(format!("agentid-decode: line 1: {message}\n"));
    }
    for word in ["458R", "458RVV"] {
        decode([""; 0]).write_stdin(format!("{word}\n")).assert().code(3).stdout("");
    }
    // A blank line is no token; nothing else makes that no input at all.
    decode(["--raw"]).write_stdin("\n458RV\n \n").assert().code(0).stdout("v1:42:3:0\n").stderr("");
    for nothing in ["", "\n", "\n \r\n"] {
        for mut command in [decode([""; 0]), encode([""; 0])] {
            command
                .write_stdin(nothing)
                .assert()
                .code(2)
                .stdout("")
                .stderr(contains("expected input on stdin, got none"));
        }
    }
}

#[test]
fn a_character_no_token_has_is_named_with_its_position() {
    for (word, shown, position) in [
        ("458RU", "U", 5),
        ("*58RV", "*", 1),
        ("45éRV", "é", 3),
        ("４58RV", "４", 1),
        ("4 8RV", " ", 2),
        ("458R\u{1b}", "\\u{1b}", 5),
        ("458R\u{202e}", "\\u{202e}", 5),
    ] {
        let message = format!("character {position}: \"{shown}\" is not a Crockford base32 symbol\n");
        decode([word]).assert().code(2).stdout("").stderr(predicates::str::ends_with(message.clone()));
        let line = format!("{word}\n");
        decode([""; 0])
            .write_stdin(line)
            .assert()
            .code(3)
            .stdout("")
            .stderr(format!("agentid-decode: line 1: {message}"));
    }
    let nul = "agentid-decode: line 1: character 5: \"\\u{0}\" is not a Crockford base32 symbol\n";
    decode([""; 0]).write_stdin("458R\0\n").assert().code(3).stdout("").stderr(nul);
    let latin = "agentid-decode: line 1: character 3: not UTF-8\n";
    decode([""; 0]).write_stdin(&b"45\xe9RV\n"[..]).assert().code(3).stdout("").stderr(latin);
    decode([OsStr::from_bytes(b"45\xe9RV")]).assert().code(2).stdout("");
    encode([""; 0]).write_stdin(&b"\xff\x00:3\n"[..]).assert().code(3).stdout("").stderr(contains("from 0 to 1023"));
}

#[test]
fn a_wrong_checksum_is_no() {
    let message = "agentid-decode: 458RW: wrong checksum: the token says 28, its version 1 fields need 27\n";
    decode(["458RW"]).assert().code(1).stdout("").stderr(message);
    decode(["--raw", "458RW", "458RV"]).assert().code(1).stdout("v1:42:3:0\n").stderr(message);
    decode(["--raw", "458RW", "458RU", "458RV"]).assert().code(2).stdout("v1:42:3:0\n");
    for (word, version) in [("00000", 0), ("ZZZZZ", 7)] {
        let message = format!("agentid-decode: {word}: token version {version} does not exist with 5 characters\n");
        decode([word]).assert().code(2).stdout("").stderr(message);
    }
}

#[test]
fn only_refuses_other_versions() {
    decode(["--raw", "--only", "2", "858RJ"]).assert().code(0).stdout("v2:42:3:0\n").stderr("");
    let message = "agentid-decode: 458RV: version 1 token where only version 2 is accepted\n";
    decode(["--only", "2", "458RV"]).assert().code(1).stdout("").stderr(message);
    decode(["--only=2"]).write_stdin("458RV\n{\"token\":\"C00586FW\"}\n").assert().code(3).stdout("");
    decode(["--only=4", "458RV"]).assert().code(2).stdout("");
}

#[test]
fn bad_lines_are_numbered_and_strict_stops() {
    let input = "458RV\nnonsense\n{\"token\":7}\n{\"tok\n{}\n858RJ\n";
    let stderr = concat!(
        "agentid-decode: line 2: token version 5 does not exist with 8 characters\n",
        "agentid-decode: line 3: \"token\" is not a string\n",
        "agentid-decode: line 4: column 6: the JSON text ends too early\n",
        "agentid-decode: line 5: \"token\" is missing\n"
    );
    decode(["--raw"]).write_stdin(input).assert().code(3).stdout("v1:42:3:0\nv2:42:3:0\n").stderr(stderr);
    decode(["--raw", "--strict"])
        .write_stdin(input)
        .assert()
        .code(3)
        .stdout("v1:42:3:0\n")
        .stderr(starts_with("agentid-decode: line 2: "));
    encode(["--raw", "--strict"]).write_stdin("42:3\nx\n42:3\n").assert().code(3).stdout("858RJ\n");
    encode(["--raw"]).write_stdin("42:3\nx\n42:3\n").assert().code(3).stdout("858RJ\n858RJ\n");
}

#[test]
fn line_ends_and_a_byte_order_mark_are_read() {
    let want = "v1:42:3:0\nv2:42:3:0\n";
    for input in ["458RV\r\n858RJ\r\n", "\u{feff}458RV\n858RJ", "\u{feff}458RV\r\n858RJ"] {
        decode(["--raw"]).write_stdin(input).assert().code(0).stdout(want).stderr("");
    }
    for input in [
        "v1:42:3\r\n42:3\r\n",
        "\u{feff}v1:42:3\n42:3",
        "\u{feff}{\"version\":1,\"host_id\":42,\"gpu_slot\":3}\r\n42:3",
    ] {
        encode(["--raw"]).write_stdin(input).assert().code(0).stdout("458RV\n858RJ\n").stderr("");
    }
}

#[test]
fn three_bad_tokens_in_a_million_lose_no_other() {
    let (mut input, mut want) = (String::new(), String::new());
    for number in 0..1_000_000 {
        if [7, 500_000, 999_999].contains(&number) {
            input += "858RK\n";
        } else {
            input += "858RJ\n";
            want += "v2:42:3:0\n";
        }
    }
    let error = |line: u32| {
        format!("agentid-decode: line {line}: wrong checksum: the token says 19, its version 2 fields need 18\n")
    };
    let output = decode(["--raw"]).write_stdin(input).assert().code(3).get_output().clone();
    assert!(output.stdout == want.as_bytes(), "{} bytes", output.stdout.len());
    assert_eq!(String::from_utf8_lossy(&output.stderr), error(8) + &error(500_001) + &error(1_000_000));
}

#[test]
fn a_line_over_the_limit_is_rejected_whole() {
    let input = format!("{}\n458RV\n", "4".repeat((1 << 20) + 1));
    let error = "agentid-decode: line 1: line is longer than 1048576 bytes\n";
    decode(["--raw"]).write_stdin(input).assert().code(3).stdout("v1:42:3:0\n").stderr(error);
    let input = format!("{}\n458RV\n", "4".repeat(1 << 20));
    decode(["--raw"]).write_stdin(input).assert().code(3).stdout("v1:42:3:0\n").stderr(contains("1048576 characters"));
}

#[test]
fn suggestions_come_from_a_file_of_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    std::fs::write(&file, "458RV\r\n\n858rj\nC005-86FW\n").expect("written");
    let flag = format!("--suggest={}", file.display());
    let hint = |hint: &str| contains(format!("agentid-decode: hint: {hint}\n"));
    decode([&flag, "458RU"]).assert().code(2).stdout("").stderr(hint("did you mean 458RV?"));
    decode([&flag, "548RV"]).assert().code(1).stdout("").stderr(hint("did you mean 458RV?"));
    decode([&flag, "C00586WF"]).assert().code(1).stdout("").stderr(hint("did you mean C00586FW?"));
    decode([&flag, "99999"]).assert().stdout("").stderr(hint("no registered token is one typo away"));
    decode([&flag, "458RV"]).assert().code(0).stderr("");
    let lines = "458RW\n{\"token\":\"858RK\"}\n";
    let both = hint("did you mean 458RV?").and_("hint: did you mean 858RJ?");
    decode([&flag]).write_stdin(lines).assert().code(3).stdout("").stderr(both);
    std::fs::write(&file, "458RV\n458RW\n").expect("written");
    decode([&flag, "458RV"]).assert().code(2).stdout("").stderr(contains("line 2: wrong checksum"));
    std::fs::remove_file(&file).expect("removed");
    decode([&flag, "458RV"]).assert().code(2).stdout("").stderr(contains("no such file"));
    let flag = format!("--suggest={}", folder.path().display());
    decode([&flag, "458RV"]).assert().code(2).stdout("");
}

#[test]
fn suggestions_come_from_the_registry() {
    let book = Book::new();
    let answer = book.ask(&Ask::new(&book, 1, "llama").agent(agent("host1", "llama", 3)).token('a').line());
    let token = answer["data"]["token"].as_str().expect("a token").to_owned();
    let folder = book.folder.path().to_str().expect("UTF-8");
    let mut swapped: Vec<char> = token.chars().collect();
    swapped.swap(3, 4);
    let swapped: String = swapped.into_iter().collect();
    let hint = format!("agentid-decode: hint: did you mean {token}?\n");
    decode(["--suggest", "--dir", folder, &swapped]).assert().code(1).stdout("").stderr(contains(&hint));
    decode(["--suggest", &token, "--dir", folder]).assert().code(0).stderr("");
    decode(["--suggest", "--dir", folder]).write_stdin(format!("{swapped}\n")).assert().code(3).stderr(contains(&hint));
    std::fs::remove_file(book.path("registry.db")).expect("removed");
    decode(["--suggest", "--dir", folder, &swapped]).assert().code(2).stdout("").stderr(contains("registry.db"));
    assert!(!book.path("registry.db").exists());
}

#[test]
fn a_reader_that_goes_away_is_quiet_and_a_full_disk_is_named() {
    let run = |line: &str| {
        let mut command = Command::new("sh");
        let bin = assert_cmd::cargo::cargo_bin!("agentid-decode");
        command.args(["-c", line, "sh"]).arg(bin).assert().get_output().clone()
    };
    let head = run("yes 458RV | \"$1\" --raw | head -n 1");
    assert_eq!((head.status.code(), &*head.stdout, &*head.stderr), (Some(0), &b"v1:42:3:0\n"[..], &b""[..]));
    let full = run("\"$1\" 458RV >/dev/full");
    assert_eq!((full.status.code(), &*full.stdout), (Some(2), &b""[..]));
    assert!(String::from_utf8_lossy(&full.stderr).contains("writing stdout: No space left"));
    let full = run("yes 458RV | head -n 100000 | \"$1\" --raw >/dev/full");
    assert_eq!(full.status.code(), Some(2));
    assert_eq!(run("\"$1\" 458RV >&-").stderr, b"");
}
