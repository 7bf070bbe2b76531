//! macOS: what `system_profiler -json` prints → GPUs, network, machine id.
//!
//! The reading is pure, so that it is tested wherever the tests run. Must not
//! know Linux.

use super::Found;
use super::child::{Question, Silence};
use super::gpu::Gpu;
use super::mac::Mac;
use super::network::Network;
use super::pci::Vendor;
use crate::jsonl;
use serde_json::Value;
use std::process::Command;
use std::time::Instant;

/// What the tool tells beyond the basics.
pub(super) struct Profile {
    pub gpus: Vec<Gpu>,
    pub no_gpus: String,
    pub machine_id: Found<String>,
    pub network: Found<Network>,
}

/// The tool by its whole path: whatever else has its name is not run.
pub(super) fn command() -> Command {
    let mut command = Command::new("/usr/sbin/system_profiler");
    command.args(["-json", "SPDisplaysDataType", "SPHardwareDataType", "SPNetworkDataType"]);
    command
}

/// The tool's answer before `deadline`.
pub(super) fn profile(question: Result<Question, Silence>, deadline: Instant) -> Profile {
    let bytes = question.and_then(|question| question.answer(deadline)).map_err(|silence| match silence {
        Silence::TooLate => "system_profiler did not answer in time".to_owned(),
        Silence::Failed(why) => format!("system_profiler: {why}"),
    });
    let answer = bytes.and_then(|bytes| {
        jsonl::parse(&bytes).map_err(|error| format!("system_profiler: its answer is not JSON: {}", error.reason))
    });
    match answer {
        Ok(answer) => read(&answer),
        Err(why) => Profile { gpus: Vec::new(), no_gpus: why.clone(), machine_id: Err(why.clone()), network: Err(why) },
    }
}

fn read(answer: &Value) -> Profile {
    let hardware = &answer["SPHardwareDataType"][0];
    Profile {
        gpus: items(answer, "SPDisplaysDataType").filter_map(|item| gpu(item, hardware)).collect(),
        no_gpus: "system_profiler lists no GPU".to_owned(),
        machine_id: text(hardware, "platform_UUID")
            .map(str::to_ascii_lowercase)
            .ok_or_else(|| "system_profiler tells no platform UUID".to_owned()),
        network: network(answer),
    }
}

fn items<'a>(answer: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    answer[kind].as_array().into_iter().flatten()
}

fn text<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    item[key].as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn gpu(item: &Value, hardware: &Value) -> Option<Gpu> {
    let name = text(item, "sppci_model").or_else(|| text(item, "_name"))?;
    let vendor = text(item, "spdisplays_vendor").unwrap_or(name).to_lowercase();
    let vendor = [Vendor::Apple, Vendor::Amd, Vendor::Nvidia, Vendor::Intel]
        .into_iter()
        .find(|known| vendor.contains(known.name()))?;
    let own = ["spdisplays_vram", "_spdisplays_vram", "spdisplays_vram_shared"];
    let own = own.iter().find_map(|key| bytes(text(item, key)?));
    // Apple's own GPUs use all of the machine's memory.
    let memory = if vendor == Vendor::Apple { text(hardware, "physical_memory").and_then(bytes) } else { own };
    let untold = |what: &str| Err(format!("system_profiler tells no {what}"));
    let id = |key: &str| text(item, key).and_then(|id| u16::from_str_radix(id.trim_start_matches("0x"), 16).ok());
    Some(Gpu {
        vendor: vendor.name(),
        name: Ok(name.to_owned()),
        uuid: untold("GPU's UUID"),
        pci_address: untold("PCI address"),
        pci_id: match (id("spdisplays_vendor-id"), id("spdisplays_device-id")) {
            (Some(vendor), Some(device)) => Ok(format!("{vendor:04x}:{device:04x}")),
            _ => untold("PCI id"),
        },
        memory_bytes: memory.ok_or_else(|| "system_profiler tells no memory".to_owned()),
        driver: untold("driver"),
        driver_version: untold("driver"),
        source: "system_profiler",
        is_unsettled: false,
    })
}

