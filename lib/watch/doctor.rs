//! What is wrong with a node, from what it has seen itself.
//!
//! Each finding rests on a fact in a record: an error that a call ended with, a
//! clock that was compared, the node's standing. Nothing is tried out here.

use super::{ErrorCode, Node, Peer, Source, Standing, State};
use crate::event::CLOCK_LEEWAY;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Less than this is no room for a log: 16 MiB.
const DISK_LEAST_BYTES: u64 = 16 << 20;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The node does not do what it is for.
    Bad,
    /// Worth knowing.
    Note,
}

/// One thing that is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Always `finding`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// 1.
    pub v: u32,
    /// How much it matters.
    pub severity: Severity,
    /// What it is, in one word for programs.
    pub code: &'static str,
    /// The address or peer that it is about.
    pub about: Option<String>,
    /// What it is, for people.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

/// The newest request to enrol that is in the node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// When it was made.
    pub asked: Timestamp,
    /// A Leader's refusal, as its code and its reason.
    pub refused: Option<(String, String)>,
}

/// The codes of all findings, for metrics: each is there, found or not.
pub const CODES: [&str; 27] = [
    "no_node",
    "log_trouble",
    "disk_full",
    "revoked",
    "enrolment_refused",
    "enrolment_expired",
    "enrolment_pending",
    "not_enrolled",
    "key_elsewhere",
    "clock_skew",
    "not_permitted",
    "memory_limit",
    "connections_limit",
    "nobody_known",
    "nobody_calls",
    "only_strangers",
    "mdns_off",
    "not_called_yet",
    "port_closed",
    "timed_out",
    "unreachable",
    "wrong_peer",
    "other_fleet",
    "protocol",
    "myself",
    "limit",
    "call_failed",
];

fn finding(severity: Severity, code: &'static str, message: impl Into<String>, hint: &'static str) -> Finding {
    debug_assert!(CODES.contains(&code), "{code} has no metric");
    Finding { kind: "finding", v: 1, severity, code, about: None, message: message.into(), hint }
}

/// No node answers in a folder.
pub fn no_node(socket: &str) -> Finding {
    let message = format!("no node is running here: nothing answers at {socket}");
    let hint = "start it with cooee-sub --serve, or name its folder with --dir";
    Finding { about: Some(socket.to_owned()), ..finding(Severity::Bad, "no_node", message, hint) }
}

/// All that is found, what matters most first.
pub fn diagnose(node: &Node, peers: &[Peer], enrolment: Option<&Enrolment>) -> Vec<Finding> {
    let mut found = Vec::new();
    disk(node, &mut found);
    membership(node, enrolment, &mut found);
    double(node, &mut found);
    clocks(node, peers, &mut found);
    limits(node, &mut found);
    company(node, peers, &mut found);
    found.sort_by_key(|finding| finding.severity);
    found
}

/// Does the node see this peer as one of its fleet, or, without one, as a node?
pub fn is_company(node: &Node, peer: &Peer) -> bool {
    let belongs = matches!(peer.standing, Standing::Leader | Standing::Node | Standing::Member);
    // A command that hands something over says nothing of itself.
    let is_node = peer.agent_version.is_some() || !peer.topics.is_empty();
    peer.state == State::Connected && if node.fleet.is_some() { belongs } else { is_node }
}

fn disk(node: &Node, found: &mut Vec<Finding>) {
    if let Some(error) = &node.log_error {
        let hint = "see to the disk and the rights of the folder; what cannot be kept is refused, nothing is lost";
        found.push(finding(Severity::Bad, "log_trouble", format!("{error}; events are refused"), hint));
    }
    if let Some(free) = node.disk_free_bytes.filter(|free| *free < DISK_LEAST_BYTES) {
        let hint = "make room on the disk of the folder";
        found.push(finding(Severity::Bad, "disk_full", format!("{free} bytes are free for the log"), hint));
    }
}

