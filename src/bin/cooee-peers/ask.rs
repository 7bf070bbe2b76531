//! Asking the node, over its socket.

use cooee::attach::{Client, ClientError, Reply, Request};
use cooee::cli::{Beats, Failure, Folder};
use cooee::enrol::Fleet;
use cooee::event::Event;
use cooee::watch::{Enrolment, Node, Peer, Presences, Record};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Every address of a fleet.
const EVERYTHING: &str = "ucxl://any:any@any:any";

/// Why the node did not say.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The socket.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The node says no.
    #[error("the node said: {code}: {reason}")]
    Refused { code: String, reason: String },
    /// The node says what this version does not know.
    #[error("the node's reply: {0}")]
    Unknown(String),
}

/// A connection to the node.
pub struct Asker {
    client: Client,
    timeout: Duration,
}

impl Asker {
    /// Connects to the folder's node; each answer may take so long.
    pub fn connect(folder: &Folder, timeout: Duration) -> Result<Self, AskError> {
        Ok(Self { client: Client::connect(&folder.socket())?, timeout })
    }

    /// Breaks off what is asked when the command is to end.
    pub fn end_with(&self, beats: &Beats) -> Result<(), Failure> {
        let handle = self.client.split().map_err(Failure::could_not_run)?;
        beats.interrupt_with(move || handle.close());
        Ok(())
    }

    /// The node and its peers.
    pub fn peers(&mut self) -> Result<(Node, Vec<Peer>), AskError> {
        let (mut node, mut peers) = (None, Vec::new());
        self.each(&Request::Peers, |reply| {
            let Reply::Peers { records } = reply else { return Err(AskError::Unknown("not records".to_owned())) };
            for record in records {
                match Record::read(&record).map_err(AskError::Unknown)? {
                    Record::Node(record) => node = Some(record),
                    Record::Peer(record) => peers.push(record),
                }
            }
            Ok(())
        })?;
        let node = node.ok_or_else(|| AskError::Unknown("nothing of the node itself".to_owned()))?;
        Ok((node, peers))
    }

    /// What agents have said; who is let in and who is revoked is believed only
    /// from those who may say so.
    pub fn presences(&mut self, fleet: Option<&Fleet>) -> Result<Presences, AskError> {
        let mut presences = Presences::default();
        self.events(&Presences::TYPES, |event| {
            let may_say = match event.kind() {
                "enrolled" => fleet.is_some_and(|fleet| fleet.is_leader(&event.author())) && event.verify().is_ok(),
                "revoked" => fleet.is_some_and(|fleet| fleet.may_revoke(&event.author())) && event.verify().is_ok(),
                _ => true,
            };
            if may_say {
                presences.take(event);
            }
        })?;
        Ok(presences)
    }

    /// The newest request to enrol that this host has made, and what became of
    /// it.
    pub fn enrolment(&mut self, own: &str, is_leader: impl Fn(&Event) -> bool) -> Result<Option<Enrolment>, AskError> {
        let (mut asked, mut refusals): (Option<Event>, Vec<Event>) = (None, Vec::new());
        self.events(&["enrol", "refused"], |event| {
            if event.kind() == "refused" && is_leader(&event) {
                refusals.push(event);
            } else if event.kind() == "enrol" && event.author().to_string() == own {
                asked = asked.take().filter(|known| known.time() > event.time()).or(Some(event));
            }
        })?;
        let Some(asked) = asked else { return Ok(None) };
        let refusal = refusals.iter().rfind(|refusal| refusal.in_reply_to() == Some(asked.id()));
        let text = |event: &Event, field: &str| event.data()[field].as_str().unwrap_or_default().to_owned();
        let refused = refusal.map(|refusal| (text(refusal, "code"), text(refusal, "reason")));
        Ok(Some(Enrolment { asked: asked.time(), refused }))
    }

    fn events(&mut self, types: &[&str], mut each: impl FnMut(Event)) -> Result<(), AskError> {
        let request = Request::Sub {
            patterns: vec![EVERYTHING.to_owned()],
            types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            since: Some(Timestamp::UNIX_EPOCH),
            unanswered: false,
            follow: false,
        };
        self.each(&request, |reply| {
            let Reply::Events { events } = reply else { return Err(AskError::Unknown("not events".to_owned())) };
            events.iter().filter_map(|wire| Event::from_wire(wire).ok()).for_each(&mut each);
            Ok(())
        })
    }

    /// Asks, and takes replies until the end.
    fn each(&mut self, request: &Request, mut take: impl FnMut(Reply) -> Result<(), AskError>) -> Result<(), AskError> {
        self.client.send(request, Some(Instant::now() + self.timeout))?;
        loop {
            // The wait is for each frame: a long log takes its time.
            match self.client.receive(Some(Instant::now() + self.timeout))? {
                Reply::End => return Ok(()),
                Reply::Error { code, reason } => return Err(AskError::Refused { code, reason }),
                reply => take(reply)?,
            }
        }
    }
}

/// What it means to a shell.
pub fn failure(error: AskError, folder: &Folder) -> Failure {
    match error {
        AskError::Client(ClientError::NoNode(_)) => {
            Failure::temporary(format_args!("no node is running here: {}", folder.socket().display()))
                .hint("start it with cooee-sub --serve, or name its folder with --dir")
        }
        AskError::Client(ClientError::Refused(_)) => Failure::could_not_run(error),
        AskError::Client(ClientError::TimedOut) => Failure::temporary(error)
            .hint("it is busy, its disk hangs, or its socket has all connections it takes; --timeout waits longer"),
        AskError::Unknown(_) => Failure::temporary(error).hint("is the node of another version? restart it"),
        AskError::Client(_) | AskError::Refused { .. } => Failure::temporary(error),
    }
}
