//! Sealed `enrol` events → `opened` records and refusals.

use crate::Enrol;
use cooee::cli::{Exit, Failure, Folder, Halt, Io, Reject, Tally, escape};
use cooee::enrol::{Refusal, is_sane_clock, judge_sealed};
use cooee::event::{Event, type_of};
use cooee::jsonl::Scanner;
use cooee::seal::{self, Identity};
use jiff::Timestamp;
use serde_json::json;

/// A reason is a line for people.
const REASON_LIMIT_BYTES: usize = 1000;

/// One line's work.
enum Job {
    /// Not a request: goes on as it is.
    Pass(Vec<u8>),
    /// A request.
    Request(Vec<u8>),
}

pub fn run(enrol: &Enrol, io: &mut Io) -> Result<Exit, Failure> {
    let folder = Folder::find(enrol.dir.as_deref())?;
    let fleet = folder.need_fleet()?.fleet;
    let identities = enrol.identities()?;
    if !is_sane_clock(Timestamp::now()) {
        return Err(Failure::could_not_run("this machine's clock is wrong, so nothing is judged by it")
            .hint("set the clock; requests wait until they expire"));
    }
    let mut scanner = Scanner::default();
    let tally = io.filter_parallel(
        io.stdin()?,
        enrol.strict,
        |line| {
            let object = scanner.object(line).map_err(Reject::new)?;
            let text = |name: &str| object.get(name).and_then(|value| value.as_str());
            match text("type") {
                None => Err(Reject::new("neither an event nor a record: no \"type\"").into()),
                Some(kind) if kind == type_of("enrol") => Ok(Job::Request(line.to_vec())),
                Some(_) => Ok(Job::Pass(line.to_vec())),
            }
        },
        |job, output| work(&identities, &fleet, job, output),
    )?;
    if tally == Tally::default() {
        return Err(Failure::could_not_run("expected events on stdin, got none"));
    }
    Ok(tally.exit())
}

fn work(identities: &[Identity], fleet: &str, job: Job, output: &mut Vec<u8>) -> Result<(), Halt> {
    match job {
        Job::Pass(line) => output.extend_from_slice(&line),
        Job::Request(line) => {
            let outer = Event::from_json(&line).map_err(Reject::new)?;
            match open(identities, fleet, &outer) {
                Ok(inner) => {
                    let id = outer.id();
                    output.extend_from_slice(format!(r#"{{"type":"opened","v":1,"id":"{id}","event":"#).as_bytes());
                    output.extend_from_slice(inner.wire());
                    output.push(b'}');
                }
                Err(refusal) => output.extend_from_slice(refused(&outer, &refusal).as_bytes()),
            }
        }
    }
    output.push(b'\n');
    Ok(())
}

fn open(identities: &[Identity], fleet: &str, outer: &Event) -> Result<Event, Refusal> {
    let sealed = outer.data_bytes().ok_or_else(|| Refusal::Sealed("it carries no sealed data".to_owned()))?;
    let plaintext = seal::open(identities, sealed).map_err(|error| Refusal::Sealed(error.to_string()))?;
    judge_sealed(outer, &plaintext, fleet, Timestamp::now())
}

/// The record that `agentid-register` audits and answers.
fn refused(outer: &Event, refusal: &Refusal) -> String {
    let mut reason = escape(&refusal.to_string());
    reason.truncate(reason.floor_char_boundary(REASON_LIMIT_BYTES));
    json!({
        "type": "refusal",
        "v": 1,
        "id": outer.id(),
        "source": outer.source(),
        "subject": outer.subject(),
        "code": refusal.code(),
        "reason": reason,
        "security": refusal.is_security(),
    })
    .to_string()
}
