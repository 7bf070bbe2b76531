//! The node: what it does with each input, one batch and one commit at a time.

use super::judge::{self, Fault};
use super::members::Change;
use super::{Log, LogError, Mark, Members, id_of};
use crate::attach::{Refused, Reply, Request};
use crate::enrol::Fleet;
use crate::event::{Event, Receipt, answers_of};
use crate::key::{Did, Key};
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;

/// Waiting `await`s, at most; more are told that the node is busy.
const WAITS_LIMIT: usize = 4096;
/// Ids in one request, at most.
const ASKED_IDS_LIMIT: usize = 4096;
/// How often what has expired is removed.
const PRUNE_EVERY_MS: u64 = 30_000;
/// What fits into a frame beside its few other members.
const ROOM_BYTES: usize = crate::attach::FRAME_LIMIT_BYTES - 256;

/// An event read and checked against its author's key, or why not.
pub type Checked = Result<Event, Fault>;

/// The time: the wall's for what authors said, a clock that never jumps for
/// waiting.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Milliseconds since the node began.
    pub uptime_ms: u64,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The node's own socket.
    Local,
    /// Another machine.
    Peer {
        /// The key its transport proved; a throw-away key for `cooee-pub`.
        did: Did,
        /// Its address.
        address: Option<IpAddr>,
    },
}

/// What a node is given to begin with.
pub struct Config {
    /// The host's key; it signs receipts.
    pub key: Key,
    /// The fleet file.
    pub fleet: Option<Fleet>,
    /// Keys of the nodes in the fleet file.
    pub nodes: Vec<Did>,
    /// Wire forms in the log together, at most.
    pub log_limit_bytes: u64,
}

/// What happens to a node. `T` names whom a reply goes to.
#[derive(Debug)]
pub enum Input<T> {
    /// Events handed over.
    Put {
        /// Whom to answer.
        ticket: T,
        /// From where.
        origin: Origin,
        /// The events.
        events: Vec<Checked>,
    },
    /// Any other request but `sub`, which readers of the log serve.
    Ask {
        /// Whom to answer.
        ticket: T,
        /// From where.
        origin: Origin,
        /// What is asked.
        request: Request,
    },
    /// Nothing; time has passed.
    Tick,
    /// The node is about to end: nobody waits any longer.
    Stop,
}

/// What became of a gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on.
    Accept,
    /// Whoever sent it is at fault.
    Reject,
    /// Keep it back; nobody is at fault.
    Ignore,
}

/// What a node wants done. Everything is on disk before any of it.
#[derive(Debug)]
pub enum Action<T> {
    /// Answer.
    Reply(T, Reply),
    /// The log holds something new, up to this place.
    Grown(u64),
    /// The log failed; what depended on it was answered so.
    Failed(LogError),
}

struct Wait<T> {
    ticket: T,
    ids: Vec<String>,
    until_ms: u64,
}

/// One node over its log.
pub struct Node<L, T> {
    config: Config,
    log: L,
    members: Members,
    waits: Vec<Wait<T>>,
    /// Which waits an id wakes, by their ids; rebuilt when waits change.
    awaited: HashMap<String, usize>,
    pruned_ms: Option<u64>,
    stopping: bool,
}

impl<L: Log, T> Node<L, T> {
    /// Starts from what the log holds.
    pub fn new(config: Config, log: L) -> Result<Self, LogError> {
        let members = Members::new(config.fleet.clone(), config.nodes.iter().copied());
        let mut node =
            Self { config, log, members, waits: Vec::new(), awaited: HashMap::new(), pruned_ms: None, stopping: false };
        node.learn_again()?;
        Ok(node)
    }

    /// Who belongs, as this node knows it.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The log.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// Takes a batch of inputs: one commit for all that they store, then what
    /// is to be done.
    pub fn handle(&mut self, inputs: impl IntoIterator<Item = Input<T>>, now: Now) -> Vec<Action<T>> {
        let mut batch = Batch { actions: Vec::new(), began: false, stored: 0, woken: Vec::new(), error: None };
        for input in inputs {
            match input {
                Input::Put { ticket, origin, events } => self.put(ticket, origin, events, now, &mut batch),
                Input::Ask { ticket, origin, request } => self.ask(ticket, origin, request, now, &mut batch),
                Input::Tick => self.tick(now, &mut batch),
                Input::Stop => self.stop(&mut batch),
            }
        }
        self.finish(batch, now)
    }

