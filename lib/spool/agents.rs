//! `agents/TINY_ID.json`: the last enrolment request of each agent and what a
//! Leader answered, so that a host asks again only when there is a reason.
//!
//! Losing such a file costs one more request, never an agent: nothing is
//! fsynced here, and a damaged file counts as none.

use super::SpoolError;
use crate::event::{CLOCK_LEEWAY, Event, rfc3339};
use crate::jsonl;
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A request and an answer fit twice over.
const LIMIT_BYTES: u64 = 512 * 1024;
/// A pending request that is about to expire is not worth sending.
const LAST_CALL: SignedDuration = SignedDuration::from_secs(60);

/// The folder `agents`.
#[derive(Clone, Debug)]
pub struct Agents {
    folder: PathBuf,
}

/// What is kept of one agent.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Of what the request was made, as a digest: another one needs a new request.
    pub basis: String,
    /// The sealed `enrol` event that was sent last.
    pub request: Event,
    /// The Leader's answer to it.
    pub answer: Option<Event>,
}

/// What there is to do for one agent.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// Make a new request.
    New,
    /// Send the pending request again, byte for byte.
    Again(Event),
    /// Nothing: this `enrolled` still holds.
    Nothing(Event),
}

impl State {
    /// What to do now, for a request made of `basis`. A refused agent asks anew
    /// each time, so that the refusal is heard each time.
    pub fn due(self, basis: &str, now: Timestamp) -> Due {
        if self.basis != basis || self.answer.is_none() && is_ahead(&self.request, now) {
            return Due::New;
        }
        match self.answer {
            None if self.request.expires().duration_since(now) > LAST_CALL => Due::Again(self.request),
            None => Due::New,
            Some(answer) => match renewal(&answer) {
                Some(from) if now < from => Due::Nothing(answer),
                _ => Due::New,
            },
        }
    }
}

/// Made while the clock, or the sequence that it left, was ahead: no node takes
/// it for as long, and none ever answers.
fn is_ahead(request: &Event, now: Timestamp) -> bool {
    let latest = now.saturating_add(CLOCK_LEEWAY).unwrap_or(Timestamp::MAX);
    let latest_us = u64::try_from(latest.as_microsecond()).unwrap_or(0);
    request.time() > latest || request.sequence() > latest_us
}

/// Half-way from an `enrolled` to the end of what it grants.
fn renewal(answer: &Event) -> Option<Timestamp> {
    if answer.kind() != "enrolled" {
        return None;
    }
    let until: Timestamp = answer.data()["expires"].as_str()?.parse().ok()?;
    answer.time().checked_add(until.duration_since(answer.time()) / 2).ok()
}

impl Agents {
    /// The folder `agents` in `dir`, where keys and fleet file are.
    pub fn new(dir: &Path) -> Self {
        Self { folder: dir.join("agents") }
    }

    /// What is kept of an agent; `None` if nothing, or nothing that can be read.
    pub fn read(&self, tiny_id: &str) -> Option<State> {
        let (path, mut content) = (self.path(tiny_id)?, Vec::new());
        // A pipe would be waited for.
        if !path.metadata().ok()?.is_file() {
            return None;
        }
        File::open(path).ok()?.take(LIMIT_BYTES).read_to_end(&mut content).ok()?;
        let kept = jsonl::parse(&content).ok()?;
        let event = |name: &str| Event::from_json(kept[name].to_string().as_bytes()).ok();
        if kept["v"] != 1 {
            return None;
        }
        let answer = if kept["answer"].is_null() { None } else { Some(event("answer")?) };
        Some(State { basis: kept["basis"].as_str()?.to_owned(), request: event("request")?, answer })
    }

    /// Keeps a request that is about to be sent, in place of what was there.
    pub fn keep_request(&self, tiny_id: &str, basis: &str, request: &Event) -> Result<(), SpoolError> {
        let path = self.path(tiny_id).ok_or_else(|| {
            SpoolError::at(&self.folder)(io::Error::new(io::ErrorKind::InvalidInput, "not a tiny id"))
        })?;
        self.write(&path, &State { basis: basis.to_owned(), request: request.clone(), answer: None })
    }

