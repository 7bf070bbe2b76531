//! Nodes on virtual time: a queue of what happens next, and nothing happens
//! between. One seed says what is late and what is lost; the same seed does it
//! again.

use super::memory::{Memory, Pool};
use super::overlay::{Link, Message};
use super::queue::{Entry, Happens, Letter, Ticket};
use crate::attach::{Reply, Request};
use crate::enrol::{Fleet, Leader};
use crate::key::{Did, Key};
use crate::mesh::dial::Random;
use crate::mesh::{
    Action, Announced, Call, Checked, Config, Input, Node, Now, Origin, Outcome, Source, Target, Verdict, check, dht,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

pub const NOTE: &str = "ucxl://any:any@COOEE:test/#/note";
/// A node takes no more connections, as `net` limits them.
const CONNECTIONS_LIMIT: usize = 256;
pub const ENROL: &str = "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001";

pub struct Member {
    pub key: Key,
    pub did: Did,
    pub log: Memory,
    pub node: Option<Node<Memory, Ticket>>,
    /// Its clock is ahead by this much.
    pub skew_ms: i64,
    /// Whom it calls for ever.
    /// What its log may take.
    pub limit_bytes: u64,
    calls: Vec<usize>,
    /// Whom it has heard of, and may call.
    knows: Vec<usize>,
    leads: bool,
    /// Only those of one side reach each other.
    pub(super) side: u8,
    /// How often it was started: an earlier run's timers are void.
    pub(super) boot: u64,
    pub(super) gossips: bool,
    pub(super) links: BTreeMap<usize, Link>,
    /// What it has of the DHT.
    pub holds: Vec<Announced>,
    /// Messages that passed, by heartbeats, for those who ask for them.
    pub(super) history: Vec<Vec<u64>>,
}

/// What a world is made of.
pub struct Plan {
    pub seed: u64,
    /// Whom each node calls for ever; node 0 is the Leader's.
    pub calls: Vec<Vec<usize>>,
    /// Whom each has heard of from others, and calls as its dial rules say.
    pub knows: Vec<Vec<usize>>,
    /// How many of the first nodes the fleet file names: they belong without
    /// being enrolled.
    pub named: usize,
    /// A letter takes from this to that long: each link its own time, and up
    /// to a quarter more.
    pub latency_ms: (u64, u64),
    /// Between two ticks of a node.
    pub tick_ms: u64,
}

pub struct World {
    pub random: Random,
    pub fleet: Option<Fleet>,
    pub leader: Key,
    pub members: Vec<Member>,
    pub replies: BTreeMap<u64, Reply>,
    pub verdicts: Vec<(usize, Verdict)>,
    /// Requests for events, of all nodes.
    pub gets: u64,
    /// What these nodes answer to `find`, whatever their logs hold.
    pub finds: BTreeMap<usize, Vec<Vec<u8>>>,
    /// What the DHT has under any name.
    pub records: Vec<Vec<u8>>,
    /// What was put into it, by any node.
    pub announced: Vec<Announced>,
    /// Records of others that were kept, by any node.
    pub kept: Vec<Announced>,
    /// Of a hundred gossip messages, how many are lost on a link.
    pub lost_percent: u64,
    pub(super) plan: Plan,
    pub(super) now_ms: u64,
    pub(super) messages: BTreeMap<u64, Message>,
    queue: BinaryHeap<Entry>,
    pub(super) cut: BTreeSet<(usize, usize)>,
    index: HashMap<Did, usize>,
    named: Arc<HashSet<Did>>,
    /// Each wire form is read and checked once for all nodes.
    checked: HashMap<Vec<u8>, Checked>,
    count: u64,
}

impl World {
    /// A few nodes; `calls[i]` are those that node `i` calls.
    pub fn new(seed: u64, calls: &[&[usize]]) -> Self {
        let knows = vec![Vec::new(); calls.len()];
        let calls = calls.iter().map(|calls| calls.to_vec()).collect();
        Self::of(Plan { seed, calls, knows, named: 1, latency_ms: (10, 150), tick_ms: 250 }, true)
    }

    /// A world of a fleet, or of nodes that take every well-signed event.
    pub fn of(plan: Plan, has_fleet: bool) -> Self {
        let leader = key(usize::MAX - 1);
        let pool = Pool::default();
        let member = |(index, calls): (usize, &Vec<usize>)| Member {
            key: key(index),
            did: key(index).did(),
            log: Memory::new(&pool),
            node: None,
            skew_ms: 0,
            limit_bytes: u64::MAX,
            calls: calls.clone(),
            knows: plan.knows[index].clone(),
            leads: index == 0,
            side: 0,
            boot: 0,
            gossips: false,
            links: BTreeMap::new(),
            holds: Vec::new(),
            history: Vec::new(),
        };
        let members: Vec<_> = plan.calls.iter().enumerate().map(member).collect();
        Self {
            random: Random(plan.seed),
            fleet: has_fleet.then(|| Fleet::found(Leader { did: leader.did(), age: "age1unused".to_owned() })),
            leader,
            index: members.iter().enumerate().map(|(index, member)| (member.did, index)).collect(),
            named: Arc::new(members[..plan.named].iter().map(|member| member.did).collect()),
            members,
            replies: BTreeMap::new(),
            verdicts: Vec::new(),
            gets: 0,
            finds: BTreeMap::new(),
            records: Vec::new(),
            announced: Vec::new(),
            kept: Vec::new(),
            lost_percent: 0,
            plan,
            now_ms: 1_000,
            messages: BTreeMap::new(),
            queue: BinaryHeap::new(),
            cut: BTreeSet::new(),
            checked: HashMap::new(),
            count: 0,
        }
        .begun()
    }

    fn begun(mut self) -> Self {
        (0..self.members.len()).for_each(|index| self.boot(index));
        self
    }

    /// The true time.
    pub fn wall(&self) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + self.now_ms.cast_signed()).expect("a time")
    }

    pub fn now(&self) -> Now {
        Now { wall: self.wall(), uptime_ms: self.now_ms }
    }

    pub(super) fn now_of(&self, index: usize) -> Now {
        let wall = self.wall() + SignedDuration::from_millis(self.members[index].skew_ms);
        Now { wall, uptime_ms: self.now_ms }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn later(&mut self, ms: u64, happens: Happens) {
        let number = self.number();
        self.queue.push(Entry { at_ms: self.now_ms + ms, number, happens });
    }

    /// Starts a node over what its log holds.
    pub fn boot(&mut self, index: usize) {
        let seed = self.random.next();
        let member = &mut self.members[index];
        member.log.recover();
        let config = Config {
            key: member.key.clone(),
            fleet: self.fleet.clone(),
            leads: member.leads,
            nodes: self.named.clone(),
            targets: member.calls.iter().map(|target| target_of(*target)).collect(),
            log_limit_bytes: member.limit_bytes,
            seed,
        };
        member.node = Some(Node::new(config, member.log.clone()).expect("a log"));
        member.boot += 1;
        let boot = member.boot;
        for peer in member.knows.clone() {
            let Target { peer, address } = target_of(peer);
            let peer = peer.expect("all have names");
            self.input(index, Input::Found { peer, addresses: vec![address], source: Source::Exchange });
        }
        // Nodes do not start at the same moment.
        let (tick, beat) = (self.random.below(self.plan.tick_ms), self.random.below(1_000));
        self.later(tick, Happens::Tick { at: index, boot });
        self.later(beat, Happens::Heartbeat { at: index, boot });
    }

    pub(super) fn check(&mut self, wire: &[u8]) -> Checked {
        if let Some(checked) = self.checked.get(wire) {
            return checked.clone();
        }
        let checked = check(wire);
        self.checked.insert(wire.to_vec(), checked.clone());
        checked
    }

    pub fn input(&mut self, index: usize, input: Input<Ticket>) {
        let now = self.now_of(index);
        let member = &mut self.members[index];
        let Some(node) = member.node.as_mut() else { return };
        let actions = node.handle([input], now);
        if member.log.is_broken() {
            // Killed before it did anything of what it wanted done.
            self.crash(index);
            return;
        }
        for action in actions {
            self.act(index, action);
        }
    }

    /// Time passes.
    pub fn run(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.queue.peek().is_some_and(|entry| entry.at_ms <= end) {
            if let Some(entry) = self.queue.pop() {
                self.now_ms = entry.at_ms;
                self.happens(entry.happens);
            }
        }
        self.now_ms = end;
        // As gossipsub's own memory of what it has seen, a little longer.
        self.messages.retain(|_, message| message.born_ms + 120_000 > end);
    }

    fn happens(&mut self, happens: Happens) {
        match happens {
            Happens::Tick { at, boot } if self.members[at].boot == boot => {
                self.input(at, Input::Tick);
                self.later(self.plan.tick_ms, Happens::Tick { at, boot });
            }
            Happens::Heartbeat { at, boot } if self.members[at].boot == boot => self.heartbeat(at, boot),
            Happens::Judged { at, from, message } => self.judge(at, from, message),
            // Whatever was on its way over a link that is gone is lost.
            Happens::Arrives { to, from, link, letter }
                if self.members[to].links.get(&from).is_some_and(|there| there.number == link) =>
            {
                self.arrives(to, from, link, letter);
            }
            _ => {}
        }
    }

    fn act(&mut self, index: usize, action: Action<Ticket>) {
        match action {
            Action::Reply(Ticket::Test(number), reply) => drop(self.replies.insert(number, reply)),
            Action::Reply(Ticket::Ask { from, link, ask }, reply) => {
                if self.members[index].links.get(&from).is_some_and(|there| there.number == link) {
                    self.send(index, from, Letter::Reply { ask, reply: Box::new(reply) });
                }
            }
            Action::Verdict(Ticket::Gossip { message, from }, verdict) => {
                self.verdicts.push((index, verdict));
                self.verdict(index, from, message, verdict);
            }
            Action::Publish(events) => self.publish(index, &events),
            Action::Gossip(joins) => self.listens(index, joins),
            Action::Ask { ask, peer, request } => {
                self.gets += u64::from(matches!(request, Request::Get { .. }));
                let to = self.index[&peer];
                if !self.send(index, to, Letter::Request { ask, request: Box::new(request) }) {
                    self.input(index, Input::Answered { ask, outcome: Outcome::Failed });
                }
            }
            Action::Lookup { lookup, .. } => {
                for value in self.records.clone() {
                    self.input(index, Input::LookedUp { lookup, events: dht::read(&value), over: None });
                }
                let count = self.records.len() as u64;
                self.input(index, Input::LookedUp { lookup, events: Vec::new(), over: Some((count, count)) });
            }
            Action::Announce(records) => self.announced.extend(records),
            Action::Hold(records) => self.members[index].holds = records,
            Action::Keep { record, .. } => self.kept.push(record),
            Action::Call(call) => self.call(index, &call),
            Action::Grown(_)
            | Action::Remember(_)
            | Action::Members(_)
            | Action::Dropped { .. }
            | Action::Ours { .. }
            | Action::Admission(..)
            | Action::Blame(..) => {}
            other => panic!("node {index}: {other:?}"),
        }
    }

    fn call(&mut self, index: usize, call: &Call) {
        let other = self.index[&call.peer.expect("all have names")];
        let (here, there) = (&self.members[index], &self.members[other]);
        let cut = self.cut.contains(&(index.min(other), index.max(other))) || here.side != there.side;
        let full = there.links.len() >= CONNECTIONS_LIMIT;
        let call = call.call;
        if cut || full || there.node.is_none() || here.links.contains_key(&other) {
            self.input(index, Input::CallFailed { call });
            return;
        }
        let number = self.number();
        self.members[index].links.insert(other, Link::new(number, true));
        self.members[other].links.insert(index, Link::new(number, false));
        let (own, peer) = (self.members[index].did, self.members[other].did);
        self.input(index, Input::Connected { peer, call: Some(call), address: Some(other.to_string()) });
        self.input(other, Input::Connected { peer: own, call: None, address: None });
        // Gossip tells those it meets what it listens to.
        for (listener, peer) in [(index, other), (other, index)] {
            if self.members[listener].gossips {
                self.send(listener, peer, Letter::Listens(true));
            }
        }
    }

    /// A letter over the link between two; false if there is none.
    pub(super) fn send(&mut self, from: usize, to: usize, letter: Letter) -> bool {
        let (least, most) = self.plan.latency_ms;
        let jitter = self.random.next();
        let now_ms = self.now_ms;
        let Some(link) = self.members[from].links.get_mut(&to) else { return false };
        let own = least + Random(link.number).below(most - least + 1);
        // A link keeps the order of its letters, as a stream does.
        let at_ms = (now_ms + own + jitter % (own / 4 + 1)).max(link.last_ms);
        link.last_ms = at_ms;
        let link = link.number;
        self.later(at_ms - now_ms, Happens::Arrives { to, from, link, letter });
        true
    }

    fn arrives(&mut self, to: usize, from: usize, link: u64, letter: Letter) {
        match letter {
            Letter::Request { ask, request }
                if matches!(*request, Request::Find { .. }) && self.finds.contains_key(&to) =>
            {
                let reply = Box::new(Reply::Found { events: self.finds[&to].clone(), asked: 0, answered: 0 });
                self.send(to, from, Letter::Reply { ask, reply });
            }
            Letter::Request { ask, request } => {
                let origin = Origin::Peer { did: self.members[from].did, address: None };
                let ticket = Ticket::Ask { from, link, ask };
                let input = match *request {
                    Request::Put { events } => {
                        let events = events.iter().map(|wire| self.check(wire)).collect();
                        Input::Put { ticket, origin, events }
                    }
                    request => Input::Ask { ticket, origin, request },
                };
                self.input(to, input);
            }
            Letter::Reply { ask, reply } => {
                let outcome = match *reply {
                    Reply::Events { events } | Reply::Answers { events } | Reply::Found { events, .. } => {
                        Outcome::Events(events.iter().map(|wire| self.check(wire)).collect())
                    }
                    reply => Outcome::Other(reply),
                };
                self.input(to, Input::Answered { ask, outcome });
            }
            letter => self.gossips(to, from, letter),
        }
    }
}

pub fn key(index: usize) -> Key {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(index as u64 + 1).to_le_bytes());
    Key::from_seed(&seed)
}

/// Where a node is called in this world.
pub fn target_of(index: usize) -> Target {
    Target { peer: Some(key(index).did()), address: index.to_string() }
}
