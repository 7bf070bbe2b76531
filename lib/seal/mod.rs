//! age (C2SP age-encryption.org/v1) with X25519 keys: recipients, identities,
//! sealing and opening, strictly.
//!
//! Must not know what is sealed, nor where key files lie.

mod identity;
mod recipient;

pub use identity::{Identity, IdentityError};
pub use recipient::{Recipient, RecipientError};
