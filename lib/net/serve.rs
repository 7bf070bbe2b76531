//! A node from its first port to its last reply.

use super::core::{self, Clock, QUEUE, Ticket};
use super::drive::{Command, Driver};
use super::fault::innermost;
use super::renew::Renewer;
use super::request::Shared;
use super::swarm::{Names, build};
use super::traffic::Meter;
use super::{peer, remember, renew, socket};
use crate::enrol::Fleet;
use crate::key::Key;
use crate::mesh::{self, Limits, Log, LogError, Node};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// What the log takes on disk, at most, unless said otherwise: 1 GiB.
pub const LOG_LIMIT_BYTES: u64 = 1 << 30;
/// Sockets that cannot listen say so at once; this is for one that does neither.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);
/// How long a stopping node waits for what is under way.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// File descriptors without which a node serves nobody: its log, runtime and
/// ports take about 20, each peer and reader one more.
const DESCRIPTORS_LEAST: u64 = 64;

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another node has this folder. Temporary: exit 4.
    #[error("another node is running in {}", .0.display())]
    Running(PathBuf),
    /// The system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot listen there.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// Why.
        reason: String,
    },
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system's limit on open files is too low. Exit 2.
    #[error("a node needs {DESCRIPTORS_LEAST} open files, the limit is {0}")]
    Descriptors(u64),
    /// libp2p or tokio cannot start.
    #[error("the network: {0}")]
    Network(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the node says to people.
#[derive(Clone)]
pub struct Say(Arc<Tell>);

type Tell = dyn Fn(&str, bool) + Send + Sync;

impl Say {
    /// `tell` takes a line, and whether it is only for `-v`.
    pub fn new(tell: impl Fn(&str, bool) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn say(&self, message: &str) {
        (self.0)(message, false);
    }

    pub(super) fn log(&self, message: impl FnOnce() -> String) {
        (self.0)(&message(), true);
    }
}

/// The right to be the node of a folder, for as long as this lives. A crash
/// gives it back.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl Claim {
    /// Takes the folder, before its log is opened.
    pub fn take(folder: &Path) -> Result<Self, ServeError> {
        let path = folder.join("node.lock");
        let at = |source| ServeError::Io { path: path.clone(), source };
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(at)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(ServeError::Running(folder.to_owned())),
            Err(error) => Err(at(error.into())),
        }
    }
}

/// A node's place and company.
pub struct Config {
    /// The folder, taken.
    pub claim: Claim,
    /// The host's key.
    pub key: Key,
    /// The fleet file, if the host is in a fleet.
    pub fleet: Option<Fleet>,
    /// Does this folder hold a Leader's key? Then the node belongs without
    /// being enrolled.
    pub leads: bool,
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Whom to call, besides the nodes in the fleet file.
    pub peers: Vec<Multiaddr>,
    /// Where the socket goes.
    pub socket: PathBuf,
    /// Where the addresses go.
    pub listen_file: PathBuf,
    /// Where the peers go that are to be called after a restart.
    pub peers_file: PathBuf,
    /// Where commands keep the next sequence number of the host's key.
    pub sequence_file: PathBuf,
    /// Look for other nodes on the local network.
    pub mdns: bool,
    /// What the log takes on disk, at most.
    pub log_limit_bytes: u64,
    /// What others may take up.
    pub limits: Limits,
    /// What people hear.
    pub say: Say,
}

/// A node that runs, on threads of its own.
pub struct Running {
    runtime: Runtime,
    core: JoinHandle<()>,
    inputs: mpsc::Sender<mesh::Input<Ticket>>,
    commands: mpsc::UnboundedSender<Command>,
    stopping: watch::Sender<bool>,
    /// All of them free: nobody is connected to the socket.
    places: Arc<Semaphore>,
    renewer: Option<Renewer>,
    socket: PathBuf,
    _claim: Claim,
}

