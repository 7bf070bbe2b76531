//! What holds for a thousand nodes at once.

use super::growth::{grow, heard_of};
use super::memory::Break;
use super::world::{NOTE, Plan, World, key};
use crate::attach::Reply;
use crate::event::Event;
use crate::mesh::{Subscription, id_of};
use serde_json::json;
use std::collections::HashSet;

const NODES: usize = 1_000;
/// The hosts that say something; the others belong, since the fleet file names
/// them.
const AUTHORS: usize = 20;

/// A fleet whose last nodes are not there yet.
fn fleet(seed: u64, late: usize) -> World {
    let (calls, knows) = (vec![Vec::new(); NODES], heard_of(NODES, seed));
    let plan = Plan { seed, calls, knows, named: NODES, latency_ms: (10, 30), tick_ms: 1_000 };
    let mut world = World::of(plan, true);
    (NODES - late..NODES).for_each(|index| world.crash(index));
    world.run(5_000);
    let enrolled: Vec<Event> = (0..AUTHORS).map(|index| world.enrolled(index, None)).collect();
    world.put(0, &enrolled.iter().collect::<Vec<_>>());
    world.run(3_000);
    world
}

fn lacking(world: &World, index: usize, ids: &[String]) -> usize {
    let own: HashSet<String> = world.members[index].log.all().into_iter().collect();
    ids.iter().filter(|id| !own.contains(*id)).count()
}

/// Every log is the same, and nothing of these is missing.
fn all_hold(world: &World, ids: &[String], what: &str) {
    let first: HashSet<String> = world.members[0].log.all().into_iter().collect();
    assert!(ids.iter().all(|id| first.contains(id)), "{what}: node 0 lacks some");
    for (index, member) in world.members.iter().enumerate() {
        let own: HashSet<String> = member.log.all().into_iter().collect();
        let differ = first.symmetric_difference(&own).count();
        assert_eq!(differ, 0, "{what}: node {index} and node 0 differ");
    }
}

/// Virtual seconds until every log is the same.
fn settles(world: &mut World, most: u64) -> u64 {
    let same = |world: &World| {
        let first = world.members[0].log.all();
        world.members.iter().all(|member| member.log.all() == first)
    };
    (0..most)
        .find(|_| {
            same(world) || {
                world.run(1_000);
                false
            }
        })
        .unwrap_or(most)
}

#[test]
fn an_event_reaches_a_thousand_nodes_in_six_hops_and_eight_copies() {
    let growth = grow(NODES, 1, 8);
    assert_eq!(growth.missed, 0, "{growth:?}");
    assert!(growth.hops_max <= 6 && growth.copies_mean <= 8.0, "{growth:?}");
    // Nobody is flooded either.
    assert!(growth.copies_max <= 16, "{growth:?}");
}

#[test]
fn two_halves_of_a_thousand_hold_the_union_soon_after_they_meet() {
    let mut world = fleet(2, 0);
    world.sides(|index| (index % 2) as u8);
    let mut ids = Vec::new();
    for round in 0..10 {
        let (one, other) = (round % AUTHORS, (round + 1) % AUTHORS);
        for index in [one, other] {
            let note = world.note(index, json!(round));
            let ticket = world.put(index, &[&note]);
            ids.extend(world.receipted(ticket));
        }
        world.run(6_000);
    }
    let even = world.members[0].log.all().len();
    assert_eq!(even, AUTHORS + 10, "one half has what the other has not");
    world.sides(|_| 0);
    let seconds = settles(&mut world, 120);
    assert_eq!(ids.len(), 20);
    all_hold(&world, &ids, "the union");
    // A call that failed is made again after a minute at most.
    assert!(seconds <= 75, "{seconds} s");
}

