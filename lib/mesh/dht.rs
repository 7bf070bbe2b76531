//! What the DHT carries: Leaders' words on an agent, under each of its names.
//!
//! A word is believed for its signature, never for where it came from. Of what
//! is said about one name the newest `enrolled` counts, and a revocation of its
//! agent, which is for good. Must not know who asks, nor how records travel.

use super::Members;
use super::judge::{check, judge};
use super::members::source_in;
use crate::event::Event;
use crate::key::Did;
use jiff::Timestamp;

/// A record's value is no larger: 4 KiB.
pub const RECORD_LIMIT_BYTES: usize = 4096;
/// A name has no more bytes: a hash is no name of a record, a token and a tiny
/// id are.
pub const NAME_LIMIT_BYTES: usize = 16;
/// Events in a record: `enrolled`, and `revoked`.
const WORDS: usize = 2;

/// What Leaders said of one agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// The `enrolled` that counts.
    pub enrolled: Event,
    /// That its agent, or the agent's key, was revoked.
    pub revoked: Option<Event>,
}

/// Could it be a token or a tiny id, as they are printed?
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_LIMIT_BYTES
        && name.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// The names that an `enrolled` is found under: its token and its tiny id.
pub fn names(enrolled: &Event) -> impl Iterator<Item = &str> {
    let members = ["token", "tiny_id"].into_iter();
    members.filter_map(|member| enrolled.data().get(member)?.as_str()).filter(|name| is_name(name))
}

/// Where a fleet's records are.
fn place(fleet: &str) -> String {
    format!("/cooee/{fleet}/agent/")
}

/// The record's key: a name in one fleet.
pub fn key(fleet: &str, name: &str) -> Vec<u8> {
    (place(fleet) + name).into_bytes()
}

/// The name in a record's key.
pub fn name_in<'a>(key: &'a [u8], fleet: &str) -> Option<&'a str> {
    std::str::from_utf8(key).ok()?.strip_prefix(&place(fleet)).filter(|name| is_name(name))
}

/// Reads a record's value, which anybody may have made up: the events in it
/// that their authors signed.
pub fn read(value: &[u8]) -> Vec<Event> {
    if value.len() > RECORD_LIMIT_BYTES {
        return Vec::new();
    }
    value.split(|byte| *byte == b'\n').take(WORDS).filter_map(|wire| check(wire).ok()).collect()
}

/// Does this `revoked` pull the plug on the agent of this `enrolled`, or on its
/// key? When it was said counts for nothing: a revocation is for good.
pub fn revokes(revoked: &Event, enrolled: &Event, members: &Members) -> bool {
    let (Some((did, agent)), Some((key, tiny_id))) = (source_in(revoked), source_in(enrolled)) else { return false };
    members.record(revoked).is_some_and(|record| record.revokes)
        && did == key
        && !members.is_leader(&did)
        && (agent.is_none() || agent == tiny_id)
}

/// Of two values, both good: does the first say something later?
pub fn is_newer(value: &[u8], than: &[u8]) -> bool {
    let order = |value: &[u8]| {
        let enrolled = value.split(|byte| *byte == b'\n').next().and_then(|wire| Event::from_wire(wire).ok());
        enrolled.map(|event| (event.sequence(), event.time()))
    };
    order(value) > order(than)
}

impl Words {
    /// Of these signed events what counts about a name.
    pub fn of(events: &[Event], name: &str, members: &Members, now: Timestamp) -> Option<Self> {
        let counts = |event: &&Event| {
            event.kind() == "enrolled"
                && members.record(event).is_some()
                && judge(event, members, now).is_ok()
                && names(event).any(|is| is == name)
        };
        let enrolled = events.iter().filter(counts).max_by_key(|event| (event.sequence(), event.time()))?.clone();
        let revoked = events.iter().find(|event| revokes(event, &enrolled, members)).cloned();
        Some(Self { enrolled, revoked })
    }

    /// The last of two words about one name.
    #[must_use]
    pub fn or_newer(self, other: Self, members: &Members) -> Self {
        let order = |words: &Self| (words.enrolled.sequence(), words.enrolled.time());
        let (mut last, before) = if order(&other) > order(&self) { (other, self) } else { (self, other) };
        last.revoked = last.revoked.or(before.revoked).filter(|event| revokes(event, &last.enrolled, members));
        last
    }

    /// The events, `enrolled` first.
    pub fn events(&self) -> Vec<Vec<u8>> {
        [Some(&self.enrolled), self.revoked.as_ref()].into_iter().flatten().map(|event| event.wire().to_vec()).collect()
    }

    /// The record's value: an event a line, none at the end. `None`: it does not
    /// fit. Without its revocation an `enrolled` would be a lie.
    pub fn value(&self) -> Option<Vec<u8>> {
        Some(self.events().join(&b'\n')).filter(|value| value.len() <= RECORD_LIMIT_BYTES)
    }

    /// The names it is found under.
    pub fn names(&self) -> Vec<String> {
        names(&self.enrolled).map(str::to_owned).collect()
    }

    /// The key of its agent's host.
    pub fn host(&self) -> Option<Did> {
        source_in(&self.enrolled).map(|(did, _)| did)
    }
}

#[cfg(test)]
pub(crate) mod tests;
