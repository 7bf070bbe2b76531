//! A protocol for members only.
//!
//! A stranger may open the protocol's streams, but nothing is read from them
//! and nothing is sent: what it writes waits in its own window. Once it is a
//! member the streams are taken up as if they had just been opened. So nobody
//! has to call again when a peer learns later than another who belongs.

use futures::task::Waker;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::handler::ConnectionEvent;
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, NotifyHandler, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

/// A behaviour that strangers cannot reach.
pub(super) struct Gate<B> {
    inner: B,
    /// Without a fleet everybody belongs.
    everybody: bool,
    members: HashSet<PeerId>,
    /// Connections whose gate is closed.
    closed: HashMap<PeerId, Vec<ConnectionId>>,
    opening: VecDeque<(PeerId, ConnectionId)>,
}

impl<B> Gate<B> {
    pub fn new(inner: B, everybody: bool) -> Self {
        Self { inner, everybody, members: HashSet::new(), closed: HashMap::new(), opening: VecDeque::new() }
    }

    /// From now on this peer is a member.
    pub fn admit(&mut self, peer: PeerId) {
        self.members.insert(peer);
        let connections = self.closed.remove(&peer).unwrap_or_default();
        self.opening.extend(connections.into_iter().map(|connection| (peer, connection)));
    }

    /// It is none any more; its connections are closed by whoever says so.
    pub fn expel(&mut self, peer: &PeerId) {
        self.members.remove(peer);
    }

    fn handler<H>(&mut self, inner: H, peer: PeerId, connection: ConnectionId) -> GateHandler<H> {
        let open = self.everybody || self.members.contains(&peer);
        if !open {
            self.closed.entry(peer).or_default().push(connection);
        }
        GateHandler { inner, open, waker: None }
    }

    fn forget(&mut self, peer: &PeerId, connection: ConnectionId) {
        if let Some(closed) = self.closed.get_mut(peer) {
            closed.retain(|other| *other != connection);
            if closed.is_empty() {
                self.closed.remove(peer);
            }
        }
    }
}

impl<B> Deref for Gate<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for Gate<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Gate<B> {
    type ConnectionHandler = GateHandler<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let inner = self.inner.handle_established_inbound_connection(connection, peer, local, remote)?;
        Ok(self.handler(inner, peer, connection))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let inner = self.inner.handle_established_outbound_connection(connection, peer, address, role, port)?;
        Ok(self.handler(inner, peer, connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match &event {
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                self.forget(peer_id, *connection_id);
            }
            // Denied by somebody else after all.
            FromSwarm::ListenFailure(failure) => {
                if let Some(peer) = failure.peer_id {
                    self.forget(&peer, failure.connection_id);
                }
            }
            FromSwarm::DialFailure(failure) => {
                if let Some(peer) = failure.peer_id {
                    self.forget(&peer, failure.connection_id);
                }
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection)) = self.opening.pop_front() {
            let handler = NotifyHandler::One(connection);
            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler, event: Signal::Open });
        }
        self.inner.poll(context).map(|event| event.map_in(Signal::Inner))
    }
}

/// To a connection's handler.
#[derive(Debug)]
pub(super) enum Signal<E> {
    /// The peer is a member now.
    Open,
    Inner(E),
}

/// Rests until its gate is opened.
pub(super) struct GateHandler<H> {
    inner: H,
    open: bool,
    waker: Option<Waker>,
}

impl<H: ConnectionHandler> ConnectionHandler for GateHandler<H> {
    type FromBehaviour = Signal<H::FromBehaviour>;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = H::InboundProtocol;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = H::InboundOpenInfo;
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        self.inner.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.open && self.inner.connection_keep_alive()
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        if self.open {
            return self.inner.poll(context);
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.poll_close(context)
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {
            Signal::Open => {
                self.open = true;
                if let Some(waker) = self.waker.take() {
                    waker.wake();
                }
            }
            Signal::Inner(event) => self.inner.on_behaviour_event(event),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        self.inner.on_connection_event(event);
    }
}
