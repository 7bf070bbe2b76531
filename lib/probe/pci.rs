//! GPUs on the PCI bus, as sysfs shows them, in the bus's order.
//!
//! Must not know NVML, nor what a GPU is for.

use super::Found;
use super::tree::Tree;

pub(super) const FOLDER: &str = "/sys/bus/pci/devices";
const DISPLAY: u32 = 0x03;
/// Accelerators without a display: AMD Instinct and some NVIDIA cards.
const ACCELERATOR: u32 = 0x12;

/// Makers whose devices run models. The display chips of server boards and of
/// hypervisors are no GPUs in this sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vendor {
    Nvidia,
    Amd,
    Intel,
    Apple,
}

impl Vendor {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Amd => "amd",
            Self::Intel => "intel",
            Self::Apple => "apple",
        }
    }

    fn of(vendor: u16, class: u32) -> Option<Self> {
        match (vendor, class >> 16) {
            (0x10de, DISPLAY | ACCELERATOR) => Some(Self::Nvidia),
            (0x1002, DISPLAY | ACCELERATOR) => Some(Self::Amd),
            // Intel's accelerators of class 12 are neural units of processors.
            (0x8086, DISPLAY) => Some(Self::Intel),
            _ => None,
        }
    }
}

/// One GPU as the bus describes it.
#[derive(Clone, Debug)]
pub(super) struct Card {
    /// `0000:65:00.0`, lower case.
    pub address: String,
    pub vendor: Vendor,
    /// Vendor and device, as `/usr/share/misc/pci.ids` lists them.
    pub id: (u16, u16),
    /// The kernel driver that holds it.
    pub driver: Option<String>,
}

/// All GPUs in the bus's order.
pub(super) fn cards(tree: &Tree) -> Found<Vec<Card>> {
    let mut cards: Vec<Card> = tree.names(FOLDER)?.iter().filter_map(|name| card(tree, name)).collect();
    cards.sort_by_key(|card| order(&card.address));
    Ok(cards)
}

fn card(tree: &Tree, name: &str) -> Option<Card> {
    let number = |file: &str| {
        let text = tree.text(&format!("{FOLDER}/{name}/{file}")).ok()?;
        u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
    };
    let class = number("class").filter(|class| matches!(class >> 16, DISPLAY | ACCELERATOR))?;
    let id = (u16::try_from(number("vendor")?).ok()?, u16::try_from(number("device")?).ok()?);
    let vendor = Vendor::of(id.0, class)?;
    let driver = tree.link(&format!("{FOLDER}/{name}/driver"));
    Some(Card { address: address(name)?, vendor, id, driver })
}

/// Any spelling of an address (NVML's domain has eight digits) → sysfs's own.
pub(super) fn address(text: &str) -> Option<String> {
    let (domain, bus, device, function) = parts(text)?;
    Some(format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}"))
}

/// What addresses are sorted by; as text, domain 10000 would precede 2000.
pub(super) fn order(address: &str) -> (u32, u8, u8, u8) {
    parts(address).unwrap_or((u32::MAX, 0, 0, 0))
}

fn parts(text: &str) -> Option<(u32, u8, u8, u8)> {
    let (rest, function) = text.trim().rsplit_once('.')?;
    let mut fields = rest.split(':');
    let domain = u32::from_str_radix(fields.next()?, 16).ok()?;
    let bus = u8::from_str_radix(fields.next()?, 16).ok()?;
    let device = u8::from_str_radix(fields.next()?, 16).ok()?;
    fields.next().is_none().then_some((domain, bus, device, u8::from_str_radix(function, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_spelling_and_the_order_of_the_bus() {
        assert_eq!(address("00000000:0A:00.0").as_deref(), Some("0000:0a:00.0"));
        assert_eq!(address("0000:0a:1f.7").as_deref(), Some("0000:0a:1f.7"));
        assert_eq!(address("10000:e1:00.0").as_deref(), Some("10000:e1:00.0"));
        for bad in ["", "0a:00.0", "0000:0a:00", "0000:0a:00.0.0:1", "../x:1:2.3", "0000:100:00.0"] {
            assert_eq!(address(bad), None, "{bad}");
        }
        assert!(order("0002:00:00.0") < order("10000:00:00.0") && order("0000:09:00.0") < order("0000:0a:00.0"));
    }
}
