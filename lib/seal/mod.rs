//! age (C2SP age-encryption.org/v1) with X25519 keys: recipients, identities,
//! sealing and opening, strictly.
//!
//! Must not know what is sealed, nor where key files lie.

mod close;
mod identity;
mod open;
mod recipient;
mod strict;

pub use close::{Form, SealError, seal, seal_stream};
pub use identity::{Identity, IdentityError};
pub use open::{OpenError, open, open_stream};
pub use recipient::{Recipient, RecipientError};
