//! The node: what it does with each input, one batch and one commit at a time.

use super::admission::Admissions;
use super::carry::Carry;
use super::consume::Unsynced;
use super::dial::{Call, Calls, Remembered, Source, Target};
use super::guard::{Admission, Offence};
use super::judge::Fault;
use super::peers::Peer;
use super::prune::Pruning;
use super::rate::Rates;
use super::waits::Waits;
use super::watch::Facts;
use super::{Log, LogError, Members};
use crate::attach::{Refused, Reply, Request};
use crate::enrol::Fleet;
use crate::event::{Event, Receipt};
use crate::key::{Did, Key};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

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
    /// The host's key; it signs receipts, and is what peers know it by.
    pub key: Key,
    /// The fleet file.
    pub fleet: Option<Fleet>,
    /// Is it a Leader's own node?
    pub leads: bool,
    /// Keys of the nodes in the fleet file.
    pub nodes: Arc<HashSet<Did>>,
    /// The addresses to call for ever.
    pub targets: Vec<Target>,
    /// What the log takes on disk, at most.
    pub log_limit_bytes: u64,
    /// Spreads the times of calls.
    pub seed: u64,
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
    /// A consumer has taken what was handed out up to a place.
    Took {
        /// Whom to tell that it is written down.
        ticket: T,
        /// The consumer.
        name: String,
        /// The place.
        place: u64,
    },
    /// A gossip message.
    Gossip {
        /// What the verdict is on.
        ticket: T,
        /// Its events.
        events: Vec<Checked>,
    },
    /// A peer is connected.
    Connected {
        /// Its key.
        peer: Did,
        /// The call that it came of.
        call: Option<u64>,
        /// The address that answered, if we called.
        address: Option<String>,
    },
    /// A peer's last connection has closed.
    Disconnected {
        /// Its key.
        peer: Did,
    },
    /// A call came to nothing.
    CallFailed {
        /// Its number.
        call: u64,
    },
    /// Addresses of a peer were learnt.
    Found {
        /// Its key.
        peer: Did,
        /// Where it may be.
        addresses: Vec<String>,
        /// How they were learnt.
        source: Source,
    },
    /// A connected peer is of another fleet.
    Foreign {
        /// Its key.
        peer: Did,
    },
    /// A peer began to listen to gossip, or gossip of its was lost: what it
    /// holds may be missing here.
    Behind {
        /// Its key.
        peer: Did,
    },
    /// Gossip to a peer was dropped: it may lack what this node holds.
    Missed {
        /// Its key.
        peer: Did,
    },
    /// What became of an [`Action::Ask`].
    Answered {
        /// Its number.
        ask: u64,
        /// The reply.
        outcome: Outcome,
    },
    /// Nothing; time has passed.
    Tick,
    /// The node is about to end: nobody waits any longer.
    Stop,
}

/// A peer's reply.
#[derive(Debug)]
pub enum Outcome {
    /// Events, or Leaders' answers.
    Events(Vec<Checked>),
    /// Any other reply.
    Other(Reply),
    /// None came.
    Failed,
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
    /// Say what becomes of a gossip message.
    Verdict(T, Verdict),
    /// Gossip these events' wire forms.
    Publish(Vec<Vec<u8>>),
    /// Take part in the gossip from now on, or no longer.
    Gossip(bool),
    /// Ask a peer; the outcome comes back as [`Input::Answered`].
    Ask {
        /// Names the outcome.
        ask: u64,
        /// Whom.
        peer: Did,
        /// What.
        request: Request,
    },
    /// Call a peer.
    Call(Call),
    /// These are the keys of all who belong; `None`: everybody does.
    Members(Option<Vec<Did>>),
    /// Write down whom to call after a restart.
    Remember(Vec<Remembered>),
    /// The log holds something new, up to this place.
    Grown(u64),
    /// Answer a request for what the node sees.
    Watched(T, Box<Facts>),
    /// The log was at its limit, and this many events went: such as nobody
    /// waits for, and requests that no Leader has answered.
    Dropped {
        /// What is no request, or is answered.
        plain: u64,
        /// Open requests.
        open: u64,
    },
    /// From now on a peer stands so; nobody said of is a stranger.
    Admission(Did, Admission),
    /// A peer did what no honest one does.
    Blame(Did, Offence),
    /// The log failed; what depended on it was answered so.
    Failed(LogError),
}

