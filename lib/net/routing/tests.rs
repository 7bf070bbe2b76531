//! Ten honest nodes of a fleet, and twenty that are hostile, over loopback.

use super::*;
use crate::event::Event;
use crate::key::Key;
use crate::mesh::Members;
use crate::mesh::dht::tests::{HOST, LEADER, enrolled, fleet, members, revoked};
use crate::mesh::dht::{self, Words};
use crate::net::peer::keypair;
use crate::net::transport::{self, Needs};
use futures::StreamExt;
use jiff::Timestamp;
use libp2p::Swarm;
use libp2p::kad::{Event as Kademlia, GetRecordOk, InboundRequest, QueryResult};
use libp2p::swarm::{self, SwarmEvent};
use std::collections::HashMap;

const HONEST: usize = 10;
const ALL: usize = 30;
/// Newer than the truth by so many sequence numbers, and not in the future.
const NEWER: u64 = 120_000_000;
/// Agents that are looked up.
const AGENTS: u8 = 10;

/// What the twenty do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hostile {
    /// They say what is no word of a Leader's, or not on this agent.
    Lie,
    /// They say an older word of the Leader's.
    Replay,
    /// They keep its revocation back.
    Conceal,
    /// They say that they know nothing.
    Deny,
    /// They say nothing.
    Hang,
}

struct World {
    swarms: Vec<Swarm<Routing>>,
    hostile: Hostile,
    members: Members,
}

/// How often lookups found the truth, nothing, or a lie that was believed, and
/// how many lies came.
#[derive(Debug, Default)]
struct Outcome {
    right: usize,
    nothing: usize,
    believed: usize,
    lies: usize,
}

fn name(agent: u8) -> String {
    format!("{agent:05}")
}

/// The Leader's words on an agent; `older`: those before the last one.
fn truth(hostile: Hostile, agent: u8, older: bool) -> Words {
    let host = HOST + agent;
    let said = enrolled(LEADER, host, &name(agent), if older { 0 } else { NEWER / 2 });
    let out = (hostile == Hostile::Conceal && !older).then(|| revoked(LEADER, host));
    let events: Vec<Event> = std::iter::once(said).chain(out).collect();
    Words::of(&events, &name(agent), &members(), Timestamp::now()).expect("they count")
}

/// What hostile node `number` says of an agent whose truth this is.
fn lie(hostile: Hostile, number: usize, agent: u8, truth: &Words, older: &Words) -> Option<Vec<u8>> {
    let wire = truth.enrolled.wire().to_vec();
    let other = enrolled(LEADER, HOST + agent, "OTHER", NEWER);
    match (hostile, number % 5) {
        (Hostile::Replay, _) => older.value(),
        (Hostile::Conceal, _) => Some(wire),
        (Hostile::Deny | Hostile::Hang, _) => None,
        (Hostile::Lie, 0) => Some(enrolled(HOST + agent, HOST + agent, &name(agent), NEWER).into_wire()),
        (Hostile::Lie, 1) => {
            Some(String::from_utf8(wire).expect("text").replace("#0000000001", "#0000000002").into_bytes())
        }
        (Hostile::Lie, 2) => Some(other.into_wire()),
        // The revocation of another agent, and one that nobody may say.
        (Hostile::Lie, 3) => {
            let out = revoked(HOST, HOST + agent);
            Some([other.wire(), out.wire()].join(&b'\n'))
        }
        (Hostile::Lie, _) => Some(vec![0xff; dht::RECORD_LIMIT_BYTES]),
    }
}

fn swarm(number: usize) -> Swarm<Routing> {
    let keypair = keypair(&Key::from_seed(&[u8::try_from(number + 1).expect("small"); 32]));
    let own = keypair.public().to_peer_id();
    let (transport, _) = transport::build(&keypair, Needs::of(&[])).expect("TCP");
    let mut routing = Routing::new(own, &Names::of(Some(&fleet().fleet)));
    routing.set_members(None);
    routing.loopback = true;
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_mins(1));
    let mut swarm = Swarm::new(transport, routing, own, config);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("loopback");
    swarm
}

