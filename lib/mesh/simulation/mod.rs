//! Nodes by the thousand on virtual time, under every fault that one seed can
//! think of. Each runs the very state machine of [`crate::mesh::Node`].
//!
//! The world around them is a model. Modelled: connections as the nodes' own
//! dial rules make them, time on the way, lost gossip, cut links, partitions,
//! clocks that are wrong, kills between two writes of a batch and what a log
//! has left after them, late joiners, and gossipsub's overlay (`overlay` says
//! how far). Not modelled: bandwidth, full queues, identify and Kademlia (a
//! node has heard of peers from the start), and how frames are spelt.

// Beside the tests only the growth of gossip is measured, without faults.
#![cfg_attr(not(test), allow(dead_code))]

mod faults;
mod growth;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod lookups;
mod memory;
mod overlay;
mod queue;
mod rows;
#[cfg(test)]
mod rules;
mod said;
#[cfg(test)]
mod thousand;
mod world;

pub use growth::{Growth, grow};
#[cfg(test)]
pub(super) use memory::{Memory, Refuses};