/// `1536 MB`, `16 GB`; 1 MB is 1,048,576 bytes there.
fn bytes(text: &str) -> Option<u64> {
    let (count, unit) = text.split_once(' ')?;
    let count: u64 = count.parse().ok()?;
    let unit = match unit {
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    count.checked_mul(unit)
}

/// The first service, in the system's order, that has an IPv4 address and an
/// Ethernet address: the one the default route leaves by.
fn network(answer: &Value) -> Found<Network> {
    let mut services: Vec<&Value> = items(answer, "SPNetworkDataType").collect();
    services.sort_by_key(|item| item["spnetwork_service_order"].as_u64().unwrap_or(u64::MAX));
    let connected = |item: &&&Value| item["ip_address"].as_array().is_some_and(|list| !list.is_empty());
    let with_mac = |item: &&Value| {
        let mac = text(&item["Ethernet"], "MAC Address").and_then(Mac::read).filter(|mac| mac.unusable().is_none())?;
        Some((text(item, "interface")?.to_owned(), mac))
    };
    let found = services.iter().filter(connected).find_map(with_mac);
    let (found, source) = match found {
        Some(found) => (Some(found), "default route"),
        None => (services.iter().find_map(with_mac), "first interface"),
    };
    let (interface, mac) = found.ok_or("system_profiler lists no interface with an address")?;
    Ok(Network {
        interface,
        mac,
        permanent: Err("system_profiler does not tell it".to_owned()),
        is_virtual: mac.is_of_a_hypervisor(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(file: &str) -> Profile {
        read(&jsonl::parse(file.as_bytes()).expect("JSON"))
    }

    #[test]
    fn apple_silicon() {
        let profile = profile(include_str!("../../tests/testdata/probe/system_profiler-apple.json"));
        let [gpu] = &profile.gpus[..] else { panic!("one GPU") };
        assert_eq!((gpu.vendor, gpu.name.as_deref()), ("apple", Ok("Apple M1")));
        assert_eq!(gpu.memory_bytes, Ok(16 << 30));
        assert!(gpu.uuid.is_err() && gpu.pci_address.is_err());
        assert_eq!(profile.machine_id.as_deref(), Ok("8fa3b9d2-4c1e-5f60-9a77-0c2d6e1b4a58"));
        let network = profile.network.expect("Wi-Fi is on");
        assert_eq!((network.interface.as_str(), network.mac.to_string().as_str()), ("en0", "a483e7000102"));
        assert_eq!(network.source, "default route");
    }

    #[test]
    fn two_cards_of_an_intel_mac() {
        let profile = profile(include_str!("../../tests/testdata/probe/system_profiler-intel.json"));
        let seen: Vec<_> =
            profile.gpus.iter().map(|gpu| (gpu.vendor, gpu.memory_bytes.clone(), gpu.pci_id.clone())).collect();
        let id = |id: &str| Ok(id.to_owned());
        assert_eq!(seen[0], ("intel", Ok(1536 << 20), id("8086:3e9b")));
        assert_eq!(seen[1].0, "amd");
        assert_eq!(seen[1].1, Ok(4 << 30));
        assert_eq!(seen.len(), 2);
        // The service first in order has no cable in it.
        assert_eq!(profile.network.expect("the second service").interface, "en0");
    }

    /// Entries as the tool printed them on a Mac with an M3 Max, and on macOS in
    /// a virtual machine whose display is no GPU.
    #[test]
    fn captured_entries() {
        let profile = profile(
            r#"{"SPDisplaysDataType" : [
            { "_name" : "Apple M3 Max", "spdisplays_metal" : "spdisplays_supported",
              "spdisplays_vendor" : "sppci_vendor_Apple", "sppci_bus" : "spdisplays_builtin", "sppci_cores" : "40",
              "sppci_device_type" : "spdisplays_gpu", "sppci_model" : "Apple M3 Max" },
            { "_name" : "spdisplays_display", "spdisplays_device-id" : "0x1111", "spdisplays_revision-id" : "0x0002",
              "spdisplays_vendor-id" : "0x1234", "spdisplays_vram" : "7 MB", "sppci_device_type" : "spdisplays_gpu" }
            ]}"#,
        );
        let [gpu] = &profile.gpus[..] else { panic!("one GPU: {:?}", profile.gpus.len()) };
        assert_eq!((gpu.vendor, gpu.name.as_deref()), ("apple", Ok("Apple M3 Max")));
        assert_eq!(gpu.memory_bytes, Err("system_profiler tells no memory".to_owned()));
        assert_eq!(gpu.pci_id, Err("system_profiler tells no PCI id".to_owned()));
    }

    #[test]
    fn junk_is_a_gap_with_a_reason() {
        for junk in ["{}", "[]", "3", r#"{"SPDisplaysDataType":7,"SPHardwareDataType":[],"SPNetworkDataType":[{}]}"#] {
            let profile = profile(junk);
            assert!(profile.gpus.is_empty() && profile.machine_id.is_err() && profile.network.is_err(), "{junk}");
        }
    }
}
