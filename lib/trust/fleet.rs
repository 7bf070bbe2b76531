//! Agents by name, packed: a million of them with one signal each take under
//! 400 MiB.

use super::signal::{Recent, Shown, Signal};
use super::voices::{Said, Voices, speaker};
use super::{Agent, Config, Dimension, Heard};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// Agents and names are kept in blocks, so that growing copies nothing and
/// leaves no half-empty table behind.
const BLOCK: usize = 1024;
const NAMES_BLOCK_BYTES: usize = 1 << 20;

/// An agent's place in its [`Fleet`]; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(u32);

impl Handle {
    /// Its place among [`Fleet::handles`], from 0: for lists beside the fleet.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy)]
struct Name {
    block: u32,
    from: u32,
    len: u32,
}

struct Entry {
    name: Name,
    agent: Agent,
}

/// Every agent seen so far.
#[derive(Default)]
pub struct Fleet {
    table: HashTable<u32>,
    hasher: RandomState,
    entries: Vec<Vec<Entry>>,
    names: Vec<String>,
    len: u32,
    /// The last signals of each agent, where somebody wants to see them.
    recent: Option<HashMap<u32, Recent>>,
    /// Whose last signals those are; `None` for everyone's.
    recent_of: Option<HashSet<Box<str>, RandomState>>,
    /// Who said what of whose collaboration, where somebody wants to rank them.
    voices: Option<Voices>,
}

impl Fleet {
    /// With each agent's last ten signals kept for explanations.
    #[must_use]
    pub fn with_recent(mut self) -> Self {
        (self.recent, self.recent_of) = (Some(HashMap::new()), None);
        self
    }

    /// With the last ten signals of those agents kept for explanations.
    #[must_use]
    pub fn with_recent_of(mut self, dids: &[String]) -> Self {
        self.recent = Some(HashMap::new());
        self.recent_of = Some(dids.iter().map(|did| did.as_str().into()).collect());
        self
    }

    /// With what is said of each agent's collaboration, and by whom, kept for a
    /// trust graph.
    #[must_use]
    pub fn with_voices(mut self) -> Self {
        self.voices = Some(Voices::default());
        self
    }

    /// Takes a signal; `at` is its time if it has none of its own. True if the
    /// agent was recalculated at once.
    pub fn take(&mut self, signal: &Signal<'_>, at: i64, config: &Config) -> (Handle, bool) {
        let handle = self.handle(&signal.agent_did);
        if self.keeps_recent_of(&signal.agent_did) {
            self.remember(handle, signal.shown(at));
        }
        if let Some(voices) = &mut self.voices
            && let Some(speaker) = signal.speaker()
        {
            voices.hear(handle.0, speaker, signal.value);
        }
        let agent = self.agent_mut(handle);
        (handle, agent.signal(signal.dimension, signal.value, signal.at.unwrap_or(at), config))
    }

    /// As [`Fleet::take`], of a signal of which nothing else is kept.
    pub fn take_value(
        &mut self,
        agent_did: &str,
        dimension: Dimension,
        value: f64,
        at: i64,
        config: &Config,
    ) -> (Handle, bool) {
        let handle = self.handle(agent_did);
        (handle, self.agent_mut(handle).signal(dimension, value, at, config))
    }

    /// Whether more of that agent's signals than their values is kept.
    #[inline]
    pub fn keeps_signals_of(&self, did: &str) -> bool {
        self.voices.is_some() || self.keeps_recent_of(did)
    }

    #[inline]
    fn keeps_recent_of(&self, did: &str) -> bool {
        self.recent.is_some() && self.recent_of.as_ref().is_none_or(|dids| dids.contains(did))
    }

    /// Keeps a signal for explanations, if they are wanted.
    pub fn remember(&mut self, handle: Handle, shown: Shown) {
        if let Some(recent) = &mut self.recent {
            recent.entry(handle.0).or_default().push(shown);
        }
    }

    /// The agent's last ten signals, oldest first; none if they are not kept.
    pub fn recent(&self, handle: Handle) -> impl DoubleEndedIterator<Item = &Shown> {
        self.recent.as_ref().and_then(|recent| recent.get(&handle.0)).into_iter().flat_map(Recent::iter)
    }

    /// Keeps what a signal says of the agent's collaboration, and who says it, if
    /// that is wanted.
    pub fn hear(&mut self, agent: Handle, shown: &Shown) {
        if self.voices.is_none() {
            return;
        }
        let speaker = speaker(self.name(agent), shown.dimension, &shown.source, shown.author.as_deref());
        if let (Some(speaker), Some(voices)) = (speaker, &mut self.voices) {
            voices.hear(agent.0, speaker, shown.value);
        }
    }

