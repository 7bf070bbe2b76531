//! The loop that drives the swarm: what it reports goes to the node's thread,
//! what the node wants done goes to the swarm.

use super::ServeError;
use super::core::Ticket;
use super::peer::{did_of, peer_id_in, peer_id_of};
use super::request::{Decoding, Shared, stopping};
use super::swarm::{Names, Protocols, ProtocolsEvent};
use crate::attach::{HEADER_BYTES, PutFrame, Reply, Request};
use crate::key::Did;
use crate::mesh::{Input, Origin, Outcome, Reader, check};
use futures::StreamExt as _;
use libp2p::core::ConnectedPoint;
use libp2p::gossipsub::{self, MessageAcceptance, MessageId};
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, InboundRequestId, Message, OutboundRequestId, ResponseChannel};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, ping};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;

/// Requests from other machines at work at once; more wait in their streams.
const AT_WORK: usize = 64;
/// Gossip messages at work at once; what comes beyond is fetched later.
const GOSSIP_AT_WORK: usize = 64;

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
    /// Call an address, by its index.
    Call(usize),
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
    addresses: BTreeSet<Multiaddr>,
    targets: Vec<Multiaddr>,
    calls: HashMap<ConnectionId, usize>,
    peers: HashMap<PeerId, Option<IpAddr>>,
    requests: Arc<Semaphore>,
    gossip: Arc<Semaphore>,
    /// Requests whose reply is not on its way yet.
    owed: HashSet<InboundRequestId>,
    asks: HashMap<OutboundRequestId, u64>,
}

