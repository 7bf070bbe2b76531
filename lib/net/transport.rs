//! How bytes reach another machine: TCP with Noise and Yamux, QUIC, and names
//! that DNS resolves. What nobody needs is not made: each costs time at start.

use super::ports::{OwnPorts, impatient};
use super::swarm::{ALL_STREAMS, Failure, HANDSHAKE};
use super::traffic::Meter;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Transport as _, dns, noise, quic, tcp, yamux};

pub(super) type Transport = Boxed<(PeerId, StreamMuxerBox)>;

/// What is needed besides TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub quic: bool,
    pub dns: bool,
}

impl Needs {
    const ALL: Self = Self { quic: true, dns: true };

    /// To call these.
    pub fn of(addresses: &[Multiaddr]) -> Self {
        let any = |is: fn(&Protocol) -> bool| addresses.iter().any(|address| address.iter().any(|part| is(&part)));
        Self {
            quic: any(|part| matches!(part, Protocol::QuicV1)),
            dns: any(|part| matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))),
        }
    }
}

/// The transport of a node, which counts its bytes, and why names are not
/// resolved if they cannot be. Runs within a tokio runtime.
pub(super) fn counted(keypair: &Keypair, meter: &Meter) -> Result<(Transport, Option<std::io::Error>), Failure> {
    let (transport, no_names) = build(keypair, Needs::ALL)?;
    let meter = meter.clone();
    // Around all the others: only here a call has the address that the swarm knows.
    let counted = transport.map(move |(peer, muxer), point| meter.count(peer, muxer, &point));
    Ok((counted.boxed(), no_names))
}

/// The transport, and why names are not resolved if they are to be but the
/// system does not say how.
pub(super) fn build(keypair: &Keypair, needs: Needs) -> Result<(Transport, Option<std::io::Error>), Failure> {
    let tcp = || -> Result<_, Failure> {
        let tcp = OwnPorts::new(tcp::Config::default().nodelay(true)).map(|stream, _| impatient(stream));
        let secure = tcp.upgrade(Version::V1Lazy).authenticate(noise::Config::new(keypair)?);
        let mut muxing = yamux::Config::default();
        muxing.set_max_num_streams(ALL_STREAMS);
        Ok(secure.multiplex(muxing).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
    };
    let plain = || -> Result<Transport, Failure> {
        if !needs.quic {
            return tcp();
        }
        let mut config = quic::Config::new(keypair);
        config.max_concurrent_stream_limit = ALL_STREAMS as u32;
        config.max_stream_data = 256 << 10;
        config.max_connection_data = 4 << 20;
        let quic = quic::tokio::Transport::new(config);
        let quic = quic.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
        Ok(tcp()?.or_transport(quic).map(|either, _| either.into_inner()).boxed())
    };
    let timed = |transport: Transport| TransportTimeout::new(transport, HANDSHAKE).boxed();
    if !needs.dns {
        return Ok((timed(plain()?), None));
    }
    match dns::tokio::Transport::system(plain()?) {
        Ok(named) => Ok((TransportTimeout::new(named, HANDSHAKE).boxed(), None)),
        Err(error) => Ok((timed(plain()?), Some(error))),
    }
}
