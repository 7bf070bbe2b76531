//! The node: what it does with each input, one batch and one commit at a time.

use super::action::{Action, Verdict};
use super::admission::Admissions;
use super::announce::Announces;
use super::carry::Carry;
use super::consume::Unsynced;
use super::dial::{Calls, Target};
use super::directory::Directory;
use super::element::Element;
use super::input::{Input, Now};
use super::lookup::Lookups;
use super::peers::Peer;
use super::prune::Pruning;
use super::rate::Rates;
use super::renew::Standing;
use super::waits::Waits;
use super::{Log, LogError, Members};
use crate::attach::{Refused, Reply};
use crate::enrol::Fleet;
use crate::event::{Event, Receipt};
use crate::key::{Did, Key};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

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

/// One node over its log.
pub struct Node<L, T> {
    pub(super) config: Config,
    /// The host's key, as others know it.
    pub(super) own: Did,
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
    pub(super) lookups: Lookups<T>,
    pub(super) announces: Announces,
    /// Made of the log when it is needed.
    pub(super) directory: Option<Directory>,
    /// Who belongs, as the driver knows it.
    pub(super) told: Option<Vec<Did>>,
    pub(super) tells_ms: u64,
    /// When peers are written down next, if there is anything new.
    pub(super) remembers_ms: Option<u64>,
    pub(super) stopping: bool,
    /// When it began, by the wall clock as it goes now.
    pub(super) began: Option<Timestamp>,
    /// The log has not worked since.
    pub(super) log_error: Option<(Timestamp, String)>,
}

impl<L: Log, T> Node<L, T> {
    /// Starts from what the log holds.
    pub fn new(config: Config, log: L) -> Result<Self, LogError> {
        let calls = Calls::new(&config.targets, config.seed);
        let mut node = Self {
            own: config.key.did(),
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
            lookups: Lookups::default(),
            announces: Announces::default(),
            directory: None,
            // Nobody, until it is told.
            told: Some(Vec::new()),
            tells_ms: 0,
            remembers_ms: None,
            stopping: false,
            began: None,
            log_error: None,
            config,
        };
        node.settle(false)?;
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
            Input::LookedUp { lookup, events, over } => self.looked_up(lookup, &events, over, now, batch),
            Input::Offered { name, events, there } => self.offered((name, events), there, now, batch),
            Input::Renew { ticket, renewal } => self.renew(ticket, *renewal, batch),
            Input::Tick => self.tick(now, batch),
            Input::Stop => {
                self.stopping = true;
                batch.actions.extend(self.remember(now));
                batch.actions.extend(self.waits.end(u64::MAX));
                self.end_lookups(&mut batch.actions);
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
        // It may have failed before anything began.
        if batch.began || batch.error.is_some() {
            self.log_error = batch.error.as_ref().map(|error| (now.wall, error.to_string()));
        }
        self.renewed(batch.renewed.take(), batch.error.is_some(), now);
        if batch.changed {
            self.admissions.changed();
        }
        if let Some(error) = batch.error {
            self.log.roll_back();
            self.directory = None;
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
        self.heard_of(&batch.heard_of, now);
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
                peer.notes.belongs();
            }
        }
        self.call(belongs, now, actions);
        self.tell_members(now, actions);
        self.tend_lookups(now, actions);
        self.announce(now, actions);
        let handed_on = if belongs { Ok(Vec::new()) } else { self.hand_on(now) };
        for asks in [handed_on, self.compare(now)] {
            match asks {
                Ok(asks) => actions.extend(asks),
                Err(error) => actions.push(Action::Failed(error)),
            }
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

    /// Learns who belongs from what the log has down as records. Says which of
    /// these count as none.
    pub(super) fn learn_again(&mut self) -> Result<Vec<Element>, LogError> {
        let mut members = Members::new(self.config.fleet.clone(), self.config.nodes.clone());
        let mut none = Vec::new();
        self.log.records(&mut |wire| {
            if let Ok(event) = Event::from_wire(wire) {
                members.learn(&event);
                if members.record(&event).is_none() {
                    none.extend(Element::of(&event));
                }
            }
        })?;
        self.pruning.stays();
        // Some of it may still be there after a crash.
        members.revoked().for_each(|(did, agent)| self.pruning.leaves(did, agent));
        self.members = members;
        self.directory = None;
        Ok(none)
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
    /// Hosts that a Leader said something of.
    pub heard_of: Vec<Did>,
    /// What this node went by before, and whom it calls if that is over.
    pub renewed: Option<(Standing, Vec<Target>)>,
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
            heard_of: Vec::new(),
            renewed: None,
            error: None,
        }
    }
}
