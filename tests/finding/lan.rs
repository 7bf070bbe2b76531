//! mDNS, on a network of three hosts that exists for this test only: each in a
//! network namespace of its own, on one bridge in another. They have no names,
//! so that any number of such networks can be at once.

use super::{Host, LIMIT};
use crate::node;
use crate::shell::until;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Prints a line with the process whose namespace each host's is. It ends with
/// its input, so however the test ends, also killed.
const NETWORK: &str = r#"
ip link set lo up
ip link add br0 type bridge mcast_snooping 0
ip link set br0 up
for n in 1 2 3; do
    unshare -n sleep 600 &
    host=$!
    # The namespace is there when it is no longer ours.
    until [ "$(readlink /proc/$host/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do kill -0 $host; done
    ip link add v$n type veth peer name eth0 netns $host
    ip link set v$n master br0 up
    nsenter -t $host -n ip addr add 10.77.0.$n/24 dev eth0
    nsenter -t $host -n ip link set lo up
    nsenter -t $host -n ip link set eth0 up
    hosts="$hosts $host"
done
echo $hosts
read -r end || kill $hosts
"#;

struct Network {
    script: Child,
    hosts: Vec<String>,
}

impl Network {
    fn new() -> Self {
        let mut command = Command::new("unshare");
        // Whoever is not root is it in a user namespace.
        command.arg(if rustix::process::geteuid().is_root() { "-n" } else { "-rn" });
        command.args(["sh", "-ec", NETWORK]).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut script = command.spawn().expect("util-linux's unshare");
        let mut line = String::new();
        let stdout = script.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let hosts: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let network = Self { script, hosts };
        assert_eq!(
            network.hosts.len(),
            3,
            "no network namespaces here: this test needs root, or user namespaces, and iproute2"
        );
        network
    }

    /// A command of ours on one of its hosts.
    fn command(&self, host: usize, name: &str) -> Command {
        self.run(host, crate::manual::bin_dir().join(name).as_os_str())
    }

    fn run(&self, host: usize, program: &OsStr) -> Command {
        let mut command = Command::new("nsenter");
        if !rustix::process::geteuid().is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        // Also the node ends with the test.
        command.args(["-t", &self.hosts[host], "-n", "setpriv", "--pdeathsig", "KILL"]).arg(program);
        command
    }

    /// Gives a host another address instead of the one it has, as DHCP may.
    fn moves(&self, host: usize, from: &str, to: &str) {
        for (what, address) in [("del", from), ("add", to)] {
            let moved = self.run(host, OsStr::new("ip")).args(["addr", what, address, "dev", "eth0"]).status();
            assert!(moved.expect("iproute2").success(), "{what} {address}");
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.script), Signal::KILL);
        let _ = self.script.wait();
    }
}

#[test]
fn nodes_of_one_lan_find_each_other_and_another_fleets_part() {
    let network = Network::new();
    let (ours, theirs) = (node::fleet(1), node::fleet(2));
    let mut hosts = [Host::new(42, &ours), Host::new(43, &ours), Host::new(44, &theirs)];
    for (number, host) in hosts.iter_mut().enumerate() {
        let mut command = network.command(number, "cooee-sub");
        command.args([
            "--serve",
            "-v",
            "--listen",
            "/ip4/0.0.0.0/tcp/0",
            "--listen",
            "/ip4/0.0.0.0/udp/0/quic-v1",
            "--dir",
        ]);
        command.arg(host.path());
        host.run(command, if number < 2 { &[42, 43] } else { &[] });
    }
    // It calls whom it has found: those who found one another before ask around
    // again only minutes later.
    let welcome = node::enrolled(&node::key(2), &node::key(44), None);
    node::put(&mut hosts[2].client(), &[&welcome]);
    let said = hosts[0].says("on the lan");
    hosts[1].hears(&said);
    hosts[0].hears(&hosts[1].says("heard"));
    let parted = || hosts.iter().any(|host| host.said().contains("is of another fleet: parting")).then_some(());
    until(LIMIT, parted)
        .unwrap_or_else(|| panic!("they did not meet and part: {:#?}", hosts.each_ref().map(Host::said)));
    assert_eq!(node::read_all(&hosts[2].file("node.sock"), &node::everything()), [welcome]);

    // Told not to, it does not look.
    hosts[1].kill();
    fs::remove_file(hosts[1].file("peers.json")).unwrap_or(());
    let mut command = network.command(1, "cooee-sub");
    command.args(["--serve", "-v", "--no-mdns", "--dir"]).arg(hosts[1].path());
    hosts[1].run(command, &[]);
    assert!(hosts[1].said().contains("alone: "), "{}", hosts[1].said());
}

/// Nobody says goodbye to whom its address was taken from: to all others its
/// connections stand, and to itself.
#[test]
fn a_node_whose_address_changes_is_there_again() {
    let network = Network::new();
    let fleet = node::fleet(1);
    let mut hosts = [Host::new(45, &fleet), Host::new(46, &fleet)];
    for (number, host) in hosts.iter_mut().enumerate() {
        let mut command = network.command(number, "cooee-sub");
        command.args(["--serve", "-v", "--no-mdns", "--listen", "/ip4/0.0.0.0/tcp/4001"]);
        command.args(["--peer", "/ip4/10.77.0.1/tcp/4001", "--dir"]).arg(host.path());
        host.run(command, &[45, 46]);
    }
    hosts[0].hears(&hosts[1].says("before"));
    network.moves(1, "10.77.0.2/24", "10.77.0.22/24");
    hosts[0].hears(&hosts[1].says("after"));
}
