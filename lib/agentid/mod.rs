//! Who an agent is: tuple, hash, tiny id, tokens, Crockford base32, checksums. Pure.
//!
//! Must not know registries, records or streams.

mod checksum;
mod crockford;
mod hash;
mod kind;
mod suggest;
mod token;
mod tuple;
#[cfg(test)]
mod typos;
#[cfg(test)]
mod vectors;

pub use crockford::SymbolError;
pub use hash::{Hash, IdError, TinyId, collision_probability};
pub use kind::Name;
pub use suggest::Registered;
pub use token::{FieldError, Token, TokenError, TokenText};
pub use tuple::{FIELD_LIMIT_BYTES, NONE, Tuple, TupleError};
