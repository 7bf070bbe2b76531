//! The run: input, spool, node, receipts, answers.

use super::chunk::{Outcome, Reader, What, allot};
use super::node::Nodes;
use super::pipeline::{Message, Pipeline};
use super::report::Report;
use super::retry::Retry;
use super::{Level, Pub};
use cooee::attach::Refused;
use cooee::cli::{Exit, Failure, Folder, Io, Reject};
use cooee::event::{CLOCK_LEEWAY, Event, rfc3339};
use cooee::handover::{Author, Awaited, Notice, Preparer, Sender};
use cooee::jsonl::Scanner;
use cooee::key::{Key, sequence};
use cooee::spool::agents::Agents;
use cooee::spool::{Spool, SpoolError, Told};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A spool file takes no further chunk once its events have so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// More lines than this at once are worth threads.
const INLINE_LINES: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_ANSWERED: Duration = Duration::from_mins(1);

/// `--wait spooled`: what is kept on this host.
#[derive(Serialize)]
struct Spooled<'a> {
    r#type: &'static str,
    v: u32,
    ids: Vec<&'a str>,
    time: String,
}

struct Run {
    sender: Sender,
    preparer: Arc<Preparer>,
    sequence: PathBuf,
    agents: Agents,
    told: Told,
    /// What this host says it can do, until a node has stored it.
    capability: Option<Event>,
    level: Level,
    strict: bool,
    flush: bool,
    report: Report,
    retry: Retry,
    lines: u64,
    /// Requests go here, to be waited for.
    answers: Option<mpsc::Sender<(Vec<Awaited>, Instant)>>,
    /// Requests whose answers have not come.
    open: usize,
    batch: Vec<(Event, bool)>,
    batch_bytes: usize,
    /// The line that ended the run, with `--strict`.
    stopped: Option<Failure>,
}

pub fn run(io: &mut Io, folder: &Folder, arguments: &Pub) -> Result<Exit, Failure> {
    let wrap = arguments.wrap()?;
    let agent = arguments.agent()?;
    let (key, unsigned) = load_key(folder)?;
    let nodes = Nodes::of(folder, key.as_ref(), &arguments.peer)?;
    if arguments.wait == Level::Answered && !nodes.trusted.has_leader() {
        return Err(Failure::could_not_run("only a leader's answer counts, and there is no fleet file that names one")
            .hint("join a fleet with cooee-key join, or use --wait stored"));
    }
    let spool = Spool::open(&folder.file("spool")).map_err(spool_failure)?;
    let default = if arguments.wait == Level::Answered { TIMEOUT_ANSWERED } else { TIMEOUT };
    let timeout = arguments.timeout.map_or(default, SignedDuration::unsigned_abs);
    let hold = arguments.wait == Level::Answered;
    let mut run = Run {
        sender: Sender::new(spool, nodes.connect(), nodes.trusted.clone(), timeout, hold),
        preparer: Arc::new(Preparer {
            author: key.map(|key| Author { key, agent }),
            wrap,
            expires_after: arguments.expires,
        }),
        sequence: folder.sequence("host.key"),
        agents: Agents::new(folder.path()),
        level: arguments.wait,
        strict: arguments.strict,
        flush: arguments.flush,
        report: Report::new(),
        retry: Retry::default(),
        lines: 0,
        answers: None,
        open: 0,
        capability: None,
        told: Told::new(folder.path()),
        batch: Vec::new(),
        batch_bytes: 0,
        stopped: None,
    };
    if arguments.flush {
        run.leftovers(io)?;
        return run.finish(io);
    }
    let reader = Reader::new(io.stdin()?, folder, unsigned, run.preparer.wrap.is_some());
    if arguments.wait != Level::Spooled {
        run.leftovers(io)?;
    }
    run.read(io, reader, &nodes)?;
    if run.lines == 0 && run.stopped.is_none() {
        return Err(Failure::could_not_run("no input").hint("the command before it in the pipe may have failed"));
    }
    run.finish(io)
}

impl Run {
    /// A few lines are handled where they are read, without a thread; many, or
    /// a wait for answers, get the pipeline.
    fn read(&mut self, io: &mut Io, mut reader: Reader, nodes: &Nodes) -> Result<(), Failure> {
        let mut scanner = Scanner::default();
        while self.level != Level::Answered {
            self.idle(io, &mut reader)?;
            let Some(chunk) = reader.next()? else { return Ok(()) };
            let many = chunk.len() > INLINE_LINES;
            let outcomes = chunk.prepare(&self.preparer, &self.sequence, &mut scanner);
            self.take(io, outcomes);
            self.submit(io)?;
            if self.stopped.is_some() {
                return Ok(());
            }
            if many {
                break;
            }
            self.drain(io)?;
        }
        let mut pipeline = Pipeline::start(reader, &self.preparer, &self.sequence);
        if self.level == Level::Answered {
            self.answers = Some(pipeline.wait_for_answers(nodes.connect(), nodes.trusted.clone()));
        }
        self.follow(io, &mut pipeline)
    }

