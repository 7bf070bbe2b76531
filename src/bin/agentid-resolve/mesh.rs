//! With `--mesh`: what the folder's node finds beyond its own log.

use super::node::Heard;
use cooee::attach::{Client, ClientError, Reply, Request, WAIT_LIMIT_MS};
use cooee::cli::{Failure, Folder};
use cooee::enrol::Fleet;
use cooee::store::Query;
use jiff::{SignedDuration, Timestamp};
use std::cell::OnceCell;
use std::time::Instant;

/// The folder's node, which asks others.
pub struct Mesh {
    folder: Folder,
    fleet: Fleet,
    timeout: SignedDuration,
    /// What is in its own log, for names that nobody else looks up.
    heard: OnceCell<Heard>,
}

/// What came of a lookup.
pub struct Answer {
    /// Tokens and records.
    pub agents: Vec<(String, Vec<u8>)>,
    /// Why there is none.
    pub why: String,
}

impl Mesh {
    pub fn new(folder: &Folder, timeout: SignedDuration) -> Result<Self, Failure> {
        // Whether there is a node is said before anything is read from stdin.
        connect(folder)?;
        let fleet = folder.need_fleet()?;
        Ok(Self { folder: folder.clone(), fleet, timeout, heard: OnceCell::new() })
    }

    /// What is in the node's own log.
    pub fn heard(&self) -> Result<&Heard, Failure> {
        if let Some(heard) = self.heard.get() {
            return Ok(heard);
        }
        let heard = Heard::ask(&self.folder, self.timeout)?;
        Ok(self.heard.get_or_init(|| heard))
    }

    /// Looks for an agent: what is found is believed for its Leader's signature,
    /// checked here again.
    pub fn find(&self, query: &Query, now: Timestamp) -> Result<Answer, Failure> {
        let Some(name) = name(query) else {
            let agents = self.heard()?.find(query, now);
            let why = "is not known to this node, and others look up tokens, tiny ids, hashes and agent dids alone";
            return Ok(Answer { agents, why: why.to_owned() });
        };
        let timeout = self.timeout.unsigned_abs();
        let deadline = Some(Instant::now() + timeout);
        // Time for the answer itself is left.
        let wait_ms = u64::try_from((timeout * 9 / 10).as_millis()).unwrap_or(u64::MAX).min(WAIT_LIMIT_MS);
        let mut client = connect(&self.folder)?;
        client.send(&Request::Find { name, wait_ms }, deadline).map_err(Failure::temporary)?;
        let (events, asked, answered) = match client.receive(deadline).map_err(Failure::temporary)? {
            Reply::Found { events, asked, answered } => (events, asked, answered),
            Reply::Error { code, reason } => {
                return Err(Failure::temporary(format_args!("the node: {code}: {reason}")));
            }
            other => return Err(Failure::temporary(format_args!("the node answered with {other:?}"))),
        };
        let mut heard = Heard::default();
        heard.take_all(&events, &self.fleet);
        let why = match asked {
            0 => "is unavailable: this node does not know it, and there was nobody to ask".to_owned(),
            _ => format!("is unavailable: of {asked} asked, {answered} answered, and none of these knows it"),
        };
        Ok(Answer { agents: heard.find(query, now), why })
    }
}

fn connect(folder: &Folder) -> Result<Client, Failure> {
    Client::connect(&folder.socket()).map_err(|error| match error {
        ClientError::NoNode(_) => Failure::temporary(format_args!("{}: {error}", folder.path().display()))
            .hint("start it with cooee-sub --serve, or name its folder with --dir"),
        error => Failure::temporary(error),
    })
}

/// What others find an agent under.
fn name(query: &Query) -> Option<String> {
    match query {
        Query::Token(token) => Some(token.to_string()),
        Query::TinyId(tiny_id) | Query::Agent(_, Some(tiny_id)) => Some(tiny_id.to_string()),
        Query::Hash(hash) => Some(hash.tiny_id().to_string()),
        Query::All | Query::Agent(_, None) | Query::Hostname(_) => None,
    }
}
