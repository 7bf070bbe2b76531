//! Who an agent is: tuple, hash, tiny id, tokens, Crockford base32, checksums. Pure.
//!
//! Must not know registries or streams, and of records only the token's own members.

mod checksum;
mod crockford;
mod hash;
mod kind;
mod record;
mod suggest;
mod token;
mod tuple;
#[cfg(test)]
mod typos;
#[cfg(test)]
mod vectors;
mod word;

pub use crockford::SymbolError;
pub use hash::{Hash, IdError, TinyId, collision_probability};
pub use kind::Name;
pub use record::RecordError;
pub use suggest::Registered;
pub use token::{FieldError, Token, TokenError, TokenText};
pub use tuple::{FIELD_LIMIT_BYTES, NONE, Tuple, TupleError};
pub use word::WordError;