    /// While there is no input, what is kept is tried again.
    fn idle(&mut self, io: &mut Io, reader: &mut Reader) -> Result<(), Failure> {
        while let Some(patience) = self.retry.patience() {
            if !patience.is_zero() && reader.wait(patience) {
                break;
            }
            self.try_again(io)?;
        }
        Ok(())
    }

    fn try_again(&mut self, io: &mut Io) -> Result<(), Failure> {
        self.retry.begin();
        self.leftovers(io)?;
        self.retry.end();
        Ok(())
    }

    /// Takes what the pipeline has, as it comes.
    fn follow(&mut self, io: &mut Io, pipeline: &mut Pipeline) -> Result<(), Failure> {
        let mut reading = true;
        while reading || self.open > 0 {
            let busy = self.sender.is_busy() || !self.batch.is_empty();
            if !busy {
                self.report.flush(io);
            }
            let patience = if busy { Some(Duration::ZERO) } else { self.retry.patience() };
            match pipeline.next(patience) {
                Some(Message::Lines(outcomes)) if self.stopped.is_none() => {
                    self.take(io, outcomes);
                    if self.batch_bytes >= BATCH_BYTES {
                        self.submit(io)?;
                    }
                }
                Some(Message::Lines(_)) => {}
                Some(Message::End(result)) => {
                    reading = false;
                    if let Err(failure) = result {
                        self.stopped = Some(failure);
                    }
                }
                Some(Message::Answer(outcome)) => self.answered(io, outcome),
                None if !self.batch.is_empty() => self.submit(io)?,
                None if busy => self.sender.wait().map_err(sync_failure)?,
                None => self.try_again(io)?,
            }
            if self.stopped.is_some() {
                reading = false;
            }
            if !reading {
                self.submit(io)?;
                self.drain(io)?;
                // No more requests: the wait for answers may be a long one.
                self.answers = None;
            }
            self.notices(io)?;
        }
        Ok(())
    }

    fn answered(&mut self, io: &mut Io, outcome: cooee::handover::Outcome) {
        self.open -= usize::from(!matches!(outcome, cooee::handover::Outcome::Ignored(_)));
        if let Some(event) = self.report.answer(io, outcome)
            && let Some(id) = event.in_reply_to()
        {
            // `age-enrol` is to know, or it would ask again.
            if let Err(error) = self.agents.record_answer(&event) {
                io.warn(&error.to_string());
            }
            self.sender.answered(id);
        }
    }

