//! The host record, its gaps, and what changed since.

use super::{Tree, host, hwprobe, lines, parsed, this_machine};
use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_copied_machine_is_told_byte_for_byte_alike() {
    let tree = Tree::worker();
    tree.card("eth0", "a0:36:9f:00:00:01");
    tree.default_route("eth0");
    let record = host(&tree);
    let want = json!({
        "type": "host", "v": 1, "hostname": "worker", "machine_id": "0123456789abcdef0123456789abcdef",
        "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0-31-amd64", "arch": null,
        "cpu": "Some CPU @ 2.00GHz", "cpu_cores": 4, "cpu_threads": 8,
        "memory_bytes": 8_589_934_592_u64, "memory_available_bytes": 4_294_967_296_u64,
        "interface": "eth0", "mac": "a0369f000001", "mac_source": "default route",
        "mac_permanent": true, "mac_virtual": false, "mac_local": false, "flags": [],
        "gpus": [], "gpus_left_out": [], "models": [], "servers": [],
        "reasons": {
            "arch": "a copied tree does not tell it",
            "gpus": "no NVIDIA, AMD or Intel GPU in /sys/bus/pci/devices",
            "models": "no model server was asked",
        },
    });
    assert_eq!(record, want);
    let bytes = |_| hwprobe(&tree).assert().success().get_output().stdout.clone();
    assert_eq!(bytes(1), bytes(2));
}

#[test]
fn this_machine_agrees_with_its_own_tools() {
    let records = lines(&mut this_machine());
    let [record] = &records[..] else { panic!("one line") };
    let said = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output().expect(program);
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(record["hostname"], said("uname", &["-n"]));
    assert_eq!(record["kernel"], said("uname", &["-r"]));
    assert_eq!(record["arch"], said("uname", &["-m"]));
    assert_eq!(record["cpu_threads"].to_string(), said("getconf", &["_NPROCESSORS_ONLN"]));
    let kilobytes = record["memory_bytes"].as_u64().expect("memory") / 1024;
    assert!(fs::read_to_string("/proc/meminfo").expect("Linux").contains(&format!("{kilobytes} kB")));
    if let Some(mac) = record["mac"].as_str() {
        let interface = record["interface"].as_str().expect("with a MAC comes an interface");
        let address = fs::read_to_string(format!("/sys/class/net/{interface}/address")).expect("an interface");
        if record["mac_permanent"] == false || record["flags"] == json!([]) {
            assert_eq!(mac, address.trim().replace(':', ""));
        }
    }
}

#[test]
fn odd_hostnames_are_flagged_and_escaped() {
    for (raw, name, flags) in [
        (&b"localhost\n"[..], "localhost", json!(["hostname_localhost"])),
        (b"web\n1\n", "web\\u{a}1", json!(["hostname_escaped"])),
        (b"caf\xe9\x1b[31m\n", "caf\\xe9\\u{1b}[31m", json!(["hostname_escaped"])),
    ] {
        let tree = Tree::worker();
        tree.file("proc/sys/kernel/hostname", raw);
        let record = host(&tree);
        assert_eq!((&record["hostname"], &record["flags"]), (&json!(name), &flags), "{raw:?}");
        let agents = lines(hwprobe(&tree).args(["--agents", "--model", "m"]));
        assert_eq!((&agents[0]["hostname"], &agents[0]["flags"]), (&json!(name), &flags), "{raw:?}");
    }
}

#[test]
fn a_host_without_a_name_has_no_agents() {
    let tree = Tree::worker();
    tree.file("proc/sys/kernel/hostname", "\n");
    let record = host(&tree);
    assert_eq!((&record["hostname"], &record["reasons"]["hostname"]), (&Value::Null, &json!("the host has no name")));
    for mode in ["--agents", "--capability"] {
        let mut command = hwprobe(&tree);
        command.args([mode, "--model", "m"]).assert().code(2).stdout("").stderr(contains("the host has no name"));
    }
}

#[test]
fn no_sys_and_no_proc_are_gaps_with_reasons() {
    let tree = Tree::empty();
    let record = host(&tree);
    for key in ["hostname", "machine_id", "os", "cpu", "cpu_cores", "memory_bytes", "interface", "mac"] {
        assert!(record[key].is_null(), "{key}");
        assert!(record["reasons"][key].as_str().expect(key).contains("not found"), "{key}: {}", record["reasons"][key]);
    }
    assert_eq!(record["reasons"]["gpus"], "/sys/bus/pci/devices: not found");
}

#[test]
fn junk_in_files_is_a_gap_with_a_reason() {
    let tree = Tree::worker();
    for (name, key, reason) in [
        ("etc/machine-id", "machine_id", "/etc/machine-id: not 32 hex digits"),
        ("etc/os-release", "os", "/etc/os-release: not found"),
        ("proc/meminfo", "memory_bytes", "/proc/meminfo: no MemTotal"),
        ("proc/cpuinfo", "cpu", "/proc/cpuinfo: no \"model name\""),
        ("sys/devices/system/cpu/online", "cpu_threads", "/sys/devices/system/cpu/online: not a list of processors"),
    ] {
        let junk: &[u8] = if name == "etc/os-release" { b"\xff\xfe" } else { b"uninitialized\n" };
        tree.file(name, junk);
        assert_eq!(host(&tree)["reasons"][key], reason);
    }
    // A pipe and a device, in a copy that somebody has made.
    let path = tree.path().join("proc/meminfo");
    std::fs::remove_file(&path).expect("removed");
    std::process::Command::new("mkfifo").arg(&path).status().expect("a pipe");
    assert_eq!(host(&tree)["reasons"]["memory_bytes"], "/proc/meminfo: not a regular file");
    std::fs::remove_file(&path).expect("removed");
    tree.link("proc/meminfo", "/dev/zero");
    assert_eq!(host(&tree)["reasons"]["memory_bytes"], "/proc/meminfo: not a regular file");
}

