//! The host's MAC: the permanent address of the physical interface that the
//! default route leaves by.
//!
//! The first interface of a list is what names agents wrongly: it may be a
//! container bridge or a VPN that comes and goes. Must not know agents.

use super::Found;
use super::mac::Mac;
use super::route::{self, Route};
use super::tree::Tree;

const FOLDER: &str = "/sys/class/net";
/// ARPHRD_ETHER, as `/sys/class/net/*/type` says it.
const ETHERNET: u64 = 1;
/// How deep bonds, bridges and VLANs may be stacked.
const STACK_LIMIT: u32 = 4;
/// Buses and drivers whose devices a hypervisor makes up.
const VIRTUAL_BUSES: [&str; 3] = ["virtio", "vmbus", "xen"];
const VIRTUAL_DRIVERS: [&str; 5] = ["virtio_net", "hv_netvsc", "vif", "vmxnet3", "xen_netfront"];

/// One physical interface and what is known of its address.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub interface: String,
    pub mac: Mac,
    /// Is it the address that the card came with? Not every driver tells.
    pub permanent: Found<bool>,
    /// A hypervisor made the card or the address up.
    pub is_virtual: bool,
    /// Why this interface: `default route`, `route`, `only interface`, `first interface`.
    pub source: &'static str,
}

/// Chooses the interface and reads its address; the reason says what there is
/// instead.
pub(super) fn network(tree: &Tree, permanent: impl Fn(&str) -> Option<Mac>) -> Found<Network> {
    let names = tree.names(FOLDER)?;
    let (interface, source) = choose(tree, &names)?;
    let folder = format!("{FOLDER}/{interface}");
    let address = tree.text(&format!("{folder}/address"))?;
    let current =
        Mac::read(&address).ok_or_else(|| format!("{interface}: \"{}\" is no address", address.escape_debug()))?;
    // A bond's members and a Wi-Fi card under a privacy setting wear an address
    // that is not theirs; the kernel still knows the one they came with.
    let worn = tree.number(&format!("{folder}/addr_assign_type"));
    let of_bond = || tree.text(&format!("{folder}/bonding_slave/perm_hwaddr")).ok().and_then(|text| Mac::read(&text));
    let usable = |mac: &Mac| mac.unusable().is_none();
    let (mac, permanent) = match worn {
        Ok(0) => (current, Ok(true)),
        worn => match of_bond().or_else(|| permanent(&interface)).filter(usable) {
            Some(mac) => (mac, Ok(true)),
            None => (current, worn.map(|_| false)),
        },
    };
    if let Some(why) = mac.unusable() {
        return Err(format!("{interface}: its address is {why}"));
    }
    let bus = tree.link(&format!("{folder}/device/subsystem"));
    let driver = tree.link(&format!("{folder}/device/driver"));
    let is_virtual = mac.is_of_a_hypervisor()
        || bus.is_some_and(|bus| VIRTUAL_BUSES.contains(&bus.as_str()))
        || driver.is_some_and(|driver| VIRTUAL_DRIVERS.contains(&driver.as_str()));
    Ok(Network { interface, mac, permanent, is_virtual, source })
}

fn choose(tree: &Tree, names: &[String]) -> Found<(String, &'static str)> {
    let table = |name: &str| tree.head(name, 1 << 20).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let v4 = table("/proc/net/route").unwrap_or_default();
    let v6 = table("/proc/net/ipv6_route").unwrap_or_default();
    let routes = route::routes(&v4, &v6);
    for Route { interface, is_default, .. } in &routes {
        // A name is one part of a path: the tables are text, and `..` is text too.
        if !names.contains(interface) {
            continue;
        }
        if let Some(physical) = physical(tree, interface, STACK_LIMIT) {
            return Ok((physical, if *is_default { "default route" } else { "route" }));
        }
    }
    let mut rest = names.iter().filter(|name| is_physical(tree, name));
    match (rest.next(), rest.next()) {
        (Some(name), None) => return Ok((name.clone(), "only interface")),
        (Some(name), Some(_)) => return Ok((name.clone(), "first interface")),
        (None, _) => {}
    }
    let others: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "lo").collect();
    Err(match others[..] {
        [] => "there is only the loopback interface".to_owned(),
        _ => format!("there are only virtual interfaces: {}", others.join(", ").escape_debug()),
    })
}

/// The interface itself if it is hardware, else the first hardware below it: a
/// bond's member, a bridge's port, a VLAN's carrier.
fn physical(tree: &Tree, name: &str, depth: u32) -> Option<String> {
    if is_physical(tree, name) {
        return Some(name.to_owned());
    }
    let below = tree.names(&format!("{FOLDER}/{name}")).ok()?;
    let mut below = below.iter().filter_map(|entry| entry.strip_prefix("lower_"));
    let depth = depth.checked_sub(1)?;
    below.find_map(|lower| physical(tree, lower, depth))
}

/// Interfaces that software made have no device behind them.
fn is_physical(tree: &Tree, name: &str) -> bool {
    let folder = format!("{FOLDER}/{name}");
    tree.exists(&format!("{folder}/device")) && tree.number(&format!("{folder}/type")) == Ok(ETHERNET)
}
