//! How connections are made: TCP with Noise and Yamux, and QUIC; each counts
//! its bytes.

use super::swarm::ALL_STREAMS;
use super::traffic::Meter;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport as _, noise, quic, tcp, yamux};

/// The transport of a node. Runs within a tokio runtime.
pub(super) fn build(keypair: &Keypair, meter: &Meter) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let mut muxing = yamux::Config::default();
    muxing.set_max_num_streams(ALL_STREAMS);
    let (over_tcp, over_quic) = (meter.clone(), meter.clone());
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair)?)
        .multiplex(muxing)
        .map(move |(peer, muxer), point| over_tcp.count(peer, muxer, &point));
    let mut config = quic::Config::new(keypair);
    config.max_concurrent_stream_limit = ALL_STREAMS as u32;
    config.max_stream_data = 256 << 10;
    config.max_connection_data = 4 << 20;
    let quic =
        quic::tokio::Transport::new(config).map(move |(peer, muxer), point| over_quic.count(peer, muxer, &point));
    Ok(tcp.or_transport(quic).map(|either, _| either.into_inner()).boxed())
}
