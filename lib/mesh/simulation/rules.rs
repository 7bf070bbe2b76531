//! The rules of the mesh, tried on many nodes, seeds and faults.

use super::queue::Ticket;
use super::world::{ENROL, NOTE, World, key};
use crate::attach::{Reply, Request};
use crate::mesh::{Input, Origin, Subscription, Verdict};
use serde_json::json;

/// Everybody enrolled, by the Leader's word at node 0.
pub fn all_enrolled(world: &mut World) {
    for index in 0..world.members.len() {
        let welcome = world.enrolled(index, None);
        world.put(0, &[&welcome]);
        // Each has it from its own enrolment.
        world.put(index, &[&welcome]);
    }
    // Long enough to be refused once and to ask again.
    world.run(20_000);
}

fn same_everywhere(world: &World, what: &str) -> Vec<String> {
    let first = world.members[0].log.held();
    for (index, member) in world.members.iter().enumerate() {
        assert_eq!(member.log.held(), first, "{what}: node {index}");
    }
    world.members[0].log.all()
}

#[test]
fn what_was_receipted_is_everywhere_in_the_end() {
    for seed in 0..6 {
        // A ring with one chord, in which everybody calls the next.
        let mut world = World::new(seed, &[&[1], &[2], &[3], &[4, 1], &[0]]);
        all_enrolled(&mut world);
        world.lost_percent = 30;
        let mut tickets = Vec::new();
        for round in 0..60 {
            let index = world.random.below(5) as usize;
            let note = world.event(&key(index), "note", NOTE, json!(round), None);
            tickets.push(world.put(index, &[&note]));
            let (one, other) = (world.random.below(5) as usize, world.random.below(5) as usize);
            match world.random.below(6) {
                0 => world.cut(one, other, true),
                1 => world.cut(one, other, false),
                2 if world.members[one].node.is_some() => world.crash(one),
                3 if world.members[one].node.is_none() => world.boot(one),
                _ => {}
            }
            let pause = world.random.below(4_000);
            world.run(pause);
        }
        for one in 0..5 {
            (0..5).for_each(|other| world.cut(one, other, false));
            if world.members[one].node.is_none() {
                world.boot(one);
            }
        }
        // Calls back off up to a minute, and each comparison may take one.
        world.run(360_000);
        let all = same_everywhere(&world, &format!("seed {seed}"));
        let receipted: Vec<_> = tickets.iter().flat_map(|ticket| world.receipted(*ticket)).collect();
        assert!(receipted.len() > 10, "seed {seed}: only {} receipts", receipted.len());
        assert!(receipted.iter().all(|id| all.contains(id)), "seed {seed}: a receipted event is lost");
    }
}

#[test]
fn a_new_member_gets_a_long_history_and_a_small_difference_costs_little() {
    let mut world = World::new(1, &[&[1], &[0]]);
    all_enrolled(&mut world);
    world.cut(0, 1, true);
    let host = key(0);
    for round in 0..70 {
        let some: Vec<_> = (0..50).map(|n| world.event(&host, "note", NOTE, json!([round, n]), None)).collect();
        world.put(0, &some.iter().collect::<Vec<_>>());
        world.run(1_000);
    }
    world.cut(0, 1, false);
    world.run(180_000);
    let all = same_everywhere(&world, "the whole history");
    assert_eq!(all.len(), 3_502);
    // More than one reply can list, and one event in the middle is missing.
    world.cut(0, 1, true);
    let note = world.event(&key(1), "note", NOTE, json!("one"), None);
    world.put(1, &[&note]);
    world.cut(0, 1, false);
    world.run(120_000);
    assert_eq!(same_everywhere(&world, "one more").len(), 3_503);
}

#[test]
fn an_outsider_is_answered_through_crashes_and_then_hears_everything() {
    for seed in 0..6 {
        let mut world = World::new(seed, &[&[], &[0], &[0]]);
        let member = world.enrolled(1, None);
        world.put(0, &[&member]);
        world.put(1, &[&member]);
        world.run(3_000);
        let note = world.event(&key(1), "note", NOTE, json!("members only"), None);
        world.put(1, &[&note]);
        let request = world.event(&key(2), "enrol", ENROL, json!({}), None);
        let ticket = world.put(2, &[&request]);
        assert_eq!(world.receipted(ticket), [request.id()]);
        let ids = vec![request.id().to_owned()];
        let wait = Request::Await { ids: ids.clone(), wait_ms: 30_000 };
        world.input(2, Input::Ask { ticket: Ticket::Test(9_999), origin: Origin::Local, request: wait });
        world.run(200 * seed);
        world.crash(0);
        world.run(1_000);
        world.boot(0);
        world.run(10_000);
        assert_eq!(world.members[2].log.all(), ids, "an outsider holds its own request only");
        assert!(world.members[0].log.all().contains(&ids[0]), "seed {seed}: the Leader's node has the request");
        let answer = world.enrolled(2, Some(request.id()));
        world.put(0, &[&answer]);
        world.run(10_000);
        let answered = Reply::Answers { events: vec![answer.wire().to_vec()] };
        assert_eq!(world.replies.get(&9_999), Some(&answered), "seed {seed}");
        world.run(120_000);
        let all = same_everywhere(&world, &format!("seed {seed}"));
        assert_eq!(all.len(), 4);
    }
}

