//! Storing: what is handed over, gossiped or fetched, and what is learnt from it.

use super::action::{Action, Verdict};
use super::guard::Offence;
use super::input::{Checked, Now, Origin};
use super::judge::{self, Code, Fault};
use super::log::{Log, LogError, Mark, id_of};
use super::members::Change;
use super::node::{Batch, Node};
use super::rate::Taken;
use crate::attach::Refused;
use crate::event::{Event, answers_of};
use jiff::SignedDuration;

/// What became of an event that passed the rules.
enum Stored {
    New,
    There,
    /// The log failed; the batch says why.
    Failed,
}

impl<L: Log, T> Node<L, T> {
    /// Events handed over: stored, receipted, passed on.
    pub(super) fn put(&mut self, ticket: T, origin: Origin, events: Vec<Checked>, now: Now, batch: &mut Batch<T>) {
        let mut ids = Vec::with_capacity(events.len());
        let mut refused = Vec::new();
        let mut provable = false;
        for event in events {
            let judged = event.and_then(|event| {
                judge::judge(&event, &self.members, now.wall)?;
                self.rate(&event, origin, now)?;
                Ok(event)
            });
            match judged {
                Ok(event) => {
                    ids.push(event.id().to_owned());
                    if let Stored::New = self.store(&event, batch)
                        && !self.peers.is_empty()
                    {
                        batch.publish.push(event.into_wire());
                    }
                }
                Err(fault) => {
                    provable |= fault.code.is_provable();
                    refused.push(Refused {
                        id: fault.id,
                        code: fault.code.word().to_owned(),
                        reason: fault.reason,
                        node_time: now.wall,
                    });
                }
            }
        }
        if let (true, Origin::Peer { did, .. }) = (provable, origin) {
            batch.actions.push(Action::Blame(did, Offence::Frame));
        }
        let reply = self.receipt(ids, refused, now);
        batch.actions.push(Action::Reply(ticket, reply));
    }

    /// May another machine hand this over here and now?
    fn rate(&mut self, event: &Event, origin: Origin, now: Now) -> Result<(), Fault> {
        let Origin::Peer { address, did } = origin else { return Ok(()) };
        let busy = |reason: &str| Err(Fault { id: event.id().to_owned(), code: Code::Busy, reason: reason.to_owned() });
        if !self.belongs(now.wall) {
            return busy("this node is not enrolled itself yet and would pass nothing on");
        }
        if event.kind() != "enrol" || self.members.is_peer(&did, now.wall) {
            return Ok(());
        }
        match self.rates.take(&did, address, now.uptime_ms) {
            Taken::Yes => Ok(()),
            Taken::TooManyOfPeer => busy("too many requests to enrol from one peer; try again in a minute"),
            Taken::TooManyOfPlace => busy("too many requests to enrol from this address; try again in a minute"),
        }
    }

    /// A gossip message: what is good in it is stored; it is passed on only if
    /// all of it is.
    pub(super) fn gossip(&mut self, ticket: T, events: Vec<Checked>, now: Now, batch: &mut Batch<T>) {
        let provable = |event: &Checked| matches!(event, Err(fault) if fault.code.is_provable());
        if events.is_empty() || events.iter().any(provable) {
            batch.actions.push(Action::Verdict(ticket, Verdict::Reject));
            return;
        }
        let mut verdict = Verdict::Accept;
        for event in events.into_iter().flatten() {
            if judge::judge(&event, &self.members, now.wall).is_err() {
                verdict = Verdict::Ignore;
            } else {
                match self.store(&event, batch) {
                    Stored::New => self.is_ours(&event, now, batch),
                    Stored::There => {}
                    Stored::Failed => verdict = Verdict::Ignore,
                }
            }
        }
        batch.actions.push(Action::Verdict(ticket, verdict));
    }

