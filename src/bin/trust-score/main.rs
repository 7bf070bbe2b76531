//! `trust-score`: signals → scores.

mod blocks;
mod desk;
mod follow;
mod intake;
mod judging;
mod keeper;
mod keeping;
mod people;
mod run;
mod settings;
mod state;
mod view;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Io, Tool};
use judging::Judging;
use keeping::Keeping;
use std::process::ExitCode;
use view::View;

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
    view: View,
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
        let (run, exit) = self.keeping.take(io, config, self.strict, self.view.shows_signals())?;
        Ok(self.view.print(io, &run, self.keeping.all)?.worst(exit))
    }
}

fn main() -> ExitCode {
    cli::main::<TrustScore>("trust-score")
}