    /// What is said of the agents' collaboration, in no order; nothing if it is
    /// not kept.
    pub fn heard(&self) -> impl Iterator<Item = Heard<'_>> {
        let heard = self.voices.iter().flat_map(Voices::iter);
        heard.map(|(agent, speaker, said)| Heard { speaker, agent: self.name_at(agent), said })
    }

    /// Words about collaboration that were not kept, since too many pairs of
    /// speaker and agent were before them.
    pub fn unheard(&self) -> u64 {
        self.voices.as_ref().map_or(0, Voices::unheard)
    }

    /// Sets what a key has said of an agent, known from elsewhere; false if it
    /// has said something before.
    pub fn put_heard(&mut self, agent: Handle, speaker: &str, said: Said) -> bool {
        self.voices.as_mut().is_none_or(|voices| voices.put(agent.0, speaker, said))
    }

    /// The agent of that name, new if it was not known.
    pub fn handle(&mut self, did: &str) -> Handle {
        let hash = self.hasher.hash_one(did);
        if let Some(known) = self.table.find(hash, |at| self.name_at(*at) == did) {
            return Handle(*known);
        }
        self.insert(did, hash, Agent::default())
    }

    /// The agent of that name, if it is known.
    pub fn find(&self, did: &str) -> Option<Handle> {
        self.table.find(self.hasher.hash_one(did), |at| self.name_at(*at) == did).copied().map(Handle)
    }

    /// Adds an agent known from elsewhere, in place of one of that name.
    pub fn put(&mut self, did: &str, agent: Agent) -> Handle {
        match self.find(did) {
            Some(handle) => {
                *self.agent_mut(handle) = agent;
                handle
            }
            None => self.insert(did, self.hasher.hash_one(did), agent),
        }
    }

    /// How many agents there are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The agent's name, a DID.
    pub fn name(&self, handle: Handle) -> &str {
        self.name_at(handle.0)
    }

    /// The agent.
    pub fn agent(&self, handle: Handle) -> &Agent {
        &self.entry(handle.0).agent
    }

    /// The agent, to change it.
    pub fn agent_mut(&mut self, handle: Handle) -> &mut Agent {
        let at = handle.0 as usize;
        &mut self.entries[at / BLOCK][at % BLOCK].agent
    }

    /// All, in the order they were first seen.
    pub fn handles(&self) -> impl Iterator<Item = Handle> + use<> {
        (0..self.len).map(Handle)
    }

    /// All, sorted by name.
    pub fn sorted(&self) -> Vec<Handle> {
        let mut handles: Vec<Handle> = self.handles().collect();
        handles.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        handles
    }

    /// Recalculates every agent, as the engine does at a tick.
    pub fn tick(&mut self, at: i64, config: &Config) {
        for entry in self.entries.iter_mut().flatten() {
            entry.agent.recalculate(at, config);
        }
    }

    fn insert(&mut self, did: &str, hash: u64, agent: Agent) -> Handle {
        let name = self.keep_name(did);
        let at = self.len;
        if (at as usize).is_multiple_of(BLOCK) {
            self.entries.push(Vec::with_capacity(if at == 0 { 8 } else { BLOCK }));
        }
        self.entries[at as usize / BLOCK].push(Entry { name, agent });
        self.len = at.checked_add(1).expect("four thousand million agents do not fit in memory");
        let (entries, names, hasher) = (&self.entries, &self.names, &self.hasher);
        self.table.insert_unique(hash, at, |at| {
            let name = entries[*at as usize / BLOCK][*at as usize % BLOCK].name;
            hasher.hash_one(text(names, name))
        });
        Handle(at)
    }

    fn keep_name(&mut self, did: &str) -> Name {
        let full = self.names.last().is_none_or(|block| block.len() + did.len() > NAMES_BLOCK_BYTES);
        if full {
            self.names.push(String::new());
        }
        let block = self.names.len() - 1;
        let from = self.names[block].len();
        self.names[block].push_str(did);
        Name { block: block as u32, from: from as u32, len: did.len() as u32 }
    }

    fn entry(&self, at: u32) -> &Entry {
        &self.entries[at as usize / BLOCK][at as usize % BLOCK]
    }

    fn name_at(&self, at: u32) -> &str {
        text(&self.names, self.entry(at).name)
    }
}

fn text(names: &[String], name: Name) -> &str {
    &names[name.block as usize][name.from as usize..][..name.len as usize]
}
