//! What happened → the signal that the engine makes of it: its own sources,
//! details and arithmetic.

use super::{Fault, fields};
use crate::jsonl::Object;
use crate::trust::{Dimension, Signal};
use std::borrow::Cow;

type Text<'a> = Cow<'a, str>;

/// The largest number of tokens or milliseconds: any double.
const ANY: f64 = f64::MAX;

/// What a conversion makes besides what all signals share.
struct Made<'a> {
    dimension: Dimension,
    value: f64,
    source: Text<'a>,
    details: Option<Text<'a>>,
    weight: Option<f64>,
}

/// The signal in a record of that type; an empty type is a signal.
pub fn signal<'a>(object: &Object<'a>, kind: &str) -> Result<Signal<'a>, Fault> {
    let agent_did = fields::did(object, "agent_did");
    let made = match kind {
        "" | "signal" => {
            let agent_did = agent_did?;
            return common(object, agent_did, plain(object)?);
        }
        "policy" => policy,
        "resource_usage" => resource_usage,
        "output" => output,
        "security" => security,
        "collaboration" => collaboration,
        other => return Err(Fault::Type(fields::shown(other))),
    };
    let agent_did = agent_did?;
    common(object, agent_did, made(object)?)
}

fn common<'a>(object: &Object<'a>, agent_did: Text<'a>, made: Made<'a>) -> Result<Signal<'a>, Fault> {
    Ok(Signal {
        agent_did,
        dimension: made.dimension,
        value: made.value,
        at: fields::time(object)?,
        source: made.source,
        details: made.details,
        trace_id: fields::optional_name(object, "trace_id")?,
        weight: made.weight,
        author: fields::optional_name(object, "author")?,
        id: fields::id(object)?,
    })
}

fn plain<'a>(object: &Object<'a>) -> Result<Made<'a>, Fault> {
    let name = object.get("dimension").ok_or(Fault::Missing("dimension"))?;
    let name = name.as_str().ok_or(Fault::Kind { name: "dimension", expected: "a string" })?;
    let dimension = Dimension::from_name(name.as_bytes());
    Ok(Made {
        dimension: dimension.ok_or_else(|| Fault::Dimension(fields::shown(&name)))?,
        value: fields::number(object, "value", 1.0, "between 0 and 1")?.0,
        source: fields::name(object, "source")?,
        details: fields::optional_details(object, "details")?,
        weight: fields::weight(object)?,
    })
}

fn policy<'a>(object: &Object<'a>) -> Result<Made<'a>, Fault> {
    let name = fields::optional_details(object, "policy")?.filter(|name| !name.is_empty());
    yes_or_no(
        Dimension::PolicyCompliance,
        fields::truth(object, "compliant")?,
        "policy_engine".into(),
        name.map(|name| format!("Policy: {name}").into()),
    )
}

fn resource_usage<'a>(object: &Object<'a>) -> Result<Made<'a>, Fault> {
    let number = |name| fields::number(object, name, ANY, "0 or more");
    let (tokens, tokens_text) = number("tokens_used")?;
    let (tokens_budget, tokens_budget_text) = number("tokens_budget")?;
    let (compute, compute_text) = number("compute_ms")?;
    let (compute_budget, compute_budget_text) = number("compute_budget_ms")?;
    let within = |budget: f64, used: f64| (budget / used.max(1.0)).min(1.0);
    Ok(Made {
        dimension: Dimension::ResourceEfficiency,
        value: f64::midpoint(within(tokens_budget, tokens), within(compute_budget, compute)),
        source: "resource_monitor".into(),
        details: Some(
            format!("tokens={tokens_text}/{tokens_budget_text}, compute={compute_text}/{compute_budget_text}ms").into(),
        ),
        weight: None,
    })
}

fn output<'a>(object: &Object<'a>) -> Result<Made<'a>, Fault> {
    let consumer = fields::name(object, "consumer")?;
    let reason = fields::optional_details(object, "rejection_reason")?;
    let accepted = fields::truth(object, "accepted")?;
    yes_or_no(Dimension::OutputQuality, accepted, format!("consumer:{consumer}").into(), reason)
}

fn security<'a>(object: &Object<'a>) -> Result<Made<'a>, Fault> {
    let within = fields::truth(object, "within_boundary")?;
    let event_type = fields::name(object, "event_type")?;
    yes_or_no(Dimension::SecurityPosture, within, "security_monitor".into(), Some(event_type))
}

fn collaboration<'a>(object: &Object<'a>) -> Result<Made<'a>, Fault> {
    let peer = fields::did(object, "peer_did")?;
    let successful = fields::truth(object, "handoff_successful")?;
    yes_or_no(Dimension::CollaborationHealth, successful, format!("collaboration:{peer}").into(), None)
}

#[allow(clippy::unnecessary_wraps, reason = "it ends the conversions, which can fail")]
fn yes_or_no<'a>(
    dimension: Dimension,
    good: bool,
    source: Text<'a>,
    details: Option<Text<'a>>,
) -> Result<Made<'a>, Fault> {
    Ok(Made { dimension, value: if good { 1.0 } else { 0.0 }, source, details, weight: None })
}