/// Its log is lost, or it was enrolled while no node of its own ran.
#[test]
fn a_member_that_does_not_know_so_is_told() {
    let mut world = World::new(5, &[&[], &[0], &[0]]);
    let member = world.enrolled(1, None);
    world.put(0, &[&member]);
    let said = world.event(&key(1), "note", NOTE, json!("mine"), None);
    world.put(0, &[&said]);
    world.run(120_000);
    assert_eq!(world.members[1].log.held(), world.members[0].log.held());
    let now = world.now();
    let node = world.members[1].node.as_ref().expect("it runs");
    assert!(node.belongs(now.wall));
    let facts = node.facts(now).expect("its log works");
    assert!(facts.peers.values().all(|peer| peer.refused.is_none()), "that is over: {facts:?}");
    assert_eq!(world.members[2].log.all(), [""; 0], "a stranger is told nothing");
}

#[test]
fn bad_events_stop_at_the_first_node_and_strangers_are_not_heard() {
    // A line: what reaches node 2 has passed node 1.
    let mut world = World::new(3, &[&[1], &[2], &[]]);
    all_enrolled(&mut world);
    let before = same_everywhere(&world, "before");
    world.verdicts.clear();
    for round in 0..50 {
        let good = world.event(&key(0), "note", NOTE, json!(round), None);
        let text = String::from_utf8(good.wire().to_vec()).expect("text");
        let forged = text.replace(&format!("\"data\":{round}"), &format!("\"data\":{}", round + 1000));
        world.gossip_raw(0, 1, &[forged.into_bytes()]);
        let stranger = world.event(&key(9), "note", NOTE, json!(round), None);
        world.gossip_raw(0, 1, &[stranger.into_wire()]);
        world.gossip_raw(0, 1, &[b"{}".to_vec()]);
    }
    world.gossip_raw(0, 1, &[]);
    let count = |verdict| world.verdicts.iter().filter(|seen| **seen == (1, verdict)).count();
    assert_eq!((count(Verdict::Reject), count(Verdict::Ignore), count(Verdict::Accept)), (101, 50, 0));
    world.run(120_000);
    assert_eq!(world.verdicts.len(), 151, "nothing went on");
    assert_eq!(same_everywhere(&world, "after"), before);
}

#[test]
fn a_revoked_authors_events_leave_every_log() {
    let mut world = World::new(4, &[&[1], &[2], &[0]]);
    all_enrolled(&mut world);
    let note = world.event(&key(2), "note", NOTE, json!("soon regretted"), None);
    world.put(2, &[&note]);
    world.run(5_000);
    assert!(same_everywhere(&world, "heard").contains(&note.id().to_owned()));
    // Node 1 is away while it happens.
    world.crash(1);
    let leader = world.leader.clone();
    let revoked = world.event(&leader, "revoked", NOTE, json!({"did": key(2).did(), "reason": "stolen"}), None);
    world.put(0, &[&revoked]);
    world.run(5_000);
    world.boot(1);
    world.run(120_000);
    for index in [0, 1] {
        let log = world.members[index].log.all();
        assert!(!log.contains(&note.id().to_owned()) && log.contains(&revoked.id().to_owned()), "node {index}");
    }
    let more = world.event(&key(2), "note", NOTE, json!("again"), None);
    let ticket = world.put(0, &[&more]);
    assert_eq!(world.receipted(ticket), [] as [&str; 0]);
    let Some(Reply::Stored { refused, .. }) = world.replies.get(&ticket) else { panic!("no reply") };
    assert_eq!(refused[0].code, "revoked");
}

#[test]
fn an_unanswered_request_is_handed_out_again_after_a_minute() {
    let mut world = World::new(5, &[&[]]);
    let first = world.event(&key(1), "enrol", ENROL, json!(1), None);
    let other = world.event(&key(1), "note", NOTE, json!(2), None);
    let welcome = world.enrolled(1, None);
    world.put(0, &[&welcome, &first, &other]);
    let patterns = ["ucxl://any:admin@COOEE:enrol/#/agentid/*".to_owned()];
    let mut reader = world.members[0].log.clone();
    let mut subscription = Subscription::new(&patterns, Vec::new(), None, true, 3).expect("a pattern");
    let mut handed = |world: &World| {
        let page = subscription.next(&mut reader, world.now()).expect("a page");
        (page.events, page.again_ms)
    };
    let begun = world.now().uptime_ms;
    assert_eq!(handed(&world), (vec![first.wire().to_vec()], Some(begun + 60_000)));
    world.run(59_900);
    assert_eq!(handed(&world).0.len(), 0, "not yet");
    // A new one does not wait for the old one.
    let second = world.event(&key(2), "enrol", ENROL, json!(3), None);
    world.put(0, &[&second]);
    assert_eq!(handed(&world).0, [second.wire()]);
    world.run(100);
    assert_eq!(handed(&world).0, [first.wire()]);
    let answer = world.enrolled(1, Some(first.id()));
    world.put(0, &[&answer]);
    world.run(60_000);
    assert_eq!(handed(&world).0, [second.wire()], "the first is answered");
}
