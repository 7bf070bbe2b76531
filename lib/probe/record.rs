//! What was found → the `host` record.
//!
//! Must not know agents.

use super::Found;
use super::gpu::Gpu;
use super::models::Model;
use super::server::Server;
use super::survey::Host;
use serde_json::{Map, Value, json};

/// Members in their order, and the reasons of those that are null.
pub(super) struct Members {
    members: Map<String, Value>,
    reasons: Map<String, Value>,
}

impl Members {
    pub fn new() -> Self {
        Self { members: Map::new(), reasons: Map::new() }
    }

    /// A record's start: its type and its version.
    pub fn record(kind: &str) -> Self {
        let mut members = Self::new();
        members.set("type", kind);
        members.set("v", 1);
        members
    }

    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.members.insert(key.to_owned(), value.into());
    }

    /// The value, or null and why.
    pub fn found<T: Clone + Into<Value>>(&mut self, key: &str, found: &Found<T>) {
        match found {
            Ok(value) => self.set(key, value.clone()),
            Err(reason) => self.unknown(key, reason),
        }
    }

    /// Null, and why.
    pub fn unknown(&mut self, key: &str, reason: &str) {
        self.set(key, Value::Null);
        self.because(key, reason);
    }

    /// Why a member is as empty as it is.
    pub fn because(&mut self, key: &str, reason: &str) {
        self.reasons.insert(key.to_owned(), reason.into());
    }

    pub fn finish(mut self) -> Map<String, Value> {
        self.members.insert("reasons".to_owned(), Value::Object(self.reasons));
        self.members
    }
}

/// The whole `host` record. A null always has its reason, under its own name
/// in `reasons`.
pub fn host_record(host: &Host) -> Map<String, Value> {
    let mut record = Members::record("host");
    let basics = &host.basics;
    record.found("hostname", &basics.hostname);
    record.found("machine_id", &basics.machine_id);
    record.found("os", &basics.os);
    record.found("kernel", &basics.kernel);
    record.found("arch", &basics.arch);
    record.found("cpu", &basics.cpu.name);
    record.found("cpu_cores", &basics.cpu.cores);
    record.found("cpu_threads", &basics.cpu.threads);
    record.found("memory_bytes", &basics.memory_bytes);
    record.found("memory_available_bytes", &basics.memory_available_bytes);
    match &host.network {
        Ok(network) => {
            record.set("interface", network.interface.clone());
            record.set("mac", network.mac.to_string());
            record.set("mac_source", network.source);
            record.found("mac_permanent", &network.permanent);
            record.set("mac_virtual", network.is_virtual);
            record.set("mac_local", network.mac.is_local());
        }
        Err(reason) => {
            for key in ["interface", "mac", "mac_source", "mac_permanent", "mac_virtual", "mac_local"] {
                record.unknown(key, reason);
            }
        }
    }
    record.set("flags", json!(flags(host)));
    let gpus: Vec<Value> = host.gpus.list.iter().enumerate().map(|(slot, gpu)| gpu_value(slot, gpu)).collect();
    if gpus.is_empty() {
        record.because("gpus", &host.no_gpus);
    }
    record.set("gpus", gpus);
    record.set("gpus_left_out", json!(host.gpus.left_out));
    let models: Vec<Value> = host.models.iter().map(model_value).collect();
    if models.is_empty() {
        record.because("models", no_models(host));
    }
    record.set("models", models);
    let servers: Vec<Value> = host.servers.iter().map(server_value).collect();
    record.set("servers", servers);
    record.finish()
}

/// What is odd about this host's name and address.
pub(super) fn flags(host: &Host) -> Vec<&'static str> {
    let mut flags = host.basics.flags.clone();
    if let Ok(network) = &host.network {
        for (flag, is_set) in [
            ("mac_local", network.mac.is_local()),
            ("mac_virtual", network.is_virtual),
            ("mac_not_permanent", network.permanent == Ok(false)),
        ] {
            if is_set {
                flags.push(flag);
            }
        }
    }
    flags
}

fn no_models(host: &Host) -> &'static str {
    if host.servers.is_empty() {
        "no model server was asked"
    } else if host.servers.iter().all(|server| server.answer.is_err()) {
        "no model server answers"
    } else {
        "no model server lists a model"
    }
}

fn gpu_value(slot: usize, gpu: &Gpu) -> Value {
    let mut members = Members::new();
    members.set("slot", slot);
    members.set("vendor", gpu.vendor);
    members.found("name", &gpu.name);
    members.found("uuid", &gpu.uuid);
    members.found("pci_address", &gpu.pci_address);
    members.found("pci_id", &gpu.pci_id);
    members.found("memory_bytes", &gpu.memory_bytes);
    members.found("driver", &gpu.driver);
    members.found("driver_version", &gpu.driver_version);
    members.set("source", gpu.source);
    Value::Object(members.finish())
}

fn model_value(model: &Model) -> Value {
    let mut members = Members::new();
    members.set("name", model.name.clone());
    members.found("digest", &model.digest);
    members.found("size_bytes", &model.size_bytes);
    members.found("quantisation", &model.quantisation);
    members.set("server", model.server);
    match &model.url {
        Some(url) => members.set("url", url.clone()),
        None => members.unknown("url", "declared with --model"),
    }
    members.set("remote", model.is_remote);
    Value::Object(members.finish())
}

fn server_value(server: &Server) -> Value {
    let mut members = Members::new();
    members.set("kind", server.kind.name());
    members.set("url", server.url.clone());
    members.found("models", &server.answer.as_ref().map(|list| list.models.len()).map_err(Clone::clone));
    members.found("refused", &server.answer.as_ref().map(|list| list.refused).map_err(Clone::clone));
    Value::Object(members.finish())
}