#[test]
fn what_a_thousand_nodes_receipted_outlives_their_crashes() {
    let mut world = fleet(3, 50);
    let mut receipted = Vec::new();
    for round in 0..40_u32 {
        let index = world.random.below(AUTHORS as u64) as usize;
        let note = world.note(index, json!(round));
        let ticket = world.put(index, &[&note]);
        receipted.extend(world.receipted(ticket));
        // Some are killed while they write it, some at rest; the authors too.
        for _ in 0..5 {
            let index = world.random.below(950) as usize;
            match world.random.below(4) {
                0 => world.crash_in_batch(index, Break::Write(round % 2)),
                1 => world.crash_in_batch(index, Break::BeforeCommit),
                2 => world.crash_in_batch(index, Break::AfterCommit),
                _ => world.crash(index),
            }
        }
        world.run(500);
        let away = |index: &usize| world.members[*index].node.is_none();
        let away: Vec<usize> = (0..950).filter(away).collect();
        away.into_iter().step_by(2).for_each(|index| world.boot(index));
    }
    let away: Vec<usize> = (0..NODES).filter(|index| world.members[*index].node.is_none()).collect();
    assert!(away.len() > 50, "few were killed: {}", away.len());
    for index in away {
        world.boot(index);
    }
    let seconds = settles(&mut world, 240);
    all_hold(&world, &receipted, "after the crashes");
    assert!(receipted.len() > 20);
    // Each log hands each event out once.
    for index in (0..NODES).step_by(10) {
        let mut log = world.members[index].log.clone();
        let patterns = ["ucxl://any:any@any:any".to_owned()];
        let since = Some(jiff::Timestamp::UNIX_EPOCH);
        let mut reader = Subscription::new(&patterns, vec!["note".to_owned()], since, false, 0).expect("a pattern");
        let page = reader.next(&mut log, world.now()).expect("a page");
        let ids: Vec<_> =
            page.events.iter().map(|wire| Event::from_wire(wire).expect("an event").id().to_owned()).collect();
        assert_eq!(ids.iter().filter_map(|id| id_of(id)).collect::<HashSet<_>>().len(), ids.len(), "node {index}");
        assert!(receipted.iter().all(|id| ids.contains(id)), "node {index}");
    }
    assert!(seconds <= 75, "{seconds} s");
}

#[test]
fn a_thousand_nodes_forget_who_is_revoked_and_refuse_whose_clock_is_ahead() {
    let mut world = fleet(4, 0);
    world.members[3].skew_ms = 90_000;
    world.members[4].skew_ms = 50_000;
    world.members[5].skew_ms = -90_000;
    // Who is revoked runs no node here: that would be shut out.
    let gone = key(NODES);
    let welcome = world.enrolled(NODES, None);
    world.put(0, &[&welcome]);
    world.run(3_000);
    let mut notes: Vec<Event> = (3..6).map(|index| world.note(index, json!(index))).collect();
    notes.push(world.event(&gone, "note", NOTE, json!("gone"), None));
    for (index, note) in (3..).zip(&notes) {
        world.put(index, &[note]);
    }
    world.run(3_000);
    let held = |world: &World, note: &Event| {
        (0..NODES).filter(|index| lacking(world, *index, &[note.id().to_owned()]) == 0).count()
    };
    assert_eq!(held(&world, &notes[0]), 1, "90 s ahead: only its own node takes it");
    // The node whose clock is 90 s behind does not take what is of now yet.
    assert_eq!(held(&world, &notes[1]), NODES - 1, "50 s ahead");
    assert_eq!(held(&world, &notes[2]), NODES, "90 s behind");
    assert_eq!(held(&world, &notes[3]), NODES - 1, "a good clock, with such neighbours");
    let refused = world.put(6, &[&notes[0]]);
    let Some(Reply::Stored { refused, .. }) = world.replies.get(&refused) else { panic!("no reply") };
    assert_eq!(refused[0].code, "clock");
    let leader = world.leader.clone();
    let revoked = world.event(&leader, "revoked", NOTE, json!({"did": gone.did(), "reason": "stolen"}), None);
    world.put(0, &[&revoked]);
    let seconds = settles(&mut world, 240);
    all_hold(&world, &[revoked.id().to_owned()], "in the end");
    assert_eq!((held(&world, &notes[3]), held(&world, &notes[0])), (0, NODES), "the clock has caught up");
    // The clock that is behind takes what the one ahead said after 120 s, with
    // its next comparison.
    assert!(seconds <= 190, "{seconds} s");
}
