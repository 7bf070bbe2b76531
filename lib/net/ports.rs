//! TCP with a port of its own for every socket.
//!
//! libp2p shares a listener's port (`SO_REUSEPORT`), which helps through NATs
//! that nodes of a fleet do not sit behind. It costs two things here: a second
//! node on a port that is taken starts, and each gets half of the other's
//! callers; and a call from the listener's port fails for good with "address
//! already in use" where the system gave that port to another socket too.

use libp2p::core::transport::{DialOpts, ListenerId, PortUse, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, Transport, tcp};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What is sent and not acknowledged for so long ends a connection; pings see to
/// it that something is sent. Where the system is left to decide, a peer whose
/// address has changed counts as connected for a quarter of an hour.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED_MS: u32 = 20_000;

pub(super) struct OwnPorts(Pin<Box<tcp::tokio::Transport>>);

impl OwnPorts {
    pub fn new(config: tcp::Config) -> Self {
        Self(Box::pin(tcp::tokio::Transport::new(config)))
    }
}

impl Transport for OwnPorts {
    type Output = <tcp::tokio::Transport as Transport>::Output;
    type Error = io::Error;
    type ListenerUpgrade = <tcp::tokio::Transport as Transport>::ListenerUpgrade;
    type Dial = <tcp::tokio::Transport as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        if let Some(place) = place(&address) {
            is_free(place).map_err(TransportError::Other)?;
        }
        self.0.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        self.0.dial(address, DialOpts { port_use: PortUse::New, ..options })
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        self.0.as_mut().poll(cx)
    }
}

/// Ends a connection that has died in silence also while it waits to send: it
/// cannot be closed before.
pub(super) fn impatient(stream: tcp::tokio::TcpStream) -> tcp::tokio::TcpStream {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // One that is gone already says so soon enough.
    let _ = sockopt::set_tcp_user_timeout(&stream.0, UNACKNOWLEDGED_MS);
    stream
}

/// Where a TCP address without a name is.
fn place(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    let Protocol::Tcp(port) = parts.next()? else { return None };
    Some(SocketAddr::new(ip, port))
}

/// Does nobody listen there? Asks as who does not share, and lets go again.
fn is_free(place: SocketAddr) -> io::Result<()> {
    let family = if place.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // What earlier connections left behind is in nobody's way.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if place.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(bind(&socket, &place)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening() -> (std::net::TcpListener, Multiaddr) {
        let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = other.local_addr().expect("bound").port();
        (other, format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address"))
    }

    fn taken(listened: Result<(), TransportError<io::Error>>) -> bool {
        matches!(listened, Err(TransportError::Other(error)) if error.kind() == io::ErrorKind::AddrInUse)
    }

    #[tokio::test]
    async fn a_port_that_another_listens_on_is_refused_even_if_both_would_share_it() {
        let (other, address) = listening();
        let [mut first, mut second] = [0, 1].map(|_| OwnPorts::new(tcp::Config::default()));
        assert!(taken(first.listen_on(ListenerId::next(), address.clone())));
        drop(other);
        first.listen_on(ListenerId::next(), address.clone()).expect("it is free now");
        assert!(taken(second.listen_on(ListenerId::next(), address)));
    }

    #[tokio::test]
    async fn a_call_does_not_come_from_the_port_that_is_listened_on() {
        let mut own = OwnPorts::new(tcp::Config::default());
        let (spare, address) = listening();
        let port = spare.local_addr().expect("bound").port();
        drop(spare);
        own.listen_on(ListenerId::next(), address).expect("a port");
        let (called, there) = listening();
        let options = DialOpts { role: libp2p::core::Endpoint::Dialer, port_use: PortUse::Reuse };
        let call = own.dial(there, options).expect("a call");
        let answer = tokio::task::spawn_blocking(move || called.accept());
        let stream = impatient(call.await.expect("it answers"));
        #[cfg(target_os = "linux")]
        assert_eq!(sockopt::tcp_user_timeout(&stream.0).expect("it says"), UNACKNOWLEDGED_MS);
        drop(stream);
        let (_, from) = answer.await.expect("it ran").expect("somebody called");
        assert_ne!(from.port(), port);
    }
}
