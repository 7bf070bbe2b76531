//! Letting agents in.

use super::fixture::{Ask, Book, agent, run, token};
use cooee::enrol::Policy;
use cooee::store::JoinToken;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

#[test]
fn an_agent_gets_its_number_and_keeps_it() {
    let book = Book::new();
    let ask = Ask::new(&book, 1, "llama").token('a');
    let answer = book.ask(&ask.line());
    assert_eq!(answer["type"], "cooee.enrolled.v1");
    assert_eq!(answer["inreplyto"], ask.id.to_string());
    assert_eq!(answer["subject"], ask.event().subject());
    let data = &answer["data"];
    assert_eq!(data["tiny_id"], ask.agent["tiny_id"]);
    assert_eq!(data["hash"], ask.agent["hash"]);
    let agent_did = format!("{}#{}", ask.key.did(), ask.agent["tiny_id"].as_str().expect("text"));
    assert_eq!(data["agent_did"], agent_did);
    assert_eq!(data.as_object().expect("an object").len(), 5);
    let token = cooee::agentid::Token::decode(data["token"].as_str().expect("text")).expect("a token");
    assert_eq!((token.version, token.host_id, token.gpu_slot), (2, 0, 0));

    // Another GPU of the host, another host, and a renewal without a token.
    let second = book.ask(&Ask::new(&book, 1, "llama").agent(agent("host1", "llama", 3)).line());
    let other = book.ask(&Ask::new(&book, 2, "llama").token('b').line());
    let again = book.ask(&Ask::new(&book, 1, "llama").line());
    let number = |answer: &Value| {
        let token = cooee::agentid::Token::decode(answer["data"]["token"].as_str().expect("text")).expect("a token");
        (token.host_id, token.gpu_slot)
    };
    assert_eq!((number(&second), number(&other), number(&again)), ((0, 3), (1, 0), (0, 0)));

    let list = book.list();
    assert_eq!(list.len(), 3);
    assert_eq!(list[0]["agent"], ask.agent);
    assert_eq!(list[0]["standing"], "active");
    assert_eq!(list[0]["agent_did"], agent_did);
    let actions: Vec<_> = book.audit().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions[10..], ["enrolled", "enrolled", "enrolled", "renewed"]);
    let raw = run(&mut book.command(&["--list", "--raw"])).text;
    let tokens: Vec<_> = list.iter().filter_map(|agent| agent["token"].as_str()).collect();
    assert_eq!(raw, tokens.join("\n") + "\n");
}

#[test]
fn a_batch_is_answered_in_order_with_the_rest_passed_over() {
    let book = Book::new();
    let first = Ask::new(&book, 1, "one").token('a');
    let second = Ask::new(&book, 2, "two").token('b');
    let refusal = json!({"type": "refusal", "v": 1, "id": "0198c0de-0000-7000-8000-000000000001",
        "source": first.key.did(), "subject": "ucxl://any:admin@COOEE:enrol/#/agentid/X", "code": "not_for_us",
        "reason": "no identity matches", "security": true});
    let lines = [
        first.line(),
        json!({"type": "unchanged", "v": 1}).to_string(),
        refusal.to_string(),
        second.line(),
        first.line(),
        refusal.to_string(),
    ];
    let ran = book.feed(&lines, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let kinds: Vec<_> = ran.out.iter().map(|event| event["type"].clone()).collect();
    let (yes, no) = ("cooee.enrolled.v1", "cooee.refused.v1");
    assert_eq!(kinds, [yes, no, yes, yes, no]);
    assert_eq!((&ran.out[3], &ran.out[4]), (&ran.out[0], &ran.out[1]), "the same answer within a batch");
    assert_eq!(ran.out[1]["data"]["code"], "not_for_us");
    assert_eq!(ran.out[1]["inreplyto"], refusal["id"]);
    assert_eq!(book.list().len(), 2);
    let again = book.feed(&lines, &[]);
    assert_eq!(again.text, ran.text, "the same answers over a restart");
    assert_eq!(book.audit().len(), 10 + 3);
}

/// Eight processes at once, ten requests each.
#[test]
fn a_signal_to_end_is_the_end_of_the_input() {
    let book = Book::new();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("agentid-register"))
        .arg("--dir")
        .arg(book.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "{}", Ask::new(&book, 1, "llama").token('a').line()).expect("it reads");
    let mut answers = BufReader::new(child.stdout.take().expect("piped"));
    let mut answer = String::new();
    answers.read_line(&mut answer).expect("an answer");
    assert!(answer.contains("cooee.enrolled.v1"), "{answer}");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    let output = child.wait_with_output().expect("it ends, with stdin still open");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    assert_eq!(book.list().len(), 1);
    drop(stdin);
}

