//! The libp2p and tokio driver of `mesh`; the only room that names either.
//!
//! Must not know SQL, nor decide what `mesh` decides.
