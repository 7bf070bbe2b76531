//! Waiting for Leaders' answers.

use super::{Answer, Awaited, Connect, Link, LinkError, Trusted, judge};
use crate::attach::{Reply, Request, WAIT_LIMIT_MS};
use crate::event::Event;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Requests asked after in one frame.
const IDS_AT_ONCE: usize = 2_000;
/// After an answer that did not count, or a node that went away.
const PAUSE: Duration = Duration::from_millis(200);
/// A node has this long, beyond the wait itself, to say that nothing came.
const SLACK: Duration = Duration::from_secs(5);
/// Ids of answers that did not count, remembered to be said once.
const IGNORED_LIMIT: usize = 10_000;

/// What came of a wait.
#[derive(Debug)]
pub enum Outcome {
    /// A Leader's answer that counts.
    Answered(Awaited, Box<Event>, Answer),
    /// An answer that does not count: what a person should know of it.
    Ignored(String),
    /// Nothing came in time.
    TimedOut(Awaited),
}

/// Asks a node again and again, so that a restart in between loses nothing.
pub struct Waiter {
    connect: Box<dyn Connect>,
    trusted: Trusted,
    link: Option<Box<dyn Link>>,
    pending: Vec<(Awaited, Instant)>,
    ignored: HashSet<String>,
}

impl Waiter {
    /// Answers count under `trusted`'s Leaders.
    pub fn new(connect: Box<dyn Connect>, trusted: Trusted) -> Self {
        Self { connect, trusted, link: None, pending: Vec::new(), ignored: HashSet::new() }
    }

    /// Waits for these too, until `deadline`.
    pub fn add(&mut self, requests: Vec<Awaited>, deadline: Instant) {
        self.pending.extend(requests.into_iter().map(|request| (request, deadline)));
    }

    /// Is nothing waited for?
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Asks once, and waits `at_most` for a first answer.
    pub fn round(&mut self, at_most: Duration) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let began = Instant::now();
        let last = self.pending.iter().map(|(_, deadline)| *deadline).min().unwrap_or(began);
        let wait = at_most.min(last.saturating_duration_since(began)).min(Duration::from_millis(WAIT_LIMIT_MS));
        let pending = self.pending.len();
        let asked = self.ask(wait, began + wait + SLACK, &mut outcomes);
        if asked.is_err() {
            self.link = None;
        }
        // Whoever answers at once with nothing that counts is not asked at once again.
        let settled = self.pending.len() < pending;
        let left = last.saturating_duration_since(Instant::now());
        if !settled && (asked.is_err() || began.elapsed() < wait) {
            std::thread::sleep(PAUSE.min(left));
        }
        let now = Instant::now();
        let late = self.pending.extract_if(.., |(_, deadline)| *deadline <= now);
        outcomes.extend(late.map(|(request, _)| Outcome::TimedOut(request)));
        outcomes
    }

    fn ask(&mut self, wait: Duration, deadline: Instant, outcomes: &mut Vec<Outcome>) -> Result<(), LinkError> {
        let latest = self.pending.iter().map(|(_, deadline)| *deadline).max().unwrap_or(deadline);
        let deadline = deadline.min(latest);
        let link = match &mut self.link {
            Some(link) => link,
            link => link.insert(self.connect.any(deadline)?),
        };
        let ids = self.pending.iter().take(IDS_AT_ONCE).map(|(request, _)| request.id.clone()).collect();
        let mut frame = Vec::new();
        let request = Request::Await { ids, wait_ms: wait.as_millis() as u64 };
        request.frame(&mut frame).map_err(|error| LinkError::Broken(error.to_string()))?;
        link.send(&frame, deadline)?;
        match link.receive(deadline)? {
            Reply::Answers { events } => {
                for wire in events {
                    self.take_in(&wire, outcomes);
                }
                Ok(())
            }
            Reply::Error { reason, .. } => Err(LinkError::Broken(reason)),
            _ => Err(LinkError::Broken("the node's reply is for another request".to_owned())),
        }
    }

    fn take_in(&mut self, wire: &[u8], outcomes: &mut Vec<Outcome>) {
        let event = match Event::from_wire(wire) {
            Ok(event) => event,
            Err(error) => return self.ignore("", &error.to_string(), outcomes),
        };
        let place = self.pending.iter().position(|(request, _)| event.in_reply_to() == Some(&request.id));
        let Some(place) = place else {
            return self.ignore(event.id(), "it answers no request of ours", outcomes);
        };
        match judge(&event, &self.pending[place].0, &self.trusted) {
            Some(answer) => {
                let (request, _) = self.pending.swap_remove(place);
                outcomes.push(Outcome::Answered(request, Box::new(event), answer));
            }
            None => self.ignore(event.id(), "it is not a leader's answer to this request", outcomes),
        }
    }

    fn ignore(&mut self, id: &str, why: &str, outcomes: &mut Vec<Outcome>) {
        if self.ignored.len() < IGNORED_LIMIT && self.ignored.insert(id.to_owned()) {
            outcomes.push(Outcome::Ignored(format!("answer {id} was ignored: {why}")));
        }
    }
}
