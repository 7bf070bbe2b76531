//! The server's side of the node's socket.
//!
//! A connection's requests are read ahead of their answers, a few at a time, so
//! that one pipe keeps every core busy; replies keep the order.

use super::consumer::{self, Consumer, Seat};
use super::request::{Decoded, Decoding, Shared, malformed, stopping};
use crate::attach::{FRAME_LIMIT_BYTES, FrameError, HEADER_BYTES, Reply, Request, WireRecord, body_length};
use crate::mesh::{Origin, Page, Reader, Subscription};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

/// Connections at once.
pub(super) const CONNECTIONS: usize = 256;
/// So long a connection may say nothing while others wait for its place.
const SILENT: Duration = Duration::from_secs(5);
/// Requests of one connection that are read and not yet with the node, and
/// those with the node and not yet answered.
const AHEAD: usize = 8;
/// What fits into a frame of records beside its few other members.
const RECORDS_BYTES: usize = FRAME_LIMIT_BYTES - 256;

/// What the writer waits for, in order.
enum Turn {
    Reply(oneshot::Receiver<Reply>),
    Stream {
        first: Reply,
        subscription: Box<Subscription>,
        consumer: Option<Arc<Consumer>>,
        follow: bool,
    },
    /// Records, over as many frames as they need.
    Records(oneshot::Receiver<Reply>),
}

pub(super) async fn accept<R: Reader + 'static>(listener: UnixListener, shared: Arc<Shared<R>>) {
    let mut stopping = shared.stopping.clone();
    let mut lacking = false;
    loop {
        let Ok(place) = shared.places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                lacking = false;
                let shared = shared.clone();
                tokio::spawn(async move {
                    connection(stream, shared).await;
                    drop(place);
                });
            }
            // Out of file descriptors: those who hold them will let go. One
            // lack is said once, however long it lasts.
            Err(error) => {
                if !lacking {
                    shared.say.say(&format!("the socket: {error}"));
                }
                lacking = true;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection<R: Reader + 'static>(stream: UnixStream, shared: Arc<Shared<R>>) {
    let seat = Seat::default();
    let (reader, mut writer) = stream.into_split();
    serve(reader, &mut writer, &seat, &shared).await;
    if seat.leave().await {
        // Whoever still listens knows that all of it is written down.
        let _ = send(&mut writer, &Reply::Left).await;
    }
}

async fn serve<R: Reader + 'static>(
    reader: OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
    seat: &Seat,
    shared: &Arc<Shared<R>>,
) {
    let (frames, read_frames) = mpsc::channel(AHEAD);
    let (turns, read_turns) = mpsc::channel(AHEAD);
    let (gone, is_gone) = watch::channel(false);
    let reading = async {
        let mut stopping = shared.stopping.clone();
        tokio::select! {
            () = read(reader, frames, &shared.places) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        let _ = gone.send(true);
    };
    let forwarding = forward(read_frames, turns, seat, shared);
    let writing = write(writer, read_turns, is_gone, shared);
    // A client that is gone gets no replies; what it sent before is taken.
    tokio::join!(reading, forwarding, writing);
}

/// Reads frames and sets them to be decoded, each on any core where that pays.
async fn read(reader: OwnedReadHalf, frames: mpsc::Sender<Decoding>, places: &Semaphore) {
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    let mut silent = true;
    loop {
        // A place first, so that no more than AHEAD frames are held.
        let Ok(place) = frames.reserve().await else { return };
        let body = tokio::select! {
            body = read_body(&mut reader) => body,
            () = crowded(places), if silent => return,
        };
        silent = false;
        match body {
            Ok(Some(body)) => place.send(Decoding::of(body)),
            Ok(None) | Err(FrameError::Io(_)) => return,
            Err(error) => {
                place.send(Decoding::Done(Decoded::Bad(malformed(&error))));
                return;
            }
        }
    }
}

/// Whoever has asked for nothing makes room when others wait.
async fn crowded(places: &Semaphore) {
    tokio::time::sleep(SILENT).await;
    while places.available_permits() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Hands decoded frames to the node in the order in which they came.
async fn forward<R: Reader + 'static>(
    mut frames: mpsc::Receiver<Decoding>,
    turns: mpsc::Sender<Turn>,
    seat: &Seat,
    shared: &Arc<Shared<R>>,
) {
    while let Some(frame) = frames.recv().await {
        let Some(decoded) = frame.done().await else { return };
        let bad = matches!(decoded, Decoded::Bad(_));
        let turn = match decoded {
            Decoded::Other(Request::Sub { patterns, types, since, unanswered, follow }) => {
                let last = *shared.grown.borrow();
                match Subscription::new(&patterns, types, since, unanswered, last) {
                    Ok(subscription) => Turn::Stream {
                        // Empty: says that it has begun.
                        first: Reply::Events { events: Vec::new() },
                        subscription: Box::new(subscription),
                        consumer: None,
                        follow,
                    },
                    Err(error) => Turn::Reply(ready(Reply::from(&error))),
                }
            }
            Decoded::Other(request @ Request::Peers) => {
                Turn::Records(shared.submit(Decoded::Other(request), Origin::Local).await)
            }
            Decoded::Other(request @ Request::Consume { follow, .. }) => match seat.begin(request, shared).await {
                Ok((first, consumer, subscription)) => {
                    Turn::Stream { first, subscription: Box::new(subscription), consumer: Some(consumer), follow }
                }
                Err(reply) => Turn::Reply(ready(reply)),
            },
            Decoded::Other(Request::Took { place }) if seat.consumer().is_some() => {
                seat.consumer().inspect(|consumer| consumer.took(place));
                continue;
            }
            Decoded::Other(Request::Forget { name }) => Turn::Reply(ready(consumer::forget(name, shared).await)),
            Decoded::Other(Request::Consumers) => Turn::Reply(ready(consumer::list(shared).await)),
            decoded => Turn::Reply(shared.submit(decoded, Origin::Local).await),
        };
        if turns.send(turn).await.is_err() || bad {
            return;
        }
    }
}

fn ready(reply: Reply) -> oneshot::Receiver<Reply> {
    let (sender, receiver) = oneshot::channel();
    let _ = sender.send(reply);
    receiver
}

async fn write<R: Reader + 'static>(
    writer: &mut OwnedWriteHalf,
    mut turns: mpsc::Receiver<Turn>,
    gone: watch::Receiver<bool>,
    shared: &Arc<Shared<R>>,
) {
    if reply(writer, &mut turns, gone, shared).await.is_err() {
        while turns.recv().await.is_some() {}
    }
}

