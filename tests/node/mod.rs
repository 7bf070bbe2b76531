//! The node: what it keeps, what it refuses, whom it speaks to.

mod crash;

use cooee::attach::{Client, Reply, Request};
use cooee::enrol::{Fleet, Leader};
use cooee::event::{Draft, Event, Stamp};
use cooee::key::Key;
use cooee::mesh::Element;
use cooee::net::{self, Dialer};
use cooee::store;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

const SUBJECT: &str = "ucxl://any:admin@COOEE:enrol/#/agentid/0000000001";
pub const NOTE: &str = "ucxl://any:any@COOEE:test/#/note";

pub fn key(seed: u8) -> Key {
    Key::from_seed(&[seed; 32])
}

pub fn fleet(leader: u8) -> Fleet {
    Fleet::found(Leader { did: key(leader).did(), age: "age1unused".to_owned() })
}

/// An event as its author would say it at `time`.
fn event_at(author: &Key, kind: &str, subject: &str, data: Value, reply: Option<&str>, time: Timestamp) -> Event {
    let draft = Draft {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        expires: time + SignedDuration::from_hours(1),
        data,
        data_base64: None,
        in_reply_to: reply.map(str::to_owned),
        agent: None,
    };
    let stamp = Stamp { id: Uuid::now_v7(), time, sequence: time.as_microsecond().unsigned_abs() };
    draft.sign(author, &stamp).expect("a good draft")
}

pub fn event(author: &Key, kind: &str, subject: &str, data: Value, reply: Option<&str>) -> Event {
    event_at(author, kind, subject, data, reply, Timestamp::now())
}

pub fn enrolled(leader: &Key, host: &Key, request: Option<&str>) -> Event {
    let until = cooee::event::rfc3339(Timestamp::now() + SignedDuration::from_hours(1));
    let data = json!({"agent_did": format!("{}#0000000001", host.did()), "expires": until});
    event(leader, "enrolled", SUBJECT, data, request)
}

/// A node in this process; its folder is made as the commands would.
fn start(folder: &Path, host: u8, fleet: Option<&Fleet>, peers: &[&str]) -> net::Running {
    start_as(folder, host, fleet, peers, false)
}

fn start_leading(folder: &Path, host: u8, fleet: &Fleet) -> net::Running {
    start_as(folder, host, Some(fleet), &[], true)
}

fn start_as(folder: &Path, host: u8, fleet: Option<&Fleet>, peers: &[&str], leads: bool) -> net::Running {
    let config = config(folder, key(host), fleet, peers, leads);
    net::start(config, store::Log::open(&folder.join("log.db")).expect("a log")).expect("it runs")
}

/// What a node in this process allows: its memory is that of all tests at once.
fn limits() -> net::Limits {
    net::Limits { memory_bytes: u64::MAX, ..net::Limits::default() }
}

