//! cooee-protocol(7): each of its examples is what the code writes and reads,
//! and there is one of each kind of frame.

use crate::manual::{roff_examples, root};
use cooee::attach::{Reply, Request};
use cooee::canon::canonical;
use cooee::enrol::{Fleet, Leader};
use cooee::event::{Draft, Event, Receipt, Stamp};
use cooee::jsonl;
use cooee::key::Key;
use cooee::mesh::Members;
use cooee::mesh::dht::{self, Words};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REQUESTS: [&str; 12] =
    ["put", "await", "sub", "consume", "took", "forget", "ids", "get", "peers", "clock", "find", "consumers"];
const REPLIES: [&str; 13] = [
    "stored",
    "answers",
    "events",
    "began",
    "handed",
    "left",
    "ids",
    "peers",
    "clock",
    "end",
    "error",
    "found",
    "consumers",
];

fn page() -> String {
    std::fs::read_to_string(root().join("man/cooee-protocol.7")).expect("the page")
}

fn examples() -> Vec<String> {
    roff_examples(&page()).into_iter().filter(|line| !line.is_empty()).collect()
}

/// A new kind does not compile here until it has a name above, and so an example.
fn request_op(request: &Request) -> &'static str {
    REQUESTS[match request {
        Request::Put { .. } => 0,
        Request::Await { .. } => 1,
        Request::Sub { .. } => 2,
        Request::Consume { .. } => 3,
        Request::Took { .. } => 4,
        Request::Forget { .. } => 5,
        Request::Ids { .. } => 6,
        Request::Get { .. } => 7,
        Request::Peers => 8,
        Request::Clock => 9,
        Request::Find { .. } => 10,
        Request::Consumers => 11,
    }]
}

fn reply_op(reply: &Reply) -> &'static str {
    REPLIES[match reply {
        Reply::Stored { .. } => 0,
        Reply::Answers { .. } => 1,
        Reply::Events { .. } => 2,
        Reply::Began { .. } => 3,
        Reply::Handed { .. } => 4,
        Reply::Left => 5,
        Reply::Ids { .. } => 6,
        Reply::Peers { .. } => 7,
        Reply::Clock { .. } => 8,
        Reply::End => 9,
        Reply::Error { .. } => 10,
        Reply::Found { .. } => 11,
        Reply::Consumers { .. } => 12,
    }]
}

fn op(json: &str) -> Option<String> {
    jsonl::parse(json.as_bytes()).ok()?.get("op")?.as_str().map(str::to_owned)
}

/// The examples under one heading.
fn under(heading: &str) -> Vec<String> {
    let page = page();
    let (_, section) = page.split_once(heading).expect("the page has it");
    let end = section.find("\n.S").expect("another follows");
    roff_examples(&section[..=end]).into_iter().filter(|line| !line.is_empty()).collect()
}

#[test]
fn frames_read_and_write_as_the_page_has_them() {
    let mut seen = BTreeSet::new();
    for line in under(".SS \"Requests\"") {
        let request = Request::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(op(&line).as_deref(), Some(request_op(&request)));
        seen.insert(request_op(&request));
    }
    assert_eq!(seen, REQUESTS.into(), "one example of each request");
    let mut seen = BTreeSet::new();
    for line in under(".SS \"Replies\"") {
        let reply = Reply::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(op(&line).as_deref(), Some(reply_op(&reply)));
        seen.insert(reply_op(&reply));
        if let Reply::Stored { receipt: Some(receipt), .. } = reply {
            assert!(receipt.verify());
        }
    }
    assert_eq!(seen, REPLIES.into(), "one example of each reply");
}

#[test]
fn a_frame_is_these_bytes() {
    let mut frame = Vec::new();
    Reply::End.frame(&mut frame).expect("it fits");
    assert!(examples().contains(&data_encoding::HEXLOWER.encode(&frame)), "{frame:02x?}");
}

/// The example after the one of these bytes, in hexadecimal.
fn after(bytes: &[u8]) -> Vec<String> {
    let examples = examples();
    let hex = data_encoding::HEXLOWER.encode(bytes);
    let place = examples.iter().position(|line| *line == hex).expect("the page has it");
    examples[place + 1..].to_vec()
}

