//! Lets connections in, or not, and ends them: `mesh`'s guard, asked first.

use super::core::Clock;
use super::peer::did_of;
use crate::mesh::{Admission, Denied, Guard, Limits, Offence, Pace};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, DialFailure, FromSwarm, ListenFailure,
    NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

pub(super) struct Doors {
    guard: Guard<ConnectionId>,
    clock: Clock,
    /// Calls out that have come to nothing yet.
    calls: HashSet<ConnectionId>,
    limits: Limits,
    peers: HashMap<ConnectionId, PeerId>,
    closing: Vec<(PeerId, ConnectionId)>,
}

impl Doors {
    pub fn new(limits: Limits, everybody: bool, clock: Clock) -> Self {
        Self {
            guard: Guard::new(limits, everybody),
            clock,
            calls: HashSet::new(),
            limits,
            peers: HashMap::new(),
            closing: Vec::new(),
        }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn is_member(&self, peer: &PeerId) -> bool {
        did_of(peer).is_some_and(|did| self.guard.is_member(&did))
    }

    pub fn stands(&mut self, peer: &PeerId, admission: Admission) {
        let Some(did) = did_of(peer) else { return };
        let ended = self.guard.stands(did, admission);
        self.close(ended);
    }

    /// True if the peer is shut out now.
    pub fn blames(&mut self, peer: &PeerId, offence: Offence) -> bool {
        let Some(did) = did_of(peer) else { return false };
        let ended = self.guard.blames(did, offence, self.clock.now().uptime_ms);
        let out = !ended.is_empty();
        self.close(ended);
        out
    }

    pub fn paces(&mut self, peer: &PeerId, bytes: usize, patience_ms: u64) -> Pace {
        match did_of(peer) {
            Some(did) => self.guard.paces(did, bytes, patience_ms, self.clock.now().uptime_ms),
            None => Pace::TooFast,
        }
    }

    /// Looks at what the process holds. True if strangers had to go.
    pub fn weighs(&mut self) -> bool {
        let held = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem as u64);
        let ended = self.guard.holds(held);
        let out = !ended.is_empty();
        self.close(ended);
        out
    }

    fn close(&mut self, connections: impl IntoIterator<Item = ConnectionId>) {
        for connection in connections {
            if let Some(peer) = self.peers.get(&connection) {
                self.closing.push((*peer, connection));
            }
        }
    }

    fn enters(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        incoming: bool,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        // Not an Ed25519 key: no host of ours.
        let did = did_of(&peer).ok_or_else(|| ConnectionDenied::new(Denied::Strangers))?;
        let now_ms = self.clock.now().uptime_ms;
        let evicted =
            self.guard.enters(connection, did, ip_of(remote), incoming, now_ms).map_err(ConnectionDenied::new)?;
        self.peers.insert(connection, peer);
        self.close(evicted);
        Ok(dummy::ConnectionHandler)
    }

    fn leaves(&mut self, connection: ConnectionId) {
        self.calls.remove(&connection);
        self.peers.remove(&connection);
        self.guard.leaves(&connection);
    }
}

impl NetworkBehaviour for Doors {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let now_ms = self.clock.now().uptime_ms;
        let proved = remote.iter().any(|part| matches!(part, Protocol::Tcp(_)));
        self.guard.arrives(connection, ip_of(remote), proved, now_ms).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.enters(connection, peer, remote, true)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.calls.len() >= self.limits.outgoing() {
            return Err(ConnectionDenied::new(Denied::Full));
        }
        self.calls.insert(connection);
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.calls.remove(&connection);
        self.enters(connection, peer, remote, false)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::DialFailure(DialFailure { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => self.leaves(connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.closing.pop() {
            Some((peer_id, connection)) => {
                Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::One(connection) })
            }
            None => Poll::Pending,
        }
    }
}

/// The address that a connection comes from.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(address) => Some(address.into()),
        Protocol::Ip6(address) => Some(address.into()),
        _ => None,
    })
}