/// What a node in this process goes by.
pub fn config(folder: &Path, key: Key, fleet: Option<&Fleet>, peers: &[&str], leads: bool) -> net::Config {
    net::Config {
        claim: net::Claim::take(folder).expect("nobody else's folder"),
        key,
        fleet: fleet.cloned(),
        leads,
        listen: vec![net::address("/ip4/127.0.0.1/tcp/0").expect("an address")],
        peers: peers.iter().map(|peer| net::address(peer).expect("an address")).collect(),
        socket: folder.join("node.sock"),
        listen_file: folder.join("listen"),
        peers_file: folder.join("peers.json"),
        sequence_file: folder.join("host.key.sequence"),
        mdns: false,
        log_limit_bytes: net::LOG_LIMIT_BYTES,
        limits: limits(),
        say: net::Say::new(|_, _| {}),
    }
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn ask(client: &mut Client, request: &Request) -> Reply {
    client.send(request, Some(soon())).expect("sent");
    client.receive(Some(soon())).expect("answered")
}

pub fn put(client: &mut Client, events: &[&Event]) -> Reply {
    ask(client, &Request::Put { events: events.iter().map(|event| event.wire().to_vec()).collect() })
}

/// The ids stored, and the refusals' codes.
fn stored(reply: &Reply) -> (Vec<String>, Vec<String>) {
    let Reply::Stored { receipt, refused } = reply else { panic!("not a receipt: {reply:?}") };
    let ids = receipt.as_ref().map_or_else(Vec::new, |receipt| {
        assert!(receipt.verify(), "the receipt's signature");
        receipt.ids.clone()
    });
    (ids, refused.iter().map(|refused| refused.code.clone()).collect())
}

pub fn everything() -> Request {
    Request::Sub {
        patterns: vec!["ucxl://any:any@any:any".to_owned()],
        types: Vec::new(),
        since: Some(Timestamp::UNIX_EPOCH),
        unanswered: false,
        follow: false,
    }
}

/// All events the node hands out for a subscription that ends.
pub fn read_all(socket: &Path, request: &Request) -> Vec<Event> {
    let mut client = Client::connect(socket).expect("a node");
    client.send(request, Some(soon())).expect("sent");
    let mut all = Vec::new();
    loop {
        match client.receive(Some(soon())).expect("answered") {
            Reply::Events { events } => {
                all.extend(events.iter().map(|wire| Event::from_wire(wire).expect("an event")));
            }
            Reply::End => return all,
            other => panic!("not events: {other:?}"),
        }
    }
}

#[test]
fn stores_with_a_receipt_and_refuses_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (leader, host, stranger) = (key(1), key(2), key(3));
    let fleet = fleet(1);
    let node = start(folder.path(), 9, Some(&fleet), &[]);
    let socket = folder.path().join("node.sock");
    let mut client = Client::connect(&socket).expect("a node");
    let now = Timestamp::now();

    let stranger_says = event(&stranger, "note", NOTE, json!("x"), None);
    assert_eq!(stored(&put(&mut client, &[&stranger_says])), (vec![], vec!["not_a_member".to_owned()]));
    let early = event(&host, "note", NOTE, json!("x"), None);
    let welcome = enrolled(&leader, &host, None);
    assert_eq!(stored(&put(&mut client, &[&early, &welcome])).1, ["not_a_member"]);
    let (ids, refused) = stored(&put(&mut client, &[&early, &early, &welcome]));
    assert_eq!((ids.len(), refused.len()), (3, 0), "the same again is stored already");
    let at = |seconds| now + SignedDuration::from_secs(seconds);
    for (age, code) in [(62, "clock"), (-3600 - 61, "expired")] {
        let said = event_at(&host, "note", NOTE, json!(age), None, at(age));
        assert_eq!(stored(&put(&mut client, &[&said])).1, [code], "{age} s");
    }
    for age in [50, -3600 - 50] {
        let said = event_at(&host, "note", NOTE, json!(age), None, at(age));
        assert_eq!(stored(&put(&mut client, &[&said])).0.len(), 1, "{age} s");
    }
    let forged = String::from_utf8(early.wire().to_vec()).expect("text").replace(r#""data":"x""#, r#""data":"y""#);
    let forged = forged.into_bytes();
    let reply = ask(&mut client, &Request::Put { events: vec![forged, b"{}".to_vec()] });
    assert_eq!(stored(&reply).1, ["bad_signature", "malformed"]);

    let kinds: Vec<_> = read_all(&socket, &everything()).iter().map(|event| event.kind().to_owned()).collect();
    assert_eq!(kinds, ["enrolled", "note", "note"], "what is past its time is not handed out");
    node.stop();
    assert!(!socket.exists());
}

#[test]
fn a_request_is_open_until_a_leader_answers_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (leader, host) = (key(1), key(2));
    let fleet = fleet(1);
    let node = start(folder.path(), 9, Some(&fleet), &[]);
    let socket = folder.path().join("node.sock");
    let mut client = Client::connect(&socket).expect("a node");
    let request = event(&host, "enrol", SUBJECT, json!({}), None);
    put(&mut client, &[&request, &enrolled(&leader, &host, None)]);

    let unanswered = Request::Sub {
        patterns: vec!["ucxl://any:admin@COOEE:enrol/#/agentid/*".to_owned()],
        types: Vec::new(),
        since: None,
        unanswered: true,
        follow: false,
    };
    let open = |socket: &Path| read_all(socket, &unanswered).iter().map(|e| e.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(open(&socket), [request.id()]);
    // A member's answer, a Leader's of the wrong type, and one about another
    // subject count for nothing.
    let data = json!({"code": "no"});
    let others = [
        event(&host, "refused", SUBJECT, data.clone(), Some(request.id())),
        event(&leader, "accepted", SUBJECT, data.clone(), Some(request.id())),
        event(&leader, "refused", NOTE, data.clone(), Some(request.id())),
    ];
    assert_eq!(stored(&put(&mut client, &others.each_ref())).0.len(), 3);
    assert_eq!(open(&socket), [request.id()]);
    let wait = Request::Await { ids: vec![request.id().to_owned()], wait_ms: 0 };
    assert_eq!(ask(&mut client, &wait), Reply::Answers { events: vec![] });

    let mut waiter = Client::connect(&socket).expect("a node");
    waiter.send(&Request::Await { ids: vec![request.id().to_owned()], wait_ms: 30_000 }, Some(soon())).expect("sent");
    let answer = event(&leader, "refused", SUBJECT, data, Some(request.id()));
    put(&mut client, &[&answer]);
    assert_eq!(
        waiter.receive(Some(soon())).expect("an answer"),
        Reply::Answers { events: vec![answer.wire().to_vec()] }
    );
    assert_eq!(ask(&mut client, &wait), Reply::Answers { events: vec![answer.wire().to_vec()] });
    assert_eq!(open(&socket), [] as [&str; 0]);
    node.stop();
}

#[test]
fn a_command_without_a_node_asks_another_machines() {
    let folder = tempfile::tempdir().expect("a folder");
    let fleet = fleet(1);
    let node = start_leading(folder.path(), 9, &fleet);
    let text = fs::read_to_string(folder.path().join("listen")).expect("its addresses");
    let address = net::address(text.trim()).expect("an address");
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut dialer = Dialer::connect(std::slice::from_ref(&address), Some(&fleet.fleet), deadline).expect("it answers");
    assert_eq!(dialer.peer(), Some(key(9).did()));
    let request = event(&key(2), "enrol", SUBJECT, json!({}), None);
    let put = Request::Put { events: vec![request.wire().to_vec()] };
    assert_eq!(stored(&dialer.request(&put, deadline).expect("a receipt")).0, [request.id()]);
    let elements = vec![Element::of(&request).expect("an id").to_string()];
    let reply = dialer.request(&Request::Get { elements }, deadline).expect("a reply");
    assert!(matches!(reply, Reply::Error { code, .. } if code == "not_permitted"));

    let other = Dialer::connect(std::slice::from_ref(&address), None, deadline)
        .and_then(|mut dialer| dialer.request(&put, deadline));
    assert!(matches!(other, Err(net::DialError::OtherFleet)), "{other:?}");
    let wrong = text.trim().replace(&text.trim()[text.find("/p2p/").expect("a peer id")..], "");
    let peer = Key::from_seed(&[77; 32]);
    let wrong =
        net::address(&format!("{wrong}/p2p/{}", net::peer_id(&peer.did()).expect("a key"))).expect("an address");
    let refused = Dialer::connect(&[wrong], Some(&fleet.fleet), deadline).err();
    assert!(matches!(refused, Some(net::DialError::WrongPeer { .. })), "{refused:?}");
    node.stop();

    // A node that is not enrolled itself would pass nothing on.
    let outside = tempfile::tempdir().expect("a folder");
    let node = start(outside.path(), 10, Some(&fleet), &[]);
    let address = net::address(&address_of(outside.path())).expect("an address");
    let mut dialer = Dialer::connect(&[address], Some(&fleet.fleet), deadline).expect("it answers");
    assert_eq!(stored(&dialer.request(&put, deadline).expect("a reply")), (vec![], vec!["busy".to_owned()]));
    node.stop();
}

/// The address in a node's `listen` file.
pub fn address_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("listen")).expect("its addresses").trim().to_owned()
}

