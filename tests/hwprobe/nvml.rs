//! NVIDIA's library: one of our own in its place, that answers, hangs or
//! crashes as the real one has been seen to.

use super::{Tree, hwprobe, parsed};
use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Whoever waits for a library that hangs is ended by this, and fails.
const LIMIT: Duration = Duration::from_mins(1);

/// A copy of a machine with three NVIDIA cards and an AMD one, and the library.
fn machine(behaviour: &str) -> (Tree, PathBuf) {
    let tree = Tree::worker();
    tree.pci_ids();
    tree.pci("0000:03:00.0", "038000", "1002", "740f", Some("amdgpu"));
    tree.pci("0000:0a:00.0", "030200", "10de", "2330", Some("nvidia"));
    tree.pci("0000:65:00.0", "030200", "10de", "2330", Some("nvidia"));
    tree.pci("0000:b1:00.0", "030200", "10de", "2330", Some("vfio-pci"));
    let library = tree.path().join("libnvidia-ml.so.1");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/probe/nvml.c");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", &format!("-DBEHAVIOUR={behaviour}"), "-o"])
        .args([library.as_os_str(), source.as_ref()])
        .output()
        .expect("the compiler that links Rust");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    (tree, library)
}

fn asked(tree: &Tree, library: &PathBuf) -> Command {
    let mut command = hwprobe(tree);
    command.arg("--nvml").arg(library).timeout(LIMIT);
    command
}

fn record(command: &mut Command) -> Value {
    parsed(&command.assert().success().stderr("").get_output().stdout).remove(0)
}

#[test]
fn its_answers_are_told_in_the_order_of_the_bus() {
    let (tree, library) = machine("ANSWERS");
    let record = record(&mut asked(&tree, &library));
    let gpus = record["gpus"].as_array().expect("a list");
    let addresses: Vec<_> = gpus.iter().filter_map(|gpu| gpu["pci_address"].as_str()).collect();
    assert_eq!(addresses, ["0000:03:00.0", "0000:0a:00.0", "0000:4b:00.0", "0000:65:00.0"]);
    assert_eq!(record["gpus_left_out"], json!(["0000:b1:00.0"]));
    assert_eq!(
        gpus[3],
        json!({"slot": 3, "vendor": "nvidia", "name": "NVIDIA H100 80GB HBM3",
            "uuid": "GPU-00000000-0000-0000-0000-000000000000", "pci_address": "0000:65:00.0", "pci_id": "10de:2330",
            "memory_bytes": 85_520_809_984_u64, "driver": "nvidia", "driver_version": "550.54.15", "source": "nvml",
            "reasons": {}})
    );
    // One card fell off the bus, another's name is not UTF-8: gaps with reasons.
    assert!(gpus[1]["uuid"].is_null() && gpus[1]["name"] == "NVIDIA H100 80GB HBM3");
    assert!(gpus[1]["reasons"]["uuid"].as_str().expect("a reason").starts_with("NVML: "));
    assert!(gpus[2]["name"].is_null() && gpus[2]["pci_id"].is_null());
    assert_eq!(gpus[2]["uuid"], "GPU-00000000-0000-0000-0000-000000000002");

    // The card that was lost has no agent until it is back, by whatever way.
    let agents = |code: i32| {
        let output = asked(&tree, &library).args(["--agents", "--model", "m"]).assert().code(code).get_output().clone();
        let ids: Vec<Value> = parsed(&output.stdout).iter().map(|agent| agent["gpu_id"].clone()).collect();
        (json!(ids), String::from_utf8(output.stderr).expect("text"))
    };
    let (first, last) = ("GPU-00000000-0000-0000-0000-000000000000", "GPU-00000000-0000-0000-0000-000000000002");
    let (ids, said) = agents(4);
    assert_eq!(ids, json!(["0000:03:00.0", last, first]));
    assert!(said.starts_with("hwprobe: GPU 0000:0a:00.0 did not tell its UUID\nhwprobe: hint: "), "{said}");
    tree.file("proc/driver/nvidia/gpus/0000:0a:00.0/information", "GPU UUID: \t GPU-back\n");
    assert_eq!(agents(0), (json!(["0000:03:00.0", "GPU-back", last, first]), String::new()));
}

#[test]
fn a_library_that_hangs_costs_the_timeout_and_no_agent_its_name() {
    for behaviour in ["HANGS_WHEN_LOADED", "HANGS_WHEN_ASKED"] {
        let (tree, library) = machine(behaviour);
        let record = record(asked(&tree, &library).args(["--timeout", "300ms"]));
        assert_eq!(record["gpus"].as_array().map(Vec::len), Some(4));
        assert_eq!(record["gpus"][1]["reasons"]["uuid"], "NVML did not answer in time");
        assert_eq!(record["gpus"][1]["name"], "GH100 [H100 SXM5 80GB]");
        // Named by their address now, they would be other agents next time.
        let mut agents = asked(&tree, &library);
        let agents = agents.args(["--agents", "--model", "m", "--timeout", "300ms"]).assert().code(4).stderr(
            contains("GPU 0000:0a:00.0, 0000:65:00.0, 0000:b1:00.0 did not tell its UUID").and(contains("hint: ")),
        );
        let agents = parsed(&agents.get_output().stdout);
        assert_eq!(agents.len(), 1, "{behaviour}");
        assert_eq!(agents[0]["gpu_vendor"], "amd");
        // What the driver's files tell settles it.
        for address in ["0000:0a:00.0", "0000:65:00.0", "0000:b1:00.0"] {
            let name = format!("proc/driver/nvidia/gpus/{address}/information");
            tree.file(&name, format!("Model: \t NVIDIA H100\nGPU UUID: \t GPU-{address}\n"));
        }
        let mut agents = asked(&tree, &library);
        let agents = agents.args(["--agents", "--model", "m", "--timeout", "300ms"]).assert().success().stderr("");
        assert_eq!(parsed(&agents.get_output().stdout).len(), 4);
    }
}

#[test]
fn a_library_that_fails_is_named() {
    for (behaviour, reason) in [
        ("CRASHES", "NVML: signal: 6 (SIGABRT)"),
        ("HAS_NO_DRIVER", "NVML: NVIDIA driver is not loaded"),
        ("TALKS_JUNK", "NVML: its answer is cut"),
    ] {
        let (tree, library) = machine(behaviour);
        let record = record(&mut asked(&tree, &library));
        let why = record["gpus"][2]["reasons"]["uuid"].as_str().expect("a reason");
        assert!(why.starts_with(reason), "{behaviour}: {why}");
        assert_eq!(record["gpus"][2]["source"], "sysfs");
        // It will be the same next time, so agents have their cards' addresses.
        let agents = asked(&tree, &library)
            .args(["--agents", "--model", "m"])
            .assert()
            .success()
            .stderr("")
            .get_output()
            .stdout
            .clone();
        assert_eq!(parsed(&agents)[3]["gpu_id"], "0000:b1:00.0", "{behaviour}");
    }
}

#[test]
fn a_library_that_is_none_is_named() {
    let tree = Tree::worker();
    tree.file("text", "not a library\n");
    for (name, prefix) in [("absent.so", "NVML: "), ("text", "NVML: ")] {
        let library = tree.path().join(name);
        let record = record(&mut asked(&tree, &library));
        assert_eq!(record["gpus"], json!([]));
        let why = record["reasons"]["gpus"].as_str().expect("a reason");
        let want = format!(
            "no NVIDIA, AMD or Intel GPU in /sys/bus/pci/devices; {prefix}{} cannot be loaded",
            library.display()
        );
        assert_eq!(why, want);
    }
}