impl<R: Reader + 'static> Driver<R> {
    pub fn new(
        swarm: Swarm<Protocols>,
        names: Names,
        shared: Arc<Shared<R>>,
        listen_file: PathBuf,
        targets: Vec<Multiaddr>,
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
            addresses: BTreeSet::new(),
            targets,
            calls: HashMap::new(),
            peers: HashMap::new(),
            requests: Arc::new(Semaphore::new(AT_WORK)),
            gossip: Arc::new(Semaphore::new(GOSSIP_AT_WORK)),
            owed: HashSet::new(),
            asks: HashMap::new(),
        };
        (driver, sender)
    }

    /// Waits until every address is listened on, and writes them down.
    pub async fn listens(&mut self, wanted: &[Multiaddr], patience: Duration) -> Result<(), ServeError> {
        let mut waiting = wanted.len();
        if waiting == 0 {
            // Addresses of an earlier run would mislead.
            let _ = std::fs::remove_file(&self.listen_file);
            return Ok(());
        }
        let mut heard = HashSet::new();
        let deadline = tokio::time::Instant::now() + patience;
        while waiting > 0 {
            let failed = |reason: String| {
                let address = wanted.first().cloned().unwrap_or_else(Multiaddr::empty);
                ServeError::Listen { address, reason }
            };
            let event = tokio::time::timeout_at(deadline, self.swarm.select_next_some()).await;
            match event.map_err(|_| failed("nothing happened".to_owned()))? {
                SwarmEvent::NewListenAddr { address, listener_id } => {
                    self.addresses.insert(address);
                    // One listener may have many addresses.
                    waiting -= usize::from(heard.insert(listener_id));
                }
                SwarmEvent::ListenerError { error, .. } | SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                    return Err(failed(error.to_string()));
                }
                other => self.event(other),
            }
        }
        self.write_addresses();
        Ok(())
    }

    pub async fn run(mut self) {
        let mut done = None;
        while done.is_none() || !self.owed.is_empty() {
            tokio::select! {
                event = self.swarm.select_next_some() => self.event(event),
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
            Command::Verdict { message, source, acceptance } => {
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&message, &source, acceptance);
            }
            Command::Publish(frames) => self.publish(frames),
            Command::Gossip(joins) => {
                let topic = self.names.topic();
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                if joins {
                    // The filter lets this one topic through.
                    let _ = gossip.subscribe(&topic);
                } else {
                    gossip.unsubscribe(&topic);
                }
            }
            Command::Ask { ask, peer, frame } => match (frame, peer_id_of(&peer)) {
                (Some(frame), Some(peer)) => {
                    let request = self.swarm.behaviour_mut().frames.send_request(&peer, frame);
                    self.asks.insert(request, ask);
                }
                _ => self.happens(Input::Answered { ask, outcome: Outcome::Failed }),
            },
            Command::Call(target) => self.call(target),
            Command::Stop(_) => {}
        }
    }

    fn publish(&mut self, frames: Vec<PutFrame>) {
        let topic = self.names.topic();
        for mut frame in frames {
            let body = frame.bytes.split_off(HEADER_BYTES);
            // Nobody there, or queues full: peers fetch it when they compare.
            if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic.clone(), body) {
                self.shared.say.log(|| format!("gossip: {error}"));
            }
        }
    }

    fn call(&mut self, target: usize) {
        let Some(address) = self.targets.get(target) else { return };
        let options = match peer_id_in(address) {
            Some(peer) => DialOpts::peer_id(peer).addresses(vec![address.clone()]).build(),
            None => address.clone().into(),
        };
        let connection = options.connection_id();
        self.calls.insert(connection, target);
        if let Err(error) = self.swarm.dial(options) {
            self.call_failed(connection, &error.to_string());
        }
    }

    fn call_failed(&mut self, connection: ConnectionId, reason: &str) {
        if let Some(target) = self.calls.remove(&connection) {
            self.shared.say.log(|| format!("{}: {reason}", self.targets[target]));
            self.happens(Input::CallFailed { target });
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
                let target = self.calls.remove(&connection_id);
                self.peers.insert(peer_id, address_of(&endpoint));
                if let Some(peer) = did_of(&peer_id) {
                    self.happens(Input::Connected { peer, target });
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.peers.remove(&peer_id);
                if let Some(peer) = did_of(&peer_id) {
                    self.happens(Input::Disconnected { peer });
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.call_failed(connection_id, &error.to_string());
            }
            SwarmEvent::Behaviour(event) => self.protocol(event),
            _ => {}
        }
    }

    fn protocol(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Frames(event) => self.frames(event),
            ProtocolsEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.gossiped(propagation_source, message_id, message.data);
            }
            ProtocolsEvent::Gossip(gossipsub::Event::Subscribed { peer_id, .. }) => {
                if let Some(peer) = did_of(&peer_id) {
                    self.happens(Input::Behind { peer });
                }
            }
            ProtocolsEvent::Identify(identify::Event::Received { peer_id, info, .. })
                if info.protocol_version != self.names.version() =>
            {
                self.shared.say.log(|| format!("{peer_id} is of another fleet: parting"));
                let _ = self.swarm.disconnect_peer_id(peer_id);
            }
            ProtocolsEvent::Ping(ping::Event { connection, result: Err(ping::Failure::Timeout), .. }) => {
                self.swarm.close_connection(connection);
            }
            _ => {}
        }
    }

    fn frames(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Message::Request { request, channel, request_id } => {
                    if *self.shared.stopping.borrow() {
                        return;
                    }
                    self.owed.insert(request_id);
                    self.request(peer, request, channel);
                }
                Message::Response { request_id, response } => {
                    if let Some(ask) = self.asks.remove(&request_id) {
                        self.answered(ask, response);
                    }
                }
            },
            request_response::Event::ResponseSent { request_id, .. }
            | request_response::Event::InboundFailure { request_id, .. } => {
                self.owed.remove(&request_id);
            }
            request_response::Event::OutboundFailure { request_id, error, peer, .. } => {
                if let Some(ask) = self.asks.remove(&request_id) {
                    self.shared.say.log(|| format!("{peer}: {error}"));
                    self.happens(Input::Answered { ask, outcome: Outcome::Failed });
                }
            }
        }
    }

    /// Decodes, judges and answers beside this loop.
    fn request(&mut self, peer: PeerId, body: Vec<u8>, channel: ResponseChannel<Vec<u8>>) {
        let Some(did) = did_of(&peer) else { return };
        let origin = Origin::Peer { did, address: self.peers.get(&peer).copied().flatten() };
        let (room, shared, sender) = (self.requests.clone(), self.shared.clone(), self.sender.clone());
        tokio::spawn(async move {
            let reply = {
                let Ok(_place) = room.acquire_owned().await else { return };
                let Some(decoded) = Decoding::of(body).done().await else { return };
                shared.submit(decoded, origin).await
            };
            let reply = reply.await.unwrap_or_else(|_| stopping());
            let mut frame = Vec::new();
            if reply.frame(&mut frame).is_ok() {
                let _ = sender.send(Command::Respond(channel, frame));
            }
        });
    }

    /// A reply to an ask: the events in it are checked on any core.
    fn answered(&self, ask: u64, body: Vec<u8>) {
        let happened = self.happened.clone();
        spawn_blocking(move || {
            let outcome = match Reply::decode(&body) {
                Ok(Reply::Events { events } | Reply::Answers { events }) => {
                    Outcome::Events(events.iter().map(|wire| check(wire)).collect())
                }
                Ok(reply) => Outcome::Other(reply),
                Err(_) => Outcome::Failed,
            };
            let _ = happened.send(Input::Answered { ask, outcome });
        });
    }

    /// A gossip message, which waits for its verdict. What is too much at once
    /// is not passed on, and fetched later.
    fn gossiped(&mut self, source: PeerId, message: MessageId, body: Vec<u8>) {
        let Ok(place) = self.gossip.clone().try_acquire_owned() else {
            let acceptance = MessageAcceptance::Ignore;
            self.command(Command::Verdict { message, source, acceptance });
            if let Some(peer) = did_of(&source) {
                self.happens(Input::Behind { peer });
            }
            return;
        };
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let events = spawn_blocking(move || match Request::decode(&body) {
                Ok(Request::Put { events }) => events.iter().map(|wire| check(wire)).collect(),
                // Not what nodes gossip: the empty message is refused.
                _ => Vec::new(),
            });
            // A check that broke off leaves the message without a verdict: it
            // is not passed on.
            if let Ok(events) = events.await {
                let ticket = Ticket::Gossip { message, source };
                let _ = shared.inputs.send(Input::Gossip { ticket, events }).await;
            }
            drop(place);
        });
    }

    fn write_addresses(&self) {
        let peer = *self.swarm.local_peer_id();
        let lines = self.addresses.iter().map(|address| format!("{}\n", address.clone().with(Protocol::P2p(peer))));
        let text: String = lines.collect();
        if let Err(error) = super::serve::write_beside(&self.listen_file, text.as_bytes()) {
            self.shared.say.say(&format!("{}: {error}", self.listen_file.display()));
        }
    }
}

fn address_of(endpoint: &ConnectedPoint) -> Option<IpAddr> {
    endpoint.get_remote_address().iter().find_map(|part| match part {
        Protocol::Ip4(address) => Some(address.into()),
        Protocol::Ip6(address) => Some(address.into()),
        _ => None,
    })
}
