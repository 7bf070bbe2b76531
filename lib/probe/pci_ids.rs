//! Names of PCI devices, from the PCI id database that distributions install
//! (<https://pci-ids.ucw.cz>).
//!
//! Must not know GPUs.

use super::Found;
use super::tree::Tree;
use memchr::memmem;

const FILES: [&str; 3] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"];
/// The database has 1.5 MB in 2026.
const LIMIT_BYTES: u64 = 16 << 20;

/// The database's text, read once for all devices.
pub(super) fn load(tree: &Tree) -> Found<Vec<u8>> {
    let found = FILES.iter().find_map(|file| tree.head(file, LIMIT_BYTES).ok());
    found.ok_or_else(|| format!("no PCI id database: {} not found", FILES[0]))
}

/// A device's name. A vendor's paragraph starts with its four digits at the
/// line's start; its devices follow, one tab in.
pub(super) fn name(database: &[u8], (vendor, device): (u16, u16)) -> Option<String> {
    let vendor_line = format!("\n{vendor:04x}  ");
    let device_line = format!("\t{device:04x}  ");
    let start = memmem::find(database, vendor_line.as_bytes())?;
    let lines = database[start + 1..].split(|byte| *byte == b'\n').skip(1);
    for line in lines.take_while(|line| matches!(line.first(), None | Some(b'\t' | b'#'))) {
        if let Some(name) = line.strip_prefix(device_line.as_bytes()) {
            return Some(String::from_utf8_lossy(name).trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::name;

    const DATABASE: &[u8] = b"# list\n1002  Advanced Micro Devices, Inc. [AMD/ATI]\n\t744c  Navi 31 [Radeon RX 7900 XTX]\n\
        \t\t1002 0e3b  Reference\n\n10de  NVIDIA Corporation\n\t2330  GH100 [H100 SXM5 80GB]\n\t\t10de 744c  No device\n8086  Intel\n";

    #[test]
    fn a_name_is_its_vendors_own() {
        assert_eq!(name(DATABASE, (0x10de, 0x2330)).as_deref(), Some("GH100 [H100 SXM5 80GB]"));
        assert_eq!(name(DATABASE, (0x1002, 0x744c)).as_deref(), Some("Navi 31 [Radeon RX 7900 XTX]"));
        for absent in [(0x1002, 0x2330), (0x10de, 0x744c), (0x8086, 0x2330), (0xdead, 0x2330)] {
            assert_eq!(name(DATABASE, absent), None, "{absent:x?}");
        }
    }
}
