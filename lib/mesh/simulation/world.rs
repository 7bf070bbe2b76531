//! A world of nodes on virtual time: messages are late, lost, or cut off, as
//! one seed says, and the same seed does it again.

use super::memory::Memory;
use crate::attach::{Reply, Request};
use crate::enrol::{Fleet, Leader};
use crate::event::{Draft, Event, Stamp};
use crate::key::{Did, Key};
use crate::mesh::dial::Random;
use crate::mesh::{Action, Call, Config, Input, Node, Now, Origin, Outcome, Target, Verdict, check};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub const NOTE: &str = "ucxl://any:any@COOEE:test/#/note";
pub const ENROL: &str = "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001";
const STEP_MS: u64 = 50;

/// Whom a node's reply is for.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// The test, by its number.
    Test(u64),
    /// Another node's ask.
    Ask { from: usize, ask: u64 },
    /// A gossip message and the node it came from.
    Gossip { message: u64, from: usize },
}

enum Letter {
    Request { from: usize, ask: u64, request: Request },
    Reply { ask: u64, reply: Reply },
    Gossip { from: usize, message: u64, events: Vec<Vec<u8>> },
}

pub struct Member {
    pub key: Key,
    pub log: Memory,
    pub node: Option<Node<Memory, Ticket>>,
    calls: Vec<usize>,
    gossips: bool,
    seen: BTreeSet<u64>,
    leads: bool,
}

pub struct World {
    pub random: Random,
    pub fleet: Fleet,
    pub leader: Key,
    pub members: Vec<Member>,
    pub replies: BTreeMap<u64, Reply>,
    pub verdicts: Vec<(usize, Verdict)>,
    /// Of a hundred gossip messages, how many are lost.
    pub lost_percent: u64,
    now_ms: u64,
    letters: BTreeMap<(u64, u64), (usize, Letter)>,
    connected: BTreeSet<(usize, usize)>,
    cut: BTreeSet<(usize, usize)>,
    messages: BTreeMap<u64, Vec<Vec<u8>>>,
    count: u64,
}

impl World {
    /// `calls[i]` are the nodes that node `i` calls. Node 0 is the Leader's.
    pub fn new(seed: u64, calls: &[&[usize]]) -> Self {
        let leader = key(200);
        let fleet = Fleet::found(Leader { did: leader.did(), age: "age1unused".to_owned() });
        let members = calls.iter().enumerate().map(|(index, calls)| Member {
            key: key(index),
            log: Memory::default(),
            node: None,
            calls: calls.to_vec(),
            gossips: false,
            seen: BTreeSet::new(),
            leads: index == 0,
        });
        let mut world = Self {
            random: Random(seed),
            fleet,
            leader,
            members: members.collect(),
            replies: BTreeMap::new(),
            verdicts: Vec::new(),
            lost_percent: 0,
            now_ms: 1_000,
            letters: BTreeMap::new(),
            connected: BTreeSet::new(),
            cut: BTreeSet::new(),
            messages: BTreeMap::new(),
            count: 0,
        };
        (0..calls.len()).for_each(|index| world.boot(index));
        world
    }