#[test]
fn signatures_are_over_these_bytes() {
    let (author, node) = (Key::from_seed(&[1; 32]), Key::from_seed(&[2; 32]));
    assert!(examples().contains(&author.did().to_string()));

    let lines = after(b"cooee-event-v1\0");
    let event = Event::from_wire(lines[1].as_bytes()).expect("an event");
    event.verify().expect("signed");
    let stamp = Stamp { id: event.id().parse().expect("a UUID"), time: event.time(), sequence: event.sequence() };
    let draft = Draft {
        kind: event.kind().to_owned(),
        subject: event.subject().to_owned(),
        expires: event.expires(),
        data: event.data().clone(),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    assert_eq!(draft.sign(&author, &stamp).expect("a good draft").wire(), event.wire());
    let without = |line: &str| {
        let Value::Object(mut members) = jsonl::parse(line.as_bytes()).expect("strict") else { panic!("{line}") };
        members.shift_remove("sig").expect("it is signed");
        String::from_utf8(canonical(&members)).expect("text")
    };
    assert_eq!(lines[0], without(&lines[1]), "what is signed is what stands above it");

    let lines = after(b"cooee-receipt-v1\0");
    assert_eq!(lines[0], without(&lines[1]));
    let receipt: Receipt = serde_json::from_str(&lines[1]).expect("a receipt");
    assert!(receipt.verify());
    let time = receipt.time.parse().expect("a time");
    assert_eq!(canonical(&Receipt::sign(&node, receipt.ids.clone(), time)), lines[1].as_bytes());
}

/// What a Leader of seed 0101...01 says: of the agent of a host of seed
/// 0202...02, that it is let in, and later that it is out.
fn words() -> [Event; 2] {
    let (leader, host) = (Key::from_seed(&[1; 32]), Key::from_seed(&[2; 32]));
    let agent = format!("{}#G6WG9CTNJ8", host.did());
    let time: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
    let word = |kind: &str, data: Value, number: u64| {
        let time = time + SignedDuration::from_hours(number.cast_signed());
        let draft = Draft {
            kind: kind.to_owned(),
            subject: "ucxl://any:admin@COOEE:enrol/#/agentid/G6WG9CTNJ8".to_owned(),
            expires: time + SignedDuration::from_hours(30 * 24),
            data,
            data_base64: None,
            in_reply_to: Some(format!("0192b1c0-0000-7000-8000-00000000000{number}")),
            agent: None,
        };
        let id = format!("0192b1c0-0000-7000-8000-00000000001{number}").parse().expect("a UUID");
        let sequence = time.as_microsecond().unsigned_abs();
        draft.sign(&leader, &Stamp { id, time, sequence }).expect("a good draft")
    };
    let expires = cooee::event::rfc3339(time + SignedDuration::from_hours(30 * 24));
    let hash = "81b904b35592057bd69b93706bb0693dcef8e61427a1fdfd4748bc1982c81aa1";
    let enrolled =
        json!({"agent_did": agent, "expires": expires, "hash": hash, "tiny_id": "G6WG9CTNJ8", "token": "80007"});
    [word("enrolled", enrolled, 0), word("revoked", json!({"agent_did": agent, "reason": "gpu sold"}), 1)]
}

#[test]
fn the_dhts_records_are_these_bytes() {
    let lines = under(".SH \"THE DHT\"");
    let leader = Leader { did: Key::from_seed(&[1; 32]).did(), age: "age1unused".to_owned() };
    let fleet = Fleet::found(leader);
    let keys: Vec<String> =
        ["80007", "G6WG9CTNJ8"].map(|name| String::from_utf8(dht::key(&fleet.fleet, name)).expect("text")).to_vec();
    let events = words();
    let wires = events.each_ref().map(|event| String::from_utf8(event.wire().to_vec()).expect("text"));
    assert_eq!(lines, [&keys[..], &wires[..]].concat(), "two keys, and a value of two lines");

    let members = Members::new(Some(fleet.clone()), std::sync::Arc::default());
    let value = wires.join("\n").into_bytes();
    for (key, name) in keys.iter().zip(["80007", "G6WG9CTNJ8"]) {
        assert_eq!(dht::name_in(key.as_bytes(), &fleet.fleet), Some(name));
        let words = Words::of(&dht::read(&value), name, &members, events[1].time()).expect("it counts");
        assert_eq!((words.value(), words.revoked.is_some()), (Some(value.clone()), true));
    }
}
