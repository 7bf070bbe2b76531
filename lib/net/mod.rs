//! The libp2p and tokio driver of `mesh`; the only room that names either.
//!
//! Must not know SQL, nor decide what `mesh` decides.

mod codec;
mod consumer;
mod core;
mod dialer;
mod doors;
mod drive;
mod fault;
mod gate;
mod peer;
mod ports;
mod remember;
mod renew;
mod request;
mod routing;
mod serve;
mod socket;
mod swarm;
mod traffic;
mod transport;

pub use crate::mesh::Limits;
pub use dialer::{DialError, Dialer};
pub use libp2p::Multiaddr;
pub use peer::{AddressError, address, peer_id, peer_of};
pub use renew::{RenewError, Renewer};
pub use serve::{Claim, Config, LOG_LIMIT_BYTES, Running, Say, ServeError, start};