/// Starts a node. It listens, and its socket is there, when this returns.
pub fn start<L: Log + 'static>(config: Config, log: L) -> Result<Running, ServeError> {
    descriptors()?;
    let names = Names::of(config.fleet.as_ref().map(|fleet| fleet.fleet.as_str()));
    if config.fleet.is_none() {
        config.say.say("no fleet file: an ad hoc node, which takes every well-signed event");
    }
    let network = |error: io::Error| ServeError::Network(error.into());
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // They check signatures and read the log: more than cores only wait.
        .max_blocking_threads(cores + 2)
        .enable_all()
        .build()
        .map_err(network)?;
    let entered = runtime.enter();
    let opener = log.opener();
    let mut nodes: Vec<Multiaddr> = Vec::new();
    for address in config.fleet.iter().flat_map(renew::addresses) {
        match address {
            Ok(address) => nodes.push(address),
            Err((text, error)) => config.say.say(&format!("fleet.json: \"{text}\" is not called: {error}")),
        }
    }
    let own = config.key.did();
    let targets = renew::targets(&config.peers, &nodes, &own);
    let finds = config.mdns && config.fleet.is_some() && !stays_here(&config.listen);
    let remembered = remember::read(&config.peers_file).unwrap_or_else(|damaged| {
        config.say.say(&damaged.to_string());
        Vec::new()
    });
    let alone = config.listen.is_empty() && targets.is_empty() && remembered.is_empty() && !finds;
    if alone {
        config.say.say("alone: it listens nowhere, knows nobody to call, and does not look around");
        config.say.say("hint: --listen /ip4/0.0.0.0/tcp/4001, --peer ADDRESS, or a fleet to join");
    }
    let node = Node::new(
        mesh::Config {
            key: config.key.clone(),
            fleet: config.fleet,
            leads: config.leads,
            nodes: Arc::new(nodes.iter().filter_map(peer::peer_of).collect()),
            targets,
            seed: seed().map_err(network)?,
            log_limit_bytes: config.log_limit_bytes,
        },
        log,
    )?;
    let clock = Clock::start();
    let (inputs, queue) = mpsc::channel(QUEUE);
    let (grown, is_grown) = watch::channel(node.log().last_place());
    let (stopping, is_stopping) = watch::channel(false);
    let places = Arc::new(Semaphore::new(socket::CONNECTIONS));
    let shared = Arc::new(Shared {
        inputs: inputs.clone(),
        stopping: is_stopping,
        grown: is_grown,
        turns: Arc::default(),
        clock,
        say: config.say.clone(),
        readers: Mutex::new(Vec::new()),
        opener,
        places: places.clone(),
    });
    let meter = Meter::default();
    let swarm = build(&config.key, &names, finds, &meter, (config.limits, clock), &config.say);
    let mut swarm = swarm.map_err(ServeError::Network)?;
    for address in &config.listen {
        swarm
            .listen_on(address.clone())
            .map_err(|error| ServeError::Listen { address: address.clone(), reason: innermost(&error).0 })?;
    }
    let (mut driver, commands) =
        Driver::new(swarm, names, shared.clone(), (config.listen_file, config.sequence_file), meter);
    driver.begin(alone, remembered);
    runtime.block_on(driver.listens(&config.listen, LISTEN_PATIENCE))?;
    let listener = bind(&config.socket)?;
    let (say, peers_file) = (config.say, config.peers_file);
    let core = std::thread::Builder::new()
        .name("node".to_owned())
        .spawn({
            let commands = commands.clone();
            move || core::run(node, queue, clock, &grown, &commands, &peers_file, &say)
        })
        .map_err(network)?;
    runtime.spawn(driver.run());
    runtime.spawn(socket::accept(listener, shared));
    runtime.spawn(tick(inputs.clone()));
    drop(entered);
    let renewer = Renewer { inputs: inputs.downgrade(), peers: config.peers, own };
    Ok(Running {
        runtime,
        core,
        inputs,
        commands,
        stopping,
        places,
        renewer: Some(renewer),
        socket: config.socket,
        _claim: config.claim,
    })
}

/// Is every address to listen on one of this machine only? Then the network
/// around is not asked either.
fn stays_here(listen: &[Multiaddr]) -> bool {
    let is_loopback = |address: &Multiaddr| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    };
    !listen.is_empty() && listen.iter().all(is_loopback)
}

/// Takes all the file descriptors that the system allows: each peer, reader and
/// open log is one, and the soft limit of a shell is for its small commands.
fn descriptors() -> Result<(), ServeError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // A system that says no leaves us what we have.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
    // No number is no limit.
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < DESCRIPTORS_LEAST => Err(ServeError::Descriptors(limit)),
        _ => Ok(()),
    }
}

fn seed() -> io::Result<u64> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed)?;
    Ok(u64::from_ne_bytes(seed))
}

/// Time passes for the state machine four times a second.
async fn tick<T: Send + 'static>(inputs: mpsc::Sender<mesh::Input<T>>) {
    let mut interval = tokio::time::interval(Duration::from_millis(250));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if inputs.send(mesh::Input::Tick).await.is_err() {
            return;
        }
    }
}

impl Running {
    /// What gives the node its fleet file again; there is one.
    pub fn renewer(&mut self) -> Option<Renewer> {
        self.renewer.take()
    }

    /// Runs until SIGTERM or SIGINT, then stops.
    pub fn until_signal(self) -> Result<(), ServeError> {
        let network = |error: io::Error| ServeError::Network(error.into());
        self.runtime.block_on(async {
            let mut term = signal(SignalKind::terminate()).map_err(network)?;
            let mut int = signal(SignalKind::interrupt()).map_err(network)?;
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            Ok::<_, ServeError>(())
        })?;
        self.stop();
        Ok(())
    }

    /// Takes no more, answers what was taken, and ends.
    pub fn stop(self) {
        let _ = fs::remove_file(&self.socket);
        let _ = self.stopping.send(true);
        let (done, is_done) = oneshot::channel();
        self.runtime.block_on(async {
            let _ = self.inputs.send(mesh::Input::Stop).await;
            let all = u32::try_from(socket::CONNECTIONS).expect("a few hundred");
            let _ = tokio::time::timeout(DRAIN_PATIENCE, self.places.acquire_many(all)).await;
            let _ = self.commands.send(Command::Stop(done));
            let _ = tokio::time::timeout(DRAIN_PATIENCE, is_done).await;
        });
        drop(self.inputs);
        // Ends every task, and with them the senders of inputs: the node's
        // thread handles what it was given, and ends.
        self.runtime.shutdown_timeout(DRAIN_PATIENCE);
        let _ = self.core.join();
    }
}

/// The socket, 0660, in its place at once and whole: whoever sees it can
/// connect.
fn bind(path: &Path) -> Result<UnixListener, ServeError> {
    let at = |source| ServeError::Io { path: path.to_owned(), source };
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh).map_err(at)?;
    fs::set_permissions(&fresh, Permissions::from_mode(0o660)).map_err(at)?;
    fs::rename(&fresh, path).map_err(at)?;
    Ok(listener)
}

/// A file that readers see whole or not at all.
pub(super) fn write_beside(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
