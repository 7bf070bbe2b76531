//! Who waits for Leaders' answers, and what they are told.

use super::action::Action;
use super::element::Element;
use super::input::{Now, Origin};
use super::log::{Log, LogError, id_of};
use super::node::{Batch, Node};
use super::reconcile;
use crate::attach::{FRAME_LIMIT_BYTES, Reply, Request};
use crate::event::Event;
use std::collections::HashMap;

/// Waiting `await`s, at most; more are told that the node is busy.
const WAITS_LIMIT: usize = 4096;
/// Of these, other machines may have so many, so that they never keep this
/// host's own commands from waiting.
const WAITS_OF_OTHERS_LIMIT: usize = 3072;
/// Ids in one request, at most.
const ASKED_IDS_LIMIT: usize = 4096;
/// What fits into a frame beside its few other members.
const ROOM_BYTES: usize = FRAME_LIMIT_BYTES - 256;

struct Wait<T> {
    ticket: T,
    ids: Vec<String>,
    until_ms: u64,
}

/// `await`s that found no answer yet.
pub struct Waits<T> {
    waits: Vec<Wait<T>>,
    /// How many wait for an id.
    awaited: HashMap<String, usize>,
}

impl<T> Default for Waits<T> {
    fn default() -> Self {
        Self { waits: Vec::new(), awaited: HashMap::new() }
    }
}

impl<T> Waits<T> {
    /// Ends those whose time is over, with no answer.
    pub fn end(&mut self, now_ms: u64) -> Vec<Action<T>> {
        let mut ended = Vec::new();
        let mut index = 0;
        while index < self.waits.len() {
            if self.waits[index].until_ms <= now_ms {
                ended.push(Action::Reply(self.remove(index), Reply::Answers { events: Vec::new() }));
            } else {
                index += 1;
            }
        }
        ended
    }

    fn add(&mut self, wait: Wait<T>) {
        for id in &wait.ids {
            *self.awaited.entry(id.clone()).or_default() += 1;
        }
        self.waits.push(wait);
    }

    fn remove(&mut self, index: usize) -> T {
        let wait = self.waits.swap_remove(index);
        for id in &wait.ids {
            if let Some(count) = self.awaited.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    self.awaited.remove(id);
                }
            }
        }
        wait.ticket
    }
}

impl<L: Log, T> Node<L, T> {
    /// A request that stores nothing.
    pub(super) fn ask(&mut self, ticket: T, origin: Origin, request: Request, now: Now, batch: &mut Batch<T>) {
        let (may_read, waits_limit) = match origin {
            Origin::Local => (true, WAITS_LIMIT),
            Origin::Peer { did, .. } => (self.members.is_peer(&did, now.wall), WAITS_OF_OTHERS_LIMIT),
        };
        let reply = match request {
            Request::Await { ids, .. } if ids.len() > ASKED_IDS_LIMIT => Ok(error("malformed", "too many ids at once")),
            Request::Await { ids, wait_ms } => match self.answers_to(&ids) {
                Ok(events) if events.is_empty() && wait_ms > 0 && !self.stopping => {
                    if self.waits.waits.len() < waits_limit {
                        self.waits.add(Wait { ticket, ids, until_ms: now.uptime_ms + wait_ms });
                        return;
                    }
                    Ok(error("busy", "too many wait for answers here"))
                }
                answers => answers.map(|events| Reply::Answers { events }),
            },
            Request::Get { .. } | Request::Ids { .. } if !may_read => {
                Ok(error("not_permitted", "only members of the fleet may read the log"))
            }
            Request::Get { elements } => self.get(&elements).map(|events| Reply::Events { events }),
            Request::Ids { only, news, ranges } => reconcile::answer(&self.log, only.as_deref(), &ranges)
                .inspect(|reply| self.is_news(origin, news, reply.as_ref(), now))
                .map(|reply| reply.unwrap_or_else(|| error("malformed", "not ranges of elements"))),
            // Who knows a name may know whose it is, as in the DHT.
            Request::Find { name, wait_ms } => {
                return self.find(ticket, origin, (name, wait_ms), now, &mut batch.actions);
            }
            Request::Clock => Ok(Reply::Clock { time: now.wall }),
            Request::Peers if origin == Origin::Local => match self.facts(now) {
                Ok(facts) => {
                    batch.actions.push(Action::Watched(ticket, Box::new(facts)));
                    return;
                }
                Err(error) => Err(error),
            },
            Request::Peers => Ok(error("not_permitted", "only the node's own machine may ask that")),
            Request::Consume { name, since, taken, .. } if origin == Origin::Local => {
                self.consume(&name, since, taken, now, batch)
            }
            Request::Forget { name } if origin == Origin::Local => self.forget(&name, batch),
            _ => Ok(error("malformed", "not a request for a node")),
        };
        let reply = reply.unwrap_or_else(|fault| error("storage", &fault.to_string()));
        batch.actions.push(Action::Reply(ticket, reply));
    }

    /// What is there of these elements, as much as fits into a frame.
    fn get(&self, elements: &[String]) -> Result<Vec<Vec<u8>>, LogError> {
        let mut events = Vec::new();
        let mut room = ROOM_BYTES;
        for element in elements.iter().take(ASKED_IDS_LIMIT).filter_map(|text| Element::read(text)) {
            let Some(wire) = self.log.get(&element)? else { continue };
            if wire.len() + 1 > room {
                return Ok(events);
            }
            room -= wire.len() + 1;
            events.push(wire);
        }
        Ok(events)
    }

    /// Leaders' answers to these requests, as many as fit into a frame.
    fn answers_to(&self, ids: &[String]) -> Result<Vec<Vec<u8>>, LogError> {
        let mut events = Vec::new();
        let mut room = ROOM_BYTES;
        for id in ids.iter().filter_map(|id| id_of(id)) {
            let replies = self.log.replies(&id)?;
            if replies.is_empty() {
                continue;
            }
            let requests = self.log.with_id(&id)?;
            let requests: Vec<_> = requests.iter().filter_map(|wire| Event::from_wire(wire).ok()).collect();
            for wire in replies {
                let Ok(answer) = Event::from_wire(&wire) else { continue };
                // Without the request here, the asker compares the subject.
                let fits = requests.is_empty() || requests.iter().any(|request| self.is_answer_to(&answer, request));
                if !self.members.is_answer(&answer) || !fits {
                    continue;
                }
                if wire.len() + 1 > room {
                    return Ok(events);
                }
                room -= wire.len() + 1;
                events.push(wire);
            }
        }
        Ok(events)
    }

    /// Answers those who wait for these requests' answers.
    pub(super) fn wake(&mut self, woken: &[String], actions: &mut Vec<Action<T>>) {
        if !woken.iter().any(|id| self.waits.awaited.contains_key(id)) {
            return;
        }
        let mut index = 0;
        while index < self.waits.waits.len() {
            let ids = &self.waits.waits[index].ids;
            if !ids.iter().any(|id| woken.contains(id)) {
                index += 1;
                continue;
            }
            let reply = match self.answers_to(ids) {
                // An answer of the wrong type or subject wakes nobody.
                Ok(events) if events.is_empty() => {
                    index += 1;
                    continue;
                }
                Ok(events) => Reply::Answers { events },
                Err(fault) => error("storage", &fault.to_string()),
            };
            actions.push(Action::Reply(self.waits.remove(index), reply));
        }
    }
}

fn error(code: &str, reason: &str) -> Reply {
    Reply::Error { code: code.to_owned(), reason: reason.to_owned() }
}