fn membership(node: &Node, enrolment: Option<&Enrolment>, found: &mut Vec<Finding>) {
    if node.gossip || node.fleet.is_none() {
        return;
    }
    let enrol = "enrol it: hwprobe --agents | agentid-hash | age-enrol | cooee-pub --wait answered";
    let newest = match (enrolment, node.enrolled_until) {
        // A request from before the enrolment has had its answer.
        (Some(enrolment), Some(until)) if enrolment.asked < until => None,
        (enrolment, _) => enrolment,
    };
    found.push(match (node.standing, newest) {
        (Standing::Revoked, _) => {
            let hint = "ask a leader why; a new key is made with cooee-key new, and needs a new invitation";
            finding(Severity::Bad, "revoked", "a leader has revoked this host's key: nodes take nothing from it", hint)
        }
        (_, Some(Enrolment { refused: Some((code, reason)), asked })) => {
            let message = format!("the fleet refused the request to enrol of {asked:.0}: {code}: {reason}");
            finding(Severity::Bad, "enrolment_refused", message, "put right what the reason says, and enrol again")
        }
        (_, Some(Enrolment { refused: None, asked })) => {
            let message = format!("the request to enrol of {asked:.0} is not answered yet: no gossip until it is");
            let hint = "is the leader's pipe running, and does a node of the fleet answer?";
            finding(Severity::Bad, "enrolment_pending", message, hint)
        }
        (Standing::Expired, None) => {
            let until = node.enrolled_until.map(|until| format!(" since {until:.0}")).unwrap_or_default();
            finding(Severity::Bad, "enrolment_expired", format!("the enrolment of this host has expired{until}"), enrol)
        }
        (_, None) => finding(
            Severity::Bad,
            "not_enrolled",
            "this host is not enrolled yet: it takes no part in the gossip",
            enrol,
        ),
    });
}

fn double(node: &Node, found: &mut Vec<Finding>) {
    if let (Some(how), Some(at)) = (&node.key_elsewhere, node.key_elsewhere_at) {
        let message = format!("this host's key is in use in another folder too, last seen at {at:.0}: {how}");
        let hint = "end the node of one of the two; a folder that was copied needs a key of its own: cooee-key new";
        found.push(finding(Severity::Bad, "key_elsewhere", message, hint));
    }
}

fn clocks(node: &Node, peers: &[Peer], found: &mut Vec<Finding>) {
    let known: Vec<(&Peer, i64)> = peers.iter().filter_map(|peer| Some((peer, peer.clock_offset_ms?))).collect();
    let wrong = |offset: i64| SignedDuration::from_millis(offset).abs() > CLOCK_LEEWAY;
    let hint = "set the clock, and keep it right with NTP; events made more than 60 s ahead are refused";
    let all_ahead = known.iter().all(|(_, offset)| wrong(*offset) && *offset > 0);
    let all_behind = known.iter().all(|(_, offset)| wrong(*offset) && *offset < 0);
    if known.len() > 1 && (all_ahead || all_behind) {
        let (most, way) = (known.iter().map(|(_, offset)| offset.unsigned_abs()).min().unwrap_or(0), word(!all_ahead));
        let message = format!("this host's clock is {} s {way} those of all {} peers", most / 1000, known.len());
        found.push(finding(Severity::Bad, "clock_skew", message, hint));
        return;
    }
    for (peer, offset) in known.into_iter().filter(|(_, offset)| wrong(*offset)) {
        let (seconds, way) = (offset.unsigned_abs() / 1000, word(offset > 0));
        let message = format!("the clock of {} is {seconds} s {way} this host's, {:.0}", name(peer), node.time);
        found.push(Finding { about: peer.did.clone(), ..finding(Severity::Bad, "clock_skew", message, hint) });
    }
}

fn word(ahead: bool) -> &'static str {
    if ahead { "ahead of" } else { "behind" }
}

fn limits(node: &Node, found: &mut Vec<Finding>) {
    if let Some(memory) = node.memory_bytes.filter(|memory| *memory >= node.memory_limit_bytes) {
        let message = format!("it holds {memory} bytes of memory: new connections are refused");
        found.push(finding(Severity::Bad, "memory_limit", message, "restart it, and report it with its log (-v)"));
    }
    for (what, used, most) in [
        ("connections of others", node.connections_in, node.connections_in_limit),
        ("connections to others", node.connections_out, node.connections_out_limit),
    ] {
        if used >= most {
            let message = format!("{used} of {most} {what}: no more are taken");
            found.push(finding(Severity::Bad, "connections_limit", message, "see with cooee-peers who they are"));
        }
    }
}

