//! How connections are made: TCP with Noise and Yamux, and QUIC; each counts
//! its bytes.

use super::traffic::Meter;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport as _, noise, quic, tcp, yamux};

/// The transport of a node. Runs within a tokio runtime.
pub(super) fn build(keypair: &Keypair, meter: &Meter) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let (over_tcp, over_quic) = (meter.clone(), meter.clone());
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair)?)
        .multiplex(yamux::Config::default())
        .map(move |(peer, muxer), point| over_tcp.count(peer, muxer, &point));
    let quic = quic::tokio::Transport::new(quic::Config::new(keypair))
        .map(move |(peer, muxer), point| over_quic.count(peer, muxer, &point));
    Ok(tcp.or_transport(quic).map(|either, _| either.into_inner()).boxed())
}
