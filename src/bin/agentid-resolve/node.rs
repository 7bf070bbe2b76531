//! Without a registry: what leaders have said, in the log of the folder's node.

use cooee::agentid::TokenText;
use cooee::attach::{Client, ClientError, Reply, Request};
use cooee::cli::{Failure, Folder};
use cooee::enrol::Fleet;
use cooee::event::Event;
use cooee::store::Query;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Every address of a fleet.
const EVERYTHING: &str = "ucxl://any:any@any:any";

/// The last word of the Leaders on every agent that the node knows of.
#[derive(Default)]
pub struct Heard {
    /// By agent did.
    enrolled: HashMap<String, Event>,
    /// Dids and agent dids.
    revoked: HashSet<String>,
}

impl Heard {
    /// Asks the node; without one it is exit 4. An answer is believed for its
    /// Leader's signature, never because the node has it.
    pub fn ask(folder: &Folder, timeout: SignedDuration) -> Result<Self, Failure> {
        let no_registry = |error: ClientError| {
            let registry = folder.file("registry.db");
            Failure::temporary(format_args!("{}: no registry, and {error}", registry.display()))
                .hint("--dir names a leader's folder, or start the node with cooee-sub --serve")
        };
        let mut client = Client::connect(&folder.socket()).map_err(no_registry)?;
        let fleet = folder.need_fleet()?;
        let request = Request::Sub {
            patterns: vec![EVERYTHING.to_owned()],
            types: vec!["enrolled".to_owned(), "revoked".to_owned()],
            since: Some(Timestamp::UNIX_EPOCH),
            unanswered: false,
            follow: false,
        };
        let deadline = Some(Instant::now() + timeout.unsigned_abs());
        client.send(&request, deadline).map_err(Failure::temporary)?;
        let mut heard = Self::default();
        loop {
            match client.receive(deadline).map_err(Failure::temporary)? {
                Reply::Events { events } => heard.take_all(&events, &fleet),
                Reply::End => return Ok(heard),
                Reply::Error { code, reason } => {
                    return Err(Failure::temporary(format_args!("the node: {code}: {reason}")));
                }
                other => return Err(Failure::temporary(format_args!("the node answered with {other:?}"))),
            }
        }
    }

    /// Takes what those said who may.
    pub fn take_all(&mut self, events: &[Vec<u8>], fleet: &Fleet) {
        for event in events.iter().filter_map(|wire| Event::from_wire(wire).ok()) {
            let may = match event.kind() {
                "enrolled" => fleet.is_leader(&event.author()),
                "revoked" => fleet.may_revoke(&event.author()),
                _ => false,
            };
            if may && event.verify().is_ok() {
                self.take(event);
            }
        }
    }

    fn take(&mut self, event: Event) {
        let text = |field: &str| event.data()[field].as_str().map(str::to_owned);
        if event.kind() == "revoked" {
            self.revoked.extend(text("agent_did").or_else(|| text("did")));
            return;
        }
        let Some(agent_did) = text("agent_did") else { return };
        let newer = |known: &Event| (event.sequence(), event.time()) > (known.sequence(), known.time());
        if self.enrolled.get(&agent_did).is_none_or(newer) {
            self.enrolled.insert(agent_did, event);
        }
    }

    /// Tokens and records of what matches, by token.
    pub fn find(&self, query: &Query, now: Timestamp) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<_> = self
            .enrolled
            .iter()
            .filter(|(agent_did, event)| matches(query, agent_did, event.data()))
            .map(|(agent_did, event)| (text(event, "token"), self.record(agent_did, event, now)))
            .collect();
        found.sort();
        found
    }

    /// All tokens.
    pub fn tokens(&self) -> impl Iterator<Item = TokenText> {
        self.enrolled.values().filter_map(|event| text(event, "token").parse().ok())
    }

    fn record(&self, agent_did: &str, event: &Event, now: Timestamp) -> Vec<u8> {
        let did = agent_did.split('#').next().unwrap_or(agent_did);
        let expires = text(event, "expires");
        let standing = if self.revoked.contains(agent_did) || self.revoked.contains(did) {
            "revoked"
        } else if expires.parse::<Timestamp>().is_ok_and(|expires| expires <= now) {
            "expired"
        } else {
            "active"
        };
        let record = json!({
            "type": "registration",
            "v": 1,
            "token": text(event, "token"),
            "tiny_id": text(event, "tiny_id"),
            "hash": text(event, "hash"),
            "agent_did": agent_did,
            "standing": standing,
            "expires": expires,
        });
        serde_json::to_vec(&record).expect("strings only")
    }
}

fn text(event: &Event, field: &str) -> String {
    event.data()[field].as_str().unwrap_or_default().to_owned()
}

fn matches(query: &Query, agent_did: &str, data: &Value) -> bool {
    let is = |field: &str, value: String| data[field] == value;
    match query {
        Query::All => true,
        Query::Token(token) => is("token", token.to_string()),
        Query::TinyId(tiny_id) => is("tiny_id", tiny_id.to_string()),
        Query::Hash(hash) => is("hash", hash.to_string()),
        Query::Agent(did, None) => agent_did.split('#').next() == Some(&did.to_string()),
        Query::Agent(did, Some(agent)) => agent_did == format!("{did}#{agent}"),
        // An answer does not carry it: the rest of the record stays with the Leader.
        Query::Hostname(_) => false,
    }
}