    fn finish(&mut self, mut batch: Batch<T>, now: Now) -> Vec<Action<T>> {
        if batch.began && batch.error.is_none() {
            batch.error = self.log.commit().err();
        }
        if let Some(error) = batch.error {
            self.log.roll_back();
            let _ = self.learn_again();
            let busy = || Reply::Error { code: "storage".into(), reason: error.to_string() };
            let replies = batch.actions.into_iter().filter_map(|action| match action {
                Action::Reply(ticket, _) => Some(Action::Reply(ticket, busy())),
                Action::Grown(_) | Action::Failed(_) => None,
            });
            let mut actions: Vec<_> = replies.collect();
            actions.push(Action::Failed(error));
            return actions;
        }
        let mut actions = batch.actions;
        if batch.stored > 0 {
            actions.push(Action::Grown(self.log.last_place()));
        }
        self.wake(&batch.woken, now, &mut actions);
        actions
    }

    fn put(&mut self, ticket: T, _origin: Origin, events: Vec<Checked>, now: Now, batch: &mut Batch<T>) {
        let mut ids = Vec::with_capacity(events.len());
        let mut refused = Vec::new();
        for event in events {
            match event.and_then(|event| judge::judge(&event, &self.members, now.wall).map(|()| event)) {
                Ok(event) => {
                    ids.push(event.id().to_owned());
                    self.store(&event, batch);
                }
                Err(fault) => refused.push(Refused {
                    id: fault.id,
                    code: fault.code.word().to_owned(),
                    reason: fault.reason,
                    node_time: now.wall,
                }),
            }
        }
        let receipt = (!ids.is_empty()).then(|| Receipt::sign(&self.config.key, ids, now.wall));
        batch.actions.push(Action::Reply(ticket, Reply::Stored { receipt, refused }));
    }

    /// Stores what the rules have passed, and learns from it.
    fn store(&mut self, event: &Event, batch: &mut Batch<T>) {
        if batch.error.is_some() {
            return;
        }
        if let Err(error) = self.try_store(event, batch) {
            batch.error = Some(error);
        }
    }

    fn try_store(&mut self, event: &Event, batch: &mut Batch<T>) -> Result<bool, LogError> {
        if !batch.began {
            self.log.begin()?;
            batch.began = true;
        }
        let open = self.members.is_request(event) && !self.is_answered(event)?;
        let mark = Mark { open, record: self.members.record(event) };
        if !self.log.insert(event, &mark)? {
            return Ok(false);
        }
        batch.stored += 1;
        if self.members.is_answer(event) {
            let request = event.in_reply_to().unwrap_or_default();
            if let Some(id) = id_of(request) {
                self.log.answered(&id, event.subject(), requests_of(event.kind()))?;
                batch.woken.push(request.to_owned());
            }
        }
        if let Change::Revoked(did, agent) = self.members.learn(event) {
            self.log.remove_source(&did, agent.as_deref())?;
        }
        Ok(true)
    }

    /// Has a Leader's answer come before its request?
    fn is_answered(&self, request: &Event) -> Result<bool, LogError> {
        let Some(id) = id_of(request.id()) else { return Ok(false) };
        let answers = self.log.replies(&id)?;
        Ok(answers.iter().any(|wire| Event::from_wire(wire).is_ok_and(|answer| self.answers(&answer, request))))
    }

    fn answers(&self, answer: &Event, request: &Event) -> bool {
        self.members.is_answer(answer)
            && answer.subject() == request.subject()
            && answers_of(request.kind()).contains(&answer.kind())
    }

    fn ask(&mut self, ticket: T, origin: Origin, request: Request, now: Now, batch: &mut Batch<T>) {
        let peer = match origin {
            Origin::Local => true,
            Origin::Peer { did, .. } => self.members.is_peer(&did, now.wall),
        };
        let reply = match request {
            Request::Await { ids, .. } if ids.len() > ASKED_IDS_LIMIT => error("malformed", "too many ids at once"),
            Request::Await { ids, wait_ms } => match self.answers_to(&ids) {
                Ok(events) if events.is_empty() && wait_ms > 0 && !self.stopping => {
                    if self.waits.len() < WAITS_LIMIT {
                        self.wait(Wait { ticket, ids, until_ms: now.uptime_ms + wait_ms });
                        return;
                    }
                    error("busy", "too many wait for answers here")
                }
                Ok(events) => Reply::Answers { events },
                Err(fault) => error("storage", &fault.to_string()),
            },
            Request::Get { .. } | Request::Ids { .. } if !peer => {
                error("not_permitted", "only members of the fleet may read the log")
            }
            Request::Get { ids } => match self.get(&ids) {
                Ok(events) => Reply::Events { events },
                Err(fault) => error("storage", &fault.to_string()),
            },
            _ => error("malformed", "not a request for a node"),
        };
        batch.actions.push(Action::Reply(ticket, reply));
    }