async fn reply<R: Reader + 'static>(
    writer: &mut OwnedWriteHalf,
    turns: &mut mpsc::Receiver<Turn>,
    gone: watch::Receiver<bool>,
    shared: &Arc<Shared<R>>,
) -> io::Result<()> {
    while let Some(turn) = turns.recv().await {
        match turn {
            Turn::Reply(reply) => send(writer, &reply.await.unwrap_or_else(|_| stopping())).await?,
            Turn::Records(reply) => match reply.await.unwrap_or_else(|_| stopping()) {
                Reply::Peers { records } => {
                    for records in framefuls(records) {
                        send(writer, &Reply::Peers { records }).await?;
                    }
                    send(writer, &Reply::End).await?;
                }
                other => send(writer, &other).await?,
            },
            Turn::Stream { first, subscription, consumer, follow } => {
                send(writer, &first).await?;
                // Who follows ends by going away, and so does a consumer.
                let leaves = (follow || consumer.is_some()).then(|| gone.clone());
                stream(writer, subscription, consumer, follow, leaves, shared).await?;
            }
        }
    }
    Ok(())
}

/// Records in their order, as many together as fit into a frame. One that fits
/// none, which a limit on its texts rules out, would be left out.
fn framefuls(records: Vec<WireRecord>) -> Vec<Vec<WireRecord>> {
    let mut frames = vec![Vec::new()];
    let mut room = RECORDS_BYTES;
    for record in records.into_iter().filter(|record| record.len() < RECORDS_BYTES) {
        if record.len() >= room {
            frames.push(Vec::new());
            room = RECORDS_BYTES;
        }
        room -= record.len() + 1;
        frames.last_mut().expect("there is one").push(record);
    }
    frames
}

/// Pulls from the log as fast as the client reads.
async fn stream<R: Reader + 'static>(
    writer: &mut OwnedWriteHalf,
    mut subscription: Box<Subscription>,
    consumer: Option<Arc<Consumer>>,
    follow: bool,
    mut leaves: Option<watch::Receiver<bool>>,
    shared: &Arc<Shared<R>>,
) -> io::Result<()> {
    let mut grown = shared.grown.clone();
    // Between frames only: what comes behind half a frame could not be read.
    while !leaves.as_ref().is_some_and(|leaves| *leaves.borrow()) {
        grown.borrow_and_update();
        let now = shared.clock.now();
        let readers = shared.clone();
        let turn = spawn_blocking(move || {
            let page = readers.with_reader(|reader| subscription.next(reader, now));
            (page, subscription)
        });
        let Ok((page, back)) = turn.await else { return send(writer, &stopping()).await };
        subscription = back;
        let mut page = match page {
            Ok(page) => page,
            Err(error) => {
                return send(writer, &Reply::Error { code: "storage".into(), reason: error.to_string() }).await;
            }
        };
        let empty = page.events.is_empty();
        let reply = match &consumer {
            Some(consumer) => consumer.hand(&mut page, &subscription),
            None => Reply::Events { events: std::mem::take(&mut page.events) },
        };
        if !empty {
            send(writer, &reply).await?;
        }
        let Page { more, again_ms, .. } = page;
        if more {
            continue;
        }
        if !follow {
            return send(writer, &Reply::End).await;
        }
        let again = again_ms.map_or(Duration::from_hours(1), |again| {
            Duration::from_millis(again.saturating_sub(shared.clock.now().uptime_ms) + 1)
        });
        tokio::select! {
            changed = grown.changed() => if changed.is_err() {
                return send(writer, &Reply::End).await;
            },
            () = tokio::time::sleep(again) => {}
            () = left(&mut leaves) => {}
        }
    }
    Ok(())
}

/// Waits until the client has gone.
async fn left(leaves: &mut Option<watch::Receiver<bool>>) {
    match leaves {
        Some(leaves) => drop(leaves.wait_for(|gone| *gone).await),
        None => std::future::pending().await,
    }
}

async fn send(writer: &mut OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut frame = Vec::new();
    if let Err(error) = reply.frame(&mut frame) {
        // Ours to keep small; the client hears of it rather than nothing.
        let reply = Reply::Error { code: "internal".into(), reason: error.to_string() };
        reply.frame(&mut frame).map_err(io::Error::other)?;
    }
    writer.write_all(&frame).await
}

async fn read_body(reader: &mut BufReader<OwnedReadHalf>) -> Result<Option<Vec<u8>>, FrameError> {
    let mut header = [0; HEADER_BYTES];
    match reader.read(&mut header[..1]).await? {
        0 => return Ok(None),
        _ => reader.read_exact(&mut header[1..]).await?,
    };
    let mut body = vec![0; body_length(header)?];
    reader.read_exact(&mut body).await?;
    Ok(Some(body))
}
