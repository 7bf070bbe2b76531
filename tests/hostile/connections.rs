//! Connections that lead nowhere: silence, junk, half a handshake, too many.

use super::client::{Peer, varint};
use futures::future::join_all;
use futures::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, upgrade};
use libp2p::futures::future::BoxFuture;
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, noise, tcp, yamux};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Open at once.
const AT_ONCE: usize = 200;

/// `count` TCP connections from addresses of our own, each with one kind of
/// junk; all of them are open for a while.
pub async fn junk(port: u16, count: usize) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let calls = (0..count).map(|number| {
        let room = room.clone();
        tokio::spawn(async move {
            let _place = room.acquire_owned().await.expect("nobody closes it");
            // The node closes many of them at once: whatever fails has failed.
            let _ = timeout(Duration::from_millis(500), one(port, number)).await;
        })
    });
    join_all(calls.collect::<Vec<_>>()).await;
}

/// Random bytes, the same each time for a number.
pub fn random(number: usize) -> impl Iterator<Item = u8> {
    let mut state = number as u32 | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
}

async fn one(port: u16, number: usize) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 66 + (number % 3) as u8], 0)))?;
    let mut stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let junk: Vec<u8> = match number % 7 {
        0 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        1 => vec![0xff; 65_536],
        2 => b"\x13/multistream/1.0.0\n\x07/noise\n".to_vec(),
        // A Noise message that says it has 65,535 bytes, and ends early.
        3 => b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff\0\0\0".to_vec(),
        // A protocol's name of 2^63 bytes.
        4 => {
            let mut bytes = b"\x13/multistream/1.0.0\n".to_vec();
            varint(&mut bytes, 1 << 63);
            bytes
        }
        5 => random(number).take(5000).collect(),
        _ => Vec::new(),
    };
    tokio::io::AsyncWriteExt::write_all(&mut stream, &junk).await?;
    stream.flush().await?;
    // Open until the node closes it, or half a second is over.
    let mut byte = [0; 64];
    while tokio::io::AsyncReadExt::read(&mut stream, &mut byte).await? > 0 {}
    Ok(())
}

/// Strangers with keys of their own; how many are in.
pub async fn strangers(address: &Multiaddr, count: usize) -> Vec<Peer> {
    let mut peers = Vec::new();
    // A few at once: fewer than may be without a proved key.
    for _ in 0..count / 10 {
        let calls = (0..10).map(|_| Peer::call(address, Keypair::generate_ed25519()));
        peers.extend(join_all(calls).await.into_iter().flatten());
    }
    // A connection that is refused is closed behind the handshake.
    let asked = peers.iter().map(|peer| peer.speak("/ipfs/ping/1.0.0", &[7; 32]));
    let answers = join_all(asked.collect::<Vec<_>>()).await.into_iter().map(|stream| async {
        let mut pong = [0; 20 + 18 + 32];
        timeout(Duration::from_secs(10), stream?.read_exact(&mut pong)).await?
    });
    let alive: Vec<bool> = join_all(answers).await.iter().map(Result::is_ok).collect();
    let mut alive = alive.into_iter();
    peers.retain(|_| alive.next() == Some(true));
    peers
}

/// Yamux frames that no Yamux sends, behind a good handshake.
pub async fn broken_muxing(address: &Multiaddr) {
    let header = |version: u8, kind: u8, flags: u16, stream: u32, length: u32| {
        let mut bytes = vec![version, kind];
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes
    };
    let mut opened = Vec::new();
    (0..10_000_u32).for_each(|n| opened.extend(header(0, 1, 1, 2 * n + 1, 0)));
    let mut pings = Vec::new();
    (0..50_000_u32).for_each(|n| pings.extend(header(0, 2, 1, 0, n)));
    let mut windows = header(0, 1, 1, 1, u32::MAX);
    (0..1000).for_each(|_| windows.extend(header(0, 1, 0, 1, u32::MAX)));
    let attacks = [
        header(9, 9, 9, 9, 9),
        // Four gibibytes of data are announced.
        header(0, 0, 1, 1, u32::MAX),
        // More than the window, for real.
        [header(0, 0, 1, 1, 300 << 10), vec![0; 300 << 10]].concat(),
        header(0, 0, 0, 77, 5),
        header(0, 3, 0, 0, u32::MAX),
        opened,
        pings,
        windows,
    ];
    for attack in attacks {
        let _ = timeout(Duration::from_secs(5), broken(address, attack)).await;
    }
}

async fn broken(address: &Multiaddr, bytes: Vec<u8>) -> io::Result<()> {
    let key = Keypair::generate_ed25519();
    let mut transport = tcp::tokio::Transport::new(tcp::Config::default())
        .upgrade(upgrade::Version::V1)
        .authenticate(noise::Config::new(&key).map_err(io::Error::other)?)
        .multiplex(Broken(bytes))
        .boxed();
    let address: Multiaddr = address.iter().take(2).collect();
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    let _: (_, StreamMuxerBox) =
        transport.dial(address, options).map_err(io::Error::other)?.await.map_err(io::Error::other)?;
    Ok(())
}

/// In Yamux's place: writes its bytes, and waits for the end.
#[derive(Clone)]
struct Broken(Vec<u8>);

impl UpgradeInfo for Broken {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/yamux/1.0.0")
    }
}

impl<C: futures::AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C> for Broken {
    type Output = yamux::Muxer<C>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_outbound(self, mut io: C, _: &'static str) -> Self::Future {
        Box::pin(async move {
            io.write_all(&self.0).await?;
            io.flush().await?;
            // What the node says meanwhile is not read at first, then all of it.
            let mut rest = Vec::new();
            io.read_to_end(&mut rest).await?;
            Err(io::ErrorKind::ConnectionReset.into())
        })
    }
}

impl<C: futures::AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Broken {
    type Output = yamux::Muxer<C>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_inbound(self, io: C, info: &'static str) -> Self::Future {
        self.upgrade_outbound(io, info)
    }
}
