//! Whose answer counts: a leader's, to this request, about its subject, of a
//! type that answers it.

use super::fake::{Act, events, serve, stored};
use super::*;
use cooee::attach::{Reply, Request};
use cooee::enrol::{Fleet, Leader};
use cooee::event::{Draft, Stamp};
use cooee::spool::agents::Agents;
use jiff::{SignedDuration, Timestamp};
use predicates::str::contains;
use uuid::Uuid;

/// A host in a fleet.
fn member() -> TempDir {
    let host = host();
    let fleet = Fleet::found(Leader { did: leader_key().did(), age: "age1x".into() });
    fs::write(host.path().join("fleet.json"), fleet.to_bytes()).expect("written");
    host
}

fn answer(kind: &str, request: &Event, data: &Value) -> Draft {
    Draft {
        kind: kind.into(),
        subject: request.subject().into(),
        expires: Timestamp::now() + SignedDuration::from_hours(1),
        data: data.clone(),
        data_base64: None,
        in_reply_to: Some(request.id().into()),
        agent: None,
    }
}

fn sign(key: &Key, draft: &Draft) -> Vec<u8> {
    let stamp = Stamp { id: Uuid::now_v7(), time: Timestamp::now(), sequence: 1 };
    draft.sign(key, &stamp).expect("an event").into_wire()
}

/// Stores what is put; answers what is awaited with what `reply` makes of the
/// first request.
fn leader(dir: &Path, mut reply: impl FnMut(&Event) -> Act + Send + 'static) {
    let mut requests: Vec<Event> = vec![];
    serve(dir, move |request| match &request {
        Request::Put { .. } => {
            let events = events(&request);
            requests.extend(events.clone());
            Act::Reply(stored(&host_key(), &events))
        }
        Request::Await { ids, .. } => {
            let asked = requests.iter().find(|event| event.id() == ids[0]).expect("awaited after it was put");
            reply(asked)
        }
        other => panic!("{other:?}"),
    });
}

fn answers(events: Vec<Vec<u8>>) -> Act {
    Act::Reply(Reply::Answers { events })
}

#[test]
fn the_answer_is_printed_and_decides() {
    let refused = json!({"code": "no_token", "reason": "x", "security": true, "leader_time": "2026-01-01T00:00:00Z"});
    let plain = json!({"code": "superseded", "reason": "x", "security": false});
    for (request, kind, data, exit) in [
        ("enrol", "enrolled", json!({"token": "458RV"}), 0),
        ("enrol", "refused", refused, 5),
        ("enrol", "refused", plain, 1),
        ("pr", "accepted", json!({}), 0),
        ("help", "answer", json!("yes"), 0),
        ("revoked", "revoked", json!({}), 0),
    ] {
        let host = member();
        leader(host.path(), move |asked| answers(vec![sign(&leader_key(), &answer(kind, asked, &data))]));
        let assert = cooee_pub(host.path(), &["--wait", "answered"], draft(request, &json!({}))).assert().code(exit);
        let records = records(&assert.stderr("").get_output().stdout);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0]["type"], "receipt");
        assert_eq!(records[1]["type"], format!("cooee.{kind}.v1"));
        assert_eq!(records[1]["inreplyto"], records[0]["ids"][0]);
        assert_eq!(spool(host.path()), []);
    }
}

