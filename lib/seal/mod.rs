//! age: recipients, identities, sealing and opening, strictly.
//!
//! Must not know what is sealed.
