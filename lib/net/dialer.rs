//! Asking another machine's node without being one: a connection under a
//! throw-away key, for a command that has no node beside it.

use super::codec::Frames;
use super::fault::innermost;
use super::peer::peer_id_in;
use super::swarm::{Names, REQUEST_TIMEOUT};
use super::transport::{self, Needs};
use crate::attach::{FrameError, Reply, Request};
use futures::StreamExt as _;
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, OutboundFailure, OutboundRequestId, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{Multiaddr, PeerId, Swarm, swarm};
use std::time::Instant;
use tokio::runtime::Runtime;

/// Nodes called at once; the first that answers is asked.
const CALLS: usize = 8;

/// Why no node could be asked.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No address to call.
    #[error("no node to call")]
    NoAddress,
    /// None answered; this is what the last said. Temporary: exit 4.
    #[error("no node could be reached: {0}")]
    Unreachable(String),
    /// Somebody else answers at that address. A security refusal: exit 5.
    #[error("{address} is {found}, not the node that was asked for")]
    WrongPeer {
        /// The address with the peer id it should have.
        address: Multiaddr,
        /// Who answered.
        found: PeerId,
    },
    /// It is no node of this fleet.
    #[error("the node there is of another fleet")]
    OtherFleet,
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke while a request was under way.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// What came, or what was to be sent, is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// libp2p or tokio cannot start.
    #[error("the network: {0}")]
    Network(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A connection to one node. Blocking; it closes when this is dropped.
pub struct Dialer {
    // Dropped before the runtime that it runs on.
    swarm: Swarm<request_response::Behaviour<Frames>>,
    peer: PeerId,
    runtime: Runtime,
}

impl Dialer {
    /// Calls the nodes at `addresses`, up to eight, and keeps the first that
    /// answers. `fleet` is the fleet's id, `None` for ad hoc nodes.
    pub fn connect(addresses: &[Multiaddr], fleet: Option<&str>, deadline: Instant) -> Result<Self, DialError> {
        // One thread: there is one connection, and nothing to share out.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| DialError::Network(error.into()))?;
        let (swarm, peer) = runtime.block_on(async {
            let mut swarm = build(&Names::of(fleet), addresses)?;
            tokio::time::timeout_at(deadline.into(), dial(&mut swarm, addresses))
                .await
                .unwrap_or(Err(DialError::TimedOut))
                .map(|peer| (swarm, peer))
        })?;
        Ok(Self { swarm, peer, runtime })
    }

    /// Who answered.
    pub fn peer(&self) -> Option<crate::key::Did> {
        super::peer::did_of(&self.peer)
    }

    /// Asks, and waits for the reply.
    pub fn request(&mut self, request: &Request, deadline: Instant) -> Result<Reply, DialError> {
        let mut frame = Vec::new();
        request.frame(&mut frame)?;
        Ok(Reply::decode(&self.carry(frame, deadline)?)?)
    }

    /// Takes a frame there, header included, and the body of its reply back.
    pub fn carry(&mut self, frame: Vec<u8>, deadline: Instant) -> Result<Vec<u8>, DialError> {
        let Self { swarm, peer, runtime } = self;
        runtime.block_on(async {
            let asked = swarm.behaviour_mut().send_request(peer, frame);
            tokio::time::timeout_at(deadline.into(), reply(swarm, asked)).await.unwrap_or(Err(DialError::TimedOut))
        })
    }
}

fn build(names: &Names, addresses: &[Multiaddr]) -> Result<Swarm<request_response::Behaviour<Frames>>, DialError> {
    let config = request_response::Config::default().with_request_timeout(REQUEST_TIMEOUT);
    let frames = request_response::Behaviour::new([(names.frames(), ProtocolSupport::Outbound)], config);
    let keypair = Keypair::generate_ed25519();
    let called = &addresses[..addresses.len().min(CALLS)];
    let (transport, _) = transport::build(&keypair, Needs::of(called)).map_err(DialError::Network)?;
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(REQUEST_TIMEOUT);
    Ok(Swarm::new(transport, frames, keypair.public().to_peer_id(), config))
}

async fn dial(
    swarm: &mut Swarm<request_response::Behaviour<Frames>>,
    addresses: &[Multiaddr],
) -> Result<PeerId, DialError> {
    let mut failure = DialError::NoAddress;
    let mut calls = 0;
    for address in addresses.iter().take(CALLS) {
        let options = match peer_id_in(address) {
            // Two addresses of one node are two calls.
            Some(peer) => DialOpts::peer_id(peer)
                .condition(swarm::dial_opts::PeerCondition::Always)
                .addresses(vec![address.clone()])
                .build(),
            None => address.clone().into(),
        };
        match swarm.dial(options) {
            Ok(()) => calls += 1,
            Err(error) => failure = failed(error),
        }
    }
    while calls > 0 {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => return Ok(peer_id),
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                calls -= 1;
                // A wrong key is worse news than a closed port.
                if !matches!(failure, DialError::WrongPeer { .. }) {
                    failure = failed(error);
                }
            }
            _ => {}
        }
    }
    Err(failure)
}

fn failed(error: swarm::DialError) -> DialError {
    match error {
        swarm::DialError::WrongPeerId { obtained, address } => DialError::WrongPeer { address, found: obtained },
        swarm::DialError::Transport(mut errors) => DialError::Unreachable(
            errors.pop().map(|(address, error)| format!("{address}: {}", innermost(&error).0)).unwrap_or_default(),
        ),
        other => DialError::Unreachable(other.to_string()),
    }
}

/// The reply to `asked`; one to an earlier request that timed out is passed over.
async fn reply(
    swarm: &mut Swarm<request_response::Behaviour<Frames>>,
    asked: OutboundRequestId,
) -> Result<Vec<u8>, DialError> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(request_response::Event::Message {
                message: Message::Response { request_id, response },
                ..
            }) if request_id == asked => return Ok(response),
            SwarmEvent::Behaviour(request_response::Event::OutboundFailure { request_id, error, .. })
                if request_id == asked =>
            {
                return Err(match error {
                    OutboundFailure::UnsupportedProtocols => DialError::OtherFleet,
                    OutboundFailure::Timeout => DialError::TimedOut,
                    other => DialError::Broken(other.to_string()),
                });
            }
            _ => {}
        }
    }
}
