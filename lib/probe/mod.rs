//! The machine → a `host` record: host, network, GPUs, models; and the `agent`
//! records that follow from one.
//!
//! Must not know policy: what is found is told with its source, what is not
//! found is null with a reason. Reads files, asks model servers and the NVIDIA
//! library, always within a time limit; writes nothing.

mod agents;
mod capability;
mod child;
mod diff;
mod gpu;
mod host;
mod mac;
mod macos;
mod models;
#[cfg(target_os = "linux")]
mod netlink;
mod network;
mod nvml;
mod pci;
mod pci_ids;
mod record;
mod route;
mod server;
mod survey;
mod tree;

pub use agents::{Agents, agents};
pub use capability::capability;
pub use diff::{DiffError, changes, saved};
pub use gpu::Gpu;
pub use mac::Mac;
pub use models::Model;
pub use nvml::answer as nvml_answer;
pub use record::host_record;
pub use server::{Address, AddressError, ServerKind};
pub use survey::{Host, Options, probe};

/// What was looked for: the value, or why there is none, in words for people.
pub type Found<T> = Result<T, String>;
