//! A fleet file that has changed while the node runs: taken whole, or not at
//! all.
//!
//! Must not know files: that it can be read, and what is wrong with it if not,
//! is for whoever reads it.

use super::announce::Announces;
use super::dial::Target;
use super::element::Element;
use super::input::Now;
use super::log::{Log, LogError, Record};
use super::node::{Batch, Node};
use crate::attach::Reply;
use crate::enrol::Fleet;
use crate::event::Event;
use crate::key::Did;
use std::collections::HashSet;
use std::sync::Arc;

/// What a fleet file says, and what follows for this node.
#[derive(Debug)]
pub struct Renewal {
    /// The fleet file.
    pub fleet: Fleet,
    /// Is it a Leader's own node?
    pub leads: bool,
    /// Keys of the nodes in the fleet file.
    pub nodes: Arc<HashSet<Did>>,
    /// The addresses to call for ever.
    pub targets: Vec<Target>,
}

/// What a node went by before.
pub(super) struct Standing {
    fleet: Option<Fleet>,
    leads: bool,
    nodes: Arc<HashSet<Did>>,
}

impl<L: Log, T> Node<L, T> {
    /// Goes by another fleet file from now on, if it is of the same fleet.
    pub(super) fn renew(&mut self, ticket: T, renewal: Renewal, batch: &mut Batch<T>) {
        use super::action::Action;
        let reply = match &self.config.fleet {
            None => refusal("no_fleet", "this node began without a fleet; restart it".to_owned()),
            Some(fleet) if fleet.fleet != renewal.fleet.fleet => {
                refusal("other_fleet", format!("it is of another fleet, {}", renewal.fleet.fleet))
            }
            Some(_) => match self.go_by(renewal, batch) {
                Ok(()) => Reply::End,
                Err(error) => {
                    let reply = refusal("storage", error.to_string());
                    batch.error = Some(error);
                    reply
                }
            },
        };
        batch.actions.push(Action::Reply(ticket, reply));
    }

    fn go_by(&mut self, renewal: Renewal, batch: &mut Batch<T>) -> Result<(), LogError> {
        let Renewal { fleet, leads, nodes, targets } = renewal;
        // All under one commit; where that fails, the batch goes back to what was.
        if !batch.began {
            self.log.begin()?;
            batch.began = true;
        }
        let config = &mut self.config;
        let old = Standing {
            fleet: config.fleet.replace(fleet),
            leads: std::mem::replace(&mut config.leads, leads),
            nodes: std::mem::replace(&mut config.nodes, nodes),
        };
        batch.renewed = Some((batch.renewed.take().map_or(old, |(first, _)| first), targets));
        self.settle(true)?;
        batch.changed = true;
        // Its author may speak now, or be believed: a peer may have what was
        // not taken before.
        batch.joined = true;
        self.tells_ms = 0;
        Ok(())
    }

    /// The batch is over, and what it stored is kept, or with `failed` it is not.
    pub(super) fn renewed(&mut self, renewed: Option<(Standing, Vec<Target>)>, failed: bool, now: Now) {
        let Some((old, targets)) = renewed else { return };
        if failed {
            (self.config.fleet, self.config.leads, self.config.nodes) = (old.fleet, old.leads, old.nodes);
        } else {
            self.calls.give(&targets, now.uptime_ms);
            self.config.targets = targets;
            // The log may say other things than before.
            self.announces = Announces::default();
        }
    }

