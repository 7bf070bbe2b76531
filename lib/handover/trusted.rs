//! Whose word counts: for "stored", and for an answer.

use crate::enrol::Fleet;
use crate::event::Receipt;
use crate::key::Did;

/// Keys whose receipts count, and Leaders.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    nodes: Vec<Did>,
    leaders: Vec<Did>,
}

impl Trusted {
    /// The fleet's Leaders, and the PeerIds of its nodes.
    pub fn of_fleet(fleet: &Fleet) -> Self {
        let leaders: Vec<_> = fleet.leaders.iter().map(|leader| leader.did).collect();
        let mut nodes = leaders.clone();
        nodes.extend(fleet.nodes.iter().filter_map(|address| peer(address)));
        Self { nodes, leaders }
    }

    /// Takes this node's receipts too: the folder's own, or one named for a
    /// dial.
    pub fn add_node(&mut self, node: Did) {
        self.nodes.push(node);
    }

    /// Do the receipts of the node behind this multiaddr count from now on?
    /// False if it names no Ed25519 PeerId.
    pub fn add_address(&mut self, address: &str) -> bool {
        peer(address).map(|node| self.nodes.push(node)).is_some()
    }

    /// Does this receipt count?
    pub fn receipt(&self, receipt: &Receipt) -> bool {
        self.nodes.contains(&receipt.node) && receipt.verify()
    }

    /// Is this a Leader's key?
    pub fn is_leader(&self, did: &Did) -> bool {
        self.leaders.contains(did)
    }

    /// Does anybody's answer count?
    pub fn has_leader(&self) -> bool {
        !self.leaders.is_empty()
    }
}

/// The key behind a multiaddr's `/p2p/PEER_ID`.
fn peer(address: &str) -> Option<Did> {
    Did::from_peer_id(address.rsplit_once("/p2p/")?.1)
}
