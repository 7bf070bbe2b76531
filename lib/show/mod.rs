//! How trust, peers and agents are shown to people and to other programs: text
//! for a terminal, a table, a page, the exposition format of Prometheus.
//!
//! All of it is made of text that strangers wrote; what it may do to a reader is
//! decided here. Pure: must not know files, streams, terminals or a clock.

mod escape;
mod exposition;
mod grid;
mod page;
mod peers;
mod table;
mod units;
mod width;

pub use escape::escape;
pub use exposition::Exposition;
pub use page::{Page, ROWS};
pub use peers::{agents_table, peers_metrics, peers_table};
pub use table::{Measure, Table};
pub use width::{cut_middle, pad, width};
