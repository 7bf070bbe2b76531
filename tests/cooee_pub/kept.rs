//! Nothing leaves the spool without a receipt that counts.

use super::fake::{Act, Log, events, honest, serve, stored};
use super::*;
use cooee::attach::{Refused, Reply, Request};
use cooee::event::Receipt;
use jiff::Timestamp;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;

const KEPT: &str = "2 events are kept in the spool";

fn stored_ids(log: &Log) -> Vec<String> {
    ids(&log.lock().expect("no panic"))
}

/// Runs it, expects exit 4 and both events in the spool; then an honest node
/// gets them from the next run, once.
fn is_kept(dir: &Path, message: &str) {
    // Only silence is waited out.
    let timeout = if message == "no answer in time" { "300ms" } else { "1m" };
    let assert = cooee_pub(dir, &[ADDRESS, "--timeout", timeout], "one\ntwo\n").assert().code(4);
    assert.stdout("").stderr(contains(message).and(contains(KEPT)));
    let kept = spool(dir);
    assert_eq!(kept.iter().map(|event| event.data().clone()).collect::<Vec<_>>(), [json!("one"), json!("two")]);
    let log = honest(dir);
    cooee_pub(dir, &["--flush"], "").assert().success().stderr("");
    assert_eq!(stored_ids(&log), ids(&kept));
    assert_eq!(spool(dir), []);
    cooee_pub(dir, &["--flush"], "").assert().success().stdout("").stderr("");
    assert_eq!(stored_ids(&log).len(), 2);
}

#[test]
fn without_a_node() {
    let host = host();
    is_kept(host.path(), "no node is running in ");
}

#[test]
fn a_receipt_that_does_not_count_is_none() {
    type Lie = fn(Request) -> Act;
    let lies: [(Lie, &str); 9] = [
        (|put| Act::Reply(stored(&stranger(), &events(&put))), "not signed by a node of the fleet"),
        (|_| Act::Reply(forged_receipt(|receipt| receipt.ids = vec!["x".into()])), "not signed by a node of the fleet"),
        (
            |_| Act::Reply(Reply::Stored { receipt: Some(other_ids()), refused: vec![] }),
            "the receipt is for other events",
        ),
        (|_| Act::Reply(Reply::Stored { receipt: None, refused: vec![] }), "the node's receipt does not name them"),
        (|_| Act::Reply(Reply::End), "the node's reply is for another request"),
        (|_| Act::Reply(Reply::Error { code: "busy".into(), reason: "too many".into() }), "the node said: too many"),
        (|_| Act::Bytes(b"\xff\xff\xff\xffjunk".to_vec()), "larger than 131072"),
        (|_| Act::Close, "the node closed the connection"),
        (|_| Act::Silence, "no answer in time"),
    ];
    for (lie, message) in lies {
        let host = host();
        serve(host.path(), lie);
        is_kept(host.path(), message);
    }
}

fn other_ids() -> Receipt {
    Receipt::sign(&host_key(), vec!["01a1fd6a-8eca-74cc-8eb1-03961f99613c".into()], Timestamp::now())
}

/// The host's own receipt, changed after it was signed.
fn forged_receipt(change: fn(&mut Receipt)) -> Reply {
    let mut receipt = other_ids();
    change(&mut receipt);
    Reply::Stored { receipt: Some(receipt), refused: vec![] }
}

#[test]
fn a_receipt_for_some_keeps_the_others() {
    let host = host();
    serve(host.path(), |put| Act::Reply(stored(&host_key(), &events(&put)[..1])));
    let assert = cooee_pub(host.path(), &[ADDRESS], "one\ntwo\nthree\n").assert().code(4);
    assert.stderr(contains("the node's receipt does not name them; 2 events are kept"));
    let kept: Vec<_> = spool(host.path()).iter().map(|event| event.data().clone()).collect();
    assert_eq!(kept, [json!("two"), json!("three")]);
}

#[test]
fn a_refusal_is_final_or_for_now() {
    for (code, exit, kept) in
        [("busy", 4, 1), ("not_a_member", 4, 1), ("malformed", 1, 0), ("revoked", 5, 0), ("bad_signature", 5, 0)]
    {
        let host = host();
        serve(host.path(), move |put| {
            let events = events(&put);
            let refused = Refused {
                id: events[1].id().to_owned(),
                code: code.to_owned(),
                reason: "so it \u{1b}[31m says".into(),
                node_time: Timestamp::now(),
            };
            let Reply::Stored { receipt, .. } = stored(&host_key(), &events[..1]) else { unreachable!() };
            Act::Reply(Reply::Stored { receipt, refused: vec![refused] })
        });
        let assert = cooee_pub(host.path(), &[ADDRESS], "one\ntwo\n").assert().code(exit);
        let assert = assert.stderr(contains(" was refused: so it \\u{1b}[31m says")).stdout(contains("receipt"));
        let said = String::from_utf8_lossy(&assert.get_output().stderr);
        assert_eq!(said.contains("hint: enrol this host"), code == "not_a_member", "{said}");
        let left: Vec<_> = spool(host.path()).iter().map(|event| event.data().clone()).collect();
        assert_eq!(left, vec![json!("two"); kept], "{code}");
    }
}

