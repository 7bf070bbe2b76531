//! Tells the driver who belongs: what has changed, as soon as it has.

use super::Members;
use super::action::Action;
use super::guard::Admission;
use super::input::Now;
use crate::key::Did;
use std::collections::{BTreeMap, BTreeSet};

/// Enrolments run out without a word, so all are looked at so often.
const EVERY_MS: u64 = 5_000;

/// Who is revoked is parted with so much later: it hears that it is, and whoever
/// runs it can be told. What it says counts no more from the first moment.
const FAREWELL_MS: u64 = 1_000;

/// What was told; a stranger is not mentioned.
#[derive(Debug, Default)]
pub struct Admissions {
    told: BTreeMap<Did, Admission>,
    /// Members that were revoked, and when they are parted with.
    leaving: BTreeMap<Did, u64>,
    next_ms: u64,
}

impl Admissions {
    /// Who belongs is not what it was.
    pub fn changed(&mut self) {
        self.next_ms = 0;
    }

    /// Says what is to be told now.
    pub fn tell<T>(&mut self, members: &Members, now: Now, actions: &mut Vec<Action<T>>) {
        if now.uptime_ms < self.next_ms {
            return;
        }
        self.next_ms = now.uptime_ms + EVERY_MS;
        let known: BTreeSet<Did> = members.known().chain(self.told.keys().copied()).collect();
        for did in known {
            let admission = members.admission(&did, now.wall);
            let before = self.told.get(&did).copied().unwrap_or(Admission::Stranger);
            if admission == before {
                self.leaving.remove(&did);
                continue;
            }
            if (before, admission) == (Admission::Member, Admission::Revoked) {
                let at = *self.leaving.entry(did).or_insert(now.uptime_ms + FAREWELL_MS);
                if now.uptime_ms < at {
                    self.next_ms = self.next_ms.min(at);
                    continue;
                }
            }
            self.leaving.remove(&did);
            if admission == Admission::Stranger {
                self.told.remove(&did);
            } else {
                self.told.insert(did, admission);
            }
            actions.push(Action::Admission(did, admission));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrol::{Fleet, Leader};
    use crate::event::{Draft, Event, Stamp};
    use crate::key::Key;
    use crate::mesh::judge::judge;
    use jiff::Timestamp;
    use serde_json::json;

    const START: i64 = 1_800_000_000;

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(START + seconds).expect("a time")
    }

    fn key(seed: u8) -> Key {
        Key::from_seed(&[seed; 32])
    }

    /// A Leader's word on a host, said at a time, good for an hour.
    fn word(kind: &str, host: &Key, said: i64) -> Event {
        let until = crate::event::rfc3339(wall(said + 3600));
        let draft = Draft {
            kind: kind.to_owned(),
            subject: "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001".to_owned(),
            expires: wall(said + 3600),
            data: json!({"did": host.did(), "expires": until, "reason": "stolen"}),
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        let time = wall(said);
        let stamp = Stamp { id: uuid::Uuid::now_v7(), time, sequence: time.as_microsecond().unsigned_abs() };
        draft.sign(&key(1), &stamp).expect("a good draft")
    }

    fn members() -> Members {
        Members::new(
            Some(Fleet::found(Leader { did: key(1).did(), age: "age1unused".to_owned() })),
            [key(2).did()].into_iter().collect::<std::collections::HashSet<_>>().into(),
        )
    }

    fn told(admissions: &mut Admissions, members: &Members, seconds: i64) -> Vec<(Did, Admission)> {
        let mut actions: Vec<Action<()>> = Vec::new();
        let uptime_ms = 1_000 * seconds.unsigned_abs();
        admissions.tell(members, Now { wall: wall(seconds), uptime_ms }, &mut actions);
        let pairs = actions.into_iter().map(|action| match action {
            Action::Admission(did, admission) => (did, admission),
            other => panic!("{other:?}"),
        });
        pairs.collect()
    }

    #[test]
    fn what_changes_is_told_once() {
        let (mut members, mut admissions) = (members(), Admissions::default());
        let mut first = told(&mut admissions, &members, 0);
        first.sort_by_key(|(did, _)| *did);
        let mut named = [(key(1).did(), Admission::Member), (key(2).did(), Admission::Member)];
        named.sort_by_key(|(did, _)| *did);
        assert_eq!(first, named, "who the fleet file names");
        let host = key(3);
        members.learn(&word("enrolled", &host, 1));
        assert_eq!(told(&mut admissions, &members, 1), [], "looked at now and then");
        admissions.changed();
        assert_eq!(told(&mut admissions, &members, 1), [(host.did(), Admission::Member)]);
        assert_eq!(told(&mut admissions, &members, 3600), []);
        assert_eq!(told(&mut admissions, &members, 3606), [(host.did(), Admission::Stranger)], "it has run out");
        members.learn(&word("enrolled", &host, 3607));
        members.learn(&word("revoked", &host, 3608));
        admissions.changed();
        assert_eq!(told(&mut admissions, &members, 3608), [(host.did(), Admission::Revoked)]);
        assert_eq!(told(&mut admissions, &members, 9999), []);
        // A node of the fleet file too, but a Leader is replaced, not revoked.
        members.learn(&word("revoked", &key(2), 9999));
        members.learn(&word("revoked", &key(1), 9999));
        admissions.changed();
        assert_eq!(told(&mut admissions, &members, 9999), [], "it is to hear of it");
        assert_eq!(told(&mut admissions, &members, 10_000), [(key(2).did(), Admission::Revoked)]);
        assert!(!members.is_peer(&key(2).did(), wall(9999)) && members.is_peer(&key(1).did(), wall(9999)));
    }

    /// A21: what a relay serves of a Leader's old words changes nothing.
    #[test]
    fn a21_an_old_word_of_the_leaders_is_refused_or_counts_for_nothing() {
        let (mut members, host) = (members(), key(3));
        let old = word("enrolled", &host, -3600 - 61);
        assert_eq!(judge(&old, &members, wall(0)).map_err(|fault| fault.code.word()), Err("expired"));
        let (earlier, later) = (word("enrolled", &host, 0), word("enrolled", &host, 1800));
        members.learn(&later);
        members.learn(&earlier);
        assert_eq!(members.enrolled_until(&host.did()), Some(wall(1800 + 3600)), "the later one stands");
        members.learn(&word("revoked", &host, 1900));
        members.learn(&earlier);
        members.learn(&later);
        assert_eq!(members.admission(&host.did(), wall(2000)), Admission::Revoked);
    }
}
