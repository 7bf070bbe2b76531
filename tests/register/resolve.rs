//! `agentid-resolve`: from any name to the record.

use super::fixture::{Ask, Book, Ran, agent, opened, run};
use crate::node::config;
use assert_cmd::Command;
use cooee::attach::{Client, Reply, Request};
use cooee::event::{Draft, Event, Stamp};
use cooee::{net, store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

fn resolve(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("agentid-resolve"));
    command.args(arguments).arg("--dir").arg(dir);
    command
}

/// Three agents: host1 slots 0 and 1, gpu-7 slot 0. Their answers' data.
fn filled() -> (Book, Vec<Value>) {
    let book = Book::new();
    let asks = [
        Ask::new(&book, 1, "m").token('a'),
        Ask::new(&book, 1, "m").agent(agent("host1", "m", 1)),
        Ask::new(&book, 2, "m").token('b').agent(agent("gpu-7", "m", 0)),
    ];
    let answers = asks.iter().map(|ask| book.ask(&ask.line())["data"].clone()).collect();
    (book, answers)
}

fn hashes(ran: &Ran) -> Vec<&str> {
    ran.out.iter().filter_map(|record| record["hash"].as_str()).collect()
}

#[test]
fn every_name_finds_its_agent() {
    let (book, answers) = filled();
    let dir = book.folder.path();
    let text = |index: usize, field: &str| answers[index][field].as_str().expect("text").to_owned();
    for (index, answer) in answers.iter().enumerate() {
        for field in ["token", "tiny_id", "hash", "agent_did"] {
            let name = text(index, field);
            let ran = run(&mut resolve(dir, &[&name]));
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
            assert_eq!(hashes(&ran), [answer["hash"].as_str().expect("text")], "{name}");
            assert_eq!(ran.out[0]["agent_did"], answer["agent_did"]);
            if field != "agent_did" {
                assert_eq!(run(&mut resolve(dir, &[&name.to_lowercase()])).text, ran.text, "{name} in lower case");
            }
        }
    }
    let (first, second, third) = (text(0, "hash"), text(1, "hash"), text(2, "hash"));
    let found = |word: &str| {
        let ran = run(&mut resolve(dir, &[word]));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{word}");
        hashes(&ran).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found("host1"), [&first, &second].map(Clone::clone));
    assert_eq!(found(" HOST1 "), [&first, &second].map(Clone::clone));
    assert_eq!(found("gpu-*"), std::slice::from_ref(&third));
    assert_eq!(found("*7"), std::slice::from_ref(&third));
    assert_eq!(found("*"), [first.clone(), second.clone(), third.clone()]);
    let did = text(0, "agent_did");
    assert_eq!(found(did.split('#').next().expect("a did")), [first, second]);
    let ran = run(&mut resolve(dir, &["--raw", &third, "host1"]));
    assert_eq!(ran.text, format!("{}\n{}\n{}\n", text(2, "token"), text(0, "token"), text(1, "token")));
}

#[test]
fn a_registry_says_no() {
    let (book, answers) = filled();
    let dir = book.folder.path();
    let token = answers[0]["token"].as_str().expect("text");
    for (word, message) in [
        ("458RV", "458RV is not in the registry"),
        (
            "458RW",
            "458RW is not in the registry; as a token: wrong checksum: the token says 28, its version 1 fields need 27",
        ),
        ("host?", "host? is not in the registry"),
        ("host[1]", "host[1] is not in the registry"),
        ("gpu*x", "gpu*x is not in the registry"),
        ("0000000000", "0000000000 is not in the registry"),
    ] {
        let ran = run(&mut resolve(dir, &[word]));
        assert_eq!((ran.code, ran.text.as_str(), ran.err), (1, "", format!("agentid-resolve: {message}\n")));
    }
    let long = "*x".repeat(30_000);
    let ran = run(&mut resolve(dir, &[&long, token]));
    assert_eq!((ran.code, ran.out.len()), (2, 1), "{}", ran.err);
    assert!(ran.err.ends_with(": a name has at most 1024 bytes\n") && ran.err.len() < 200, "{}", ran.err);
    let ran = run(resolve(dir, &[]).write_stdin(format!("{long}\n{token}\n")));
    assert_eq!((ran.code, ran.out.len()), (3, 1), "{}", ran.err);
    let ran = run(&mut resolve(dir, &["458RV", token, "nobody"]));
    assert_eq!((ran.code, ran.out.len()), (1, 1), "the others are answered");
    let mistyped = format!("{}{}", &token[..4], if token.ends_with('0') { '1' } else { '0' });
    let ran = run(&mut resolve(dir, &["--suggest", &mistyped]));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(&format!("agentid-resolve: hint: did you mean {token}?\n")), "{}", ran.err);
}

