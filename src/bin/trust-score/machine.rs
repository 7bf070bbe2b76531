//! Views for other processes: drafts of revocations, and whole agents.

use crate::run::Run;
use crate::{revoked, shards};
use cooee::cli::{Failure, Io};

#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag
pub struct Machine {
    /// Print only revocations, as drafts for cooee-pub
    #[arg(long, conflicts_with_all = ["view", "min"])]
    pub revocations: bool,
    /// Print each agent whole, for --merge
    #[arg(long, conflicts_with_all = ["view", "min", "revocations", "state", "as_of", "follow"])]
    pub partial: bool,
    /// Read what --partial has printed, instead of signals
    #[arg(long, conflicts_with_all = ["state", "as_of", "follow"])]
    pub merge: bool,
}

impl Machine {
    /// Prints one of them; false if none was asked for.
    pub fn print(&self, io: &mut Io, run: &mut Run) -> Result<bool, Failure> {
        if self.revocations {
            revocations(io, run)?;
        } else if self.partial {
            shards::print(io, &run.fleet)?;
        }
        Ok(self.revocations || self.partial)
    }
}

/// Those of a state that were never said, or all of a run without one, in the
/// order in which they happened.
fn revocations(io: &mut Io, run: &mut Run) -> Result<(), Failure> {
    if let Some(store) = &mut run.store {
        let owed = store.owed()?;
        revoked::print(&mut io.out, &owed)?;
        io.out.flush()?;
        return if owed.is_empty() { Ok(()) } else { Ok(store.paid(&owed)?) };
    }
    let fleet = &run.fleet;
    let mut revoked: Vec<_> = fleet
        .handles()
        .filter_map(|handle| Some((fleet.name(handle).to_owned(), fleet.agent(handle).revocation()?)))
        .collect();
    revoked.sort_unstable_by(|a, b| (a.1.at, &a.0).cmp(&(b.1.at, &b.0)));
    revoked::print(&mut io.out, &revoked)
}
