//! Records, tables and metrics of nodes that run.

use super::{LOOPBACK, Node, address, enrolled, folder, key, peers, put, records, until_seen};
use jiff::SignedDuration;
use serde_json::Value;
use std::process::Command;

/// The members that the schema says a record has, in their order.
fn members_in_schema(kind: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("../../src/bin/cooee-peers/schema.json")).expect("JSON");
    let properties = schema["$defs"][kind]["properties"].as_object().expect("an object");
    properties.keys().cloned().collect()
}

fn is_as_described(record: &Value) {
    let kind = record["type"].as_str().expect("a type");
    let members: Vec<String> = record.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(members, members_in_schema(kind), "{kind}");
    let page = include_str!("../../man/cooee-peers.md");
    for member in members {
        assert!(page.contains(&format!("`{member}`")), "{member} of {kind} is not in the page");
    }
}

fn peer<'a>(records: &'a [Value], peer_id: &str) -> Option<&'a Value> {
    records.iter().find(|record| record["type"] == "peer" && record["peer_id"] == peer_id)
}

#[test]
fn two_nodes_see_each_other() {
    let leader = folder(1, Some(1), &[]);
    let _leads = Node::start(leader.path(), &["--listen", LOOPBACK]);
    let called = address(leader.path());
    let host = folder(2, Some(1), std::slice::from_ref(&called));
    let _hosts = Node::start(host.path(), &["--listen", LOOPBACK]);
    put(leader.path(), &[&enrolled(1, 2, SignedDuration::from_hours(1))]);
    // The host's request would bring it there.
    put(host.path(), &[&enrolled(1, 2, SignedDuration::from_hours(1))]);

    let (place, leader_id) = called.rsplit_once("/p2p/").expect("with its peer id");
    let of_host = until_seen(host.path(), |records| {
        let peer = peer(records, leader_id)?;
        let whole = peer["gossip_mesh"] == true
            && peer["comparison"] == "done"
            && peer["round_trip_ms"].is_number()
            && peer["clock_offset_ms"].is_number();
        whole.then(|| records.to_vec())
    });
    of_host.iter().for_each(is_as_described);
    let (node, seen) = (&of_host[0], peer(&of_host, leader_id).expect("seen"));
    assert_eq!((&node["type"], &node["standing"], &node["gossip"]), (&"node".into(), &"member".into(), &true.into()));
    assert_eq!((&node["did"], node["connections_out"].as_u64()), (&key(2).did().to_string().into(), Some(1)));
    assert!(node["log_events"].as_u64() >= Some(1) && node["log_newest"].is_string() && node["memory_bytes"].is_u64());
    assert_eq!((&seen["state"], &seen["direction"]), (&"connected".into(), &"out".into()));
    assert_eq!(
        (&seen["address"], &seen["transport"], &seen["source"]),
        (&place.into(), &"tcp".into(), &"given".into())
    );
    assert_eq!(
        (&seen["standing"], &seen["agent_version"]),
        (&"leader".into(), &concat!("cooee/", env!("CARGO_PKG_VERSION")).into())
    );
    assert!(seen["clock_offset_ms"].as_i64().expect("known").abs() < 60_000, "{seen}");
    assert!(seen["topics"][0].as_str().expect("a topic").starts_with("cooee/"));
    // The Leader sees the same connection from the other end.
    let host_id = node["peer_id"].as_str().expect("an id");
    let (came, went) = (seen["bytes_in"].as_u64().expect("counted"), seen["bytes_out"].as_u64().expect("counted"));
    until_seen(leader.path(), |records| {
        let peer = peer(records, host_id)?;
        let (bytes_in, bytes_out) = (peer["bytes_in"].as_u64()?, peer["bytes_out"].as_u64()?);
        let same = peer["direction"] == "in" && peer["standing"] == "member" && bytes_in >= went && bytes_out >= came;
        (same && came > 500 && went > 500).then_some(())
    });

    // Nothing bad, in every form.
    for side in [&leader, &host] {
        let ran = peers(side.path(), &["--doctor"]);
        assert_eq!((ran.code(), ran.err().as_str()), (0, ""), "{}", ran.out());
        assert!(
            ran.out().lines().last().expect("a line").starts_with("ok: 1 of 1 peers belong, gossip on, "),
            "{}",
            ran.out()
        );
        let table = peers(side.path(), &["--table"]).out();
        assert!(table.starts_with("node 12D3KooW") && table.contains("\nPEER ") && table.contains(" mesh "), "{table}");
    }
    metrics(host.path(), leader_id);
    let agents = records(host.path(), &["--agents"]);
    assert_eq!(agents.len(), 1, "it is enrolled, and has said nothing: {agents:?}");
    is_as_described(&agents[0]);
    assert_eq!(
        (&agents[0]["state"], &agents[0]["token"], &agents[0]["seen"]),
        (&"away".into(), &"80007".into(), &Value::Null)
    );
}

