//! The thread that owns the state machine and its log.

use crate::attach::Reply;
use crate::mesh::{self, Action, Input, Node, Now};
use jiff::Timestamp;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};

/// Inputs that wait for the thread, at most; each may hold a frame.
pub(super) const QUEUE: usize = 64;
/// Inputs under one commit, at most.
const BATCH: usize = 64;

/// Whom an action is for.
#[derive(Debug)]
pub(super) enum Ticket {
    Reply(oneshot::Sender<Reply>),
}

/// When the node began; readers and the node share it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> Now {
        let uptime_ms = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall: Timestamp::now(), uptime_ms }
    }
}

/// Takes inputs until all who send them are gone: whatever waits goes under one
/// commit, so the busier the node, the fewer syncs an event costs.
pub(super) fn run<L: mesh::Log>(
    mut node: Node<L, Ticket>,
    mut inputs: mpsc::Receiver<Input<Ticket>>,
    clock: Clock,
    grown: &watch::Sender<u64>,
    say: &super::Say,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = inputs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            let Ok(next) = inputs.try_recv() else { break };
            batch.push(next);
        }
        for action in node.handle(batch.drain(..), clock.now()) {
            match action {
                // Whoever asked may have gone.
                Action::Reply(Ticket::Reply(sender), reply) => drop(sender.send(reply)),
                Action::Grown(place) => drop(grown.send_replace(place)),
                Action::Failed(error) => say.say(&error.to_string()),
            }
        }
    }
}
