//! Kademlia among the fleet's nodes only: whoever is asked, called or kept in
//! its table has been let in by a Leader.
//!
//! Kademlia calls whomever it is told of. This stands between it and the swarm.

use super::peer::is_callable;
use super::swarm::Names;
use crate::mesh::dht::RECORD_LIMIT_BYTES;
use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig, RecordStore as _};
use libp2p::kad::{self, BucketInserts, Caching, KBucketKey, Mode, QueryId, Quorum, Record, RecordKey, StoreInserts};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

type Kad = kad::Behaviour<MemoryStore>;

/// Records that a node keeps, at most.
const RECORDS: usize = 2048;
/// Of these, so many may be such as its own log has.
const RECORDS_OF_LOG: usize = 1536;
/// Calls of Kademlia's under way, at most,
const CALLS: usize = 16;
/// and those that wait for one of these to end.
const CALLS_WAITING: usize = 64;
/// Nodes that one lookup asks at once. Each that says nothing takes its place
/// for ten seconds: where twenty of thirty did, lookups of three at once found
/// two records of three within six seconds, those of sixteen all.
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");
/// Addresses of one peer that are tried, at most.
const ADDRESSES: usize = 8;
/// The neighbourhood is looked at again so long after the first time: others
/// come to know each other while a node starts,
const LOOK_FIRST: Duration = Duration::from_secs(3);
/// then twice as long after, up to this.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// A lookup takes no longer.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct Routing {
    own: PeerId,
    kad: Kad,
    /// Who belongs; `None` is everybody.
    members: Option<HashSet<PeerId>>,
    /// Are addresses of this very machine worth a call?
    pub loopback: bool,
    calls: HashSet<ConnectionId>,
    waiting: VecDeque<DialOpts>,
    /// When to look around next, and how long to wait after that.
    looks: (Instant, Duration),
}

