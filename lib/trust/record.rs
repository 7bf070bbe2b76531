//! Scores as JSON.

use super::read::rfc3339;
use super::{Agent, Config, Dimension};
use crate::jsonl;
use std::io::Write as _;

/// A `score` record, one line without its end. `as_of` is in milliseconds since
/// 1970. `more` may add members behind those that every record has.
pub fn score(
    out: &mut Vec<u8>,
    agent_did: &str,
    agent: &Agent,
    config: &Config,
    as_of: i64,
    more: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(br#"{"type":"score","v":1,"agent_did":"#);
    jsonl::string(out, agent_did);
    write(out, format_args!(r#","total_score":{},"tier":"{}""#, agent.total(), agent.tier().name()));
    dimensions(out, agent, config);
    write(out, format_args!(r#","trend":"{}""#, agent.trend().name()));
    match agent.revocation() {
        None => out.extend_from_slice(br#","revoked":false,"revocation_reason":null"#),
        Some(revocation) => {
            write(out, format_args!(r#","revoked":true,"revocation_reason":"{}""#, revocation.reason()));
        }
    }
    write(out, format_args!(r#","sample_size":{},"as_of":"{}""#, agent.window().len(), rfc3339(as_of)));
    if agent.late() > 0 {
        write(out, format_args!(r#","late_signals":{}"#, agent.late()));
    }
    more(out);
    out.push(b'}');
}

/// `,"dimensions":{…}`: per dimension its score, how many signals, its weight,
/// and what it contributes; ten times the sum of those is the total.
pub fn dimensions(out: &mut Vec<u8>, agent: &Agent, config: &Config) {
    out.extend_from_slice(br#","dimensions":"#);
    let mut before = '{';
    for dimension in Dimension::ALL {
        let (score, weight) = (agent.window().score(dimension), config.weights[dimension.index()]);
        let (name, count) = (dimension.name(), agent.window().count(dimension));
        write(
            out,
            format_args!(
                r#"{before}"{name}":{{"score":{score},"signal_count":{count},"weight":{weight},"contribution":{}}}"#,
                score * weight
            ),
        );
        before = ',';
    }
    out.push(b'}');
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes all bytes");
}
