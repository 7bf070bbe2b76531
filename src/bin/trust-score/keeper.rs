//! Agents while signals come: in memory alone, or loaded from a state when a
//! signal touches them and kept there again.

use cooee::store::{Error, SignalKey, Trust};
use cooee::trust::bytes::{Kept, RecentBytes, encode_config, encode_signal, encode_tick};
use cooee::trust::{Agent, Config, Fleet, Handle, Revocation, Signal};
use std::collections::{HashSet, VecDeque};
use std::mem::take;

/// Ticks that an agent's history holds.
const TICKS: usize = 100;
/// Ids known again where there is no state to keep them, twice.
const IDS_LIMIT: usize = 1 << 18;
/// A piece of the log is written when it has this many bytes.
const LOG_PIECE_BYTES: usize = 64 * 1024;
/// Agents that stay in memory between two transactions of a resident command.
const CACHED_AGENTS: usize = 50_000;

/// What a line about an agent depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    scored: bool,
    total: u16,
    revoked: bool,
}

impl Standing {
    /// Of that agent, now.
    pub fn of(agent: &Agent) -> Self {
        let scored = agent.history().next().is_some();
        Self { scored, total: agent.total(), revoked: agent.revocation().is_some() }
    }

    /// Whether it was revoked.
    pub fn revoked(self) -> bool {
        self.revoked
    }
}

/// A signal that counted.
pub struct Taken {
    /// Of whom.
    pub handle: Handle,
    /// The agent was recalculated at once.
    pub immediate: bool,
    /// What it was before.
    pub before: Standing,
}

/// Agents, and where they are kept.
pub struct Keeper {
    /// Those in memory.
    pub fleet: Fleet,
    place: Place,
    marks: Vec<Mark>,
    /// Agents touched since the last tick.
    pending: Vec<Handle>,
}

enum Place {
    Memory(Memory),
    State(Box<State>),
}

#[derive(Default)]
struct Memory {
    ids: [HashSet<SignalKey>; 2],
    /// The last ticks' times.
    ticks: VecDeque<i64>,
    count: u64,
}

struct State {
    store: Trust,
    /// Each agent's last signals.
    recent: Vec<RecentBytes>,
    /// Agents to be kept again.
    changed: Vec<Handle>,
    /// Agents that have been revoked, which is still to be said.
    revoked: Vec<Handle>,
    entries: Vec<u8>,
    /// The configuration the log says.
    logged: Option<Config>,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    pending: bool,
    changed: bool,
    /// Ticks that the agent has had.
    ticks: u64,
}

impl Keeper {
    /// Agents that end with this process.
    pub fn in_memory() -> Self {
        Self::new(Place::Memory(Memory::default()))
    }

    /// Agents of that state.
    pub fn of(store: Trust) -> Self {
        let state = State {
            store,
            recent: Vec::new(),
            changed: Vec::new(),
            revoked: Vec::new(),
            entries: Vec::new(),
            logged: None,
        };
        Self::new(Place::State(Box::new(state)))
    }

    fn new(place: Place) -> Self {
        Self { fleet: Fleet::default(), place, marks: Vec::new(), pending: Vec::new() }
    }

    /// Waits for its turn at the state, if there is one. What is done up to
    /// [`Keeper::commit`] is kept wholly or not at all.
    pub fn begin(&mut self) -> Result<(), Error> {
        let Place::State(state) = &mut self.place else { return Ok(()) };
        if state.store.begin()? || self.fleet.len() > CACHED_AGENTS {
            // Another has written: what was loaded may not hold any more.
            let fleet = take(&mut self.fleet);
            state.recent.clear();
            self.marks.clear();
            for handle in take(&mut self.pending) {
                let handle = self.handle(fleet.name(handle))?;
                self.mark(handle).pending = true;
                self.pending.push(handle);
            }
        }
        Ok(())
    }

    /// Keeps what has changed; it is on disk when this returns `Ok`.
    pub fn commit(&mut self) -> Result<(), Error> {
        let Place::State(state) = &mut self.place else { return Ok(()) };
        let fleet = &self.fleet;
        // Neighbours in the state's order are cheapest one behind the other.
        state.changed.sort_unstable_by(|a, b| fleet.name(*a).cmp(fleet.name(*b)));
        for handle in state.changed.drain(..) {
            self.marks[handle.place()].changed = false;
            state.store.save(fleet.name(handle), fleet.agent(handle), &state.recent[handle.place()])?;
        }
        for handle in state.revoked.drain(..) {
            state.store.owe(fleet.name(handle))?;
        }
        state.write_log()?;
        state.store.commit()
    }

    /// Takes a signal; `at` is its time if it has none of its own. `None` if its
    /// id was counted before.
    pub fn take(&mut self, signal: &Signal<'_>, at: i64, config: &Config) -> Result<Option<Taken>, Error> {
        if let Some(id) = &signal.id
            && !self.place.count(SignalKey::new(id, signal.author.as_deref()))?
        {
            return Ok(None);
        }
        let handle = self.handle(&signal.agent_did)?;
        self.catch_up(handle, config);
        if let Place::State(state) = &mut self.place {
            let kept = Kept::of(signal, at);
            if state.store.keeps_log() {
                state.log_config(config);
                encode_signal(&signal.agent_did, &kept, &mut state.entries);
                if state.entries.len() >= LOG_PIECE_BYTES {
                    state.write_log()?;
                }
            }
            state.recent[handle.place()].push(&kept);
        }
        self.touch(handle);
        let agent = self.fleet.agent_mut(handle);
        let before = Standing::of(agent);
        let immediate = agent.signal(signal.dimension, signal.value, signal.at.unwrap_or(at), config);
        self.note_revoked(handle, before);
        Ok(Some(Taken { handle, immediate, before }))
    }

