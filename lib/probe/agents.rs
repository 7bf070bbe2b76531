//! A host → its agents: one per model and GPU.
//!
//! Must not know tokens, hashes or how a tuple is canonicalised. A record holds
//! nothing that changes by itself, since whoever sends it sends each change.

use super::gpu::Gpu;
use super::models::Model;
use super::record::{Members, flags};
use super::survey::Host;
use serde_json::{Map, Value, json};

/// What `agents` found.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    /// `agent` records: models in their order, for each the GPUs by slot.
    pub records: Vec<Map<String, Value>>,
    /// PCI addresses of GPUs that have a UUID and did not tell it. An agent named
    /// by the address instead would be another agent next time.
    pub unsettled: Vec<String>,
    /// Models that their server only passes on.
    pub remote: Vec<String>,
}

/// The agents of a host that has a name; a reason if it has none.
pub fn agents(host: &Host) -> Result<Agents, String> {
    let hostname = host.basics.hostname.clone()?;
    let mut found = Agents::default();
    let address = |gpu: &Gpu| gpu.pci_address.clone().unwrap_or_else(|_| "?".to_owned());
    found.unsettled = host.gpus.list.iter().filter(|gpu| gpu.is_unsettled).map(address).collect();
    let slots: Vec<(usize, Option<&Gpu>)> = match &host.gpus.list[..] {
        [] => vec![(0, None)],
        list => list.iter().map(Some).enumerate().collect(),
    };
    for model in &host.models {
        if model.is_remote {
            found.remote.push(model.name.clone());
            continue;
        }
        for (slot, gpu) in &slots {
            if !gpu.is_some_and(|gpu| gpu.is_unsettled) {
                found.records.push(record(host, &hostname, model, *slot, *gpu));
            }
        }
    }
    Ok(found)
}

fn record(host: &Host, hostname: &str, model: &Model, slot: usize, gpu: Option<&Gpu>) -> Map<String, Value> {
    let none = || "none".to_owned();
    let id = gpu.and_then(|gpu| gpu.uuid.clone().or_else(|_| gpu.pci_address.clone()).ok());
    let mac = host.network.as_ref().map_or_else(|_| none(), |network| network.mac.to_string());
    let mut record = Members::record("agent");
    record.set("gpu_id", id.unwrap_or_else(none));
    record.set("gpu_slot", slot);
    record.set("hostname", hostname);
    record.set("mac", mac);
    record.set("model", model.name.clone());
    if let Err(reason) = &host.network {
        record.because("mac", reason);
    }
    if let Some(gpu) = gpu {
        record.set("gpu_vendor", gpu.vendor);
        record.found("gpu_name", &gpu.name);
        record.found("gpu_memory_bytes", &gpu.memory_bytes);
        record.found("gpu_pci_address", &gpu.pci_address);
        record.set("gpu_source", gpu.source);
        if let (Err(uuid), Err(_)) = (&gpu.uuid, &gpu.pci_address) {
            record.because("gpu_id", uuid);
        }
    } else {
        record.because("gpu_id", &host.no_gpus);
        for key in ["gpu_vendor", "gpu_name", "gpu_memory_bytes", "gpu_pci_address", "gpu_source"] {
            record.unknown(key, "there is no GPU");
        }
    }
    record.found("model_digest", &model.digest);
    record.found("model_size_bytes", &model.size_bytes);
    record.found("model_quantisation", &model.quantisation);
    record.set("model_server", model.server);
    record.found("os", &host.basics.os);
    record.found("arch", &host.basics.arch);
    record.found("memory_bytes", &host.basics.memory_bytes);
    record.set("flags", json!(flags(host)));
    record.finish()
}
