//! What leaves the log: what has expired, what is too much, and what a revoked
//! key has said. In small steps, so that nobody waits long for them.

use super::action::Action;
use super::input::Now;
use super::log::{Log, LogError};
use super::node::{Batch, Node};
use crate::event::CLOCK_LEEWAY;
use crate::key::Did;
use std::collections::VecDeque;

/// How often a look is taken at what has expired, and at the size.
const EVERY_MS: u64 = 5_000;
/// Events of a revoked key removed in one step.
const STEP: usize = 2_048;
/// What was dropped is said when it is over, and at most this often: an hour.
const SAID_EVERY_MS: u64 = 3_600_000;

/// What there is to remove, and what people have not been told yet.
#[derive(Debug, Default)]
pub struct Pruning {
    next_ms: u64,
    /// Revoked keys, or agents of keys, whose events are not all gone yet.
    leaving: VecDeque<(Did, Option<String>)>,
    plain: u64,
    open: u64,
    said_ms: Option<u64>,
}

impl Pruning {
    /// Nobody's events are to go any more.
    pub fn stays(&mut self) {
        self.leaving.clear();
    }

    /// Whatever this key, or one agent of it, has said is to go.
    pub fn leaves(&mut self, did: Did, agent: Option<String>) {
        self.leaving.push_back((did, agent));
    }
}

impl<L: Log, T> Node<L, T> {
    /// Removes a little, under a commit of its own: nobody waits for it.
    pub(super) fn prune(&mut self, now: Now, batch: &mut Batch<T>) {
        let due = now.uptime_ms >= self.pruning.next_ms;
        if batch.began || (!due && self.pruning.leaving.is_empty()) {
            return;
        }
        let step = self.log.begin().and_then(|()| self.step(now, due)).and_then(|()| self.log.commit());
        self.log_error = step.as_ref().err().map(|error| (now.wall, error.to_string()));
        if let Err(error) = step {
            self.log.roll_back();
            self.pruning.next_ms = now.uptime_ms + EVERY_MS;
            batch.actions.push(Action::Failed(error));
            return;
        }
        let Pruning { plain, open, said_ms, .. } = self.pruning;
        let may_say = said_ms.is_none_or(|said| now.uptime_ms >= said + SAID_EVERY_MS);
        let is_over = self.pruning.next_ms > now.uptime_ms;
        if plain + open > 0 && may_say && is_over {
            batch.actions.push(Action::Dropped { plain, open });
            (self.pruning.plain, self.pruning.open) = (0, 0);
            self.pruning.said_ms = Some(now.uptime_ms);
        }
    }

    fn step(&mut self, now: Now, due: bool) -> Result<(), LogError> {
        if let Some((did, agent)) = self.pruning.leaving.front()
            && self.log.remove_source(did, agent.as_deref(), STEP)? < STEP
        {
            self.pruning.leaving.pop_front();
        }
        if due {
            let pruned = self.log.prune(now.wall - CLOCK_LEEWAY, self.config.log_limit_bytes)?;
            self.pruning.plain += pruned.plain;
            self.pruning.open += pruned.open;
            self.pruning.next_ms = if pruned.more { now.uptime_ms } else { now.uptime_ms + EVERY_MS };
        }
        Ok(())
    }
}
