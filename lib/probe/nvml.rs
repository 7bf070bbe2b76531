//! NVIDIA's management library, loaded at run time, asked in a child process.
//!
//! In a child because the library can hang in the kernel or crash, and because
//! a process cannot end while one of its threads is stuck in a library's
//! start. Must not know other vendors, nor the text of `nvidia-smi`.

use super::Found;
use super::child::{Question, Silence};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const LIBRARY: &str = "libnvidia-ml.so.1";
/// More cards than any host has; a library that says more is not believed.
const CARD_LIMIT: u32 = 256;

/// What the library says of a machine. The child writes it as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub driver_version: Found<String>,
    pub cards: Vec<Card>,
}

/// What it says of one card.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Card {
    pub pci_address: Found<String>,
    pub name: Found<String>,
    pub uuid: Found<String>,
    pub memory_bytes: Found<u64>,
}

/// How to reach the library: the program that answers `--nvml-child`, and
/// where the library is if not where the loader looks.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub program: PathBuf,
    pub library: Option<PathBuf>,
}

impl Source {
    /// Starts the child.
    pub fn ask(&self) -> Result<Question, Silence> {
        let mut command = Command::new(&self.program);
        command.arg("--nvml-child");
        if let Some(library) = &self.library {
            command.arg("--nvml").arg(library);
        }
        Question::ask(&mut command)
    }
}

/// The child's answer, before `deadline`.
pub(super) fn report(question: Result<Question, Silence>, deadline: Instant) -> Result<Report, Silence> {
    let bytes = question?.answer(deadline)?;
    let read: Result<Found<Report>, _> = serde_json::from_slice(&bytes);
    match read {
        Ok(report) => report.map_err(Silence::Failed),
        Err(_) => Err(Silence::Failed("its answer is cut".to_owned())),
    }
}

/// What the child prints: the whole report, or why there is none, as one JSON
/// text. Never ends if the library hangs.
pub fn answer(library: Option<&Path>) -> Vec<u8> {
    serde_json::to_vec(&read(library)).expect("strings and numbers only")
}

fn read(library: Option<&Path>) -> Found<Report> {
    let path = library.unwrap_or(Path::new(LIBRARY));
    let nvml = Nvml::builder().lib_path(path.as_os_str()).init().map_err(|error| match error {
        NvmlError::LibloadingError(_) => format!("{} cannot be loaded", path.display()),
        error => told(&error),
    })?;
    let count = nvml.device_count().map_err(|error| told(&error))?;
    let cards = (0..count.min(CARD_LIMIT)).map(|index| match nvml.device_by_index(index) {
        Ok(device) => card(&device),
        Err(error) => {
            let untold = || told(&error);
            Card { pci_address: Err(untold()), name: Err(untold()), uuid: Err(untold()), memory_bytes: Err(untold()) }
        }
    });
    let cards = cards.collect();
    Ok(Report { driver_version: nvml.sys_driver_version().map_err(|error| told(&error)), cards })
}

fn card(device: &Device<'_>) -> Card {
    let pci = device.pci_info().map_err(|error| told(&error));
    Card {
        pci_address: pci.and_then(|pci| {
            super::pci::address(&pci.bus_id).ok_or_else(|| "NVML: its PCI address cannot be read".to_owned())
        }),
        name: device.name().map_err(|error| told(&error)),
        uuid: device.uuid().map_err(|error| told(&error)),
        memory_bytes: device.memory_info().map(|memory| memory.total).map_err(|error| told(&error)),
    }
}

fn told(error: &NvmlError) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    format!("NVML: {line}")
}