#[test]
fn a_kind_may_be_forced() {
    let book = Book::new();
    // A host whose name is a good tiny id, and one whose name is a good token.
    let asks = [
        Ask::new(&book, 1, "m").token('a').agent(agent("0000000000", "m", 0)),
        Ask::new(&book, 2, "m").token('b').agent(agent("458rv", "m", 0)),
    ];
    for ask in &asks {
        book.ask(&ask.line());
    }
    let dir = book.folder.path();
    assert_eq!(run(&mut resolve(dir, &["0000000000"])).code, 1);
    assert_eq!(run(&mut resolve(dir, &["--host", "0000000000", "458RV"])).out.len(), 2);
    for (flag, word, code) in [
        ("--token", "458RW", 1),
        ("--token", "458R", 2),
        ("--token", "45*RV", 2),
        ("--tiny", "458RV", 2),
        ("--hash", "458RV", 2),
        ("--hash", "", 2),
    ] {
        let ran = run(&mut resolve(dir, &[flag, word]));
        assert_eq!((ran.code, ran.text.as_str(), ran.err.lines().count()), (code, "", 1), "{flag} {word}: {}", ran.err);
    }
    assert_eq!(run(&mut resolve(dir, &["did:web:x"])).code, 2);
    assert_eq!(run(&mut resolve(dir, &["--host", "--token", "x"])).code, 2);
}

#[test]
fn stdin_takes_words_records_and_answers() {
    let (book, answers) = filled();
    let lines = [
        answers[2]["token"].as_str().expect("text").to_owned() + "\r",
        String::new(),
        json!({"type": "x", "tiny_id": answers[0]["tiny_id"], "hostname": "nobody"}).to_string(),
        json!({"type": "cooee.enrolled.v1", "data": answers[1]}).to_string(),
        r#"{"type":"x"}"#.to_owned(),
        "{".to_owned(),
        "gpu-7".to_owned(),
    ];
    let input = format!("\u{feff}{}", lines.join("\n"));
    let ran = run(resolve(book.folder.path(), &[]).write_stdin(input.clone()));
    assert_eq!(ran.code, 3);
    let want: Vec<_> = [2, 0, 1, 2].iter().map(|index| answers[*index]["hash"].as_str().expect("text")).collect();
    assert_eq!(hashes(&ran), want);
    assert_eq!(
        ran.err,
        "agentid-resolve: line 5: no agent_did, hash, token, tiny_id or hostname in it\n\
         agentid-resolve: line 6: column 2: the JSON text ends too early\n"
    );
    let ran = run(resolve(book.folder.path(), &["-", "--strict"]).write_stdin(input));
    assert_eq!((ran.code, ran.out.len()), (3, 3));
    let ran = run(resolve(book.folder.path(), &["--token"]).write_stdin("458RW\n"));
    assert_eq!((ran.code, ran.text.as_str()), (3, ""));
    for nothing in ["", "\n \r\n"] {
        let ran = run(resolve(book.folder.path(), &[]).write_stdin(nothing));
        assert_eq!((ran.code, ran.text.as_str()), (2, ""));
        assert!(ran.err.starts_with("agentid-resolve: expected names on stdin, got none\n"), "{}", ran.err);
    }
}

#[test]
fn revoked_and_expired_agents_are_found_as_such() {
    let (book, answers) = filled();
    let token = answers[0]["token"].as_str().expect("text");
    assert_eq!(run(&mut book.command(&["--revoke", token, "--reason", "stolen"])).code, 0);
    let ran = run(&mut resolve(book.folder.path(), &[token]));
    assert_eq!((ran.code, &ran.out[0]["standing"], &ran.out[0]["reason"]), (0, &json!("revoked"), &json!("stolen")));
}

