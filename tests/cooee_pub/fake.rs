//! A node that speaks the socket's protocol and does as the test says.

use cooee::attach::{Reply, Request, read_body};
use cooee::event::{Event, Receipt};
use cooee::key::{Key, read_key};
use jiff::Timestamp;
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What it does with a request.
pub enum Act {
    Reply(Reply),
    /// And then the connection ends.
    Last(Reply),
    /// These bytes instead of a frame.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Silence,
    /// The connection ends.
    Close,
}

/// Serves the folder's socket until the test ends.
pub fn serve(dir: &Path, act: impl FnMut(Request) -> Act + Send + 'static) {
    let socket = dir.join("node.sock");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(socket).expect("a socket");
    let act = Arc::new(Mutex::new(act));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, act) = (stream.expect("a client"), Arc::clone(&act));
            std::thread::spawn(move || talk(stream, &act));
        }
    });
}

fn talk<A: FnMut(Request) -> Act>(mut stream: UnixStream, act: &Mutex<A>) {
    let mut body = Vec::new();
    while let Ok(true) = read_body(&mut stream, &mut body) {
        let request = Request::decode(&body).expect("clients send good frames");
        let act = (act.lock().expect("no panic"))(request);
        let last = matches!(act, Act::Last(_));
        let bytes = match act {
            Act::Reply(reply) | Act::Last(reply) => {
                let mut frame = Vec::new();
                reply.frame(&mut frame).expect("fits");
                frame
            }
            Act::Bytes(bytes) => bytes,
            Act::Silence => continue,
            Act::Close => return,
        };
        if stream.write_all(&bytes).is_err() || last {
            return;
        }
    }
}

/// The events of a put, well-formed and signed.
pub fn events(request: &Request) -> Vec<Event> {
    let Request::Put { events } = request else { panic!("not a put: {request:?}") };
    let read = |wire: &Vec<u8>| {
        let event = Event::from_wire(wire).expect("an event");
        event.verify().expect("signed");
        event
    };
    events.iter().map(read).collect()
}

/// A receipt for these, by this key.
pub fn stored(key: &Key, events: &[Event]) -> Reply {
    let ids = events.iter().map(|event| event.id().to_owned()).collect();
    Reply::Stored { receipt: Some(Receipt::sign(key, ids, Timestamp::now())), refused: vec![] }
}

/// What an honest node has stored.
pub type Log = Arc<Mutex<Vec<Event>>>;

/// Stores everything and signs for it with the folder's host key.
pub fn honest(dir: &Path) -> Log {
    let key = read_key(&dir.join("host.key")).expect("a key");
    let log = Log::default();
    let kept = Arc::clone(&log);
    serve(dir, move |request| {
        let events = events(&request);
        let reply = stored(&key, &events);
        kept.lock().expect("no panic").extend(events);
        Act::Reply(reply)
    });
    log
}
