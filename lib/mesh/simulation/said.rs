//! What is said in a world, and by whom.

use super::queue::Ticket;
use super::world::{ENROL, NOTE, World, key};
use crate::attach::Reply;
use crate::event::{Draft, Event, Stamp};
use crate::key::Key;
use crate::mesh::{Input, Origin};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

impl World {
    /// An event of now.
    pub fn event(&mut self, author: &Key, kind: &str, subject: &str, data: Value, reply: Option<&str>) -> Event {
        self.event_at(self.wall(), author, kind, subject, data, reply)
    }

    /// What a node's host says now, by its own clock.
    pub fn note(&mut self, index: usize, data: Value) -> Event {
        let author = self.members[index].key.clone();
        self.event_at(self.now_of(index).wall, &author, "note", NOTE, data, None)
    }

    fn event_at(
        &mut self,
        time: Timestamp,
        author: &Key,
        kind: &str,
        subject: &str,
        data: Value,
        reply: Option<&str>,
    ) -> Event {
        let draft = Draft {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            expires: time + SignedDuration::from_hours(24),
            data,
            data_base64: None,
            in_reply_to: reply.map(str::to_owned),
            agent: None,
        };
        let ms = time.as_millisecond().unsigned_abs();
        let mut noise = [0; 10];
        noise[..8].copy_from_slice(&self.random.next().to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(ms, &noise).into_uuid();
        let sequence = time.as_microsecond().unsigned_abs() + self.number() % 1000;
        draft.sign(author, &Stamp { id, time, sequence }).expect("a good draft")
    }

    /// The Leader's word that this node's host is enrolled.
    pub fn enrolled(&mut self, index: usize, reply: Option<&str>) -> Event {
        let until = crate::event::rfc3339(self.wall() + SignedDuration::from_hours(24));
        let data = json!({"agent_did": format!("{}#0000000001", key(index).did()), "expires": until});
        let leader = self.leader.clone();
        self.event(&leader, "enrolled", ENROL, data, reply)
    }

    /// Hands events to a node's socket; the reply is in `replies`.
    pub fn put(&mut self, index: usize, events: &[&Event]) -> u64 {
        let ticket = self.number();
        let events = events.iter().map(|event| self.check(event.wire())).collect();
        self.input(index, Input::Put { ticket: Ticket::Test(ticket), origin: Origin::Local, events });
        ticket
    }

    /// The ids that a node has receipted.
    pub fn receipted(&self, ticket: u64) -> Vec<String> {
        match self.replies.get(&ticket) {
            Some(Reply::Stored { receipt: Some(receipt), .. }) => receipt.ids.clone(),
            _ => Vec::new(),
        }
    }
}