/// One node over its log.
pub struct Node<L, T> {
    pub(super) config: Config,
    pub(super) log: L,
    pub(super) members: Members,
    pub(super) waits: Waits<T>,
    pub(super) calls: Calls,
    pub(super) peers: BTreeMap<Did, Peer>,
    /// Who was asked, by the asks' numbers.
    pub(super) asked: HashMap<u64, Did>,
    pub(super) last_ask: u64,
    pub(super) carry: Carry,
    pub(super) rates: Rates,
    admissions: Admissions,
    /// Does it take part in the gossip?
    pub(super) gossips: bool,
    pub(super) unsynced: Unsynced,
    pub(super) pruning: Pruning,
    /// Who belongs, as the driver knows it.
    pub(super) told: Option<Vec<Did>>,
    pub(super) tells_ms: u64,
    /// When peers are written down next, if there is anything new.
    pub(super) remembers_ms: Option<u64>,
    pub(super) stopping: bool,
    /// The log has not worked since.
    pub(super) log_error: Option<(Timestamp, String)>,
}

impl<L: Log, T> Node<L, T> {
    /// Starts from what the log holds.
    pub fn new(config: Config, log: L) -> Result<Self, LogError> {
        let calls = Calls::new(&config.targets, config.seed);
        let mut node = Self {
            members: Members::default(),
            log,
            waits: Waits::default(),
            calls,
            peers: BTreeMap::new(),
            asked: HashMap::new(),
            last_ask: 0,
            carry: Carry::default(),
            rates: Rates::default(),
            admissions: Admissions::default(),
            gossips: false,
            unsynced: Unsynced::default(),
            pruning: Pruning::default(),
            // Nobody, until it is told.
            told: Some(Vec::new()),
            tells_ms: 0,
            remembers_ms: None,
            stopping: false,
            log_error: None,
            config,
        };
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

    /// Does this node belong to the fleet, so that it may gossip and reconcile?
    pub fn belongs(&self, now: Timestamp) -> bool {
        self.config.leads || self.members.is_peer(&self.config.key.did(), now)
    }

    /// Takes a batch of inputs: one commit for all that they store, then what
    /// is to be done.
    pub fn handle(&mut self, inputs: impl IntoIterator<Item = Input<T>>, now: Now) -> Vec<Action<T>> {
        let mut batch = Batch::default();
        for input in inputs {
            self.take(input, now, &mut batch);
        }
        let mut actions = self.finish(batch, now);
        self.go_on(now, &mut actions);
        actions
    }

    fn take(&mut self, input: Input<T>, now: Now, batch: &mut Batch<T>) {
        match input {
            Input::Put { ticket, origin, events } => self.put(ticket, origin, events, now, batch),
            Input::Ask { ticket, origin, request } => self.ask(ticket, origin, request, now, batch),
            Input::Took { ticket, name, place } => self.took(ticket, name, place, batch),
            Input::Gossip { ticket, events } => self.gossip(ticket, events, now, batch),
            Input::Connected { peer, call, address } => self.connected(peer, call, address.as_deref(), now),
            Input::Disconnected { peer } => self.disconnected(peer, now),
            Input::CallFailed { call } => self.calls.failed(call, now.uptime_ms),
            Input::Found { peer, addresses, source } => self.found(peer, addresses, source, now),
            Input::Foreign { peer } => self.calls.foreign(&peer, now.uptime_ms),
            Input::Behind { peer } => self.behind(&peer, now),
            Input::Missed { peer } => self.missed(&peer, now),
            Input::Answered { ask, outcome } => self.answered(ask, outcome, now, batch),
            Input::Tick => self.tick(now, batch),
            Input::Stop => {
                self.stopping = true;
                batch.actions.extend(self.remember(now));
                batch.actions.extend(self.waits.end(u64::MAX));
            }
        }
    }

    fn finish(&mut self, mut batch: Batch<T>, now: Now) -> Vec<Action<T>> {
        if batch.error.is_none() {
            batch.error = self.keep_taken(&mut batch, now).err();
        }
        if batch.began && batch.error.is_none() {
            match self.log.commit() {
                Ok(()) => self.synced(),
                Err(error) => batch.error = Some(error),
            }
        }
        if batch.began {
            self.log_error = batch.error.as_ref().map(|error| (now.wall, error.to_string()));
        }
        if batch.changed {
            self.admissions.changed();
        }
        if let Some(error) = batch.error {
            self.log.roll_back();
            let _ = self.learn_again();
            let actions = batch.actions.into_iter().filter_map(|action| match action {
                Action::Reply(ticket, _) => {
                    let (code, reason) = ("storage".to_owned(), error.to_string());
                    Some(Action::Reply(ticket, Reply::Error { code, reason }))
                }
                Action::Verdict(ticket, _) => Some(Action::Verdict(ticket, Verdict::Ignore)),
                watched @ Action::Watched(..) => Some(watched),
                _ => None,
            });
            let mut actions: Vec<_> = actions.collect();
            actions.push(Action::Failed(error));
            return actions;
        }
        let mut actions = batch.actions;
        if batch.stored > 0 {
            actions.push(Action::Grown(self.log.last_place()));
        }
        if !batch.publish.is_empty() && self.gossips {
            actions.push(Action::Publish(batch.publish));
        }
        if batch.joined {
            // What its author said before was not taken; a peer may have it.
            for peer in self.peers.values_mut() {
                peer.compare_soon(now.uptime_ms);
            }
        }
        self.wake(&batch.woken, &mut actions);
        actions
    }

    /// What follows from the state alone: calls, requests, taking part.
    fn go_on(&mut self, now: Now, actions: &mut Vec<Action<T>>) {
        if self.stopping {
            return;
        }
        self.admissions.tell(&self.members, now, actions);
        let belongs = self.belongs(now.wall);
        if belongs != self.gossips {
            self.gossips = belongs;
            actions.push(Action::Gossip(belongs));
            for peer in self.peers.values_mut() {
                peer.compare_soon(now.uptime_ms);
            }
        }
        self.call(belongs, now, actions);
        self.tell_members(now, actions);
        let asks = if belongs { self.compare(now) } else { self.hand_on(now) };
        match asks {
            Ok(asks) => actions.extend(asks),
            Err(error) => actions.push(Action::Failed(error)),
        }
    }

    fn tick(&mut self, now: Now, batch: &mut Batch<T>) {
        batch.actions.extend(self.waits.end(now.uptime_ms));
        self.ask_clocks(now, batch);
        if self.sync_due(now) && !batch.began {
            match self.log.begin() {
                Ok(()) => batch.began = true,
                Err(error) => batch.actions.push(Action::Failed(error)),
            }
        }
        self.prune(now, batch);
    }

    fn learn_again(&mut self) -> Result<(), LogError> {
        let mut members = Members::new(self.config.fleet.clone(), self.config.nodes.clone());
        self.log.records(&mut |wire| {
            if let Ok(event) = Event::from_wire(wire) {
                members.learn(&event);
            }
        })?;
        // Some of it may still be there after a crash.
        members.revoked().for_each(|(did, agent)| self.pruning.leaves(did, agent));
        self.members = members;
        Ok(())
    }

    pub(super) fn receipt(&self, ids: Vec<String>, refused: Vec<Refused>, now: Now) -> Reply {
        let receipt = (!ids.is_empty()).then(|| Receipt::sign(&self.config.key, ids, now.wall));
        Reply::Stored { receipt, refused }
    }
}

/// What one call of [`Node::handle`] gathers before its commit.
pub(super) struct Batch<T> {
    pub actions: Vec<Action<T>>,
    pub began: bool,
    pub stored: usize,
    /// Wire forms that were handed over here, and go out as gossip.
    pub publish: Vec<Vec<u8>>,
    /// Requests that an answer came for.
    pub woken: Vec<String>,
    /// Somebody was enrolled.
    pub joined: bool,
    /// How far consumers have got.
    pub taken: BTreeMap<String, u64>,
    /// Who belongs is not what it was.
    pub changed: bool,
    pub error: Option<LogError>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            actions: Vec::new(),
            began: false,
            stored: 0,
            publish: Vec::new(),
            woken: Vec::new(),
            joined: false,
            taken: BTreeMap::new(),
            changed: false,
            error: None,
        }
    }
}
