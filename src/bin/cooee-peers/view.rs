//! What is printed, and how often.

use crate::ask::{AskError, Asker, failure};
use cooee::attach::ClientError;
use cooee::cli::{Beats, Exit, Failure, Folder, Io, escape};
use cooee::enrol::Fleet;
use cooee::event::Event;
use cooee::show::{agents_table, peers_metrics, peers_table};
use cooee::watch::{Finding, Node, Peer, Presence, Record, Severity, State, diagnose, is_company, no_node};
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Copy)]
pub enum What {
    Peers,
    Agents,
}

/// What was answered.
#[allow(clippy::large_enum_variant)] // there is one
pub enum Seen {
    Peers(Node, Vec<Peer>),
    Agents(Vec<Presence>, Timestamp),
}

impl What {
    pub fn ask(self, asker: &mut Asker, folder: &Folder) -> Result<Seen, Failure> {
        match self {
            Self::Peers => {
                let (node, peers) = asker.peers().map_err(|error| failure(error, folder))?;
                Ok(Seen::Peers(node, peers))
            }
            Self::Agents => {
                let fleet = folder.fleet()?;
                let presences = asker.presences(fleet.as_ref()).map_err(|error| failure(error, folder))?;
                let now = Timestamp::now();
                Ok(Seen::Agents(presences.list(now), now))
            }
        }
    }
}

impl Seen {
    /// As records, or as a table.
    pub fn print(self, io: &mut Io, table: bool) -> Result<(), Failure> {
        if table {
            for line in self.table(io.out.columns()) {
                io.out.line(line.as_bytes())?;
            }
        } else {
            match self {
                Self::Peers(node, peers) => {
                    line(io, &Record::Node(node))?;
                    peers.into_iter().try_for_each(|peer| line(io, &Record::Peer(peer)))?;
                }
                Self::Agents(agents, _) => agents.iter().try_for_each(|agent| line(io, agent))?,
            }
        }
        io.out.flush()
    }

    fn table(&self, columns: Option<usize>) -> Vec<String> {
        match self {
            Self::Peers(node, peers) => peers_table(node, peers, columns),
            Self::Agents(agents, now) => agents_table(agents, *now, columns),
        }
    }
}

fn line(io: &mut Io, record: &impl Serialize) -> Result<(), Failure> {
    io.out.line(&serde_json::to_vec(record).expect("strings and numbers only"))
}

fn by_leader(fleet: Option<&Fleet>) -> impl Fn(&Event) -> bool {
    move |event| fleet.is_some_and(|fleet| fleet.is_leader(&event.author()))
}

/// `--watch`: until SIGINT, SIGTERM, or nobody reads any more.
pub fn again(
    io: &mut Io,
    asker: &mut Asker,
    folder: &Folder,
    what: What,
    table: bool,
    every: Duration,
) -> Result<Exit, Failure> {
    let mut beats = io.beats()?;
    asker.end_with(&beats)?;
    let mut screen = io.out.screen()?;
    let mut first = true;
    loop {
        let seen = match what.ask(asker, folder) {
            // Broken off by what is to end it.
            Err(_) if beats.is_over() => return ended(&mut beats),
            seen => seen?,
        };
        if let Some(screen) = &mut screen {
            let lines = seen.table(io.out.columns());
            screen.draw(&mut io.out, &lines)?;
        } else {
            // One table is told from the next.
            if table && !std::mem::take(&mut first) {
                io.out.line(b"")?;
            }
            seen.print(io, table)?;
        }
        if !beats.wait(every)? {
            return Ok(Exit::Done);
        }
    }
}

fn ended(beats: &mut Beats) -> Result<Exit, Failure> {
    beats.wait(Duration::ZERO).map(|_| Exit::Done)
}

/// What there is to judge; `None`: no node.
struct Judged {
    seen: Option<(Node, Vec<Peer>)>,
    findings: Vec<Finding>,
}

fn judge(folder: &Folder, timeout: Duration) -> Result<Judged, Failure> {
    let answer = Asker::connect(folder, timeout).and_then(|mut asker| {
        let seen = asker.peers()?;
        Ok((asker, seen))
    });
    let (mut asker, (node, peers)) = match answer {
        Ok(answer) => answer,
        Err(AskError::Client(ClientError::NoNode(_))) => {
            let findings = vec![no_node(&folder.socket().display().to_string())];
            return Ok(Judged { seen: None, findings });
        }
        Err(error) => return Err(failure(error, folder)),
    };
    let fleet = folder.fleet()?;
    // Only a host that is not let in needs to know how far its request is.
    let enrolment = if node.gossip || fleet.is_none() {
        None
    } else {
        asker.enrolment(&node.did, by_leader(fleet.as_ref())).map_err(|error| failure(error, folder))?
    };
    let findings = diagnose(&node, &peers, enrolment.as_ref());
    Ok(Judged { seen: Some((node, peers)), findings })
}

/// `--doctor`: 0 healthy, 1 not, 4 no node.
pub fn doctor(io: &mut Io, folder: &Folder, timeout: Duration, json: bool) -> Result<Exit, Failure> {
    let Judged { seen, findings } = judge(folder, timeout)?;
    for finding in &findings {
        if json {
            line(io, finding)?;
        } else {
            let grade = if finding.severity == Severity::Bad { "bad" } else { "note" };
            let message = escape(&finding.message);
            io.out.line(format!("{grade} {}: {message}; {}", finding.code, finding.hint).as_bytes())?;
        }
    }
    let Some((node, peers)) = seen else { return Ok(Exit::Temporary) };
    if findings.iter().any(|finding| finding.severity == Severity::Bad) {
        return Ok(Exit::No);
    }
    if !json {
        let company = peers.iter().filter(|peer| is_company(&node, peer)).count();
        let all = peers.iter().filter(|peer| peer.state == State::Connected).count();
        let gossip = if node.gossip { "gossip on" } else { "gossip off" };
        io.out.line(format!("ok: {company} of {all} peers belong, {gossip}, {} events", node.log_events).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// `--prometheus`: without a node too, so that a file that is written from it
/// says so.
pub fn prometheus(io: &mut Io, folder: &Folder, timeout: Duration) -> Result<Exit, Failure> {
    let Judged { seen, findings } = judge(folder, timeout)?;
    let seen = seen.as_ref().map(|(node, peers)| (node, peers.as_slice()));
    io.out.bytes(peers_metrics(seen, &findings).as_bytes())?;
    Ok(if seen.is_some() { Exit::Done } else { Exit::Temporary })
}