#[test]
fn require_mac_is_exit_2_without_one() {
    let tree = Tree::worker();
    for mode in [&[][..], &["--agents", "--model", "m"]] {
        let mut command = hwprobe(&tree);
        command.args(mode).arg("--require-mac").assert().code(2).stdout("").stderr(contains("no usable MAC: "));
    }
    tree.card("eth0", "a0:36:9f:00:00:01");
    lines(hwprobe(&tree).arg("--require-mac"));
}

#[test]
fn diff_prints_what_changed_and_exits_1() {
    let tree = Tree::worker();
    tree.card("eth0", "a0:36:9f:00:00:01");
    let file = tree.path().join("probe.json");
    fs::write(&file, hwprobe(&tree).assert().success().get_output().stdout.clone()).expect("a file");
    let diff = || {
        let mut command = hwprobe(&tree);
        command.arg("--diff").arg(&file);
        command
    };
    // Free memory changes by itself and says nothing.
    tree.file("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1 kB\n");
    diff().assert().code(0).stdout("").stderr("");

    tree.file("proc/sys/kernel/osrelease", "6.1.0-32-amd64\n");
    tree.pci("0000:65:00.0", "030200", "10de", "2330", None);
    let output = diff().assert().code(1).stderr("").get_output().stdout.clone();
    let changes = parsed(&output);
    let fields: Vec<&str> = changes.iter().filter_map(|change| change["field"].as_str()).collect();
    assert_eq!(fields, ["kernel", "gpus[0000:65:00.0]"]);
    assert_eq!((&changes[0]["before"], &changes[0]["after"]), (&json!("6.1.0-31-amd64"), &json!("6.1.0-32-amd64")));

    fs::write(&file, "{\"type\":\"host\"\n").expect("a file");
    diff().assert().code(2).stdout("").stderr(contains("line 1: the JSON text ends too early"));
    fs::remove_file(&file).expect("gone");
    diff().assert().code(2).stdout("").stderr(contains("probe.json: not found").and(contains("hint: ")));
}

#[test]
fn a_capability_is_a_draft_that_can_be_signed() {
    let tree = Tree::worker();
    tree.file("proc/sys/kernel/hostname", "web 1.example\n");
    let drafts = lines(hwprobe(&tree).args(["--capability", "--model", "llama3.2", "--expires", "2h"]));
    let subject = drafts[0]["subject"].as_str().expect("text");
    assert_eq!(subject, "ucxl://any:any@COOEE:capability/#/host/web_u_20_1_example");
    assert!(subject.parse::<cooee::ucxl::Address>().is_ok());
    assert_eq!(drafts[0]["data"]["models"][0]["name"], "llama3.2");
    let expires: jiff::Timestamp = drafts[0]["expires"].as_str().expect("text").parse().expect("a time");
    let ahead = expires.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((7000..=7200).contains(&ahead), "{ahead}");
}

#[test]
fn agents_need_a_model_and_say_so() {
    let tree = Tree::worker();
    let mut command = hwprobe(&tree);
    command.arg("--agents").assert().code(1).stdout("").stderr(
        "hwprobe: no model found, so there is no agent\n\
         hwprobe: hint: name a server with --ollama URL or --openai URL, or a model with --model NAME\n",
    );
    let agents = lines(hwprobe(&tree).args(["--agents", "--model", "b", "--model", "a", "--model", "B"]));
    let named: Vec<_> = agents.iter().map(|a| (a["model"].as_str(), a["gpu_id"].as_str(), a["mac"].as_str())).collect();
    assert_eq!(named, [(Some("b"), Some("none"), Some("none")), (Some("a"), Some("none"), Some("none"))]);
    assert_eq!(agents[0]["gpu_slot"], 0);
    for bad in ["", "  ", "a\nb", &"x".repeat(257)] {
        hwprobe(&tree).args(["--agents", "--model", bad]).assert().code(2).stdout("");
    }
}

#[test]
fn tools_in_the_current_folder_are_not_run() {
    let tree = Tree::worker();
    tree.pci("0000:65:00.0", "030200", "10de", "2330", Some("nvidia"));
    for tool in ["nvidia-smi", "system_profiler", "ollama", "lspci", "ip"] {
        tree.file(tool, "#!/bin/sh\ntouch ran\n");
        fs::set_permissions(tree.path().join(tool), fs::Permissions::from_mode(0o755)).expect("mode");
    }
    let run = |command: &mut Command| {
        let before = std::env::var("PATH").unwrap_or_default();
        lines(command.current_dir(tree.path()).env("PATH", format!(".:{before}")))
    };
    run(&mut hwprobe(&tree));
    run(&mut this_machine());
    assert!(!tree.path().join("ran").exists());
}
