//! Hands a node the fleet file again when it has changed.

use super::core::Ticket;
use super::peer::{self, AddressError};
use crate::attach::Reply;
use crate::enrol::Fleet;
use crate::key::Did;
use crate::mesh::{Input, Renewal, Target};
use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot};

/// Why a changed fleet file is not taken; what was before it counts.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// A node in it has no address that can be called.
    #[error("\"nodes\": \"{0}\": {1}")]
    Address(String, #[source] AddressError),
    /// The rules say no.
    #[error("{0}")]
    Refused(String),
    /// The log failed; another time it may be taken.
    #[error("{0}")]
    Log(String),
    /// The node has ended.
    #[error("the node has ended")]
    Ended,
}

/// Gives a node its fleet file again. It keeps no node alive.
pub struct Renewer {
    pub(super) inputs: mpsc::WeakSender<Input<Ticket>>,
    /// What is called besides the nodes of the fleet.
    pub(super) peers: Vec<Multiaddr>,
    pub(super) own: Did,
}

impl Renewer {
    /// From now on the node goes by this: all of it, or, with an error, nothing.
    /// Not to be called from the node's own threads.
    pub fn renew(&self, fleet: Fleet, leads: bool) -> Result<(), RenewError> {
        let nodes: Result<Vec<Multiaddr>, _> = addresses(&fleet).collect();
        let nodes = nodes.map_err(|(text, error)| RenewError::Address(text, error))?;
        let renewal = Box::new(Renewal {
            leads,
            nodes: nodes.iter().filter_map(peer::peer_of).collect::<std::collections::HashSet<_>>().into(),
            targets: targets(&self.peers, &nodes, &self.own),
            fleet,
        });
        let (sender, receiver) = oneshot::channel();
        let inputs = self.inputs.upgrade().ok_or(RenewError::Ended)?;
        inputs.blocking_send(Input::Renew { ticket: Ticket::Reply(sender), renewal }).map_err(|_| RenewError::Ended)?;
        drop(inputs);
        match receiver.blocking_recv() {
            Ok(Reply::End) => Ok(()),
            Ok(Reply::Error { code, reason }) if code == "storage" => Err(RenewError::Log(reason)),
            Ok(Reply::Error { reason, .. }) => Err(RenewError::Refused(reason)),
            Ok(_) | Err(_) => Err(RenewError::Ended),
        }
    }
}

/// The addresses of a fleet's nodes, or the text that is none.
pub(super) fn addresses(fleet: &Fleet) -> impl Iterator<Item = Result<Multiaddr, (String, AddressError)>> {
    fleet.nodes.iter().map(|text| peer::address(text).map_err(|error| (text.clone(), error)))
}

/// Whom a node calls for ever; itself it does not call.
pub(super) fn targets(peers: &[Multiaddr], nodes: &[Multiaddr], own: &Did) -> Vec<Target> {
    let mut all: Vec<&Multiaddr> = peers.iter().chain(nodes).collect();
    all.retain(|address| peer::peer_of(address) != Some(*own));
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|address| Target { peer: peer::peer_of(address), address: peer::place(address) }).collect()
}
