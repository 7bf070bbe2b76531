use super::*;
use crate::attach::{HEADER_BYTES, Request};
use crate::event::{Draft, Receipt, Stamp};
use crate::handover::Link;
use crate::key::Key;
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::VecDeque;
use tempfile::TempDir;
use uuid::Uuid;

fn key() -> Key {
    Key::from_seed(&[7; 32])
}

/// A node that signs for everything: near or far, soon or late.
#[derive(Clone)]
struct Fake {
    near: bool,
    soon: bool,
    replies: VecDeque<Reply>,
}

impl Link for Fake {
    fn send(&mut self, frame: &[u8], _deadline: Instant) -> Result<(), LinkError> {
        let Ok(Request::Put { events }) = Request::decode(&frame[HEADER_BYTES..]) else { panic!("a put") };
        let ids = events.into_iter().map(|wire| Event::from_wire(&wire).expect("an event").id().to_owned()).collect();
        let receipt = Some(Receipt::sign(&key(), ids, Timestamp::now()));
        self.replies.push_back(Reply::Stored { receipt, refused: vec![] });
        Ok(())
    }

    fn receive(&mut self, _deadline: Instant) -> Result<Reply, LinkError> {
        self.replies.pop_front().ok_or(LinkError::TimedOut)
    }

    fn is_near(&self) -> bool {
        self.near
    }

    fn is_answering(&self, _patience: Duration) -> bool {
        self.soon
    }
}

impl Connect for Fake {
    fn near(&mut self) -> Result<Option<Box<dyn Link>>, LinkError> {
        Ok(if self.near { Some(Box::new(self.clone())) } else { None })
    }

    fn far(&mut self, _deadline: Instant) -> Result<Box<dyn Link>, LinkError> {
        Ok(Box::new(self.clone()))
    }
}

/// A sender with two batches under way, each of one event.
fn sender(near: bool, soon: bool, kind: &str) -> (TempDir, Sender) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path()).expect("there");
    let mut trusted = Trusted::default();
    trusted.add_node(key().did());
    let connect = Box::new(Fake { near, soon, replies: VecDeque::new() });
    let mut sender = Sender::new(spool, connect, trusted, Duration::from_secs(20), true);
    for sequence in 1..3 {
        let now = Timestamp::now();
        let draft = Draft {
            kind: kind.to_owned(),
            subject: "ucxl://any:ops@COOEE:demo".to_owned(),
            expires: now + SignedDuration::from_hours(1),
            data: Value::Null,
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        let event = draft.sign(&key(), &Stamp { id: Uuid::now_v7(), time: now, sequence }).expect("signed");
        sender.submit(vec![(event, true)], now);
    }
    (folder, sender)
}

fn durable(sender: &Sender) -> Vec<bool> {
    sender.batches.values().map(Batch::is_durable).collect()
}

#[test]
fn what_a_near_node_signs_soon_needs_no_file() {
    let (folder, mut sender) = sender(true, true, "note");
    let files = || folder.path().read_dir().expect("listed").count();
    sender.advance().expect("sent");
    sender.wait().expect("received");
    assert_eq!((durable(&sender), files()), (vec![false], 0), "one is over, the other under way");
    sender.wait().expect("received");
    assert_eq!(files(), 0);
    let said: Vec<_> = std::iter::from_fn(|| sender.notice()).collect();
    assert!(matches!(said[..], [Notice::Stored(_), Notice::Stored(_)]), "{said:?}");
}

#[test]
fn what_was_under_way_when_a_near_node_died_is_kept() {
    let (folder, mut sender) = sender(true, true, "note");
    sender.advance().expect("sent");
    sender.wait().expect("received");
    sender.link = None;
    while sender.is_busy() {
        sender.connect = Box::new(Gone);
        sender.wait().expect("kept");
    }
    sender.finish().expect("kept");
    let names: Vec<_> = folder.path().read_dir().expect("listed").collect();
    assert_eq!(names.len(), 1, "the one that no receipt names");
    let said: Vec<_> = std::iter::from_fn(|| sender.notice()).collect();
    assert!(matches!(&said[..], [Notice::Stored(_), Notice::Kept { ids, .. }] if ids.len() == 1), "{said:?}");
}

/// No node any more.
struct Gone;

impl Connect for Gone {
    fn near(&mut self) -> Result<Option<Box<dyn Link>>, LinkError> {
        Ok(None)
    }

    fn far(&mut self, _deadline: Instant) -> Result<Box<dyn Link>, LinkError> {
        Err(LinkError::Unreachable("nobody".to_owned()))
    }
}

#[test]
fn what_a_near_node_takes_its_time_over_is_kept_meanwhile() {
    let (_folder, mut sender) = sender(true, false, "note");
    sender.advance().expect("sent");
    assert_eq!(durable(&sender), [false, false]);
    sender.wait().expect("received");
    assert_eq!(durable(&sender), [true]);
}

#[test]
fn without_room_for_a_file_a_near_node_is_waited_for_and_its_silence_said() {
    let (folder, mut sender) = self::sender(true, false, "note");
    folder.close().expect("removed");
    sender.advance().expect("sent");
    sender.wait().expect("signed, though it could not be kept");
    sender.link = None;
    sender.connect = Box::new(Gone);
    assert!((0..2).any(|_| sender.wait().is_err()), "what is neither signed nor kept is lost");
}

#[test]
fn nothing_goes_over_the_network_before_it_is_synced() {
    let (_folder, mut sender) = sender(false, true, "note");
    sender.advance().expect("sent");
    assert_eq!(durable(&sender), [true, true]);
}

#[test]
fn what_stays_in_the_spool_is_synced_before_anything_is_said_of_it() {
    let (_folder, mut sender) = sender(true, true, "help");
    sender.advance().expect("sent");
    sender.wait().expect("received");
    assert_eq!(durable(&sender), [true, false]);
    assert!(matches!(sender.notice(), Some(Notice::Stored(_))));
    assert!(matches!(sender.notice(), Some(Notice::Awaits(..))));
}