    /// Collects a chunk's events, prints its records, reports its faults.
    fn take(&mut self, io: &mut Io, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            self.lines += 1;
            match outcome.what {
                What::Ours(event) => self.collect(event, true),
                What::Signed(event) => self.collect(event, false),
                What::Passed(line) => self.report.line(io, &line),
                What::Rejected { message, security } => {
                    self.report.worsen(if security { Exit::Security } else { Exit::Rejected });
                    if let Err(failure) = io.reject(outcome.number, &Reject::new(message), self.strict) {
                        self.stopped = Some(failure);
                        break;
                    }
                }
            }
        }
    }

    /// What of this host's capabilities is stored, `hwprobe` need not say again.
    fn tell(&mut self, io: &Io, stored: &[String]) {
        if let Some(event) = self.capability.take_if(|event| stored.iter().any(|id| id == event.id()))
            && let Err(error) = self.told.keep(&event)
        {
            io.warn(&error.to_string());
        }
    }

    fn collect(&mut self, event: Event, ours: bool) {
        if ours && event.kind() == "capability" && event.agent().is_none() {
            self.capability = Some(event.clone());
        }
        self.batch_bytes += event.wire().len();
        self.batch.push((event, ours));
    }

    /// Puts what is collected into the spool, and on its way.
    fn submit(&mut self, io: &mut Io) -> Result<(), Failure> {
        let events = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if events.is_empty() {
            return Ok(());
        }
        let now = Timestamp::now();
        if self.level == Level::Spooled {
            // Its lock goes with it, so that any later run may send it.
            drop(self.sender.keep(events.iter().map(|(event, _)| event), now).map_err(spool_failure)?);
            let ids = events.iter().map(|(event, _)| event.id()).collect();
            self.report.record(io, &Spooled { r#type: "spooled", v: 1, ids, time: rfc3339(now) });
            self.report.flush(io);
            return Ok(());
        }
        self.sender.submit(events, now);
        self.sender.advance().map_err(sync_failure)
    }

    /// Until nothing is under way.
    fn drain(&mut self, io: &mut Io) -> Result<(), Failure> {
        self.notices(io)?;
        while self.sender.is_busy() {
            self.sender.wait().map_err(sync_failure)?;
            self.sender.advance().map_err(sync_failure)?;
            self.notices(io)?;
        }
        self.report.flush(io);
        Ok(())
    }

    fn notices(&mut self, io: &mut Io) -> Result<(), Failure> {
        while let Some(notice) = self.sender.notice() {
            match notice {
                Notice::Stored(receipt) => {
                    self.tell(io, &receipt.ids);
                    // Where answers are waited for, stored is not enough.
                    if self.level != Level::Answered {
                        self.report.stored(&receipt.ids);
                    }
                    self.report.record(io, &receipt);
                }
                Notice::Awaits(requests, deadline) => {
                    if let Some(answers) = &self.answers {
                        self.open += requests.len();
                        answers.send((requests, deadline)).expect("it lives while we hold its sender");
                    }
                }
                // That was said when it was refused first.
                Notice::Refused { refused, .. } if self.retry.is_trying() && refused.is_temporary() => {
                    self.retry.kept();
                }
                // What earlier runs have left decides how this one ends only if
                // it is what this one is for, or may be its own.
                Notice::Refused { refused, leftover } => {
                    if refused.is_temporary() {
                        self.retry.kept();
                    }
                    if refused.code == Refused::CLOCK {
                        self.rewind(refused.node_time)?;
                    }
                    let counts = !leftover || self.flush || self.retry.is_trying();
                    self.report.refused(io, &refused, counts);
                }
                Notice::Clock { event, node_time } => self.again(io, &event, node_time)?,
                Notice::Kept { leftover: true, .. } if !self.flush => self.retry.kept(),
                Notice::Kept { ids, why, security, .. } => {
                    self.retry.kept();
                    self.report.kept(io, ids, why, security);
                }
                Notice::Expired(id) => io.warn(&format!("event {id} expired in the spool and was dropped")),
                Notice::Trouble(trouble) => io.warn(&trouble),
            }
        }
        Ok(())
    }

    /// The key's numbers go by the node's clock again where they are ahead of it,
    /// so that a host whose clock was once in 2100 is not locked out.
    fn rewind(&self, node_time: Timestamp) -> Result<(), Failure> {
        let node_us = u64::try_from(node_time.as_microsecond()).unwrap_or(0);
        sequence::rewind(&self.sequence, node_us, CLOCK_LEEWAY.unsigned_abs()).map_err(|error| self.failed(&error))
    }

    /// An event of ours ran ahead of the node's clock: it is signed again. What
    /// another command has signed cannot be, here.
    fn again(&mut self, io: &mut Io, event: &Event, node_time: Timestamp) -> Result<(), Failure> {
        self.rewind(node_time)?;
        let number = allot(&self.sequence, 1).map_err(|error| self.failed(&error))?.start;
        let signed = self.preparer.sign_again(event, Timestamp::now(), number).map_err(Failure::could_not_run)?;
        self.collect(signed, false);
        self.submit(io)
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::could_not_run(format_args!("{}: {error}", self.sequence.display()))
    }

    fn leftovers(&mut self, io: &mut Io) -> Result<(), Failure> {
        self.sender.send_leftovers(Timestamp::now()).map_err(sync_failure)?;
        self.drain(io)
    }

    fn finish(mut self, io: &mut Io) -> Result<Exit, Failure> {
        self.sender.finish().map_err(sync_failure)?;
        self.notices(io)?;
        let exit = self.report.finish(io)?;
        match self.stopped {
            Some(failure) if exit.worst(failure.exit()) == failure.exit() => Err(failure),
            Some(failure) => {
                io.warn(failure.message());
                Ok(exit)
            }
            None => Ok(exit),
        }
    }
}

/// The host's key, or why there is none: only a line that needs it makes that
/// a failure. A key that others can read is one at once.
fn load_key(folder: &Folder) -> Result<(Option<Key>, Option<Failure>), Failure> {
    match folder.key("host.key") {
        Ok(key) => Ok((Some(key), None)),
        Err(failure) if failure.exit() == Exit::Security => Err(failure),
        Err(failure) => Ok((None, Some(failure))),
    }
}

fn spool_failure(error: SpoolError) -> Failure {
    Failure::could_not_run(error).hint("nothing of this batch is kept or sent")
}

/// The disk did not take what was written already.
fn sync_failure(error: SpoolError) -> Failure {
    Failure::could_not_run(error).hint("what has no receipt is not kept")
}
