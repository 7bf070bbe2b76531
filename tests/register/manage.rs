//! Revocations, by hand and by event.

use super::fixture::{Ask, Book, revoked, run};
use cooee::event::Event;
use cooee::key::Key;
use serde_json::json;

#[test]
fn an_operator_revokes_by_any_name() {
    let book = Book::new();
    let answers: Vec<_> =
        (1..=4).map(|host| book.ask(&Ask::new(&book, host, "m").token(char::from(b'a' + host)).line())).collect();
    for (answer, field) in answers.iter().zip(["token", "tiny_id", "hash", "agent_did"]) {
        let id = answer["data"][field].as_str().expect("text");
        let ran = run(&mut book.command(&["--revoke", id, "--reason", "misbehaved"]));
        assert_eq!((ran.code, ran.err.as_str(), ran.out.len()), (0, "", 1), "{field}");
        let said = Event::from_wire(ran.text.trim_end().as_bytes()).expect("wire form");
        said.verify().expect("signed");
        assert_eq!((said.author(), said.kind(), said.in_reply_to()), (book.key.did(), "revoked", None));
        assert_eq!(*said.data(), json!({"agent_did": answer["data"]["agent_did"], "reason": "misbehaved"}));
        assert!(said.subject().parse::<cooee::ucxl::Address>().is_ok(), "{}", said.subject());
    }
    assert!(book.list().iter().all(|agent| agent["standing"] == "revoked" && agent["reason"] == "misbehaved"));
    let actions: Vec<_> = book.audit().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions[14..], ["revoked", "revoked", "revoked", "revoked"]);
    // Only the agent is out, not its host's key.
    let other = Ask::new(&book, 1, "other");
    assert_eq!(book.ask(&other.line())["type"], "cooee.enrolled.v1");
    // A key that was never seen may be revoked before it comes.
    let stranger = Key::from_seed(&[77; 32]).did().to_string();
    let ran = run(&mut book.command(&["--revoke", &stranger, "--reason", "known thief"]));
    assert_eq!(ran.out[0]["data"], json!({"did": stranger, "reason": "known thief"}));
    book.refuses(&Ask::new(&book, 77, "m").token('a').line(), "revoked", &[]);
}

#[test]
fn what_cannot_be_revoked_is_said() {
    let book = Book::new();
    let leader = book.key.did().to_string();
    for (id, reason, code, message) in [
        ("458RV", "x", 1, "458RV is not in the registry"),
        ("host1", "x", 2, "host1 is no token, tiny id, hash or did"),
        (leader.as_str(), "x", 2, "is a leader's key"),
        ("458RV", " ", 2, "a reason has 1 to 1024 bytes"),
    ] {
        let ran = run(&mut book.command(&["--revoke", id, "--reason", reason]));
        assert_eq!((ran.code, ran.text.as_str()), (code, ""), "{id}");
        assert!(ran.err.contains(message), "{}", ran.err);
    }
    assert_eq!(run(&mut book.command(&["--revoke", "458RV"])).code, 2, "a reason is needed");
    assert_eq!(book.audit().len(), 10);
}

#[test]
fn only_those_who_may_revoke_do() {
    let revoker = Key::from_seed(&[50; 32]);
    let book = Book::with(|fleet| fleet.revokers.push(revoker.did()));
    let answer = book.ask(&Ask::new(&book, 1, "m").token('a').line());
    let agent_did = answer["data"]["agent_did"].as_str().expect("text");
    let data = json!({"agent_did": agent_did, "reason": "score 0.1"});

    // A member's word becomes a call for a human, once.
    let member = revoked(&Key::from_seed(&[1; 32]), data.clone());
    let line = |event: &Event| String::from_utf8(event.wire().to_vec()).expect("text");
    let help = book.ask(&line(&member));
    assert_eq!(help["type"], "cooee.help.v1");
    assert!(help["data"]["question"].as_str().is_some_and(|text| text.contains(agent_did)));
    assert_eq!(book.ask(&line(&member)), help);
    assert_eq!(book.list()[0]["standing"], "active");

    // The policy's revoker is enough; the answer is the Leader's own word.
    let event = revoked(&revoker, data.clone());
    let said = book.ask(&line(&event));
    assert_eq!((&said["type"], &said["inreplyto"]), (&json!("cooee.revoked.v1"), &json!(event.id())));
    assert_eq!(said["data"], data);
    assert_eq!(book.list()[0]["standing"], "revoked");
    assert_eq!(book.ask(&line(&event)), said, "the same again");

    // What a human said yes to.
    assert_eq!(run(&mut book.command(&["--approve", member.id()])).code, 0);
    let ran = book.feed(&[line(&member)], &[]);
    assert_eq!((&ran.out[0]["type"], &ran.out[1]["type"]), (&json!("cooee.revoked.v1"), &json!("cooee.answer.v1")));

    // A revoker does not throw a Leader out.
    let coup = revoked(&revoker, json!({"did": book.key.did(), "reason": "mine now"}));
    assert_eq!(book.ask(&line(&coup))["type"], "cooee.help.v1");
}

#[test]
fn a_leaders_own_word_is_taken_without_an_answer() {
    let book = Book::new();
    book.ask(&Ask::new(&book, 1, "m").token('a').line());
    let did = Key::from_seed(&[1; 32]).did();
    let event = revoked(&book.key, json!({"did": did, "reason": "said elsewhere"}));
    let line = String::from_utf8(event.wire().to_vec()).expect("text");
    let ran = book.feed(&[line.clone(), line], &[]);
    assert_eq!((ran.code, ran.text.as_str(), ran.err.as_str()), (0, "", ""));
    assert_eq!(book.list()[0]["standing"], "revoked");
    assert_eq!(book.audit().len(), 12);
}

#[test]
fn a_revocation_that_is_none_is_refused() {
    let book = Book::new();
    let line = |event: &Event| String::from_utf8(event.wire().to_vec()).expect("text");
    let did = Key::from_seed(&[1; 32]).did().to_string();
    let key = &book.key;
    for data in [
        json!({"reason": "x"}),
        json!({"did": did}),
        json!({"did": did, "reason": ""}),
        json!({"did": did, "reason": "x".repeat(1025)}),
        json!({"did": did, "agent_did": format!("{did}#0000000000"), "reason": "x"}),
        json!({"agent_did": "did:key:zzz#0000000000", "reason": "x"}),
        json!([]),
    ] {
        book.refuses(&line(&revoked(key, data)), "malformed", &[]);
    }
    // A forged Leader's word.
    let thief = Key::from_seed(&[66; 32]);
    let wire = line(&revoked(&thief, json!({"did": did, "reason": "x"})));
    let forged = wire.replace(&thief.did().to_string(), &key.did().to_string());
    book.refuses(&forged, "signature", &[]);
    // An enrolment is not opened here.
    let ran = book.feed(&[line(&Ask::new(&book, 1, "m").event())], &[]);
    assert_eq!((ran.code, ran.text.as_str()), (3, ""));
    assert!(ran.err.contains("a sealed enrolment"), "{}", ran.err);
}
