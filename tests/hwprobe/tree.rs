//! A copy of a machine's `/sys`, `/proc` and `/etc`, made to measure.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

pub struct Tree(TempDir);

impl Tree {
    /// A host called `worker` with two cores, 8 GiB, nothing on its buses and
    /// no interface.
    pub fn worker() -> Self {
        let tree = Self::empty();
        tree.file("proc/sys/kernel/hostname", "worker\n");
        tree.file("proc/sys/kernel/osrelease", "6.1.0-31-amd64\n");
        tree.file("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        tree.file("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
        tree.file(
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nsiblings\t: 4\ncpu cores\t: 2\n\nprocessor\t: 1\n",
        );
        tree.file("sys/devices/system/cpu/online", "0-7\n");
        tree.file("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\nMemAvailable:    4194304 kB\n");
        fs::create_dir_all(tree.path().join("sys/bus/pci/devices")).expect("a folder");
        fs::create_dir_all(tree.path().join("sys/class/net")).expect("a folder");
        tree
    }

    pub fn empty() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders");
        fs::write(path, content).expect("a file");
    }

    pub fn link(&self, name: &str, target: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a link is in a folder")).expect("folders");
        symlink(target, path).expect("a link");
    }

    /// An interface that software made; `lower` are those below it.
    pub fn virtual_interface(&self, name: &str, mac: &str, lower: &[&str]) {
        let folder = format!("sys/class/net/{name}");
        self.file(&format!("{folder}/address"), format!("{mac}\n"));
        self.file(&format!("{folder}/addr_assign_type"), "3\n");
        self.file(&format!("{folder}/type"), if name == "lo" { "772\n" } else { "1\n" });
        for below in lower {
            self.link(&format!("{folder}/lower_{below}"), &format!("../{below}"));
        }
    }

    /// A card with its permanent address, on the PCI bus.
    pub fn card(&self, name: &str, mac: &str) {
        self.virtual_interface(name, mac, &[]);
        let folder = format!("sys/class/net/{name}");
        self.file(&format!("{folder}/addr_assign_type"), "0\n");
        fs::create_dir_all(self.path().join(&folder).join("device")).expect("a folder");
        self.link(&format!("{folder}/device/subsystem"), "../../../../bus/pci");
    }

    /// The IPv4 routing table: interface, destination, metric, mask.
    pub fn routes(&self, routes: &[(&str, &str, u32, &str)]) {
        let mut table =
            String::from("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n");
        for (interface, destination, metric, mask) in routes {
            let _ = writeln!(table, "{interface}\t{destination}\t010200C0\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0");
        }
        self.file("proc/net/route", table);
    }

    /// The default route leaves by `interface`.
    pub fn default_route(&self, interface: &str) {
        self.routes(&[(interface, "00000000", 100, "00000000")]);
    }

    /// A device on the PCI bus; ids in hex without `0x`.
    pub fn pci(&self, address: &str, class: &str, vendor: &str, device: &str, driver: Option<&str>) {
        let folder = format!("sys/bus/pci/devices/{address}");
        self.file(&format!("{folder}/class"), format!("0x{class}\n"));
        self.file(&format!("{folder}/vendor"), format!("0x{vendor}\n"));
        self.file(&format!("{folder}/device"), format!("0x{device}\n"));
        if let Some(driver) = driver {
            self.link(&format!("{folder}/driver"), &format!("../../../../bus/pci/drivers/{driver}"));
        }
    }

    pub fn pci_ids(&self) {
        self.file(
            "usr/share/misc/pci.ids",
            "# the list\n1002  AMD\n\t740f  Aldebaran [Instinct MI210]\n10de  NVIDIA Corporation\n\
             \t2330  GH100 [H100 SXM5 80GB]\n8086  Intel Corporation\n\t56a0  DG2 [Arc A770]\n",
        );
    }
}
