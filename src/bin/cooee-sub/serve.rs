//! The node: what it needs from its folder, and what its faults mean to a shell.

use super::{Sub, renew};
use cooee::cli::{Failure, Folder, Io};
use cooee::enrol::Fleet;
use cooee::net::{self, Claim, Config, Limits, Multiaddr, Running, Say, ServeError};
use cooee::store;

/// Starts the folder's node. It listens, and its socket is there, when this
/// returns; it lives until `until_signal` or `stop`. Without `--listen` it only
/// calls others.
pub fn start(io: &Io, folder: &Folder, arguments: &Sub) -> Result<Running, Failure> {
    let Sub { listen, peer: peers, log_limit, .. } = arguments;
    let listen = listen.iter().map(|text| address("--listen", text)).collect::<Result<_, _>>()?;
    let peers = peers.iter().map(|text| address("--peer", text)).collect::<Result<_, _>>()?;
    let limits = Limits {
        peers: usize::from(arguments.max_peers),
        memory_bytes: arguments.max_memory,
        rate_bytes: arguments.max_rate,
    };
    folder.create()?;
    let key = folder.key("host.key")?;
    // Before it is read, so that no change is missed.
    let stamp = renew::stamp(folder);
    let fleet = folder.fleet()?;
    let leads = fleet.as_ref().map_or(Ok(false), |fleet| leads(folder, fleet))?;
    let claim = Claim::take(folder.path()).map_err(failure)?;
    let log = store::Log::open(&folder.file("log.db"))?;
    let config = Config {
        claim,
        key,
        fleet,
        leads,
        listen,
        peers,
        socket: folder.socket(),
        listen_file: folder.file("listen"),
        peers_file: folder.file("peers.json"),
        sequence_file: folder.sequence("host.key"),
        mdns: !arguments.no_mdns,
        log_limit_bytes: *log_limit,
        limits,
        say: Say::new(io.teller()),
    };
    let mut running = net::start(config, log).map_err(failure)?;
    if let Some(renewer) = running.renewer() {
        renew::start(io, folder, renewer, stamp);
    }
    Ok(running)
}

/// Is this folder a Leader's?
pub fn leads(folder: &Folder, fleet: &Fleet) -> Result<bool, Failure> {
    Ok(folder.file("leader.key").exists() && fleet.is_leader(&folder.key("leader.key")?.did()))
}

fn address(flag: &str, text: &str) -> Result<Multiaddr, Failure> {
    net::address(text).map_err(|error| {
        Failure::could_not_run(format_args!("{flag} \"{text}\": {error}"))
            .hint("such as /ip4/192.0.2.7/tcp/4001 or /ip4/192.0.2.7/udp/4001/quic-v1, for a peer with /p2p/ID")
    })
}

pub fn failure(error: ServeError) -> Failure {
    match &error {
        ServeError::Running(_) => Failure::temporary(error),
        ServeError::Descriptors(_) => Failure::could_not_run(error).hint("raise it: ulimit -n 1024"),
        ServeError::Listen { .. } => Failure::could_not_run(error)
            .hint("ss -ltunp tells who has which port, ip address which addresses are this machine's"),
        ServeError::Io { .. } | ServeError::Log(_) | ServeError::Network(_) => Failure::could_not_run(error),
    }
}
