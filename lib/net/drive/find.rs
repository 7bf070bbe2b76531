//! Finding other nodes: on the local network, by what they say of themselves,
//! and by Kademlia's looking around.

use super::Driver;
use crate::key::Did;
use crate::mesh::{Call, Input, Reader, Source};
use crate::net::peer::{did_of, is_callable, peer_id_of, place};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, identify, kad};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How often it is seen to what is due, and to what has had its time.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A connection that Kademlia made is of use for one lookup.
const PASSING: Duration = Duration::from_secs(20);
/// Addresses that a peer may announce.
const ANNOUNCED_LIMIT: usize = 8;
/// More nodes than a local network has: somebody makes them up.
const NEAR_LIMIT: usize = 8192;

/// A connection that Kademlia made. The state machine does not hear of it:
/// whoever is asked the way once is no neighbour.
#[derive(Debug)]
pub(super) struct Passing {
    connection: ConnectionId,
    since: Instant,
    place: Option<String>,
}

impl<R: Reader + 'static> Driver<R> {
    /// Sets out with the peers of an earlier run; `alone` if there is nobody
    /// to be reached, and this has been said.
    pub fn begin(&mut self, alone: bool, remembered: Vec<(Did, Vec<String>)>) {
        self.alone = alone;
        for (peer, addresses) in remembered {
            self.happens(Input::Found { peer, addresses, source: Source::Remembered });
        }
    }

    /// Somebody is connected, who is at that address.
    pub(super) fn met(&mut self, address: Option<IpAddr>) {
        if std::mem::take(&mut self.alone) {
            self.shared.say.log(|| "no longer alone".to_owned());
        }
        if address.is_some_and(|ip| ip.is_loopback()) {
            self.swarm.behaviour_mut().routing.loopback = true;
        }
    }

    pub(super) fn pass(&mut self, peer: PeerId, connection: ConnectionId, place: Option<String>) {
        self.passing.insert(peer, Passing { connection, since: Instant::now(), place });
    }

    /// A peer to be called may be connected already, for Kademlia's sake.
    pub(super) fn adopt(&mut self, call: &Call) -> bool {
        let Some(peer) = call.peer else { return false };
        let Some(passing) = peer_id_of(&peer).and_then(|id| self.passing.remove(&id)) else { return false };
        self.happens(Input::Connected { peer, call: Some(call.call), address: passing.place });
        true
    }

    /// Looks around, and closes what was made for one lookup.
    pub(super) fn sweep(&mut self) {
        self.swarm.behaviour_mut().routing.look(Instant::now());
        if let Some(how) = self.double.met(Instant::now()) {
            self.doubled(how);
        }
        let over = |passing: &Passing| passing.since.elapsed() > PASSING;
        for (_, passing) in self.passing.extract_if(|_, passing| over(passing)) {
            self.swarm.close_connection(passing.connection);
        }
        let mdns = &mut self.swarm.behaviour_mut().mdns;
        if mdns.as_ref().is_some_and(|mdns| mdns.discovered_nodes().len() > NEAR_LIMIT) {
            *mdns = None.into();
            self.shared.say.say("mDNS: too many nodes are announced on the local network: no longer listening");
        }
    }

    /// A peer said who it is, and where it listens.
    pub(super) fn identified(&mut self, peer_id: PeerId, connection: ConnectionId, info: &identify::Info) {
        let Some(peer) = did_of(&peer_id) else { return };
        if info.protocol_version != self.names.version() {
            self.shared.say.log(|| format!("{peer_id} is of another fleet: parting"));
            self.sights.other_fleet(connection);
            self.happens(Input::Foreign { peer });
            let _ = self.swarm.disconnect_peer_id(peer_id);
            return;
        }
        self.sights.told(peer_id, info);
        let Some(seen) = self.peers.get(&peer_id) else { return };
        let loopback = seen.is_some_and(|ip| ip.is_loopback());
        let said = info.listen_addrs.iter().filter(|address| is_callable(address, loopback));
        let said: Vec<Multiaddr> = said.take(ANNOUNCED_LIMIT).cloned().collect();
        let addresses = said.iter().map(place).collect();
        for address in &said {
            self.swarm.behaviour_mut().routing.learn(&peer_id, address.clone());
        }
        self.announced.insert(peer_id, said);
        self.happens(Input::Found { peer, addresses, source: Source::Exchange });
    }

    /// Nodes were announced on the local network.
    pub(super) fn found_near(&self, found: Vec<(PeerId, Multiaddr)>) {
        for (peer_id, address) in found {
            if let Some(peer) = did_of(&peer_id).filter(|_| is_callable(&strip(&address), false)) {
                self.shared.say.log(|| format!("mDNS: {peer_id} at {}", place(&address)));
                self.happens(Input::Found { peer, addresses: vec![place(&address)], source: Source::Local });
            }
        }
    }

    pub(super) fn routed(&mut self, event: kad::Event) {
        match event {
            // Where Kademlia, or we, reached a peer.
            kad::Event::RoutablePeer { peer: peer_id, address }
            | kad::Event::PendingRoutablePeer { peer: peer_id, address } => {
                let address = strip(&address);
                if let Some(peer) = did_of(&peer_id) {
                    self.happens(Input::Found { peer, addresses: vec![address.to_string()], source: Source::Exchange });
                }
                self.swarm.behaviour_mut().routing.learn(&peer_id, address);
            }
            kad::Event::InboundRequest {
                request: kad::InboundRequest::PutRecord { source, record: Some(record), .. },
            } => self.offered(&source, record),
            kad::Event::OutboundQueryProgressed { id, result, step, stats } => match result {
                kad::QueryResult::GetRecord(found) => self.record_found(id, found, step.last.then_some(&stats)),
                kad::QueryResult::PutRecord(_) => self.record_put(id),
                _ => {}
            },
            _ => {}
        }
    }

    /// These belong now: those of them that are connected join Kademlia's table.
    pub(super) fn members(&mut self, members: Option<Vec<Did>>) {
        let members = members.map(|members| members.iter().filter_map(peer_id_of).collect());
        let routing = &mut self.swarm.behaviour_mut().routing;
        routing.set_members(members);
        for (peer, addresses) in &self.announced {
            for address in addresses {
                routing.learn(peer, address.clone());
            }
        }
    }
}

fn strip(address: &Multiaddr) -> Multiaddr {
    place(address).parse().unwrap_or_else(|_| Multiaddr::empty())
}
