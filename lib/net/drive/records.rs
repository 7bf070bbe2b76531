//! The DHT's records: put near their names, kept for others, and looked up.

use super::Driver;
use crate::event::Event;
use crate::mesh::{Announced, Input, Reader, dht};
use jiff::Timestamp;
use libp2p::PeerId;
use libp2p::kad::{GetRecordOk, GetRecordResult, QueryId, QueryStats, Record, RecordKey};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Records of others that are checked at once; more are dropped: they come again.
const CHECKS: usize = 16;
/// Different values that are looked at for one name.
const VALUES: usize = 64;
/// Records that are put at once; each asks its way to twenty nodes.
const PUTS: usize = 2;

/// What is under way.
pub(super) struct Records {
    /// The lookups, and what they found so far.
    lookups: HashMap<QueryId, (u64, HashSet<Vec<u8>>)>,
    /// What is to be put, and what is being.
    queue: VecDeque<(String, Vec<u8>, Timestamp)>,
    puts: HashSet<QueryId>,
    checks: Arc<Semaphore>,
}

impl Default for Records {
    fn default() -> Self {
        let checks = Arc::new(Semaphore::new(CHECKS));
        Self { lookups: HashMap::new(), queue: VecDeque::new(), puts: HashSet::new(), checks }
    }
}

impl<R: Reader + 'static> Driver<R> {
    /// Puts each record under each of its names, one after another.
    pub(super) fn announce(&mut self, records: Vec<Announced>) {
        self.records.queue.clear();
        for Announced { names, value, expires } in records {
            let Some(value) = value else { continue };
            self.records.queue.extend(names.into_iter().map(|name| (name, value.clone(), expires)));
        }
        self.put_next();
    }

    fn put_next(&mut self) {
        while self.records.puts.len() < PUTS
            && let Some((name, value, expires)) = self.records.queue.pop_front()
        {
            let key = self.names.record(&name);
            let routing = &mut self.swarm.behaviour_mut().routing;
            // What others know may be newer, and comes by the log as well; of the
            // same word, that is kept which has the revocation.
            let value = match routing.kept(&key) {
                Some(there) if dht::is_newer(&there, &value) => continue,
                Some(there) if !dht::is_newer(&value, &there) && there.contains(&b'\n') => there,
                _ => value,
            };
            if let Some(query) = routing.put(record(key, value, expires)) {
                self.records.puts.insert(query);
            }
        }
    }

    /// Who no longer belongs puts nothing more.
    pub(super) fn hush(&mut self) {
        self.records.queue.clear();
    }

    /// A record was put, as far as that went.
    pub(super) fn record_put(&mut self, query: QueryId) {
        if self.records.puts.remove(&query) {
            self.put_next();
        }
    }

    /// Keeps what this node's log says; of very many, what is near to it.
    pub(super) fn hold(&mut self, records: Vec<Announced>) {
        let each = |record: Announced| {
            let Announced { names, value, expires } = record;
            names.into_iter().map(move |name| (name, value.clone(), expires)).collect::<Vec<_>>()
        };
        let keyed = |(name, value, expires): (String, _, _)| (self.names.record(&name), name, value, expires);
        let all = records.into_iter().flat_map(each).map(keyed).collect();
        let all = self.swarm.behaviour().routing.nearest(all, |(key, ..)| key);
        for (key, name, value, expires) in all {
            let routing = &mut self.swarm.behaviour_mut().routing;
            let there = routing.kept(&key);
            if there == value {
                continue;
            }
            match (there, value) {
                (None, Some(value)) => routing.keep(record(key, value, expires)),
                (there, value) => self.decide(name, value.as_deref(), there),
            }
        }
    }

    /// Which of two records that were found good is to be kept?
    fn decide(&self, name: String, value: Option<&[u8]>, there: Option<Vec<u8>>) {
        let lines =
            [value, there.as_deref()].into_iter().flatten().flat_map(|value| value.split(|byte| *byte == b'\n'));
        let events = lines.filter_map(|wire| Event::from_wire(wire).ok()).collect();
        self.happens(Input::Offered { name, events, there });
    }

    /// Keeps what was found good, unless there is something else there by now.
    pub(super) fn keep(&mut self, record: Announced, there: Option<&[u8]>) {
        let Announced { names, value, expires } = record;
        let Some(name) = names.into_iter().next() else { return };
        let key = self.names.record(&name);
        let routing = &mut self.swarm.behaviour_mut().routing;
        let now = routing.kept(&key);
        if now.as_deref() != there {
            return self.decide(name, value.as_deref(), now);
        }
        match value {
            Some(value) => routing.keep(self::record(key, value, expires)),
            None => routing.forget(&key),
        }
    }

    /// Somebody sends a record to be kept.
    pub(super) fn offered(&mut self, source: &PeerId, record: Record) {
        if !self.swarm.behaviour().routing.admits(source) || record.value.len() > dht::RECORD_LIMIT_BYTES {
            return;
        }
        // Ad hoc there is no Leader, and so no record.
        let Some(fleet) = self.names.fleet() else { return };
        let Some(name) = dht::name_in(record.key.as_ref(), fleet).map(str::to_owned) else { return };
        let there = self.swarm.behaviour_mut().routing.kept(&record.key);
        if there.as_ref() == Some(&record.value) {
            return;
        }
        let Ok(place) = self.records.checks.clone().try_acquire_owned() else { return };
        let inputs = self.shared.inputs.clone();
        spawn_blocking(move || {
            let _place = place;
            let mut events = dht::read(&record.value);
            if events.is_empty() {
                return;
            }
            // It was checked before it was kept.
            let lines = there.iter().flat_map(|value| value.split(|byte| *byte == b'\n'));
            events.extend(lines.filter_map(|wire| Event::from_wire(wire).ok()));
            // The place is held until the node's thread has room.
            let _ = inputs.blocking_send(Input::Offered { name, events, there });
        });
    }

    pub(super) fn look_up(&mut self, lookup: u64, name: &str) {
        let key = self.names.record(name);
        let query = self.swarm.behaviour_mut().routing.get(key);
        self.records.lookups.insert(query, (lookup, HashSet::new()));
    }

    /// A lookup has found something, or is over.
    pub(super) fn record_found(&mut self, query: QueryId, found: GetRecordResult, over: Option<&QueryStats>) {
        let Some((lookup, values)) = self.records.lookups.get_mut(&query) else { return };
        let lookup = *lookup;
        let mut events = Vec::new();
        // All that differ are looked at: the first may be a lie, or old. One has
        // two signatures, which are checked here, for the end comes after it.
        if let Ok(GetRecordOk::FoundRecord(found)) = found {
            let value = found.record.value;
            if values.len() < VALUES && !values.contains(&value) {
                events = dht::read(&value);
                values.insert(value);
            }
        }
        let over = over.map(|stats| (u64::from(stats.num_requests()), u64::from(stats.num_successes())));
        if over.is_some() {
            self.records.lookups.remove(&query);
        }
        if over.is_some() || !events.is_empty() {
            self.happens(Input::LookedUp { lookup, events, over });
        }
    }
}

fn record(key: RecordKey, value: Vec<u8>, expires: Timestamp) -> Record {
    let lives = Duration::try_from(expires.duration_since(Timestamp::now())).unwrap_or_default();
    Record { key, value, publisher: None, expires: Some(Instant::now() + lives) }
}
