//! GPUs on copied buses.

use super::{Tree, host, hwprobe, lines};
use serde_json::json;

#[test]
fn one_gpu_without_any_driver() {
    let tree = Tree::worker();
    tree.pci("0000:65:00.0", "030200", "10de", "2330", None);
    let record = host(&tree);
    let gpu = &record["gpus"][0];
    assert_eq!((&gpu["slot"], &gpu["vendor"], &gpu["source"]), (&json!(0), &json!("nvidia"), &json!("sysfs")));
    assert_eq!((&gpu["pci_address"], &gpu["pci_id"]), (&json!("0000:65:00.0"), &json!("10de:2330")));
    assert_eq!(gpu["reasons"]["uuid"], "NVML was not asked");
    assert_eq!(gpu["reasons"]["driver"], "no kernel driver holds it");
    assert!(gpu["reasons"]["name"].as_str().expect("a reason").starts_with("no PCI id database"));
    tree.pci_ids();
    assert_eq!(host(&tree)["gpus"][0]["name"], "GH100 [H100 SXM5 80GB]");
    tree.pci("0000:65:00.0", "030200", "10de", "ffff", None);
    assert_eq!(host(&tree)["gpus"][0]["reasons"]["name"], "the PCI id database does not list it");
}

#[test]
fn the_nvidia_drivers_own_files_stand_in_for_its_library() {
    let tree = Tree::worker();
    tree.pci("0000:65:00.0", "030200", "10de", "2330", Some("nvidia"));
    tree.file("sys/module/nvidia/version", "550.54.15\n");
    let information = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 42\n\
                       GPU UUID: \t GPU-5fe2a9e4-0b0c-4a5c-8a3f-2f0f5c0d1e2f\nBus Location: \t 0000:65:00.0\n";
    tree.file("proc/driver/nvidia/gpus/0000:65:00.0/information", information);
    let gpu = host(&tree)["gpus"][0].clone();
    assert_eq!(gpu["name"], "NVIDIA H100 80GB HBM3");
    assert_eq!(gpu["uuid"], "GPU-5fe2a9e4-0b0c-4a5c-8a3f-2f0f5c0d1e2f");
    assert_eq!((&gpu["source"], &gpu["driver"]), (&json!("driver"), &json!("nvidia")));
    assert_eq!(gpu["driver_version"], "550.54.15");
    assert!(gpu["memory_bytes"].is_null());
    // Until a card is opened for the first time its driver shows question marks.
    let unopened = information.replace("5fe2a9e4-0b0c-4a5c-8a3f-2f0f5c0d1e2f", "????????-????-????-????-????????????");
    tree.file("proc/driver/nvidia/gpus/0000:65:00.0/information", unopened);
    assert!(host(&tree)["gpus"][0]["uuid"].is_null());
}

#[test]
fn amd_and_intel_from_sysfs() {
    let tree = Tree::worker();
    tree.pci_ids();
    tree.pci("0000:03:00.0", "038000", "1002", "740f", Some("amdgpu"));
    let folder = "sys/bus/pci/devices/0000:03:00.0";
    tree.file(&format!("{folder}/unique_id"), "8A5B7C0012345678\n");
    tree.file(&format!("{folder}/mem_info_vram_total"), "68702699520\n");
    tree.pci("0000:09:00.0", "030000", "8086", "56a0", Some("i915"));
    tree.file("sys/bus/pci/devices/0000:09:00.0/drm/card1/lmem_total_bytes", "17071865856\n");
    tree.pci("0000:0a:00.0", "120000", "1002", "74a1", Some("amdgpu"));
    tree.file("sys/bus/pci/devices/0000:0a:00.0/product_name", "AMD Instinct MI300X\n");
    tree.file("sys/bus/pci/devices/0000:0a:00.0/unique_id", "0\n");
    let gpus = host(&tree)["gpus"].clone();
    assert_eq!(gpus[0]["uuid"], "GPU-8a5b7c0012345678");
    assert_eq!(
        (&gpus[0]["name"], &gpus[0]["memory_bytes"]),
        (&json!("Aldebaran [Instinct MI210]"), &json!(68_702_699_520_u64))
    );
    assert_eq!((&gpus[0]["source"], &gpus[0]["driver"]), (&json!("sysfs"), &json!("amdgpu")));
    assert_eq!((&gpus[1]["name"], &gpus[1]["memory_bytes"]), (&json!("DG2 [Arc A770]"), &json!(17_071_865_856_u64)));
    assert_eq!(gpus[1]["reasons"]["uuid"], "intel GPUs have no UUID");
    assert_eq!((&gpus[2]["name"], &gpus[2]["uuid"]), (&json!("AMD Instinct MI300X"), &json!(null)));
}

#[test]
fn seventeen_gpus_in_the_buses_order_and_no_other_display() {
    let tree = Tree::worker();
    let kinds = [("030200", "10de", "2330"), ("038000", "1002", "740f"), ("030000", "8086", "56a0")];
    // As text, domain 10000 would come before domain 2000.
    let domain_of = |index: u32| [0, 0x2000, 0x10000][index as usize / 6];
    for index in (0..17_u32).rev() {
        let (class, vendor, device) = kinds[index as usize % 3];
        let domain = domain_of(index);
        tree.pci(&format!("{domain:04x}:{:02x}:00.0", index * 9), class, vendor, device, None);
    }
    tree.pci("0000:02:00.0", "030000", "1a03", "2000", Some("ast"));
    tree.pci("0000:04:00.0", "030000", "1234", "1111", Some("bochs-drm"));
    tree.pci("0000:05:00.0", "120000", "8086", "7d1d", Some("intel_vpu"));
    tree.pci("0000:06:00.0", "020000", "10de", "1021", None);
    tree.file("sys/bus/pci/devices/0000:07:00.0/class", "junk\n");
    tree.file("sys/bus/pci/devices/junk/class", "0x030000\n");
    tree.file("sys/bus/pci/devices/junk/vendor", "0x10de\n");
    tree.file("sys/bus/pci/devices/junk/device", "0x2330\n");
    let record = host(&tree);
    let gpus = record["gpus"].as_array().expect("a list");
    assert_eq!(gpus.len(), 17);
    for (index, gpu) in gpus.iter().enumerate() {
        let domain = domain_of(index as u32);
        assert_eq!(
            (gpu["slot"].as_u64(), gpu["pci_address"].as_str()),
            (Some(index as u64), Some(&*format!("{domain:04x}:{:02x}:00.0", index * 9)))
        );
    }
    let agents = lines(hwprobe(&tree).args(["--agents", "--model", "m", "--model", "n"]));
    assert_eq!(agents.len(), 34);
    assert_eq!((&agents[20]["model"], &agents[20]["gpu_slot"]), (&json!("n"), &json!(3)));
    assert_eq!((&agents[20]["gpu_id"], &agents[20]["gpu_vendor"]), (&json!("0000:1b:00.0"), &json!("nvidia")));
}
