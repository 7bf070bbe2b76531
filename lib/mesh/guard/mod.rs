//! Who may be connected, how much each may send, and who is shut out for a
//! while.
//!
//! Knows peers by their keys and places by their addresses; connections are
//! numbers of the driver's. Everything it remembers is bounded.

mod blame;
mod pace;

pub use blame::Offence;
use blame::{Ban, Blame};
use pace::Paces;
pub use pace::{PATIENCE_MS, Pace};

use crate::key::Did;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

/// Connections of one peer.
const EACH_PEER: usize = 2;
/// Incoming connections whose peer has not proved its key yet: as many whose
/// address is proved, and as many others.
const PENDING: usize = 128;
/// Of these, from one place; from one where bad peers were, the fewer.
const PENDING_EACH_PLACE: usize = 32;
const PENDING_BAD_PLACE: usize = 2;
/// A stranger that has been here for less is not put out for another.
const STRANGERS_STAY_MS: u64 = 30_000;

/// How a peer stands to the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A Leader, an enrolled host, or a node of the fleet file.
    Member,
    /// Anybody else: may ask to be enrolled, and await the answer.
    Stranger,
    /// Its key was revoked: not let in at all.
    Revoked,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// All places are taken.
    #[error("too many connections")]
    Full,
    /// Those that are for strangers are.
    #[error("too many strangers")]
    Strangers,
    /// Too many from one address.
    #[error("too many connections from one address")]
    Place,
    /// Too many of one peer.
    #[error("too many connections of one peer")]
    Peer,
    /// It misbehaved a while ago.
    #[error("shut out for a while")]
    Banned,
    /// Its key was revoked.
    #[error("its key was revoked")]
    Revoked,
    /// The process holds too much memory.
    #[error("too little memory")]
    Memory,
}

/// What a node allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections from others; strangers may have a quarter of them.
    pub peers: usize,
    /// The process's memory, in bytes; beyond, strangers are not let in.
    pub memory_bytes: u64,
    /// What a member may send in a second; a stranger may a sixteenth.
    pub rate_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { peers: 256, memory_bytes: 256 << 20, rate_bytes: 16 << 20 }
    }
}

impl Limits {
    /// Connections for strangers.
    pub fn strangers(&self) -> usize {
        (self.peers / 4).max(1)
    }

    /// Calls to others at once, and what came of them.
    pub fn outgoing(&self) -> usize {
        (self.peers / 4).max(16)
    }
}

#[derive(Clone, Copy, Debug)]
struct Here {
    peer: Did,
    place: Option<IpAddr>,
    incoming: bool,
    since_ms: u64,
}

/// The doorkeeper. `C` names connections.
#[derive(Debug)]
pub struct Guard<C> {
    limits: Limits,
    /// Without a fleet everybody belongs.
    everybody: bool,
    members: HashSet<Did>,
    revoked: HashSet<Did>,
    /// Where they are, and whether that is proved.
    pending: HashMap<C, (Option<IpAddr>, bool)>,
    here: BTreeMap<C, Here>,
    blame: Blame,
    paces: Paces,
    /// No stranger is let in while this holds.
    short_of_memory: bool,
}

impl<C: Copy + Ord + std::hash::Hash> Guard<C> {
    /// Knows nobody yet.
    pub fn new(limits: Limits, everybody: bool) -> Self {
        Self {
            limits,
            everybody,
            members: HashSet::new(),
            revoked: HashSet::new(),
            pending: HashMap::new(),
            here: BTreeMap::new(),
            blame: Blame::default(),
            paces: Paces::default(),
            short_of_memory: false,
        }
    }

    /// Does this peer belong?
    pub fn is_member(&self, peer: &Did) -> bool {
        (self.everybody || self.members.contains(peer)) && !self.revoked.contains(peer)
    }

    /// Somebody calls, who has said nothing yet. `proved`: it receives what is
    /// sent to that address, as TCP has made sure. A datagram's sender may be
    /// made up, so those take no places from the others.
    pub fn arrives(&mut self, connection: C, address: Option<IpAddr>, proved: bool, now_ms: u64) -> Result<(), Denied> {
        let place = address.map(place);
        let alike = || self.pending.values().filter(|(_, other)| *other == proved);
        if alike().count() >= PENDING {
            return Err(Denied::Full);
        }
        let bad = place.is_some_and(|place| self.blame.place_banned(&place, now_ms));
        let most = if bad { PENDING_BAD_PLACE } else { PENDING_EACH_PLACE };
        if alike().filter(|(other, _)| *other == place).count() >= most {
            return Err(Denied::Place);
        }
        self.pending.insert(connection, (place, proved));
        Ok(())
    }

