//! `cooee-sub`: prints events from the mesh; with `--serve` it is the node.

mod consume;
mod present;
mod renew;
mod serve;
mod subscribe;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool, duration, size};
use cooee::mesh::is_consumer_name;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::process::ExitCode;

/// What only a reader has.
const SUBSCRIBING: [&str; 8] = ["patterns", "count", "since", "types", "unanswered", "name", "no_follow", "timeout"];
/// What else there is to do with names.
const NAMES: [&str; 2] = ["forget", "consumers"];

/// Print the events that match UCXL patterns, as they come; or be this folder's node
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools)] // each is a flag
struct Sub {
    /// UCXL patterns; `any` and `*` match everything in their place
    #[arg(value_name = "PATTERN", required_unless_present_any = ["serve", "forget", "consumers"])]
    patterns: Vec<String>,
    /// End after N events; fewer is exit 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Begin with stored events from then on: a time, or how long ago
    #[arg(long, value_name = "TIME|1h", value_parser = since)]
    since: Option<Timestamp>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "NAME")]
    types: Vec<String>,
    /// Only requests that no leader has answered, each again every 60 s
    #[arg(long)]
    unanswered: bool,
    /// Go on where the consumer of this name ended; begin with --since, or now
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Forget the consumer of this name
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with_all = SUBSCRIBING)]
    forget: Option<String>,
    /// Print the names that are remembered, and how much waits for each
    #[arg(long, conflicts_with_all = SUBSCRIBING, conflicts_with = "forget")]
    consumers: bool,
    /// End when the stored events are printed; all of them, without --since
    #[arg(long)]
    no_follow: bool,
    /// End after this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<SignedDuration>,
    /// Be the node of this folder, until SIGTERM
    #[arg(long, conflicts_with_all = SUBSCRIBING, conflicts_with_all = NAMES)]
    serve: bool,
    /// As a node, say every 30 s how the agents are that this file names
    #[arg(long, value_name = "FILE", conflicts_with_all = SUBSCRIBING, conflicts_with_all = NAMES)]
    present: Option<PathBuf>,
    /// As a node, listen here; may be repeated; without it only call others
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<String>,
    /// As a node, call this one besides the fleet file's; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    peer: Vec<String>,
    /// As a node, let the log take so much on disk
    #[arg(long, value_name = "BYTES", value_parser = size, default_value = "1G")]
    log_limit: u64,
    /// As a node, do not look for others on the local network
    #[arg(long)]
    no_mdns: bool,
    /// As a node, let so many others connect to it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=4096), default_value = "256")]
    max_peers: u16,
    /// As a node, let no stranger in while holding more
    #[arg(long, value_name = "BYTES", value_parser = memory, default_value = "256M")]
    max_memory: u64,
    /// As a node, take so much a second from a member
    #[arg(long, value_name = "BYTES", value_parser = rate, default_value = "16M")]
    max_rate: u64,
    /// Folder of the key, the fleet file, the log and the socket
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Tool for Sub {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/cooee-sub.md");
    const EXAMPLES: &'static str = r"
$ cooee-sub --serve --listen /ip4/0.0.0.0/tcp/4001 &
$ cooee-sub --unanswered 'ucxl://any:admin@COOEE:enrol/#/agentid/*' |
>   age-enrol --open | agentid-register | cooee-pub >receipts &
$ cooee-sub --since 1h --count 2 ucxl://any:any@COOEE:any | jq -r .type
cooee.enrol.v1
cooee.enrolled.v1";

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let folder = Folder::find(self.dir.as_deref())?;
        if self.serve {
            let node = serve::start(io, &folder, &self)?;
            if let Some(file) = self.present {
                present::start(io, &folder, file, folder.key("host.key")?);
            }
            node.until_signal().map_err(serve::failure)?;
            return Ok(Exit::Done);
        }
        if self.consumers {
            return consume::list(io, &folder, &self);
        }
        match (&self.name, &self.forget) {
            (_, Some(name)) => consume::forget(io, &folder, name, &self),
            (Some(_), _) if self.unanswered => Err(Failure::could_not_run("--unanswered takes no --name")
                .hint("it hands out again what no leader has answered, whoever reads")),
            (Some(name), _) => consume::run(io, &folder, name, &self),
            (None, _) => subscribe::run(io, &folder, &self),
        }
    }
}

fn memory(text: &str) -> Result<u64, String> {
    within(text, (64 << 20)..=(1 << 40), "64M to 1T")
}

fn rate(text: &str) -> Result<u64, String> {
    within(text, (64 << 10)..=(1 << 30), "64K to 1G")
}

fn within(text: &str, range: std::ops::RangeInclusive<u64>, words: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if range.contains(&bytes) { Ok(bytes) } else { Err(format!("{text} is not in {words}")) }
}

/// RFC 3339, or a duration before now.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago =
        duration(text).map_err(|_| "expected a time such as 2026-01-31T12:00:00Z, or how long ago: 90s, 1h, 7d")?;
    Timestamp::now().saturating_sub(ago).map_err(|error| error.to_string())
}

/// A consumer's name.
fn name(text: &str) -> Result<String, String> {
    if is_consumer_name(text) { Ok(text.to_owned()) } else { Err("expected 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()) }
}

fn main() -> ExitCode {
    cli::main::<Sub>("cooee-sub")
}
