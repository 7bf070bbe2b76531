//! `agentid-resolve --mesh`, from a host that has no registry and is not
//! enrolled, so that nobody shows it their log.

use super::liar::{Liar, kept};
use super::{Host, LIMIT, TCP};
use crate::node::{self, event, key, put};
use crate::shell::until;
use cooee::event::Event;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const TOKEN: &str = "80007";
const TINY: &str = "G6WG9CTNJ8";
const HASH: &str = "81b904b35592057bd69b93706bb0693dcef8e61427a1fdfd4748bc1982c81aa1";
/// The Leader's key, and the agent's host's.
const LEADER: u8 = 1;
const AGENT: u8 = 50;

/// An author's word that the agent is let in; `expires` tells one from another.
fn enrolled(author: u8, token: &str, expires: &str) -> Event {
    let agent = format!("{}#{TINY}", key(AGENT).did());
    let data = json!({"agent_did": agent, "token": token, "tiny_id": TINY, "hash": HASH, "expires": expires});
    event(&key(author), "enrolled", &format!("ucxl://any:admin@COOEE:enrol/#/agentid/{TINY}"), data, None)
}

fn revoked(author: u8) -> Event {
    let data = json!({"did": key(AGENT).did().to_string(), "reason": "stolen"});
    event(&key(author), "revoked", &format!("ucxl://any:admin@COOEE:enrol/#/agentid/{TINY}"), data, None)
}

const FIRST: &str = "2098-01-01T00:00:00.000Z";
const SECOND: &str = "2099-01-01T00:00:00.000Z";

/// The exit code, what was printed, and what was said.
fn resolve(host: &Host, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let mut command = Command::new(crate::manual::bin_dir().join("agentid-resolve"));
    command.args(["--mesh", "--timeout", "20s", "--dir"]).arg(host.path()).args(arguments);
    let done = command.output().expect("it is built");
    let out = String::from_utf8(done.stdout).expect("text");
    let records = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (done.status.code().expect("an exit code"), records, String::from_utf8(done.stderr).expect("text"))
}

/// The standing and the expiry of the one record.
fn found(host: &Host) -> (String, String) {
    let (code, records, said) = resolve(host, &[TOKEN]);
    let [record] = &records[..] else { panic!("{code}: {records:?}; {said}; {}", host.said()) };
    assert_eq!((code, said.as_str()), (0, ""));
    let text = |name: &str| record[name].as_str().expect("text").to_owned();
    (text("standing"), text("expires"))
}

fn is(standing: &str, expires: &str) -> (String, String) {
    (standing.to_owned(), expires.to_owned())
}

#[test]
fn a_host_that_nobody_shows_a_log_finds_agents() {
    let mut fleet = node::fleet(LEADER);
    let mut first = Host::new(AGENT, &fleet);
    first.start(&["--listen", TCP, "--no-mdns"], &[]);
    fleet.nodes = vec![first.address()];
    let mut second = Host::new(51, &fleet);
    second.start(&["--listen", TCP, "--no-mdns"], &[51]);
    let mut desk = Host::new(52, &fleet);
    desk.start(&["--no-mdns"], &[]);

    let (code, records, said) = resolve(&desk, &[TOKEN]);
    assert_eq!((code, records), (4, vec![]), "{said}");
    assert!(said.starts_with("agentid-resolve: 80007 is unavailable: of "), "{said}");

    let word = enrolled(LEADER, TOKEN, FIRST);
    put(&mut first.client(), &[&word]);
    for name in [TOKEN, TINY, HASH, &format!("{}#{TINY}", key(AGENT).did()), "  80007"] {
        let (code, records, said) = resolve(&desk, &[name]);
        assert_eq!((code, said.as_str()), (0, ""), "{name}");
        let did = format!("{}#{TINY}", key(AGENT).did());
        let record = json!({"type": "registration", "v": 1, "token": TOKEN, "tiny_id": TINY, "hash": HASH,
            "agent_did": did, "standing": "active", "expires": FIRST});
        assert_eq!(records, [record], "{name}");
    }
    // Nobody else is asked for these.
    let (code, _, said) = resolve(&desk, &["gpu-7"]);
    assert_eq!(code, 4);
    assert!(said.contains("gpu-7 is not known to this node, and others look up"), "{said}");

    // A revocation is there as soon as a node of the DHT hears of it.
    put(&mut first.client(), &[&revoked(LEADER)]);
    let out = || (found(&desk) == is("revoked", FIRST)).then_some(());
    until(LIMIT, out).unwrap_or_else(|| panic!("{}", first.said()));

    // Nobody is there any more who could be asked.
    first.kill();
    second.kill();
    let (code, records, said) = resolve(&desk, &[TOKEN]);
    assert_eq!((code, records), (4, vec![]), "{said}");
    assert!(said.contains("80007 is unavailable: "), "{said}");
    desk.kill();
    let (code, _, said) = resolve(&desk, &[TOKEN]);
    assert_eq!(code, 4);
    assert!(
        said.contains("no node is running here") && said.contains("hint: start it with cooee-sub --serve"),
        "{said}"
    );
}

