//! FACTS-security's abuse cases, as far as the Leader's registry judges them.
//! Each refusal leaves the registry as it was but for one audit line.

use super::fixture::{Ask, Book, agent, opened, rehash, run, token};
use cooee::event::{Draft, Event, Stamp};
use cooee::key::Key;
use cooee::store::JoinToken;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// A1: the same request again, a second or a day later, or in another process.
#[test]
fn a1_a_replay_gets_the_same_answer_and_other_bytes_are_refused() {
    let book = Book::new();
    let ask = Ask::new(&book, 1, "m").token('a');
    let first = book.feed(&[ask.line()], &[]);
    let (dump, audit) = (book.dump(), book.audit().len());
    for later in [1, 86_400, 40 * 86_400] {
        let now = super::fixture::in_seconds(Timestamp::now(), later);
        let again = book.feed(&[ask.line()], &["--now", &now]);
        assert_eq!((again.code, &again.text), (0, &first.text), "after {later} s");
    }
    assert_eq!((book.dump(), book.audit().len()), (dump, audit));
    let mut other = ask.clone();
    other.agent = agent("host1", "another", 0);
    other.sequence += 1;
    book.refuses(&other.line(), "id_reused", &[]);
    // In one batch with a request of its own, too.
    let mut fresh = Ask::new(&book, 1, "third");
    let mut twin = fresh.clone();
    twin.agent = agent("host1", "fourth", 0);
    fresh.sequence += 2;
    twin.sequence += 3;
    let ran = book.feed(&[fresh.line(), twin.line()], &[]);
    assert_eq!((&ran.out[0]["type"], &ran.out[1]["data"]["code"]), (&json!("cooee.enrolled.v1"), &json!("id_reused")));
    // Somebody else's id is somebody else's.
    let mut stranger = Ask::new(&book, 2, "m").token('b');
    stranger.id = ask.id;
    assert_eq!(book.ask(&stranger.line())["type"], "cooee.enrolled.v1");
}

/// A2: who only knows the Leader's public key.
#[test]
fn a2_outsiders_are_refused() {
    let book = Book::new();
    book.refuses(&Ask::new(&book, 1, "m").line(), "no_token", &[]);
    book.refuses(&Ask::new(&book, 1, "m").token('z').line(), "token_unknown", &[]);
    let mut odd = Ask::new(&book, 1, "m");
    odd.join_token = json!("");
    book.refuses(&odd.line(), "token_unknown", &[]);
    odd.join_token = json!(5);
    book.refuses(&odd.line(), "malformed", &[]);
    // Signed by one, said to be by another.
    let honest = Ask::new(&book, 1, "m").token('a');
    let wire = String::from_utf8(honest.event().wire().to_vec()).expect("text");
    let forged = wire.replace(&honest.key.did().to_string(), &Key::from_seed(&[9; 32]).did().to_string());
    let forged = Event::from_wire(forged.as_bytes()).expect("well-formed");
    book.refuses(&opened(&forged), "signature", &[]);
    assert_eq!(book.ask(&honest.line())["type"], "cooee.enrolled.v1", "the forgery used up nothing");
}

/// A3: meant for another Leader.
#[test]
fn a3_another_audience_is_refused() {
    let book = Book::new();
    let mut ask = Ask::new(&book, 1, "m").token('a');
    ask.audience = "0".repeat(64);
    book.refuses(&ask.line(), "audience", &[]);
}

/// A4: 60 s are forgiven, 61 are not; 7 days are the most.
#[test]
fn a4_time_has_edges() {
    let book = Book::new();
    let now: Timestamp = "2027-06-01T12:00:00Z".parse().expect("a time");
    let at = now.to_string();
    let ask = |time: Timestamp, expires: Timestamp| {
        let mut ask = Ask::new(&book, 1, "m").token('a');
        (ask.time, ask.expires) = (time, expires);
        ask.sequence = now.as_microsecond().cast_unsigned();
        ask.agent = agent("host1", &format!("{time}{expires}"), 0);
        ask.line()
    };
    let hour = seconds(3600);
    let arguments = ["--now", at.as_str()];
    book.refuses(&ask(now - hour, now - seconds(61)), "expired", &arguments);
    book.refuses(&ask(now + seconds(61), now + hour), "future", &arguments);
    book.refuses(&ask(now, now + hour * 168 + seconds(1)), "lifetime", &arguments);
    for good in [ask(now - hour, now - seconds(60)), ask(now + seconds(60), now + hour), ask(now, now + hour * 168)] {
        assert_eq!(book.feed(&[good], &arguments).out[0]["type"], "cooee.enrolled.v1");
    }
}

