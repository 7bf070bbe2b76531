//! `--present`: what an agent runner writes into a file, said to the fleet.
//!
//! Events go through the node's own socket, so that its rules hold for them: a
//! host that is not enrolled says nothing.

use cooee::attach::{Client, ClientError, PutFrames, Reply};
use cooee::cli::{Folder, Io, read_regular};
use cooee::event::{Availability, Stamp, TEXT_LIMIT_BYTES};
use cooee::key::{Key, sequence};
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Readers take who has missed three of these for gone.
const EVERY: Duration = Duration::from_secs(30);
/// What has changed is said sooner, but not more often than this.
const SOONEST: Duration = Duration::from_secs(5);
/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a file that cannot be read leaves its last content standing.
const KEPT: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_secs(10);

type Tell = Box<dyn Fn(&str, bool) + Send>;

struct Present {
    file: PathBuf,
    folder: Folder,
    key: Key,
    tell: Tell,
    agents: Vec<Availability>,
    /// What is wrong with the file, and since when.
    fault: Option<(String, Instant)>,
    fault_told: bool,
    /// What the node last had against it.
    refusal: Option<String>,
    said: Option<Instant>,
    /// Is there something that was not said yet?
    changed: bool,
}

/// Says it for as long as the process lives.
pub fn start(io: &Io, folder: &Folder, file: PathBuf, key: Key) {
    let mut present = Present {
        file,
        folder: folder.clone(),
        key,
        tell: Box::new(io.teller()),
        agents: Vec::new(),
        fault: None,
        fault_told: false,
        refusal: None,
        said: None,
        changed: false,
    };
    std::thread::spawn(move || {
        loop {
            let changed = present.look();
            let since = present.said.map(|said| said.elapsed());
            if since.is_none_or(|since| since >= EVERY || (changed && since >= SOONEST)) && !present.agents.is_empty() {
                present.say();
            }
            std::thread::sleep(LOOK);
        }
    });
}

impl Present {
    /// Reads the file; true if there is something in it that was not said yet.
    fn look(&mut self) -> bool {
        let read = match read_regular(&self.file, TEXT_LIMIT_BYTES) {
            Ok(Some(text)) => Availability::read(&text).map_err(|error| format!("{}: {error}", self.file.display())),
            Ok(None) => Err(format!("{}: no such file", self.file.display())),
            Err(failure) => Err(failure.message().to_owned()),
        };
        match read {
            Ok(agents) => {
                (self.fault, self.fault_told) = (None, false);
                if agents != self.agents {
                    self.agents = agents;
                    self.changed = true;
                }
            }
            Err(message) => self.bad(message),
        }
        self.changed
    }

    /// A file may be read while it is being written: a fault counts when it is
    /// still there at the next look.
    fn bad(&mut self, message: String) {
        match &mut self.fault {
            None => self.fault = Some((message, Instant::now())),
            Some((known, since)) => {
                if *known != message {
                    (*known, self.fault_told) = (message, false);
                } else if !self.fault_told {
                    (self.tell)(&message, false);
                    self.fault_told = true;
                }
                if since.elapsed() >= KEPT {
                    self.agents.clear();
                }
            }
        }
    }

    fn say(&mut self) {
        self.said = Some(Instant::now());
        self.changed = false;
        let refusal = self.hand_over().err();
        if refusal != self.refusal {
            if let Some(reason) = &refusal {
                // Until it is enrolled a host has nothing to say to the fleet.
                (self.tell)(&format!("availability is not taken: {reason}"), reason.starts_with("not_a_member"));
            }
            self.refusal = refusal;
        }
    }

    fn hand_over(&self) -> Result<(), String> {
        let now = Timestamp::now();
        let now_us = u64::try_from(now.as_microsecond()).unwrap_or(0);
        let path = self.folder.sequence("host.key");
        let numbers = sequence::allot(&path, self.agents.len() as u64, now_us)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let mut frames = PutFrames::default();
        for (agent, sequence) in self.agents.iter().zip(numbers) {
            let stamp = Stamp { id: Uuid::now_v7(), time: now, sequence };
            let event = agent.draft(now).sign(&self.key, &stamp).map_err(|error| error.to_string())?;
            frames.push(event.wire());
        }
        let said = |error: ClientError| error.to_string();
        let deadline = Some(Instant::now() + PATIENCE);
        let mut client = Client::connect(&self.folder.socket()).map_err(said)?;
        for frame in frames.finish() {
            client.send_frames(&frame.bytes, deadline).map_err(said)?;
            match client.receive(deadline).map_err(said)? {
                Reply::Stored { refused, .. } => {
                    if let Some(refused) = refused.first() {
                        return Err(format!("{}: {}", refused.code, refused.reason));
                    }
                }
                Reply::Error { reason, .. } => return Err(reason),
                _ => return Err("the node's reply is for another request".to_owned()),
            }
        }
        Ok(())
    }
}
