//! What `hwprobe` prints of a probe, and how it ends.

use cooee::cli::{Exit, Failure, Io, read_bounded};
use cooee::event::rfc3339;
use cooee::probe::{self, Host};
use cooee::spool::Told;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// A saved probe is some 10 KB.
const SAVED_LIMIT_BYTES: u64 = 16 << 20;

/// A model's name as an argument.
pub fn model_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.len() > 256 {
        return Err("expected 1 to 256 bytes".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("control characters are refused".to_owned());
    }
    Ok(name.to_owned())
}

/// The record of `--diff`'s file.
pub fn saved(file: &Path) -> Result<Value, Failure> {
    let hint = "save one with hwprobe > FILE";
    let content = read_bounded(file, SAVED_LIMIT_BYTES)?
        .ok_or_else(|| Failure::could_not_run(format_args!("{}: not found", file.display())).hint(hint))?;
    probe::saved(&content)
        .map_err(|error| Failure::could_not_run(format_args!("{}: {error}", file.display())).hint(hint))
}

/// `--require-mac`: exit 2 where an agent would have none.
pub fn require_mac(host: &Host, is_required: bool) -> Result<(), Failure> {
    match host.mac() {
        Err(reason) if is_required => Err(Failure::could_not_run(format_args!("no usable MAC: {reason}"))
            .hint("run it on the host itself, or leave out --require-mac")),
        _ => Ok(()),
    }
}

/// The `host` record.
pub fn host(io: &mut Io, host: &Host) -> Result<Exit, Failure> {
    line(io, &probe::host_record(host))?;
    Ok(Exit::Done)
}

/// The `agent` records. None is exit 1, since whoever reads them expects some.
pub fn agents(io: &mut Io, host: &Host) -> Result<Exit, Failure> {
    let agents = probe::agents(host).map_err(nameless)?;
    for record in &agents.records {
        line(io, record)?;
    }
    for name in &agents.remote {
        io.log(|| format!("{name}: left out, since its server only passes it on to another"));
    }
    if !agents.unsettled.is_empty() {
        return Err(Failure::temporary(format_args!("GPU {} did not tell its UUID", agents.unsettled.join(", ")))
            .hint("its agents are not named by its address, as that would make them others; try again"));
    }
    if agents.records.is_empty() {
        return Err(Failure::no("no model found, so there is no agent")
            .hint("name a server with --ollama URL or --openai URL, or a model with --model NAME"));
    }
    Ok(Exit::Done)
}

/// The `capability` draft; an `unchanged` record if that was told already.
pub fn capability(
    io: &mut Io,
    host: &Host,
    specialisation: Option<&str>,
    lifetime: SignedDuration,
    told: Option<&Told>,
) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let draft = probe::capability(host, specialisation, now, lifetime).map_err(nameless)?;
    let subject = draft["subject"].as_str().unwrap_or_default();
    match told.and_then(|told| told.still_holds(subject, &draft["data"], now)) {
        // Whoever reads a pipe expects a line.
        Some(said) => line(
            io,
            &json!({
                "type": "unchanged",
                "v": 1,
                "subject": subject,
                "told": rfc3339(said.time()),
                "expires": rfc3339(said.expires()),
            }),
        )?,
        None => line(io, &draft)?,
    }
    Ok(Exit::Done)
}

/// One `change` record for each; exit 1 if there is one.
pub fn changes(io: &mut Io, saved: &Value, host: &Host) -> Result<Exit, Failure> {
    let changes = probe::changes(saved, &probe::host_record(host));
    for change in &changes {
        line(io, change)?;
    }
    Ok(if changes.is_empty() { Exit::Done } else { Exit::No })
}

fn nameless(reason: String) -> Failure {
    Failure::could_not_run(reason).hint("an agent is named by its host; set a hostname first")
}

fn line(io: &mut Io, record: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_vec(record).map_err(Failure::could_not_run)?;
    io.out.line(&line)
}
