//! One transaction: judge, write down, sign; print after the commit.

use crate::answer::{ANSWER_FOR, answer, ask_to_join, ask_to_revoke, enrolled, refused, revoked};
use crate::intake::{Item, Unopened};
use crate::run::spread;
use cooee::cli::{Failure, Folder, Io};
use cooee::enrol::{
    self, Fleet, Grant, Held, Refusal, Request, Revocation, RevokeVerdict, Rules, Seen, Verdict, is_sane_clock,
};
use cooee::event::{Draft, Event, Stamp};
use cooee::key::{Did, Key, sequence};
use cooee::store::{Entry, Fault, Registry, Turn};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use uuid::Uuid;

/// What no lease outlives.
const TTL_MAX: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);
/// A request that asks for centuries is not answered for centuries.
const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// No digest: the request could not be opened.
const UNOPENED: [u8; 32] = [0; 32];

/// Who judges, and by what.
pub struct Leader {
    pub key: Key,
    pub fleet: Fleet,
    pub only: Option<u8>,
    ttl: SignedDuration,
    now: Option<Timestamp>,
    sequence: PathBuf,
}

impl Leader {
    pub fn load(
        folder: &Folder,
        only: Option<u8>,
        ttl: SignedDuration,
        now: Option<Timestamp>,
    ) -> Result<Self, Failure> {
        let fleet = folder.need_fleet()?;
        let key = folder.key("leader.key")?;
        if !fleet.is_leader(&key.did()) {
            return Err(Failure::could_not_run(format_args!(
                "{}: no leader of this fleet",
                folder.file("leader.key").display()
            ))
            .hint("its answers would count for nothing; fleet.json names the leaders"));
        }
        if ttl > TTL_MAX {
            return Err(Failure::could_not_run("--ttl is at most ten years"));
        }
        let sequence = folder.sequence("leader.key");
        Ok(Self { key, only: only.or(fleet.only), fleet, ttl, now, sequence })
    }

    /// The time to judge by.
    pub fn now(&self) -> Result<Timestamp, Failure> {
        let now = self.now.unwrap_or_else(Timestamp::now);
        if is_sane_clock(now) {
            return Ok(now);
        }
        let year = now.strftime("%Y");
        Err(Failure::could_not_run(format_args!("the clock says {year}: not judging what has expired"))
            .hint("set the clock"))
    }

    /// Signs in order; numbers come from the key's sequence file.
    pub fn sign(&self, drafts: &[&Draft], now: Timestamp) -> io::Result<Vec<Event>> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let now_us = u64::try_from(now.as_microsecond()).unwrap_or(0);
        let numbers = sequence::allot(&self.sequence, drafts.len() as u64, now_us)?;
        let numbered: Vec<_> = numbers.zip(drafts).collect();
        let signed = spread(&numbered, || {
            |(sequence, draft)| draft.sign(&self.key, &Stamp { id: Uuid::now_v7(), time: now, sequence: *sequence })
        });
        let signed: Result<Vec<_>, _> = signed.into_iter().collect();
        signed.map_err(io::Error::other)
    }
}

/// Whose answer goes where in `seen`.
struct Slot {
    id: String,
    author: Did,
    digest: [u8; 32],
}

/// What is printed for one item.
enum Reply {
    /// Nothing.
    Silence,
    /// As it was said before.
    Again(Vec<u8>),
    /// What is printed for another item of this batch.
    Same(usize),
    /// New; kept for the same request if it has a slot.
    Say(Draft, Option<Slot>),
    /// A call for help; the request waits.
    Help(Draft, Slot),
}

/// The digest of a request of this batch, and its place among the replies.
type Placed = ([u8; 32], usize);

/// One batch while it is judged.
struct Batch<'a, 't> {
    leader: &'a Leader,
    rules: Rules<'a>,
    turn: &'a mut Turn<'t>,
    now: Timestamp,
    replies: Vec<Reply>,
    /// Calls for help that are over: answered beside the batch's replies.
    answers: Vec<Draft>,
    /// Requests of this batch by author and id: digest and place in `replies`.
    here: HashMap<(Did, String), Vec<Placed>>,
    full: Vec<(u64, String)>,
}

/// Judges `items`, prints the answers once they are on disk. True if a number
/// was missing.
pub fn judge(io: &mut Io, registry: &mut Registry, leader: &Leader, items: &[(u64, Item)]) -> Result<bool, Failure> {
    if items.is_empty() {
        return Ok(false);
    }
    let now = leader.now()?;
    let (wires, full) = registry.turn(|turn| {
        let rules = Rules { fleet: &leader.fleet, only: leader.only, ttl: leader.ttl };
        let (replies, answers, here, full) = (Vec::new(), Vec::new(), HashMap::new(), Vec::new());
        let mut batch = Batch { leader, rules, turn, now, replies, answers, here, full };
        for (number, item) in items {
            let reply = batch.item(*number, item)?;
            batch.replies.push(reply);
        }
        let wires = batch.sign()?;
        Ok((wires, batch.full))
    })?;
    for wire in wires {
        io.out.line(&wire)?;
    }
    for (number, reason) in &full {
        io.warn(&format!("line {number}: {reason}; the request stays unanswered"));
    }
    Ok(!full.is_empty())
}

