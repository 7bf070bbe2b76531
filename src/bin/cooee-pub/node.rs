//! Which node is asked, and whose receipts count.

use cooee::attach::{Client, ClientError};
use cooee::cli::{Failure, Folder, read_bounded};
use cooee::handover::{Connect, LinkError, Trusted};
use cooee::key::Key;

/// The `listen` file is never larger.
const LISTEN_LIMIT_BYTES: u64 = 64 * 1024;

/// What this folder knows of nodes.
pub struct Nodes {
    pub trusted: Trusted,
    folder: Folder,
    named: bool,
}

impl Nodes {
    /// `key` is the host's, where it can be read.
    pub fn of(folder: &Folder, key: Option<&Key>) -> Result<Self, Failure> {
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
        let named = fleet.is_some_and(|fleet| !fleet.nodes.is_empty());
        Ok(Self { trusted, folder: folder.clone(), named })
    }

    /// How to reach one.
    pub fn connect(&self) -> Connect {
        let folder = self.folder.clone();
        let named = self.named;
        Box::new(move |_deadline| match Client::connect(&folder.socket()) {
            Ok(client) => Ok(Box::new(client)),
            Err(ClientError::NoNode(_)) if !named => Err(LinkError::Unreachable(format!(
                "no node is running in {}, and no fleet file names one",
                folder.path().display()
            ))),
            Err(error) => Err(error.into()),
        })
    }
}
