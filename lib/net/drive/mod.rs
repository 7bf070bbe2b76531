//! The loop that drives the swarm: what it reports goes to the node's thread,
//! what the node wants done goes to the swarm.

mod calls;
mod double;
mod find;
mod gossip;
mod guard;
mod records;
mod requests;
mod watch;

use self::find::{Passing, SWEEP_EVERY};
use self::records::Records;
use super::core::Ticket;
use super::fault::innermost;
use super::peer::{peer_id_of, place};
use super::request::Shared;
use super::swarm::{Names, Protocols, ProtocolsEvent};
use super::traffic::Meter;
use crate::attach::{PutFrame, Reply};
use crate::key::Did;
use crate::mesh::{Admission, Announced, Call, Facts, Input, Offence, Reader};
use futures::StreamExt as _;
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use libp2p::request_response::{InboundRequestId, OutboundRequestId, ResponseChannel};
use libp2p::swarm::{ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, mdns, ping};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Requests from other machines at work at once; more wait in their streams.
const AT_WORK: usize = 64;
/// Gossip messages at work at once; what comes beyond is fetched later.
const GOSSIP_AT_WORK: usize = 64;

/// How often the process's memory is looked at.
const WEIGH_EVERY: Duration = Duration::from_millis(500);

/// What is to be done with the swarm.
#[derive(Debug)]
pub(super) enum Command {
    /// Answer a request from another machine.
    Respond(ResponseChannel<Vec<u8>>, Vec<u8>),
    /// Pass a gossip message on, or not.
    Verdict { message: MessageId, source: PeerId, acceptance: MessageAcceptance },
    /// Gossip these frames' bodies.
    Publish(Vec<PutFrame>),
    /// Take part in the gossip, or no longer.
    Gossip(bool),
    /// Ask a peer; without a frame it has failed.
    Ask { ask: u64, peer: Did, frame: Option<Vec<u8>> },
    /// Call a peer.
    Call(Call),
    /// Ask the DHT for a name.
    Lookup { lookup: u64, name: String },
    /// Put these into the DHT.
    Announce(Vec<Announced>),
    /// Keep what the log says.
    Hold(Vec<Announced>),
    /// Keep a record that was found good, weighed against what was there.
    Keep(Announced, Option<Vec<u8>>),
    /// These belong; `None`: everybody does.
    Members(Option<Vec<Did>>),
    /// Answer what this node sees.
    Watch(oneshot::Sender<Reply>, Box<Facts>),
    /// A peer stands so from now on.
    Admission(Did, Admission),
    /// A peer did what no honest one does.
    Blame(Did, Offence),
    /// An event under our own key came from elsewhere.
    Ours { id: String, sequence: u64 },
    /// Close every connection and end.
    Stop(oneshot::Sender<()>),
}

pub(super) struct Driver<R> {
    swarm: Swarm<Protocols>,
    names: Names,
    shared: Arc<Shared<R>>,
    commands: mpsc::UnboundedReceiver<Command>,
    sender: mpsc::UnboundedSender<Command>,
    /// Inputs in the order of what happened, whatever the node's thread does.
    happened: mpsc::UnboundedSender<Input<Ticket>>,
    listen_file: PathBuf,
    sequence_file: PathBuf,
    addresses: BTreeSet<Multiaddr>,
    /// The connections that are being made, and the calls they are for.
    calls: HashMap<ConnectionId, (u64, Vec<Multiaddr>)>,
    /// Connections that Kademlia made, which are closed after a while.
    passing: HashMap<PeerId, Passing>,
    /// Where connected peers say that they listen.
    announced: HashMap<PeerId, Vec<Multiaddr>>,
    records: Records,
    /// It was said that nobody can be reached.
    alone: bool,
    peers: HashMap<PeerId, Option<IpAddr>>,
    requests: Arc<Semaphore>,
    gossip: Arc<Semaphore>,
    /// Bytes of requests that are held: members' and strangers'.
    held: (Arc<Semaphore>, Arc<Semaphore>),
    /// Requests whose reply is not on its way yet.
    owed: HashSet<InboundRequestId>,
    asks: HashMap<OutboundRequestId, u64>,
    meter: Meter,
    sights: watch::Sights,
    double: double::Double,
}