/// A5: one token, two keys, the same moment.
#[test]
fn a5_one_token_lets_one_key_in() {
    let book = Book::new();
    let kinds: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|host| {
                let book = &book;
                scope.spawn(move || book.ask(&Ask::new(book, host, "m").token('a').line()))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")["data"]["code"].clone()).collect()
    });
    assert_eq!(kinds.iter().filter(|code| code.is_null()).count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|code| **code == "token_used").count(), 5, "{kinds:?}");
    assert_eq!(book.list().len(), 1);
}

/// A6: a token for another host, and one that is too old.
#[test]
fn a6_a_token_meant_for_another_is_refused() {
    let book = Book::new();
    book.invite(&token('x'), &JoinToken { hostname: Some("Host1".to_owned()), ..JoinToken::default() });
    let stale = Timestamp::now() - seconds(1);
    book.invite(&token('y'), &JoinToken { expires: Some(stale), ..JoinToken::default() });
    book.refuses(&Ask::new(&book, 2, "m").token('x').line(), "token_host", &[]);
    book.refuses(&Ask::new(&book, 2, "m").token('y').line(), "token_expired", &[]);
    assert_eq!(book.ask(&Ask::new(&book, 1, "m").token('x').line())["type"], "cooee.enrolled.v1");
}

/// A7: a known tuple under another key; a revocation by an operator frees it.
#[test]
fn a7_a_tuple_is_not_taken_over() {
    let book = Book::new();
    let first = book.ask(&Ask::new(&book, 1, "m").token('a').line());
    let thief = |letter| Ask::new(&book, 2, "m").token(letter).agent(agent("host1", "m", 0));
    book.refuses(&thief('b').line(), "taken", &[]);
    let did = Key::from_seed(&[1; 32]).did().to_string();
    assert_eq!(run(&mut book.command(&["--revoke", &did, "--reason", "key lost"])).code, 0);
    let second = book.ask(&thief('c').line());
    assert_eq!(second["data"]["token"], first["data"]["token"], "the same agent, the same token");
    assert_eq!(book.list().len(), 1);
}

/// A8: older than what was taken: no harm meant, nothing changed.
#[test]
fn a8_an_older_sequence_is_superseded() {
    let book = Book::new();
    let old = Ask::new(&book, 1, "m").token('a');
    let new = Ask::new(&book, 1, "m").token('a');
    assert_eq!(book.ask(&new.line())["type"], "cooee.enrolled.v1");
    book.refuses(&old.line(), "superseded", &[]);
    let mut same = Ask::new(&book, 1, "m");
    same.sequence = new.sequence;
    book.refuses(&same.line(), "superseded", &[]);
    // Of another agent of the same host it says nothing.
    let mut other = Ask::new(&book, 1, "m").agent(agent("host1", "m", 1));
    other.sequence = old.sequence;
    assert_eq!(book.ask(&other.line())["type"], "cooee.enrolled.v1");
}

/// A9: a sequence or a time far ahead neither counts nor locks the host out.
#[test]
fn a9_fast_forward_locks_nobody_out() {
    let book = Book::new();
    let mut ahead = Ask::new(&book, 1, "m").token('a');
    ahead.sequence = i64::MAX.cast_unsigned();
    let refused = book.refuses(&ahead.line(), "future", &[]);
    let leader_time: Timestamp = refused["data"]["leader_time"].as_str().expect("text").parse().expect("a time");
    assert!(Timestamp::now().duration_since(leader_time).as_secs() < 60);
    let mut year_9999 = Ask::new(&book, 1, "m").token('a');
    year_9999.time = "9999-01-01T00:00:00Z".parse().expect("a time");
    year_9999.expires = "9999-01-02T00:00:00Z".parse().expect("a time");
    book.refuses(&year_9999.line(), "future", &[]);
    year_9999.expires = "9999-12-30T00:00:00Z".parse().expect("a time");
    year_9999.id = uuid::Uuid::now_v7();
    book.refuses(&year_9999.line(), "lifetime", &[]);
    assert_eq!(book.ask(&Ask::new(&book, 1, "m").token('a').line())["type"], "cooee.enrolled.v1");
    // 2^64 − 1 is no sequence at all: no event, so nobody to answer.
    let wire = String::from_utf8(ahead.event().wire().to_vec()).expect("text");
    let wire = wire.replace(&format!("\"{}\"", i64::MAX), &format!("\"{}\"", u64::MAX));
    let line = format!(r#"{{"type":"opened","v":1,"id":"{}","event":{wire}}}"#, ahead.id);
    let ran = book.feed(&[line], &[]);
    assert_eq!((ran.code, ran.text.as_str()), (3, ""));
    assert!(ran.err.contains("\"sequence\" is malformed"), "{}", ran.err);
}

/// A10: numbers come from the Leader alone.
#[test]
fn a10_a_number_cannot_be_claimed() {
    let book = Book::new();
    for (member, value) in [("host_id", json!(42)), ("token", json!("458RV"))] {
        let mut claim = Ask::new(&book, 1, "m").token('a');
        claim.agent[member] = value;
        book.refuses(&claim.line(), "claimed", &[]);
    }
}

/// A11: one token, many agents: its quota, and no number burnt.
#[test]
fn a11_a_quota_holds_and_burns_no_number() {
    let book = Book::new();
    book.invite(&token('q'), &JoinToken { agents: 3, ..JoinToken::default() });
    let lines: Vec<_> = (0..9).map(|n| Ask::new(&book, 1, &format!("m{n}")).token('q').line()).collect();
    let ran = book.feed(&lines, &[]);
    let codes: Vec<_> = ran.out.iter().map(|event| event["data"]["code"].clone()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "quota").count(), 6);
    book.refuses(&Ask::new(&book, 1, "m9").line(), "quota", &[]);
    assert_eq!(book.ask(&Ask::new(&book, 1, "m0").line())["type"], "cooee.enrolled.v1", "a renewal is no new agent");
    let next = book.ask(&Ask::new(&book, 2, "m").token('a').line());
    let next = cooee::agentid::Token::decode(next["data"]["token"].as_str().expect("text")).expect("a token");
    assert_eq!(next.host_id, 3);
}

