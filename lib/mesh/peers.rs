//! Who is connected, what they are asked, and what comes of it.

use super::action::Action;
use super::element::Element;
use super::guard::Offence;
use super::input::{Now, Origin, Outcome};
use super::log::{Log, LogError};
use super::node::{Batch, Node};
use super::reconcile::Comparison;
use super::watch::Notes;
use crate::attach::{Held, Reply, Request};
use crate::event::Event;
use crate::key::Did;
use crate::watch;
use jiff::SignedDuration;

/// Gossip is on its way for no longer than this.
const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(2);

/// A connected peer.
#[derive(Debug)]
pub struct Peer {
    comparison: Comparison,
    /// We called it as a node, or it listens to gossip: no throw-away caller.
    pub(super) is_node: bool,
    pub(super) notes: Notes,
}

impl Peer {
    pub(super) fn compare_soon(&mut self, now_ms: u64) {
        self.comparison.soon(now_ms);
    }
}

impl<L: Log, T> Node<L, T> {
    pub(super) fn connected(&mut self, peer: Did, call: Option<u64>, address: Option<&str>, now: Now) {
        self.calls.connected(peer, call, address, now.wall, now.uptime_ms);
        self.remember_soon(now);
        let fresh = || Peer { comparison: Comparison::new(now.uptime_ms), is_node: false, notes: Notes::default() };
        self.peers.entry(peer).or_insert_with(fresh).is_node |= call.is_some();
    }

    pub(super) fn disconnected(&mut self, peer: Did, now: Now) {
        self.calls.disconnected(peer, now.uptime_ms);
        self.peers.remove(&peer);
        self.asked.retain(|_, asked| *asked != peer);
        self.carry.gone(&peer);
    }

    pub(super) fn behind(&mut self, peer: &Did, now: Now) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.is_node = true;
            peer.compare_soon(now.uptime_ms);
        }
    }

    /// Gossip to a peer was dropped: it may lack what this node holds.
    pub(super) fn missed(&mut self, peer: &Did, now: Now) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.comparison.tell(now.uptime_ms);
        }
    }

    /// What was fetched from one peer is not gossiped: the others may lack it
    /// too, and hear of it so. After a network was parted, news of the other
    /// side goes through this one as a wave.
    fn spread(&mut self, from: &Did, now: Now) {
        for (_, peer) in self.peers.iter_mut().filter(|(did, _)| *did != from) {
            peer.comparison.tell(now.uptime_ms);
        }
    }

    /// A peer asked for a comparison because it has news, and does hold other
    /// things than this node.
    pub(super) fn is_news(&mut self, origin: Origin, news: bool, reply: Option<&Reply>, now: Now) {
        if let (Origin::Peer { did, .. }, true, Some(Reply::Ids { ranges })) = (origin, news, reply)
            && ranges.iter().any(|held| *held != Held::Same)
            && let Some(peer) = self.peers.get_mut(&did)
        {
            peer.compare_soon(now.uptime_ms);
        }
    }

    /// Nodes are asked for what may be missing here. Whether a peer belongs is
    /// for the peer's own judgement of us: what it sends is believed for its
    /// authors' signatures, and may be how we learn that it belongs, or that we
    /// do: a host may have been enrolled before its node ran, or have lost its
    /// log. Who is a stranger to the peer is refused.
    pub(super) fn compare(&mut self, now: Now) -> Result<Vec<Action<T>>, LogError> {
        let mut asks = Vec::new();
        for (did, peer) in &mut self.peers {
            if (peer.is_node || self.members.is_named(did, now.wall))
                && let Some(request) = peer.comparison.next(&self.log, now.uptime_ms)?
            {
                asks.push((*did, request));
            }
        }
        Ok(asks.into_iter().map(|(peer, request)| self.asks(peer, request).1).collect())
    }

    /// A numbered request to a peer.
    pub(super) fn asks(&mut self, peer: Did, request: Request) -> (u64, Action<T>) {
        self.last_ask += 1;
        let ask = self.last_ask;
        self.asked.insert(ask, peer);
        (ask, Action::Ask { ask, peer, request })
    }

    pub(super) fn answered(&mut self, ask: u64, outcome: Outcome, now: Now, batch: &mut Batch<T>) {
        let Some(did) = self.asked.remove(&ask) else { return };
        if self.lookups.asked(ask) {
            self.peer_looked(ask, outcome, now, batch);
            return;
        }
        if self.carry.asked(ask) {
            let answers = self.carry.answered(ask, outcome, now.uptime_ms);
            self.fetched(answers, now, batch);
            return;
        }
        let time = if let Outcome::Other(Reply::Clock { time }) = &outcome { Some(*time) } else { None };
        if self.clock_answered(&did, ask, time, now) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&did) else { return };
        match outcome {
            Outcome::Events(events) => {
                if events.iter().any(|event| matches!(event, Err(fault) if fault.code.is_provable())) {
                    batch.actions.push(Action::Blame(did, Offence::Frame));
                }
                let events = events.into_iter().flatten();
                let events: Vec<(Element, Event)> =
                    events.filter_map(|event| Some((Element::of(&event)?, event))).collect();
                let elements: Vec<Element> = events.iter().map(|(element, _)| *element).collect();
                let wanted = peer.comparison.fetched(&elements);
                peer.notes.found(wanted.len());
                if peer.comparison.is_over() {
                    peer.notes.ended(watch::Comparison::Done, now.wall);
                }
                let wanted = events.into_iter().filter(|(element, _)| wanted.contains(element));
                let wanted: Vec<Event> = wanted.map(|(_, event)| event).collect();
                // What is being gossiped just now comes to the others anyway.
                let lost = wanted.iter().any(|event| event.time() + IN_FLIGHT < now.wall);
                let before = batch.stored;
                self.fetched(wanted, now, batch);
                if batch.stored > before
                    && let Some(peer) = self.peers.get_mut(&did)
                {
                    peer.comparison.gained();
                    if lost {
                        self.spread(&did, now);
                    }
                }
            }
            Outcome::Other(Reply::Ids { ranges }) => match peer.comparison.compared(&self.log, &ranges) {
                Ok(true) if peer.comparison.is_over() => peer.notes.ended(watch::Comparison::Done, now.wall),
                Ok(true) => {}
                outcome => {
                    peer.comparison.failed(now.uptime_ms);
                    peer.notes.ended(watch::Comparison::Failed, now.wall);
                    batch.actions.extend(outcome.err().map(Action::Failed));
                }
            },
            other => {
                peer.comparison.failed(now.uptime_ms);
                peer.notes.ended(watch::Comparison::Failed, now.wall);
                let reply = if let Outcome::Other(reply) = &other { Some(reply) } else { None };
                peer.notes.refused(reply, now.wall);
            }
        }
    }
}