/// Whom it sees, and what became of those it calls.
fn company(node: &Node, peers: &[Peer], found: &mut Vec<Finding>) {
    let alone = !peers.iter().any(|peer| is_company(node, peer));
    let severity = if alone { Severity::Bad } else { Severity::Note };
    // Learnt addresses go stale; while there is company that is no news.
    let matters = |peer: &&Peer| alone || peer.source.is_none_or(|source| source == Source::Given);
    for peer in peers.iter().filter(|peer| peer.state != State::Connected).filter(matters) {
        found.push(called(peer, severity, node.time));
    }
    for peer in peers.iter().filter(|peer| peer.error_code == Some(ErrorCode::NotPermitted)) {
        let message = format!("{} does not let this node read: {}", name(peer), peer.error.as_deref().unwrap_or(""));
        let hint = "that node does not know this host as enrolled; it learns it from the leader's node";
        let severity = if node.gossip { Severity::Bad } else { Severity::Note };
        found.push(Finding { about: peer.did.clone(), ..finding(severity, "not_permitted", message, hint) });
    }
    let calls = peers.iter().any(|peer| peer.state != State::Connected);
    if !alone {
        return;
    }
    let strangers = peers.iter().filter(|peer| peer.state == State::Connected && peer.agent_version.is_some()).count();
    if strangers > 0 {
        let message = format!("of {strangers} connected nodes none belongs to the fleet, as far as this node knows");
        found.push(finding(
            severity,
            "only_strangers",
            message,
            "they are not enrolled, or this node has not heard of it yet",
        ));
    } else if !calls && node.listen.is_empty() {
        let hint = "give it --listen or --peer, or join a fleet whose string names nodes";
        found.push(finding(severity, "nobody_known", "it listens nowhere and knows no address to call", hint));
    } else if !calls {
        // Whoever founds a fleet waits for others to call.
        let severity = if node.standing == Standing::Leader { Severity::Note } else { Severity::Bad };
        let hint = "give it --peer, or give others its address; is its port open to them?";
        found.push(finding(severity, "nobody_calls", "no node has called, and it knows no address to call", hint));
    }
    if !node.mdns {
        let hint = "neighbours are found so in a fleet, without --no-mdns, by a node that listens beyond loopback";
        found.push(finding(Severity::Note, "mdns_off", "mDNS is off", hint));
    }
}

/// An address that is called in vain.
fn called(peer: &Peer, severity: Severity, now: Timestamp) -> Finding {
    let address = peer.address.clone().unwrap_or_default();
    let about = Some(address.clone());
    let Some(code) = peer.error_code else {
        let message = format!("{address}: called, no answer yet");
        let hint = "wait for the call to end";
        return Finding { about, ..finding(severity, "not_called_yet", message, hint) };
    };
    let (code, what, hint) = match code {
        ErrorCode::PortClosed => {
            ("port_closed", "nobody listens there", "start the node there, or correct the address or its port")
        }
        ErrorCode::TimedOut => {
            ("timed_out", "nothing answers in time", "is the machine up, and does a firewall let this port through?")
        }
        ErrorCode::Unreachable => {
            ("unreachable", "there is no way to it", "is it the right address, and is this host on that network?")
        }
        ErrorCode::WrongPeer => (
            "wrong_peer",
            "somebody else answers there",
            "correct the peer id in the address, or find out who took the place",
        ),
        ErrorCode::OtherFleet => (
            "other_fleet",
            "another fleet answers there",
            "join that fleet, or correct the address in fleet.json or --peer",
        ),
        ErrorCode::Protocol => {
            ("protocol", "what answers there is no node", "correct the address or its port; a node speaks libp2p")
        }
        ErrorCode::Myself => ("myself", "it is this node's own address", "leave it out"),
        ErrorCode::Limit => ("limit", "a limit of this node forbids it", "see connections_out and memory_bytes"),
        ErrorCode::Broken => (
            "call_failed",
            "the connection broke",
            "if it is so each time, that node lets this host's key not in: is it revoked? its -v says why",
        ),
        ErrorCode::NotPermitted | ErrorCode::Other => {
            ("call_failed", "the call failed", "see the reason; -v at the node says more")
        }
    };
    let words = peer.error.as_deref().unwrap_or_default();
    let calls = match peer.failures {
        0 => String::new(),
        1 => ", 1 call failed".to_owned(),
        more => format!(", {more} calls failed"),
    };
    let next = peer.next_call.map(|next| next.duration_since(now)).filter(SignedDuration::is_positive);
    let next = next.map(|wait| format!(", next in {} s", wait.as_secs() + 1)).unwrap_or_default();
    Finding { about, ..finding(severity, code, format!("{address}: {what}: {words}{calls}{next}"), hint) }
}

fn name(peer: &Peer) -> String {
    let id = peer.peer_id.as_deref().unwrap_or("a peer");
    match &peer.address {
        Some(address) if !address.contains(id) => format!("{id} at {address}"),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests;
