//! JSON Lines: lines ↔ bytes, limits, line numbers; and the strict reading of
//! one JSON text.
//!
//! Must not know any record, nor where the bytes come from or go to.

mod array;
mod lines;
mod number;
mod scan;
mod write;

pub use array::Elements;
pub use lines::{Fault as LineFault, LINE_LIMIT_BYTES, Lines};
pub use scan::{DEPTH_LIMIT, Error, Kind, Object, Reason, Scanner, Value, parse};
pub use write::{member, merge, splice, string};
