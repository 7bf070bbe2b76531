//! GPUs in PCI order, each from the best source that answers: NVML, then the
//! driver's own files, then the PCI bus.
//!
//! Must not know agents.

use super::Found;
use super::child::Silence;
use super::nvml;
use super::pci::{self, Card, Vendor};
use super::pci_ids;
use super::tree::Tree;

/// One GPU.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// `nvidia`, `amd`, `intel` or `apple`.
    pub vendor: &'static str,
    /// What its maker calls it, else the PCI id database's name.
    pub name: Found<String>,
    /// `GPU-` and the maker's own id, where it has one.
    pub uuid: Found<String>,
    /// `0000:65:00.0`.
    pub pci_address: Found<String>,
    /// `10de:2330`, vendor and device.
    pub pci_id: Found<String>,
    /// Its own memory.
    pub memory_bytes: Found<u64>,
    /// The kernel driver.
    pub driver: Found<String>,
    /// Its version.
    pub driver_version: Found<String>,
    /// Who told: `nvml`, `driver`, `sysfs` or `system_profiler`.
    pub source: &'static str,
    /// It has a UUID that could not be had now: too late an answer, or a card
    /// that its own library cannot read.
    pub is_unsettled: bool,
}

/// The GPUs and the NVIDIA cards that NVML does not offer here (given to a
/// virtual machine, or kept from this container).
#[derive(Clone, Debug, Default)]
pub(super) struct Gpus {
    pub list: Vec<Gpu>,
    pub left_out: Vec<String>,
}

/// Puts together what the bus shows and what NVML said, if it was asked.
pub(super) fn gpus(tree: &Tree, cards: &[Card], report: Option<Result<nvml::Report, Silence>>) -> Gpus {
    let mut names = Names { tree, database: None };
    let mut found = Gpus::default();
    let late = matches!(report, Some(Err(Silence::TooLate)));
    let report = report.map(|report| report.map_err(|silence| said(&silence)));
    let told = report.as_ref().and_then(|report| report.as_ref().ok());
    for card in cards {
        let at = |other: &&nvml::Card| other.pci_address.as_ref() == Ok(&card.address);
        let mut gpu = match (card.vendor, told) {
            (Vendor::Nvidia, Some(report)) => {
                let Some(known) = report.cards.iter().find(at) else {
                    found.left_out.push(card.address.clone());
                    continue;
                };
                of_nvml(tree, known, report)
            }
            (Vendor::Nvidia, None) => {
                let why = report.as_ref().and_then(|report| report.as_ref().err());
                nvidia(tree, card, why.map_or("NVML was not asked", String::as_str))
            }
            (Vendor::Amd, _) => amd(tree, card),
            (Vendor::Intel | Vendor::Apple, _) => intel(tree, card),
        };
        if gpu.name.is_err() {
            gpu.name = names.name(card.id);
        }
        gpu.pci_id = Ok(format!("{:04x}:{:04x}", card.id.0, card.id.1));
        gpu.driver = card.driver.clone().ok_or_else(|| "no kernel driver holds it".to_owned());
        gpu.is_unsettled |= late && card.vendor == Vendor::Nvidia && gpu.uuid.is_err();
        found.list.push(gpu);
    }
    // Where the bus is hidden (WSL, some containers), NVML still knows its cards.
    for known in told.into_iter().flat_map(|report| &report.cards) {
        let on_the_bus = |card: &Card| known.pci_address.as_ref() == Ok(&card.address);
        if let Some(report) = told.filter(|_| !cards.iter().any(on_the_bus)) {
            found.list.push(of_nvml(tree, known, report));
        }
    }
    found.list.sort_by_key(|gpu| gpu.pci_address.as_ref().map_or((u32::MAX, 0, 0, 0), |address| pci::order(address)));
    found
}

/// Why NVML said nothing, for people.
pub(super) fn said(silence: &Silence) -> String {
    match silence {
        Silence::TooLate => "NVML did not answer in time".to_owned(),
        Silence::Failed(why) if why.starts_with("NVML") => why.clone(),
        Silence::Failed(why) => format!("NVML: {why}"),
    }
}

