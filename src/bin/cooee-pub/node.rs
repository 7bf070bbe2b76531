//! Which node is asked, and whose receipts count.

use cooee::attach::{Client, ClientError, Reply};
use cooee::cli::{Failure, Folder, this_program};
use cooee::enrol::is_node_address;
use cooee::handover::{Connect, Link, LinkError, Trusted};
use cooee::key::Key;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What calls nodes for us: it links libp2p, so that this command, which mostly
/// needs none, starts without it.
const DIALS: &str = "cooee-dial";

/// The `listen` file is never larger.
const LISTEN_LIMIT_BYTES: u64 = 64 * 1024;

/// What this folder knows of nodes.
#[derive(Clone)]
pub struct Nodes {
    pub trusted: Trusted,
    /// The folder's own node; none where `--peer` names another.
    socket: Option<PathBuf>,
    /// Nodes that can be dialled.
    addresses: Vec<String>,
    fleet: Option<String>,
    /// What is said where nobody can be asked.
    nobody: String,
}

impl Nodes {
    /// `key` is the host's, where it can be read; `peers` are dialled instead of
    /// the folder's own node and the fleet file's.
    pub fn of(folder: &Folder, key: Option<&Key>, peers: &[String]) -> Result<Self, Failure> {
        let fleet = folder.fleet()?;
        let mut trusted = fleet.as_ref().map(Trusted::of_fleet).unwrap_or_default();
        if let Some(key) = key {
            trusted.add_node(key.did());
        } else {
            // Members of the group may use the socket without the key.
            let listen = folder.read("listen", LISTEN_LIMIT_BYTES)?.unwrap_or_default();
            for address in String::from_utf8_lossy(&listen).lines() {
                trusted.add_address(address);
            }
        }
        let mut addresses = Vec::new();
        for text in peers {
            if !is_node_address(text) || !trusted.add_address(text) {
                return Err(Failure::could_not_run(format_args!("--peer \"{text}\" is no address of a node"))
                    .hint("such as /ip4/192.0.2.7/tcp/4001/p2p/ID"));
            }
            addresses.push(text.clone());
        }
        if peers.is_empty() {
            let named = fleet.iter().flat_map(|fleet| &fleet.nodes);
            addresses.extend(named.filter(|text| is_node_address(text)).cloned());
        }
        let path = folder.path().display();
        Ok(Self {
            trusted,
            socket: peers.is_empty().then(|| folder.socket()),
            addresses,
            fleet: fleet.map(|fleet| fleet.fleet),
            nobody: format!("no node is running in {path}, and no fleet file names one"),
        })
    }

    /// How to reach one.
    pub fn connect(&self) -> Box<dyn Connect> {
        Box::new(self.clone())
    }
}

impl Connect for Nodes {
    fn near(&mut self) -> Result<Option<Box<dyn Link>>, LinkError> {
        let Some(socket) = &self.socket else { return Ok(None) };
        match Client::connect(socket) {
            Ok(client) => Ok(Some(Box::new(client))),
            Err(ClientError::NoNode(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn far(&mut self, deadline: Instant) -> Result<Box<dyn Link>, LinkError> {
        if self.addresses.is_empty() {
            return Err(LinkError::Unreachable(self.nobody.clone()));
        }
        Dialled::call(&self.addresses, self.fleet.as_deref(), deadline)
            .map(|link| Box::new(link) as Box<dyn Link>)
            .map_err(|error| LinkError::Broken(format!("{DIALS}: {error}")))
    }
}

/// A node on another machine, called by a process of its own. It is asked one
/// request after the other.
struct Dialled {
    client: Client,
    process: Child,
}

impl Dialled {
    fn call(addresses: &[String], fleet: Option<&str>, deadline: Instant) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let left = deadline.saturating_duration_since(Instant::now());
        // Beside this program and nowhere else: a PATH may be anybody's.
        let mut command = Command::new(this_program().with_file_name(DIALS));
        command.args(fleet.map(|fleet| format!("--fleet={fleet}")));
        command.arg(format!("--timeout={}ms", left.as_millis().max(1))).arg("--").args(addresses);
        command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        // What it has to say comes instead of a reply.
        let process = command.stderr(Stdio::null()).spawn()?;
        Ok(Self { client: Client::over(ours), process })
    }
}

impl Drop for Dialled {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Link for Dialled {
    fn send(&mut self, frame: &[u8], deadline: Instant) -> Result<(), LinkError> {
        match self.client.send_frames(frame, Some(deadline)) {
            // It has ended, and said why.
            Err(ClientError::Closed) => Ok(()),
            sent => Ok(sent?),
        }
    }

    fn receive(&mut self, deadline: Instant) -> Result<Reply, LinkError> {
        LinkError::in_reply(self.client.receive(Some(deadline))?)
    }

    fn is_near(&self) -> bool {
        false
    }

    fn is_answering(&self, patience: Duration) -> bool {
        self.client.is_answering(patience)
    }
}