    /// A peer has proved its key. Says which connections end in its favour.
    pub fn enters(
        &mut self,
        connection: C,
        peer: Did,
        address: Option<IpAddr>,
        incoming: bool,
        now_ms: u64,
    ) -> Result<Option<C>, Denied> {
        self.pending.remove(&connection);
        let place = address.map(place);
        let member = self.is_member(&peer);
        if self.revoked.contains(&peer) {
            return Err(Denied::Revoked);
        }
        let bad_place = || place.is_some_and(|place| self.blame.place_banned(&place, now_ms));
        if self.blame.banned(&peer, now_ms) || (incoming && !member && bad_place()) {
            return Err(Denied::Banned);
        }
        if self.here.values().filter(|here| here.peer == peer).count() >= EACH_PEER {
            return Err(Denied::Peer);
        }
        let same_way = self.here.values().filter(|here| here.incoming == incoming).count();
        if same_way >= if incoming { self.limits.peers } else { self.limits.outgoing() } {
            return Err(Denied::Full);
        }
        let mut evicted = None;
        if incoming && !member {
            if self.short_of_memory {
                return Err(Denied::Memory);
            }
            let strangers = || self.here.iter().filter(|(_, here)| self.is_stranger(here));
            let most = self.limits.strangers();
            if strangers().filter(|(_, here)| here.place == place).count() >= most.div_ceil(2) {
                return Err(Denied::Place);
            }
            if strangers().count() >= most {
                let oldest = strangers().min_by_key(|(_, here)| here.since_ms);
                let (oldest, _) =
                    oldest.filter(|(_, here)| here.since_ms + STRANGERS_STAY_MS <= now_ms).ok_or(Denied::Strangers)?;
                evicted = Some(*oldest);
            }
        }
        self.here.insert(connection, Here { peer, place, incoming, since_ms: now_ms });
        Ok(evicted)
    }

    /// A connection is over, or came to nothing.
    pub fn leaves(&mut self, connection: &C) {
        self.pending.remove(connection);
        if let Some(here) = self.here.remove(connection)
            && !self.here.values().any(|other| other.peer == here.peer)
        {
            self.paces.forget(&here.peer);
        }
    }

    /// The fleet's word on a peer. Says which connections are to end: whoever
    /// belongs no more begins again, as what it is now.
    pub fn stands(&mut self, peer: Did, admission: Admission) -> Vec<C> {
        let was = self.is_member(&peer);
        if admission == Admission::Member {
            self.revoked.remove(&peer);
            self.members.insert(peer);
            return Vec::new();
        }
        self.members.remove(&peer);
        if admission == Admission::Revoked {
            self.revoked.insert(peer);
        }
        if was || admission == Admission::Revoked { self.connections_of(&peer) } else { Vec::new() }
    }

    /// A peer did what no honest one does. Says which connections are to end.
    pub fn blames(&mut self, peer: Did, offence: Offence, now_ms: u64) -> Vec<C> {
        let mut places = self.here.values().filter(|here| here.peer == peer && here.incoming && !self.is_member(&peer));
        let place = places.find_map(|here| here.place);
        match self.blame.add(peer, place, offence, now_ms) {
            Ban::None => Vec::new(),
            Ban::Peer => self.connections_of(&peer),
            Ban::Place(place) => {
                let here = self.here.iter();
                let bad =
                    here.filter(|(_, here)| here.peer == peer || (here.place == Some(place) && self.is_stranger(here)));
                bad.map(|(connection, _)| *connection).collect()
            }
        }
    }

    /// A peer sends a frame of so many bytes: when may it be looked at?
    pub fn paces(&mut self, peer: Did, bytes: usize, patience_ms: u64, now_ms: u64) -> Pace {
        let share = if self.is_member(&peer) { 1 } else { 16 };
        self.paces.take(peer, bytes, self.limits.rate_bytes / share, patience_ms, now_ms)
    }

    /// What the process holds now. Says which connections end: all strangers',
    /// while it is too much.
    pub fn holds(&mut self, memory_bytes: u64) -> Vec<C> {
        self.short_of_memory = memory_bytes > self.limits.memory_bytes;
        if !self.short_of_memory {
            return Vec::new();
        }
        self.here.iter().filter(|(_, here)| self.is_stranger(here)).map(|(connection, _)| *connection).collect()
    }

    fn is_stranger(&self, here: &Here) -> bool {
        here.incoming && !self.is_member(&here.peer)
    }

    fn connections_of(&self, peer: &Did) -> Vec<C> {
        self.here.iter().filter(|(_, here)| here.peer == *peer).map(|(connection, _)| *connection).collect()
    }
}

/// What one owner has: an IPv4 address, or an IPv6 network of 64 bits.
pub(super) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