    /// What is there of these ids, as much as fits into a frame.
    fn get(&self, ids: &[String]) -> Result<Vec<Vec<u8>>, LogError> {
        let mut events = Vec::new();
        let mut room = ROOM_BYTES;
        for id in ids.iter().filter_map(|id| id_of(id)) {
            for wire in self.log.with_id(&id)? {
                if wire.len() + 1 > room {
                    return Ok(events);
                }
                room -= wire.len() + 1;
                events.push(wire);
            }
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
            let requests: Vec<_> =
                self.log.with_id(&id)?.iter().filter_map(|wire| Event::from_wire(wire).ok()).collect();
            for wire in replies {
                let Ok(answer) = Event::from_wire(&wire) else { continue };
                // Without the request here, the asker compares the subject.
                let fits = requests.is_empty() || requests.iter().any(|request| self.answers(&answer, request));
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

    fn wait(&mut self, wait: Wait<T>) {
        for id in &wait.ids {
            *self.awaited.entry(id.clone()).or_default() += 1;
        }
        self.waits.push(wait);
    }

    fn unwait(&mut self, index: usize) -> Wait<T> {
        let wait = self.waits.swap_remove(index);
        for id in &wait.ids {
            if let Some(count) = self.awaited.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    self.awaited.remove(id);
                }
            }
        }
        wait
    }

    /// Answers the waits that these requests' answers end.
    fn wake(&mut self, woken: &[String], _now: Now, actions: &mut Vec<Action<T>>) {
        if !woken.iter().any(|id| self.awaited.contains_key(id)) {
            return;
        }
        let mut index = 0;
        while index < self.waits.len() {
            if self.waits[index].ids.iter().any(|id| woken.contains(id)) {
                match self.answers_to(&self.waits[index].ids) {
                    // An answer of the wrong type or subject wakes nobody.
                    Ok(events) if events.is_empty() => {}
                    Ok(events) => {
                        let wait = self.unwait(index);
                        actions.push(Action::Reply(wait.ticket, Reply::Answers { events }));
                        continue;
                    }
                    Err(fault) => {
                        let wait = self.unwait(index);
                        actions.push(Action::Reply(wait.ticket, error("storage", &fault.to_string())));
                        continue;
                    }
                }
            }
            index += 1;
        }
    }

    fn stop(&mut self, batch: &mut Batch<T>) {
        self.stopping = true;
        self.awaited.clear();
        let over = self.waits.drain(..).map(|wait| Action::Reply(wait.ticket, Reply::Answers { events: Vec::new() }));
        batch.actions.extend(over);
    }

    fn tick(&mut self, now: Now, batch: &mut Batch<T>) {
        let mut index = 0;
        while index < self.waits.len() {
            if self.waits[index].until_ms <= now.uptime_ms {
                let wait = self.unwait(index);
                batch.actions.push(Action::Reply(wait.ticket, Reply::Answers { events: Vec::new() }));
            } else {
                index += 1;
            }
        }
        if self.pruned_ms.is_none_or(|last| now.uptime_ms >= last + PRUNE_EVERY_MS) && !batch.began {
            self.pruned_ms = Some(now.uptime_ms);
            // Its own commit: nobody waits for it.
            let pruned = self
                .log
                .begin()
                .and_then(|()| self.log.prune(now.wall - judge::LEEWAY, self.config.log_limit_bytes))
                .and_then(|_| self.log.commit());
            if let Err(error) = pruned {
                self.log.roll_back();
                batch.actions.push(Action::Failed(error));
            }
        }
    }

    fn learn_again(&mut self) -> Result<(), LogError> {
        let mut members = Members::new(self.config.fleet.clone(), self.config.nodes.iter().copied());
        self.log.records(&mut |wire| {
            if let Ok(event) = Event::from_wire(wire) {
                members.learn(&event);
            }
        })?;
        self.members = members;
        Ok(())
    }
}

/// What one call of [`Node::handle`] gathers before its commit.
struct Batch<T> {
    actions: Vec<Action<T>>,
    began: bool,
    stored: usize,
    /// Requests that an answer came for.
    woken: Vec<String>,
    error: Option<LogError>,
}

fn error(code: &str, reason: &str) -> Reply {
    Reply::Error { code: code.to_owned(), reason: reason.to_owned() }
}

/// The types that an answer of this type may be to.
fn requests_of(answer: &str) -> &'static [&'static str] {
    match answer {
        "enrolled" => &["enrol"],
        "accepted" => &["pr", "dr"],
        "answer" => &["help"],
        "revoked" => &["revoked"],
        "refused" => &["enrol", "pr", "dr", "revoked"],
        _ => &[],
    }
}