impl<R: Reader + 'static> Driver<R> {
    pub fn new(
        swarm: Swarm<Protocols>,
        names: Names,
        shared: Arc<Shared<R>>,
        (listen_file, sequence_file): (PathBuf, PathBuf),
        meter: Meter,
    ) -> (Self, mpsc::UnboundedSender<Command>) {
        let (sender, commands) = mpsc::unbounded_channel();
        let (happened, mut queue) = mpsc::unbounded_channel();
        let inputs = shared.inputs.clone();
        tokio::spawn(async move {
            while let Some(input) = queue.recv().await {
                if inputs.send(input).await.is_err() {
                    return;
                }
            }
        });
        let driver = Self {
            swarm,
            names,
            shared,
            commands,
            sender: sender.clone(),
            happened,
            listen_file,
            sequence_file,
            addresses: BTreeSet::new(),
            calls: HashMap::new(),
            passing: HashMap::new(),
            announced: HashMap::new(),
            records: Records::default(),
            alone: false,
            peers: HashMap::new(),
            requests: Arc::new(Semaphore::new(AT_WORK)),
            gossip: Arc::new(Semaphore::new(GOSSIP_AT_WORK)),
            held: (
                Arc::new(Semaphore::new(guard::HELD_OF_MEMBERS)),
                Arc::new(Semaphore::new(guard::HELD_OF_STRANGERS)),
            ),
            owed: HashSet::new(),
            asks: HashMap::new(),
            meter,
            sights: watch::Sights::default(),
            double: double::Double::default(),
        };
        (driver, sender)
    }

    pub async fn run(mut self) {
        let mut done = None;
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut weighing = tokio::time::interval(WEIGH_EVERY);
        weighing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while done.is_none() || !self.owed.is_empty() {
            tokio::select! {
                event = self.swarm.select_next_some() => self.event(event),
                _ = weighing.tick() => self.weigh(),
                _ = sweep.tick() => self.sweep(),
                command = self.commands.recv() => match command {
                    Some(Command::Stop(sender)) => done = Some(sender),
                    Some(command) => self.command(command),
                    None => return,
                },
            }
        }
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.network_info().num_peers() > 0 {
            self.swarm.select_next_some().await;
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Respond(channel, frame) => {
                // Whoever asked may have gone.
                let _ = self.swarm.behaviour_mut().frames.send_response(channel, frame);
            }
            Command::Verdict { message, source, acceptance } => self.verdict(&message, &source, acceptance),
            Command::Publish(frames) => self.publish(frames),
            Command::Gossip(joins) => self.take_part(joins),
            Command::Ask { ask, peer, frame } => self.ask(ask, &peer, frame),
            Command::Call(call) => self.call(&call),
            Command::Lookup { lookup, name } => self.look_up(lookup, &name),
            Command::Announce(records) => self.announce(records),
            Command::Hold(records) => self.hold(records),
            Command::Keep(record, there) => self.keep(record, there.as_deref()),
            Command::Members(members) => self.members(members),
            Command::Watch(sender, facts) => {
                // Whoever asked may have gone.
                let _ = sender.send(self.watched(&facts));
            }
            Command::Admission(peer, admission) => self.stands(&peer, admission),
            Command::Blame(peer, offence) => {
                if let Some(peer) = peer_id_of(&peer) {
                    self.blame(&peer, offence);
                }
            }
            Command::Ours { id, sequence } => self.said_elsewhere(&id, sequence),
            Command::Stop(_) => {}
        }
    }

    fn happens(&self, input: Input<Ticket>) {
        // A thread that has ended wants to know nothing.
        let _ = self.happened.send(input);
    }

    fn event(&mut self, event: SwarmEvent<ProtocolsEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                self.addresses.insert(address);
                self.write_addresses();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.addresses.remove(&address);
                self.write_addresses();
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                self.sights.closed(connection_id, cause.map(|cause| innermost(&cause).0));
                if num_established == 0 {
                    self.parted(peer_id);
                }
            }
            SwarmEvent::IncomingConnection { .. } => self.double.arrives(Instant::now()),
            SwarmEvent::IncomingConnectionError { peer_id, error, .. } => {
                if let ListenError::LocalPeerId { address } = &error {
                    self.double.calls(&place(address), Instant::now());
                }
                self.refused(peer_id, &error);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, peer_id } => {
                match &error {
                    DialError::LocalPeerId { address } => self.double.answers(&place(address), Instant::now()),
                    // An address that was another's, and leads here now.
                    DialError::WrongPeerId { obtained, address } if obtained == self.swarm.local_peer_id() => {
                        self.double.answers(&place(address), Instant::now());
                    }
                    _ => {}
                }
                self.call_refused(peer_id, &error);
                self.call_failed(connection_id, &error);
            }
            SwarmEvent::Behaviour(event) => self.protocol(event),
            _ => {}
        }
    }

    fn protocol(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Frames(event) => self.frames(event),
            ProtocolsEvent::Gossip(event) => self.gossip_event(event),
            ProtocolsEvent::Identify(identify::Event::Received { peer_id, info, connection_id }) => {
                self.identified(peer_id, connection_id, &info);
            }
            ProtocolsEvent::Mdns(mdns::Event::Discovered(found)) => self.found_near(found),
            ProtocolsEvent::Routing(event) => self.routed(event),
            ProtocolsEvent::Ping(ping::Event { connection, result, .. }) => match result {
                Ok(round_trip) => self.sights.pinged(connection, round_trip),
                // A command that only hands something over answers none.
                Err(ping::Failure::Unsupported) => {}
                // libp2p says nothing of the first failure, which is the time
                // that has passed: the second is a stream that does not open.
                Err(_) => {
                    self.swarm.close_connection(connection);
                }
            },
            _ => {}
        }
    }
}