#[test]
fn a_host_whose_clock_was_once_in_2100_starts_again_from_the_nodes() {
    let host = host();
    let key = host_key();
    let then: Timestamp = "2100-01-01T00:00:00Z".parse().expect("a time");
    fs::write(host.path().join("host.key.sequence"), format!("{:020}", then.as_microsecond())).expect("written");
    let log = Log::default();
    let kept = std::sync::Arc::clone(&log);
    serve(host.path(), move |put| {
        let now = Timestamp::now();
        let limit = now.as_microsecond().unsigned_abs() + 60_000_000;
        let (late, good): (Vec<_>, Vec<_>) = events(&put).into_iter().partition(|event| event.sequence() > limit);
        let refused = |event: &Event| Refused {
            id: event.id().to_owned(),
            code: "clock".into(),
            reason: "ahead".into(),
            node_time: now,
        };
        let refused = late.iter().map(refused).collect();
        let receipt = (!good.is_empty()).then(|| Receipt::sign(&key, ids(&good), now));
        kept.lock().expect("no panic").extend(good);
        Act::Reply(Reply::Stored { receipt, refused })
    });
    cooee_pub(host.path(), &[ADDRESS], "one\ntwo\n").assert().success().stderr("");
    let stored: Vec<_> = log.lock().expect("no panic").iter().map(|event| event.data().clone()).collect();
    assert_eq!(stored, [json!("one"), json!("two")]);
    assert_eq!(spool(host.path()), []);
    cooee_pub(host.path(), &[ADDRESS], "three\n").assert().success().stderr("");
}

/// What another command signed, as `age-enrol` does, cannot be signed again; the
/// next that it signs is not ahead any more.
#[test]
fn a_refusal_for_the_clock_puts_right_what_is_signed_next() {
    let host = host();
    let then: Timestamp = "2100-01-01T00:00:00Z".parse().expect("a time");
    let sequence = host.path().join("host.key.sequence");
    fs::write(&sequence, format!("{:020}", then.as_microsecond())).expect("written");
    cooee_pub(host.path(), &["--wait", "spooled", ADDRESS], "one\n").assert().success();
    serve(host.path(), |put| {
        let (code, reason, node_time) = ("clock".to_owned(), "ahead".to_owned(), Timestamp::now());
        let refused =
            |event: &Event| Refused { id: event.id().into(), code: code.clone(), reason: reason.clone(), node_time };
        Act::Reply(Reply::Stored { receipt: None, refused: events(&put).iter().map(refused).collect() })
    });
    cooee_pub(host.path(), &["--flush"], "").assert().code(4);
    let next: i64 = fs::read_to_string(&sequence).expect("there").parse().expect("a number");
    assert!(next <= Timestamp::now().as_microsecond(), "{next}");
    assert_eq!(spool(host.path()).len(), 1, "it stays");
}

#[test]
fn what_expired_in_the_spool_is_dropped_and_said() {
    let host = host();
    let short = ["--wait", "spooled", "--expires", "1ms", ADDRESS];
    cooee_pub(host.path(), &short, "one\n").assert().success();
    cooee_pub(host.path(), &["--wait", "spooled", ADDRESS], "two\n").assert().success();
    let events = spool(host.path());
    let log = honest(host.path());
    let said = format!("cooee-pub: event {} expired in the spool and was dropped\n", events[0].id());
    cooee_pub(host.path(), &["--flush"], "").assert().success().stderr(said);
    assert_eq!(stored_ids(&log), [events[1].id()]);
    assert_eq!(spool(host.path()), []);
}

#[test]
fn damaged_files_are_said_and_what_is_whole_is_sent() {
    let host = host();
    cooee_pub(host.path(), &["--wait", "spooled", ADDRESS], "one\ntwo\n").assert().success();
    let events = spool(host.path());
    let file = fs::read_dir(host.path().join("spool")).expect("a folder").next().expect("a file").expect("a file");
    let text = fs::read(file.path()).expect("text");
    fs::write(file.path(), &text[..text.len() - 9]).expect("cut");
    let log = honest(host.path());
    cooee_pub(host.path(), &["--flush"], "").assert().success().stderr(contains("a damaged line was dropped"));
    assert_eq!(stored_ids(&log), [events[0].id()]);
}

/// Own events decide the exit code; what others left is sent beside them.
#[test]
fn every_run_sends_what_earlier_runs_have_left() {
    let host = host();
    cooee_pub(host.path(), &[ADDRESS], "one\n").assert().code(4);
    cooee_pub(host.path(), &[], "{\"type\":\"unchanged\",\"v\":1}\n").assert().success().stderr("");
    let log = honest(host.path());
    cooee_pub(host.path(), &[ADDRESS], "two\n").assert().success().stderr("");
    let data: Vec<_> = log.lock().expect("no panic").iter().map(|event| event.data().clone()).collect();
    assert_eq!(data, [json!("one"), json!("two")]);
    assert_eq!(spool(host.path()), []);
}
