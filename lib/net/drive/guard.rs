//! What the guard hears of, and what comes of it.

use super::Driver;
use crate::key::Did;
use crate::mesh::{Admission, Denied, Offence, PATIENCE_MS, Pace, Reader};
use crate::net::peer::peer_id_of;
use crate::net::swarm::GRAYLIST;
use libp2p::PeerId;
use libp2p::swarm::{ConnectionDenied, DialError, ListenError};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of members' requests that are read and not answered, at most.
pub(super) const HELD_OF_MEMBERS: usize = 24 << 20;
/// And of strangers'.
pub(super) const HELD_OF_STRANGERS: usize = 4 << 20;

impl<R: Reader + 'static> Driver<R> {
    /// The fleet's word on a peer.
    pub(super) fn stands(&mut self, did: &Did, admission: Admission) {
        let Some(peer) = peer_id_of(did) else { return };
        let behaviour = self.swarm.behaviour_mut();
        match admission {
            Admission::Member => behaviour.gossip.admit(peer),
            Admission::Stranger | Admission::Revoked => behaviour.gossip.expel(&peer),
        }
        behaviour.doors.stands(&peer, admission);
    }

    /// A peer did what no honest one does.
    pub(super) fn blame(&mut self, peer: &PeerId, offence: Offence) {
        if self.swarm.behaviour_mut().doors.blames(peer, offence) {
            self.shared.say.log(|| format!("{peer}: shut out for a while"));
        }
    }

    /// May a request be looked at, and after how many milliseconds? With its
    /// share of what is held meanwhile; `None`: it came too fast.
    pub(super) fn admit(&mut self, peer: &PeerId, bytes: usize) -> Option<(u64, OwnedSemaphorePermit)> {
        let doors = &mut self.swarm.behaviour_mut().doors;
        let held = if doors.is_member(peer) { &self.held.0 } else { &self.held.1 };
        let share = held.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()?;
        match doors.paces(peer, bytes, PATIENCE_MS) {
            Pace::Now => Some((0, share)),
            Pace::After(ms) => Some((ms, share)),
            Pace::TooFast => {
                self.blame(peer, Offence::Flood);
                None
            }
        }
    }

    /// Is a gossip message too much for now? It is fetched later.
    pub(super) fn is_too_fast(&mut self, peer: &PeerId, bytes: usize) -> bool {
        self.swarm.behaviour_mut().doors.paces(peer, bytes, 0) != Pace::Now
    }

    /// Looks at what the process holds, and at how gossip scores its peers.
    pub(super) fn weigh(&mut self) {
        let gossip = &self.swarm.behaviour().gossip;
        let low = |peer: &PeerId| gossip.peer_score(peer).is_some_and(|score| score < GRAYLIST);
        let graylisted: Vec<PeerId> = gossip.all_peers().map(|(peer, _)| *peer).filter(low).collect();
        for peer in graylisted {
            self.blame(&peer, Offence::Graylisted);
        }
        if self.swarm.behaviour_mut().doors.weighs() {
            self.shared.say.log(|| "too little memory: strangers are parted with".to_owned());
        }
    }

    /// Somebody was not let in.
    pub(super) fn refused(&self, peer: Option<PeerId>, error: &ListenError) {
        if let ListenError::Denied { cause } = error {
            self.denied(peer, cause);
        }
    }

    /// Somebody that was called was not let in.
    pub(super) fn call_refused(&self, peer: Option<PeerId>, error: &DialError) {
        if let DialError::Denied { cause } = error {
            self.denied(peer, cause);
        }
    }

    fn denied(&self, peer: Option<PeerId>, cause: &ConnectionDenied) {
        // A flood of callers is not to be one of lines.
        if let (Some(peer), Some(why)) = (peer, cause.downcast_ref::<Denied>()) {
            self.shared.say.log(|| format!("{peer}: not let in: {why}"));
        }
    }
}
