//! `hwprobe`: what this machine is, and which agents run on it.

mod output;

use clap::{Args, Parser};
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool};
use cooee::probe::{self, Address, Options};
use cooee::spool::Told;
use jiff::SignedDuration;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What is printed instead of the host record.
#[derive(Args)]
struct Mode {
    /// Print one agent record per model and GPU
    #[arg(long)]
    agents: bool,
    /// Print what this host can do, for cooee-pub to sign and send
    #[arg(long, conflicts_with = "agents")]
    capability: bool,
    /// Print what changed since a saved probe; exit 1 if anything did
    #[arg(long, value_name = "FILE", conflicts_with_all = ["agents", "capability"])]
    diff: Option<PathBuf>,
    /// Ask NVIDIA's library and print what it says, for the process that started this one
    #[arg(long, hide = true)]
    nvml_child: bool,
}

/// Describe this machine (host, network, GPUs, models) and name its agents
#[derive(Parser)]
struct Probe {
    #[command(flatten)]
    mode: Mode,
    /// Add a model that no server lists; may be repeated
    #[arg(long, value_name = "NAME", value_parser = output::model_name)]
    model: Vec<String>,
    /// Ask this Ollama server instead of the default; may be repeated
    #[arg(long, value_name = "URL")]
    ollama: Vec<Address>,
    /// Ask this OpenAI-style server (llama.cpp, vLLM) instead; may be repeated
    #[arg(long, value_name = "URL")]
    openai: Vec<Address>,
    /// How long to wait for servers and drivers, all together
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = cli::duration)]
    timeout: SignedDuration,
    /// Fail (exit 2) if the host has no usable MAC
    #[arg(long)]
    require_mac: bool,
    /// With --capability, how long it counts
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = cli::duration)]
    expires: SignedDuration,
    /// Read a copy of /sys, /proc and /etc in this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide_default_value = true)]
    root: PathBuf,
    /// With --capability, print it only if it is new or past half of its time
    #[arg(long, conflicts_with_all = ["agents", "diff"])]
    changed: bool,
    /// With --capability, what the agents here are best at
    #[arg(long = "best-at", value_name = "TEXT", value_parser = output::model_name, conflicts_with_all = ["agents", "diff"])]
    specialisation: Option<String>,
    /// Folder in which cooee-pub notes what was told
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Load NVIDIA's library from this file
    #[arg(long, value_name = "FILE")]
    nvml: Option<PathBuf>,
}

impl Tool for Probe {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/hwprobe.md");
    const EXAMPLES: &'static str = r#"
$ hwprobe --agents --model llama3.2 | agentid-hash
{"type":"agent","v":1,"gpu_id":"none","gpu_slot":0,"hostname":"worker","mac":"a0369f000001",...}
$ hwprobe >probe.json
$ hwprobe --diff probe.json || echo something changed
{"type":"change","v":1,"field":"kernel","before":"6.1.0-31","after":"6.1.0-32"}
something changed"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        if self.mode.nvml_child {
            io.out.bytes(&probe::nvml_answer(self.nvml.as_deref()))?;
            return Ok(Exit::Done);
        }
        if (self.changed || self.specialisation.is_some()) && !self.mode.capability {
            return Err(Failure::could_not_run("--changed and --best-at are for --capability"));
        }
        let told = if self.changed { Some(Told::new(Folder::find(self.dir.as_deref())?.path())) } else { None };
        // A saved probe that cannot be read is known before anything is asked.
        let saved = self.mode.diff.as_deref().map(output::saved).transpose()?;
        let host = probe::probe(&Options {
            root: self.root,
            ollama: self.ollama,
            openai: self.openai,
            declared: self.model,
            program: cli::this_program(),
            nvml: self.nvml,
            timeout: Duration::try_from(self.timeout).unwrap_or(Duration::MAX),
        });
        output::require_mac(&host, self.require_mac)?;
        match saved {
            Some(saved) => output::changes(io, &saved, &host),
            None if self.mode.agents => output::agents(io, &host),
            None if self.mode.capability => {
                output::capability(io, &host, self.specialisation.as_deref(), self.expires, told.as_ref())
            }
            None => output::host(io, &host),
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Probe>("hwprobe")
}
