//! QUIC: datagrams that are junk, and handshakes that are begun and left.

use futures::future::join_all;
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::identity::Keypair;
use libp2p::quic;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Ours to begin one, on a machine that does other things too.
const BEGUN: Duration = Duration::from_mins(1);

/// From one of three addresses of our own, as `connections::junk` does it.
async fn socket(number: usize) -> io::Result<UdpSocket> {
    UdpSocket::bind(SocketAddr::from(([127, 0, 0, 66 + (number % 3) as u8], 0))).await
}

/// One kind of junk.
fn datagram(number: usize) -> Vec<u8> {
    let mut bytes = super::connections::random(number);
    let mut random = |count: usize| bytes.by_ref().take(count).collect::<Vec<u8>>();
    // A long header: the kind, a version, and two connection ids.
    let mut long = |kind: u8, version: u32, rest: usize| {
        let ids = random(8);
        [&[kind][..], &version.to_be_bytes(), &[8], &ids, &[8], &ids, &random(rest)].concat()
    };
    match number % 9 {
        0 => vec![0; 1200],
        // A version that nobody speaks: the node says which it does.
        1 => long(0xc0, 0x1a2a_3a4a, 1200),
        // An Initial of version 1 that is none.
        2 => long(0xc3, 1, 1200),
        // One that announces a token, and a length, of 2^62 bytes.
        3 => {
            let mut bytes = long(0xc3, 1, 0);
            bytes.extend([0xff; 16]);
            bytes.resize(1200, 7);
            bytes
        }
        // 0-RTT, a Handshake and a Retry that belong to nothing.
        4 => long(0xd0, 1, 1200),
        5 => long(0xe0, 1, 1200),
        6 => long(0xf0, 1, 60),
        // A short header, and the largest datagram there is.
        7 => [&[0x40][..], &random(40)].concat(),
        _ => random(65_507),
    }
}

/// `count` datagrams of junk.
pub async fn junk(port: u16, count: usize) -> io::Result<()> {
    let sockets = [socket(0).await?, socket(1).await?, socket(2).await?];
    for number in 0..count {
        // A full buffer takes no more for now.
        let bytes = datagram(number);
        let sent = sockets[number % 3].send_to(&bytes, ("127.0.0.1", port));
        let _ = timeout(Duration::from_secs(1), sent).await;
    }
    Ok(())
}

/// What an honest caller sends first.
async fn initial() -> io::Result<Vec<u8>> {
    let sink = UdpSocket::bind("127.0.0.1:0").await?;
    let mut transport = quic::tokio::Transport::new(quic::Config::new(&Keypair::generate_ed25519()));
    let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", sink.local_addr()?.port());
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    let dialing = transport.dial(address.parse().map_err(io::Error::other)?, options).map_err(io::Error::other)?;
    let mut first = vec![0; 2048];
    let length = tokio::select! {
        heard = sink.recv_from(&mut first) => heard?.0,
        _ = dialing => return Err(io::ErrorKind::TimedOut.into()),
    };
    first.truncate(length);
    Ok(first)
}

/// Begins `count` handshakes from one address, and never goes on with one; they
/// stand until what is returned is dropped, or the node has had enough of them.
pub async fn half_open(port: u16, count: usize) -> Vec<UdpSocket> {
    let begin = || async move {
        let first = initial().await?;
        let socket = socket(0).await?;
        socket.send_to(&first, ("127.0.0.1", port)).await?;
        Ok::<_, io::Error>(socket)
    };
    let mut open = Vec::new();
    for _ in 0..count.div_ceil(50) {
        let half = join_all((0..50).map(|_| timeout(BEGUN, begin()))).await;
        open.extend(half.into_iter().filter_map(|one| one.ok()?.ok()));
    }
    open
}
