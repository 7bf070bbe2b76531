//! JSON Lines: lines ↔ bytes, limits, line numbers; and the strict reading of
//! one JSON text.
//!
//! Must not know any record, nor where the bytes come from or go to.

mod array;
mod blocks;
mod fault;
mod keys;
mod lines;
mod number;
mod scan;
mod value;
mod write;

pub use array::Elements;
pub use blocks::{Block, Blocks, SLACK_BYTES};
pub use fault::{DEPTH_LIMIT, Error, Reason};
pub use lines::{Fault as LineFault, LINE_LIMIT_BYTES, Lines};
pub use scan::{Scanner, parse};
pub use value::{Kind, Object, Value};
pub use write::{member, merge, splice, string};