fn of_nvml(tree: &Tree, card: &nvml::Card, report: &nvml::Report) -> Gpu {
    let bus = "NVML knows it, the PCI bus does not show it";
    let uuid = card.uuid.clone().or_else(|why| {
        let address = card.pci_address.as_deref().unwrap_or_default();
        information(tree, address, "GPU UUID").ok_or(why)
    });
    Gpu {
        vendor: Vendor::Nvidia.name(),
        name: card.name.clone(),
        is_unsettled: uuid.is_err(),
        uuid,
        pci_address: card.pci_address.clone(),
        pci_id: Err(bus.to_owned()),
        memory_bytes: card.memory_bytes.clone(),
        driver: Err(bus.to_owned()),
        driver_version: report.driver_version.clone(),
        source: "nvml",
    }
}

/// An NVIDIA card without NVML: its driver's files tell its name and UUID.
fn nvidia(tree: &Tree, card: &Card, why: &str) -> Gpu {
    let field = |key: &str| information(tree, &card.address, key).ok_or_else(|| why.to_owned());
    let (name, uuid) = (field("Model"), field("GPU UUID"));
    Gpu {
        source: if name.is_ok() || uuid.is_ok() { "driver" } else { "sysfs" },
        name,
        uuid,
        memory_bytes: Err(why.to_owned()),
        driver_version: module_version(tree, card),
        ..bare(card)
    }
}

/// One line of what NVIDIA's driver tells of a card.
fn information(tree: &Tree, address: &str, key: &str) -> Option<String> {
    let text = tree.text(&format!("/proc/driver/nvidia/gpus/{address}/information")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?.trim();
    // A card that was never opened shows question marks.
    (!value.is_empty() && !value.contains('?')).then(|| value.to_owned())
}

fn amd(tree: &Tree, card: &Card) -> Gpu {
    let folder = format!("{}/{}", pci::FOLDER, card.address);
    let id = tree.text(&format!("{folder}/unique_id")).map_err(|_| "the driver tells no unique id".to_owned());
    // As ROCm spells it, so that ROCR_VISIBLE_DEVICES takes it.
    let uuid = id.and_then(|id| {
        let good = !id.is_empty() && id.len() <= 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let zero = id.bytes().all(|byte| byte == b'0');
        if good && !zero {
            Ok(format!("GPU-{:0>16}", id.to_ascii_lowercase()))
        } else {
            Err("its unique id is not set".to_owned())
        }
    });
    Gpu {
        name: tree.text(&format!("{folder}/product_name")).and_then(|name| {
            if name.is_empty() { Err("the driver tells no product name".to_owned()) } else { Ok(name) }
        }),
        uuid,
        memory_bytes: tree
            .number(&format!("{folder}/mem_info_vram_total"))
            .map_err(|_| "the driver does not tell its memory".to_owned()),
        driver_version: module_version(tree, card),
        ..bare(card)
    }
}

fn intel(tree: &Tree, card: &Card) -> Gpu {
    let drm = format!("{}/{}/drm", pci::FOLDER, card.address);
    let nodes = tree.names(&drm).unwrap_or_default();
    let memory = nodes.iter().find_map(|node| tree.number(&format!("{drm}/{node}/lmem_total_bytes")).ok());
    Gpu {
        uuid: Err("intel GPUs have no UUID".to_owned()),
        memory_bytes: memory.ok_or_else(|| "the driver tells of no memory of its own".to_owned()),
        driver_version: module_version(tree, card),
        ..bare(card)
    }
}

fn bare(card: &Card) -> Gpu {
    let unknown = || "not known".to_owned();
    Gpu {
        vendor: card.vendor.name(),
        name: Err(unknown()),
        uuid: Err(unknown()),
        pci_address: Ok(card.address.clone()),
        pci_id: Err(unknown()),
        memory_bytes: Err(unknown()),
        driver: Err(unknown()),
        driver_version: Err(unknown()),
        source: "sysfs",
        is_unsettled: false,
    }
}

/// Drivers that come with the kernel have no version of their own.
fn module_version(tree: &Tree, card: &Card) -> Found<String> {
    let driver = card.driver.as_ref().ok_or("no kernel driver holds it")?;
    tree.text(&format!("/sys/module/{driver}/version")).map_err(|_| format!("{driver} has no version of its own"))
}

/// The PCI id database, read at its first use.
struct Names<'a> {
    tree: &'a Tree,
    database: Option<Found<Vec<u8>>>,
}

impl Names<'_> {
    fn name(&mut self, id: (u16, u16)) -> Found<String> {
        let database = self.database.get_or_insert_with(|| pci_ids::load(self.tree)).as_ref().map_err(Clone::clone)?;
        pci_ids::name(database, id).ok_or_else(|| "the PCI id database does not list it".to_owned())
    }
}
