//! A node in a few lines, and its peers below them, one a line.

use crate::show::grid::{Column, Grid};
use crate::show::units::{ago, bytes, lasted, milliseconds, thousands};
use crate::show::{cut_middle, escape};
use crate::watch::{Comparison, Direction, Node, Peer, Standing, State, Transport};
use jiff::SignedDuration;

static COLUMNS: [Column; 11] = [
    Column::new("PEER").cut_to(9),
    Column::new("STANDING").spare(5),
    Column::new("STATE"),
    Column::new("SINCE").number().spare(3),
    Column::new("RTT ms").number(),
    Column::new("GOSSIP"),
    Column::new("SCORE").number().spare(1),
    Column::new("IN").number().spare(2),
    Column::new("OUT").number().spare(2),
    Column::new("COMPARED").spare(4),
    Column::new("ADDRESS").cut_to(20),
];

/// The lines for a terminal of that many columns; `None` for no terminal.
pub fn peers_table(node: &Node, peers: &[Peer], terminal: Option<usize>) -> Vec<String> {
    let mut lines = head(node, peers);
    let mut grid = Grid::new(&COLUMNS);
    for peer in peers {
        grid.push(row(node, peer));
    }
    if !peers.is_empty() {
        lines.push(String::new());
        lines.extend(grid.lines(terminal));
    }
    let troubles = peers.iter().filter(|peer| peer.error.is_some());
    let troubles: Vec<String> = troubles.map(|peer| trouble(node, peer)).collect();
    if !troubles.is_empty() {
        lines.push(String::new());
        lines.extend(troubles);
    }
    let Some(terminal) = terminal else { return lines };
    lines.into_iter().map(|line| cut_end(&line, terminal)).collect()
}

fn head(node: &Node, peers: &[Peer]) -> Vec<String> {
    let fleet = node.fleet.as_deref().map_or_else(
        || "ad hoc, without a fleet".to_owned(),
        |fleet| {
            let standing = match node.standing {
                Standing::Leader => "leader of",
                Standing::Node => "a node of",
                Standing::Member => "member of",
                Standing::Expired => "no longer enrolled in",
                Standing::Revoked => "revoked in",
                Standing::Stranger => "not enrolled in",
            };
            format!("{standing} fleet {}", cut_middle(&escape(fleet), 13))
        },
    );
    let up = lasted(SignedDuration::from_millis(i64::try_from(node.uptime_ms).unwrap_or(i64::MAX)));
    let gossip = match &node.gossip_hindrance {
        None => "gossip on".to_owned(),
        Some(why) => format!("gossip off: {}", escape(&why.replace('_', " "))),
    };
    let newest = node.log_newest.map_or_else(String::new, |newest| format!(", newest {} ago", ago(newest, node.time)));
    let connected = peers.iter().filter(|peer| peer.state == State::Connected).count();
    let memory = node
        .memory_bytes
        .map_or_else(String::new, |memory| format!("; memory {} of {}", bytes(memory), bytes(node.memory_limit_bytes)));
    let listen = match node.listen.first() {
        None => "listens nowhere".to_owned(),
        Some(first) if node.listen.len() == 1 => format!("listens on {}", escape(first)),
        Some(first) => format!("listens on {} and {} more", escape(first), node.listen.len() - 1),
    };
    let mut lines = vec![
        format!("node {}", escape(&node.peer_id)),
        format!("{fleet}, up {up}, {gossip}"),
        listen,
        format!("log: {} events, {}{newest}", thousands(node.log_events), bytes(node.log_bytes)),
        format!(
            "peers: {connected} connected, {} not; connections: {} in, {} out{memory}",
            peers.len() - connected,
            node.connections_in,
            node.connections_out
        ),
    ];
    if let Some(error) = &node.log_error {
        lines.push(format!("log trouble: {}", escape(error)));
    }
    lines
}

fn row(node: &Node, peer: &Peer) -> Vec<String> {
    let since = peer.connected_since.map_or_else(String::new, |since| ago(since, node.time));
    let connected = peer.state == State::Connected;
    let count = |count: u64| if connected { bytes(count) } else { String::new() };
    vec![
        peer.peer_id.as_deref().map_or_else(|| "?".to_owned(), short),
        peer.standing.word().to_owned(),
        state(peer),
        since,
        peer.round_trip_ms.map_or_else(String::new, milliseconds),
        gossip(peer).to_owned(),
        peer.gossip_score.map_or_else(String::new, |score| format!("{score:.1}")),
        count(peer.bytes_in),
        count(peer.bytes_out),
        compared(node, peer),
        peer.address.as_deref().map_or_else(String::new, escape),
    ]
}

/// Peer ids begin alike: the end tells them apart.
fn short(peer_id: &str) -> String {
    let last = peer_id.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
    format!("…{}", escape(&peer_id[last..]))
}

fn state(peer: &Peer) -> String {
    let over = match peer.transport {
        Some(Transport::Tcp) => " tcp",
        Some(Transport::Quic) => " quic",
        None => "",
    };
    match (peer.state, peer.direction) {
        (State::Connected, Some(Direction::In)) => format!("in{over}"),
        (State::Connected, Some(Direction::Out)) => format!("out{over}"),
        (state, _) => state.word().to_owned(),
    }
}