impl World {
    /// All of them, each of which knows seven others.
    async fn new(hostile: Hostile) -> Self {
        let mut world = Self { swarms: (0..ALL).map(swarm).collect(), hostile, members: members() };
        let mut addresses = vec![None; ALL];
        while addresses.contains(&None) {
            if let (number, SwarmEvent::NewListenAddr { address, .. }) = world.next(ALL).await {
                addresses[number] = Some((*world.swarms[number].local_peer_id(), address));
            }
        }
        let addresses: Vec<_> = addresses.into_iter().flatten().collect();
        for (number, swarm) in world.swarms.iter_mut().enumerate() {
            for step in [1, 3, 7, 11, 13, 17, 23] {
                let (peer, address) = addresses[(number + step) % ALL].clone();
                swarm.behaviour_mut().learn(&peer, address);
            }
        }
        world
    }

    /// What happens next at one of the first so many, and where.
    async fn next(&mut self, count: usize) -> (usize, SwarmEvent<Kademlia>) {
        let all = self.swarms[..count].iter_mut().map(StreamExt::select_next_some);
        let (event, number, _) = futures::future::select_all(all).await;
        let routing = self.swarms[number].behaviour_mut();
        match &event {
            SwarmEvent::Behaviour(Kademlia::RoutablePeer { peer, address }) => routing.learn(peer, address.clone()),
            SwarmEvent::ConnectionEstablished { connection_id, .. } => drop(routing.made(*connection_id)),
            _ => {}
        }
        (number, event)
    }

    /// An honest node keeps what the rules let it.
    fn offered(&mut self, number: usize, record: &Record) {
        let Some(name) = dht::name_in(record.key.as_ref(), &fleet().fleet) else { return };
        let routing = self.swarms[number].behaviour_mut();
        let there = routing.kept(&record.key);
        let mut events = dht::read(&record.value);
        events.extend(there.iter().flat_map(|value| dht::read(value)));
        if let Some(words) = Words::of(&events, name, &self.members, Timestamp::now()) {
            let value = words.value().expect("it fits");
            routing.keep(Record::new(record.key.clone(), value));
        }
    }

    /// Honest node 0 puts the truth, after each hostile one has sent its lie to
    /// whoever is near; all honest nodes look around.
    async fn fill(&mut self) -> Vec<Words> {
        let mut truths = Vec::new();
        let mut puts = 0;
        for agent in 0..AGENTS {
            let [truth, older] = [false, true].map(|older| truth(self.hostile, agent, older));
            let key = RecordKey::new(&dht::key(&fleet().fleet, &name(agent)));
            for number in HONEST..ALL {
                if let Some(lie) = lie(self.hostile, number, agent, &truth, &older) {
                    let put = self.swarms[number].behaviour_mut().put(Record::new(key.clone(), lie));
                    puts += usize::from(put.is_some());
                }
            }
            truths.push((key, truth));
        }
        self.run_until(puts).await;
        for (key, truth) in &truths {
            let value = truth.value().expect("it fits");
            self.swarms[0].behaviour_mut().put(Record::new(key.clone(), value)).expect("there is room");
        }
        self.run_until(truths.len()).await;
        truths.into_iter().map(|(_, truth)| truth).collect()
    }

    /// Until so many records were put.
    async fn run_until(&mut self, mut puts: usize) {
        while puts > 0 {
            let (number, SwarmEvent::Behaviour(event)) = self.next(ALL).await else { continue };
            match event {
                Kademlia::InboundRequest { request: InboundRequest::PutRecord { record: Some(record), .. } }
                    if number < HONEST =>
                {
                    self.offered(number, &record);
                }
                Kademlia::OutboundQueryProgressed { result: QueryResult::PutRecord(_), .. } => puts -= 1,
                _ => {}
            }
        }
    }