/// Follows everything a node holds, and everything that comes.
pub fn follow(socket: &Path) -> Client {
    let mut client = Client::connect(socket).expect("a node");
    let Request::Sub { patterns, types, since, unanswered, .. } = everything() else { unreachable!() };
    client.send(&Request::Sub { patterns, types, since, unanswered, follow: true }, Some(soon())).expect("sent");
    client
}

/// Waits until the subscription has handed out all of `wanted`; none twice.
pub fn hears(client: &mut Client, wanted: &[&Event]) {
    let mut waiting: Vec<_> = wanted.iter().map(|event| event.id()).collect();
    let mut heard = std::collections::HashSet::new();
    while !waiting.is_empty() {
        let Reply::Events { events } = client.receive(Some(soon())).expect("events") else { panic!("not events") };
        for wire in events {
            let event = Event::from_wire(&wire).expect("an event");
            assert!(heard.insert(event.id().to_owned()), "twice: {}", event.id());
            waiting.retain(|id| *id != event.id());
        }
    }
}

#[test]
fn two_members_gossip_and_the_one_that_was_away_misses_nothing() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (leader, a, b) = (key(1), key(11), key(12));
    let fleet = fleet(1);
    let first = start(one.path(), 11, Some(&fleet), &[]);
    let second = start(two.path(), 12, Some(&fleet), &[&address_of(one.path())]);
    let (socket_a, socket_b) = (one.path().join("node.sock"), two.path().join("node.sock"));
    // Both learn from their own Leader's word that they both belong.
    let members = [enrolled(&leader, &a, None), enrolled(&leader, &b, None)];
    let (mut to_a, mut to_b) = (Client::connect(&socket_a).expect("a"), Client::connect(&socket_b).expect("b"));
    put(&mut to_a, &members.each_ref());
    put(&mut to_b, &members.each_ref());
    let (mut from_a, mut from_b) = (follow(&socket_a), follow(&socket_b));
    let said_by_a = event(&a, "note", NOTE, json!("from a"), None);
    put(&mut to_a, &[&said_by_a]);
    hears(&mut from_b, &[&members[0], &members[1], &said_by_a]);
    let said_by_b = event(&b, "note", NOTE, json!("from b"), None);
    put(&mut to_b, &[&said_by_b]);
    hears(&mut from_a, &[&members[0], &members[1], &said_by_a, &said_by_b]);

    second.stop();
    let while_away: Vec<_> = (0..500).map(|n| event(&a, "note", NOTE, json!(n), None)).collect();
    for some in while_away.chunks(100) {
        put(&mut to_a, &some.iter().collect::<Vec<_>>());
    }
    let second = start(two.path(), 12, Some(&fleet), &[&address_of(one.path())]);
    hears(&mut follow(&socket_b), &while_away.iter().collect::<Vec<_>>());
    second.stop();
    first.stop();
}