impl Routing {
    pub fn new(own: PeerId, names: &Names) -> Self {
        let mut config = kad::Config::new(names.routing());
        config
            .set_kbucket_inserts(BucketInserts::Manual)
            .set_record_filtering(StoreInserts::FilterBoth)
            .set_caching(Caching::Disabled)
            .set_query_timeout(QUERY_TIMEOUT)
            .set_parallelism(AT_ONCE)
            .set_periodic_bootstrap_interval(None)
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None);
        let store = MemoryStoreConfig {
            max_records: RECORDS,
            // The store takes only what is smaller.
            max_value_bytes: RECORD_LIMIT_BYTES + 1,
            max_providers_per_key: 0,
            max_provided_keys: 0,
        };
        let mut kad = Kad::with_config(own, MemoryStore::with_config(own, store), config);
        kad.set_mode(Some(Mode::Server));
        Self {
            own,
            kad,
            members: Some(HashSet::new()),
            loopback: false,
            calls: HashSet::new(),
            waiting: VecDeque::new(),
            looks: (Instant::now(), LOOK_FIRST),
        }
    }

    /// Says who belongs; `None` is everybody. Who does not leaves the table.
    pub fn set_members(&mut self, members: Option<HashSet<PeerId>>) {
        self.members = members;
        let all: Vec<PeerId> = self
            .kad
            .kbuckets()
            .flat_map(|bucket| bucket.iter().map(|e| *e.node.key.preimage()).collect::<Vec<_>>())
            .collect();
        for peer in all.iter().filter(|peer| !self.admits(peer)).copied().collect::<Vec<_>>() {
            self.kad.remove_peer(&peer);
        }
    }

    /// Does this peer belong?
    pub fn admits(&self, peer: &PeerId) -> bool {
        self.members.as_ref().is_none_or(|members| members.contains(peer))
    }

    /// A member listens there. The first ones lead to a look around.
    pub fn learn(&mut self, peer: &PeerId, address: Multiaddr) {
        if self.admits(peer) && self.is_usable(&address) {
            self.kad.add_address(peer, address);
        }
    }

    /// Looks around, when it is time to.
    pub fn look(&mut self, now: Instant) {
        let (at, wait) = self.looks;
        if now >= at {
            self.kad.store_mut().retain(|_, record| !record.is_expired(now));
        }
        // Without anybody to ask it is tried again.
        if now >= at && self.kad.bootstrap().is_ok() {
            self.looks = (now + wait, (wait * 2).min(LOOK_EVERY));
        }
    }

    /// Was this connection made for Kademlia's sake?
    pub fn made(&mut self, connection: ConnectionId) -> bool {
        self.calls.remove(&connection)
    }

    /// Puts a record at the nodes near its key.
    pub fn put(&mut self, record: Record) -> Option<QueryId> {
        // It begins with this node's own part, and ends there without room.
        self.keep(record.clone());
        if self.kad.store_mut().get(&record.key).is_none()
            && let Some(farthest) = self.farthest()
        {
            self.kad.store_mut().remove(&farthest);
        }
        self.kad.put_record(record, Quorum::One).ok()
    }

    /// Looks for a record at the nodes near its key.
    pub fn get(&mut self, key: RecordKey) -> QueryId {
        self.kad.get_record(key)
    }

    /// The record that is kept here under a key.
    pub fn kept(&mut self, key: &RecordKey) -> Option<Vec<u8>> {
        let record = self.kad.store_mut().get(key).map(Cow::into_owned);
        record.filter(|record| !record.is_expired(Instant::now())).map(|record| record.value)
    }

    /// Keeps a record. Where there is no room, the farthest makes it.
    pub fn keep(&mut self, record: Record) {
        let own = KBucketKey::from(self.own);
        let distance = |key: &RecordKey| KBucketKey::new(key.clone()).distance(&own);
        if self.kad.store_mut().put(record.clone()).is_err() {
            let farthest = self.farthest().filter(|farthest| distance(farthest) > distance(&record.key));
            if let Some(farthest) = farthest {
                self.kad.store_mut().remove(&farthest);
                let _ = self.kad.store_mut().put(record);
            }
        }
    }

    /// Of what is kept, the farthest from this node.
    fn farthest(&mut self) -> Option<RecordKey> {
        let own = KBucketKey::from(self.own);
        let keys = self.kad.store_mut().records().map(|there| there.key.clone());
        keys.max_by_key(|key| KBucketKey::new(key.clone()).distance(&own))
    }

    /// Keeps a record no longer.
    pub fn forget(&mut self, key: &RecordKey) {
        self.kad.store_mut().remove(key);
    }

    /// Of what may be kept, that which is nearest to this node, if all is too
    /// much.
    pub fn nearest<T>(&self, mut all: Vec<T>, key: impl Fn(&T) -> &RecordKey) -> Vec<T> {
        if all.len() > RECORDS_OF_LOG {
            let own = KBucketKey::from(self.own);
            all.sort_by_cached_key(|each| KBucketKey::new(key(each).clone()).distance(&own));
            all.truncate(RECORDS_OF_LOG);
        }
        all
    }

    fn is_usable(&self, address: &Multiaddr) -> bool {
        is_callable(address, self.loopback)
    }
}

impl NetworkBehaviour for Routing {
    type ConnectionHandler = <Kad as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = kad::Event;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.kad.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.kad.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let mut known = self.kad.handle_pending_outbound_connection(connection, peer, addresses, role)?;
        known.retain(|address| self.is_usable(address));
        known.truncate(ADDRESSES);
        Ok(known)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.kad.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::DialFailure(failure) = &event {
            self.calls.remove(&failure.connection_id);
        }
        self.kad.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.kad.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            if self.calls.len() < CALLS
                && let Some(opts) = self.waiting.pop_front()
            {
                self.calls.insert(opts.connection_id());
                return Poll::Ready(ToSwarm::Dial { opts });
            }
            match self.kad.poll(cx) {
                Poll::Ready(ToSwarm::Dial { opts }) => {
                    let (peer_id, connection_id) = (opts.get_peer_id(), opts.connection_id());
                    if peer_id.is_some_and(|peer| self.admits(&peer)) && self.waiting.len() < CALLS_WAITING {
                        self.waiting.push_back(opts);
                        continue;
                    }
                    let failure = DialFailure { peer_id, error: &DialError::Aborted, connection_id };
                    self.kad.on_swarm_event(FromSwarm::DialFailure(failure));
                }
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests;
