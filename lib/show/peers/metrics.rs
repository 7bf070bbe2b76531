//! A node and its peers for Prometheus.
//!
//! Labels are bounded: peers get series of their own only if the fleet names
//! them, and there are no more of those than connections.

use crate::show::exposition::label;
use crate::watch::{CODES, Comparison, Direction, Finding, Node, Peer, Severity, Standing, State};
use jiff::Timestamp;
use std::fmt::Write as _;

/// Peers with series of their own, at most.
const PEERS_LIMIT: usize = 320;

/// Text with all lines of one metric together.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP cooee_{name} {help}\n# TYPE cooee_{name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "cooee_{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, "gauge", help);
        self.value(name, "", value);
    }

    /// One series for each peer that has such a value.
    fn each(&mut self, peers: &[(String, &Peer)], name: &str, help: &str, value: impl Fn(&Peer) -> Option<String>) {
        let values: Vec<(&String, String)> = peers.iter().filter_map(|(id, peer)| Some((id, value(peer)?))).collect();
        if !values.is_empty() {
            self.head(name, "gauge", help);
        }
        for (id, value) in values {
            self.value(name, &format!("{{peer_id=\"{id}\"}}"), value);
        }
    }
}

/// All metrics; without a node only that there is none.
pub fn peers_metrics(seen: Option<(&Node, &[Peer])>, findings: &[Finding]) -> String {
    let mut text = Text::default();
    text.gauge("node_up", "1 if the folder's node answers, else 0.", u8::from(seen.is_some()));
    let healthy = !findings.iter().any(|finding| finding.severity == Severity::Bad);
    text.gauge("node_healthy", "1 if cooee-peers --doctor finds nothing bad, else 0.", u8::from(healthy));
    text.head("node_findings", "gauge", "What cooee-peers --doctor finds, by its code.");
    for code in CODES {
        let count = findings.iter().filter(|finding| finding.code == code).count();
        text.value("node_findings", &format!("{{code=\"{code}\"}}"), count);
    }
    if let Some((node, peers)) = seen {
        itself(&mut text, node);
        company(&mut text, peers);
        one_by_one(&mut text, peers);
    }
    text.0
}

fn itself(text: &mut Text, node: &Node) {
    text.head("node_info", "gauge", "1, for the version and the peer id of the node.");
    let labels = format!("{{version=\"{}\",peer_id=\"{}\"}}", label(&node.version), label(&node.peer_id));
    text.value("node_info", &labels, 1);
    text.gauge("node_uptime_seconds", "How long the node has been running.", milli(node.uptime_ms));
    text.gauge("node_gossip", "1 if the node takes part in the gossip, else 0.", u8::from(node.gossip));
    text.gauge("log_events", "Events in the log.", node.log_events);
    text.gauge("log_size_bytes", "What the log takes on disk.", node.log_bytes);
    text.gauge("log_limit_bytes", "Where the oldest events are removed.", node.log_limit_bytes);
    text.gauge(
        "log_failing",
        "1 since the log could not be written, until it can, else 0.",
        u8::from(node.log_error.is_some()),
    );
    if let Some(newest) = node.log_newest {
        let help = "When the event that came last was made, in seconds since 1970.";
        text.gauge("log_newest_timestamp_seconds", help, seconds(newest));
    }
    if let Some(free) = node.disk_free_bytes {
        text.gauge("log_disk_free_bytes", "What is free on the disk of the log.", free);
    }
    if let Some(until) = node.enrolled_until {
        text.gauge(
            "enrolled_until_timestamp_seconds",
            "Until when the host is enrolled, in seconds since 1970.",
            seconds(until),
        );
    }
    if let Some(memory) = node.memory_bytes {
        text.gauge("node_memory_bytes", "Memory of the node that is in RAM.", memory);
    }
    text.gauge("node_memory_limit_bytes", "Above it no new connection is taken.", node.memory_limit_bytes);
    let connections = [
        ("in", node.connections_in, node.connections_in_limit),
        ("out", node.connections_out, node.connections_out_limit),
        ("socket", node.socket_connections, node.socket_connections_limit),
    ];
    text.head("connections", "gauge", "Connections that stand, by who made them.");
    for (direction, used, _) in connections {
        text.value("connections", &format!("{{direction=\"{direction}\"}}"), used);
    }
    text.head("connections_limit", "gauge", "How many there may be.");
    for (direction, _, most) in connections {
        text.value("connections_limit", &format!("{{direction=\"{direction}\"}}"), most);
    }
}

