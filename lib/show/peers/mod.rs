//! A node, its peers and the fleet's agents, for people and for Prometheus.

mod agents;
mod metrics;
mod table;

pub use agents::agents_table;
pub use metrics::peers_metrics;
pub use table::peers_table;
