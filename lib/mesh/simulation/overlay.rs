//! What libp2p's gossipsub does between nodes, as far as it decides whom an
//! event reaches, over how many nodes, and how often.
//!
//! Modelled: who listens; the mesh of peers that get every message at once,
//! with GRAFT, PRUNE, its bounds and its back-off; flooding by the publisher;
//! passing on after the verdict, not to those it came from; the duplicate
//! cache; IHAVE and IWANT at heartbeats. Not modelled: scores, peer exchange,
//! IDONTWANT (which only saves copies of large messages), full queues (loss
//! stands for them), signatures of gossipsub's own, bandwidth.

use super::queue::{Happens, Letter, Ticket};
use super::world::World;
use crate::mesh::degree::{
    BACKOFF_MS, DEGREE, DEGREE_HIGH, DEGREE_LOW, DEGREE_OUTBOUND, HEARTBEAT_MS, HISTORY, HISTORY_TOLD, LAZY,
    LAZY_FACTOR,
};
use crate::mesh::{Checked, Input, Verdict};
use std::collections::HashMap;
use std::rc::Rc;

/// To read and check a message, and to have it on disk.
const JUDGE_MS: u64 = 3;

/// One side of a connection.
pub(super) struct Link {
    /// The same on both sides, and of no other connection.
    pub number: u64,
    /// When the last letter on this way arrives.
    pub last_ms: u64,
    /// This side called.
    outbound: bool,
    /// The peer listens to gossip.
    listens: bool,
    /// Gets every message at once.
    mesh: bool,
    not_before_ms: u64,
}

impl Link {
    pub fn new(number: u64, outbound: bool) -> Self {
        Self { number, last_ms: 0, outbound, listens: false, mesh: false, not_before_ms: 0 }
    }
}

/// A gossip message and how far it has come.
pub(super) struct Message {
    pub born_ms: u64,
    /// When the last node so far had it on disk.
    pub last_ms: u64,
    events: Rc<[Checked]>,
    /// In each node's duplicate cache?
    seen: Vec<bool>,
    /// Links that the first copy came over; `u8::MAX` where none came.
    pub hops: Vec<u8>,
    pub copies: Vec<u16>,
    /// Who sent a copy to a node that has not judged it yet.
    sent_by: HashMap<usize, Vec<usize>>,
}

impl Message {
    /// A node has crashed, and its duplicate cache is gone.
    pub fn forget(&mut self, index: usize) {
        self.seen[index] = false;
        self.sent_by.remove(&index);
    }
}

impl World {
    fn message(&mut self, events: Rc<[Checked]>) -> u64 {
        let number = self.number();
        let count = self.members.len();
        let message = Message {
            born_ms: self.now_ms,
            last_ms: self.now_ms,
            events,
            seen: vec![false; count],
            hops: vec![u8::MAX; count],
            copies: vec![0; count],
            sent_by: HashMap::new(),
        };
        self.messages.insert(number, message);
        number
    }

    pub(super) fn publish(&mut self, index: usize, wires: &[Vec<u8>]) {
        let events = wires.iter().map(|wire| self.check(wire)).collect();
        let number = self.message(events);
        let message = self.messages.get_mut(&number).expect("just made");
        message.seen[index] = true;
        message.hops[index] = 0;
        self.remember(index, number);
        let all = self.peers(index, |link| link.listens);
        self.spread(index, number, &all);
    }

    fn remember(&mut self, index: usize, message: u64) {
        let history = &mut self.members[index].history;
        if history.is_empty() {
            history.push(Vec::new());
        }
        history[0].push(message);
    }

    fn peers(&self, index: usize, wanted: impl Fn(&Link) -> bool) -> Vec<usize> {
        self.members[index].links.iter().filter(|(_, link)| wanted(link)).map(|(peer, _)| *peer).collect()
    }

