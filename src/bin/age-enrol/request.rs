//! Agents → signed, sealed `enrol` events.

use crate::{Enrol, leaders};
use cooee::agentid::Tuple;
use cooee::canon::canonical;
use cooee::cli::{Exit, Failure, Folder, Halt, Io, Reject, Tally};
use cooee::enrol::Fleet;
use cooee::event::{Draft, Event, Stamp};
use cooee::jsonl::{Object, Scanner};
use cooee::key::{Key, sequence};
use cooee::seal::{self, Recipient};
use cooee::spool::agents::{Agents, Due, unchanged};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Sequence numbers taken at once, at most.
const BLOCK: u64 = 256;
/// Agents remembered within one run.
const REMEMBERED: usize = 65_536;

/// What is the same for every agent of this host.
struct Host {
    key: Key,
    fleet: Fleet,
    token: Option<Zeroizing<String>>,
    recipients: Vec<Recipient>,
    /// What every request is made of, besides the agent.
    common: blake3::Hasher,
    expires: SignedDuration,
    agents: Agents,
}

/// One line's work.
enum Job {
    /// Print this.
    Print(Vec<u8>),
    /// Make a request.
    Request { agent: Value, tiny_id: String, basis: String, sequence: u64 },
}

pub fn run(enrol: &Enrol, io: &mut Io) -> Result<Exit, Failure> {
    let folder = Folder::find(enrol.dir.as_deref())?;
    let fleet = folder.need_fleet()?;
    let mut recipients = leaders(&fleet)?;
    recipients.extend(enrol.recipients()?);
    let (key, token) = (folder.key("host.key")?, folder.join_token()?);
    let said = token.as_ref().map(|token| token.as_str());
    let mut common = blake3::Hasher::new();
    common.update(&canonical(&json!([key.did(), fleet.fleet, fleet.leaders, said])));
    let host =
        Host { key, token, recipients, common, expires: enrol.expires, agents: Agents::new(folder.path()), fleet };
    let mut numbers = Numbers { path: folder.sequence("host.key"), block: 1, left: 0..0 };
    // The agents of this run, with the basis of what was sent for each.
    let mut sent: HashMap<String, String> = HashMap::new();
    let mut scanner = Scanner::default();
    let tally = io.filter_parallel(
        io.stdin()?,
        enrol.strict,
        |line| {
            let object = scanner.object(line).map_err(Reject::new)?;
            let (tiny_id, agent) = agent(&object)?;
            let basis = host.basis(line);
            if sent.get(&tiny_id) == Some(&basis) {
                return Err(Reject::new(format_args!("agent {tiny_id} came twice")).into());
            }
            let job = host.job(&tiny_id, agent, &basis, &mut numbers)?;
            if sent.len() >= REMEMBERED {
                sent.clear();
            }
            sent.insert(tiny_id, basis);
            Ok(job)
        },
        |job, output| host.work(job, output),
    )?;
    if tally == Tally::default() {
        return Err(Failure::could_not_run("expected agent records on stdin, got none")
            .hint("does hwprobe --agents print any? --model NAME declares one"));
    }
    Ok(tally.exit())
}

impl Host {
    /// Everything a request is made of but the moment, as a digest: when it
    /// changes, the Leader is asked anew. The record counts as it is spelled.
    fn basis(&self, record: &[u8]) -> String {
        self.common.clone().update(record).finalize().to_hex().to_string()
    }

    /// What is due for an agent now.
    fn job(&self, tiny_id: &str, agent: Value, basis: &str, numbers: &mut Numbers) -> Result<Job, Failure> {
        let state = self.agents.read(tiny_id);
        Ok(match state.map_or(Due::New, |state| state.due(basis, Timestamp::now())) {
            Due::Again(event) => Job::Print(event.into_wire()),
            Due::Nothing(enrolled) => Job::Print(unchanged(tiny_id, &enrolled).to_string().into_bytes()),
            Due::New => {
                let (tiny_id, basis) = (tiny_id.to_owned(), basis.to_owned());
                Job::Request { agent, tiny_id, basis, sequence: numbers.take()? }
            }
        })
    }

    fn work(&self, job: Job, output: &mut Vec<u8>) -> Result<(), Halt> {
        match job {
            Job::Print(line) => output.extend_from_slice(&line),
            Job::Request { agent, tiny_id, basis, sequence } => {
                let event = self.request(agent, &tiny_id, sequence).map_err(Reject::new)?;
                self.agents.keep_request(&tiny_id, &basis, &event).map_err(Failure::could_not_run)?;
                output.extend_from_slice(event.wire());
            }
        }
        output.push(b'\n');
        Ok(())
    }

    /// Signed inside, sealed, signed outside, with one stamp.
    fn request(&self, agent: Value, tiny_id: &str, sequence: u64) -> Result<Event, cooee::event::Error> {
        let stamp = Stamp { id: Uuid::now_v7(), time: Timestamp::now(), sequence };
        let token = self.token.as_ref().map(|token| token.as_str());
        let mut data = Map::new();
        data.insert("audience".to_owned(), Value::from(self.fleet.fleet.as_str()));
        data.insert("join_token".to_owned(), Value::from(token));
        data.insert("agent".to_owned(), agent);
        let mut draft = Draft {
            kind: "enrol".to_owned(),
            subject: format!("ucxl://any:admin@COOEE:enrol/#/agentid/{tiny_id}"),
            expires: stamp.time + self.expires,
            data: Value::Object(data),
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        let inner = draft.sign(&self.key, &stamp)?;
        draft.data = Value::Null;
        draft.data_base64 = Some(seal::seal(&self.recipients, inner.wire()));
        draft.sign(&self.key, &stamp)
    }
}

/// The record of one agent, with its tiny id; its hash must be its tuple's.
fn agent(object: &Object<'_>) -> Result<(String, Value), Reject> {
    let text = |name: &str| object.get(name).and_then(|value| value.as_str().map(Cow::into_owned));
    if text("type").as_deref() != Some("agent") || object.get("v").and_then(|v| v.as_u64()) != Some(1) {
        return Err(Reject::new("expected an agent record of version 1"));
    }
    let field = |name: &str| text(name).ok_or_else(|| Reject::new(format_args!("\"{name}\" is not a string")));
    let tuple = Tuple::new(&field("gpu_id")?, &field("hostname")?, &field("mac")?, &field("model")?);
    let hash = tuple.map_err(Reject::new)?.hash();
    let tiny_id = hash.tiny_id().to_string();
    let hint = "pass the record through agentid-hash";
    if text("hash").is_none() || text("tiny_id").is_none() {
        return Err(Reject::new("no \"hash\" and \"tiny_id\" in the record").hint(hint));
    }
    if text("hash").as_deref() != Some(&hash.to_string()) || text("tiny_id").as_deref() != Some(&tiny_id) {
        return Err(Reject::new("\"hash\" or \"tiny_id\" is not that of the record").hint(hint));
    }
    let record = serde_json::from_str(object.text()).map_err(Reject::new)?;
    Ok((tiny_id, record))
}

/// Sequence numbers, taken from the key's file in blocks that grow.
struct Numbers {
    path: PathBuf,
    block: u64,
    left: Range<u64>,
}

impl Numbers {
    fn take(&mut self) -> Result<u64, Failure> {
        if self.left.is_empty() {
            let now_us = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
            let allotted = sequence::allot(&self.path, self.block, now_us);
            self.left =
                allotted.map_err(|error| Failure::could_not_run(format_args!("{}: {error}", self.path.display())))?;
            self.block = (self.block * 2).min(BLOCK);
        }
        Ok(self.left.next().expect("a block that was taken has a number"))
    }
}
