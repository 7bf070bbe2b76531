//! A libp2p client that keeps no rule: streams by hand, over Noise and Yamux or
//! over QUIC.

use futures::future::poll_fn;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt as _, SubstreamBox};
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::core::{Endpoint, upgrade};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, noise, quic, tcp, yamux};
use std::io;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub const PATIENCE: Duration = Duration::from_secs(20);

type Wanted = oneshot::Sender<SubstreamBox>;

/// A connection whose key is proved, and nothing else.
pub struct Peer {
    pub key: Keypair,
    wanted: mpsc::UnboundedSender<Wanted>,
    over: tokio::task::JoinHandle<()>,
}

impl Peer {
    /// Calls; the node may have closed again when this returns.
    pub async fn call(address: &Multiaddr, key: Keypair) -> io::Result<Self> {
        let mut transport = if address.iter().any(|part| part == Protocol::QuicV1) {
            let quic = quic::tokio::Transport::new(quic::Config::new(&key));
            quic.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed()
        } else {
            tcp::tokio::Transport::new(tcp::Config::default())
                .upgrade(upgrade::Version::V1)
                .authenticate(noise::Config::new(&key).map_err(io::Error::other)?)
                .multiplex(yamux::Config::default())
                .boxed()
        };
        let address: Multiaddr = address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dialing = transport.dial(address, options).map_err(io::Error::other)?;
        let (_, muxer) = timeout(PATIENCE, dialing).await?.map_err(io::Error::other)?;
        let (wanted, wanting) = mpsc::unbounded_channel();
        Ok(Self { key, wanted, over: tokio::spawn(drive(muxer, wanting)) })
    }

    pub fn is_over(&self) -> bool {
        self.over.is_finished()
    }

    /// Has the node closed it in time?
    pub async fn ends(self) -> bool {
        let Self { over, wanted: _wanted, .. } = self;
        timeout(PATIENCE, over).await.is_ok()
    }

    /// A stream with nothing on it.
    pub async fn stream(&self) -> io::Result<SubstreamBox> {
        let (sender, receiver) = oneshot::channel();
        let gone = |_| io::Error::from(io::ErrorKind::ConnectionReset);
        self.wanted.send(sender).map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))?;
        timeout(PATIENCE, receiver).await?.map_err(gone)
    }

    /// A stream on which this protocol is asked for, and these bytes follow.
    pub async fn speak(&self, protocol: &str, bytes: &[u8]) -> io::Result<SubstreamBox> {
        let mut stream = self.stream().await?;
        let mut all = b"\x13/multistream/1.0.0\n".to_vec();
        varint(&mut all, protocol.len() as u64 + 1);
        all.extend_from_slice(protocol.as_bytes());
        all.push(b'\n');
        all.extend_from_slice(bytes);
        timeout(PATIENCE, async {
            stream.write_all(&all).await?;
            stream.flush().await
        })
        .await??;
        Ok(stream)
    }
}

/// All that comes back before the other side ends the stream.
pub async fn read_all(mut stream: SubstreamBox) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    all
}

/// Keeps the connection going until the other side ends it: streams it opens
/// are held and never read.
async fn drive(mut muxer: StreamMuxerBox, mut wanting: mpsc::UnboundedReceiver<Wanted>) {
    let mut queue = std::collections::VecDeque::new();
    let mut held = Vec::new();
    poll_fn(|context| {
        loop {
            let mut quiet = true;
            if let Poll::Ready(wanted) = wanting.poll_recv(context) {
                let Some(wanted) = wanted else { return Poll::Ready(()) };
                queue.push_back(wanted);
                quiet = false;
            }
            match muxer.poll_inbound_unpin(context) {
                Poll::Ready(Ok(stream)) => {
                    held.push(stream);
                    quiet = false;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if !queue.is_empty()
                && let Poll::Ready(stream) = muxer.poll_outbound_unpin(context)
            {
                let Ok(stream) = stream else { return Poll::Ready(()) };
                let _ = queue.pop_front().map(|wanted: Wanted| wanted.send(stream));
                quiet = false;
            }
            match muxer.poll_unpin(context) {
                Poll::Ready(Ok(_)) => quiet = false,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if quiet {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// Unsigned LEB128, as multistream and protobuf have it.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A protobuf field of bytes.
pub fn field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A protobuf field that is a number.
pub fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

/// With its length before it, as gossipsub sends its messages.
pub fn prefixed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, message.len() as u64);
    out.extend_from_slice(message);
    out
}

/// A gossip message as its author signs it; `data` may be anything.
pub fn gossip_message(key: &Keypair, topic: &str, sequence: u64, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    field(&mut message, 1, &key.public().to_peer_id().to_bytes());
    field(&mut message, 2, data);
    field(&mut message, 3, &sequence.to_be_bytes());
    field(&mut message, 4, topic.as_bytes());
    let mut signed = b"libp2p-pubsub:".to_vec();
    signed.extend_from_slice(&message);
    field(&mut message, 5, &key.sign(&signed).expect("an Ed25519 key signs"));
    message
}
