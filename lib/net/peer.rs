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
    #[error("not of the form /ip4/HOST/tcp/PORT or /ip4/HOST/udp/PORT/quic-v1, with or without /p2p/ID")]
    Transport,
    /// The peer id is of a kind of key that no host of ours has.
    #[error("its peer id is not that of an Ed25519 key")]
    PeerId,
}

/// Reads the address of a node, with or without `/p2p/ID`.
pub fn address(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    let mut parts = address.iter().peekable();
    let host = parts.next().is_some_and(|part| {
        use Protocol::{Dns, Dns4, Dns6, Ip4, Ip6};
        matches!(part, Ip4(_) | Ip6(_) | Dns(_) | Dns4(_) | Dns6(_))
    });
    let port = match parts.next() {
        Some(Protocol::Tcp(_)) => true,
        Some(Protocol::Udp(_)) => parts.next() == Some(Protocol::QuicV1),
        _ => false,
    };
    match (host && port, parts.next(), parts.next()) {
        (true, None, _) => {}
        (true, Some(Protocol::P2p(peer)), None) if did_of(&peer).is_some() => {}
        (true, Some(Protocol::P2p(_)), None) => return Err(AddressError::PeerId),
        _ => return Err(AddressError::Transport),
    }
    Ok(address)
}

/// Can a node that was told of this address call it? An address of this very
/// machine says something only where nodes of this machine meet, and one for
/// all, for many or for a single link never does. Names are not looked up for
/// others.
pub(super) fn is_callable(place: &Multiaddr, loopback: bool) -> bool {
    let good = match place.iter().next() {
        Some(Protocol::Ip4(ip)) => {
            (loopback || !ip.is_loopback())
                && !ip.is_unspecified()
                && !ip.is_multicast()
                && !ip.is_broadcast()
                && !ip.is_link_local()
        }
        Some(Protocol::Ip6(ip)) => {
            (loopback || !ip.is_loopback()) && !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local()
        }
        _ => false,
    };
    good && address(&place.to_string()).is_ok()
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
    fn only_addresses_that_mean_something_elsewhere_are_called() {
        let callable = |text: &str, loopback| is_callable(&text.parse().expect("a multiaddr"), loopback);
        for text in ["/ip4/192.0.2.1/tcp/1", "/ip6/2001:db8::1/udp/1/quic-v1", "/ip4/10.0.0.1/tcp/1"] {
            assert!(callable(text, false), "{text}");
        }
        for text in ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"] {
            assert!(!callable(text, false) && callable(text, true), "{text}");
        }
        let others = ["0.0.0.0", "224.0.0.251", "255.255.255.255", "169.254.1.1"].map(|ip| format!("/ip4/{ip}/tcp/1"));
        let others = others.into_iter().chain(["::", "ff02::fb", "fe80::1"].map(|ip| format!("/ip6/{ip}/tcp/1")));
        for text in others.chain(["/dns4/a.example/tcp/1".to_owned(), "/ip4/192.0.2.1/udp/1".to_owned()]) {
            assert!(!callable(&text, true), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for bad in [
            "",
            "127.0.0.1:1",
            "/ip4/127.0.0.1",
            "/ip4/127.0.0.1/udp/1",
            "/memory/1",
            "/ip4/1.2.3/tcp/1",
            "/tcp/1",
            "/ip4/127.0.0.1/tcp/1/quic-v1",
            "/ip4/127.0.0.1/tcp/1/tcp/2",
            "/dns4/a.example/tcp/1/ws",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
        for good in ["/ip4/127.0.0.1/udp/1/quic-v1", "/ip6/::1/udp/1/quic-v1", "/dns4/a.example/tcp/1", "/dns/a/tcp/1"]
        {
            assert!(address(good).is_ok(), "{good}");
        }
        // The peer id of an RSA key, which is only a hash.
        let rsa = "/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        assert!(matches!(address(rsa), Err(AddressError::PeerId)));
    }
}
