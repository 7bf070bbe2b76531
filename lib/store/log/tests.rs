use super::*;
use crate::event::{Draft, Stamp};
use crate::key::Key;
use crate::mesh::{Consumer, Consumers as _, Log as _, Reader as _, Record, Set as _, Span, View};
use crate::store::database::Schema;
use jiff::SignedDuration;
use uuid::{Builder, Uuid};

fn event(seed: u8, minute: i64, bytes: usize) -> Event {
    said("note", seed, minute, bytes)
}

fn said(kind: &str, seed: u8, minute: i64, bytes: usize) -> Event {
    let time = Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time");
    let draft = Draft {
        kind: kind.into(),
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
    let all = log.elements(View::All, &Span::ALL, usize::MAX).expect("elements");
    assert_eq!(log.sum(View::All, &Span::ALL).expect("a sum"), log.counted_anew(), "the sums follow");
    all.iter().map(|element| element.0[..16].try_into().expect("an id")).collect()
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

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time")
}

fn prune(log: &mut Log, minute: i64, cap_bytes: u64) -> Pruned {
    let mut all = Pruned::default();
    loop {
        log.begin().expect("begun");
        let step = log.prune(at(minute), cap_bytes).expect("pruned");
        log.commit().expect("on disk");
        assert!(step.expired + step.plain + step.open <= 3 * 2_048, "a bounded step");
        all = Pruned {
            expired: all.expired + step.expired,
            plain: all.plain + step.plain,
            open: all.open + step.open,
            more: false,
        };
        if !step.more {
            return all;
        }
    }
}

fn element(event: &Event) -> Element {
    Element::of(event).expect("an id")
}

#[test]
fn over_its_cap_the_oldest_go_but_open_requests_last_and_records_never() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    let mut log = Log::open(&path).expect("made");
    let record = Mark { open: false, record: Some(Record { about: Key::from_seed(&[9; 32]).did(), revokes: false }) };
    let open = Mark { open: true, record: None };
    let enrolled = event(250, 0, 1);
    add(&mut log, &[&enrolled], &record);
    let requests: Vec<_> = (1..=20).map(|n| event(n, i64::from(n), 10_000)).collect();
    add(&mut log, &requests.iter().collect::<Vec<_>>(), &open);
    let notes: Vec<_> = (21..=200).map(|n| event(n, i64::from(n), 10_000)).collect();
    add(&mut log, &notes.iter().collect::<Vec<_>>(), &Mark::default());
    // The third request is answered, and so is like any other event.
    let id = id_of(requests[2].id()).expect("an id");
    log.answered(&id, requests[2].subject(), &["note"]).expect("updated");

    let cap = 1_500_000;
    let pruned = prune(&mut log, 0, cap);
    assert!(log.used_bytes().expect("pages") <= cap);
    assert_eq!((pruned.expired, pruned.open), (0, 0));
    assert!((20..200).contains(&pruned.plain), "{pruned:?}");
    let left = all(&log);
    assert_eq!(left.len() as u64, 201 - pruned.plain);
    let has = |log: &Log, event: &Event| log.has(&element(event)).expect("read");
    assert!(has(&log, &enrolled) && has(&log, &notes[179]) && !has(&log, &notes[0]) && !has(&log, &requests[2]));
    assert!(requests.iter().enumerate().all(|(index, request)| index == 2 || has(&log, request)));
    let newest_gone = notes.iter().rev().find(|note| !has(&log, note)).expect("some are gone");
    assert_eq!(log.floors(), Floors { plain: element(newest_gone).next(), open: Element::FIRST });
    let kept = log.elements(View::Kept, &Span::ALL, usize::MAX).expect("elements");
    assert_eq!((kept.len(), kept[0]), (20, element(&enrolled)));
    assert_eq!(log.elements(View::Records, &Span::ALL, 9).expect("elements"), [element(&enrolled)]);

    // With less room than that, requests go as well, the oldest first.
    let pruned = prune(&mut log, 0, 200_000);
    assert!(pruned.open > 0 && pruned.open < 19, "{pruned:?}");
    assert!(has(&log, &enrolled) && has(&log, &requests[19]) && !has(&log, &requests[0]) && !has(&log, &notes[179]));
    assert_eq!(all(&log).len() as u64, 20 - pruned.open);
    let floors = log.floors();
    assert!(floors.open > element(&requests[0]) && floors.open <= element(&requests[19]));
    drop(log);
    let mut log = Log::open(&path).expect("opened");
    assert_eq!(log.floors(), floors);
    // Nothing but records is left to take.
    prune(&mut log, 0, 1);
    assert_eq!(log.elements(View::All, &Span::ALL, 9).expect("elements"), [element(&enrolled)]);
}

#[test]
fn a_revoked_authors_events_go_step_by_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = Log::open(&folder.path().join("log.db")).expect("made");
    let (bad, good) = (event(1, 1, 1), event(2, 1, 1));
    let more: Vec<_> = (2..12).map(|minute| event(1, minute, 1)).collect();
    add(&mut log, &[&bad, &good], &Mark::default());
    add(&mut log, &more.iter().collect::<Vec<_>>(), &Mark::default());
    let did = Key::from_seed(&[1; 32]).did();
    let record = Mark { open: false, record: Some(Record { about: did, revokes: true }) };
    let said = event(1, 20, 1);
    add(&mut log, &[&said], &record);
    for (removed, left) in [(4, 9), (4, 5), (3, 2), (0, 2)] {
        log.begin().expect("begun");
        assert_eq!(log.remove_source(&did, None, 4).expect("removed"), removed);
        log.commit().expect("on disk");
        assert_eq!(all(&log).len(), left);
    }
    assert!(log.has(&element(&good)).expect("read") && log.has(&element(&said)).expect("read"));
}

