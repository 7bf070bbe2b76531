//! Names looked up in a mesh of which some lie.

use super::queue::Ticket;
use super::rules::all_enrolled;
use super::world::{ENROL, World, key};
use crate::attach::{Reply, Request};
use crate::event::Event;
use crate::key::{Did, Key};
use crate::mesh::{Input, Origin};
use serde_json::json;

const NAME: &str = "458RV";
const TINY: &str = "0000000001";
/// A `find` may take so long.
const WAIT_MS: u64 = 10_000;

/// The word of an author, a Leader or not, on the agent of a node's host.
fn word(world: &mut World, author: &Key, index: usize, token: &str) -> Event {
    let data = json!({
        "agent_did": format!("{}#{TINY}", key(index).did()), "token": token, "tiny_id": TINY,
        "expires": "2100-01-01T00:00:00Z",
    });
    // Later words have higher sequences.
    world.run(1);
    world.event(author, "enrolled", ENROL, data, None)
}

fn revoked(world: &mut World, author: &Key, index: usize) -> Event {
    world.event(author, "revoked", ENROL, json!({"did": key(index).did().to_string(), "reason": "stolen"}), None)
}

/// Asks a node for a name; the number of the reply.
fn ask(world: &mut World, index: usize, name: &str) -> u64 {
    let number = world.number();
    let request = Request::Find { name: name.to_owned(), wait_ms: WAIT_MS };
    world.input(index, Input::Ask { ticket: Ticket::Test(number), origin: Origin::Local, request });
    number
}

/// What was found, how many were asked, and how many answered.
fn answer(world: &mut World, number: u64) -> (Vec<Vec<u8>>, u64, u64) {
    match world.replies.remove(&number) {
        Some(Reply::Found { events, asked, answered }) => (events, asked, answered),
        other => panic!("{other:?}"),
    }
}

fn found(world: &mut World, index: usize, name: &str) -> (Vec<Vec<u8>>, u64, u64) {
    let number = ask(world, index, name);
    world.run(WAIT_MS + 500);
    answer(world, number)
}

fn value(events: &[&Event]) -> Vec<u8> {
    events.iter().map(|event| event.wire()).collect::<Vec<_>>().join(&b'\n')
}

#[test]
fn a_name_is_looked_for_in_the_log_then_at_peers_then_in_the_dht() {
    let mut world = World::new(1, &[&[1], &[]]);
    all_enrolled(&mut world);
    let leader = world.leader.clone();
    let nothing: Vec<Vec<u8>> = Vec::new();
    assert_eq!(found(&mut world, 1, NAME), (nothing.clone(), 1, 1), "its one peer was asked, and an empty DHT");
    let said = word(&mut world, &leader, 1, NAME);
    let only = vec![said.wire().to_vec()];
    // Only a peer knows it.
    world.finds.insert(0, only.clone());
    assert_eq!(found(&mut world, 1, NAME), (only.clone(), 1, 1));
    world.finds.clear();
    // Only the DHT does.
    world.records = vec![value(&[&said])];
    for name in [NAME, TINY] {
        assert_eq!(found(&mut world, 1, name), (only.clone(), 2, 2));
    }
    assert_eq!(found(&mut world, 1, "OTHER").0, nothing);
    world.records.clear();
    // Everybody does.
    world.put(0, &[&said]);
    world.run(2_000);
    let number = ask(&mut world, 1, NAME);
    assert_eq!(answer(&mut world, number), (only, 0, 0), "at once");
}

#[test]
fn nobody_is_waited_for_longer_than_was_asked_for() {
    let mut world = World::new(2, &[&[], &[]]);
    all_enrolled(&mut world);
    let number = ask(&mut world, 1, NAME);
    world.run(2_000);
    assert!(!world.replies.contains_key(&number), "somebody may come");
    world.run(2_000);
    assert_eq!(answer(&mut world, number), (Vec::new(), 0, 0));
    // Somebody comes while it waits.
    let mut world = World::new(3, &[&[], &[0]]);
    world.cut(0, 1, true);
    all_enrolled(&mut world);
    let leader = world.leader.clone();
    let said = word(&mut world, &leader, 1, NAME);
    world.finds.insert(0, vec![said.wire().to_vec()]);
    while world.members[1].links.is_empty() {
        let number = ask(&mut world, 1, NAME);
        world.cut(0, 1, false);
        world.run(WAIT_MS + 500);
        let (events, asked, _) = answer(&mut world, number);
        assert_eq!(events.len() as u64, asked, "who came was asked");
    }
    world.input(1, Input::Stop);
    let number = ask(&mut world, 1, "OTHER");
    assert_eq!(answer(&mut world, number).1, 0, "a node that stops asks nobody");
}

