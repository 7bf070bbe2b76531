//! Which node is asked, and whose receipts count.

use cooee::attach::{Client, ClientError, Reply};
use cooee::cli::{Failure, Folder, read_bounded};
use cooee::handover::{Connect, Link, LinkError, Trusted};
use cooee::key::Key;
use cooee::net::{self, DialError, Dialer, Multiaddr};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The `listen` file is never larger.
const LISTEN_LIMIT_BYTES: u64 = 64 * 1024;

/// What this folder knows of nodes.
#[derive(Clone)]
pub struct Nodes {
    pub trusted: Trusted,
    /// The folder's own node; none where `--peer` names another.
    socket: Option<PathBuf>,
    /// Nodes that can be dialled.
    addresses: Vec<Multiaddr>,
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
            let listen = read_bounded(&folder.file("listen"), LISTEN_LIMIT_BYTES)?.unwrap_or_default();
            for address in String::from_utf8_lossy(&listen).lines() {
                trusted.add_address(address);
            }
        }
        let mut addresses = Vec::new();
        for text in peers {
            let address = net::address(text).map_err(|error| {
                Failure::could_not_run(format_args!("--peer \"{text}\": {error}"))
                    .hint("such as /ip4/192.0.2.7/tcp/4001/p2p/ID")
            })?;
            if !trusted.add_address(text) {
                return Err(Failure::could_not_run(format_args!("--peer \"{text}\" names no node"))
                    .hint("its end says which: /p2p/ID"));
            }
            addresses.push(address);
        }
        if peers.is_empty() {
            let named = fleet.iter().flat_map(|fleet| &fleet.nodes);
            addresses.extend(named.filter_map(|text| net::address(text).ok()));
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
        let dialer = Dialer::connect(&self.addresses, self.fleet.as_deref(), deadline);
        let dialer = dialer.map_err(|error| link_error(&error))?;
        Ok(Box::new(Dialled { dialer, replies: VecDeque::new() }))
    }
}

/// A node on another machine. It is asked one request after the other.
struct Dialled {
    dialer: Dialer,
    replies: VecDeque<Reply>,
}

impl Link for Dialled {
    fn send(&mut self, frame: &[u8], deadline: Instant) -> Result<(), LinkError> {
        let reply = self.dialer.request_frame(frame.to_vec(), deadline).map_err(|error| link_error(&error))?;
        self.replies.push_back(reply);
        Ok(())
    }

    fn receive(&mut self, _deadline: Instant) -> Result<Reply, LinkError> {
        self.replies.pop_front().ok_or_else(|| LinkError::Broken("nothing was asked".to_owned()))
    }

    fn is_near(&self) -> bool {
        false
    }

    fn is_answering(&self, _patience: Duration) -> bool {
        !self.replies.is_empty()
    }
}

fn link_error(error: &DialError) -> LinkError {
    match error {
        DialError::WrongPeer { .. } => LinkError::WrongPeer(error.to_string()),
        DialError::TimedOut => LinkError::TimedOut,
        DialError::NoAddress | DialError::Unreachable(_) | DialError::OtherFleet => {
            LinkError::Unreachable(error.to_string())
        }
        DialError::Broken(_) | DialError::Frame(_) | DialError::Network(_) => LinkError::Broken(error.to_string()),
    }
}
