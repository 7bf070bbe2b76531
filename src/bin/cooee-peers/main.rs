//! `cooee-peers`: who is connected, how well, and why not.

mod ask;
mod view;

use ask::Asker;
use clap::{ArgGroup, Parser};
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool, duration};
use jiff::SignedDuration;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Say what this folder's node sees: itself, its peers, and what is wrong
#[derive(Parser)]
#[command(group = ArgGroup::new("view").args(["doctor", "prometheus", "agents"]))]
#[allow(clippy::struct_excessive_bools)] // each is a flag
struct Peers {
    /// Say what is wrong and what to do, a line each; exit 1 if something is
    #[arg(long, conflicts_with_all = ["table", "watch"])]
    doctor: bool,
    /// With --doctor, print records
    #[arg(long, requires = "doctor")]
    json: bool,
    /// Print metrics for node_exporter's textfile collector
    #[arg(long, conflicts_with_all = ["table", "watch"])]
    prometheus: bool,
    /// Print the agents that are there, since when, doing what
    #[arg(long)]
    agents: bool,
    /// Print a table for people
    #[arg(long)]
    table: bool,
    /// Print again and again; on a terminal, a table that is drawn in place
    #[arg(long)]
    watch: bool,
    /// With --watch, the pause between [default: 2s]
    #[arg(long, value_name = "DURATION", requires = "watch", value_parser = duration)]
    every: Option<SignedDuration>,
    /// How long to wait for the node
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: SignedDuration,
    /// Folder of the node
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Tool for Peers {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/cooee-peers.md");
    const EXAMPLES: &'static str = r#"
$ cooee-peers | jq -r 'select(.state == "connected") | [.address, .round_trip_ms] | @tsv'
/ip4/127.0.0.1/tcp/...	...
$ cooee-peers --doctor
note port_closed: /ip4/127.0.0.1/tcp/9: nobody listens there: Connection refused ...
ok: 1 of 1 peers belong, gossip on, ... events
$ cooee-peers --agents --table
AGENT...TOKEN  STATE    TASKS  SINCE  MODELS...
did:key:z6Mk...#G6WG9CTNJ8  80007  working    1/4  ...  llama3.1:70b"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let folder = Folder::find(self.dir.as_deref())?;
        let timeout = self.timeout.unsigned_abs();
        if self.doctor {
            return view::doctor(io, &folder, timeout, self.json);
        }
        if self.prometheus {
            return view::prometheus(io, &folder, timeout);
        }
        let mut asker = Asker::connect(&folder, timeout).map_err(|error| ask::failure(error, &folder))?;
        let what = if self.agents { view::What::Agents } else { view::What::Peers };
        if !self.watch {
            let seen = what.ask(&mut asker, &folder)?;
            seen.print(io, self.table)?;
            return Ok(Exit::Done);
        }
        let every = self.every.map_or(Duration::from_secs(2), SignedDuration::unsigned_abs);
        view::again(io, &mut asker, &folder, what, self.table, every)
    }
}

fn main() -> ExitCode {
    cli::main::<Peers>("cooee-peers")
}
