//! The rooms of cooee; ARCHITECTURE.md is the map.

pub mod agentid;
pub mod attach;
pub mod canon;
pub mod cli;
pub mod enrol;
pub mod event;
pub mod handover;
pub mod jsonl;
pub mod key;
pub mod mesh;
#[cfg(feature = "p2p")]
pub mod net;
pub mod probe;
pub mod seal;
pub mod show;
pub mod spool;
pub mod store;
pub mod trust;
pub mod ucxl;
pub mod watch;