impl Batch<'_, '_> {
    fn item(&mut self, number: u64, item: &Item) -> Result<Reply, Fault> {
        match item {
            Item::Request(request) => self.request(number, request),
            Item::Malformed(malformed) => self.malformed(&malformed.0, &malformed.1),
            Item::Unopened(refusal) => self.unopened(refusal),
            Item::Revoked(event) => self.revoked(event),
            Item::Other(_) => Ok(Reply::Silence),
        }
    }

    fn request(&mut self, number: u64, request: &Request) -> Result<Reply, Fault> {
        let event = &request.event;
        let slot = || Slot { id: event.id().to_owned(), author: event.author(), digest: request.digest };
        let mut state = self.turn.state(request, self.now)?;
        if let Some(same) = self.in_this_batch(event, &request.digest, &mut state.seen) {
            return Ok(Reply::Same(same));
        }
        let verdict = enrol::judge(request, &state, &self.rules, self.now);
        let reply = match verdict {
            Verdict::Again(wire) => return Ok(Reply::Again(wire)),
            Verdict::Full(full) => {
                self.full.push((number, full.to_string()));
                return Ok(Reply::Silence);
            }
            Verdict::Grant(grant) => {
                self.turn.admit(request, &grant, self.now)?;
                self.audit_grant(request, &grant)?;
                Reply::Say(enrolled(request, &grant), Some(slot()))
            }
            Verdict::Refuse(refusal) => {
                // An id is used up only by who signed for it.
                let slot = (request.signed && refusal != Refusal::IdReused).then(slot);
                self.refuse(event, &refusal, slot)?
            }
            Verdict::Ask => {
                self.audit("held", event, "", "")?;
                Reply::Help(ask_to_join(request), slot())
            }
        };
        if let (Reply::Say(..), Some(held)) = (&reply, &state.held) {
            self.close_help(held);
        }
        self.note(event, request.digest);
        Ok(reply)
    }

    /// Adds to `seen` what this batch has judged under the same author and id;
    /// a place if it was the very same request.
    fn in_this_batch(&self, event: &Event, digest: &[u8; 32], seen: &mut Vec<Seen>) -> Option<usize> {
        let before = self.here.get(&(event.author(), event.id().to_owned()))?;
        if let Some((_, place)) = before.iter().find(|(other, _)| other == digest) {
            return Some(*place);
        }
        seen.extend(before.iter().map(|(digest, _)| Seen { digest: *digest, answer: Vec::new() }));
        None
    }

    fn note(&mut self, event: &Event, digest: [u8; 32]) {
        let here = self.here.entry((event.author(), event.id().to_owned())).or_default();
        here.push((digest, self.replies.len()));
    }

    fn malformed(&mut self, event: &Event, refusal: &Refusal) -> Result<Reply, Fault> {
        let digest = *blake3::hash(event.wire()).as_bytes();
        let mut seen = self.turn.seen(event.id(), &event.author())?;
        if let Some(same) = self.in_this_batch(event, &digest, &mut seen) {
            return Ok(Reply::Same(same));
        }
        if let Some(seen) = seen.into_iter().find(|seen| seen.digest == digest) {
            return Ok(Reply::Again(seen.answer));
        }
        let slot = Slot { id: event.id().to_owned(), author: event.author(), digest };
        let reply = self.refuse(event, refusal, event.verify().is_ok().then_some(slot))?;
        self.note(event, digest);
        Ok(reply)
    }

    fn unopened(&mut self, refusal: &Unopened) -> Result<Reply, Fault> {
        let Unopened { id, source, subject, code, reason, security } = refusal;
        if let Some(wire) = self.turn.remembered_unopened(id, source)? {
            return Ok(Reply::Again(wire));
        }
        let before = self.here.entry((*source, id.clone())).or_default();
        if let Some((_, place)) = before.iter().find(|(digest, _)| *digest == UNOPENED) {
            return Ok(Reply::Same(*place));
        }
        before.push((UNOPENED, self.replies.len()));
        let author = source.to_string();
        let entry = Entry { action: "refused", id, source: &author, subject, code, detail: reason };
        self.turn.audit(&entry, self.now)?;
        let data = refused(code, reason, *security, self.now);
        let draft = answer("refused", subject, id, self.now + ANSWER_FOR, data);
        Ok(Reply::Say(draft, Some(Slot { id: id.clone(), author: *source, digest: UNOPENED })))
    }

