use super::*;
use crate::key::Key;
use std::collections::BTreeSet;

fn did(number: u32) -> Did {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Key::from_seed(&seed).did()
}

fn at(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

fn given(peer: Option<Did>) -> Target {
    Target { peer, address: "given".to_owned() }
}

fn everybody(_: &Did, _: Source) -> bool {
    true
}

/// The addresses of the calls due now.
fn due(calls: &mut Calls, now_ms: u64) -> Vec<Call> {
    calls.due(now_ms, everybody)
}

#[test]
fn waits_double_up_to_a_minute_and_never_end() {
    for peer in [None, Some(did(1))] {
        let mut calls = Calls::new(&[given(peer)], 1);
        let (mut now, mut longest) = (0, 0);
        for round in 0..30 {
            let call = due(&mut calls, now);
            assert_eq!(call.len(), 1, "round {round}");
            assert_eq!(due(&mut calls, now), [], "one call at a time");
            calls.failed(call[0].call, now);
            let before = now;
            while due(&mut calls, now).is_empty() {
                now += 50;
            }
            let call = calls.last_call;
            calls.failed(call, now);
            longest = longest.max(now - before);
            assert!(now - before <= place::LONGEST_MS + 50);
            now += place::LONGEST_MS;
        }
        assert!(longest > place::LONGEST_MS / 2);
    }
}

#[test]
fn a_peer_that_called_us_is_not_called_until_it_has_gone() {
    let peer = did(1);
    let mut calls = Calls::new(&[given(Some(peer))], 1);
    calls.connected(peer, None, None, Timestamp::UNIX_EPOCH, 0);
    assert_eq!(due(&mut calls, 100_000), []);
    calls.disconnected(peer, 100_000);
    assert_eq!(due(&mut calls, 100_000), [], "not at once");
    assert_eq!(due(&mut calls, 101_000).len(), 1);
}

#[test]
fn whoever_answers_at_an_address_without_a_name_is_not_called_again() {
    let mut calls = Calls::new(&[given(None)], 1);
    let call = due(&mut calls, 0).remove(0);
    assert_eq!((call.peer, call.addresses), (None, at("given")));
    calls.connected(did(1), Some(call.call), Some("given"), Timestamp::UNIX_EPOCH, 0);
    assert_eq!(due(&mut calls, 100_000), []);
    calls.disconnected(did(2), 100_000);
    assert_eq!(due(&mut calls, 101_000), [], "somebody else has gone");
    calls.disconnected(did(1), 101_000);
    assert_eq!(due(&mut calls, 102_000).len(), 1);
}

/// Calls what is due for a while; who answers is for `answers` to say. The
/// peers that were called.
fn run(calls: &mut Calls, from_ms: u64, to_ms: u64, answers: impl Fn(&Did) -> bool) -> BTreeSet<Did> {
    let mut called = BTreeSet::new();
    for now in (from_ms..to_ms).step_by(250) {
        for call in due(calls, now) {
            let peer = call.peer.expect("named");
            called.insert(peer);
            if answers(&peer) {
                calls.connected(peer, Some(call.call), Some(&call.addresses[0]), Timestamp::UNIX_EPOCH, now);
            } else {
                calls.failed(call.call, now);
            }
        }
    }
    called
}

#[test]
fn enough_learnt_peers_are_called_and_which_is_chance() {
    let choose = |seed: u64| {
        let mut calls = Calls::new(&[], seed);
        (0..1000).for_each(|number| calls.found(did(number), at("x"), Source::Local, 0));
        let called = run(&mut calls, 0, 60_000, |_| true);
        assert_eq!(called.len(), WANTED);
        // One goes: another comes in its place, and it is called again itself.
        let gone = *called.first().expect("some");
        calls.disconnected(gone, 60_000);
        let again = run(&mut calls, 60_000, 62_000, |_| true);
        assert!(again.len() == 2 && again.contains(&gone));
        called
    };
    assert_ne!(choose(1), choose(2));
    assert_eq!(choose(3), choose(3));
}

#[test]
fn given_peers_are_called_whatever_else_is_connected() {
    let mut calls = Calls::new(&[given(Some(did(5000)))], 1);
    (0..100).for_each(|number| calls.found(did(number), at("x"), Source::Local, 0));
    let called = run(&mut calls, 0, 60_000, |peer| *peer != did(5000));
    assert!(called.contains(&did(5000)));
    assert_eq!(called.len(), WANTED + 1);
    assert!(run(&mut calls, 60_000, 200_000, |_| false).contains(&did(5000)));
}

#[test]
fn who_is_away_is_called_ever_less_and_then_forgotten() {
    let mut calls = Calls::new(&[], 1);
    (0..1000).for_each(|number| calls.found(did(number), at("x"), Source::Exchange, 0));
    let mut count = 0;
    for now in (0..10_000).step_by(250) {
        for call in due(&mut calls, now) {
            count += 1;
            calls.failed(call.call, now);
        }
    }
    assert_eq!(count, 40 * LEARNT_AT_ONCE, "no storm");
    run(&mut calls, 10_000, 24 * 3_600_000, |_| false);
    assert!(calls.is_empty(), "{} left", calls.peers.len());

    // What answered once is tried for longer.
    calls.found(did(1), at("x"), Source::Exchange, 0);
    let day = 24 * 3_600_000;
    run(&mut calls, day, day + 250, |_| true);
    calls.disconnected(did(1), day + 250);
    run(&mut calls, day + 250, 2 * day, |_| false);
    assert!(!calls.is_empty());
    run(&mut calls, 2 * day, 3 * day, |_| false);
    assert!(calls.is_empty());
}

#[test]
fn the_table_is_bounded_and_what_answered_stays() {
    let mut calls = Calls::new(&[], 1);
    calls.found(did(0), at("good"), Source::Exchange, 0);
    run(&mut calls, 0, 250, |_| true);
    calls.disconnected(did(0), 250);
    for number in 1..=u32::try_from(PEERS_LIMIT).expect("small") {
        calls.found(did(number), at("x"), Source::Exchange, 0);
    }
    assert_eq!(calls.peers.len(), PEERS_LIMIT);
    assert!(!calls.peers.contains_key(&did(PEERS_LIMIT as u32)), "no room, and none that failed");
    // One fails: it makes room.
    let called = calls.due(1_000, |peer, _| *peer == did(7)).remove(0);
    calls.failed(called.call, 1_000);
    calls.found(did(9000), at("x"), Source::Exchange, 0);
    assert!(calls.peers.contains_key(&did(9000)) && !calls.peers.contains_key(&did(7)));
    assert_eq!(calls.peers.len(), PEERS_LIMIT);
    assert!(calls.peers.contains_key(&did(0)));

    // A liar's addresses do not push the good one out.
    let many = |prefix: &str| (0..20).map(|number| format!("{prefix}{number}")).collect();
    calls.found(did(0), many("a"), Source::Exchange, 0);
    calls.found(did(0), many("b"), Source::Exchange, 0);
    assert_eq!(calls.peers[&did(0)].places.len(), ADDRESSES_LIMIT);
    assert_eq!(calls.peers[&did(0)].places[0].address, "good");
    calls.found(did(1), vec!["y".repeat(ADDRESS_LIMIT_BYTES + 1)], Source::Exchange, 0);
    assert_eq!(calls.peers[&did(1)].places.len(), 1);
}

#[test]
fn another_fleets_node_is_left_alone_for_an_hour() {
    let mut calls = Calls::new(&[], 1);
    calls.found(did(1), at("x"), Source::Local, 0);
    run(&mut calls, 0, 250, |_| true);
    calls.foreign(&did(1), 300);
    calls.disconnected(did(1), 300);
    assert_eq!(calls.worth_remembering(Timestamp::UNIX_EPOCH), []);
    calls.found(did(1), at("y"), Source::Local, 400);
    assert!(run(&mut calls, 500, FOREIGN_MS, |_| true).is_empty());
    assert!(!run(&mut calls, FOREIGN_MS, FOREIGN_MS + 1_000, |_| true).is_empty());
}

#[test]
fn what_is_remembered_answered_or_is_connected() {
    let mut calls = Calls::new(&[given(Some(did(9)))], 1);
    run(&mut calls, 0, 250, |_| true);
    calls.found(did(1), at("never"), Source::Exchange, 0);
    calls.found(did(2), at("answered"), Source::Exchange, 0);
    let call = calls.due(250, |peer, _| *peer == did(2)).remove(0);
    calls.connected(did(2), Some(call.call), Some("answered"), Timestamp::UNIX_EPOCH, 300);
    calls.disconnected(did(2), 400);
    calls.connected(did(3), None, None, Timestamp::UNIX_EPOCH, 300);
    calls.found(did(3), at("it listens here"), Source::Exchange, 0);
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let remembered = |peer, address, seen| Remembered { peer, addresses: at(address), seen };
    assert_eq!(
        calls.worth_remembering(now),
        [remembered(did(3), "it listens here", now), remembered(did(2), "answered", Timestamp::UNIX_EPOCH)]
    );
}

#[test]
fn who_was_lost_is_called_again_by_a_node_that_has_enough_others() {
    let mut calls = Calls::new(&[], 1);
    let peer = |seed: usize| Key::from_seed(&[seed as u8; 32]).did();
    let wall = Timestamp::UNIX_EPOCH;
    let take = |calls: &mut Calls, now_ms: u64| {
        for call in calls.due(now_ms, |_, _| true) {
            calls.connected(call.peer.expect("a name"), Some(call.call), None, wall, now_ms);
        }
    };
    let known = |calls: &mut Calls, seeds: std::ops::Range<usize>| {
        seeds.for_each(|seed| calls.found(peer(seed), vec![seed.to_string()], Source::Exchange, 0));
    };
    known(&mut calls, 1..1 + WANTED);
    (0..20).for_each(|step| take(&mut calls, step * LEARNT_EVERY_MS));
    assert_eq!(calls.ours, WANTED);
    // The other side of the network is away, and others take its place.
    known(&mut calls, 100..100 + 2 * WANTED);
    let lost: Vec<Did> = (1..=4).map(peer).collect();
    for peer in &lost {
        calls.disconnected(*peer, 60_000);
    }
    let mut now_ms = 60_000;
    let mut called = Vec::new();
    while now_ms < 120_000 {
        for call in calls.due(now_ms, |_, _| true) {
            let peer = call.peer.expect("a name");
            if lost.contains(&peer) {
                called.push(peer);
                calls.failed(call.call, now_ms);
            } else {
                calls.connected(peer, Some(call.call), None, wall, now_ms);
            }
        }
        now_ms += LEARNT_EVERY_MS;
    }
    assert_eq!(calls.ours, WANTED, "no more strangers than before");
    assert!(lost.iter().all(|peer| called.iter().filter(|called| *called == peer).count() > 3), "{}", called.len());
    // It is back.
    while calls.ours < WANTED + lost.len() && now_ms < 400_000 {
        take(&mut calls, now_ms);
        now_ms += LEARNT_EVERY_MS;
    }
    assert_eq!(calls.ours, WANTED + lost.len());
}
