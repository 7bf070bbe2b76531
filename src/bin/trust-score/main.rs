//! `trust-score`: signals → scores.

mod desk;
mod follow;
mod intake;
mod judging;
mod keeper;
mod keeping;
mod run;
mod settings;
mod state;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Io, Tool};
use cooee::trust::{Agent, record};
use judging::Judging;
use keeping::Keeping;
use run::Run;
use std::process::ExitCode;

/// Score agents by what was seen of them
///
/// Reads signals, what happened, and signed signal events; prints each agent's
/// score.
#[derive(Parser)]
struct TrustScore {
    /// Stop at the first line that is rejected
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    keeping: Keeping,
}

impl Tool for TrustScore {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/trust-score.md");
    const EXAMPLES: &'static str = r#"
$ trust-score <signals | jq -c '[.agent_did, .total_score, .tier]'
["did:key:z6Mk…#BPNTVYSZ5Y",497,"probationary"]
$ echo '{"type":"policy","agent_did":"a","compliant":false}' | trust-score | jq .total_score
375"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let config = self.judging.config()?;
        if self.keeping.follow {
            return self.keeping.follow(io, config, self.strict);
        }
        let (run, exit) = self.keeping.take(io, config, self.strict)?;
        Ok(View::Scores.print(io, &run, self.keeping.all)?.worst(exit))
    }
}

/// What is printed of it.
enum View {
    /// A `score` record for every agent.
    Scores,
}

impl View {
    fn print(&self, io: &mut Io, run: &Run, all: bool) -> Result<Exit, Failure> {
        match self {
            Self::Scores => scores(io, run, all),
        }
    }
}

fn scores(io: &mut Io, run: &Run, all: bool) -> Result<Exit, Failure> {
    let mut line = |did: &str, agent: &Agent| {
        let out = io.out.buffer();
        record::score(out, did, agent, &run.config, run.now, |_| ());
        out.push(b'\n');
        io.out.spill()
    };
    if all {
        run.everyone(|did, agent, _| line(did, agent))?;
    } else {
        run.touched(line)?;
    }
    Ok(Exit::Done)
}

fn main() -> ExitCode {
    cli::main::<TrustScore>("trust-score")
}