fn company(text: &mut Text, peers: &[Peer]) {
    text.head("peers", "gauge", "Peers and known addresses, by their state.");
    for state in [State::Connected, State::Calling, State::Waiting] {
        let count = peers.iter().filter(|peer| peer.state == state).count();
        text.value("peers", &format!("{{state=\"{}\"}}", state.word()), count);
    }
    let connected = || peers.iter().filter(|peer| peer.state == State::Connected);
    text.head("peers_connected", "gauge", "Connected peers, by what their keys are in the fleet.");
    for standing in
        [Standing::Leader, Standing::Node, Standing::Member, Standing::Expired, Standing::Revoked, Standing::Stranger]
    {
        let count = connected().filter(|peer| peer.standing == standing).count();
        text.value("peers_connected", &format!("{{standing=\"{}\"}}", standing.word()), count);
    }
    text.head("peers_called", "gauge", "Connected peers, by who called.");
    for (word, direction) in [("in", Direction::In), ("out", Direction::Out)] {
        let count = connected().filter(|peer| peer.direction == Some(direction)).count();
        text.value("peers_called", &format!("{{direction=\"{word}\"}}"), count);
    }
    let in_mesh = connected().filter(|peer| peer.gossip_mesh).count();
    text.gauge("peers_in_gossip_mesh", "Peers that gossip goes to directly.", in_mesh);
}

fn one_by_one(text: &mut Text, peers: &[Peer]) {
    let named = |peer: &&Peer| peer.state == State::Connected && peer.standing != Standing::Stranger;
    let peers: Vec<(String, &Peer)> = peers
        .iter()
        .filter(named)
        .take(PEERS_LIMIT)
        .filter_map(|peer| Some((label(peer.peer_id.as_deref()?), peer)))
        .collect();
    let peers = &peers[..];
    text.each(peers, "peer_round_trip_seconds", "The last ping, there and back.", |peer| {
        peer.round_trip_ms.map(|ms| format!("{:.6}", ms / 1000.0))
    });
    text.each(peers, "peer_gossip_score", "What we think of its gossip; below 0 is bad.", |peer| {
        peer.gossip_score.map(|score| score.to_string())
    });
    text.each(peers, "peer_clock_offset_seconds", "How far its clock is ahead of ours.", |peer| {
        peer.clock_offset_ms.map(|ms| format!("{}{}", if ms < 0 { "-" } else { "" }, milli(ms.unsigned_abs())))
    });
    text.each(
        peers,
        "peer_connected_timestamp_seconds",
        "Since when it is connected, in seconds since 1970.",
        |peer| peer.connected_since.map(seconds),
    );
    text.each(
        peers,
        "peer_compared_timestamp_seconds",
        "When logs were last compared, in seconds since 1970.",
        |peer| peer.compared_at.map(seconds),
    );
    text.each(peers, "peer_comparison_failed", "1 if that comparison failed, else 0.", |peer| {
        peer.comparison.map(|how| u8::from(how == Comparison::Failed).to_string())
    });
    text.each(
        peers,
        "peer_differing_events",
        "Events that it had and this node had not, at that comparison.",
        |peer| peer.differing.map(|differing| differing.to_string()),
    );
    for (name, help, value) in [
        (
            "peer_received_bytes_total",
            "Bytes that came from it on the connections that stand.",
            bytes_in as fn(&Peer) -> u64,
        ),
        ("peer_sent_bytes_total", "Bytes that went to it on the connections that stand.", bytes_out),
    ] {
        if !peers.is_empty() {
            text.head(name, "counter", help);
        }
        for (id, peer) in peers {
            text.value(name, &format!("{{peer_id=\"{id}\"}}"), value(peer));
        }
    }
}

fn bytes_in(peer: &Peer) -> u64 {
    peer.bytes_in
}

fn bytes_out(peer: &Peer) -> u64 {
    peer.bytes_out
}

fn milli(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn seconds(time: Timestamp) -> String {
    let ms = time.as_millisecond();
    format!("{}{}", if ms < 0 { "-" } else { "" }, milli(ms.unsigned_abs()))
}
