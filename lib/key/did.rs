//! `did:key` for Ed25519 (W3C CCG did:key method: multicodec 0xed, base58btc).

use ed25519_dalek::{Signature, VerifyingKey};
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "did:key:z";
/// Identity multihash of 36 bytes: protobuf of key type 1 (Ed25519), 32 bytes.
const PEER_ID_HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const MULTICODEC: [u8; 2] = [0xed, 0x01];

/// A public Ed25519 key under its `did:key` name, 56 characters long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Did([u8; 32]);

/// Why a text is no did of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// Another method, or none.
    #[error("not a did:key")]
    NotDidKey,
    /// Not base58, another kind of key, or not the one spelling of it.
    #[error("not an Ed25519 did:key")]
    NotEd25519,
}

impl Did {
    /// From the 32 bytes of a public key.
    pub fn from_public_key(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public key's 32 bytes.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.0
    }

    /// The libp2p PeerId of the same key, `12D3KooW…`: base58btc of the identity
    /// multihash of the public key's protobuf (libp2p peer-ids specification).
    pub fn peer_id(&self) -> String {
        let mut bytes = [0; 38];
        bytes[..6].copy_from_slice(&PEER_ID_HEAD);
        bytes[6..].copy_from_slice(&self.0);
        bs58::encode(bytes).into_string()
    }

    /// The key behind a PeerId; `None` if it is not an Ed25519 key's.
    pub fn from_peer_id(text: &str) -> Option<Self> {
        let mut bytes = [0; 38];
        let whole = text.len() <= 53 && bs58::decode(text).onto(&mut bytes) == Ok(38);
        if !whole || bytes[..6] != PEER_ID_HEAD {
            return None;
        }
        let did = Self(bytes[6..].try_into().expect("38 − 6 bytes"));
        (did.peer_id() == text).then_some(did)
    }

    /// Checks a signature over `domain` + NUL + `message`, strictly: no small
    /// order, no malleable form (RFC 8032 section 5.1.7; ZIP 215 is laxer).
    pub fn verify(&self, domain: &str, message: &[u8], signature: &[u8; 64]) -> bool {
        self.point().is_some_and(|key| {
            key.verify_strict(&super::framed(domain, message), &Signature::from_bytes(signature)).is_ok()
        })
    }

    /// The key as a point of the curve. A thread remembers the last one: events
    /// come in runs of one author, and decompressing it is an eighth of a check.
    fn point(&self) -> Option<VerifyingKey> {
        thread_local!(static LAST: Cell<Option<VerifyingKey>> = const { Cell::new(None) });
        if let Some(key) = LAST.get().filter(|key| *key.as_bytes() == self.0) {
            return Some(key);
        }
        let key = VerifyingKey::from_bytes(&self.0).ok()?;
        LAST.set(Some(key));
        Some(key)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&MULTICODEC);
        bytes[2..].copy_from_slice(&self.0);
        write!(f, "{PREFIX}{}", bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(DidError::NotDidKey)?;
        let mut bytes = [0; 34];
        // The longest base58 of 34 bytes has 47 characters.
        if encoded.len() > 47 || bs58::decode(encoded).onto(&mut bytes) != Ok(34) || bytes[..2] != MULTICODEC {
            return Err(DidError::NotEd25519);
        }
        // Bytes that begin with no zero have one spelling in base58: a leading
        // `1` would have been a 35th byte.
        Ok(Self(bytes[2..].try_into().expect("34 − 2 bytes")))
    }
}

impl serde::Serialize for Did {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Did {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn the_method_specifications_own_example() {
        // did:key method, Ed25519 test vector 1 (seed of zeros).
        let did = Key::from_seed(&[0; 32]).did();
        assert_eq!(did.to_string(), "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp");
        assert_eq!(did.to_string().parse(), Ok(did));
    }

    #[cfg(feature = "p2p")]
    #[test]
    fn libp2p_names_the_same_peer() {
        for seed in 0..20 {
            let key = Key::from_seed(&[seed; 32]);
            let theirs = libp2p::identity::Keypair::ed25519_from_bytes(*key.seed()).expect("32 bytes");
            assert_eq!(key.did().peer_id(), theirs.public().to_peer_id().to_string());
            assert_eq!(Did::from_peer_id(&key.did().peer_id()), Some(key.did()));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in
            ["", "did:web:x", "did:key:z", "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc", "did:key:z0OIl"]
        {
            assert!(bad.parse::<Did>().is_err(), "{bad}");
        }
        let good = Key::from_seed(&[1; 32]).did().to_string();
        assert!(format!("{good}1").parse::<Did>().is_err());
        assert!(good[..good.len() - 1].parse::<Did>().is_err());
        assert!(good.to_uppercase().parse::<Did>().is_err());
        for more in [":z1", ":z11", ":zz", ":z "] {
            assert!(good.replacen(":z", more, 1).parse::<Did>().is_err(), "{more}");
        }
    }

    #[test]
    fn a_signature_counts_for_its_domain_and_message_only() {
        let key = Key::from_seed(&[7; 32]);
        let signature = key.sign("a", b"message");
        assert!(key.did().verify("a", b"message", &signature));
        assert!(!key.did().verify("b", b"message", &signature));
        assert!(!key.did().verify("a", b"messagf", &signature));
        assert!(!Key::from_seed(&[8; 32]).did().verify("a", b"message", &signature));
        assert!(key.did().verify("a", b"message", &signature), "after another key");
        // The all-zero key is of small order: strict checking refuses it.
        assert!(!Did::from_public_key([0; 32]).verify("a", b"message", &[0; 64]));
    }
}