#[test]
fn a_host_that_is_not_enrolled_gets_its_answer_and_then_belongs() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (leader, host) = (key(1), key(12));
    let mut fleet = fleet(1);
    let leaders_node = start_leading(one.path(), 11, &fleet);
    fleet.nodes = vec![address_of(one.path())];
    let node = start(two.path(), 12, Some(&fleet), &[]);
    let (socket_l, socket_h) = (one.path().join("node.sock"), two.path().join("node.sock"));
    let mut at_leader = follow(&socket_l);
    let mut to_host = Client::connect(&socket_h).expect("the host's node");
    // Said by the Leader before the host belongs: it must not get it yet.
    let mut to_leader = Client::connect(&socket_l).expect("the Leader's node");
    let before = event(&leader, "note", NOTE, json!("before"), None);
    put(&mut to_leader, &[&before]);

    let request = event(&host, "enrol", SUBJECT, json!({}), None);
    assert_eq!(stored(&put(&mut to_host, &[&request])).0, [request.id()]);
    let wait = Request::Await { ids: vec![request.id().to_owned()], wait_ms: 30_000 };
    to_host.send(&wait, Some(soon())).expect("sent");
    hears(&mut at_leader, &[&before, &request]);
    assert_eq!(read_all(&socket_h, &everything()).len(), 1, "an outsider holds its own request only");
    let answer = enrolled(&leader, &host, Some(request.id()));
    put(&mut to_leader, &[&answer]);
    let reply = to_host.receive(Some(soon())).expect("an answer");
    assert_eq!(reply, Reply::Answers { events: vec![answer.wire().to_vec()] });
    // Now it belongs: it gets what was said before, and is heard.
    hears(&mut follow(&socket_h), &[&request, &answer, &before]);
    let said = event(&host, "note", NOTE, json!("hello"), None);
    assert_eq!(stored(&put(&mut to_host, &[&said])).0, [said.id()]);
    hears(&mut at_leader, &[&answer, &said]);
    node.stop();
    leaders_node.stop();
}