#[test]
fn one_id_may_have_two_events_and_a_batch_that_is_rolled_back_leaves_no_sum() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = Log::open(&folder.path().join("log.db")).expect("made");
    let (one, other) = (event(1, 0, 1), event(1, 0, 2));
    assert_eq!(one.id(), other.id());
    assert_eq!(add(&mut log, &[&one, &other, &one], &Mark::default()), [true, true, false]);
    let id = id_of(one.id()).expect("an id");
    assert_eq!(log.with_id(&id).expect("read").len(), 2);
    assert_eq!(log.get(&element(&other)).expect("read").as_deref(), Some(other.wire()));
    let before = log.sum(View::All, &Span::ALL).expect("a sum");
    log.begin().expect("begun");
    log.insert(&event(2, 5, 1), &Mark::default()).expect("inserted");
    log.prune(at(1_000), 1).expect("pruned");
    assert_ne!(log.sum(View::All, &Span::ALL).expect("a sum"), before);
    log.roll_back();
    assert_eq!(log.sum(View::All, &Span::ALL).expect("a sum"), before);
    assert_eq!((all(&log).len(), log.floors()), (2, Floors::default()));
}

#[test]
fn a_log_of_before_the_sums_gets_them() {
    const OLD: Schema = Schema { migrations: LOG.migrations.split_at(2).0, ..LOG };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    let old = Database::create(&path, &OLD).expect("made");
    let events: Vec<_> = (0..1_200).map(|n| event(if n % 7 == 0 { 1 } else { 2 }, n, 10)).collect();
    old.begin().expect("begun");
    for event in &events {
        let insert = "INSERT INTO events VALUES (NULL, ?1, ?2, NULL, 'note', ?3, ?4, ?5, NULL, 0, NULL, 0, ?6)";
        let (time, expires) = (event.time().as_millisecond(), event.expires().as_millisecond());
        let id = id_of(event.id()).expect("an id");
        let author = event.author();
        let values = params![id, author.public_key(), event.subject(), time, expires, event.wire()];
        old.ask(|sql| Ok(sql.execute(insert, values)?)).expect("inserted");
    }
    let floor = id_of(events[3].id()).expect("an id");
    old.ask(|sql| Ok(sql.execute("INSERT INTO floor VALUES (0, ?1)", [floor])?)).expect("inserted");
    old.commit().expect("on disk");
    drop(old);
    for _ in 0..2 {
        let mut log = Log::open(&path).expect("opened");
        assert_eq!(all(&log).len(), 1_200);
        assert!(events.iter().all(|event| log.has(&element(event)).expect("read")));
        assert_eq!(log.floors().plain.0[..16], floor);
        assert_eq!(add(&mut log, &[&events[0]], &Mark::default()), [false]);
    }
}

#[test]
fn what_is_a_record_may_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = Log::open(&folder.path().join("log.db")).expect("made");
    let (word, other, note) = (said("revoked", 1, 1, 1), said("enrolled", 2, 2, 1), event(1, 3, 1));
    add(&mut log, &[&word, &other, &note], &Mark::default());
    let author = word.author();
    let record = Record { about: other.author(), revokes: true };
    let records = |log: &Log| {
        let mut records = Vec::new();
        log.records(&mut |wire| records.push(wire.to_vec())).expect("read");
        (records, log.elements(View::Records, &Span::ALL, 9).expect("read").len())
    };
    assert_eq!((log.no_records(&author).expect("read"), records(&log)), (vec![word.wire().to_vec()], (vec![], 0)));
    let mark = |log: &mut Log, record| {
        log.begin().expect("begun");
        log.mark(&element(&word), record).expect("marked");
        log.commit().expect("on disk");
    };
    mark(&mut log, Some(&record));
    assert_eq!((log.no_records(&author).expect("read"), records(&log)), (vec![], (vec![word.wire().to_vec()], 1)));
    // What is too much goes, and records stay.
    log.begin().expect("begun");
    log.prune(at(0), 1).expect("pruned");
    log.commit().expect("on disk");
    assert_eq!(all(&log).len(), 1);
    mark(&mut log, None);
    assert_eq!(records(&log), (vec![], 0));
    log.begin().expect("begun");
    assert_eq!(log.prune(at(0), 1).expect("pruned").plain, 1, "it is none any more");
    log.commit().expect("on disk");
}

/// Else it would be acknowledged, and gone with the process.
#[test]
fn nothing_is_written_into_a_log_that_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.db");
    let mut log = Log::open(&path).expect("made");
    add(&mut log, &[&event(1, 1, 1)], &Mark::default());
    std::fs::rename(&path, path.with_extension("old")).expect("moved");
    let error = log.begin().expect_err("it is not there").to_string();
    assert!(error.contains("was moved, deleted or replaced"), "{error}");
    std::fs::rename(path.with_extension("old"), &path).expect("moved back");
    add(&mut log, &[&event(2, 2, 1)], &Mark::default());
    assert_eq!(all(&log).len(), 2);
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
    assert_eq!(log.remove_source(&events[2].author(), None, 9).expect("removed"), 1);
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
