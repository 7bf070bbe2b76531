//! A peer that says things that a terminal should not see.

use super::{LOOPBACK, Node, address, folder, peers, until_seen};
use futures::StreamExt as _;
use libp2p::{Multiaddr, identify, identity, noise, tcp, yamux};

const WORDS: &str = "cooee/\u{1b}[2J\u{1b}]0;mine\u{7}\u{202e}\n\"} 1\nfake 1";

#[test]
fn its_words_are_only_words() {
    let folder = folder(1, None, &[]);
    let _node = Node::start(folder.path(), &["--listen", LOOPBACK]);
    let there: Multiaddr = address(folder.path()).parse().expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let task = async move {
        let keypair = identity::Keypair::generate_ed25519();
        let config =
            identify::Config::new("cooee/adhoc/1".to_owned(), keypair.public()).with_agent_version(WORDS.repeat(100));
        let mut swarm = libp2p::SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .expect("a transport")
            .with_behaviour(|_| identify::Behaviour::new(config))
            .expect("a behaviour")
            .with_swarm_config(|config| config.with_idle_connection_timeout(std::time::Duration::from_mins(10)))
            .build();
        for port in 1..100 {
            swarm.add_external_address(format!("/ip4/192.0.2.1/tcp/{port}").parse().expect("an address"));
        }
        swarm.dial(there).expect("it is called");
        loop {
            swarm.select_next_some().await;
        }
    };
    // It ends with the test's process.
    std::thread::spawn(move || -> () { runtime.block_on(task) });
    let seen =
        until_seen(folder.path(), |records| records.iter().find(|record| record["agent_version"].is_string()).cloned());
    let told = seen["agent_version"].as_str().expect("text");
    assert!(
        told.starts_with("cooee/\u{1b}[2J") && told.chars().count() == 201,
        "cut, and otherwise as it is: {told:?}"
    );
    assert_eq!(seen["addresses"].as_array().map(Vec::len), Some(8));
    for arguments in [&[][..], &["--table"], &["--doctor"], &["--prometheus"], &["--agents"]] {
        let ran = peers(folder.path(), arguments);
        let out = ran.out();
        assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{arguments:?}: {out:?}");
        assert!(!out.lines().any(|line| line.starts_with("fake")), "{arguments:?}: {out:?}");
    }
}
