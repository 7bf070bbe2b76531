//! One host key in two folders at once: both nodes run, and it is noticed.

use crate::manual::bin_dir;
use crate::node::{NOTE, enrolled, event, fleet, key};
use crate::renew::Node;
use crate::shell::{self, Ran, until};
use serde_json::{Value, json};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(1);
const WORDS: &str = "this host's key is in use in another folder too: ";

/// What `cooee-peers` prints: the node, then its peers.
fn peers(node: &Node) -> Vec<Value> {
    let mut command = Command::new(bin_dir().join("cooee-peers"));
    let ran = shell::run(command.arg("--dir").arg(node.folder.path()), LIMIT, false);
    ran.out().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn doctor(node: &Node) -> Ran {
    let mut command = Command::new(bin_dir().join("cooee-peers"));
    shell::run(command.arg("--doctor").arg("--dir").arg(node.folder.path()), LIMIT, false)
}

#[test]
fn an_event_that_was_not_made_here_is_noticed() {
    let between = Node::start(8, Some(&fleet(1)));
    let mut with = fleet(1);
    with.nodes.push(between.address());
    let (first, second) = (Node::start(9, Some(&fleet(1))), Node::start(9, Some(&with)));
    let hosts = [8, 9].map(|host| enrolled(&key(1), &key(host), None));
    for node in [&between, &first, &second] {
        assert_eq!(node.refused(&hosts.each_ref()), [""; 0]);
    }
    // As a command of the first folder does it: it was allotted there.
    let now = jiff::Timestamp::now().as_microsecond().unsigned_abs();
    let here = first.folder.path().join("host.key.sequence");
    cooee::key::sequence::allot(&here, 1, now).expect("a number");
    let note = event(&key(9), "note", NOTE, json!("said at the second"), None);
    assert_eq!(second.refused(&[&note]), [""; 0]);
    let has = |node: &Node| node.ids().contains(&note.id().to_owned()).then_some(());
    until(LIMIT, || has(&between)).expect("it goes to the one between");
    assert_eq!(first.said(), "");
    first.write(&with.to_bytes());
    first.says(&format!("{WORDS}event {} is signed with it, and was not made here", note.id()));
    first.says("hint: end the node of one of the two");
    let ran = doctor(&first);
    assert_eq!(ran.code(), 1, "{}", ran.out());
    assert!(ran.out().contains("bad key_elsewhere: this host's key is in use"), "{}", ran.out());
    // The other one has heard nothing that it did not make.
    assert!(!second.said().contains(WORDS), "{}", second.said());
    assert!(!between.said().contains(WORDS) && !doctor(&between).out().contains("key_elsewhere"));
}

#[test]
fn a_node_with_the_same_key_that_is_called_is_noticed() {
    let first = Node::start(9, Some(&fleet(1)));
    let address = first.address();
    let (place, _) = address.split_once("/p2p/").expect("it has a name");
    let second = Node::start_with(9, Some(&fleet(1)), &["--peer", place]);
    second.says(&format!("{WORDS}a node with the same key answers at {place}"));
    // The one that is called often sees no more than a connection that ends.
    until(LIMIT, || doctor(&second).out().contains("bad key_elsewhere: ").then_some(()))
        .expect("the doctor says it too");
    assert_eq!(second.said().matches(WORDS).count(), 1, "once: {}", second.said());
}

/// A way back to a port, as through a router that the node is behind.
fn way_to(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let way = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for here in listener.incoming().flatten() {
            let Ok(there) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            for (mut from, mut to) in [(here.try_clone(), there.try_clone()), (Ok(there), Ok(here))]
                .map(|(from, to)| (from.expect("a descriptor"), to.expect("a descriptor")))
            {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    way
}

/// Its own address may be among the fleet's nodes, without its PeerId.
#[test]
fn a_node_that_calls_itself_has_met_nobody_else() {
    let node = Node::start(9, Some(&fleet(1)));
    let port = node.address().split('/').nth(4).and_then(|port| port.parse().ok()).expect("a port");
    let mut with = fleet(1);
    with.nodes.push(format!("/ip4/127.0.0.1/tcp/{}", way_to(port)));
    node.write(&with.to_bytes());
    // What is not certain after five seconds is said, or dropped. By the sixth
    // call the waits alone were longer: a quarter, a half, 1, 2 and 4 s at least.
    let sixth = |peer: &Value| peer["error_code"] == "myself" && peer["failures"].as_u64() >= Some(6);
    until(LIMIT, || peers(&node).iter().any(sixth).then_some(())).expect("it calls itself");
    assert!(!node.said().contains(WORDS), "{}", node.said());
}
