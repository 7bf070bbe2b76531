//! How many peers a node gossips with: `net` sets gossipsub to these numbers,
//! and the simulation's overlay follows the same.
//!
//! With eight of them no two of a thousand nodes are more than six links apart,
//! and each gets an event seven times; with six, gossipsub's own default, it is
//! five times, and seven links. See the specification of
//! gossipsub v1.1 for what each does.

/// Peers that each event is sent to at once: what a node aims at.
pub const DEGREE: usize = 8;
/// With fewer it looks for more.
pub const DEGREE_LOW: usize = 7;
/// With as many or more it goes back to [`DEGREE`].
pub const DEGREE_HIGH: usize = 12;
/// Of these, so many were called by this node, and so not forced upon it.
pub const DEGREE_OUTBOUND: usize = 2;
/// Other peers that are told which messages there are, each heartbeat.
pub const LAZY: usize = 6;
/// Or this part of them, if that is more: all. Around a node that many call the
/// others may find no place in anybody's mesh, and whoever is not told has to
/// wait for the next comparison.
pub const LAZY_FACTOR: f64 = 1.0;
/// Between two heartbeats.
pub const HEARTBEAT_MS: u64 = 1_000;
/// Heartbeats for which a message is kept for peers that ask for it.
pub const HISTORY: usize = 3;
/// Heartbeats for which peers are told of it.
pub const HISTORY_TOLD: usize = 2;
/// A peer that was let go is not taken back for so long.
pub const BACKOFF_MS: u64 = 60_000;
