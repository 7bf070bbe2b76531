//! Who may be connected, how much each may send, and who is shut out for a
//! while.
//!
//! Knows peers by their keys and places by their addresses; connections are
//! numbers of the driver's. Everything it remembers is bounded.

mod blame;
mod pace;

pub use blame::Offence;
use blame::{Ban, Blame};
pub use pace::Pace;
use pace::Paces;

use crate::key::Did;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

/// Connections of one peer.
const EACH_PEER: usize = 2;
/// Incoming connections whose peer has not proved its key yet.
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
    pending: HashMap<C, Option<IpAddr>>,
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

    /// Somebody calls, who has said nothing yet.
    pub fn arrives(&mut self, connection: C, address: Option<IpAddr>, now_ms: u64) -> Result<(), Denied> {
        let place = address.map(place);
        if self.pending.len() >= PENDING {
            return Err(Denied::Full);
        }
        let bad = place.is_some_and(|place| self.blame.place_banned(&place, now_ms));
        let most = if bad { PENDING_BAD_PLACE } else { PENDING_EACH_PLACE };
        if self.pending.values().filter(|other| **other == place).count() >= most {
            return Err(Denied::Place);
        }
        self.pending.insert(connection, place);
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
    pub fn paces(&mut self, peer: Did, bytes: usize, now_ms: u64) -> Pace {
        let share = if self.is_member(&peer) { 1 } else { 16 };
        self.paces.take(peer, bytes, self.limits.rate_bytes / share, now_ms)
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
mod tests {
    use super::*;
    use crate::key::Key;

    fn peer(number: u16) -> Did {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        Key::from_seed(&seed).did()
    }

    fn at(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn guard(peers: usize) -> Guard<u32> {
        Guard::new(Limits { peers, ..Limits::default() }, false)
    }

    #[test]
    fn silent_callers_are_bounded_in_all_and_from_each_place() {
        let mut guard = guard(256);
        let from_one = (0..100).filter(|n| guard.arrives(*n, Some(at(1)), 0).is_ok()).count();
        assert_eq!(from_one, 32);
        let from_others = (100..1000).filter(|n| guard.arrives(*n, Some(at((n / 10) as u8)), 0).is_ok()).count();
        assert_eq!(from_others, 96);
        assert_eq!(guard.arrives(1000, Some(at(200)), 0), Err(Denied::Full));
        // Every other one fails, and makes room.
        (0..32).for_each(|n| guard.leaves(&n));
        assert_eq!(guard.arrives(1000, Some(at(1)), 0), Ok(()));
    }

    #[test]
    fn strangers_leave_room_for_members_and_make_room_for_each_other() {
        let mut guard = guard(16);
        assert_eq!(guard.enters(1, peer(1), Some(at(1)), true, 0), Ok(None));
        assert_eq!(guard.enters(2, peer(2), Some(at(1)), true, 10), Ok(None));
        assert_eq!(guard.enters(3, peer(3), Some(at(1)), true, 10), Err(Denied::Place), "half of the four");
        assert_eq!(guard.enters(4, peer(4), Some(at(2)), true, 10), Ok(None));
        assert_eq!(guard.enters(5, peer(5), Some(at(3)), true, 10), Ok(None));
        assert_eq!(guard.enters(6, peer(6), Some(at(4)), true, 10), Err(Denied::Strangers), "they have just come");
        assert_eq!(guard.enters(6, peer(6), Some(at(4)), true, STRANGERS_STAY_MS), Ok(Some(1)));
        guard.leaves(&1);
        for member in 10..22 {
            guard.stands(peer(member), Admission::Member);
            assert_eq!(guard.enters(member.into(), peer(member), Some(at(1)), true, 0), Ok(None), "{member}");
        }
        guard.stands(peer(30), Admission::Member);
        assert_eq!(guard.enters(30, peer(30), Some(at(9)), true, 0), Err(Denied::Full));
        assert_eq!(guard.enters(31, peer(30), Some(at(9)), false, 0), Ok(None), "those we call are counted apart");
    }

    #[test]
    fn one_peer_has_two_connections_and_a_revoked_one_none() {
        let mut guard = guard(16);
        guard.stands(peer(1), Admission::Member);
        assert_eq!(guard.enters(1, peer(1), Some(at(1)), true, 0), Ok(None));
        assert_eq!(guard.enters(2, peer(1), Some(at(1)), false, 0), Ok(None));
        assert_eq!(guard.enters(3, peer(1), Some(at(1)), true, 0), Err(Denied::Peer));
        assert_eq!(guard.stands(peer(1), Admission::Revoked), [1, 2]);
        for connection in [1, 2] {
            guard.leaves(&connection);
        }
        for incoming in [true, false] {
            assert_eq!(guard.enters(4, peer(1), Some(at(1)), incoming, 0), Err(Denied::Revoked));
        }
        assert!(!guard.is_member(&peer(1)));
        // Whose enrolment has run out comes back as a stranger.
        guard.stands(peer(2), Admission::Member);
        assert_eq!(guard.enters(5, peer(2), Some(at(1)), true, 0), Ok(None));
        assert_eq!(guard.stands(peer(2), Admission::Stranger), [5]);
        guard.leaves(&5);
        assert_eq!(guard.enters(6, peer(2), Some(at(1)), true, 0), Ok(None));
        assert_eq!(guard.stands(peer(2), Admission::Stranger), [0; 0], "what it was already");
        assert_eq!(guard.stands(peer(2), Admission::Member), [0; 0]);
    }

    #[test]
    fn bad_peers_are_shut_out_for_a_while_and_their_place_after_several() {
        let mut guard = guard(64);
        guard.stands(peer(100), Admission::Member);
        guard.enters(100, peer(100), Some(at(1)), true, 0).expect("a member");
        let bad = |guard: &mut Guard<u32>, number: u16| {
            let closed: Vec<_> = (0..100).map(|_| guard.blames(peer(number), Offence::Frame, 0)).collect();
            closed.into_iter().find(|closed| !closed.is_empty())
        };
        for stranger in 0..3_u16 {
            guard.enters(stranger.into(), peer(stranger), Some(at(1)), true, 0).expect("room");
            assert_eq!(bad(&mut guard, stranger), Some(vec![stranger.into()]));
            guard.leaves(&stranger.into());
            assert_eq!(guard.enters(50, peer(stranger), Some(at(2)), true, 0), Err(Denied::Banned), "from anywhere");
        }
        guard.enters(60, peer(60), Some(at(1)), true, 0).expect("the place is still good");
        guard.enters(3, peer(3), Some(at(1)), true, 0).expect("the place is still good");
        assert_eq!(bad(&mut guard, 3), Some(vec![3, 60]), "one too many: all strangers of the place");
        for connection in [3, 60] {
            guard.leaves(&connection);
        }
        assert_eq!(guard.enters(61, peer(61), Some(at(1)), true, 0), Err(Denied::Banned));
        guard.stands(peer(101), Admission::Member);
        assert_eq!(guard.enters(62, peer(101), Some(at(1)), true, 0), Ok(None), "members come from there as before");
        assert_eq!(guard.enters(63, peer(63), Some(at(2)), true, 0), Ok(None), "and strangers from elsewhere");
        let later = 2 * 3_600_000;
        assert_eq!(guard.enters(64, peer(61), Some(at(1)), true, later), Ok(None), "not for ever");
        assert_eq!(guard.enters(65, peer(0), Some(at(2)), true, later), Ok(None));
        // A member that misbehaves goes as well, its neighbours stay.
        assert_eq!(bad(&mut guard, 100), Some(vec![100]));
    }

    #[test]
    fn short_of_memory_strangers_go_and_members_stay() {
        let mut guard = guard(64);
        guard.stands(peer(1), Admission::Member);
        guard.enters(1, peer(1), Some(at(1)), true, 0).expect("room");
        guard.enters(2, peer(2), Some(at(2)), true, 0).expect("room");
        guard.enters(3, peer(3), Some(at(3)), false, 0).expect("one that we called");
        assert_eq!(guard.holds(256 << 20), [0; 0]);
        assert_eq!(guard.holds((256 << 20) + 1), [2]);
        assert_eq!(guard.enters(4, peer(4), Some(at(4)), true, 0), Err(Denied::Memory));
        guard.stands(peer(5), Admission::Member);
        assert_eq!(guard.enters(5, peer(5), Some(at(5)), true, 0), Ok(None));
        guard.holds(1);
        assert_eq!(guard.enters(4, peer(4), Some(at(4)), true, 0), Ok(None));
    }

    #[test]
    fn a_network_of_ipv6_is_one_place() {
        let same =
            ["2001:db8::1", "2001:db8::ffff:1:2:3", "2001:db8:0:0:1::"].map(|text| place(text.parse().expect("one")));
        assert!(same.iter().all(|place| *place == same[0]));
        assert_ne!(place("2001:db8:0:1::1".parse().expect("one")), same[0]);
        assert_eq!(place("::ffff:192.0.2.1".parse().expect("one")), IpAddr::from([192, 0, 2, 1]));
    }
}