    fn revoked(&mut self, event: &Event) -> Result<Reply, Fault> {
        let digest = *blake3::hash(event.wire()).as_bytes();
        let author = event.author();
        let slot = || Slot { id: event.id().to_owned(), author, digest };
        let mut seen = self.turn.seen(event.id(), &author)?;
        if let Some(same) = self.in_this_batch(event, &digest, &mut seen) {
            return Ok(Reply::Same(same));
        }
        if let Some(seen) = seen.iter().find(|seen| seen.digest == digest) {
            return Ok(Reply::Again(seen.answer.clone()));
        }
        let held = self.turn.held(event.id(), &author, &digest)?;
        let reply = match enrol::judge_revoked(event, &self.leader.fleet, self.now) {
            RevokeVerdict::Said(revocation) => {
                self.revoke(event, &revocation)?;
                return Ok(Reply::Silence);
            }
            RevokeVerdict::Refuse(Refusal::Signature) => self.refuse(event, &Refusal::Signature, None)?,
            _ if !seen.is_empty() => self.refuse(event, &Refusal::IdReused, None)?,
            RevokeVerdict::Refuse(refusal) => self.refuse(event, &refusal, Some(slot()))?,
            RevokeVerdict::Revoke(revocation) => self.say_revoked(event, &revocation, slot())?,
            RevokeVerdict::Ask(revocation) => match &held {
                Some(Held { help, approved: None }) => return Ok(Reply::Again(help.clone())),
                Some(Held { approved: Some(true), .. }) => self.say_revoked(event, &revocation, slot())?,
                Some(Held { approved: Some(false), .. }) => self.refuse(event, &Refusal::Denied, Some(slot()))?,
                None => {
                    self.audit("held", event, "", &revocation.target())?;
                    Reply::Help(ask_to_revoke(event, &revocation), slot())
                }
            },
        };
        if let Some(held) = &held {
            self.close_help(held);
        }
        self.note(event, digest);
        Ok(reply)
    }

    fn say_revoked(&mut self, event: &Event, revocation: &Revocation, slot: Slot) -> Result<Reply, Fault> {
        self.revoke(event, revocation)?;
        Ok(Reply::Say(revoked(revocation, event.subject(), Some(event.id()), self.now), Some(slot)))
    }

    fn revoke(&mut self, event: &Event, revocation: &Revocation) -> Result<(), Fault> {
        if self.turn.revoke(revocation, &event.author(), self.now)? {
            let detail = format!("{}: {}", revocation.target(), revocation.reason);
            self.audit("revoked", event, "", &detail)?;
        }
        Ok(())
    }

    fn refuse(&mut self, event: &Event, refusal: &Refusal, slot: Option<Slot>) -> Result<Reply, Fault> {
        let (code, reason) = (refusal.code(), refusal.to_string());
        self.audit("refused", event, code, &reason)?;
        let data = refused(code, &reason, refusal.is_security(), self.now);
        let expires = event.expires().clamp(self.now, self.now + REFUSED_FOR) + ANSWER_FOR;
        Ok(Reply::Say(answer("refused", event.subject(), event.id(), expires, data), slot))
    }

    fn audit_grant(&mut self, request: &Request, grant: &Grant) -> Result<(), Fault> {
        let action = if grant.renewal { "renewed" } else { "enrolled" };
        let mut detail = format!("token {}", grant.text());
        if enrol::is_locally_administered(request.tuple.mac()) {
            detail.push_str(", mac set by software");
        }
        self.audit(action, &request.event, "", &detail)
    }

    fn audit(&mut self, action: &str, event: &Event, code: &str, detail: &str) -> Result<(), Fault> {
        let (id, source, subject) = (event.id(), &event.source(), event.subject());
        self.turn.audit(&Entry { action, id, source, subject, code, detail }, self.now)
    }

    fn close_help(&mut self, held: &Held) {
        if let Ok(help) = Event::from_wire(&held.help) {
            let yes = if held.approved == Some(true) { "yes" } else { "no" };
            let data = json!({"answer": yes, "request": help.data()["request"]});
            self.answers.push(answer("answer", help.subject(), help.id(), self.now + ANSWER_FOR, data));
        }
    }

    /// Signs what is new, keeps it for the same request, and puts all in order.
    fn sign(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        let replies = std::mem::take(&mut self.replies);
        let drafts = replies.iter().filter_map(|reply| match reply {
            Reply::Say(draft, _) | Reply::Help(draft, _) => Some(draft),
            Reply::Silence | Reply::Again(_) | Reply::Same(_) => None,
        });
        let drafts: Vec<&Draft> = drafts.chain(&self.answers).collect();
        let mut signed = self.leader.sign(&drafts, self.now)?.into_iter().map(Event::into_wire);
        let mut wires: Vec<Vec<u8>> = Vec::with_capacity(replies.len());
        for reply in replies {
            let wire = match reply {
                Reply::Silence => Vec::new(),
                Reply::Again(wire) => wire,
                Reply::Same(place) => wires[place].clone(),
                Reply::Say(_, slot) => {
                    let wire = signed.next().expect("one for each draft");
                    if let Some(Slot { id, author, digest }) = slot {
                        self.turn.remember(&id, &author, &digest, &wire, self.now)?;
                    }
                    wire
                }
                Reply::Help(_, Slot { id, author, digest }) => {
                    let wire = signed.next().expect("one for each draft");
                    self.turn.hold(&id, &author, &digest, &wire, self.now)?;
                    wire
                }
            };
            wires.push(wire);
        }
        wires.extend(signed);
        wires.retain(|wire| !wire.is_empty());
        Ok(wires)
    }
}
