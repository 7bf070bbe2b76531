//! Reading under a name: each event is handed to stdout's reader by itself, and
//! the node hears of it when it is taken.

use super::Sub;
use super::subscribe::{PATIENCE, PATIENCE_SEARCHING, attach, failure, short, wanted};
use cooee::attach::{Client, ClientError, Reply, Request};
use cooee::cli::{Exit, Failure, Folder, Io, Wait};
use cooee::watch::NamedReader;
use jiff::SignedDuration;
use std::time::{Duration, Instant};

/// How long a node that went away is waited for.
const RETURN: Duration = Duration::from_mins(1);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// How long the node may take to write down what was taken last.
const FAREWELL: Duration = Duration::from_secs(5);
/// Where the node could not be told of all that was taken.
const AGAIN: &str = "the last events may come again";

/// A consumer while it runs.
struct Consumer<'a> {
    io: &'a mut Io,
    folder: &'a Folder,
    arguments: &'a Sub,
    request: Request,
    deadline: Option<Instant>,
    /// Events that `--count` still wants.
    left: Option<u64>,
    /// The last place that was taken, of those this process knows; none before
    /// the node has said where it begins.
    taken: Option<u64>,
    /// Is there anything of that which the node may not have written down?
    untold: bool,
}

/// How a connection ended.
enum Ended {
    /// With the command.
    Over(Result<Exit, Failure>),
    /// The node went away.
    Lost,
}

pub fn run(io: &mut Io, folder: &Folder, name: &str, arguments: &Sub) -> Result<Exit, Failure> {
    let (patterns, types, since) = wanted(arguments)?;
    let (name, follow) = (name.to_owned(), !arguments.no_follow);
    let request = Request::Consume { name, patterns, types, since, taken: None, follow };
    let (client, node) = attach(io, folder, arguments)?;
    io.out.hand_by_hand();
    let deadline = arguments.timeout.map(|timeout| Instant::now() + SignedDuration::unsigned_abs(timeout));
    let mut consumer =
        Consumer { io, folder, arguments, request, deadline, left: arguments.count, taken: None, untold: false };
    let outcome = consumer.consume(client);
    if let Some(node) = node {
        node.stop();
    }
    outcome
}

