//! UCXL addresses and patterns (cooee-addresses(5)). Pure.
//!
//! Must not know events, or URL parsers.

mod address;
mod pattern;
mod read;

pub use address::{Address, Temporal};
pub use pattern::Pattern;
pub use read::{AddressError, LIMIT_BYTES};
