//! A node that says what it is told to, as a peer and as a part of the DHT.

use crate::node::key;
use cooee::attach::{HEADER_BYTES, Reply, Request, body_length};
use cooee::mesh::dht;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, RecordStore as _};
use libp2p::kad::{self, Mode, Record, RecordKey};
use libp2p::request_response::{self, Codec, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm, identify, noise, tcp, yamux};
use std::io;
use std::sync::mpsc as blocking;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

#[derive(NetworkBehaviour)]
struct Protocols {
    identify: identify::Behaviour,
    frames: request_response::Behaviour<Frames>,
    routing: kad::Behaviour<MemoryStore>,
}

/// What it says from now on: to `find`, and in the DHT.
struct Says {
    finds: Vec<Vec<u8>>,
    record: Option<Vec<u8>>,
    done: blocking::Sender<()>,
}

pub struct Liar {
    /// Where it listens.
    pub address: String,
    says: mpsc::UnboundedSender<Says>,
    names: Vec<RecordKey>,
    _runtime: Runtime,
}

impl Liar {
    /// One with the key of a host, in a fleet; it speaks of one agent.
    pub fn new(seed: u8, fleet: &str, names: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let (says, said) = mpsc::unbounded_channel();
        let (listens, address) = blocking::channel();
        let names: Vec<RecordKey> = names.iter().map(|name| RecordKey::new(&dht::key(fleet, name))).collect();
        let (keys, fleet) = (names.clone(), fleet.to_owned());
        runtime.spawn(async move { run(swarm(seed, &fleet), said, keys, listens).await });
        let address = address.recv().expect("it listens");
        Self { address, says, names, _runtime: runtime }
    }

    /// From now on it says this when asked, and this in the DHT.
    pub fn says(&self, finds: &[&[u8]], record: Option<&[&[u8]]>) {
        assert!(!self.names.is_empty());
        let (done, is_done) = blocking::channel();
        let finds = finds.iter().map(|wire| wire.to_vec()).collect();
        let record = record.map(|lines| lines.join(&b'\n'));
        self.says.send(Says { finds, record, done }).expect("it runs");
        is_done.recv().expect("it runs");
    }
}

/// What a node's part of a fleet's DHT has under a name, as a stranger is told.
pub fn kept(address: &str, fleet: &str, name: &str) -> Option<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut swarm = swarm(70, fleet);
        let (place, peer) = address.rsplit_once("/p2p/").expect("with its peer id");
        let routing = &mut swarm.behaviour_mut().routing;
        routing.add_address(&peer.parse().expect("a peer id"), place.parse().expect("an address"));
        routing.get_record(RecordKey::new(&dht::key(fleet, name)));
        let mut kept = None;
        loop {
            let event = swarm.select_next_some().await;
            let SwarmEvent::Behaviour(ProtocolsEvent::Routing(kad::Event::OutboundQueryProgressed {
                result: kad::QueryResult::GetRecord(found),
                step,
                ..
            })) = event
            else {
                continue;
            };
            if let Ok(kad::GetRecordOk::FoundRecord(found)) = found {
                kept = Some(found.record.value);
            }
            if step.last {
                return kept;
            }
        }
    })
}

fn swarm(seed: u8, fleet: &str) -> Swarm<Protocols> {
    let keypair = Keypair::ed25519_from_bytes(&mut *key(seed).seed()).expect("a seed");
    let own = keypair.public().to_peer_id();
    let name = |text: String| StreamProtocol::try_from_owned(text).expect("it starts with a slash");
    let mut swarm = libp2p::SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|key| {
            let config = kad::Config::new(name(format!("/cooee/{fleet}/kad/1")));
            let mut routing = kad::Behaviour::with_config(own, MemoryStore::new(own), config);
            routing.set_mode(Some(Mode::Server));
            let frames = [(name(format!("/cooee/{fleet}/frames/1")), ProtocolSupport::Full)];
            let identify = identify::Config::new(format!("cooee/{fleet}/1"), key.public());
            Protocols {
                identify: identify::Behaviour::new(identify),
                frames: request_response::Behaviour::new(frames, request_response::Config::default()),
                routing,
            }
        })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_mins(5)))
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("loopback");
    swarm
}

async fn run(
    mut swarm: Swarm<Protocols>,
    mut said: mpsc::UnboundedReceiver<Says>,
    keys: Vec<RecordKey>,
    listens: blocking::Sender<String>,
) {
    let mut finds = Vec::new();
    loop {
        tokio::select! {
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => {
                    let _ = listens.send(format!("{address}/p2p/{}", swarm.local_peer_id()));
                }
                SwarmEvent::Behaviour(ProtocolsEvent::Frames(request_response::Event::Message {
                    message: Message::Request { request, channel, .. }, ..
                })) => {
                    let reply = match Request::decode(&request) {
                        Ok(Request::Find { .. }) => Reply::Found { events: finds.clone(), asked: 0, answered: 0 },
                        _ => Reply::Error { code: "not_permitted".to_owned(), reason: "no".to_owned() },
                    };
                    let mut frame = Vec::new();
                    reply.frame(&mut frame).expect("it fits");
                    let _ = swarm.behaviour_mut().frames.send_response(channel, frame);
                }
                _ => {}
            },
            Some(says) = said.recv() => {
                finds = says.finds;
                let store = swarm.behaviour_mut().routing.store_mut();
                for key in &keys {
                    store.remove(key);
                    if let Some(value) = &says.record {
                        store.put(Record::new(key.clone(), value.clone())).expect("there is room");
                    }
                }
                let _ = says.done.send(());
            }
        }
    }
}

/// Frames as they are.
#[derive(Clone, Default)]
struct Frames;

impl Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut header = [0; HEADER_BYTES];
        io.read_exact(&mut header).await?;
        let mut body = vec![0; body_length(header).map_err(io::Error::other)?];
        io.read_exact(&mut body).await?;
        Ok(body)
    }

    async fn read_response<T>(&mut self, protocol: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read_request(protocol, io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, frame: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&frame).await?;
        io.close().await
    }

    async fn write_response<T>(&mut self, protocol: &StreamProtocol, io: &mut T, frame: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write_request(protocol, io, frame).await
    }
}