impl Consumer<'_> {
    fn consume(&mut self, mut client: Client) -> Result<Exit, Failure> {
        let outcome = loop {
            if let Ended::Over(outcome) = self.read(&mut client) {
                break outcome;
            }
            match self.find(true) {
                Ok(found) => client = found,
                // The reader has gone meanwhile, or its time is over: what it
                // took is still to be told.
                Err(ended) if ended.exit() == Exit::Done || self.is_over() => break Err(ended),
                Err(failure) => return Err(failure),
            }
        };
        // The next run begins where this one ended, however soon it comes.
        let patience = Instant::now() + RETURN;
        while !client.leave(Some(Instant::now() + FAREWELL)) && self.untold {
            if Instant::now() >= patience {
                return Err(Failure::temporary("the node did not write down what was taken").hint(AGAIN));
            }
            client = self.find(false)?;
            // A node that goes away again is looked for again.
            let _ = self.begin(&mut client);
        }
        outcome
    }

    /// The node again, once it is back; with `reading`, while somebody reads.
    fn find(&mut self, reading: bool) -> Result<Client, Failure> {
        self.io.log(|| "the node went away; waiting for it".to_owned());
        let patience = Instant::now() + RETURN;
        loop {
            if reading && self.is_over() {
                return Err(short(self.left).err().unwrap_or_else(Failure::closed));
            }
            match Client::connect(&self.folder.socket()) {
                Ok(client) => return Ok(client),
                Err(ClientError::NoNode(_)) if Instant::now() < patience => {}
                Err(ClientError::NoNode(_)) => {
                    let hint = if self.untold { AGAIN } else { "run it again: it goes on where it was" };
                    return Err(Failure::temporary("the node went away").hint(hint));
                }
                Err(error) => return Err(failure(error)),
            }
            if !reading {
                std::thread::sleep(LOOK);
            } else if self.io.out.wait(None, Some(Instant::now() + LOOK)) == Wait::Closed {
                return Err(Failure::closed());
            }
        }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Asks for what comes behind all that was taken.
    fn begin(&self, client: &mut Client) -> Result<(), ClientError> {
        let mut request = self.request.clone();
        if let Request::Consume { taken, .. } = &mut request {
            *taken = self.taken;
        }
        client.send(&request, None)
    }

    fn read(&mut self, client: &mut Client) -> Ended {
        match self.begin(client) {
            Ok(()) => {}
            Err(ClientError::Closed) => return Ended::Lost,
            Err(error) => return Ended::Over(Err(failure(error))),
        }
        let mut patience = PATIENCE;
        loop {
            let silent = patience.map(|patience| Instant::now() + patience);
            patience = self.arguments.no_follow.then_some(PATIENCE_SEARCHING);
            // A name that the node does not know yet is known when this ends.
            let deadline = self.taken.and(self.deadline);
            let until = [deadline, silent].into_iter().flatten().min();
            match self.io.out.wait(Some(client), until) {
                Wait::Closed => return Ended::Over(Err(Failure::closed())),
                Wait::Over if until == deadline && !self.arguments.no_follow => {
                    return Ended::Over(short(self.left));
                }
                Wait::Over => return Ended::Over(Err(failure(ClientError::TimedOut))),
                Wait::Input => {}
            }
            let reply = match client.receive(until) {
                Ok(reply) => reply,
                Err(ClientError::Closed) => return Ended::Lost,
                Err(error) => return Ended::Over(Err(failure(error))),
            };
            match reply {
                Reply::Began { place, .. } => self.taken = Some(place),
                Reply::Handed { events, places } => match self.hand(client, &events, &places) {
                    Ok(true) => {}
                    Ok(false) => return Ended::Over(Ok(Exit::Done)),
                    Err(ended) => return ended,
                },
                Reply::End if self.arguments.no_follow => return Ended::Over(short(self.left)),
                // A node that stops says how far it has come.
                Reply::End | Reply::Left => return Ended::Lost,
                Reply::Error { code, .. } if code == "stopping" => return Ended::Lost,
                Reply::Error { reason, .. } => return Ended::Over(Err(Failure::temporary(reason))),
                _ => return Ended::Over(Err(Failure::temporary("the node's reply is for another request"))),
            }
        }
    }

    /// Hands events over one by one; false once `--count` has come.
    fn hand(&mut self, client: &mut Client, events: &[Vec<u8>], places: &[u64]) -> Result<bool, Ended> {
        for (event, place) in events.iter().zip(places) {
            self.io.out.hand_over(event).map_err(|failure| Ended::Over(Err(failure)))?;
            self.taken = Some(*place);
            self.untold = true;
            self.left = self.left.map(|left| left - 1);
            let told = client.send(&Request::Took { place: *place }, None);
            if self.left == Some(0) {
                return Ok(false);
            }
            told.map_err(|_| Ended::Lost)?;
        }
        Ok(true)
    }
}

/// One question and its answer.
fn ask(io: &Io, folder: &Folder, arguments: &Sub, request: &Request, patience: Duration) -> Result<Reply, Failure> {
    let (mut client, node) = attach(io, folder, arguments)?;
    let deadline = Some(Instant::now() + patience);
    let reply = client.send(request, deadline).and_then(|()| client.receive(deadline));
    drop(client);
    if let Some(node) = node {
        node.stop();
    }
    reply.map_err(failure)
}

/// The names that the node remembers.
pub fn list(io: &mut Io, folder: &Folder, arguments: &Sub) -> Result<Exit, Failure> {
    // What waits for each is counted.
    match ask(io, folder, arguments, &Request::Consumers, PATIENCE_SEARCHING)? {
        Reply::Consumers { records } => {
            for record in records {
                let record = NamedReader::read(&record).map_err(Failure::temporary)?;
                io.out.line(&serde_json::to_vec(&record).expect("texts and numbers are JSON"))?;
            }
            Ok(Exit::Done)
        }
        Reply::Error { reason, .. } => Err(Failure::temporary(reason)),
        _ => Err(Failure::temporary("the node's reply is for another request")),
    }
}

pub fn forget(io: &Io, folder: &Folder, name: &str, arguments: &Sub) -> Result<Exit, Failure> {
    let request = Request::Forget { name: name.to_owned() };
    match ask(io, folder, arguments, &request, PATIENCE.unwrap_or(PATIENCE_SEARCHING))? {
        Reply::End => Ok(Exit::Done),
        Reply::Error { code, reason } if code == "unknown" => Err(Failure::no(reason)),
        Reply::Error { reason, .. } => Err(Failure::temporary(reason)),
        _ => Err(Failure::temporary("the node's reply is for another request")),
    }
}