    /// Learns who belongs. What the log has down as records becomes what counts
    /// as one by the fleet file: whoever may revoke now may have revoked before
    /// that. So logs are alike whether an event or the fleet file came first.
    /// With `begun`, within the batch that was begun.
    pub(super) fn settle(&mut self, begun: bool) -> Result<(), LogError> {
        let mut changes: Vec<(Element, Option<Record>)> =
            self.learn_again()?.into_iter().map(|element| (element, None)).collect();
        let fleet = self.config.fleet.iter();
        let authors: Vec<Did> = fleet
            .flat_map(|fleet| fleet.leaders.iter().map(|leader| &leader.did).chain(&fleet.revokers))
            .copied()
            .collect();
        for author in authors {
            for wire in self.log.no_records(&author)? {
                let Ok(event) = Event::from_wire(&wire) else { continue };
                let record = self.members.record(&event);
                let element = Element::of(&event).filter(|_| record.is_some());
                changes.extend(element.map(|element| (element, record)));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        if !begun {
            self.log.begin()?;
        }
        let marked = changes.iter().try_for_each(|(element, record)| self.log.mark(element, record.as_ref()));
        let done = if begun { marked } else { marked.and_then(|()| self.log.commit()) };
        if done.is_err() && !begun {
            self.log.roll_back();
        }
        done?;
        self.learn_again()?;
        Ok(())
    }
}

fn refusal(code: &str, reason: String) -> Reply {
    Reply::Error { code: code.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrol::Leader;
    use crate::event::{Draft, Stamp};
    use crate::key::Key;
    use crate::mesh::input::at;
    use crate::mesh::simulation::{Memory, Refuses};
    use crate::mesh::{Action, Config, Input, Origin};
    use jiff::SignedDuration;
    use serde_json::json;

    fn key(seed: u8) -> Key {
        Key::from_seed(&[seed; 32])
    }

    fn fleet(leader: u8) -> Fleet {
        Fleet::found(Leader { did: key(leader).did(), age: "age1unused".to_owned() })
    }

    fn config(fleet: Option<Fleet>) -> Config {
        let (nodes, targets) = (Arc::default(), Vec::new());
        Config { key: key(9), fleet, leads: false, nodes, targets, log_limit_bytes: 1 << 20, seed: 1 }
    }

    fn node(fleet: Option<Fleet>, log: Memory) -> Node<Memory, u8> {
        Node::new(config(fleet), log).expect("a node")
    }

    /// An event of the second `second`, so that ids differ.
    fn said(author: &Key, kind: &str, about: &Key, second: u64) -> Event {
        let now = at(second * 1000).wall;
        let until = now + SignedDuration::from_hours(1);
        let draft = Draft {
            kind: kind.to_owned(),
            subject: "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001".to_owned(),
            expires: until,
            data: json!({"did": about.did(), "expires": crate::event::rfc3339(until), "reason": "x"}),
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        let id = uuid::Builder::from_unix_timestamp_millis(now.as_millisecond().unsigned_abs(), &[0; 10]).into_uuid();
        let stamp = Stamp { id, time: now, sequence: now.as_microsecond().unsigned_abs() };
        draft.sign(author, &stamp).expect("a good draft")
    }

    fn put(node: &mut Node<Memory, u8>, events: &[&Event]) {
        let events = events.iter().map(|event| Ok((*event).clone())).collect();
        node.handle([Input::Put { ticket: 1, origin: Origin::Local, events }], at(9_000));
    }

    fn renewed(node: &mut Node<Memory, u8>, fleet: Fleet, target: &str) -> (Reply, Vec<Action<u8>>) {
        let targets = vec![Target { peer: Some(key(7).did()), address: target.to_owned() }];
        let nodes = Arc::new(HashSet::from([key(7).did()]));
        let renewal = Box::new(Renewal { fleet, leads: false, nodes, targets });
        let mut actions = node.handle([Input::Renew { ticket: 1, renewal }], at(10_000));
        let reply = actions.iter().position(|action| matches!(action, Action::Reply(1, _))).expect("a reply");
        let Action::Reply(_, reply) = actions.remove(reply) else { unreachable!("it was looked for") };
        (reply, actions)
    }

    #[test]
    fn another_fleets_file_changes_nothing() {
        let mut node = node(Some(fleet(1)), Memory::default());
        let (reply, actions) = renewed(&mut node, fleet(2), "there");
        assert!(matches!(&reply, Reply::Error { code, .. } if code == "other_fleet"), "{reply:?}");
        assert!(!actions.iter().any(|action| matches!(action, Action::Call(_))), "{actions:?}");
        assert!(node.members().is_leader(&key(1).did()) && !node.members().is_leader(&key(2).did()));
        let mut adhoc = self::node(None, Memory::default());
        let (reply, _) = renewed(&mut adhoc, fleet(1), "there");
        assert!(matches!(&reply, Reply::Error { code, .. } if code == "no_fleet"), "{reply:?}");
    }

    #[test]
    fn nodes_are_called_and_belong_as_soon_as_they_are_named() {
        let mut node = node(Some(fleet(1)), Memory::default());
        let called = |actions: &[Action<u8>]| {
            let called = actions.iter().filter_map(|action| match action {
                Action::Call(call) => Some(call.addresses.clone()),
                _ => None,
            });
            called.collect::<Vec<_>>()
        };
        assert!(called(&node.handle([Input::Tick], at(5_000))).is_empty());
        let (reply, actions) = renewed(&mut node, fleet(1), "there");
        assert_eq!((reply, called(&actions)), (Reply::End, vec![vec!["there".to_owned()]]));
        assert!(node.members().is_node(&key(7).did()));
        let told = actions.iter().any(|action| matches!(action, Action::Admission(did, _) if *did == key(7).did()));
        assert!(told, "{actions:?}");
        let held = actions.iter().any(|action| matches!(action, Action::Hold(_)));
        assert!(held, "the DHT says what counts now: {actions:?}");
    }

    #[test]
    fn a_fleet_file_that_cannot_be_kept_changes_nothing() {
        let (leader, revoker, bad) = (key(1), key(2), key(3));
        for refuses in [Refuses::Begin, Refuses::Commit] {
            let log = Memory::default();
            let mut node = node(Some(fleet(1)), log.clone());
            let said = [said(&leader, "enrolled", &revoker, 1), said(&leader, "enrolled", &bad, 2)]
                .into_iter()
                .chain([said(&revoker, "revoked", &bad, 3)]);
            put(&mut node, &said.collect::<Vec<_>>().iter().collect::<Vec<_>>());
            let is_in = |node: &Node<Memory, u8>| node.members().is_enrolled(&bad.did(), at(11_000).wall);
            let mut with = fleet(1);
            with.revokers.push(revoker.did());

            log.refuse(Some(refuses));
            let (reply, actions) = renewed(&mut node, with.clone(), "there");
            assert!(matches!(&reply, Reply::Error { code, .. } if code == "storage"), "{reply:?}");
            assert!(!actions.iter().any(|action| matches!(action, Action::Call(_))), "{actions:?}");
            assert!(is_in(&node) && !node.members().is_node(&key(7).did()));
            assert_eq!((log.records_held(), node.config.targets.len()), (2, 0));
            assert!(node.config.fleet.as_ref().is_some_and(|fleet| fleet.revokers.is_empty()));
            assert!(node.log_error.is_some(), "whoever watches is told");

            log.refuse(None);
            assert_eq!(renewed(&mut node, with, "there").0, Reply::End);
            assert!(!is_in(&node) && node.members().is_node(&key(7).did()));
            assert_eq!((log.records_held(), node.config.targets.len()), (3, 1));
            assert!(node.log_error.is_none());
        }
    }

    /// Whether the revocation or the right to revoke came first, the node that
    /// ran meanwhile and the one that is started later know the same.
    #[test]
    fn a_new_revokers_word_counts_and_an_old_ones_does_not() {
        let (leader, revoker, bad, worse) = (key(1), key(2), key(3), key(4));
        let log = Memory::default();
        let mut node = node(Some(fleet(1)), log.clone());
        let hosts = [&revoker, &bad, &worse];
        let welcomes: Vec<Event> = hosts.iter().zip(1..).map(|(host, n)| said(&leader, "enrolled", host, n)).collect();
        put(&mut node, &welcomes.iter().collect::<Vec<_>>());
        let is_in = |node: &Node<Memory, u8>, host: &Key| node.members().is_enrolled(&host.did(), at(11_000).wall);
        put(&mut node, &[&said(&revoker, "revoked", &bad, 5)]);
        assert!(is_in(&node, &bad) && is_in(&node, &worse), "it may not revoke yet");
        assert_eq!(log.records_held(), 3);

        let mut with = fleet(1);
        with.revokers.push(revoker.did());
        assert_eq!(renewed(&mut node, with.clone(), "there").0, Reply::End);
        put(&mut node, &[&said(&revoker, "revoked", &worse, 6)]);
        assert!(!is_in(&node, &bad) && !is_in(&node, &worse));
        assert_eq!(log.records_held(), 5);

        assert_eq!(renewed(&mut node, fleet(1), "there").0, Reply::End);
        assert!(is_in(&node, &bad) && is_in(&node, &worse), "what it says counts no more");
        assert_eq!(log.records_held(), 3);
        let later = self::node(Some(with), log.clone());
        assert!(!is_in(&later, &bad) && !is_in(&later, &worse));
        assert_eq!(log.records_held(), 5, "changed while no node ran");
    }
}
