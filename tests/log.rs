//! The event log under a node that is killed, and at its limit.

use crate::cooee_sub::{ALL, Background, LIMIT, command, cooee_sub, folder};
use crate::shell::until;
use cooee::attach::{Client, PutFrames, Reply};
use cooee::event::{Draft, Event, Stamp};
use cooee::key::Key;
use cooee::mesh::{Element, Set as _, Span, Sum, View};
use cooee::store::{Database, LOG, Log};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

fn note(number: u64, bytes: usize) -> Event {
    let time = Timestamp::now();
    let draft = Draft {
        kind: "note".to_owned(),
        subject: "ucxl://any:ops@COOEE:demo/#".to_owned(),
        expires: time + SignedDuration::from_hours(1),
        data: "x".repeat(bytes).into(),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let stamp = Stamp { id: Uuid::now_v7(), time, sequence: time.as_microsecond().unsigned_abs() + number };
    draft.sign(&Key::from_seed(&[2; 32]), &stamp).expect("a good draft")
}

fn serve(dir: &Path, arguments: &[&str]) -> Background {
    let socket = dir.join("node.sock");
    let _ = std::fs::remove_file(&socket);
    let (node, _, _) = Background::start(command("cooee-sub", dir, &[&["--serve"], arguments].concat()));
    until(LIMIT, || socket.exists().then_some(())).expect("the node is ready");
    node
}

#[test]
fn what_was_receipted_outlives_a_kill_in_mid_batch_and_the_sums_with_it() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let mut receipted: Vec<String> = Vec::new();
    let mut elements = HashMap::new();
    for round in 0..4 {
        let mut node = serve(folder.path(), &[]);
        let mut client = Client::connect(&folder.path().join("node.sock")).expect("a node");
        let deadline = Some(Instant::now() + LIMIT);
        // Many frames on their way at once: the kill meets some of them between
        // their first write and their commit.
        for number in 0..20 {
            let mut frames = PutFrames::default();
            for _ in 0..40 {
                let event = note(number, 700);
                elements.insert(event.id().to_owned(), Element::of(&event).expect("an id"));
                frames.push(event.wire());
            }
            for frame in frames.finish() {
                client.send_frames(&frame.bytes, deadline).expect("sent");
            }
        }
        let mut answers = 0;
        while answers <= round * 5 {
            let Reply::Stored { receipt: Some(receipt), .. } = client.receive(deadline).expect("answered") else {
                panic!("not stored")
            };
            receipted.extend(receipt.ids);
            answers += 1;
        }
        node.0.kill().expect("our own child");
        node.0.wait().expect("it ends");

        let log = Log::open(&path).expect("a whole log");
        for id in &receipted {
            assert!(log.has(&elements[id]).expect("read"), "round {round}: {id} is lost");
        }
        let held = log.elements(View::All, &Span::ALL, usize::MAX).expect("elements");
        let sum = log.sum(View::All, &Span::ALL).expect("a sum");
        assert_eq!(sum, Sum::of_all(&held), "round {round}: the sums are of something else");
        drop(log);
        let database = Database::read(&path, &LOG).expect("a whole file");
        let found: String = database
            .ask(|sql| Ok(sql.pragma_query_value(None, "quick_check", |row| row.get(0))?))
            .expect("it can be checked");
        assert_eq!(found, "ok");
    }
    assert!(receipted.len() > 40);
}

#[test]
fn a_log_at_its_limit_drops_the_oldest_and_says_how_many() {
    let folder = folder();
    let said = folder.path().join("said");
    let mut serve = command("cooee-sub", folder.path(), &["--serve", "--log-limit", "1M"]);
    serve.stderr(File::create(&said).expect("a file")).stdin(std::process::Stdio::null());
    let _node = Background(serve.spawn().expect("the command is built"));
    let socket = folder.path().join("node.sock");
    until(LIMIT, || socket.exists().then_some(())).expect("the node is ready");
    let mut client = Client::connect(&socket).expect("a node");
    let deadline = Some(Instant::now() + LIMIT);
    let mut last = String::new();
    for number in 0..60 {
        let event = note(number, 50_000);
        let mut frames = PutFrames::default();
        frames.push(event.wire());
        client.send_frames(&frames.finish()[0].bytes, deadline).expect("sent");
        let Reply::Stored { receipt: Some(receipt), .. } = client.receive(deadline).expect("answered") else {
            panic!("not stored")
        };
        last.clone_from(&receipt.ids[0]);
    }
    let read = || std::fs::read_to_string(&said).expect("it is there");
    let line = until(LIMIT, || read().lines().find(|line| line.contains("the log is full")).map(str::to_owned));
    let line = line.expect("the node says so");
    let count: u64 = line.split(' ').find_map(|word| word.parse().ok()).expect("a number");
    assert!((40..60).contains(&count), "{line}");
    assert!(line.ends_with("events were dropped, the oldest first"), "{line}");
    let left = cooee_sub(folder.path(), &["--no-follow", ALL]).assert().success();
    let left = String::from_utf8(left.get_output().stdout.clone()).expect("text");
    assert_eq!(left.lines().count() as u64, 60 - count);
    assert!(left.lines().last().expect("the newest").contains(&last));
}

#[test]
fn a_limit_is_a_size() {
    let folder = folder();
    for wrong in ["0", "1.5G", "much"] {
        let refused = cooee_sub(folder.path(), &["--serve", "--log-limit", wrong]).assert().code(2);
        let said = String::from_utf8(refused.get_output().stderr.clone()).expect("text");
        assert!(said.contains("expected a size such as 500M or 1G"), "{said}");
    }
}
