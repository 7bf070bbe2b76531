use super::*;
use crate::enrol::{Fleet, Leader};
use crate::event::{Draft, Stamp};
use crate::key::Key;
use jiff::SignedDuration;
use serde_json::{Value, json};

pub const NAME: &str = "458RV";
pub const TINY: &str = "0000000001";
/// The Leader's key.
pub const LEADER: u8 = 200;
/// The key of the agent's host.
pub const HOST: u8 = 201;

pub fn fleet() -> Fleet {
    Fleet::found(Leader { did: did(LEADER), age: "age1unused".to_owned() })
}

pub fn members() -> Members {
    Members::new(Some(fleet()), std::sync::Arc::default())
}

pub fn did(seed: u8) -> Did {
    Key::from_seed(&[seed; 32]).did()
}

/// An event of now that lives so long; a higher `sequence` is later.
pub fn said(author: u8, kind: &str, data: Value, (sequence, lives_s): (u64, i64)) -> Event {
    let time = Timestamp::now() - SignedDuration::from_secs(300);
    let draft = Draft {
        kind: kind.to_owned(),
        subject: format!("ucxl://any:admin@COOEE:enrol/#/agentid/{TINY}"),
        expires: time + SignedDuration::from_secs(300 + lives_s),
        data,
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let sequence = time.as_microsecond().unsigned_abs() + sequence;
    let stamp = Stamp { id: uuid::Uuid::now_v7(), time, sequence };
    draft.sign(&Key::from_seed(&[author; 32]), &stamp).expect("a good draft")
}

/// The Leader's word on the agent.
pub fn enrolled(author: u8, host: u8, token: &str, sequence: u64) -> Event {
    let data = json!({"agent_did": format!("{}#{TINY}", did(host)), "token": token, "tiny_id": TINY});
    said(author, "enrolled", data, (sequence, 3600))
}

pub fn revoked(author: u8, host: u8) -> Event {
    said(author, "revoked", json!({"did": did(host).to_string(), "reason": "stolen"}), (0, 3600))
}

fn words(events: &[&Event], name: &str) -> Option<Words> {
    let events: Vec<Event> = events.iter().map(|event| (*event).clone()).collect();
    Words::of(&events, name, &members(), Timestamp::now())
}

#[test]
fn only_a_leaders_word_counts_and_only_under_its_own_names() {
    let good = enrolled(LEADER, HOST, NAME, 5);
    assert!(words(&[&good], NAME).is_some() && words(&[&good], TINY).is_some());
    assert!(words(&[&good], "OTHER").is_none(), "another name");
    assert!(words(&[&enrolled(HOST, HOST, NAME, 9)], NAME).is_none(), "not a leader");
    let refused = said(LEADER, "refused", good.data().clone(), (9, 3600));
    assert!(words(&[&refused], NAME).is_none(), "another kind");
    let ahead = enrolled(LEADER, HOST, NAME, 600_000_000);
    assert!(words(&[&ahead], NAME).is_none(), "minutes ahead");
    let over = said(LEADER, "enrolled", good.data().clone(), (9, -61));
    assert!(words(&[&over], NAME).is_none(), "expired");
    let nobody = said(LEADER, "enrolled", json!({"token": NAME}), (9, 3600));
    assert!(words(&[&nobody], NAME).is_none(), "about nobody");
}

#[test]
fn a_value_reads_back_and_junk_is_nothing() {
    let (good, out) = (enrolled(LEADER, HOST, NAME, 5), revoked(LEADER, HOST));
    for events in [vec![&good], vec![&good, &out]] {
        let value = words(&events, NAME).expect("it counts").value().expect("it fits");
        assert_eq!(read(&value).iter().collect::<Vec<_>>(), events);
    }
    let other = good.data()["agent_did"].as_str().expect("text").replace("did:key:z6M", "did:key:z6N");
    let forged = String::from_utf8(good.wire().to_vec())
        .expect("text")
        .replace(good.data()["agent_did"].as_str().expect("text"), &other);
    assert_ne!(forged.as_bytes(), good.wire());
    for junk in [forged.as_bytes(), b"", b"\n\n", &[0xff; RECORD_LIMIT_BYTES], &[b' '; RECORD_LIMIT_BYTES + 1]] {
        assert_eq!(read(junk), []);
    }
    // More than two events are not looked at.
    let many = [&b"x"[..], b"x", good.wire()].join(&b'\n');
    assert_eq!(read(&many), []);
}

#[test]
fn the_newest_word_counts_and_a_revocation_for_good() {
    let [old, new] = [5, 6].map(|sequence| enrolled(LEADER, HOST, NAME, sequence));
    let out = revoked(LEADER, HOST);
    assert_eq!(words(&[&new, &old], NAME).expect("one").enrolled, new);
    let both = [words(&[&old, &out], NAME), words(&[&new], NAME)].map(|words| words.expect("one"));
    for [one, other] in [[0, 1], [1, 0]] {
        let last = both[one].clone().or_newer(both[other].clone(), &members());
        assert_eq!((&last.enrolled, &last.revoked), (&new, &Some(out.clone())), "said before, and yet");
    }
    // Of the one agent, not of the one that has the name now.
    let next = enrolled(LEADER, HOST + 1, NAME, 7);
    let last = both[0].clone().or_newer(words(&[&next], NAME).expect("one"), &members());
    assert_eq!((last.enrolled, last.revoked), (next, None));
    // By somebody who may.
    assert_eq!(words(&[&new, &revoked(HOST, HOST)], NAME).expect("one").revoked, None);
    assert_eq!(words(&[&new, &revoked(LEADER, HOST + 1)], NAME).expect("one").revoked, None);
    let agent = |tiny: &str| {
        let agent = format!("{}#{tiny}", did(HOST));
        said(LEADER, "revoked", json!({"agent_did": agent, "reason": "stolen"}), (0, 3600))
    };
    assert!(words(&[&new, &agent(TINY)], NAME).expect("one").revoked.is_some());
    assert_eq!(words(&[&new, &agent("0000000002")], NAME).expect("one").revoked, None);
}

#[test]
fn an_agent_whose_revocation_does_not_fit_has_no_record() {
    let long = json!({"did": did(HOST).to_string(), "reason": "x".repeat(RECORD_LIMIT_BYTES)});
    let out = said(LEADER, "revoked", long, (0, 3600));
    let words = words(&[&enrolled(LEADER, HOST, NAME, 5), &out], NAME).expect("it counts");
    assert_eq!(words.value(), None);
}

#[test]
fn a_key_names_one_fleet() {
    assert_eq!(key("f", NAME), b"/cooee/f/agent/458RV");
    assert_eq!(name_in(&key("f", NAME), "f"), Some(NAME));
    for other in [key("g", NAME), key("f", "../x"), key("f", ""), key("f", &"A".repeat(17)), vec![0xff]] {
        assert_eq!(name_in(&other, "f"), None);
    }
}
