//! The reader's side: asks the node, prints what comes.

use super::{Sub, serve};
use cooee::attach::{Client, ClientError, Reply, Request};
use cooee::cli::{Exit, Failure, Folder, Io, Output};
use cooee::event;
use cooee::net::Running;
use cooee::ucxl::Pattern;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What one request may ask for.
const PATTERNS_LIMIT: usize = 64;
const TYPES_LIMIT: usize = 64;
/// A node whose disk is busy takes its time for an fsync.
pub const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));
pub const PATIENCE_SEARCHING: Duration = Duration::from_mins(1);

pub fn run(io: &mut Io, folder: &Folder, arguments: &Sub) -> Result<Exit, Failure> {
    let request = request(arguments)?;
    let (mut client, node) = attach(io, folder, arguments)?;
    let outcome = read(io, &mut client, &request, arguments);
    drop(client);
    if let Some(node) = node {
        node.stop();
    }
    outcome
}

/// A connection to the folder's node; where none runs, to one of our own.
pub fn attach(io: &Io, folder: &Folder, arguments: &Sub) -> Result<(Client, Option<Running>), Failure> {
    match Client::connect(&folder.socket()) {
        Ok(client) => Ok((client, None)),
        Err(ClientError::NoNode(_)) => {
            io.log(|| "no node is running here: this is the node while it runs".to_owned());
            let node = serve::start(io, folder, arguments)?;
            Ok((Client::connect(&folder.socket()).map_err(failure)?, Some(node)))
        }
        Err(error) => Err(failure(error)),
    }
}

fn request(arguments: &Sub) -> Result<Request, Failure> {
    let (patterns, types, since) = wanted(arguments)?;
    Ok(Request::Sub { patterns, types, since, unanswered: arguments.unanswered, follow: !arguments.no_follow })
}

/// Patterns, types, and from when on.
pub type Wanted = (Vec<String>, Vec<String>, Option<Timestamp>);

/// What the arguments ask for. Patterns are checked here, so that a
/// wrong one is named before anything is started.
pub fn wanted(arguments: &Sub) -> Result<Wanted, Failure> {
    let read = |text: &String| {
        let pattern: Pattern = text.parse().map_err(|error| {
            Failure::could_not_run(format_args!("pattern: {error}")).hint("such as 'ucxl://any:any@COOEE:any/#/*'")
        })?;
        Ok(pattern.as_str().to_owned())
    };
    let patterns: Vec<_> = arguments.patterns.iter().map(read).collect::<Result<_, Failure>>()?;
    if patterns.len() > PATTERNS_LIMIT || arguments.types.len() > TYPES_LIMIT {
        return Err(Failure::could_not_run(format_args!("at most {PATTERNS_LIMIT} patterns and {TYPES_LIMIT} types")));
    }
    // Without the end of the log to wait for, what is stored is what is meant.
    let since = arguments.since.or((arguments.no_follow && !arguments.unanswered).then_some(Timestamp::UNIX_EPOCH));
    let types = arguments.types.iter().map(|name| event::short(name).to_owned()).collect();
    Ok((patterns, types, since))
}

fn read(io: &mut Io, client: &mut Client, request: &Request, arguments: &Sub) -> Result<Exit, Failure> {
    let deadline = arguments.timeout.map(|timeout| Instant::now() + SignedDuration::unsigned_abs(timeout));
    // Whoever reads us may go away while nothing comes: that ends us as well.
    let closed = Arc::new(AtomicBool::new(false));
    let (flag, connection) = (Arc::clone(&closed), client.split().map_err(Failure::could_not_run)?);
    Output::when_closed(move || {
        flag.store(true, Ordering::Relaxed);
        connection.close();
    });
    match client.send(request, deadline) {
        Err(ClientError::Closed) if closed.load(Ordering::Relaxed) => return Err(Failure::closed()),
        sent => sent.map_err(failure)?,
    }
    let mut left = arguments.count;
    let mut patience = PATIENCE;
    loop {
        // A node says at once that it has begun; then, where the end of what is
        // stored is waited for, it may have to search for long.
        let silent = patience.map(|patience| Instant::now() + patience);
        patience = arguments.no_follow.then_some(PATIENCE_SEARCHING);
        let until = [deadline, silent].into_iter().flatten().min();
        match client.receive(until) {
            Ok(Reply::Events { events }) => {
                for event in events {
                    io.out.line(&event)?;
                    left = left.map(|left| left - 1);
                    if left == Some(0) {
                        return Ok(Exit::Done);
                    }
                }
                io.out.flush()?;
            }
            Ok(Reply::End) if arguments.no_follow => return short(left),
            Ok(Reply::End) | Err(ClientError::Closed) if closed.load(Ordering::Relaxed) => {
                return Err(Failure::closed());
            }
            Ok(Reply::End) | Err(ClientError::Closed) => {
                return Err(Failure::temporary("the node went away").hint("run it again; --since says from when"));
            }
            Err(ClientError::TimedOut) if until == deadline && !arguments.no_follow => return short(left),
            Ok(Reply::Error { reason, .. }) => return Err(Failure::temporary(format_args!("the node said: {reason}"))),
            Ok(_) => return Err(Failure::temporary("the node's reply is for another request")),
            Err(error) => return Err(failure(error)),
        }
    }
}

/// The end came before `--count` did.
pub fn short(left: Option<u64>) -> Result<Exit, Failure> {
    match left {
        Some(left) => Err(Failure::temporary(format_args!("{left} of the events did not come"))),
        None => Ok(Exit::Done),
    }
}

pub fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Refused(_) => Failure::could_not_run(error),
        _ => Failure::temporary(error),
    }
}
