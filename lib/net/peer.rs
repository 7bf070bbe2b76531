//! Keys and addresses as libp2p spells them.

use crate::key::{Did, Key};
use libp2p::identity::{Keypair, PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

/// Why a text is no address of a node.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Not a multiaddr.
    #[error("not a multiaddr: {0}")]
    Syntax(#[from] libp2p::multiaddr::Error),
    /// A multiaddr of another transport.
    #[error("not an address of the form /ip4/HOST/tcp/PORT or /ip6/HOST/tcp/PORT, with or without /p2p/ID")]
    Transport,
    /// The peer id is of a kind of key that no host of ours has.
    #[error("its peer id is not that of an Ed25519 key")]
    PeerId,
}

/// Reads the address of a node, with or without `/p2p/ID`.
pub fn address(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    let parts: Vec<_> = address.iter().collect();
    match parts.as_slice() {
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_)] => Ok(address),
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_), Protocol::P2p(peer)] => {
            if did_of(peer).is_some() {
                Ok(address)
            } else {
                Err(AddressError::PeerId)
            }
        }
        _ => Err(AddressError::Transport),
    }
}

/// The key that an address's `/p2p/ID` stands for.
pub fn peer_of(address: &Multiaddr) -> Option<Did> {
    did_of(&peer_id_in(address)?)
}

/// An address as `mesh` keeps it: without the peer's name.
pub(super) fn place(address: &Multiaddr) -> String {
    let place: Multiaddr = address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
    place.to_string()
}

pub(super) fn peer_id_in(address: &Multiaddr) -> Option<PeerId> {
    address.iter().find_map(|part| if let Protocol::P2p(peer) = part { Some(peer) } else { None })
}

pub(super) fn keypair(key: &Key) -> Keypair {
    let mut seed = key.seed();
    Keypair::ed25519_from_bytes(&mut seed[..]).expect("a seed has 32 bytes")
}

/// An Ed25519 peer id holds its key: the identity multihash of its protobuf.
pub(super) fn did_of(peer: &PeerId) -> Option<Did> {
    let multihash = peer.as_ref();
    let key = (multihash.code() == 0).then(|| PublicKey::try_decode_protobuf(multihash.digest()).ok())??;
    Some(Did::from_public_key(key.try_into_ed25519().ok()?.to_bytes()))
}

pub(super) fn peer_id_of(did: &Did) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(did.public_key()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// A key's peer id, as it stands behind `/p2p/`; `None` if the key is no point
/// of the curve.
pub fn peer_id(did: &Did) -> Option<String> {
    peer_id_of(did).map(|peer| peer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_and_a_did_are_the_same_key() {
        let key = Key::from_seed(&[7; 32]);
        let peer = keypair(&key).public().to_peer_id();
        assert_eq!(did_of(&peer), Some(key.did()));
        assert_eq!(peer_id_of(&key.did()), Some(peer));
        let address = address(&format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}")).expect("good");
        assert_eq!(peer_of(&address), Some(key.did()));
    }

    #[test]
    fn other_addresses_are_refused() {
        for bad in
            ["", "127.0.0.1:1", "/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/1/quic-v1", "/memory/1", "/ip4/1.2.3/tcp/1"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
        // The peer id of an RSA key, which is only a hash.
        let rsa = "/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        assert!(matches!(address(rsa), Err(AddressError::PeerId)));
    }
}