    fn spread(&mut self, index: usize, number: u64, to: &[usize]) {
        let Some(message) = self.messages.get(&number) else { return };
        let hops = message.hops[index].saturating_add(1);
        for peer in to {
            if self.random.below(100) >= self.lost_percent {
                self.send(index, *peer, Letter::Gossip { message: number, hops });
            }
        }
    }

    /// What only gossip sends.
    pub(super) fn gossips(&mut self, to: usize, from: usize, letter: Letter) {
        match letter {
            Letter::Listens(listens) => self.peer_listens(to, from, listens),
            _ if !self.members[to].gossips => {}
            Letter::Gossip { message, hops } => self.gossip_arrives(to, from, message, hops),
            Letter::Graft => self.graft_arrives(to, from),
            Letter::Prune => self.let_go(to, from),
            Letter::Have(messages) => {
                let unseen = |number: &&u64| self.messages.get(number).is_some_and(|message| !message.seen[to]);
                let wanted: Vec<u64> = messages.iter().filter(unseen).copied().collect();
                if !wanted.is_empty() {
                    self.send(to, from, Letter::Want(wanted));
                }
            }
            Letter::Want(messages) => {
                for message in messages {
                    if self.members[to].history.iter().flatten().any(|kept| *kept == message) {
                        self.spread(to, message, &[from]);
                    }
                }
            }
            Letter::Request { .. } | Letter::Reply { .. } => {}
        }
    }

