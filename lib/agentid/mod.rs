//! Who an agent is: tuple, hash, tiny id, tokens, Crockford base32, checksums. Pure.
//!
//! Must not know registries, records or streams.