/// A15: what is not what it must be is refused, and the field named.
#[test]
fn a15_malformed_requests_name_their_field() {
    let book = Book::new();
    let refused = |change: &dyn Fn(&mut Ask), named: &str| {
        let mut ask = Ask::new(&book, 1, "m").token('a');
        change(&mut ask);
        let answer = book.refuses(&ask.line(), "malformed", &[]);
        let reason = answer["data"]["reason"].as_str().expect("text").to_owned();
        assert!(reason.contains(named), "{reason}");
    };
    refused(&|ask| ask.agent["hostname"] = json!("host\u{0}1"), "hostname has the control");
    refused(
        &|ask| ask.agent["hostname"] = json!("host\u{202e}1"),
        "hostname has the control or format character U+202E",
    );
    refused(&|ask| ask.agent["model"] = json!(""), "model is empty");
    refused(&|ask| ask.agent["mac"] = json!("0c42a1b2c3"), "mac");
    refused(&|ask| ask.agent["gpu_id"] = Value::Null, "\"gpu_id\" is not a string");
    refused(&|ask| ask.agent["gpu_slot"] = json!(64), "gpu_slot");
    refused(&|ask| ask.agent["gpu_slot"] = json!(1.5), "gpu_slot");
    refused(&|ask| ask.agent["v"] = json!(2), "not an agent record of version 1");
    refused(&|ask| ask.agent["hash"] = json!("0".repeat(64)), "\"hash\" is not the hash of its tuple");
    refused(&|ask| ask.agent["tiny_id"] = json!("0000000000"), "tiny_id");
    refused(&|ask| ask.agent = json!([]), "agent: not an object");
    refused(&|ask| ask.subject = Some("ucxl://any:admin@COOEE:enrol/#/agentid/0000000000".to_owned()), "subject");
    refused(&|ask| ask.kind = "note", "type: not an enrolment");
}

/// A16: fields are data: stored as they are, shown escaped, never run.
#[test]
fn a16_strange_fields_stay_data() {
    let book = Book::new();
    let names = ["a|b", "a\\|b", "'; DROP TABLE agents; --", "../../etc/passwd", "\"quoted\"", "100%*?[x]"];
    for name in names {
        let ask = Ask::new(&book, 1, "m").token('a').agent(agent(name, "m", 0));
        assert_eq!(book.ask(&ask.line())["type"], "cooee.enrolled.v1", "{name}");
    }
    let mut hashes: Vec<_> = book.list().iter().map(|agent| agent["hash"].to_string()).collect();
    assert_eq!(book.list()[2]["hostname"], names[2].to_lowercase());
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), names.len());
    // ANSI escapes in a detail reach no terminal.
    let mut ask = Ask::new(&book, 1, "m2");
    ask.agent["gpu_name"] = json!("\u{1b}[31mred");
    let ran = book.feed(&[ask.line(), "{\"type\":\"\u{1b}[31m".to_owned()], &["-v"]);
    assert!(!ran.err.contains('\u{1b}') && !ran.text.contains('\u{1b}'), "{}", ran.err);
    assert!(!run(&mut book.command(&["--list"])).text.contains('\u{1b}'));
}