    fn gossip_arrives(&mut self, to: usize, from: usize, number: u64, hops: u8) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        message.copies[to] += 1;
        if message.seen[to] {
            if let Some(senders) = message.sent_by.get_mut(&to) {
                senders.push(from);
            }
            return;
        }
        message.seen[to] = true;
        message.hops[to] = hops;
        message.sent_by.insert(to, vec![from]);
        self.later(JUDGE_MS, Happens::Judged { at: to, from, message: number });
    }

    pub(super) fn judge(&mut self, at: usize, from: usize, number: u64) {
        let Some(message) = self.messages.get_mut(&number).filter(|message| message.seen[at]) else { return };
        message.last_ms = self.now_ms;
        let events = message.events.to_vec();
        self.input(at, Input::Gossip { ticket: Ticket::Gossip { message: number, from }, events });
    }

    pub(super) fn verdict(&mut self, index: usize, from: usize, number: u64, verdict: Verdict) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        let senders = message.sent_by.remove(&index).unwrap_or_default();
        if verdict == Verdict::Accept {
            self.remember(index, number);
            let mesh = self.peers(index, |link| link.mesh);
            let others: Vec<usize> = mesh.into_iter().filter(|peer| *peer != from && !senders.contains(peer)).collect();
            self.spread(index, number, &others);
        }
    }

    /// A node that breaks the rules gossips these bytes to node `to`.
    pub fn gossip_raw(&mut self, from: usize, to: usize, wires: &[Vec<u8>]) {
        let events = wires.iter().map(|wire| self.check(wire)).collect();
        let number = self.message(events);
        self.messages.get_mut(&number).expect("just made").seen[to] = true;
        self.judge(to, from, number);
    }

    /// This node listens to gossip, or no longer.
    pub(super) fn listens(&mut self, index: usize, listens: bool) {
        self.members[index].gossips = listens;
        for peer in self.peers(index, |_| true) {
            self.send(index, peer, Letter::Listens(listens));
        }
        if listens {
            self.graft(index, DEGREE, |_| true);
        } else {
            self.members[index].links.values_mut().for_each(|link| link.mesh = false);
        }
    }

    fn peer_listens(&mut self, index: usize, peer: usize, listens: bool) {
        let now_ms = self.now_ms;
        let member = &mut self.members[index];
        let few = member.links.values().filter(|link| link.mesh).count() < DEGREE_LOW;
        let takes = listens && member.gossips && few;
        let Some(link) = member.links.get_mut(&peer) else { return };
        link.listens = listens;
        link.mesh &= listens;
        if takes && !link.mesh && link.not_before_ms <= now_ms {
            link.mesh = true;
            self.send(index, peer, Letter::Graft);
        }
        let peer = self.members[peer].did;
        self.input(index, Input::Behind { peer });
    }

    /// Takes up to so many more peers into the mesh.
    fn graft(&mut self, index: usize, count: usize, wanted: impl Fn(&Link) -> bool) {
        let now_ms = self.now_ms;
        let free = |link: &Link| link.listens && !link.mesh && link.not_before_ms <= now_ms && wanted(link);
        let mut free = self.peers(index, free);
        self.shuffle(&mut free);
        for peer in free.into_iter().take(count) {
            self.members[index].links.get_mut(&peer).expect("a peer").mesh = true;
            self.send(index, peer, Letter::Graft);
        }
    }

    fn graft_arrives(&mut self, index: usize, peer: usize) {
        let now_ms = self.now_ms;
        let full = self.members[index].links.values().filter(|link| link.mesh).count() >= DEGREE_HIGH;
        let Some(link) = self.members[index].links.get_mut(&peer) else { return };
        if link.not_before_ms > now_ms || (full && !link.outbound && !link.mesh) {
            self.let_go(index, peer);
            self.send(index, peer, Letter::Prune);
        } else {
            link.mesh = true;
        }
    }

    fn let_go(&mut self, index: usize, peer: usize) {
        let until_ms = self.now_ms + BACKOFF_MS;
        if let Some(link) = self.members[index].links.get_mut(&peer) {
            link.mesh = false;
            link.not_before_ms = until_ms;
        }
    }

    pub(super) fn heartbeat(&mut self, index: usize, boot: u64) {
        self.later(HEARTBEAT_MS, Happens::Heartbeat { at: index, boot });
        if !self.members[index].gossips {
            return;
        }
        let mut mesh = self.peers(index, |link| link.mesh);
        if mesh.len() < DEGREE_LOW {
            self.graft(index, DEGREE - mesh.len(), |_| true);
        }
        if mesh.len() >= DEGREE_HIGH {
            self.shuffle(&mut mesh);
            let called = |world: &Self, peer: &usize| world.members[index].links[peer].outbound;
            let mut outbound = mesh.iter().filter(|peer| called(self, peer)).count();
            let mut excess = mesh.len() - DEGREE;
            for peer in mesh {
                let called = called(self, &peer);
                if excess == 0 || (called && outbound <= DEGREE_OUTBOUND) {
                    continue;
                }
                outbound -= usize::from(called);
                excess -= 1;
                self.let_go(index, peer);
                self.send(index, peer, Letter::Prune);
            }
        }
        let mesh = self.peers(index, |link| link.mesh);
        let outbound = self.peers(index, |link| link.mesh && link.outbound).len();
        if mesh.len() >= DEGREE_LOW && outbound < DEGREE_OUTBOUND {
            self.graft(index, DEGREE_OUTBOUND - outbound, |link| link.outbound);
        }
        self.tell(index);
    }

    /// Tells some who are not in the mesh which messages there are.
    fn tell(&mut self, index: usize) {
        let told: Rc<[u64]> = self.members[index].history.iter().take(HISTORY_TOLD).flatten().copied().collect();
        if !told.is_empty() {
            let mut others = self.peers(index, |link| link.listens && !link.mesh);
            self.shuffle(&mut others);
            // A small number times a fraction: exact enough as gossipsub has it.
            #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss)]
            let part = (LAZY_FACTOR * others.len() as f64) as usize;
            for peer in others.into_iter().take(LAZY.max(part)) {
                self.send(index, peer, Letter::Have(told.clone()));
            }
        }
        let history = &mut self.members[index].history;
        if !history.is_empty() {
            history.insert(0, Vec::new());
            history.truncate(HISTORY);
        }
    }

    fn shuffle(&mut self, list: &mut [usize]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.random.below(last as u64 + 1) as usize);
        }
    }
}
