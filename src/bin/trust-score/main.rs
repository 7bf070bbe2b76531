//! `trust-score`: signals → scores.

mod blocks;
mod desk;
mod follow;
mod intake;
mod judging;
mod keeper;
mod keeping;
mod machine;
mod people;
mod revoked;
mod run;
mod settings;
mod shards;
mod state;
mod view;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Io, Tool};
use cooee::trust::Fleet;
use cooee::trust::read::millis_of;
use follow::Say;
use judging::Judging;
use keeping::{Keeping, Plan};
use machine::Machine;
use std::process::ExitCode;
use std::time::SystemTime;
use view::View;

/// Score agents by what was seen of them, as stdin tells it
///
/// Reads signals, what happened, and signed signal events; prints each agent's
/// score.
#[derive(Parser)]
struct TrustScore {
    /// Stop at the first line that is rejected
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    machine: Machine,
}

impl Tool for TrustScore {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/trust-score.md");
    const EXAMPLES: &'static str = r#"
$ trust-score <signals | jq -c '[.agent_did, .total_score, .tier]'
["did:key:z6Mk...#BPNTVYSZ5Y",624,"standard"]
$ echo '{"type":"policy","agent_did":"a","compliant":false}' | trust-score | jq .total_score
375"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        self.view.check()?;
        self.keeping.check()?;
        if self.keeping.replays() && self.judging.is_configured() {
            return Err(Failure::could_not_run("--config cannot be used with --state and --as-of")
                .hint("a state's log is replayed under the configurations of then"));
        }
        let ((config, file), judge) = (self.judging.config()?, self.judging.load()?);
        if self.keeping.follow {
            let say = Say { beyond: judge.alone(), revocations: self.machine.revocations, kept: false };
            return self.keeping.follow(io, (config, file), self.strict, say);
        }
        let fleet = if self.machine.partial { Fleet::default().with_recent() } else { self.view.fleet() };
        let fleet = judge.fleet(fleet, self.machine.partial);
        let plan = Plan { strict: self.strict, ticks: !self.machine.partial, graph: judge.wants_graph() };
        let (mut run, exit) = if self.machine.merge {
            shards::merge(io, fleet, config, &plan)?
        } else {
            self.keeping.take(io, config, fleet, &plan)?
        };
        run.beyond = judge.beyond(io, &run)?;
        if self.machine.print(io, &mut run)? {
            return Ok(exit);
        }
        Ok(self.view.print(io, &run, self.keeping.all)?.worst(exit))
    }
}

/// What the clock says, in milliseconds since 1970.
fn clock() -> i64 {
    millis_of(SystemTime::now())
}

fn main() -> ExitCode {
    cli::main::<TrustScore>("trust-score")
}