/// A17: addresses that no card has; those that software set are noted.
#[test]
fn a17_impossible_macs_are_refused() {
    let book = Book::new();
    let with = |mac: &str| {
        let mut record = agent("host1", "m", 0);
        record["mac"] = json!(mac);
        rehash(&mut record);
        Ask::new(&book, 1, "m").token('a').agent(record).line()
    };
    for mac in ["000000000000", "ffffffffffff", "01005e000001"] {
        book.refuses(&with(mac), "mac", &[]);
    }
    assert_eq!(book.ask(&with("none"))["type"], "cooee.enrolled.v1");
    assert_eq!(book.ask(&with("0242ac110002"))["type"], "cooee.enrolled.v1");
    let audit = book.audit();
    let details: Vec<_> = audit.iter().rev().take(2).map(|line| line["detail"].as_str().expect("text")).collect();
    assert!(details[0].ends_with(", mac set by software") && !details[1].contains("mac"), "{details:?}");
}

/// A19: after the revocation of its key nothing of it is let in; what was
/// answered before stays so.
#[test]
fn a19_a_revoked_key_is_refused() {
    let book = Book::new();
    let before = Ask::new(&book, 1, "m").token('a');
    let answer = book.ask(&before.line());
    let did = before.key.did().to_string();
    assert_eq!(run(&mut book.command(&["--revoke", &did, "--reason", "stolen"])).code, 0);
    let refused = book.refuses(&Ask::new(&book, 1, "m").line(), "revoked", &[]);
    assert_eq!(refused["data"]["reason"], "revoked: stolen");
    book.refuses(&Ask::new(&book, 1, "other").line(), "revoked", &[]);
    book.refuses(&Ask::new(&book, 1, "m").token('b').line(), "revoked", &[]);
    assert_eq!(book.ask(&before.line()), answer);
    assert_eq!(book.list()[0]["standing"], "revoked");
}

/// A23, in one store: two Leaders' processes hand out each number once; see
/// also `flow::many_processes_at_once`. A forged answer (A24) and an old record
/// (A21) are the sender's to judge.
#[test]
fn a22_the_audit_log_tells_of_changes() {
    let book = Book::new();
    book.ask(&Ask::new(&book, 1, "m").token('a').line());
    let stands = run(&mut book.command(&["--verify-audit"]));
    assert_eq!((stands.code, &stands.out[0]["n"]), (0, &json!(11)));
    assert!(stands.out[0]["tail"].as_str().is_some_and(|tail| tail.starts_with("not checked")));
    let checkpoint = book.path("checkpoint");
    std::fs::write(&checkpoint, &stands.text).expect("written");
    let checkpoint = checkpoint.to_str().expect("text");
    let with = ["--verify-audit", "--checkpoint", checkpoint];
    assert_eq!(run(&mut book.command(&with)).out[0]["tail"], "checked");
    let sql = rusqlite::Connection::open(book.path("registry.db")).expect("opened");
    sql.execute("DELETE FROM audit WHERE n = 11", []).expect("cut");
    assert_eq!(run(&mut book.command(&["--verify-audit"])).code, 0, "a cut tail leaves a whole chain");
    let ran = run(&mut book.command(&with));
    assert_eq!((ran.code, ran.text.as_str()), (5, ""));
    assert!(ran.err.contains("its tail was cut"), "{}", ran.err);
    sql.execute("UPDATE audit SET line = replace(line, 'invited', 'ignored') WHERE n = 3", []).expect("changed");
    let ran = run(&mut book.command(&["--verify-audit"]));
    assert_eq!(ran.code, 5);
    assert!(ran.err.starts_with("agentid-register: audit line 3 was changed\n"), "{}", ran.err);
    sql.execute("UPDATE audit SET line = CAST(x'ff' AS TEXT) WHERE n = 2", []).expect("changed");
    let ran = run(&mut book.command(&["--verify-audit"]));
    assert_eq!(ran.code, 5);
    assert!(ran.err.starts_with("agentid-register: audit line 2 was changed\n"), "{}", ran.err);
}

/// An enrolment is signed for what it says: a revocation's signature does not
/// make one, nor the other way round.
#[test]
fn a_signed_event_of_another_kind_lets_nobody_in() {
    let book = Book::new();
    let ask = Ask::new(&book, 1, "m").token('a');
    let now = Timestamp::now();
    let draft = Draft {
        kind: "revoked".to_owned(),
        subject: ask.event().subject().to_owned(),
        expires: now + seconds(60),
        data: ask.event().data().clone(),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let stamp = Stamp { id: ask.id, time: now, sequence: ask.sequence };
    let event = draft.sign(&ask.key, &stamp).expect("signed");
    book.refuses(&opened(&event), "malformed", &[]);
}
