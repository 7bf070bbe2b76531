//! The thread that owns the state machine and its log.

use super::Say;
use super::drive::Command;
use super::remember;
use crate::attach::{PutFrames, Reply};
use crate::mesh::{self, Action, Input, Node, Now, Verdict};
use jiff::Timestamp;
use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use std::path::Path;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};

/// Inputs that wait for the thread, at most; each may hold a frame.
pub(super) const QUEUE: usize = 64;
/// Inputs under one commit, at most.
const BATCH: usize = 64;
/// The same fault is said again after this long.
const COMPLAINT_MS: u64 = 60_000;

/// Whom an action is for.
#[derive(Debug)]
pub(super) enum Ticket {
    Reply(oneshot::Sender<Reply>),
    Gossip { message: MessageId, source: PeerId },
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
    commands: &mpsc::UnboundedSender<Command>,
    peers_file: &Path,
    say: &Say,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut complaint = Complaint::default();
    while let Some(first) = inputs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            let Ok(next) = inputs.try_recv() else { break };
            batch.push(next);
        }
        let now = clock.now();
        for action in node.handle(batch.drain(..), now) {
            if let Action::Failed(error) = &action
                && !complaint.is_new(&error.to_string(), now.uptime_ms)
            {
                continue;
            }
            if let Some(command) = act(action, grown, peers_file, say) {
                // A driver that has ended leaves nothing to be done.
                let _ = commands.send(command);
            }
        }
    }
}

/// What was said of the log last: a disk that is full is so for every batch.
#[derive(Default)]
struct Complaint(Option<(String, u64)>);

impl Complaint {
    /// Has it not been said for a minute?
    fn is_new(&mut self, words: &str, now_ms: u64) -> bool {
        let is_new = !matches!(&self.0, Some((said, at)) if said == words && now_ms < at + COMPLAINT_MS);
        if is_new {
            self.0 = Some((words.to_owned(), now_ms));
        }
        is_new
    }
}

/// Does what needs no network; the rest is for the driver.
fn act(action: Action<Ticket>, grown: &watch::Sender<u64>, peers_file: &Path, say: &Say) -> Option<Command> {
    match action {
        Action::Reply(Ticket::Reply(sender), reply) => {
            // Whoever asked may have gone.
            let _ = sender.send(reply);
            None
        }
        Action::Verdict(Ticket::Gossip { message, source }, verdict) => {
            let acceptance = match verdict {
                Verdict::Accept => MessageAcceptance::Accept,
                Verdict::Reject => MessageAcceptance::Reject,
                Verdict::Ignore => MessageAcceptance::Ignore,
            };
            Some(Command::Verdict { message, source, acceptance })
        }
        Action::Watched(Ticket::Reply(sender), facts) => Some(Command::Watch(sender, facts)),
        // A message's verdict is no reply, nor the other way round.
        Action::Reply(Ticket::Gossip { .. }, _)
        | Action::Watched(Ticket::Gossip { .. }, _)
        | Action::Verdict(Ticket::Reply(_), _) => None,
        Action::Publish(events) => {
            let mut frames = PutFrames::default();
            for wire in &events {
                frames.push(wire);
            }
            Some(Command::Publish(frames.finish()))
        }
        Action::Gossip(joins) => Some(Command::Gossip(joins)),
        Action::Ask { ask, peer, request } => {
            let mut frame = Vec::new();
            let sealed = request.frame(&mut frame);
            Some(Command::Ask { ask, peer, frame: sealed.is_ok().then_some(frame) })
        }
        Action::Call(call) => Some(Command::Call(call)),
        Action::Admission(peer, admission) => Some(Command::Admission(peer, admission)),
        Action::Blame(peer, offence) => Some(Command::Blame(peer, offence)),
        Action::Lookup { lookup, name } => Some(Command::Lookup { lookup, name }),
        Action::Announce(records) => Some(Command::Announce(records)),
        Action::Hold(records) => Some(Command::Hold(records)),
        Action::Keep { record, there } => Some(Command::Keep(record, there)),
        Action::Ours { id, sequence } => Some(Command::Ours { id, sequence }),
        Action::Members(members) => Some(Command::Members(members)),
        Action::Remember(peers) => {
            if let Err(error) = remember::write(peers_file, &peers) {
                say.say(&format!("{}: {error}", peers_file.display()));
            }
            None
        }
        Action::Grown(place) => {
            grown.send_replace(place);
            None
        }
        Action::Dropped { plain, open } => {
            let requests = if open > 0 { format!(" and {open} open requests") } else { String::new() };
            say.say(&format!("the log is full: {plain} events{requests} were dropped, the oldest first"));
            None
        }
        Action::Failed(error) => {
            say.say(&error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_once_a_minute() {
        let mut complaint = Complaint::default();
        let said =
            [("full", 0), ("full", 59_999), ("gone", 59_999), ("full", 60_000), ("full", 119_999), ("full", 120_000)]
                .map(|(words, at)| complaint.is_new(words, at));
        assert_eq!(said, [true, false, true, true, false, true]);
    }
}
