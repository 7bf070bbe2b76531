//! Batches on their way: spool, frames, receipts.

mod leftovers;

use super::batch::{Batch, State, Waiting};
use super::{Awaited, Connect, Link, LinkError, Notice, Trusted};
use crate::attach::{PutFrames, Refused, Reply};
use crate::event::Event;
use crate::spool::{Entry, Spool, SpoolError};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Frames that may be unanswered: 2 MiB at most are under way.
const WINDOW: usize = 16;
/// Where no node was there, the next look is not before this.
const REDIAL: Duration = Duration::from_secs(1);
/// And where one was there but silent, so that a long input does not wait for
/// it once per batch.
const REDIAL_SILENT: Duration = Duration::from_secs(30);
/// A node of this folder that has signed by then has saved the spool an fsync.
const SOON: Duration = Duration::from_millis(10);

/// Why sending goes no further.
enum Stop {
    /// There may be another link.
    Link(LinkError),
    /// Nothing can be said to be kept.
    Spool(SpoolError),
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<SpoolError> for Stop {
    fn from(error: SpoolError) -> Self {
        Self::Spool(error)
    }
}

/// A frame that waits to be sent, or for its reply.
struct Flight {
    batch: u64,
    range: Range<usize>,
    bytes: Vec<u8>,
    deadline: Instant,
}

/// Hands events over, and keeps in the spool what is not taken.
///
/// Every event is in the spool and on disk before a node is called over the
/// network, before it is said to be kept, when a link breaks, and where a
/// receipt is not there [`SOON`]. The folder's own node mostly signs sooner:
/// then the events are on its disk, and a file here would only cost the time of
/// another journal commit. In between they are in the socket, where the node
/// finds them even if we are killed.
pub struct Sender {
    spool: Spool,
    connect: Box<dyn Connect>,
    trusted: Trusted,
    timeout: Duration,
    /// Requests stay in the spool until they are answered.
    hold: bool,
    link: Option<Box<dyn Link>>,
    /// A reply has come over this link: if it breaks, another is worth a try.
    proven: bool,
    /// Until when nothing is dialled, and why.
    down: Option<(Instant, String)>,
    /// How often a link failed.
    failures: u64,
    batches: BTreeMap<u64, Batch>,
    next: u64,
    queue: VecDeque<Flight>,
    in_flight: VecDeque<Flight>,
    notices: VecDeque<Notice>,
}

impl Sender {
    /// Over `spool`; with `hold`, requests stay there until
    /// [`Sender::answered`].
    pub fn new(spool: Spool, connect: Box<dyn Connect>, trusted: Trusted, timeout: Duration, hold: bool) -> Self {
        Self {
            spool,
            connect,
            trusted,
            timeout,
            hold,
            link: None,
            proven: false,
            down: None,
            failures: 0,
            batches: BTreeMap::new(),
            next: 0,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            notices: VecDeque::new(),
        }
    }

    /// Puts a batch in line to be sent. `ours` says which events may be signed
    /// again.
    pub fn submit(&mut self, events: Vec<(Event, bool)>, now: Timestamp) {
        let events = events.into_iter().map(|(event, ours)| Waiting { event, ours, state: State::Sent }).collect();
        let made_us = microseconds(now);
        self.enqueue(Batch { entry: None, made_us, events, frames: 0, reduced: false, leftover: false });
    }

    /// Only keeps a batch in the spool, for a later run to send.
    pub fn keep<'a>(&self, events: impl Iterator<Item = &'a Event>, now: Timestamp) -> Result<Entry, SpoolError> {
        self.spool.keep(microseconds(now), events.map(Event::wire))
    }

    fn enqueue(&mut self, mut batch: Batch) {
        let mut frames = PutFrames::default();
        for waiting in &batch.events {
            frames.push(waiting.event.wire());
        }
        let deadline = Instant::now() + self.timeout;
        let mut from = 0;
        for frame in frames.finish() {
            let range = from..from + frame.count;
            from = range.end;
            batch.frames += 1;
            self.queue.push_back(Flight { batch: self.next, range, bytes: frame.bytes, deadline });
        }
        self.batches.insert(self.next, batch);
        self.next += 1;
    }

