//! Logs that differ, and must not for long: by their ids, by their limits, by
//! who was revoked.

use super::world::{ENROL, NOTE, World, key};
use crate::event::{Draft, Event, Stamp};
use crate::mesh::{Element, Floors, Set as _};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Everybody enrolled, nodes and others, by the Leader's word.
fn enrol(world: &mut World, hosts: &[usize]) {
    for host in hosts {
        let welcome = world.enrolled(*host, None);
        world.put(0, &[&welcome]);
        if *host < world.members.len() {
            world.put(*host, &[&welcome]);
        }
    }
    world.run(20_000);
}

fn same(world: &World, what: &str) -> Vec<Element> {
    let first = world.members[0].log.held();
    for (index, member) in world.members.iter().enumerate() {
        assert_eq!(member.log.held(), first, "{what}: node {index}");
    }
    first
}

/// An event under an id that is another's.
fn under(id: &str, world: &World, author: usize, data: Value) -> Event {
    let time = world.wall();
    let draft = Draft {
        kind: "note".to_owned(),
        subject: NOTE.to_owned(),
        expires: time + SignedDuration::from_hours(24),
        data,
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let stamp = Stamp { id: id.parse().expect("an id"), time, sequence: time.as_microsecond().unsigned_abs() };
    draft.sign(&key(author), &stamp).expect("a good draft")
}

#[test]
fn whoever_burns_anothers_id_keeps_no_log_from_what_it_lacks() {
    let mut world = World::new(1, &[&[1], &[2], &[0]]);
    enrol(&mut world, &[0, 1, 2]);
    (0..3).for_each(|one| world.cut(one, (one + 1) % 3, true));
    let first = world.note(0, json!("mine"));
    let others = [under(first.id(), &world, 1, json!("burnt")), under(first.id(), &world, 0, json!("again"))];
    world.put(0, &[&first]);
    world.put(1, &[&others[0]]);
    world.put(2, &[&others[1]]);
    world.run(5_000);
    (0..3).for_each(|one| world.cut(one, (one + 1) % 3, false));
    world.run(180_000);
    let all = same(&world, "three under one id");
    for event in [&first, &others[0], &others[1]] {
        assert!(all.contains(&Element::of(event).expect("an id")));
    }
}

#[test]
fn a_small_log_drops_what_nobody_waits_for_and_fetches_none_of_it_again() {
    let mut world = World::new(2, &[&[1], &[0]]);
    world.members[1].limit_bytes = 60_000;
    world.crash(1);
    world.boot(1);
    enrol(&mut world, &[0, 1]);
    let request = world.event(&key(0), "help", NOTE, json!("?"), None);
    let answered = world.event(&key(0), "help", NOTE, json!("??"), None);
    world.put(0, &[&request, &answered]);
    let leader = world.leader.clone();
    let answer = world.event(&leader, "answer", NOTE, json!("!"), Some(answered.id()));
    world.put(0, &[&answer]);
    for round in 0..200 {
        let note = world.note(0, json!([round, "x".repeat(300)]));
        world.put(0, &[&note]);
        world.run(500);
    }
    world.run(120_000);
    let holds = |world: &World, node: usize, event: &Event| {
        world.members[node].log.has(&Element::of(event).expect("an id")).expect("read")
    };
    let (large, small) = (world.members[0].log.held(), world.members[1].log.held());
    assert!(large.len() == 205 && small.len() < 150, "{} and {}", large.len(), small.len());
    assert!(small.iter().all(|element| large.contains(element)));
    assert!(holds(&world, 1, &request) && !holds(&world, 1, &answered) && !holds(&world, 1, &answer));
    assert_eq!(world.members[1].log.floors().open, Floors::default().open);
    let records = |world: &World, node: usize| world.members[node].log.records_held();
    assert_eq!((records(&world, 0), records(&world, 1)), (2, 2));
    let gets = world.gets;
    world.run(600_000);
    assert_eq!(world.gets, gets, "nothing is fetched again");
    assert_eq!(world.members[1].log.held(), small);

    // While they are apart the small log's floor rises over what the other gets.
    world.cut(0, 1, true);
    let plain = world.note(0, json!("too old by then"));
    let late_request = world.event(&key(0), "help", NOTE, json!("and this?"), None);
    let record = world.enrolled(7, None);
    world.put(0, &[&plain, &late_request, &record]);
    for round in 0..200 {
        let note = world.note(1, json!([round, "y".repeat(300)]));
        world.put(1, &[&note]);
        world.run(500);
    }
    assert!(world.members[1].log.floors().plain > Element::of(&record).expect("an id"));
    world.cut(0, 1, false);
    world.run(240_000);
    assert!(holds(&world, 1, &record) && holds(&world, 1, &late_request) && !holds(&world, 1, &plain));
    let gets = world.gets;
    world.run(600_000);
    assert_eq!(world.gets, gets, "nothing is fetched again");
}

#[test]
fn whatever_comes_first_a_revocation_leaves_equal_logs() {
    for seed in 0..8 {
        let mut world = World::new(seed, &[&[1, 2], &[2], &[3], &[0]]);
        // A key that may revoke, which is revoked as well.
        let (bad, revoker, good) = (key(10), key(11), key(12));
        world.fleet.as_mut().expect("a fleet").revokers.push(revoker.did());
        for node in 0..4 {
            world.crash(node);
            world.boot(node);
        }
        enrol(&mut world, &[0, 1, 2, 3, 10, 11, 12]);
        world.run(60_000);
        world.lost_percent = 30;
        let leader = world.leader.clone();
        let (mut said, mut kept, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..60 {
            let node = world.random.below(4) as usize;
            let one = world.event(&bad, "note", NOTE, json!(round), None);
            let other = world.event(&revoker, "note", NOTE, json!(round), None);
            let fine = world.event(&good, "note", NOTE, json!(round), None);
            let ticket = world.put(node, &[&one, &other, &fine]);
            said.extend([&one, &other].map(|event| Element::of(event).expect("an id")));
            if world.receipted(ticket).contains(&fine.id().to_owned()) {
                kept.push(Element::of(&fine).expect("an id"));
            }
            if round == 20 || round == 40 {
                let (by, about) = if round == 20 { (&revoker, &bad) } else { (&leader, &revoker) };
                let data = json!({"did": about.did(), "reason": "stolen"});
                let order = world.event(by, "revoked", ENROL, data, None);
                let nodes: Vec<usize> = (0..4).filter(|node| world.members[*node].node.is_some()).collect();
                let at = nodes[world.random.below(nodes.len() as u64) as usize];
                let ticket = world.put(at, &[&order]);
                assert_eq!(world.receipted(ticket), [order.id()]);
                orders.push(Element::of(&order).expect("an id"));
            }
            let (one, other) = (world.random.below(4) as usize, world.random.below(4) as usize);
            match world.random.below(6) {
                0 if one != other => world.cut(one, other, true),
                1 => world.cut(one, other, false),
                // A node that is up takes the order, so one always is.
                2 if one != 0 && world.members[one].node.is_some() => world.crash(one),
                3 if world.members[one].node.is_none() => world.boot(one),
                _ => {}
            }
            let pause = world.random.below(3_000);
            world.run(pause);
        }
        for one in 0..4 {
            (0..4).for_each(|other| world.cut(one, other, false));
            if world.members[one].node.is_none() {
                world.boot(one);
            }
        }
        world.run(360_000);
        let all = same(&world, &format!("seed {seed}"));
        assert!(!said.iter().any(|element| all.contains(element)), "seed {seed}: a revoked key's events are there");
        assert!(kept.len() > 20 && kept.iter().all(|element| all.contains(element)), "seed {seed}");
        assert!(orders.iter().all(|element| all.contains(element)), "seed {seed}: both revocations count");
    }
}
