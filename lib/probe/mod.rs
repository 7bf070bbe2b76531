//! The machine → a `host` record: host, network, GPUs, models.
//!
//! Must not know policy: what is found is told with its source, what is not
//! found is null with a reason.