    /// Keeps a Leader's answer, if it answers the last request of one of our
    /// agents; else false, and nothing changes. That the signature is right,
    /// and a Leader's, the caller has checked. For the command that awaits
    /// answers: call it with each one it prints.
    pub fn record_answer(&self, answer: &Event) -> Result<bool, SpoolError> {
        let tiny_id = answer.subject().rsplit('/').next().unwrap_or_default();
        let Some(path) = self.path(tiny_id).filter(|path| path.exists()) else { return Ok(false) };
        let lock = self.lock()?;
        let Some(state) = self.read(tiny_id) else { return Ok(false) };
        if answer.in_reply_to() != Some(state.request.id()) || answer.subject() != state.request.subject() {
            return Ok(false);
        }
        self.write(&path, &State { answer: Some(answer.clone()), ..state })?;
        drop(lock);
        Ok(true)
    }

    /// `None` for what is no tiny id, and so no file name of ours.
    fn path(&self, tiny_id: &str) -> Option<PathBuf> {
        let spelled = tiny_id.len() == 10 && tiny_id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        spelled.then(|| self.folder.join(format!("{tiny_id}.json")))
    }

    /// Locks the folder: one answer is taken at a time.
    fn lock(&self) -> Result<File, SpoolError> {
        let folder = File::open(&self.folder).map_err(SpoolError::at(&self.folder))?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| SpoolError::at(&self.folder)(error.into()))?;
        Ok(folder)
    }

    /// A new file is written in its place: cut off, it counts as none. One that
    /// is there is replaced by renaming, so that a reader sees the old or the new.
    fn write(&self, path: &Path, state: &State) -> Result<(), SpoolError> {
        let content = content(state);
        let create = || OpenOptions::new().write(true).create_new(true).open(path);
        let made = create().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                DirBuilder::new().mode(0o700).recursive(true).create(&self.folder).and_then(|()| create())
            }
            _ => Err(error),
        });
        let written = match made {
            Ok(mut file) => file.write_all(&content),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let beside = self.folder.join(format!(".new-{}-{name}", std::process::id()));
                let written = File::create(&beside).and_then(|mut file| file.write_all(&content));
                written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
                    let _ = fs::remove_file(&beside);
                })
            }
            Err(error) => Err(error),
        };
        written.map_err(SpoolError::at(path))
    }
}

/// The RFC 8785 form of a state: its members in their order, and events, which
/// are in that form already.
fn content(state: &State) -> Vec<u8> {
    let mut content = b"{\"answer\":".to_vec();
    content.extend_from_slice(state.answer.as_ref().map_or(b"null", Event::wire));
    content.extend_from_slice(b",\"basis\":");
    jsonl::string(&mut content, &state.basis);
    content.extend_from_slice(b",\"request\":");
    content.extend_from_slice(state.request.wire());
    content.extend_from_slice(b",\"v\":1}\n");
    content
}

