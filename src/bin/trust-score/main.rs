//! `trust-score`: signals → scores.

mod intake;
mod judging;
mod settings;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Io, Tool};
use cooee::trust::{Config, Fleet, record};
use intake::Intake;
use jiff::Timestamp;
use judging::Judging;
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
        let mut run = Run { fleet: Fleet::default(), config, now: Timestamp::now().as_millisecond() };
        let input = io.stdin()?;
        let (fleet, config, started) = (&mut run.fleet, &run.config, run.now);
        let taken = Intake { strict: self.strict }.all(io, input, |signal| {
            fleet.take(signal, started, config);
            Ok(())
        })?;
        // Same input, same bytes: the newest signal says what time it is.
        run.now = taken.newest.unwrap_or(run.now);
        run.fleet.tick(run.now, &run.config);
        let exit = View::Scores.print(io, &run)?;
        Ok(exit.worst(taken.exit()))
    }
}

/// What is known once all is read.
struct Run {
    fleet: Fleet,
    config: Config,
    /// The time of the last recalculation, in milliseconds since 1970.
    now: i64,
}

/// What is printed of it.
enum View {
    /// A `score` record for every agent.
    Scores,
}

impl View {
    fn print(&self, io: &mut Io, run: &Run) -> Result<Exit, Failure> {
        match self {
            Self::Scores => scores(io, run),
        }
    }
}

fn scores(io: &mut Io, run: &Run) -> Result<Exit, Failure> {
    for handle in run.fleet.sorted() {
        let out = io.out.buffer();
        record::score(out, run.fleet.name(handle), run.fleet.agent(handle), &run.config, run.now, |_| ());
        out.push(b'\n');
        io.out.spill()?;
    }
    Ok(Exit::Done)
}

fn main() -> ExitCode {
    cli::main::<TrustScore>("trust-score")
}