    /// Whether a signal has come since the last tick.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Recalculates at that time: each agent touched since the last tick, sorted
    /// by DID, and `each` hears what it was before. Others would get the same
    /// total again: in memory they do when somebody next looks, in a state not.
    pub fn tick(&mut self, at: i64, config: &Config, mut each: impl FnMut(&Fleet, Handle, Standing)) {
        let mut pending = take(&mut self.pending);
        let fleet = &self.fleet;
        pending.sort_unstable_by(|a, b| fleet.name(*a).cmp(fleet.name(*b)));
        if let Place::Memory(memory) = &mut self.place {
            if memory.ticks.len() == TICKS {
                memory.ticks.pop_front();
            }
            memory.ticks.push_back(at);
            memory.count += 1;
        }
        if let Place::State(state) = &mut self.place
            && !pending.is_empty()
            && state.store.keeps_log()
        {
            state.log_config(config);
            encode_tick(at, &mut state.entries);
        }
        for handle in pending {
            self.mark(handle).pending = false;
            let before = Standing::of(self.fleet.agent(handle));
            match &mut self.place {
                Place::Memory(_) => self.catch_up(handle, config),
                Place::State(state) => {
                    self.fleet.agent_mut(handle).recalculate(at, config);
                    let mark = &mut self.marks[handle.place()];
                    if !mark.changed {
                        mark.changed = true;
                        state.changed.push(handle);
                    }
                }
            }
            self.note_revoked(handle, before);
            each(&self.fleet, handle, before);
        }
    }

    /// Under another configuration every agent may have another total: those in
    /// memory had their past ticks under the old one, and now count as touched.
    pub fn reconfigure(&mut self, old: &Config) {
        for handle in self.fleet.handles() {
            self.catch_up(handle, old);
            self.touch(handle);
        }
    }

    /// Whether agents outlive this process.
    pub fn is_kept(&self) -> bool {
        matches!(self.place, Place::State(_))
    }

    /// The agents in memory, and the state that all are kept in.
    pub fn into_parts(self) -> (Fleet, Option<Trust>) {
        let store = match self.place {
            Place::Memory(_) => None,
            Place::State(state) => Some(state.store),
        };
        (self.fleet, store)
    }

    /// The agent of that name, from where it is kept.
    pub fn handle(&mut self, did: &str) -> Result<Handle, Error> {
        if let Some(handle) = self.fleet.find(did) {
            return Ok(handle);
        }
        let handle = match &mut self.place {
            Place::Memory(_) => self.fleet.handle(did),
            Place::State(state) => {
                let (agent, recent) = state.store.load(did)?.unwrap_or_default();
                // Places of the fleet rise one by one.
                state.recent.push(recent);
                self.fleet.put(did, agent)
            }
        };
        if let Place::Memory(memory) = &self.place {
            let ticks = memory.count;
            self.mark(handle).ticks = ticks;
        }
        Ok(handle)
    }

    /// Where agents are kept, a revocation is said once it is kept, and a crash
    /// between the two loses none.
    fn note_revoked(&mut self, handle: Handle, before: Standing) {
        if let Place::State(state) = &mut self.place
            && !before.revoked
            && self.fleet.agent(handle).revocation().is_some()
        {
            state.revoked.push(handle);
        }
    }

    /// Revocations that are kept and were not said yet.
    pub fn owed(&self) -> Result<Vec<(String, Revocation)>, Error> {
        match &self.place {
            Place::Memory(_) => Ok(Vec::new()),
            Place::State(state) => state.store.owed(),
        }
    }

    /// Those have been said.
    pub fn paid(&mut self, owed: &[(String, Revocation)]) -> Result<(), Error> {
        match &mut self.place {
            Place::State(state) if !owed.is_empty() => state.store.paid(owed),
            _ => Ok(()),
        }
    }

    /// The ticks that came while nothing was said of the agent.
    fn catch_up(&mut self, handle: Handle, config: &Config) {
        let Place::Memory(memory) = &self.place else { return };
        let (had, count) = (self.marks[handle.place()].ticks, memory.count);
        let missed = usize::try_from(count - had).unwrap_or(TICKS).min(memory.ticks.len());
        for at in memory.ticks.range(memory.ticks.len() - missed..) {
            self.fleet.agent_mut(handle).recalculate(*at, config);
        }
        self.marks[handle.place()].ticks = count;
    }

    fn touch(&mut self, handle: Handle) {
        let mark = self.mark(handle);
        let was = *mark;
        (mark.pending, mark.changed) = (true, true);
        if !was.pending {
            self.pending.push(handle);
        }
        if let Place::State(state) = &mut self.place
            && !was.changed
        {
            state.changed.push(handle);
        }
    }

    fn mark(&mut self, handle: Handle) -> &mut Mark {
        let place = handle.place();
        if self.marks.len() <= place {
            self.marks.resize(place + 1, Mark::default());
        }
        &mut self.marks[place]
    }
}

impl Place {
    /// False if the signal was counted before.
    fn count(&mut self, key: SignalKey) -> Result<bool, Error> {
        match self {
            Self::State(state) => state.store.count(&key),
            Self::Memory(Memory { ids: [newer, older], .. }) => {
                if newer.len() == IDS_LIMIT {
                    *older = take(newer);
                }
                Ok(!older.contains(&key) && newer.insert(key))
            }
        }
    }
}

impl State {
    fn log_config(&mut self, config: &Config) {
        if self.logged.as_ref() != Some(config) {
            encode_config(config, &mut self.entries);
            self.logged = Some(config.clone());
        }
    }

    fn write_log(&mut self) -> Result<(), Error> {
        if !self.entries.is_empty() {
            self.store.log(&self.entries)?;
            self.entries.clear();
        }
        Ok(())
    }
}
