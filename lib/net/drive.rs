//! The loop that drives the swarm: what it reports goes to the node's thread,
//! what the node wants done goes to the swarm.

use super::ServeError;
use super::peer::did_of;
use super::request::{Shared, decode, stopping};
use super::swarm::{Names, Protocols, ProtocolsEvent};
use crate::mesh::{Origin, Reader};
use futures::StreamExt as _;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, InboundRequestId, Message, ResponseChannel};
use libp2p::swarm::SwarmEvent;
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

/// What is to be done with the swarm.
#[derive(Debug)]
pub(super) enum Command {
    /// Answer a request from another machine.
    Respond(ResponseChannel<Vec<u8>>, Vec<u8>),
    /// Close every connection and end.
    Stop(oneshot::Sender<()>),
}

pub(super) struct Driver<R> {
    pub swarm: Swarm<Protocols>,
    pub names: Names,
    pub shared: Arc<Shared<R>>,
    pub commands: mpsc::UnboundedReceiver<Command>,
    pub sender: mpsc::UnboundedSender<Command>,
    pub listen_file: PathBuf,
    pub room: Arc<Semaphore>,
    pub addresses: BTreeSet<Multiaddr>,
    pub peers: HashMap<PeerId, Option<IpAddr>>,
    /// Requests whose reply is not on its way yet.
    puts: HashSet<InboundRequestId>,
}

impl<R: Reader + 'static> Driver<R> {
    pub fn new(
        swarm: Swarm<Protocols>,
        names: Names,
        shared: Arc<Shared<R>>,
        listen_file: PathBuf,
    ) -> (Self, mpsc::UnboundedSender<Command>) {
        let (sender, commands) = mpsc::unbounded_channel();
        let driver = Self {
            swarm,
            names,
            shared,
            commands,
            sender: sender.clone(),
            listen_file,
            room: Arc::new(Semaphore::new(AT_WORK)),
            addresses: BTreeSet::new(),
            peers: HashMap::new(),
            puts: HashSet::new(),
        };
        (driver, sender)
    }

    /// Waits until every address is listened on, and writes them down.
    pub async fn listens(&mut self, wanted: &[Multiaddr], patience: Duration) -> Result<(), ServeError> {
        let mut waiting = wanted.len();
        if waiting == 0 {
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
        loop {
            if done.is_some() && self.puts.is_empty() {
                break;
            }
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
            Command::Stop(_) => {}
        }
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
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => {
                self.peers.insert(peer_id, address_of(&endpoint));
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.peers.remove(&peer_id);
            }
            SwarmEvent::Behaviour(event) => self.protocol(event),
            _ => {}
        }
    }

    fn protocol(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Frames(event) => self.frames(event),
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
                    self.puts.insert(request_id);
                    self.request(peer, request, channel);
                }
                Message::Response { .. } => {}
            },
            request_response::Event::ResponseSent { request_id, .. }
            | request_response::Event::InboundFailure { request_id, .. } => {
                self.puts.remove(&request_id);
            }
            request_response::Event::OutboundFailure { .. } => {}
        }
    }

    /// Decodes, judges and answers beside this loop.
    fn request(&mut self, peer: PeerId, body: Vec<u8>, channel: ResponseChannel<Vec<u8>>) {
        let Some(did) = did_of(&peer) else { return };
        let origin = Origin::Peer { did, address: self.peers.get(&peer).copied().flatten() };
        let (room, shared, sender) = (self.room.clone(), self.shared.clone(), self.sender.clone());
        tokio::spawn(async move {
            let reply = {
                let Ok(_place) = room.acquire_owned().await else { return };
                let Ok(decoded) = spawn_blocking(move || decode(&body)).await else { return };
                shared.submit(decoded, origin).await
            };
            let reply = reply.await.unwrap_or_else(|_| stopping());
            let mut frame = Vec::new();
            if reply.frame(&mut frame).is_ok() {
                let _ = sender.send(Command::Respond(channel, frame));
            }
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
