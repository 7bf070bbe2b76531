//! Which MAC names the host.

use super::{Tree, host};
use serde_json::{Value, json};

fn mac(tree: &Tree) -> (Value, Value, Value) {
    let record = host(tree);
    (record["interface"].clone(), record["mac"].clone(), record["mac_source"].clone())
}

fn no_mac(tree: &Tree) -> Value {
    let record = host(tree);
    assert!(record["mac"].is_null() && record["interface"].is_null() && record["mac_local"].is_null(), "{record}");
    record["reasons"]["mac"].clone()
}

#[test]
fn containers_and_loopback_give_none() {
    let tree = Tree::worker();
    assert_eq!(no_mac(&tree), "there is only the loopback interface");
    tree.virtual_interface("lo", "00:00:00:00:00:00", &[]);
    assert_eq!(no_mac(&tree), "there is only the loopback interface");
    tree.virtual_interface("docker0", "02:42:ac:11:00:01", &[]);
    tree.virtual_interface("eth0", "02:42:ac:11:00:02", &[]);
    tree.default_route("eth0");
    assert_eq!(no_mac(&tree), "there are only virtual interfaces: docker0, eth0");
}

#[test]
fn the_default_route_decides_and_not_the_order_of_names() {
    let tree = Tree::worker();
    tree.virtual_interface("docker0", "02:42:ac:11:00:01", &[]);
    tree.card("eth0", "a0:36:9f:00:00:01");
    tree.card("eth1", "a0:36:9f:00:00:02");
    tree.routes(&[
        ("docker0", "000011AC", 0, "0000FFFF"),
        ("eth0", "000200C0", 0, "00FFFFFF"),
        ("eth1", "00000000", 50, "00000000"),
        ("eth0", "00000000", 100, "00000000"),
    ]);
    assert_eq!(mac(&tree), (json!("eth1"), json!("a0369f000002"), json!("default route")));
    // Behind a VPN it is what carries the VPN.
    tree.virtual_interface("tun0", "00:00:00:00:00:00", &[]);
    tree.routes(&[("tun0", "00000000", 0, "00000000"), ("eth1", "076433C6", 0, "FFFFFFFF")]);
    assert_eq!(mac(&tree), (json!("eth1"), json!("a0369f000002"), json!("route")));
    // Unplugged, the first by name.
    tree.routes(&[]);
    assert_eq!(mac(&tree), (json!("eth0"), json!("a0369f000001"), json!("first interface")));
}

#[test]
fn an_ipv6_only_host_has_one_too() {
    let tree = Tree::worker();
    tree.card("eth0", "a0:36:9f:00:00:01");
    tree.card("eth1", "a0:36:9f:00:00:02");
    let zeros = "0".repeat(32);
    tree.file(
        "proc/net/ipv6_route",
        format!("{zeros} 00 {zeros} 00 fd000000000000000000000000000001 00000400 2 0 00000003     eth1\n"),
    );
    assert_eq!(mac(&tree), (json!("eth1"), json!("a0369f000002"), json!("default route")));
}

#[test]
fn below_bonds_bridges_and_vlans_lies_the_card() {
    let tree = Tree::worker();
    tree.virtual_interface("br0", "02:00:00:00:00:09", &["bond0.7", "veth1"]);
    tree.virtual_interface("veth1", "02:00:00:00:00:08", &[]);
    tree.virtual_interface("bond0.7", "a0:36:9f:00:00:01", &["bond0"]);
    tree.virtual_interface("bond0", "a0:36:9f:00:00:01", &["eth1"]);
    tree.card("eth1", "a0:36:9f:00:00:01");
    // A bond's second member wears the first one's address.
    tree.file("sys/class/net/eth1/addr_assign_type", "3\n");
    tree.file("sys/class/net/eth1/bonding_slave/perm_hwaddr", "a0:36:9f:00:00:77\n");
    tree.default_route("br0");
    assert_eq!(mac(&tree), (json!("eth1"), json!("a0369f000077"), json!("default route")));
    assert_eq!(host(&tree)["mac_permanent"], true);
}

#[test]
fn rings_of_interfaces_end() {
    let tree = Tree::worker();
    tree.virtual_interface("a", "02:00:00:00:00:01", &["b"]);
    tree.virtual_interface("b", "02:00:00:00:00:02", &["a"]);
    tree.default_route("a");
    assert_eq!(no_mac(&tree), "there are only virtual interfaces: a, b");
}

#[test]
fn odd_addresses_are_flagged_or_refused() {
    for (address, flags) in [
        ("02:fc:00:00:00:01", json!(["mac_local"])),
        ("52:54:00:00:00:01", json!(["mac_local", "mac_virtual"])),
        ("00:50:56:00:00:01", json!(["mac_virtual"])),
    ] {
        let tree = Tree::worker();
        tree.card("eth0", address);
        assert_eq!(host(&tree)["flags"], flags, "{address}");
    }
    for (address, reason) in [
        ("00:00:00:00:00:00", "eth0: its address is all zero"),
        ("ff:ff:ff:ff:ff:ff", "eth0: its address is the broadcast address"),
        ("01:00:5e:00:00:01", "eth0: its address is a multicast address"),
        ("80:00:02:08:fe:80:00:00", "eth0: \"80:00:02:08:fe:80:00:00\" is no address"),
    ] {
        let tree = Tree::worker();
        tree.card("eth0", address);
        assert_eq!(no_mac(&tree), reason);
    }
    let tree = Tree::worker();
    tree.card("eth0", "a0:36:9f:00:00:01");
    tree.file("sys/class/net/eth0/addr_assign_type", "1\n");
    let record = host(&tree);
    assert_eq!((&record["mac_permanent"], &record["flags"]), (&json!(false), &json!(["mac_not_permanent"])));
}

#[test]
fn a_route_cannot_name_a_file_elsewhere() {
    let tree = Tree::worker();
    tree.card("eth0", "a0:36:9f:00:00:01");
    tree.file("secret/address", "a0:36:9f:00:00:66\n");
    tree.file("secret/type", "1\n");
    tree.file("secret/device/x", "");
    tree.default_route("../../../secret");
    assert_eq!(mac(&tree).1, "a0369f000001");
}
