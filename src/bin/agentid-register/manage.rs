//! What an operator does by hand.

use crate::answer::revoked;
use crate::batch::Leader;
use cooee::agentid::Name;
use cooee::cli::{self, Exit, Failure, Io};
use cooee::enrol::{Revocation, parse_agent_did};
use cooee::jsonl;
use cooee::key::Did;
use cooee::store::{AuditFault, Checkpoint, Entry, Query, Registry};
use jiff::Timestamp;
use std::path::Path;

/// A checkpoint is one short line.
const CHECKPOINT_LIMIT_BYTES: u64 = 4096;
/// A reason is a line for people.
const REASON_LIMIT_BYTES: usize = 1024;

/// `--list`
pub fn list(io: &mut Io, registry: &Registry, raw: bool, now: Timestamp) -> Result<Exit, Failure> {
    registry.find(&Query::All, now, |found| {
        if raw { io.out.line(found.token.as_bytes()) } else { io.out.line(&to_line(&found)) }
    })?;
    Ok(Exit::Done)
}

/// `--audit`
pub fn audit(io: &mut Io, registry: &Registry) -> Result<Exit, Failure> {
    registry.audit_lines(1, |line| io.out.line(line.as_bytes()))?;
    Ok(Exit::Done)
}

/// `--verify-audit`
pub fn verify_audit(io: &mut Io, registry: &Registry, checkpoint: Option<&Path>) -> Result<Exit, Failure> {
    let earlier = checkpoint.map(read_checkpoint).transpose()?;
    let stands = registry.verify_audit(earlier.as_ref()).map_err(|fault| match fault {
        AuditFault::Store(error) => error.into(),
        found => {
            Failure::security(found).hint("the registry was changed by something else than cooee; keep it for evidence")
        }
    })?;
    let mut line = to_line(&stands);
    let tail: &[u8] = if earlier.is_some() {
        br#""checked""#
    } else {
        br#""not checked: only a checkpoint kept elsewhere shows a cut tail""#
    };
    line.pop();
    jsonl::member(&mut line, "tail", tail);
    line.push(b'}');
    io.out.line(&line)?;
    Ok(Exit::Done)
}

fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::could_not_run(format_args!("{}: {what}", path.display()));
    let text = cli::read_bounded(path, CHECKPOINT_LIMIT_BYTES)?.ok_or_else(|| failed(&"no such file"))?;
    let value = jsonl::parse(text.trim_ascii()).map_err(|error| failed(&error))?;
    let checkpoint: Checkpoint = serde_json::from_value(value).map_err(|error| failed(&error))?;
    if checkpoint.kind == "checkpoint" && checkpoint.v == 1 {
        Ok(checkpoint)
    } else {
        Err(failed(&"not a checkpoint").hint("agentid-register --verify-audit prints one"))
    }
}

/// `--allow` and `--disallow`
pub fn allow(registry: &mut Registry, did: &str, yes: bool, now: Timestamp) -> Result<Exit, Failure> {
    let did: Did = did.parse().map_err(|error| Failure::could_not_run(format_args!("{did}: {error}")))?;
    if registry.allow(&did, yes, now)? || yes {
        return Ok(Exit::Done);
    }
    Err(Failure::no(format_args!("{did} is not on the allow list")))
}

/// `--approve` and `--deny`
pub fn decide(registry: &mut Registry, id: &str, yes: bool, now: Timestamp) -> Result<Exit, Failure> {
    if registry.decide(id, yes, now)? {
        return Ok(Exit::Done);
    }
    Err(Failure::no(format_args!("no request {id} waits for a human")).hint("the help event names it as \"request\""))
}

/// `--revoke`: the registry first, then the Leader's word for all nodes.
pub fn revoke(io: &mut Io, registry: &mut Registry, leader: &Leader, id: &str, reason: &str) -> Result<Exit, Failure> {
    if reason.trim().is_empty() || reason.len() > REASON_LIMIT_BYTES {
        return Err(Failure::could_not_run(format_args!("a reason has 1 to {REASON_LIMIT_BYTES} bytes")));
    }
    let now = leader.now()?;
    let targets = targets(registry, id, now)?;
    if let Some((did, _)) = targets.iter().find(|(did, _)| leader.fleet.is_leader(did)) {
        return Err(Failure::could_not_run(format_args!("{did} is a leader's key"))
            .hint("a leader leaves by a rotation of its key, not by a revocation"));
    }
    let revocations = targets.into_iter().map(|(did, agent)| Revocation { did, agent, reason: reason.to_owned() });
    let revocations: Vec<_> = revocations.collect();
    let said = registry.turn(|turn| {
        for revocation in &revocations {
            if turn.revoke(revocation, &leader.key.did(), now)? {
                let detail = format!("{}: {reason}", revocation.target());
                turn.audit(&Entry { action: "revoked", detail: &detail, ..Entry::default() }, now)?;
            }
        }
        let drafts: Vec<_> = revocations.iter().map(|target| revoked(target, &target.subject(), None, now)).collect();
        Ok(leader.sign(&drafts.iter().collect::<Vec<_>>(), now)?)
    })?;
    for event in said {
        io.out.line(event.wire())?;
    }
    Ok(Exit::Done)
}

/// The keys and agents that an id means.
fn targets(
    registry: &Registry,
    id: &str,
    now: Timestamp,
) -> Result<Vec<(Did, Option<cooee::agentid::TinyId>)>, Failure> {
    if let Some(target) = parse_agent_did(id) {
        return Ok(vec![target]);
    }
    let query = match Name::guess(id) {
        Name::Token(token) => Query::Token(token),
        Name::TinyId(tiny_id) => Query::TinyId(tiny_id),
        Name::Hash(hash) => Query::Hash(hash),
        Name::Hostname(_) => {
            return Err(Failure::could_not_run(format_args!("{id} is no token, tiny id, hash or did"))
                .hint("agentid-resolve finds the agents of a host"));
        }
    };
    let mut found = Vec::new();
    registry.find(&query, now, |agent| {
        found.extend(parse_agent_did(&agent.agent_did));
        Ok::<(), Failure>(())
    })?;
    if found.is_empty() {
        return Err(Failure::no(format_args!("{id} is not in the registry")));
    }
    Ok(found)
}

fn to_line(record: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("strings and numbers only")
}
