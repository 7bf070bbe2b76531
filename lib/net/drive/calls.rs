//! Connections: calls out, who is connected, and the addresses listened on.

use super::Driver;
use crate::mesh::{Call, Input, Reader};
use crate::net::ServeError;
use crate::net::doors::ip_of;
use crate::net::fault::{faults, innermost};
use crate::net::peer::{did_of, peer_id_of, place};
use crate::net::serve::write_beside;
use futures::StreamExt as _;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId};
use std::collections::HashSet;
use std::time::Duration;

impl<R: Reader + 'static> Driver<R> {
    /// Waits until every address is listened on, and writes them down.
    pub async fn listens(&mut self, wanted: &[Multiaddr], patience: Duration) -> Result<(), ServeError> {
        let mut waiting = wanted.len();
        if waiting == 0 {
            // Addresses of an earlier run would mislead.
            let _ = std::fs::remove_file(&self.listen_file);
            return Ok(());
        }
        let mut heard = HashSet::new();
        let deadline = tokio::time::Instant::now() + patience;
        while waiting > 0 {
            let failed = |reason: String| {
                let address = wanted.first().cloned().unwrap_or_else(Multiaddr::empty);
                ServeError::Listen { address, reason }
            };
            let event = tokio::time::timeout_at(deadline, self.swarm.select_next_some()).await;
            match event.map_err(|_| failed("nothing happened".to_owned()))? {
                SwarmEvent::NewListenAddr { address, listener_id } => {
                    self.addresses.insert(address);
                    // One listener may have many addresses.
                    waiting -= usize::from(heard.insert(listener_id));
                }
                SwarmEvent::ListenerError { error, .. } | SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                    return Err(failed(innermost(&error).0));
                }
                other => self.event(other),
            }
        }
        self.write_addresses();
        Ok(())
    }

    pub(super) fn call(&mut self, call: &Call) {
        if self.adopt(call) {
            return;
        }
        let places = call.addresses.iter().filter_map(|text| text.parse::<Multiaddr>().ok());
        let places: Vec<Multiaddr> = places.collect();
        let called = places.clone();
        let options = match call.peer.as_ref().map(peer_id_of) {
            // All at once: the first that answers counts.
            Some(Some(peer)) => DialOpts::peer_id(peer).addresses(places).build(),
            None if let Some(place) = places.into_iter().next() => place.into(),
            _ => return self.happens(Input::CallFailed { call: call.call }),
        };
        let connection = options.connection_id();
        self.calls.insert(connection, (call.call, called));
        if let Err(error) = self.swarm.dial(options) {
            self.call_failed(connection, &error);
        }
    }

    pub(super) fn call_failed(&mut self, connection: ConnectionId, error: &DialError) {
        let Some((call, places)) = self.calls.remove(&connection) else { return };
        for (place, code, words) in faults(error) {
            for place in place.map_or(&places[..], std::slice::from_ref) {
                self.shared.say.log(|| format!("{place}: {words}"));
                self.sights.trouble(place, code, &words);
            }
        }
        self.happens(Input::CallFailed { call });
    }

    pub(super) fn connected(&mut self, peer_id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let call = self.calls.remove(&connection).map(|(call, _)| call);
        self.sights.opened(connection, peer_id, endpoint, self.meter.take(&peer_id, endpoint));
        let address = ip_of(endpoint.get_remote_address());
        self.peers.insert(peer_id, address);
        self.met(address);
        let place = endpoint.is_dialer().then(|| place(endpoint.get_remote_address()));
        if self.swarm.behaviour_mut().routing.made(connection) {
            self.pass(peer_id, connection, place);
        } else if let Some(peer) = did_of(&peer_id) {
            self.happens(Input::Connected { peer, call, address: place });
        }
    }

    /// A peer's last connection has closed.
    pub(super) fn parted(&mut self, peer_id: PeerId) {
        self.peers.remove(&peer_id);
        self.passing.remove(&peer_id);
        self.announced.remove(&peer_id);
        if let Some(peer) = did_of(&peer_id) {
            self.happens(Input::Disconnected { peer });
        }
    }

    pub(super) fn write_addresses(&self) {
        let peer = *self.swarm.local_peer_id();
        let lines = self.addresses.iter().map(|address| format!("{}\n", address.clone().with(Protocol::P2p(peer))));
        let text: String = lines.collect();
        if let Err(error) = write_beside(&self.listen_file, text.as_bytes()) {
            self.shared.say.say(&format!("{}: {error}", self.listen_file.display()));
        }
    }
}