#[test]
fn many_processes_at_once_lose_nothing_and_number_nothing_twice() {
    let book = Book::new();
    let hosts: Vec<u8> = (0..8).collect();
    std::thread::scope(|scope| {
        for host in &hosts {
            let book = &book;
            scope.spawn(move || {
                let letter = char::from(b'a' + host);
                let lines: Vec<_> =
                    (0..10).map(|n| Ask::new(book, *host, &format!("model{n}")).token(letter).line()).collect();
                for lines in lines.chunks(2) {
                    let ran = book.feed(lines, &[]);
                    assert_eq!((ran.code, ran.err.as_str(), ran.out.len()), (0, "", 2));
                    assert!(ran.out.iter().all(|event| event["type"] == "cooee.enrolled.v1"), "{}", ran.text);
                }
            });
        }
    });
    let mut tokens: Vec<_> = book.list().iter().map(|agent| agent["token"].to_string()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 80);
    assert_eq!(run(&mut book.command(&["--verify-audit"])).code, 0);
}

#[test]
fn number_1025_is_a_long_token_and_only_2_is_full() {
    let book = Book::new();
    book.invite(&token('z'), &JoinToken { agents: 2000, ..JoinToken::default() });
    let lines: Vec<_> = (0..1023).map(|n| Ask::new(&book, 1, &format!("m{n}")).token('z').line()).collect();
    assert_eq!(book.feed(&lines, &[]).out.len(), 1023);
    let ask = |n: usize| Ask::new(&book, 1, &format!("m{n}")).line();
    // One number is left for two: the second waits, whole.
    let before = book.audit().len();
    let ran = book.feed(&[ask(1023), ask(1024)], &["--only", "2"]);
    assert_eq!(ran.code, 4);
    assert_eq!(ran.out.len(), 1);
    let tail = "line 2: all 1024 numbers are used up; the request stays unanswered\n";
    assert!(ran.err.contains(tail), "{}", ran.err);
    assert_eq!(book.audit().len(), before + 1);
    let dump = book.dump();
    let ran = book.feed(&[ask(1024)], &["--only", "2"]);
    assert_eq!((ran.code, ran.text.as_str()), (4, ""));
    assert_eq!(book.dump(), dump);
    // A renewal needs no number.
    let renewal = book.feed(&[ask(5)], &["--only", "2"]);
    assert_eq!(renewal.code, 0);
    assert!(renewal.err.starts_with("agentid-register: 1024 of 1024 numbers are used up\n"), "{}", renewal.err);
    let long = book.ask(&ask(1024));
    let token = cooee::agentid::Token::decode(long["data"]["token"].as_str().expect("text")).expect("a token");
    assert_eq!((token.version, token.host_id), (3, 1024));
}

#[test]
fn a_slot_above_15_needs_a_long_token() {
    let book = Book::new();
    let ask = Ask::new(&book, 1, "m").token('a').agent(agent("host1", "m", 16));
    let ran = book.feed(&[ask.line()], &["--only", "2"]);
    assert_eq!((ran.code, ran.text.as_str()), (4, ""));
    assert!(ran.err.contains("slot 16 does not fit a token of version 2"), "{}", ran.err);
    let answer = book.ask(&ask.line());
    let token = cooee::agentid::Token::decode(answer["data"]["token"].as_str().expect("text")).expect("a token");
    assert_eq!((token.version, token.host_id, token.gpu_slot), (3, 0, 16));
}

