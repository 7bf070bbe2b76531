//! Ed25519 keys: signing, checking, `did:key`, key files.
//!
//! Must not know events, fleets or who may do what.

mod did;
mod file;
pub mod sequence;

pub use did::{Did, DidError};
pub use file::{KeyFileError, check_private, read_key, read_secret, replace_secret, write_key, write_secret};

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A private Ed25519 key (RFC 8032).
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// A new one from the system's randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// From its 32-byte seed (RFC 8032 section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for a key file or another library's key type.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Who it is.
    pub fn did(&self) -> Did {
        Did::from_public_key(self.0.verifying_key().to_bytes())
    }

    /// Signs `domain` + NUL + `message`.
    pub fn sign(&self, domain: &str, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(&framed(domain, message)).to_bytes()
    }
}

/// What is signed: the domain keeps a signature for one purpose from counting
/// for another.
fn framed(domain: &str, message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(domain.len() + 1 + message.len());
    framed.extend_from_slice(domain.as_bytes());
    framed.push(0);
    framed.extend_from_slice(message);
    framed
}