#[test]
fn whoever_knows_a_name_is_told_what_the_log_holds_and_no_more() {
    let mut world = World::new(9, &[&[], &[]]);
    all_enrolled(&mut world);
    let leader = world.leader.clone();
    let said = word(&mut world, &leader, 1, NAME);
    world.put(0, &[&said]);
    let mut asks = |did: Did, name: &str| {
        let number = world.number();
        let origin = Origin::Peer { did, address: None };
        let request = Request::Find { name: name.to_owned(), wait_ms: 30_000 };
        world.input(0, Input::Ask { ticket: Ticket::Test(number), origin, request });
        world.replies.remove(&number).expect("at once")
    };
    let held = Reply::Found { events: vec![said.wire().to_vec()], asked: 0, answered: 0 };
    let nothing = Reply::Found { events: Vec::new(), asked: 0, answered: 0 };
    // A member, and a stranger.
    for did in [key(1).did(), key(9).did()] {
        assert_eq!(asks(did, NAME), held);
        assert_eq!(asks(did, "OTHER"), nothing);
    }
    for name in ["", "458rv", "../..", "45 8R", "ABCDEFGHJKMNPQRST"] {
        assert!(matches!(asks(key(1).did(), name), Reply::Error { code, .. } if code == "malformed"), "{name}");
    }
}

#[test]
fn so_many_are_looked_for_at_once_and_no_more() {
    let mut world = World::new(10, &[&[]]);
    all_enrolled(&mut world);
    let numbers: Vec<u64> = (0..33).map(|_| ask(&mut world, 0, NAME)).collect();
    assert!(matches!(&world.replies[&numbers[32]], Reply::Error { code, .. } if code == "busy"));
    world.run(WAIT_MS);
    for number in &numbers[..32] {
        assert_eq!(answer(&mut world, *number), (Vec::new(), 0, 0));
    }
    let number = ask(&mut world, 0, NAME);
    assert!(!world.replies.contains_key(&number), "there is room again");
    world.input(0, Input::Stop);
    assert_eq!(answer(&mut world, number), (Vec::new(), 0, 0), "a node that stops answers");
}

#[test]
fn a_revoked_agent_is_never_shown_without_its_revocation() {
    let mut world = World::new(4, &[&[1], &[]]);
    all_enrolled(&mut world);
    let leader = world.leader.clone();
    let said = word(&mut world, &leader, 7, NAME);
    let out = revoked(&mut world, &leader, 7);
    let later = word(&mut world, &leader, 7, NAME);
    let both = vec![later.wire().to_vec(), out.wire().to_vec()];
    // One peer tells of the revocation, and of an older word; the DHT of the newer.
    world.finds.insert(0, vec![said.wire().to_vec(), out.wire().to_vec()]);
    world.records = vec![value(&[&later])];
    assert_eq!(found(&mut world, 1, NAME).0, both);
    // Somebody who may not revoke.
    let no = revoked(&mut world, &key(0), 7);
    world.finds.insert(0, vec![later.wire().to_vec(), no.wire().to_vec()]);
    world.records.clear();
    assert_eq!(found(&mut world, 1, NAME).0, both[..1]);
    // Only this node's log knows of it, though nobody else says so.
    world.put(1, &[&out]);
    assert_eq!(found(&mut world, 1, NAME).0, both);
    // And so it keeps no record without it.
    world.input(1, Input::Offered { name: NAME.to_owned(), events: vec![said.clone()], there: None });
    let kept = world.kept.pop().expect("kept");
    assert_eq!(kept.value, Some(value(&[&said, &out])));
}

#[test]
fn what_is_kept_for_others_is_a_leaders_last_word() {
    let mut world = World::new(5, &[&[1], &[]]);
    all_enrolled(&mut world);
    let leader = world.leader.clone();
    let [old, new] = [0, 0].map(|_| word(&mut world, &leader, 7, NAME));
    let mut offer = |events: &[&Event], there: Option<&Event>| {
        let events = events.iter().copied().chain(there).cloned().collect();
        let there = there.map(|event| value(&[event]));
        world.input(1, Input::Offered { name: NAME.to_owned(), events, there });
        world.kept.pop().map(|record| record.value.expect("it fits"))
    };
    assert_eq!(offer(&[&old], None), Some(value(&[&old])));
    assert_eq!(offer(&[&new], Some(&old)), Some(value(&[&new])));
    assert_eq!(offer(&[&old], Some(&new)), None, "older");
    let forged = {
        let mut world = World::new(6, &[&[]]);
        word(&mut world, &key(3), 7, NAME)
    };
    assert_eq!(offer(&[&forged], None), None, "not a leader's");
    assert_eq!(offer(&[&forged], Some(&old)), None);
}