#[test]
fn a_number_rests_a_year_before_another_tuple_gets_it() {
    let book = Book::new();
    let token_at = |ask: &Ask, now: &str| {
        let mut ask = ask.clone();
        ask.id = uuid::Uuid::now_v7();
        ask.time = now.parse().expect("a time");
        ask.sequence = ask.time.as_microsecond().cast_unsigned();
        ask.expires = ask.time + jiff::SignedDuration::from_hours(1);
        let ran = book.feed(&[ask.line()], &["--now", now]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out[0]["data"]["token"].as_str().expect("a token").to_owned()
    };
    // The same slot of the same host with another card in it.
    let card = |id: &str| {
        let mut record = agent("host1", "m", 0);
        record["gpu_id"] = json!(id);
        super::fixture::rehash(&mut record);
        Ask::new(&book, 1, "m").token('a').agent(record)
    };
    let (old, new, newest) = (card("old"), card("new"), card("newest"));
    let first = token_at(&old, "2030-01-01T00:00:00Z");
    let second = token_at(&new, "2030-01-02T00:00:00Z");
    assert_ne!(first, second, "within the year the slot's token is the old card's");
    // The old card's lease ended on 2030-01-31: 366 days later its token is free.
    let third = token_at(&newest, "2031-01-31T00:00:00Z");
    assert!(third != first && third != second, "still resting");
    let fourth = token_at(&card("last"), "2031-02-02T00:00:00Z");
    assert_eq!(fourth, first);
    assert_eq!(book.list().len(), 3);
    assert_eq!(token_at(&newest, "2031-02-02T00:00:00Z"), third);
}

#[test]
fn an_allow_list_lets_listed_keys_in() {
    let book = Book::policy(Policy::AllowList);
    let ask = Ask::new(&book, 1, "m");
    let did = ask.key.did().to_string();
    book.refuses(&Ask::new(&book, 1, "m").token('a').line(), "not_allowed", &[]);
    assert_eq!(run(&mut book.command(&["--allow", &did])).code, 0);
    assert_eq!(book.ask(&ask.line())["type"], "cooee.enrolled.v1");
    assert_eq!(run(&mut book.command(&["--disallow", &did])).code, 0);
    book.refuses(&Ask::new(&book, 1, "m").line(), "not_allowed", &[]);
    let ran = run(&mut book.command(&["--disallow", &did]));
    assert_eq!(ran.code, 1);
    let actions: Vec<_> = book.audit().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions[10..], ["refused", "allowed", "enrolled", "disallowed", "refused"]);
}

#[test]
fn a_human_says_yes_or_no() {
    let book = Book::policy(Policy::Manual);
    let (yes, no) = (Ask::new(&book, 1, "m").token('a'), Ask::new(&book, 2, "m").token('b'));
    let (yes_id, no_id) = (yes.id.to_string(), no.id.to_string());
    let help = book.ask(&yes.line());
    assert_eq!(help["type"], "cooee.help.v1");
    assert_eq!(help["data"]["request"], yes_id);
    assert_eq!(help["data"]["options"], json!(["yes", "no"]));
    assert_eq!(book.ask(&yes.line()), help, "asked once, however often it comes");
    assert_eq!(book.list().len(), 0);
    let other = book.ask(&no.line());
    assert_eq!(run(&mut book.command(&["--approve", &yes_id])).code, 0);
    assert_eq!(run(&mut book.command(&["--approve", &yes_id])).code, 1, "decided already");
    assert_eq!(run(&mut book.command(&["--deny", &no_id])).code, 0);

    let ran = book.feed(&[yes.line(), no.line()], &[]);
    assert_eq!(ran.code, 0);
    let kinds: Vec<_> = ran.out.iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["cooee.enrolled.v1", "cooee.refused.v1", "cooee.answer.v1", "cooee.answer.v1"]);
    assert_eq!(ran.out[1]["data"]["code"], "denied");
    assert_eq!(ran.out[1]["data"]["security"], false);
    assert_eq!((&ran.out[2]["inreplyto"], &ran.out[2]["data"]["answer"]), (&help["id"], &json!("yes")));
    assert_eq!((&ran.out[3]["inreplyto"], &ran.out[3]["data"]["answer"]), (&other["id"], &json!("no")));
    // Its renewal asks nobody.
    assert_eq!(book.ask(&Ask::new(&book, 1, "m").line())["type"], "cooee.enrolled.v1");
}

#[test]
fn a_lease_ends_unless_it_is_renewed() {
    let book = Book::new();
    let ran = book.feed(&[Ask::new(&book, 1, "m").token('a').line()], &["--ttl", "1h"]);
    let expires: Timestamp = ran.out[0]["data"]["expires"].as_str().expect("text").parse().expect("a time");
    let minutes = expires.duration_since(Timestamp::now()).as_mins();
    assert!((58..=60).contains(&minutes), "{minutes}");
    let event: Timestamp = ran.out[0]["expires"].as_str().expect("text").parse().expect("a time");
    assert!(event.duration_since(Timestamp::now()).as_hours() >= 24, "the answer outlives the request");
    let standing = |now: &str| run(&mut book.command(&["--list", "--now", now])).out[0]["standing"].clone();
    assert_eq!(standing(&super::fixture::in_seconds(expires, -1)), "active");
    assert_eq!(standing(&super::fixture::in_seconds(expires, 1)), "expired");
}