/// Whoever runs it is to be told: it is let in nowhere from then on.
#[test]
fn a_revoked_host_hears_that_it_is() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (leader, host) = (key(1), key(12));
    let fleet = fleet(1);
    let first = start_leading(one.path(), 11, &fleet);
    let second = start(two.path(), 12, Some(&fleet), &[&address_of(one.path())]);
    let [socket_l, socket_h] = [&one, &two].map(|folder| folder.path().join("node.sock"));
    let mut to_leader = Client::connect(&socket_l).expect("a node");
    let welcomes = [enrolled(&leader, &key(11), None), enrolled(&leader, &host, None)];
    put(&mut to_leader, &welcomes.each_ref());
    let (mut at_leader, mut at_host) = (follow(&socket_l), follow(&socket_h));
    hears(&mut at_host, &welcomes.each_ref());
    // Both gossip, or a minute has passed until they compared.
    for (author, socket) in [(&host, &socket_h), (&leader, &socket_l)] {
        let note = event(author, "note", NOTE, json!("hello"), None);
        put(&mut Client::connect(socket).expect("a node"), &[&note]);
        hears(&mut at_leader, &[&note]);
        hears(&mut at_host, &[&note]);
    }
    let word = event(&leader, "revoked", SUBJECT, json!({"did": host.did(), "reason": "stolen"}), None);
    put(&mut to_leader, &[&word]);
    hears(&mut at_host, &[&word]);
    second.stop();
    first.stop();
}

#[test]
fn nodes_of_two_fleets_part_and_strangers_do_no_harm() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().expect("a folder")).collect();
    let (ours, theirs) = (fleet(1), fleet(2));
    let first = start(folders[0].path(), 21, Some(&ours), &[]);
    let address = address_of(folders[0].path());
    let (heard, parted) = std::sync::mpsc::channel();
    let mut config = config(folders[1].path(), key(22), Some(&theirs), &[&address], false);
    config.say = net::Say::new(move |line, _| {
        if line.contains("another fleet") {
            let _ = heard.send(());
        }
    });
    let log = store::Log::open(&folders[1].path().join("log.db")).expect("a log");
    let other = net::start(config, log).expect("it runs");
    parted.recv_timeout(Duration::from_mins(1)).expect("they part");

    // What is no libp2p at all, and what stops in the middle of it.
    let port = address.split('/').nth(4).expect("a port");
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b"\x13/multistream/1.0.0\n", b""] {
        let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens");
        let _ = std::io::Write::write_all(&mut stream, junk);
    }
    let socket = folders[0].path().join("node.sock");
    for junk in [&[0xff; 64][..], b"\0\0\0\x02{}", b"\0\0\0\x05nope!", b"\0"] {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("it listens");
        let _ = std::io::Write::write_all(&mut stream, junk);
    }

    // The first goes on with its own.
    let second = start(folders[2].path(), 23, Some(&ours), &[&address]);
    let leader = key(1);
    let members = [enrolled(&leader, &key(21), None), enrolled(&leader, &key(23), None)];
    for folder in [&folders[0], &folders[2]] {
        put(&mut Client::connect(&folder.path().join("node.sock")).expect("a node"), &members.each_ref());
    }
    let said = event(&key(23), "note", NOTE, json!("still here"), None);
    put(&mut Client::connect(&folders[2].path().join("node.sock")).expect("a node"), &[&said]);
    hears(&mut follow(&socket), &[&said]);
    assert_eq!(read_all(&folders[1].path().join("node.sock"), &everything()), []);
    [first, other, second].into_iter().for_each(net::Running::stop);
}
