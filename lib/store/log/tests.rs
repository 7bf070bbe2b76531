use super::*;
use crate::event::{Draft, Stamp};
use crate::key::Key;
use crate::mesh::{Consumer, Consumers as _, Log as _, Reader as _, Record};
use jiff::SignedDuration;
use uuid::{Builder, Uuid};

fn event(seed: u8, minute: i64, bytes: usize) -> Event {
    let time = Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time");
    let draft = Draft {
        kind: "note".into(),
        subject: "ucxl://a:b@c:d".into(),
        expires: time + SignedDuration::from_mins(60),
        data: "x".repeat(bytes).into(),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let ms = time.as_millisecond().unsigned_abs();
    let id: Uuid = Builder::from_unix_timestamp_millis(ms, &[seed; 10]).into_uuid();
    draft.sign(&Key::from_seed(&[seed; 32]), &Stamp { id, time, sequence: 1 }).expect("a good draft")
}

fn add(log: &mut Log, events: &[&Event], mark: &Mark) -> Vec<bool> {
    log.begin().expect("begun");
    let added = events.iter().map(|event| log.insert(event, mark).expect("inserted")).collect();
    log.commit().expect("on disk");
    added
}

fn all(log: &Log) -> Vec<Id> {
    log.ids(&[0; 16], &[0xff; 16], usize::MAX).expect("ids")
}

#[test]
fn what_is_committed_is_there_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    let mut log = Log::open(&path).expect("made");
    let (one, two, three) = (event(1, 0, 1), event(2, 1, 1), event(3, 2, 1));
    assert_eq!(add(&mut log, &[&two, &one, &two], &Mark::default()), [true, true, false]);
    log.begin().expect("begun");
    log.insert(&three, &Mark::default()).expect("inserted");
    log.roll_back();
    assert_eq!(log.last_place(), 2);
    drop(log);
    let mut log = Log::open(&path).expect("opened");
    assert_eq!(all(&log), [&one, &two].map(|event| id_of(event.id()).expect("an id")));
    let open = Mark { open: true, record: None };
    assert_eq!(add(&mut log, &[&three], &open), [true]);
    let mut reader = log.opener()().expect("a reader");
    let mut seen = Vec::new();
    let mut look = |reader: &mut Reader, place, open| {
        seen.clear();
        reader
            .after(place, open, &mut |row| {
                seen.push((row.place, row.wire.to_vec()));
                true
            })
            .expect("read");
        seen.clone()
    };
    let wires = [(1, two.wire().to_vec()), (2, one.wire().to_vec()), (3, three.wire().to_vec())];
    assert_eq!(look(&mut reader, 0, false), wires);
    assert_eq!(look(&mut reader, 2, false), wires[2..]);
    assert_eq!(look(&mut reader, 0, true), wires[2..]);
    let id = id_of(three.id()).expect("an id");
    for (subject, kind, left) in
        [("ucxl://x:b@c:d", "note", 1), ("ucxl://a:b@c:d", "pr", 1), ("ucxl://a:b@c:d", "note", 0)]
    {
        log.answered(&id, subject, &[kind]).expect("updated");
        assert_eq!(look(&mut reader, 0, true).len(), left, "{subject} {kind}");
    }
}

#[test]
fn what_has_expired_goes_but_a_revocation_outlives_what_it_revokes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = Log::open(&folder.path().join("log.db")).expect("made");
    let about = Key::from_seed(&[9; 32]).did();
    let record = |revokes| Mark { open: false, record: Some(Record { about, revokes }) };
    let (note, revoked, enrolled) = (event(1, 0, 1), event(2, 0, 1), event(3, 30, 1));
    add(&mut log, &[&note], &Mark::default());
    add(&mut log, &[&revoked], &record(true));
    add(&mut log, &[&enrolled], &record(false));
    let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time");
    for (minute, left) in [(60, 3), (61, 2), (90, 2), (91, 0)] {
        log.begin().expect("begun");
        log.prune(at(minute), u64::MAX).expect("pruned");
        // What was enrolled goes first; its revocation may go with the next.
        log.prune(at(minute), u64::MAX).expect("pruned");
        log.commit().expect("on disk");
        assert_eq!(all(&log).len(), left, "minute {minute}");
    }
}

#[test]
fn over_its_cap_the_oldest_go_but_not_who_belongs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = Log::open(&folder.path().join("log.db")).expect("made");
    let mark = Mark { open: false, record: Some(Record { about: Key::from_seed(&[9; 32]).did(), revokes: false }) };
    let enrolled = event(9, 0, 1);
    add(&mut log, &[&enrolled], &mark);
    let events: Vec<_> = (1..=200).map(|n| event(n, i64::from(n), 10_000)).collect();
    add(&mut log, &events.iter().collect::<Vec<_>>(), &Mark::default());
    let cap = 1_000_000;
    log.begin().expect("begun");
    let gone = log.prune(Timestamp::from_second(1_800_000_000).expect("a time"), cap).expect("pruned");
    log.commit().expect("on disk");
    let left = all(&log);
    assert_eq!(left.len() as u64, 201 - gone);
    assert!(log.used_bytes().expect("pages") <= cap && gone < 201);
    assert_eq!(left[0], id_of(enrolled.id()).expect("an id"));
    let newest = id_of(events[199].id()).expect("an id");
    assert!(left.len() == 1 || left.contains(&newest));
    assert!(log.floor() > left[0] && !left.contains(&log.floor()));
    let floor = log.floor();
    drop(log);
    assert_eq!(Log::open(&folder.path().join("log.db")).expect("opened").floor(), floor);
}

#[test]
fn where_a_consumer_has_been_no_new_event_stands() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    let mut log = Log::open(&path).expect("made");
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    let events: Vec<_> = (1..=3).map(|n| event(n, i64::from(n), 1)).collect();
    add(&mut log, &events.iter().collect::<Vec<_>>(), &Mark::default());
    log.relax(true).expect("relaxed");
    log.begin().expect("begun");
    for place in [3, 2] {
        log.keep_consumer("a", Consumer { place, since_ms: Some(7) }, now).expect("kept");
    }
    log.commit().expect("committed");
    log.relax(false).expect("as before");
    // The newest goes, as when its author is revoked.
    assert_eq!(log.remove_source(&events[2].author(), None).expect("removed"), 1);
    drop(log);
    let mut log = Log::open(&path).expect("opened");
    assert_eq!(log.consumer("a").expect("asked"), Some(Consumer { place: 3, since_ms: Some(7) }), "it never falls");
    assert_eq!(add(&mut log, &[&event(4, 4, 1)], &Mark::default()), [true]);
    assert_eq!(log.last_place(), 4);
    let later = now + SignedDuration::from_secs(1);
    assert_eq!([now, later].map(|before| log.forget_disused(before).expect("asked")), [false, true]);
    assert_eq!(log.consumers().expect("asked"), 0);
}

#[test]
fn a_log_from_before_consumers_is_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    drop(Database::create(&path, &Schema { migrations: &LOG.migrations[..1], ..LOG }).expect("made"));
    let log = Log::open(&path).expect("opened");
    assert_eq!(log.consumer("a").expect("asked"), None);
}