    pub fn wall(&self) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + self.now_ms.cast_signed()).expect("a time")
    }

    pub fn now(&self) -> Now {
        Now { wall: self.wall(), uptime_ms: self.now_ms }
    }

    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// An event of now.
    pub fn event(&mut self, author: &Key, kind: &str, subject: &str, data: Value, reply: Option<&str>) -> Event {
        let time = self.wall();
        let draft = Draft {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            expires: time + SignedDuration::from_hours(24),
            data,
            data_base64: None,
            in_reply_to: reply.map(str::to_owned),
            agent: None,
        };
        let ms = time.as_millisecond().unsigned_abs();
        let mut noise = [0; 10];
        noise[..8].copy_from_slice(&self.random.next().to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(ms, &noise).into_uuid();
        let sequence = time.as_microsecond().unsigned_abs() + self.number() % 1000;
        draft.sign(author, &Stamp { id, time, sequence }).expect("a good draft")
    }

    pub fn enrolled(&mut self, index: usize, reply: Option<&str>) -> Event {
        let until = crate::event::rfc3339(self.wall() + SignedDuration::from_hours(24));
        let data = json!({"agent_did": format!("{}#0000000001", key(index).did()), "expires": until});
        let leader = self.leader.clone();
        self.event(&leader, "enrolled", ENROL, data, reply)
    }

    /// Starts a node over what its log holds.
    pub fn boot(&mut self, index: usize) {
        let member = &self.members[index];
        let config = Config {
            key: member.key.clone(),
            fleet: Some(self.fleet.clone()),
            leads: member.leads,
            nodes: vec![key(0).did()],
            targets: member.calls.iter().map(|target| target_of(*target)).collect(),
            log_limit_bytes: u64::MAX,
            seed: self.random.next(),
        };
        let node = Node::new(config, member.log.clone()).expect("a log");
        self.members[index].node = Some(node);
    }

    /// Ends a node without a word.
    pub fn crash(&mut self, index: usize) {
        self.members[index].node = None;
        self.members[index].gossips = false;
        self.members[index].seen.clear();
        self.letters.retain(|_, (to, _)| *to != index);
        for other in 0..self.members.len() {
            self.part(index, other);
        }
    }

    /// Cuts two nodes off from each other, or joins them again.
    pub fn cut(&mut self, one: usize, other: usize, off: bool) {
        if off {
            self.cut.insert((one.min(other), one.max(other)));
            self.part(one, other);
        } else {
            self.cut.remove(&(one.min(other), one.max(other)));
        }
    }

    fn part(&mut self, one: usize, other: usize) {
        if self.connected.remove(&(one.min(other), one.max(other))) {
            for (index, peer) in [(one, other), (other, one)] {
                self.input(index, Input::Disconnected { peer: key(peer).did() });
            }
        }
    }

    /// Hands events to a node's socket; the reply is in `replies`.
    pub fn put(&mut self, index: usize, events: &[&Event]) -> u64 {
        let ticket = self.number();
        let events = events.iter().map(|event| check(event.wire())).collect();
        self.input(index, Input::Put { ticket: Ticket::Test(ticket), origin: Origin::Local, events });
        ticket
    }

    /// The ids that a node has receipted.
    pub fn receipted(&self, ticket: u64) -> Vec<String> {
        match self.replies.get(&ticket) {
            Some(Reply::Stored { receipt: Some(receipt), .. }) => receipt.ids.clone(),
            _ => Vec::new(),
        }
    }

    pub fn input(&mut self, index: usize, input: Input<Ticket>) {
        let now = self.now();
        let Some(node) = self.members[index].node.as_mut() else { return };
        for action in node.handle([input], now) {
            self.act(index, action);
        }
    }

    /// Time passes.
    pub fn run(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            self.now_ms += STEP_MS;
            while let Some(entry) = self.letters.first_entry() {
                if entry.key().0 > self.now_ms {
                    break;
                }
                let (to, letter) = entry.remove();
                self.deliver(to, letter);
            }
            if self.now_ms.is_multiple_of(250) {
                (0..self.members.len()).for_each(|index| self.input(index, Input::Tick));
            }
        }
    }

    fn act(&mut self, index: usize, action: Action<Ticket>) {
        match action {
            Action::Reply(Ticket::Test(number), reply) => drop(self.replies.insert(number, reply)),
            Action::Reply(Ticket::Ask { from, ask }, reply) => self.send(index, from, Letter::Reply { ask, reply }),
            Action::Verdict(Ticket::Gossip { message, from }, verdict) => {
                self.verdicts.push((index, verdict));
                if verdict == Verdict::Accept {
                    self.spread(index, Some(from), message);
                }
            }
            Action::Publish(events) => {
                let message = self.number();
                self.messages.insert(message, events);
                self.members[index].seen.insert(message);
                self.spread(index, None, message);
            }
            Action::Gossip(joins) => {
                self.members[index].gossips = joins;
                for other in self.neighbours(index) {
                    self.input(other, Input::Behind { peer: key(index).did() });
                }
            }
            Action::Ask { ask, peer, request } => {
                let to = self.index_of(&peer);
                self.send(index, to, Letter::Request { from: index, ask, request });
            }
            Action::Call(call) => self.call(index, &call),
            Action::Grown(_) | Action::Remember(_) => {}
            other => panic!("node {index}: {other:?}"),
        }
    }

    fn index_of(&self, did: &Did) -> usize {
        self.members.iter().position(|member| member.key.did() == *did).expect("one of them")
    }

    fn neighbours(&self, index: usize) -> Vec<usize> {
        let other =
            |(one, two): &(usize, usize)| if *one == index { Some(*two) } else { (*two == index).then_some(*one) };
        self.connected.iter().filter_map(other).collect()
    }

    fn call(&mut self, index: usize, call: &Call) {
        let other = self.index_of(&call.peer.expect("all have names"));
        let pair = (index.min(other), index.max(other));
        let is_there = !self.cut.contains(&pair) && self.members[other].node.is_some();
        let call = call.call;
        if is_there && self.connected.insert(pair) {
            self.input(index, Input::Connected { peer: key(other).did(), call: Some(call), address: None });
            self.input(other, Input::Connected { peer: key(index).did(), call: None, address: None });
            // Gossip tells those it meets what it listens to.
            for (listener, peer) in [(index, other), (other, index)] {
                if self.members[listener].gossips {
                    self.input(peer, Input::Behind { peer: key(listener).did() });
                }
            }
        } else {
            self.input(index, Input::CallFailed { call });
        }
    }

    /// A letter arrives if both are still connected then.
    fn send(&mut self, from: usize, to: usize, letter: Letter) {
        let number = self.number();
        if self.connected.contains(&(from.min(to), from.max(to))) {
            let late = 10 + self.random.below(200);
            self.letters.insert((self.now_ms + late, number), (to, letter));
        } else if let Letter::Request { ask, .. } = letter {
            self.input(from, Input::Answered { ask, outcome: Outcome::Failed });
        }
    }

    fn spread(&mut self, index: usize, from: Option<usize>, message: u64) {
        for to in self.neighbours(index) {
            let lost = self.random.below(100) < self.lost_percent;
            if Some(to) != from && self.members[to].gossips && !lost {
                let events = self.messages[&message].clone();
                self.send(index, to, Letter::Gossip { from: index, message, events });
            }
        }
    }

    fn deliver(&mut self, to: usize, letter: Letter) {
        match letter {
            Letter::Request { from, ask, request } => {
                let origin = Origin::Peer { did: key(from).did(), address: None };
                let ticket = Ticket::Ask { from, ask };
                match request {
                    Request::Put { events } => {
                        let events = events.iter().map(|wire| check(wire)).collect();
                        self.input(to, Input::Put { ticket, origin, events });
                    }
                    request => self.input(to, Input::Ask { ticket, origin, request }),
                }
            }
            Letter::Reply { ask, reply } => {
                let outcome = match reply {
                    Reply::Events { events } | Reply::Answers { events } => {
                        Outcome::Events(events.iter().map(|wire| check(wire)).collect())
                    }
                    reply => Outcome::Other(reply),
                };
                self.input(to, Input::Answered { ask, outcome });
            }
            Letter::Gossip { from, message, events } => {
                if self.members[to].seen.insert(message) {
                    let events = events.iter().map(|wire| check(wire)).collect();
                    self.input(to, Input::Gossip { ticket: Ticket::Gossip { message, from }, events });
                }
            }
        }
    }

    /// A node that breaks the rules gossips these bytes to node `to`.
    pub fn gossip_raw(&mut self, from: usize, to: usize, events: Vec<Vec<u8>>) {
        let message = self.number();
        self.messages.insert(message, events.clone());
        self.deliver(to, Letter::Gossip { from, message, events });
    }
}

pub fn key(index: usize) -> Key {
    Key::from_seed(&[u8::try_from(index + 1).expect("a small world"); 32])
}

/// Where a node is called in this world.
pub fn target_of(index: usize) -> Target {
    Target { peer: Some(key(index).did()), address: index.to_string() }
}
