//! What is known once all is read, for the views: agents in memory, and those
//! that only a state holds.

use cooee::cli::Failure;
use cooee::store::Trust;
use cooee::trust::{Agent, Beyond, Config, Fleet, Shown, Subject};

/// Agents, their configuration, the time.
pub struct Run {
    /// Those of this run.
    pub fleet: Fleet,
    /// All of them, where they are kept over runs.
    pub store: Option<Trust>,
    pub config: Config,
    /// What is asked for beyond the engine's numbers.
    pub beyond: Beyond,
    /// The time of the last recalculation, in milliseconds since 1970.
    pub now: i64,
}

impl Run {
    /// Calls `each` with this run's agents, sorted by DID.
    pub fn touched(&self, mut each: impl FnMut(&str, &Agent) -> Result<(), Failure>) -> Result<(), Failure> {
        self.fleet.sorted().into_iter().try_for_each(|handle| each(self.fleet.name(handle), self.fleet.agent(handle)))
    }

    /// Calls `each` with every agent, sorted by DID, and its last ten signals,
    /// oldest first. Those of a state are in memory one at a time, each as this
    /// configuration makes it: it was kept under that of another run.
    pub fn everyone(
        &self,
        mut each: impl FnMut(&str, &Agent, &mut dyn Iterator<Item = &Shown>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(store) = &self.store else {
            return self.fleet.sorted().into_iter().try_for_each(|handle| {
                each(self.fleet.name(handle), self.fleet.agent(handle), &mut self.fleet.recent(handle))
            });
        };
        let mut outcome = Ok(());
        store.each(|did, mut agent, recent| {
            agent.settle(self.now, &self.config);
            outcome = each(did, &agent, &mut recent.recent().iter());
            outcome.is_ok()
        })?;
        outcome
    }

    /// The agent with its name and what it is judged by; more is known of it only
    /// where it is wanted.
    pub fn subject<'a>(&self, did: &'a str, agent: &'a Agent, recent: Vec<&'a Shown>) -> Subject<'a> {
        let effective = self.beyond.judge(did, agent, self.now, &self.config).map(|effective| effective.score);
        Subject { did, agent, recent, effective }
    }

    /// The agent with that DID and its last ten signals, oldest first, if it is
    /// known.
    pub fn find(&self, did: &str) -> Result<Option<(Agent, Vec<Shown>)>, Failure> {
        let Some(store) = &self.store else {
            let known = self.fleet.find(did);
            let of = |handle| (self.fleet.agent(handle).clone(), self.fleet.recent(handle).cloned().collect());
            return Ok(known.map(of));
        };
        let known = store.load(did)?;
        Ok(known.map(|(mut agent, recent)| {
            agent.settle(self.now, &self.config);
            (agent, recent.recent().iter().cloned().collect())
        }))
    }
}
