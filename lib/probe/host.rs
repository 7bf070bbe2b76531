//! What the machine is called and what it is: hostname, machine id, operating
//! system, processor, memory.
//!
//! Must not know networks, GPUs or models.

use super::Found;
use super::tree::Tree;
use std::fmt::Write as _;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What `--agents` and people must know about a hostname before they rely on it.
pub(super) const LOCALHOST: &str = "hostname_localhost";
const ESCAPED: &str = "hostname_escaped";

/// The machine without its network and its GPUs.
#[derive(Clone, Debug)]
pub(super) struct Basics {
    pub hostname: Found<String>,
    /// What is odd about the hostname: `hostname_localhost`, `hostname_escaped`.
    pub flags: Vec<&'static str>,
    pub machine_id: Found<String>,
    pub os: Found<String>,
    pub kernel: Found<String>,
    pub arch: Found<String>,
    pub cpu: Cpu,
    /// All of the machine's memory that the system can use, and what of it is free now.
    pub memory_bytes: Found<u64>,
    pub memory_available_bytes: Found<u64>,
}

/// The processor; several of one kind count as one.
#[derive(Clone, Debug)]
pub(super) struct Cpu {
    pub name: Found<String>,
    pub cores: Found<u64>,
    pub threads: Found<u64>,
}

/// Reads it all. Linux is read from its own files, because that takes a tenth
/// of the time of a library that also counts processes; other systems through
/// sysinfo.
pub(super) fn basics(tree: &Tree) -> Basics {
    if tree.is_this_machine() && !cfg!(target_os = "linux") {
        return through_sysinfo();
    }
    let (hostname, flags) = hostname(raw_hostname(tree));
    let memory = tree.text("/proc/meminfo");
    Basics {
        hostname,
        flags,
        machine_id: machine_id(tree),
        os: os(tree),
        kernel: tree.text("/proc/sys/kernel/osrelease"),
        arch: arch(tree),
        cpu: cpu(tree),
        memory_bytes: memory.clone().and_then(|text| memory_line(&text, "MemTotal")),
        memory_available_bytes: memory.and_then(|text| memory_line(&text, "MemAvailable")),
    }
}

fn raw_hostname(tree: &Tree) -> Found<Vec<u8>> {
    if tree.is_this_machine() {
        return Ok(rustix::system::uname().nodename().to_bytes().to_vec());
    }
    let mut name = tree.bytes("/proc/sys/kernel/hostname").or_else(|_| tree.bytes("/etc/hostname"))?;
    // The file ends its line; a newline inside would be the name's own.
    name.pop_if(|last| *last == b'\n');
    Ok(name)
}

/// A hostname as bytes → as text that no terminal and no line can be broken
/// with, and what is odd about it.
fn hostname(raw: Found<Vec<u8>>) -> (Found<String>, Vec<&'static str>) {
    let raw = match raw {
        Ok(raw) => raw,
        Err(reason) => return (Err(reason), Vec::new()),
    };
    if raw.is_empty() || raw == b"(none)" {
        return (Err("the host has no name".to_owned()), Vec::new());
    }
    let mut name = String::new();
    for chunk in raw.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character.is_whitespace() {
                let _ = write!(name, "\\u{{{:x}}}", u32::from(character));
            } else {
                name.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(name, "\\x{byte:02x}");
        }
    }
    let mut flags = Vec::new();
    if name.as_bytes() != raw {
        flags.push(ESCAPED);
    }
    let bare = name.to_ascii_lowercase();
    if bare == "localhost" || bare.starts_with("localhost.") {
        flags.push(LOCALHOST);
    }
    (Ok(name), flags)
}

fn machine_id(tree: &Tree) -> Found<String> {
    let id = tree.text("/etc/machine-id").or_else(|_| tree.text("/var/lib/dbus/machine-id"));
    let id = id.map_err(|_| "/etc/machine-id: not found".to_owned())?;
    let good = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(id.to_ascii_lowercase()) } else { Err("/etc/machine-id: not 32 hex digits".to_owned()) }
}

fn os(tree: &Tree) -> Found<String> {
    let text = tree.text("/etc/os-release").or_else(|_| tree.text("/usr/lib/os-release"));
    let text = text.map_err(|_| "/etc/os-release: not found".to_owned())?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        let bare = line.trim().trim_matches(['"', '\'']);
        (!bare.is_empty()).then(|| bare.to_owned())
    };
    value("PRETTY_NAME").or_else(|| value("NAME")).ok_or_else(|| "/etc/os-release: names no system".to_owned())
}

fn arch(tree: &Tree) -> Found<String> {
    if !tree.is_this_machine() {
        return Err("a copied tree does not tell it".to_owned());
    }
    Ok(rustix::system::uname().machine().to_string_lossy().into_owned())
}