/// So that age-enrol asks again only when it is time.
#[test]
fn the_answer_to_an_agents_request_is_remembered() {
    let host = member();
    let agents = cooee::spool::agents::Agents::new(host.path());
    let enrol = Draft {
        kind: "enrol".into(),
        subject: "ucxl://any:admin@COOEE:enrol/#/agentid/0123456789".into(),
        expires: Timestamp::now() + SignedDuration::from_hours(1),
        data: json!({}),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let request = sign(&host_key(), &enrol);
    agents.keep_request("0123456789", "basis", &Event::from_wire(&request).expect("an event")).expect("kept");
    leader(host.path(), |asked| answers(vec![sign(&leader_key(), &answer("enrolled", asked, &json!({})))]));
    let assert = cooee_pub(host.path(), &["--wait", "answered"], request).assert().success().stderr("");
    let printed = records(&assert.get_output().stdout).remove(1);
    let remembered = agents.read("0123456789").expect("kept").answer.expect("an answer");
    assert_eq!(serde_json::from_slice::<Value>(remembered.wire()).expect("JSON"), printed);
}

#[test]
fn what_nothing_answers_is_content_with_being_stored() {
    let host = member();
    leader(host.path(), |_| panic!("nothing to await"));
    cooee_pub(host.path(), &["--wait", "answered", ADDRESS], "one\n").assert().success().stderr("");
    assert_eq!(spool(host.path()), []);
}

/// `age-enrol` asks again only for a reason: it finds the answer in `agents/`.
#[test]
fn the_answer_is_kept_for_age_enrol() {
    let host = member();
    let subject = "ucxl://any:admin@COOEE:enrol/#/agentid/0123456789".to_owned();
    let request = event_of(&sign(&host_key(), &Draft { kind: "enrol".into(), subject, ..plain() }));
    let agents = Agents::new(host.path());
    agents.keep_request("0123456789", "basis", &request).expect("kept");
    leader(host.path(), |asked| answers(vec![sign(&leader_key(), &answer("enrolled", asked, &json!({"token": "t"})))]));
    cooee_pub(host.path(), &["--wait", "answered"], request.wire()).assert().success().stderr("");
    let state = agents.read("0123456789").expect("still there");
    assert_eq!(state.answer.expect("answered").data(), &json!({"token": "t"}));
}

fn plain() -> Draft {
    Draft {
        kind: "note".into(),
        subject: ADDRESS.into(),
        expires: Timestamp::now() + SignedDuration::from_hours(1),
        data: Value::Null,
        data_base64: None,
        in_reply_to: None,
        agent: None,
    }
}

fn event_of(wire: &[u8]) -> Event {
    Event::from_wire(wire).expect("an event")
}

/// A leader's own `revoked` is no request.
#[test]
fn a_leaders_own_word_waits_for_nobody() {
    let host = member();
    leader(host.path(), |_| panic!("nothing to await"));
    let revoked = sign(&leader_key(), &Draft { kind: "revoked".into(), ..plain() });
    cooee_pub(host.path(), &["--wait", "answered"], revoked).assert().success().stderr("");
    assert_eq!(spool(host.path()), []);
}

/// A24.
#[test]
fn an_answer_that_does_not_count_leaves_the_request_in_the_spool() {
    type Forgery = fn(&Event) -> Vec<u8>;
    let forgeries: [Forgery; 7] = [
        |asked| sign(&stranger(), &answer("enrolled", asked, &json!({}))),
        |asked| sign(&host_key(), &answer("enrolled", asked, &json!({}))),
        |asked| {
            let subject = "ucxl://any:admin@COOEE:enrol/#/agentid/other".to_owned();
            sign(&leader_key(), &Draft { subject, ..answer("enrolled", asked, &json!({})) })
        },
        |asked| {
            let in_reply_to = Some("01a1fd6a-8eca-74cc-8eb1-03961f99613c".to_owned());
            sign(&leader_key(), &Draft { in_reply_to, ..answer("enrolled", asked, &json!({})) })
        },
        |asked| sign(&leader_key(), &answer("accepted", asked, &json!({}))),
        |asked| {
            let good = sign(&leader_key(), &answer("enrolled", asked, &json!({"n": 1})));
            String::from_utf8(good).expect("text").replace("{\"n\":1}", "{\"n\":2}").into_bytes()
        },
        |_| b"{}".to_vec(),
    ];
    for forgery in forgeries {
        let asked = |timeout: &str| {
            let host = member();
            leader(host.path(), move |asked| answers(vec![forgery(asked)]));
            let arguments = ["--wait", "answered", "--timeout", timeout];
            let input = format!("{}\n{}\n", draft("note", &json!(1)), draft("enrol", &json!(2)));
            let assert = cooee_pub(host.path(), &arguments, input).assert().code(4);
            (host, assert)
        };
        // The time must be over, and on a busy machine not before there is an answer.
        let (mut host, mut assert) = asked("400ms");
        if !String::from_utf8_lossy(&assert.get_output().stderr).contains(" was ignored: ") {
            (host, assert) = asked("20s");
        }
        let assert = assert.stderr(contains(" was ignored: ")).stderr(contains("no answer in time to enrol "));
        assert_eq!(records(&assert.get_output().stdout).len(), 1, "the receipt alone");
        let kept = spool(host.path());
        assert_eq!(kept.iter().map(Event::kind).collect::<Vec<_>>(), ["enrol"]);
    }
}

#[test]
fn a_node_that_restarts_in_between_loses_no_answer() {
    let host = member();
    let mut asked_before = 0;
    leader(host.path(), move |asked| {
        asked_before += 1;
        match asked_before {
            1 => Act::Close,
            2 => answers(vec![]),
            _ => answers(vec![sign(&leader_key(), &answer("enrolled", asked, &json!({})))]),
        }
    });
    cooee_pub(host.path(), &["--wait", "answered"], draft("enrol", &json!({}))).assert().success().stderr("");
    assert_eq!(spool(host.path()), []);
}

/// The worst of several outcomes, and each request gets its own answer.
#[test]
fn of_several_the_worst_decides() {
    let host = member();
    let mut requests: Vec<Event> = vec![];
    serve(host.path(), move |request| match &request {
        Request::Put { .. } => {
            let events = events(&request);
            requests.extend(events.clone());
            Act::Reply(stored(&host_key(), &events))
        }
        Request::Await { ids, .. } => {
            // One answer at a time, the last request's first.
            let id = ids.last().expect("something is awaited");
            let asked = requests.iter().find(|event| event.id() == id).expect("it was put");
            let kind = if asked.data() == &json!(1) { "refused" } else { "enrolled" };
            answers(vec![sign(&leader_key(), &answer(kind, asked, &json!({"security": false})))])
        }
        other => panic!("{other:?}"),
    });
    let input: String = (0..3).map(|n| draft("enrol", &json!(n)) + "\n").collect();
    let assert = cooee_pub(host.path(), &["--wait", "answered"], input).assert().code(1).stderr("");
    assert_eq!(records(&assert.get_output().stdout).len(), 4);
    assert_eq!(spool(host.path()), []);
}
