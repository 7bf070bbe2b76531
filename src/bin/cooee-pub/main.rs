//! `cooee-pub`: hands events over to a node, and waits for answers.

mod chunk;
mod node;
mod pipeline;
mod report;
mod retry;
mod run;

use clap::{Parser, ValueEnum};
use cooee::agentid::TinyId;
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool, duration};
use cooee::handover::Wrap;
use jiff::SignedDuration;
use std::path::PathBuf;
use std::process::ExitCode;

/// Hand over events or plain lines to a node, print its receipts, and wait for answers
#[derive(Parser)]
struct Pub {
    /// Wrap each line of stdin as an event about this UCXL address
    address: Option<String>,
    /// Type of the wrapped lines [default: note]
    #[arg(long = "type", value_name = "NAME", requires = "address")]
    kind: Option<String>,
    /// The lines are JSON values, not text
    #[arg(long, requires = "address")]
    json: bool,
    /// How long an event counts that does not say it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    expires: SignedDuration,
    /// Speak as the agent of this host with this tiny id
    #[arg(long, value_name = "TINY_ID")]
    agent: Option<String>,
    /// When to be content: spooled, stored or answered
    #[arg(long, hide_possible_values = true, value_name = "LEVEL", default_value = "stored")]
    wait: Level,
    /// Give up after this; the events are kept [default: 10s, answered 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<SignedDuration>,
    /// Ask this node, not the folder's own or the fleet file's; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    peer: Vec<String>,
    /// Only send what earlier runs have kept; reads no stdin
    #[arg(long, conflicts_with_all = ["address", "wait", "agent", "expires", "strict"])]
    flush: bool,
    /// Stop at the first line that is not taken
    #[arg(long)]
    strict: bool,
    /// Folder of the keys, the fleet file and the spool
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// When the command is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// On this host's disk, for a later run to send
    Spooled,
    /// On a node's disk, and signed for
    Stored,
    /// And every request has its leader's answer
    Answered,
}

impl Pub {
    /// How plain lines become events; none where there is no ADDRESS.
    fn wrap(&self) -> Result<Option<Wrap>, Failure> {
        let Some(address) = &self.address else { return Ok(None) };
        let subject = address.parse().map_err(|error| Failure::could_not_run(format_args!("address: {error}")))?;
        let kind = self.kind.clone().unwrap_or_else(|| "note".to_owned());
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if kind.is_empty() || kind.len() > 100 || !kind.bytes().all(good) {
            return Err(Failure::could_not_run("--type takes letters, digits and . _ -, at most 100"));
        }
        Ok(Some(Wrap { subject, kind, json: self.json }))
    }

    /// The tiny id in its one spelling.
    fn agent(&self) -> Result<Option<String>, Failure> {
        let read = |text: &str| text.parse::<TinyId>().map(|id| id.to_string());
        let read = self.agent.as_deref().map(read).transpose();
        read.map_err(|error| Failure::could_not_run(format_args!("--agent: {error}")))
    }
}

impl Tool for Pub {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/cooee-pub.md");
    const EXAMPLES: &'static str = r#"
$ uptime | cooee-pub ucxl://any:ops@COOEE:load
{"type":"receipt","v":1,"level":"stored","ids":["..."],"node":"did:key:z6Mk...",...}
$ hwprobe --agents | agentid-hash | age-enrol | cooee-pub --wait answered
{"type":"receipt","v":1,"level":"stored",...}
{"data":{...,"tiny_id":"NQDG6QCD4M","token":"80412"},...,"type":"cooee.enrolled.v1"}"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let folder = Folder::find(self.dir.as_deref())?;
        run::run(io, &folder, &self)
    }
}

fn main() -> ExitCode {
    cli::main::<Pub>("cooee-pub")
}