/// What `--prometheus` prints is what promtool wants.
fn metrics(folder: &std::path::Path, leader_id: &str) {
    let ran = peers(folder, &["--prometheus"]);
    assert_eq!((ran.code(), ran.err().as_str()), (0, ""));
    let text = ran.out();
    for line in [
        "cooee_node_up 1".to_owned(),
        "cooee_node_healthy 1".to_owned(),
        "cooee_node_findings{code=\"port_closed\"} 0".to_owned(),
        "cooee_peers{state=\"connected\"} 1".to_owned(),
        "cooee_peers_connected{standing=\"leader\"} 1".to_owned(),
        format!("cooee_peer_comparison_failed{{peer_id=\"{leader_id}\"}} 0"),
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
    assert_eq!(crate::trust::promtool(&text), (true, String::new()));
}

#[test]
fn without_a_node_metrics_say_so() {
    let folder = folder(1, None, &[]);
    let ran = peers(folder.path(), &["--prometheus"]);
    assert_eq!((ran.code(), ran.err().as_str()), (4, ""));
    assert!(ran.out().contains("cooee_node_up 0\n") && ran.out().contains("cooee_node_findings{code=\"no_node\"} 1\n"));
    assert_eq!(crate::trust::promtool(&ran.out()), (true, String::new()));
}

#[test]
fn agents_say_what_they_do() {
    let (one, two) = (folder(1, None, &[]), folder(2, None, &[]));
    let _one = Node::start(one.path(), &["--listen", LOOPBACK]);
    let _two = Node::start(two.path(), &["--peer", &address(one.path())]);
    for (kind, data) in [
        ("capability", r#"{"models":[{"name":"llama3:8b"}],"specialisation":"reading","version":"0.1.0"}"#),
        ("availability", r#"{"state":"busy","tasks":4,"tasks_most":4}"#),
    ] {
        let line = format!(r#"{{"type":"{kind}","subject":"ucxl://any:any@any:presence/#","data":{data}}}"#);
        let mut publish = Command::new(crate::manual::bin_dir().join("cooee-pub"));
        publish.args(["--agent", "B5X0NA5C3Q", "--dir"]).arg(two.path());
        assert_cmd::Command::from_std(publish).write_stdin(line).assert().success().stderr("");
    }
    let agent = crate::shell::until(super::LIMIT, || {
        let agents = records(one.path(), &["--agents"]);
        agents.into_iter().find(|agent| agent["state"] == "busy" && agent["version"] == "0.1.0")
    });
    let agent = agent.expect("the other node hears of it");
    is_as_described(&agent);
    assert_eq!(agent["agent_did"], format!("{}#B5X0NA5C3Q", key(2).did()));
    assert_eq!(
        (&agent["tasks"], &agent["tasks_most"], &agent["models"]),
        (&4.into(), &4.into(), &serde_json::json!(["llama3:8b"]))
    );
    let table = peers(one.path(), &["--agents", "--table"]).out();
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("AGENT ") && lines[1].contains("#B5X0NA5C3Q") && lines[1].contains("busy     4/4"),
        "{table}"
    );
}