/// The record that says nothing is to be sent for an agent.
pub fn unchanged(tiny_id: &str, enrolled: &Event) -> Value {
    json!({
        "type": "unchanged",
        "v": 1,
        "tiny_id": tiny_id,
        "agent_did": enrolled.data()["agent_did"],
        "token": enrolled.data()["token"],
        "expires": enrolled.data()["expires"],
        "enrolled": rfc3339(enrolled.time()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, Stamp};
    use crate::key::Key;

    const TINY_ID: &str = "0123456789";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("in range")
    }

    fn event(kind: &str, reply: Option<&Event>, time: i64, expires: i64, data: Value) -> Event {
        let draft = Draft {
            kind: kind.to_owned(),
            subject: format!("ucxl://any:admin@COOEE:enrol/#/agentid/{TINY_ID}"),
            expires: at(expires),
            data,
            data_base64: None,
            in_reply_to: reply.map(|request| request.id().to_owned()),
            agent: None,
        };
        let id = uuid::Uuid::now_v7();
        draft.sign(&Key::from_seed(&[3; 32]), &Stamp { id, time: at(time), sequence: 1 }).expect("good")
    }

    fn enrolled(request: &Event, time: i64, until: i64) -> Event {
        event("enrolled", Some(request), time, until, json!({"expires": rfc3339(at(until)), "token": "X"}))
    }

    #[test]
    fn what_is_due_follows_from_request_answer_and_time() {
        let request = event("enrol", None, 0, 1000, Value::Null);
        let pending = State { basis: "b".to_owned(), request: request.clone(), answer: None };
        assert_eq!(pending.clone().due("b", at(10)), Due::Again(request.clone()));
        assert_eq!(pending.clone().due("b", at(939)), Due::Again(request.clone()));
        assert_eq!(pending.clone().due("b", at(940)), Due::New, "about to expire");
        assert_eq!(pending.clone().due("other", at(10)), Due::New, "changed");
        assert_eq!(pending.clone().due("b", at(-60)), Due::Again(request.clone()));
        assert_eq!(pending.clone().due("b", at(-61)), Due::New, "made while the clock was ahead");
        let answer = enrolled(&request, 100, 300);
        let held = State { answer: Some(answer.clone()), ..pending.clone() };
        assert_eq!(held.clone().due("b", at(199)), Due::Nothing(answer));
        assert_eq!(held.clone().due("b", at(200)), Due::New, "past half");
        assert_eq!(held.due("other", at(150)), Due::New, "changed");
        let refused = event("refused", Some(&request), 100, 300, json!({"code": "audience"}));
        assert_eq!(State { answer: Some(refused), ..pending }.due("b", at(150)), Due::New);
    }

    #[test]
    fn requests_and_answers_are_kept_and_matched() {
        let folder = tempfile::tempdir().expect("a folder");
        let agents = Agents::new(folder.path());
        assert_eq!(agents.read(TINY_ID), None);
        let request = event("enrol", None, 0, 1000, Value::Null);
        assert!(!agents.record_answer(&enrolled(&request, 1, 300)).expect("no file"));
        agents.keep_request(TINY_ID, "basis", &request).expect("kept");
        let kept = agents.read(TINY_ID).expect("there");
        assert_eq!((kept.request.wire(), kept.basis.as_str(), &kept.answer), (request.wire(), "basis", &None));

        let other = event("enrol", None, 0, 1000, Value::Null);
        assert!(!agents.record_answer(&enrolled(&other, 1, 300)).expect("read"), "answers another request");
        let answer = enrolled(&request, 1, 300);
        assert!(agents.record_answer(&answer).expect("kept"));
        assert_eq!(agents.read(TINY_ID).expect("there").answer, Some(answer));
        let path = folder.path().join("agents").join(format!("{TINY_ID}.json"));
        let content = fs::read(path).expect("a file");
        let parsed = jsonl::parse(&content).expect("strict JSON");
        assert_eq!([crate::canon::canonical(&parsed), b"\n".to_vec()].concat(), content, "RFC 8785");
        agents.keep_request(TINY_ID, "basis", &other).expect("kept");
        assert_eq!(agents.read(TINY_ID).expect("there").answer, None);
    }

    #[test]
    fn a_damaged_file_counts_as_none_and_names_stay_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let agents = Agents::new(folder.path());
        let request = event("enrol", None, 0, 1000, Value::Null);
        agents.keep_request(TINY_ID, "basis", &request).expect("kept");
        let path = folder.path().join("agents").join(format!("{TINY_ID}.json"));
        let good = fs::read(&path).expect("a file");
        for length in [0, 1, 50, good.len() / 2, good.len() - 3] {
            fs::write(&path, &good[..length]).expect("cut");
            assert_eq!(agents.read(TINY_ID), None, "cut to {length}");
        }
        for name in ["../../etc/x", "", "012345678", "01234567890", "012345678/", "012345678é"] {
            assert_eq!(agents.read(name), None);
            assert!(agents.keep_request(name, "basis", &request).is_err(), "{name}");
        }
    }
}
