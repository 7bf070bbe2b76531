//! Who belongs to the fleet, as its Leaders' events say.

use super::guard::Admission;
use super::log::Record;
use crate::enrol::Fleet;
use crate::event::{self, Event};
use crate::key::Did;
use crate::watch::Standing;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Leaders, enrolled and revoked keys. Without a fleet everybody belongs.
#[derive(Debug, Default)]
pub struct Members {
    fleet: Option<Fleet>,
    /// Keys of the nodes that the fleet file names: peers, not authors.
    nodes: Arc<HashSet<Did>>,
    /// An enrolled host's key, and until when its last agent is enrolled.
    enrolled: HashMap<Did, Timestamp>,
    revoked: HashSet<Did>,
    /// Single agents, by their tiny ids.
    revoked_agents: HashSet<(Did, String)>,
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// This key may speak now.
    Joined(Did),
    /// This key may not speak any more, or one agent of it.
    Revoked(Did, Option<String>),
}

impl Members {
    /// Nobody but those the fleet file names.
    pub fn new(fleet: Option<Fleet>, nodes: Arc<HashSet<Did>>) -> Self {
        Self { fleet, nodes, ..Self::default() }
    }

    /// Is it a Leader's key?
    pub fn is_leader(&self, did: &Did) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| fleet.is_leader(did))
    }

    /// May this key's events be stored and passed on?
    pub fn may_speak(&self, did: &Did, now: Timestamp) -> bool {
        self.fleet.is_none() || self.is_leader(did) || self.is_enrolled(did, now)
    }

    /// Is the key enrolled, and not revoked?
    pub fn is_enrolled(&self, did: &Did, now: Timestamp) -> bool {
        self.enrolled.get(did).is_some_and(|until| *until > now) && !self.revoked.contains(did)
    }

    /// May this peer have the ids and the events of the log?
    pub fn is_peer(&self, did: &Did, now: Timestamp) -> bool {
        self.fleet.is_none() || self.admission(did, now) == Admission::Member
    }

    /// How a peer is let in.
    pub fn admission(&self, did: &Did, now: Timestamp) -> Admission {
        match self.standing(did, now) {
            Standing::Leader | Standing::Node | Standing::Member => Admission::Member,
            Standing::Revoked => Admission::Revoked,
            Standing::Expired | Standing::Stranger => Admission::Stranger,
        }
    }

    /// All keys of which the fleet says something.
    pub fn known(&self) -> impl Iterator<Item = Did> {
        let leaders = self.fleet.iter().flat_map(|fleet| &fleet.leaders).map(|leader| leader.did);
        leaders
            .chain(self.nodes.iter().copied())
            .chain(self.enrolled.keys().copied())
            .chain(self.revoked.iter().copied())
    }

    /// May this key not speak any more?
    pub fn is_barred(&self, did: &Did) -> bool {
        self.revoked.contains(did) && !self.is_leader(did)
    }

    /// What the key is in the fleet, for whoever watches.
    pub fn standing(&self, did: &Did, now: Timestamp) -> Standing {
        if self.fleet.is_none() {
            Standing::Stranger
        } else if self.is_leader(did) {
            Standing::Leader
        } else if self.revoked.contains(did) {
            Standing::Revoked
        } else if self.nodes.contains(did) {
            Standing::Node
        } else {
            match self.enrolled.get(did) {
                Some(until) if *until > now => Standing::Member,
                Some(_) => Standing::Expired,
                None => Standing::Stranger,
            }
        }
    }

    /// Until when the key is enrolled, or was.
    pub fn enrolled_until(&self, did: &Did) -> Option<Timestamp> {
        self.enrolled.get(did).copied()
    }

    /// Does the fleet name this key: in its file, or by a Leader's word?
    pub fn is_named(&self, did: &Did, now: Timestamp) -> bool {
        self.fleet.is_some() && self.is_peer(did, now)
    }

    /// The keys of all who belong, sorted; `None` where everybody does.
    pub fn all(&self, now: Timestamp) -> Option<Vec<Did>> {
        let fleet = self.fleet.as_ref()?;
        let enrolled = self.enrolled.keys().filter(|did| self.is_enrolled(did, now));
        let leaders = fleet.leaders.iter().map(|leader| &leader.did);
        let mut all: Vec<Did> = enrolled.chain(leaders).chain(self.nodes.iter()).copied().collect();
        all.sort_unstable();
        all.dedup();
        Some(all)
    }

    /// Is it a node that the fleet file names?
    pub fn is_node(&self, did: &Did) -> bool {
        self.nodes.contains(did)
    }

    /// Has this event's source been revoked?
    pub fn is_revoked(&self, event: &Event) -> bool {
        let author = event.author();
        let agent = || {
            let agent = event.agent().filter(|_| !self.revoked_agents.is_empty());
            agent.is_some_and(|agent| self.revoked_agents.contains(&(author, agent.to_owned())))
        };
        (self.revoked.contains(&author) || agent()) && !self.is_leader(&author)
    }

    /// Whose events are in no log: keys, and single agents of keys.
    pub fn revoked(&self) -> impl Iterator<Item = (Did, Option<String>)> {
        // A Leader is replaced by a rotation, never by a revocation.
        let keys = self.revoked.iter().filter(|did| !self.is_leader(did)).map(|did| (*did, None));
        let agents = self.revoked_agents.iter().filter(|(did, _)| !self.is_leader(did));
        keys.chain(agents.map(|(did, agent)| (*did, Some(agent.clone()))))
    }

    /// Does it count as an answer to something?
    pub fn is_answer(&self, event: &Event) -> bool {
        event.in_reply_to().is_some() && self.is_leader(&event.author())
    }

    /// Is it a request that waits for a Leader?
    pub fn is_request(&self, event: &Event) -> bool {
        event::is_request(event.kind(), self.is_leader(&event.author()))
    }

    /// What a Leader's `enrolled`, or a `revoked` by one who may, is about.
    pub fn record(&self, event: &Event) -> Option<Record> {
        let fleet = self.fleet.as_ref()?;
        let revokes = match event.kind() {
            "enrolled" if fleet.is_leader(&event.author()) => false,
            "revoked" if fleet.may_revoke(&event.author()) => true,
            _ => return None,
        };
        let (about, _) = source_in(event)?;
        Some(Record { about, revokes })
    }

    /// Is it a revocation of somebody who is still enrolled? Then it counts
    /// however old it is.
    pub fn outlives(&self, event: &Event, now: Timestamp) -> bool {
        let record = self.record(event).filter(|record| record.revokes);
        record.is_some_and(|record| self.enrolled.get(&record.about).is_some_and(|until| *until > now))
    }

    /// Learns from a stored event.
    pub fn learn(&mut self, event: &Event) -> Change {
        let Some(Record { about, revokes }) = self.record(event) else { return Change::None };
        if !revokes {
            let expires = event.data().get("expires").and_then(|value| value.as_str());
            let until = expires.and_then(|text| text.parse().ok()).unwrap_or(event.expires()).min(event.expires());
            let known = self.enrolled.entry(about).or_insert(Timestamp::MIN);
            let fresh = until > *known;
            *known = until.max(*known);
            return if fresh { Change::Joined(about) } else { Change::None };
        }
        let agent = source_in(event).and_then(|(_, agent)| agent);
        let fresh = match &agent {
            None => self.revoked.insert(about),
            Some(agent) => self.revoked_agents.insert((about, agent.clone())),
        };
        if fresh && !self.is_leader(&about) { Change::Revoked(about, agent) } else { Change::None }
    }
}

/// Whom an `enrolled` or `revoked` names: `agent_did`, or `did` for a key.
pub(super) fn source_in(event: &Event) -> Option<(Did, Option<String>)> {
    let data = event.data();
    let name = data.get("agent_did").or_else(|| data.get("did"))?.as_str()?;
    match name.split_once('#') {
        Some((did, agent)) => Some((did.parse().ok()?, Some(agent.to_owned()))),
        None => Some((name.parse().ok()?, None)),
    }
}