fn gossip(peer: &Peer) -> &'static str {
    match (peer.gossip_mesh, peer.topics.is_empty()) {
        (true, _) => "mesh",
        (false, false) => "yes",
        (false, true) if peer.state == State::Connected => "no",
        (false, true) => "",
    }
}

fn compared(node: &Node, peer: &Peer) -> String {
    let when = peer.compared_at.map(|at| ago(at, node.time)).unwrap_or_default();
    match (peer.comparison, peer.differing) {
        (Some(Comparison::Done), Some(0)) => format!("{when} same"),
        (Some(Comparison::Done), differing) => format!("{when} +{}", thousands(differing.unwrap_or(0))),
        (Some(Comparison::Failed), _) => format!("{when} failed"),
        (None, _) => String::new(),
    }
}

fn trouble(node: &Node, peer: &Peer) -> String {
    let whom = peer.peer_id.as_deref().map(short);
    let whom = whom.or_else(|| peer.address.as_deref().map(escape)).unwrap_or_default();
    let when = peer.error_at.map(|at| format!(" {} ago", ago(at, node.time))).unwrap_or_default();
    let next = peer.next_call.map(|next| next.duration_since(node.time)).filter(SignedDuration::is_positive);
    let next = next.map(|wait| format!("; next call in {}", lasted(wait))).unwrap_or_default();
    format!("{whom}{when}: {}{next}", escape(peer.error.as_deref().unwrap_or_default()))
}

/// Text in at most that many columns, cut at its end.
pub(super) fn cut_end(text: &str, columns: usize) -> String {
    use crate::show::width;
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if width(&cut) + width(c.encode_utf8(&mut [0; 4])) >= columns {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::width;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn node() -> Node {
        let time: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        Node {
            v: 1,
            peer_id: "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN".into(),
            fleet: Some("f".repeat(64)),
            standing: Standing::Leader,
            time,
            uptime_ms: 754_000,
            listen: vec!["/ip4/0.0.0.0/tcp/4001".into()],
            gossip: true,
            log_events: 1234,
            log_bytes: 56_789,
            log_newest: Some(time - SignedDuration::from_secs(3)),
            memory_bytes: Some(23_000_000),
            memory_limit_bytes: 256 << 20,
            connections_in: 1,
            ..Node::default()
        }
    }

    fn peer(words: &str) -> Peer {
        let time = node().time;
        Peer {
            v: 1,
            peer_id: Some("12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo".into()),
            state: State::Connected,
            address: Some("/ip4/192.0.2.7/tcp/43210".into()),
            direction: Some(Direction::In),
            transport: Some(Transport::Quic),
            connected_since: Some(time - SignedDuration::from_mins(9)),
            round_trip_ms: Some(12.34),
            standing: Standing::Member,
            topics: vec![words.to_owned()],
            gossip_mesh: true,
            gossip_score: Some(-0.04),
            bytes_in: 12_345,
            bytes_out: 999,
            compared_at: Some(time - SignedDuration::from_secs(12)),
            comparison: Some(Comparison::Done),
            differing: Some(0),
            ..Peer::default()
        }
    }

    fn waiting(words: &str) -> Peer {
        let time = node().time;
        Peer {
            v: 1,
            address: Some("/ip4/192.0.2.8/tcp/4001".into()),
            failures: 3,
            error: Some(words.to_owned()),
            error_at: Some(time - SignedDuration::from_secs(7)),
            next_call: Some(time + SignedDuration::from_secs(5)),
            ..Peer::default()
        }
    }

    #[test]
    fn a_table_of_80_columns() {
        let lines = peers_table(&node(), &[peer("t"), waiting("Connection refused\u{1b}[2J")], Some(80));
        assert_eq!(
            lines,
            [
                "node 12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
                "leader of fleet ffffff…ffffff, up 12m, gossip on",
                "listens on /ip4/0.0.0.0/tcp/4001",
                "log: 1,234 events, 56.8 kB, newest 3s ago",
                "peers: 1 connected, 1 not; connections: 1 in, 0 out; memory 23.0 MB of 268 MB",
                "",
                "PEER       STANDING  STATE    RTT ms  GOSSIP  COMPARED  ADDRESS",
                "…kSCVe2Xo  member    in quic    12.3  mesh    12s same  /ip4/192.0.2.7/tcp/43210",
                "?          stranger  waiting                            /ip4/192.0.2.8/tcp/4001",
                "",
                "/ip4/192.0.2.8/tcp/4001 7s ago: Connection refused\\u{1b}[2J; next call in 5s",
            ]
        );
    }

    proptest! {
        #[test]
        fn it_fits_and_no_text_escapes(words in "\\PC{0,60}", wild in any::<String>(), columns in 45..160usize) {
            let mut peers = [peer(&wild), waiting(&wild), waiting(&words)];
            peers[0].address = Some(wild.clone());
            peers[1].peer_id = Some(wild.clone());
            for line in peers_table(&node(), &peers, Some(columns)) {
                prop_assert!(width(&line) <= columns, "{line:?}");
                prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}