#[test]
fn a_node_puts_what_its_log_says_into_the_dht() {
    let mut world = World::new(7, &[&[1], &[]]);
    all_enrolled(&mut world);
    let leader = world.leader.clone();
    let said = word(&mut world, &leader, 1, NAME);
    world.announced.clear();
    world.put(0, &[&said]);
    world.run(15_000);
    let names = [NAME.to_owned(), TINY.to_owned()];
    let good = |value: Vec<u8>| world.announced.iter().any(|record| record.value.as_ref() == Some(&value));
    assert!(good(value(&[&said])), "its own agent's record goes out");
    for member in &world.members {
        let held = member.holds.iter().find(|record| record.names == names).expect("each holds it");
        assert_eq!(held.value, Some(value(&[&said])));
    }
    // Again and again, ever more seldom.
    let count = world.announced.len();
    world.run(3_600_000);
    assert!((5..20).contains(&(world.announced.len() - count)), "{}", world.announced.len() - count);
    let out = revoked(&mut world, &leader, 1);
    world.put(0, &[&out]);
    world.run(15_000);
    let held = world.members[0].holds.iter().find(|record| record.names == names).expect("still");
    assert_eq!(held.value, Some(value(&[&said, &out])), "with its revocation");
}

/// Thirty nodes of which twenty lie, 200 lookups for each kind of lie. The one
/// that asks is connected to all; it asks eight of them, others each time, and
/// the DHT, which has the lie twenty times and the truth ten times.
///
/// | the twenty say | the truth was found | a lie was believed |
/// |---|---|---|
/// | what one of them signed | 200 | 0 |
/// | a Leader's word, changed | 200 | 0 |
/// | a Leader's word on another token | 200 | 0 |
/// | a Leader's older word | 200 | 0 |
/// | the word without its revocation | 200 | 0 |
/// | nothing | 200 | 0 |
#[test]
fn of_thirty_nodes_twenty_lie_and_none_is_believed() {
    let all: Vec<usize> = (0..30).collect();
    let mut calls = vec![&all[..0]; 30];
    calls[1] = &all[2..];
    calls[0] = &all[1..2];
    let mut world = World::new(8, &calls);
    all_enrolled(&mut world);
    assert_eq!(world.members[1].links.len(), 29, "connected to all");
    let leader = world.leader.clone();
    let old = word(&mut world, &leader, 7, NAME);
    let truth = word(&mut world, &leader, 7, NAME);
    // Newer than the truth, so that it is not their age that gives them away.
    let own = word(&mut world, &key(20), 7, NAME);
    let other = word(&mut world, &leader, 7, "OTHER");
    let out = revoked(&mut world, &leader, 7);
    let did = key(7).did().to_string();
    let forged = String::from_utf8(truth.wire().to_vec()).expect("text").replace(&did, &key(20).did().to_string());
    assert_ne!(forged.as_bytes(), truth.wire());
    let plain = vec![truth.wire().to_vec()];
    let revoked = vec![truth.wire().to_vec(), out.wire().to_vec()];
    let kinds = [
        ("its own word", Some(own.into_wire()), &plain),
        ("a changed word", Some(forged.into_bytes()), &plain),
        ("a word on another", Some(other.into_wire()), &plain),
        ("an older word", Some(old.into_wire()), &plain),
        ("no revocation", Some(truth.wire().to_vec()), &revoked),
        ("nothing", None, &plain),
    ];
    for (kind, lie, honest) in kinds {
        let lies: Vec<Vec<u8>> = lie.into_iter().collect();
        for index in (0..30).filter(|index| *index != 1) {
            let answer = if index >= 10 { lies.clone() } else { honest.clone() };
            world.finds.insert(index, answer);
        }
        let records = |lines: &[Vec<u8>], count| vec![lines.join(&b'\n'); count];
        world.records = records(&lies, 20);
        world.records.extend(records(honest, 10));
        let mut right = 0;
        for _ in 0..200 {
            let number = ask(&mut world, 1, NAME);
            world.run(3_500);
            let (events, asked, _) = answer(&mut world, number);
            assert_eq!(asked, 8 + 30, "{kind}");
            assert!(events.is_empty() || events == *honest, "{kind}: believed a lie");
            right += usize::from(events == *honest);
        }
        assert_eq!(right, 200, "{kind}: found the truth");
    }
}