    /// Each of the other honest nodes looks up each agent, as a node does.
    async fn look_up(&mut self, truths: &[Words]) -> Outcome {
        // Those that hang do nothing any more, not even close.
        let running = if self.hostile == Hostile::Hang { HONEST } else { ALL };
        let mut outcome = Outcome::default();
        let mut closed = Vec::new();
        let mut open: HashMap<(usize, QueryId), (usize, Option<Words>)> = HashMap::new();
        for agent in 0..AGENTS {
            let key = RecordKey::new(&dht::key(&fleet().fleet, &name(agent)));
            for number in 1..HONEST {
                let query = self.swarms[number].behaviour_mut().get(key.clone());
                open.insert((number, query), (usize::from(agent), None));
            }
        }
        // Of those that hang nothing will come: what was found is all.
        let hang = self.hostile == Hostile::Hang;
        while open.values().any(|(_, words)| !hang || words.is_none()) {
            let (number, SwarmEvent::Behaviour(event)) = self.next(running).await else { continue };
            let Kademlia::OutboundQueryProgressed { id, result: QueryResult::GetRecord(found), step, .. } = event
            else {
                continue;
            };
            let Some((agent, words)) = open.get_mut(&(number, id)) else { continue };
            let truth = &truths[*agent];
            if let Ok(GetRecordOk::FoundRecord(found)) = found {
                let value = found.record.value;
                outcome.lies += usize::from(Some(&value) != truth.value().as_ref());
                let name = name(u8::try_from(*agent).expect("ten"));
                let new = Words::of(&dht::read(&value), &name, &self.members, Timestamp::now());
                *words = match (words.take(), new) {
                    (Some(before), Some(new)) => Some(before.or_newer(new, &self.members)),
                    (before, new) => before.or(new),
                };
            }
            if step.last {
                closed.extend(open.remove(&(number, id)));
            }
        }
        for (agent, words) in closed.into_iter().chain(open.into_values()) {
            match words {
                None => outcome.nothing += 1,
                Some(words) if words == truths[agent] => outcome.right += 1,
                Some(_) => outcome.believed += 1,
            }
        }
        outcome
    }
}

/// Ninety lookups for each kind of hostility: nine honest nodes look up ten
/// agents, of which the tenth honest node has put the words into the DHT, after
/// the hostile ones have put theirs.
///
/// | the twenty | the truth was found | nothing | a lie was believed |
/// |---|---|---|---|
/// | lie: sign it themselves, change a word, or say one on another agent | 90 | 0 | 0 |
/// | say an older word of the Leader's | 90 | 0 | 0 |
/// | say the word without its revocation | 90 | 0 | 0 |
/// | say that they know nothing | 90 | 0 | 0 |
/// | say nothing, but hold their connections | 90 | 0 | 0 |
#[test]
fn of_thirty_nodes_twenty_are_hostile_and_nobody_believes_them() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let all = usize::from(AGENTS) * (HONEST - 1);
    for hostile in [Hostile::Lie, Hostile::Replay, Hostile::Conceal, Hostile::Deny, Hostile::Hang] {
        let outcome = runtime.block_on(async {
            let mut world = World::new(hostile).await;
            let truths = world.fill().await;
            world.look_up(&truths).await
        });
        assert_eq!(outcome.believed, 0, "{hostile:?}: {outcome:?}");
        // Whoever waits in vain may run out of time.
        let least = if hostile == Hostile::Hang { all / 2 } else { all };
        assert!(outcome.right >= least, "{hostile:?}: {outcome:?}");
        let lies = matches!(hostile, Hostile::Lie | Hostile::Replay | Hostile::Conceal);
        assert_eq!(outcome.lies > all, lies, "{hostile:?}: {outcome:?}");
    }
}
