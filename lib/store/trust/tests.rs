use super::*;
use crate::trust::bytes::{Entries, Entry, Kept, encode_tick};
use crate::trust::{Config, Dimension, Signal};

fn scored(values: &[f64]) -> Agent {
    let (mut agent, mut at) = (Agent::default(), 0);
    for value in values {
        agent.signal(Dimension::OutputQuality, *value, at, &Config::default());
        at += 1;
    }
    agent.recalculate(at, &Config::default());
    agent
}

fn recent(source: &str) -> RecentBytes {
    let signal = Signal {
        agent_did: "a".into(),
        dimension: Dimension::OutputQuality,
        value: 1.0,
        at: None,
        source: source.into(),
        details: None,
        trace_id: None,
        weight: None,
        author: None,
        id: None,
    };
    let mut recent = RecentBytes::default();
    recent.push(&Kept::of(&signal, 7));
    recent
}

fn names(state: &Trust) -> Vec<String> {
    let mut names = Vec::new();
    let each = |did: &str, _, _| {
        names.push(did.to_owned());
        true
    };
    state.each(each).expect("read");
    names
}

#[test]
fn agents_are_kept_over_openings_and_come_sorted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.db");
    let mut state = Trust::open(&path).expect("made");
    state.begin().expect("its turn");
    for (did, values) in [("b", &[0.1, 0.9][..]), ("a#2", &[1.0]), ("a", &[0.5; 300])] {
        state.save(did, &scored(values), &recent(did)).expect("saved");
    }
    state.commit().expect("on disk");
    drop(state);
    let state = Trust::read(&path).expect("opened");
    let (agent, last) = state.load("b").expect("read").expect("known");
    assert_eq!(agent.parts(), scored(&[0.1, 0.9]).parts());
    assert_eq!(last, recent("b"));
    assert!(state.load("c").expect("read").is_none());
    assert_eq!(names(&state), ["a", "a#2", "b"]);
    let mut first = None;
    let each = |did: &str, agent: Agent, _| {
        first = Some((did.to_owned(), agent.signals()));
        false
    };
    state.each(each).expect("read");
    assert_eq!(first, Some(("a".into(), 300)));
}

#[test]
fn nothing_of_what_is_not_committed_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.db");
    let key = SignalKey::new("one", None);
    for _ in 0..2 {
        let mut state = Trust::open(&path).expect("made");
        assert!(names(&state).is_empty());
        state.begin().expect("its turn");
        state.save("a", &scored(&[1.0]), &RecentBytes::default()).expect("saved");
        assert!(state.count(&key).expect("written"), "the first time");
        assert!(!state.count(&key).expect("written"), "the second time");
    }
    let mut state = Trust::open(&path).expect("opened");
    assert!(names(&state).is_empty());
    state.begin().expect("its turn");
    assert!(state.count(&key).expect("written"), "the first time");
    state.commit().expect("on disk");
    state.begin().expect("its turn");
    assert!(!state.count(&key).expect("written"), "over transactions");
}

#[test]
fn an_id_is_its_authors_alone() {
    let uuid = "01999999-1111-7222-8333-444455556666";
    let keys = [
        SignalKey::new(uuid, None),
        SignalKey::new(uuid, Some("did:key:a")),
        SignalKey::new(uuid, Some("did:key:b")),
        SignalKey::new(&uuid.replace('-', ""), None),
        SignalKey::new("01999999-1111-7222-8333-44445555666A", None),
        SignalKey::new("x", Some("y")),
        SignalKey::new("x", None),
        SignalKey::new("", None),
    ];
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key), "{place}");
    }
    let later = SignalKey::new("01999999-1111-7222-8333-444455556667", Some("did:key:a"));
    assert!(keys[2].0 < later.0, "ids that rise with time do so here");
}

#[test]
fn another_writer_is_noticed_and_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.db");
    let mut one = Trust::open(&path).expect("made");
    let mut two = Trust::open(&path).expect("opened");
    let turn = |state: &mut Trust, did: &str| {
        let changed = state.begin().expect("its turn");
        state.save(did, &scored(&[1.0]), &RecentBytes::default()).expect("saved");
        state.commit().expect("on disk");
        changed
    };
    assert_eq!([turn(&mut one, "a"), turn(&mut one, "b")], [false, false]);
    assert_eq!([turn(&mut two, "c"), turn(&mut two, "c"), turn(&mut one, "d")], [true, false, true]);
    assert_eq!(names(&two), ["a", "b", "c", "d"]);
}

#[test]
fn a_log_is_kept_from_the_beginning_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.db");
    let mut early = Trust::open(&path).expect("made");
    assert!(!early.keeps_log());
    let mut state = Trust::open(&path).expect("opened");
    assert!(state.keep_log().expect("written"));
    early.begin().expect("its turn");
    assert!(early.keeps_log(), "somebody else has begun it meanwhile");
    drop(early);
    let entries = |at| {
        let mut entries = Vec::new();
        encode_tick(at, &mut entries);
        entries
    };
    for at in [1, 2] {
        state.begin().expect("its turn");
        state.log(&entries(at)).expect("written");
        state.save("a", &scored(&[1.0]), &RecentBytes::default()).expect("saved");
        state.commit().expect("on disk");
    }
    let mut other = Trust::open(&path).expect("opened");
    assert!(other.keep_log().expect("it does already"));
    other.begin().expect("its turn");
    other.log(&entries(3)).expect("written");
    other.commit().expect("on disk");
    let mut seen = Vec::new();
    let each = |run, entries: &[u8]| {
        for entry in Entries::new(entries) {
            if let Entry::Tick(at) = entry? {
                seen.push((run, at));
            }
        }
        Ok(())
    };
    state.replay(each).expect("read");
    assert_eq!(seen, [(1, 1), (1, 2), (2, 3)]);

    let mut late = Trust::open(&folder.path().join("late.db")).expect("made");
    late.begin().expect("its turn");
    late.save("a", &scored(&[1.0]), &RecentBytes::default()).expect("saved");
    late.commit().expect("on disk");
    assert!(!late.keep_log().expect("asked"));
}

#[test]
fn a_damaged_row_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.db");
    let mut state = Trust::open(&path).expect("made");
    state.begin().expect("its turn");
    state.save("a", &scored(&[1.0]), &RecentBytes::default()).expect("saved");
    state.commit().expect("on disk");
    state.database.ask(|sql| Ok(sql.execute("UPDATE agents SET agent = x'01'", [])?)).expect("written");
    for error in [state.load("a").err(), state.each(|_, _, _| true).err()] {
        assert_eq!(error.expect("damaged").to_string(), format!("{}: cut or damaged", path.display()));
    }
}