/// A node with the book's fleet in a folder of its own, told `events`.
fn node(book: &Book, folder: &Path, events: &[Event]) -> net::Running {
    std::fs::write(folder.join("fleet.json"), book.fleet.to_bytes()).expect("written");
    let config = config(folder, book.key.clone(), Some(&book.fleet), &[], false);
    let running = net::start(config, store::Log::open(&folder.join("log.db")).expect("a log")).expect("it runs");
    let mut client = Client::connect(&folder.join("node.sock")).expect("a node");
    let deadline = Some(Instant::now() + Duration::from_mins(1));
    let events = events.iter().map(|event| event.wire().to_vec()).collect();
    client.send(&Request::Put { events }, deadline).expect("sent");
    let reply = client.receive(deadline).expect("answered");
    assert!(matches!(&reply, Reply::Stored { refused, .. } if refused.is_empty()), "{reply:?}");
    running
}

#[test]
fn without_a_registry_the_node_is_asked() {
    let (book, answers) = filled();
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let ran = run(&mut resolve(dir, &["458RV"]));
    assert_eq!((ran.code, ran.text.as_str()), (4, ""));
    assert!(ran.err.contains("no registry, and no node is running here"), "{}", ran.err);

    // What the Leader said about two agents, and that one of them is out.
    let events: Vec<_> = (book.feed(&[Ask::new(&book, 1, "m").line(), Ask::new(&book, 3, "m").token('c').line()], &[]))
        .text
        .lines()
        .map(|line| Event::from_wire(line.as_bytes()).expect("an event"))
        .collect();
    let out = events[1].data()["agent_did"].as_str().expect("text").to_owned();
    let ran = run(&mut book.command(&["--revoke", &out, "--reason", "stolen"]));
    let revoked = Event::from_wire(ran.text.trim_end().as_bytes()).expect("an event");
    // A member may say what it likes: only a Leader's word counts.
    let running = node(&book, dir, &[events[0].clone(), events[1].clone(), revoked]);
    let token = events[0].data()["token"].as_str().expect("text");
    let ran = run(&mut resolve(dir, &[token]));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(hashes(&ran), [events[0].data()["hash"].as_str().expect("text")]);
    assert_eq!(ran.out[0]["standing"], "active");
    assert_eq!(
        run(&mut resolve(dir, &["--raw", &out])).text,
        format!("{}\n", events[1].data()["token"].as_str().expect("text"))
    );
    assert_eq!(run(&mut resolve(dir, &[&out])).out[0]["standing"], "revoked");
    // Not heard of: perhaps the news has not come yet.
    let unknown = answers[2]["token"].as_str().expect("text");
    let ran = run(&mut resolve(dir, &[unknown]));
    assert_eq!((ran.code, ran.text.as_str()), (4, ""));
    assert_eq!(run(&mut resolve(dir, &["gpu-7"])).code, 4);
    drop(running);
}

/// An `enrolled` event that no Leader signed is nobody's word.
#[test]
fn another_members_word_is_not_believed() {
    let book = Book::new();
    let request = Ask::new(&book, 1, "m").token('a');
    let told = book.feed(&[opened(&request.event())], &[]).text;
    let enrolled = Event::from_wire(told.trim_end().as_bytes()).expect("an event");
    let now = Timestamp::now();
    let mut data = enrolled.data().clone();
    data["token"] = json!("458RV");
    let forged = Draft {
        kind: "enrolled".to_owned(),
        subject: enrolled.subject().to_owned(),
        expires: now + SignedDuration::from_hours(1),
        data,
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let stamp = Stamp { id: Uuid::now_v7(), time: now, sequence: now.as_microsecond().cast_unsigned() };
    let forged = forged.sign(&request.key, &stamp).expect("signed");
    let folder = tempfile::tempdir().expect("a folder");
    let running = node(&book, folder.path(), &[enrolled.clone(), forged]);
    assert_eq!(run(&mut resolve(folder.path(), &["458RV"])).code, 4);
    assert_eq!(run(&mut resolve(folder.path(), &[enrolled.data()["token"].as_str().expect("text")])).code, 0);
    drop(running);
}
