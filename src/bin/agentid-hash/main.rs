//! `agentid-hash`: agent records → the same with their hash and tiny id.

use clap::Parser;
use cooee::agentid::{Tuple, collision_probability};
use cooee::cli::{self, Exit, Failure, Io, Reject, Tool};
use cooee::jsonl::{self, Object, Scanner};
use std::process::ExitCode;

/// 2^53 − 1, the largest integer of JSON.
const MOST_AGENTS: u64 = (1 << 53) - 1;

/// Add an agent's hash and tiny id to its record
#[derive(Parser)]
struct HashAgents {
    /// Print how likely an id clash is among N agents, and read nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_AGENTS), conflicts_with_all = ["raw", "canonical", "strict"])]
    fleet: Option<u64>,
    /// Print only the hash
    #[arg(long, conflicts_with = "canonical")]
    raw: bool,
    /// Print only the bytes that are hashed
    #[arg(long)]
    canonical: bool,
    /// Stop at the first line that is rejected
    #[arg(long)]
    strict: bool,
}

impl Tool for HashAgents {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/agentid-hash.md");
    const EXAMPLES: &'static str = r#"
$ hwprobe --agents | agentid-hash | jq -r '[.tiny_id, .model] | @tsv'
BPNTVYSZ5Y	llama3:8b
$ hwprobe --agents | agentid-hash --canonical
{"gpu_id":"none","hostname":"host","mac":"001a2b3c4d5e","model":"llama3:8b"}
$ agentid-hash --fleet 100000
{"type":"collision","v":1,"agents":100000,"tiny_id_probability":4.4408e-6,...}"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        if let Some(agents) = self.fleet {
            let [tiny_id, hash] = [50, 256].map(|bits| five_digits(collision_probability(agents, bits)));
            let line = format!(
                r#"{{"type":"collision","v":1,"agents":{agents},"tiny_id_probability":{tiny_id},"hash_probability":{hash}}}"#
            );
            io.out.line(line.as_bytes())?;
            return Ok(Exit::Done);
        }
        let mut scanner = Scanner::default();
        let input = io.stdin()?;
        let tally = io.filter(input, self.strict, |line, out| self.record(&mut scanner, line, out))?;
        Ok(tally.exit())
    }
}

impl HashAgents {
    fn record(&self, scanner: &mut Scanner, line: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
        let object = scanner.object(line).map_err(Reject::new)?;
        is_agent(&object)?;
        let [gpu_id, hostname, mac, model] = ["gpu_id", "hostname", "mac", "model"].map(|name| text(&object, name));
        let tuple = Tuple::new(&gpu_id?, &hostname?, &mac?, &model?).map_err(Reject::new)?;
        if self.canonical {
            out.extend_from_slice(&tuple.canonical());
        } else if self.raw {
            out.extend_from_slice(tuple.hash().to_string().as_bytes());
        } else {
            let hash = tuple.hash();
            let (text, tiny_id) = (format!("\"{hash}\""), format!("\"{}\"", hash.tiny_id()));
            let head: &[u8] = if object.get("type").is_none() { b"{\"type\":\"agent\",\"v\":1" } else { b"{" };
            out.extend_from_slice(head);
            jsonl::merge(out, &object, &[("hash", text.as_bytes()), ("tiny_id", tiny_id.as_bytes())]);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// A probability as JSON: five digits, more would claim too much.
fn five_digits(probability: f64) -> String {
    if probability.fract() == 0.0 { format!("{probability:.0}") } else { format!("{probability:.4e}") }
}

fn is_agent(object: &Object<'_>) -> Result<(), Reject> {
    match object.get("type") {
        None if object.get("v").is_none() => return Ok(()),
        Some(kind) if kind.raw() == "\"agent\"" => {}
        _ => return Err(Reject::new("\"type\" is not \"agent\"").hint("hwprobe --agents prints agent records")),
    }
    match object.get("v") {
        Some(version) if version.raw() == "1" => Ok(()),
        _ => Err(Reject::new("\"v\" is not 1, the version of agent records that this program knows")),
    }
}

fn text<'o>(object: &Object<'o>, name: &'static str) -> Result<std::borrow::Cow<'o, str>, Reject> {
    let value = object.get(name).ok_or_else(|| Reject::new(format_args!("\"{name}\" is missing")))?;
    value.as_str().ok_or_else(|| {
        let reject = Reject::new(format_args!("\"{name}\" is not a string"));
        if matches!(name, "gpu_id" | "mac") { reject.hint("where there is none, write \"none\"") } else { reject }
    })
}

fn main() -> ExitCode {
    cli::main::<HashAgents>("agentid-hash")
}