    /// Events fetched from a peer; they are not gossiped again.
    pub(super) fn fetched(&mut self, events: Vec<Event>, now: Now, batch: &mut Batch<T>) {
        for event in events {
            if judge::judge(&event, &self.members, now.wall).is_ok()
                && let Stored::New = self.store(&event, batch)
            {
                self.is_ours(&event, now, batch);
            }
        }
    }

    /// What this host says comes through its own socket, or was said before the
    /// node began. Else somebody else has its key. A Leader's may be in several
    /// places.
    fn is_ours(&self, event: &Event, now: Now, batch: &mut Batch<T>) {
        let uptime = SignedDuration::from_millis(i64::try_from(now.uptime_ms).unwrap_or(i64::MAX));
        let began = now.wall.saturating_sub(uptime).unwrap_or(now.wall);
        let own = event.author() == self.own && !self.members.is_leader(&self.own);
        if own && i128::from(event.sequence()) > i128::from(began.as_microsecond()) {
            batch.actions.push(Action::Ours { id: event.id().to_owned(), sequence: event.sequence() });
        }
    }

    /// Stores what the rules have passed, and learns from it.
    fn store(&mut self, event: &Event, batch: &mut Batch<T>) -> Stored {
        if batch.error.is_some() {
            return Stored::Failed;
        }
        match self.try_store(event, batch) {
            Ok(true) => Stored::New,
            Ok(false) => Stored::There,
            Err(error) => {
                batch.error = Some(error);
                Stored::Failed
            }
        }
    }

    fn try_store(&mut self, event: &Event, batch: &mut Batch<T>) -> Result<bool, LogError> {
        if !batch.began {
            self.log.begin()?;
            batch.began = true;
        }
        let open = self.members.is_request(event) && !self.is_answered(event)?;
        let mark = Mark { open, record: self.members.record(event) };
        if !self.log.insert(event, &mark)? {
            return Ok(false);
        }
        batch.stored += 1;
        if let Some(record) = mark.record {
            batch.heard_of.push(record.about);
            if let Some(directory) = &mut self.directory {
                directory.learn(event, &self.members);
            }
        }
        if self.members.is_answer(event) {
            let request = event.in_reply_to().unwrap_or_default();
            if let Some(id) = id_of(request) {
                self.log.answered(&id, event.subject(), requests_of(event.kind()))?;
                batch.woken.push(request.to_owned());
            }
        }
        let change = self.members.learn(event);
        batch.changed |= change != Change::None;
        match change {
            Change::None => {}
            Change::Joined(_) => batch.joined = true,
            Change::Revoked(did, agent) => self.pruning.leaves(did, agent),
        }
        Ok(true)
    }

    /// Has a Leader's answer come before its request?
    fn is_answered(&self, request: &Event) -> Result<bool, LogError> {
        let Some(id) = id_of(request.id()) else { return Ok(false) };
        let answers = self.log.replies(&id)?;
        Ok(answers.iter().any(|wire| Event::from_wire(wire).is_ok_and(|answer| self.is_answer_to(&answer, request))))
    }

    /// Under a Leader's key, of the right type, about the same subject?
    pub(super) fn is_answer_to(&self, answer: &Event, request: &Event) -> bool {
        self.members.is_answer(answer)
            && answer.in_reply_to() == Some(request.id())
            && answer.subject() == request.subject()
            && answers_of(request.kind()).contains(&answer.kind())
    }
}

/// The types that an answer of this type may be to.
fn requests_of(answer: &str) -> &'static [&'static str] {
    match answer {
        "enrolled" => &["enrol"],
        "accepted" => &["pr", "dr"],
        "answer" => &["help"],
        "revoked" => &["revoked"],
        "refused" => &["enrol", "pr", "dr", "revoked"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_requests_are_each_others_inverse() {
        for request in ["enrol", "pr", "dr", "help", "revoked", "note"] {
            for answer in ["enrolled", "accepted", "answer", "revoked", "refused", "note"] {
                let there = answers_of(request).contains(&answer);
                assert_eq!(requests_of(answer).contains(&request), there, "{request} {answer}");
            }
        }
    }
}
