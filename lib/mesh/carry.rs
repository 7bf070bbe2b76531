//! The way of a host that is not enrolled yet: it hands its requests to enrol
//! to a node of the fleet file, awaits the answers there, and keeps them in its
//! own log, where its commands find them.

use super::action::Action;
use super::input::{Now, Outcome};
use super::log::{Id, Log, LogError, id_of};
use super::node::Node;
use crate::attach::{Reply, Request, WAIT_LIMIT_MS};
use crate::event::Event;
use crate::key::Did;
use std::collections::{HashMap, HashSet};

/// Requests looked after at once; the next follow as these are answered.
const CARRIED: usize = 64;
/// Requests in one hand-over, which must fit into a frame.
const ROOM_BYTES: usize = crate::attach::FRAME_LIMIT_BYTES - 256;
/// The wait after a node refused or failed.
const AFTER_FAILURE_MS: u64 = 2_000;

enum Errand {
    Put(Vec<Id>),
    Await(Vec<Id>),
}

/// What has been handed to which node.
#[derive(Default)]
pub struct Carry {
    node: Option<Did>,
    /// With that node.
    sent: HashSet<Id>,
    errands: HashMap<u64, Errand>,
    not_before_ms: u64,
}

impl Carry {
    /// The node that was asked has gone: another gets everything again.
    pub fn gone(&mut self, peer: &Did) {
        if self.node == Some(*peer) {
            *self = Self { not_before_ms: self.not_before_ms, ..Self::default() };
        }
    }

    /// Was this asked on an errand?
    pub fn asked(&self, ask: u64) -> bool {
        self.errands.contains_key(&ask)
    }

    /// The outcome of an errand: answers to be stored.
    pub fn answered(&mut self, ask: u64, outcome: Outcome, now_ms: u64) -> Vec<Event> {
        match (self.errands.remove(&ask), outcome) {
            (Some(Errand::Put(ids)), Outcome::Other(Reply::Stored { receipt, .. })) => {
                let stored = receipt.iter().flat_map(|receipt| &receipt.ids);
                let stored: HashSet<Id> = stored.filter_map(|id| id_of(id)).collect();
                if ids.iter().any(|id| !stored.contains(id)) {
                    self.not_before_ms = now_ms + AFTER_FAILURE_MS;
                }
                self.sent.extend(ids.iter().filter(|id| stored.contains(*id)));
            }
            (Some(Errand::Await(_)), Outcome::Events(events)) => return events.into_iter().flatten().collect(),
            _ => {
                self.not_before_ms = now_ms + AFTER_FAILURE_MS;
                // Whoever fails is not asked again before the others were.
                self.node = None;
                self.sent.clear();
            }
        }
        Vec::new()
    }

    fn is_away(&self, id: &Id) -> bool {
        self.errands.values().any(|errand| match errand {
            Errand::Put(ids) | Errand::Await(ids) => ids.contains(id),
        })
    }
}

impl<L: Log, T> Node<L, T> {
    /// A connected node of the fleet file, another one each time.
    fn another_node(&self) -> Option<Did> {
        let nodes: Vec<&Did> = self.peers.keys().filter(|peer| self.members.is_node(peer)).collect();
        nodes.get((self.last_ask as usize) % nodes.len().max(1)).map(|node| **node)
    }

    /// What a host that does not belong yet asks of the fleet's nodes.
    pub(super) fn hand_on(&mut self, now: Now) -> Result<Vec<Action<T>>, LogError> {
        if now.uptime_ms < self.carry.not_before_ms {
            return Ok(Vec::new());
        }
        let open = self.log.open_requests("enrol", &self.config.key.did(), CARRIED)?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let Some(node) = self.carry.node.or_else(|| self.another_node()) else { return Ok(Vec::new()) };
        self.carry.node = Some(node);
        let (mut put, mut put_ids, mut await_ids) = (Vec::new(), Vec::new(), Vec::new());
        let mut room = ROOM_BYTES;
        for wire in open {
            let Some(id) = Event::from_wire(&wire).ok().and_then(|event| id_of(event.id())) else { continue };
            if self.carry.is_away(&id) {
            } else if self.carry.sent.contains(&id) {
                await_ids.push(id);
            } else if wire.len() < room {
                room -= wire.len() + 1;
                put.push(wire);
                put_ids.push(id);
            }
        }
        let mut actions = Vec::new();
        if !put.is_empty() {
            let (ask, action) = self.asks(node, Request::Put { events: put });
            self.carry.errands.insert(ask, Errand::Put(put_ids));
            actions.push(action);
        }
        if !await_ids.is_empty() {
            let ids = await_ids.iter().map(|id| uuid::Uuid::from_bytes(*id).to_string()).collect();
            let (ask, action) = self.asks(node, Request::Await { ids, wait_ms: WAIT_LIMIT_MS });
            self.carry.errands.insert(ask, Errand::Await(await_ids));
            actions.push(action);
        }
        Ok(actions)
    }
}
