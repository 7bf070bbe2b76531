//! How gossip fares in worlds of growing size.

use super::world::{Plan, World};
use crate::mesh::dial::Random;
use serde_json::json;
use std::collections::BTreeSet;

/// Peers that a node has heard of.
const KNOWN: usize = 40;

/// What became of some events in a world of one size.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Nodes.
    pub nodes: usize,
    /// Connections of a node, the mean.
    pub connections: f64,
    /// Links that an event came over to a node: the median over all nodes.
    pub hops_median: u8,
    /// And the most.
    pub hops_max: u8,
    /// Copies of an event that a node got: the mean over all nodes and events.
    pub copies_mean: f64,
    /// And the most of one event to one node.
    pub copies_max: u16,
    /// Gossip messages sent for an event, the mean.
    pub messages: f64,
    /// Until the last node had an event on disk: the worst event, in ms.
    pub to_all_ms: u64,
    /// Nodes that gossip alone did not reach, summed over the events.
    pub missed: usize,
}

/// Whom each node has heard of: others at random, as many as a walk through
/// the routing table of a few peers finds.
pub fn heard_of(nodes: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Random(seed);
    let some = |index: usize| {
        let others = (0..KNOWN).map(|_| random.below(nodes as u64) as usize).filter(|other| *other != index);
        others.collect::<BTreeSet<_>>().into_iter().collect()
    };
    (0..nodes).map(some).collect()
}

/// A world whose nodes take every well-signed event, connected and at rest.
fn world(nodes: usize, seed: u64) -> World {
    let (calls, knows) = (vec![Vec::new(); nodes], heard_of(nodes, seed));
    let plan = Plan { seed, calls, knows, named: 0, latency_ms: (10, 30), tick_ms: 1_000 };
    let mut world = World::of(plan, false);
    world.run(10_000);
    world
}

/// Publishes events in a new world of so many nodes.
pub fn grow(nodes: usize, seed: u64, events: usize) -> Growth {
    measure(&mut world(nodes, seed), events)
}

/// Publishes events at nodes chosen at random, one after the other.
fn measure(world: &mut World, events: usize) -> Growth {
    let nodes = world.members.len();
    let (mut hops, mut copies, mut copies_max) = (Vec::new(), 0_u64, 0);
    let (mut to_all_ms, mut missed) = (0, 0);
    for number in 0..events {
        let index = world.random.below(nodes as u64) as usize;
        let note = world.note(index, json!(number));
        let before = world.messages.keys().next_back().copied().unwrap_or(0);
        world.put(index, &[&note]);
        world.run(5_000);
        let (_, message) = world.messages.range(before + 1..).next().expect("a node with peers publishes");
        for other in (0..nodes).filter(|other| *other != index) {
            match message.hops[other] {
                u8::MAX => missed += 1,
                links => hops.push(links),
            }
            copies += u64::from(message.copies[other]);
            copies_max = copies_max.max(message.copies[other]);
        }
        to_all_ms = to_all_ms.max(message.last_ms - message.born_ms);
    }
    hops.sort_unstable();
    let links: usize = world.members.iter().map(|member| member.links.len()).sum();
    // Counts far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let mean = |sum: u64, count: usize| sum as f64 / count as f64;
    Growth {
        nodes,
        connections: mean(links as u64, nodes),
        hops_median: hops.get(hops.len() / 2).copied().unwrap_or(0),
        hops_max: hops.last().copied().unwrap_or(0),
        copies_mean: mean(copies, events * (nodes - 1)),
        copies_max,
        messages: mean(copies, events),
        to_all_ms,
        missed,
    }
}