#[test]
fn a_nodes_part_of_the_dht_has_what_a_leader_said_at_another() {
    let fleet = node::fleet(LEADER);
    let mut first = Host::new(53, &fleet);
    first.start(&["--listen", TCP, "--no-mdns"], &[51, 53]);
    let mut second = Host::new(51, &fleet);
    second.start(&["--listen", TCP, "--no-mdns", "--peer", &first.address()], &[51, 53]);
    let (word, out) = (enrolled(LEADER, TOKEN, FIRST), revoked(LEADER));
    let parts = [first.address(), second.address()];
    let all_keep = |value: &[u8]| {
        for (part, name) in parts.iter().flat_map(|part| [(part, TOKEN), (part, TINY)]) {
            let is_there = || (kept(part, &fleet.fleet, name).as_deref() == Some(value)).then_some(());
            until(LIMIT, is_there).unwrap_or_else(|| panic!("{name} at {part}: {}", first.said() + &second.said()));
        }
    };
    assert_eq!(kept(&parts[0], &fleet.fleet, TOKEN), None);
    put(&mut first.client(), &[&word]);
    all_keep(word.wire());
    put(&mut second.client(), &[&out]);
    all_keep(&[word.wire(), out.wire()].join(&b'\n'));
}

/// A part of the DHT has room for some of these only.
#[test]
fn of_very_many_agents_one_node_that_is_reached_tells_each() {
    const AGENTS: usize = 2000;
    let mut fleet = node::fleet(LEADER);
    let mut first = Host::new(AGENT, &fleet);
    first.start(&["--listen", TCP, "--no-mdns"], &[]);
    fleet.nodes = vec![first.address()];
    let mut desk = Host::new(52, &fleet);
    desk.start(&["--no-mdns"], &[]);
    let tiny = |n: usize| format!("{n:010}");
    let words: Vec<Event> = (0..AGENTS)
        .map(|n| {
            let agent = format!("{}#{}", key(AGENT).did(), tiny(n));
            let data = json!({"agent_did": agent, "tiny_id": tiny(n), "token": format!("{n:05}"), "expires": FIRST});
            event(&key(LEADER), "enrolled", &format!("ucxl://any:admin@COOEE:enrol/#/agentid/{}", tiny(n)), data, None)
        })
        .collect();
    let mut client = first.client();
    for some in words.chunks(100) {
        put(&mut client, &some.iter().collect::<Vec<_>>());
    }
    for n in (0..AGENTS).step_by(AGENTS / 10) {
        let (code, records, said) = resolve(&desk, &[&tiny(n)]);
        assert_eq!((code, said.as_str()), (0, ""), "{n}");
        assert_eq!(records[0]["tiny_id"], tiny(n).as_str());
    }
}

#[test]
fn whatever_a_node_says_only_a_leaders_last_word_is_believed() {
    let mut fleet = node::fleet(LEADER);
    let liar = Liar::new(60, &fleet.fleet, &[TOKEN, TINY]);
    fleet.nodes = vec![liar.address.clone()];
    let mut desk = Host::new(61, &fleet);
    desk.start(&["--no-mdns"], &[]);
    let [old, new] = [FIRST, SECOND].map(|expires| enrolled(LEADER, TOKEN, expires));
    let out = revoked(LEADER);

    // A registry, even a damaged one, is not looked into.
    fs::write(desk.file("registry.db"), "damaged").expect("written");
    // As a peer, then as a part of the DHT.
    liar.says(&[old.wire()], None);
    assert_eq!(found(&desk), is("active", FIRST));
    liar.says(&[], Some(&[old.wire()]));
    assert_eq!(found(&desk), is("active", FIRST));

    let changed = String::from_utf8(old.wire().to_vec()).expect("text").replace(FIRST, SECOND);
    let own = enrolled(60, TOKEN, SECOND);
    let other = enrolled(LEADER, "458RV", SECOND);
    let note = event(&key(LEADER), "note", node::NOTE, old.data().clone(), None);
    let lies = [changed.as_bytes(), own.wire(), other.wire(), note.wire(), out.wire(), b"{}", b"", &[0xff; 5000]];
    for lie in lies {
        // What is no JSON does not fit into a frame.
        let frame = if lie.starts_with(b"{") { lie } else { b"{}" };
        liar.says(&[frame], Some(&[lie]));
        let (code, records, said) = resolve(&desk, &[TOKEN]);
        assert_eq!((code, &records[..]), (4, &[][..]), "believed {}", String::from_utf8_lossy(lie));
        assert!(said.contains("is unavailable: of 2 asked, 2 answered, and none of these knows it"), "{said}");
    }

    // The newest word, wherever it comes from.
    liar.says(&[old.wire()], Some(&[new.wire()]));
    assert_eq!(found(&desk), is("active", SECOND));
    liar.says(&[new.wire()], Some(&[old.wire()]));
    assert_eq!(found(&desk), is("active", SECOND));
    // And never without the revocation, if any says it who may.
    liar.says(&[new.wire()], Some(&[old.wire(), out.wire()]));
    assert_eq!(found(&desk), is("revoked", SECOND));
    liar.says(&[old.wire(), out.wire()], Some(&[new.wire()]));
    assert_eq!(found(&desk), is("revoked", SECOND));
    liar.says(&[new.wire(), revoked(60).wire()], Some(&[new.wire(), revoked(AGENT).wire()]));
    assert_eq!(found(&desk), is("active", SECOND));
    // This host's own log knows of it.
    put(&mut desk.client(), &[&out]);
    assert_eq!(found(&desk), is("revoked", SECOND));
}