fn memory_line(text: &str, key: &str) -> Found<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.map(|count| count * 1024).ok_or_else(|| format!("/proc/meminfo: no {key}"))
}

/// The first processor's paragraph tells of all: the kernel makes the file as
/// it is read, and on a machine of 256 threads the whole takes milliseconds.
fn cpu(tree: &Tree) -> Cpu {
    let info = tree.head("/proc/cpuinfo", 4096).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let threads = tree.text("/sys/devices/system/cpu/online").and_then(|text| {
        cpu_list(&text).ok_or_else(|| "/sys/devices/system/cpu/online: not a list of processors".to_owned())
    });
    let field = |key: &str| -> Found<String> {
        let info = info.as_ref().map_err(Clone::clone)?;
        let line = info.lines().find(|line| line.strip_prefix(key).is_some_and(|rest| rest.trim().starts_with(':')));
        let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned());
        value.filter(|value| !value.is_empty()).ok_or_else(|| format!("/proc/cpuinfo: no \"{key}\""))
    };
    let per_package = |key: &str| -> Found<u64> {
        field(key)?.parse().ok().filter(|count| *count > 0).ok_or_else(|| format!("/proc/cpuinfo: bad \"{key}\""))
    };
    let cores = (|| {
        let (threads, siblings) = (threads.clone()?, per_package("siblings")?);
        Ok(threads.div_ceil(siblings) * per_package("cpu cores")?)
    })();
    Cpu { name: field("model name"), cores, threads }
}

/// `0-3,8` is five processors.
fn cpu_list(text: &str) -> Option<u64> {
    let mut count = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        count += last.checked_sub(first)? + 1;
    }
    Some(count)
}

fn through_sysinfo() -> Basics {
    let kind =
        RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()).with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(kind).map_err(|error| error.to_string());
    let system = system.as_ref().map_err(Clone::clone);
    let (hostname, flags) = hostname(Ok(rustix::system::uname().nodename().to_bytes().to_vec()));
    let name = system.clone().map(|system| system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()));
    Basics {
        hostname,
        flags,
        machine_id: Err("asked of system_profiler".to_owned()),
        os: System::long_os_version().map_err(|error| error.to_string()),
        kernel: System::kernel_version().map_err(|error| error.to_string()),
        arch: Ok(rustix::system::uname().machine().to_string_lossy().into_owned()),
        cpu: Cpu {
            name: name.and_then(|name| {
                name.filter(|name| !name.is_empty()).ok_or_else(|| "the system does not name its processor".to_owned())
            }),
            cores: System::physical_core_count().map(|count| count as u64).map_err(|error| error.to_string()),
            threads: system.clone().map(|system| system.cpus().len() as u64),
        },
        memory_bytes: system.clone().map(System::total_memory),
        memory_available_bytes: system.map(System::available_memory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(raw: &[u8]) -> (Found<String>, Vec<&'static str>) {
        hostname(Ok(raw.to_vec()))
    }

    #[test]
    fn odd_hostnames_are_flagged_and_escaped() {
        assert_eq!(named(b"web-1.example"), (Ok("web-1.example".into()), vec![]));
        assert_eq!(named("höst".as_bytes()), (Ok("höst".into()), vec![]));
        assert_eq!(named(b""), (Err("the host has no name".into()), vec![]));
        assert_eq!(named(b"a\nb\x1b[m"), (Ok("a\\u{a}b\\u{1b}[m".into()), vec![ESCAPED]));
        assert_eq!(named(b"a\xff\xfeb"), (Ok("a\\xff\\xfeb".into()), vec![ESCAPED]));
        assert_eq!(named(b"LOCALHOST.localdomain"), (Ok("LOCALHOST.localdomain".into()), vec![LOCALHOST]));
    }

    #[test]
    fn lists_of_processors() {
        for (text, count) in [("0", Some(1)), ("0-255", Some(256)), ("0-3,8", Some(5)), ("3-1", None), ("", None)] {
            assert_eq!(cpu_list(text), count, "{text}");
        }
    }

    #[test]
    fn other_systems_tell_what_linux_tells() {
        // sysinfo answers here too, so that what macOS would run is run.
        let (theirs, ours) = (through_sysinfo(), basics(&Tree::new(std::path::Path::new("/"))));
        assert_eq!(theirs.hostname, ours.hostname);
        assert_eq!(theirs.memory_bytes, ours.memory_bytes);
        assert_eq!(theirs.cpu.threads, ours.cpu.threads);
        assert_eq!(theirs.kernel, ours.kernel);
    }
}
