//! Events that wait to be handed over: written, fsynced, locked, removed.
//!
//! Must not know how they are sent.
