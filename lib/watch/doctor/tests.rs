use super::*;

fn healthy() -> Node {
    Node {
        v: 1,
        fleet: Some("f".to_owned()),
        standing: Standing::Member,
        gossip: true,
        mdns: true,
        listen: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        time: Timestamp::from_second(1_800_000_000).expect("a time"),
        memory_limit_bytes: 100,
        connections_in_limit: 10,
        connections_out_limit: 10,
        ..Node::default()
    }
}

fn company(clock_offset_ms: i64) -> Peer {
    let (standing, state) = (Standing::Leader, State::Connected);
    Peer { v: 1, standing, state, clock_offset_ms: Some(clock_offset_ms), ..Peer::default() }
}

fn codes(node: &Node, peers: &[Peer]) -> Vec<(Severity, &'static str)> {
    diagnose(node, peers, None).into_iter().map(|finding| (finding.severity, finding.code)).collect()
}

#[test]
fn limits_and_the_disk_are_bad_when_reached() {
    let bad = |change: fn(&mut Node)| {
        let mut node = healthy();
        change(&mut node);
        codes(&node, &[company(0)])
    };
    assert_eq!(bad(|_| ()), []);
    assert_eq!(bad(|node| node.disk_free_bytes = Some(DISK_LEAST_BYTES)), []);
    assert_eq!(bad(|node| node.disk_free_bytes = Some(DISK_LEAST_BYTES - 1)), [(Severity::Bad, "disk_full")]);
    assert_eq!(bad(|node| node.memory_bytes = Some(99)), []);
    let twice = |node: &mut Node| {
        (node.key_elsewhere, node.key_elsewhere_at) = (Some("there".to_owned()), Some(node.time));
    };
    assert_eq!(bad(twice), [(Severity::Bad, "key_elsewhere")]);
    assert_eq!(bad(|node| node.memory_bytes = Some(100)), [(Severity::Bad, "memory_limit")]);
    assert_eq!(bad(|node| node.connections_in = 9), []);
    assert_eq!(bad(|node| node.connections_in = 10), [(Severity::Bad, "connections_limit")]);
    assert_eq!(bad(|node| node.connections_out = 10), [(Severity::Bad, "connections_limit")]);
}

#[test]
fn a_clock_is_wrong_beyond_a_minute_and_whose_it_is_the_peers_decide() {
    assert_eq!(codes(&healthy(), &[company(60_000), company(-60_000)]), []);
    let one = diagnose(&healthy(), &[company(60_001), company(0)], None);
    assert!(one.len() == 1 && one[0].message.contains("60 s ahead of this host's"), "{one:?}");
    let all = diagnose(&healthy(), &[company(-61_000), company(-90_000)], None);
    assert!(all.len() == 1 && all[0].message == "this host's clock is 61 s ahead of those of all 2 peers", "{all:?}");
    let split = diagnose(&healthy(), &[company(61_000), company(-90_000)], None);
    assert_eq!(split.len(), 2, "{split:?}");
}

#[test]
fn a_peer_that_does_not_let_us_read_is_bad_only_once_we_belong() {
    let refuses =
        Peer { error_code: Some(ErrorCode::NotPermitted), error: Some("only members read".to_owned()), ..company(0) };
    assert_eq!(codes(&healthy(), std::slice::from_ref(&refuses)), [(Severity::Bad, "not_permitted")]);
    let outside = Node { gossip: false, standing: Standing::Stranger, ..healthy() };
    let found = [(Severity::Bad, "not_enrolled"), (Severity::Note, "not_permitted")];
    assert_eq!(codes(&outside, &[refuses]), found);
}

#[test]
fn what_was_learnt_and_is_stale_matters_only_to_the_lonely() {
    let stale = Peer {
        v: 1,
        source: Some(Source::Exchange),
        error_code: Some(ErrorCode::TimedOut),
        address: Some("/ip4/192.0.2.1/tcp/1".to_owned()),
        ..Peer::default()
    };
    assert_eq!(codes(&healthy(), &[company(0), stale.clone()]), []);
    assert_eq!(codes(&healthy(), std::slice::from_ref(&stale)), [(Severity::Bad, "timed_out")]);
    let given = Peer { source: Some(Source::Given), ..stale };
    assert_eq!(codes(&healthy(), &[company(0), given]), [(Severity::Note, "timed_out")]);
}

#[test]
fn a_leader_waits_for_others() {
    let leader = Node { standing: Standing::Leader, ..healthy() };
    assert_eq!(codes(&leader, &[]), [(Severity::Note, "nobody_calls")]);
    assert_eq!(codes(&healthy(), &[]), [(Severity::Bad, "nobody_calls")]);
    let deaf = Node { listen: Vec::new(), mdns: false, ..healthy() };
    assert_eq!(codes(&deaf, &[]), [(Severity::Bad, "nobody_known"), (Severity::Note, "mdns_off")]);
}

#[test]
fn every_code_is_listed_for_metrics() {
    let source = include_str!("../doctor.rs");
    for code in CODES {
        assert!(source.matches(&format!("\"{code}\"")).count() >= 2, "{code} is never found");
    }
}