    /// Is anything under way or waiting to be sent?
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.in_flight.is_empty()
    }

    /// Sends what may be under way; waits for a reply only where too much is.
    pub fn advance(&mut self) -> Result<(), SpoolError> {
        while !self.queue.is_empty() {
            if self.in_flight.len() >= WINDOW {
                self.wait()?;
                continue;
            }
            match self.send_one() {
                Ok(()) => {}
                Err(Stop::Link(error)) => self.fail(&error)?,
                Err(Stop::Spool(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn send_one(&mut self) -> Result<(), Stop> {
        let Some(deadline) = self.queue.front().map(|flight| flight.deadline) else { return Ok(()) };
        let mut link = if let Some(link) = self.link.take() {
            link
        } else {
            self.proven = false;
            self.dial(deadline)?
        };
        if !link.is_near() {
            self.sync()?;
        }
        let Some(flight) = self.queue.pop_front() else { return Ok(()) };
        let sent = link.send(&flight.bytes, flight.deadline);
        self.in_flight.push_back(flight);
        sent?;
        self.link = Some(link);
        Ok(())
    }

    fn dial(&mut self, deadline: Instant) -> Result<Box<dyn Link>, Stop> {
        if let Some((until, why)) = &self.down
            && Instant::now() < *until
        {
            return Err(LinkError::Unreachable(why.clone()).into());
        }
        if let Some(link) = self.connect.near()? {
            return Ok(link);
        }
        self.sync()?;
        Ok(self.connect.far(deadline)?)
    }

    /// From here on not even a power cut loses what is under way.
    fn sync(&mut self) -> Result<(), SpoolError> {
        self.batches.values_mut().try_for_each(|batch| batch.keep(&self.spool))
    }

    /// Waits for one reply and takes it in.
    pub fn wait(&mut self) -> Result<(), SpoolError> {
        if self.in_flight.is_empty() {
            self.advance()?;
        }
        let Some(deadline) = self.in_flight.front().map(|flight| flight.deadline) else { return Ok(()) };
        if let Some(link) = &self.link
            && self.batches.values().any(|batch| !batch.is_durable())
            && !link.is_answering(SOON)
        {
            // On a disk that takes no more the node may still sign; if it does
            // not, that is said then.
            let _ = self.sync();
        }
        let reply = match self.link.as_mut() {
            Some(link) => link.receive(deadline),
            None => Err(LinkError::Broken("the node went away".to_owned())),
        };
        let outcome = match reply {
            Ok(reply) => {
                let Some(flight) = self.in_flight.pop_front() else { return Ok(()) };
                let outcome = self.take_in(&flight, reply);
                self.proven |= outcome.is_ok();
                self.land(flight.batch, flight.range, outcome.as_ref().err())?;
                outcome
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => self.fail(&error),
        }
    }

    /// What a frame's reply says of its events.
    fn take_in(&mut self, flight: &Flight, reply: Reply) -> Result<(), LinkError> {
        let Some(batch) = self.batches.get_mut(&flight.batch) else { return Ok(()) };
        let (receipt, refused) = match reply {
            Reply::Stored { receipt, refused } => (receipt, refused),
            Reply::Error { reason, .. } => return Err(LinkError::Broken(format!("the node said: {reason}"))),
            _ => return Err(LinkError::Broken("the node's reply is for another request".to_owned())),
        };
        for refused in refused {
            let Some(waiting) = batch.refused(flight.range.clone(), &refused) else { continue };
            if refused.code == Refused::CLOCK && waiting.ours {
                waiting.state = State::Done;
                let event = Box::new(waiting.event.clone());
                self.notices.push_back(Notice::Clock { event, node_time: refused.node_time });
            } else {
                self.notices.push_back(Notice::Refused { refused, leftover: batch.leftover });
            }
        }
        let Some(receipt) = receipt else { return Ok(()) };
        if !self.trusted.receipt(&receipt) {
            return Err(LinkError::Broken("the receipt is not signed by a node of the fleet".to_owned()));
        }
        if batch.stored(flight.range.clone(), &receipt, self.hold.then_some(&self.trusted)) == 0 {
            return Err(LinkError::Broken("the receipt is for other events".to_owned()));
        }
        let held = batch.events[flight.range.clone()].iter().filter(|waiting| waiting.state == State::Held);
        let awaits: Vec<_> = held.filter_map(|waiting| Awaited::of(&waiting.event, &self.trusted)).collect();
        self.notices.push_back(Notice::Stored(receipt));
        if !awaits.is_empty() {
            self.notices.push_back(Notice::Awaits(awaits, flight.deadline));
        }
        Ok(())
    }

    /// A frame is through, however it went; perhaps its batch is too.
    fn land(&mut self, number: u64, range: Range<usize>, why: Option<&LinkError>) -> Result<(), SpoolError> {
        let Some(batch) = self.batches.get_mut(&number) else { return Ok(()) };
        let unheard = batch.unheard(range.clone());
        if !batch.is_over(range) {
            batch.keep(&self.spool)?;
        }
        if !unheard.is_empty() {
            let security = matches!(why, Some(LinkError::WrongPeer(_)));
            let why = why.map_or_else(|| "the node's receipt does not name them".to_owned(), ToString::to_string);
            self.notices.push_back(Notice::Kept { ids: unheard, why, security, leftover: batch.leftover });
        }
        batch.frames -= 1;
        if batch.frames > 0 {
            return Ok(());
        }
        batch.shrink();
        if !batch.holds()
            && let Some(batch) = self.batches.remove(&number)
        {
            self.close(batch);
        }
        Ok(())
    }

    /// The link is gone: what was under way stays in the spool. But a link that
    /// worked until now may only have met a node's restart: once more, then.
    fn fail(&mut self, error: &LinkError) -> Result<(), SpoolError> {
        self.link = None;
        if self.proven && matches!(error, LinkError::Broken(_)) {
            self.proven = false;
            let again = std::mem::take(&mut self.in_flight);
            self.queue.extend(again);
            self.queue.make_contiguous().sort_by_key(|flight| (flight.batch, flight.range.start));
            return Ok(());
        }
        self.failures += 1;
        let pause = match error {
            LinkError::TimedOut => Some(REDIAL_SILENT),
            LinkError::Unreachable(_) => Some(REDIAL),
            // One bad exchange says nothing of the next.
            LinkError::Broken(_) | LinkError::WrongPeer(_) => None,
        };
        if let Some(pause) = pause
            && self.down.as_ref().is_none_or(|(until, _)| *until < Instant::now())
        {
            self.down = Some((Instant::now() + pause, error.to_string()));
        }
        let lost: Vec<_> = self.in_flight.drain(..).chain(self.queue.drain(..)).collect();
        lost.into_iter().try_for_each(|flight| self.land(flight.batch, flight.range, Some(error)))
    }

    fn close(&mut self, batch: Batch) {
        if let Err(error) = batch.close(&self.spool) {
            self.notices.push_back(Notice::Trouble(error.to_string()));
        }
    }

    /// A held request has its answer: it leaves the spool with its batch.
    pub fn answered(&mut self, id: &str) {
        let mut over = Vec::new();
        for (number, batch) in &mut self.batches {
            batch.answered(id);
            if batch.frames == 0 && !batch.holds() {
                over.push(*number);
            }
        }
        for number in over {
            if let Some(batch) = self.batches.remove(&number) {
                self.close(batch);
            }
        }
    }

    /// What there is to say.
    pub fn notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Leaves in the spool what is not over. Returns how many requests have no
    /// answer yet.
    pub fn finish(&mut self) -> Result<usize, SpoolError> {
        while self.is_busy() {
            self.advance()?;
            self.wait()?;
        }
        let mut unanswered = 0;
        for (_, batch) in std::mem::take(&mut self.batches) {
            unanswered += batch.events.iter().filter(|waiting| waiting.state == State::Held).count();
            self.close(batch);
        }
        Ok(unanswered)
    }
}

fn microseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
