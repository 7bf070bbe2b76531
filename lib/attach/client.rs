//! A blocking client of the node's socket.

use super::frame::{FrameError, read_body};
use super::message::{Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Why the node did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No node: nothing listens on the socket, or there is none.
    #[error("no node is running here")]
    NoNode(#[source] io::Error),
    /// There is a node, but we may not speak to it.
    #[error("the node's socket: {0}")]
    Refused(#[source] io::Error),
    /// The deadline passed.
    #[error("the node did not answer in time")]
    TimedOut,
    /// The node went away.
    #[error("the node closed the connection")]
    Closed,
    /// What came is no reply.
    #[error("the node's reply: {0}")]
    Frame(#[source] FrameError),
}

/// One connection. Requests may be sent before earlier ones are answered;
/// replies come in order.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    out: Vec<u8>,
    body: Vec<u8>,
}

impl Client {
    /// Connects to the socket at `path`.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoNode(error),
            _ => ClientError::Refused(error),
        })?;
        Ok(Self::over(stream))
    }

    /// Over a connection that is there already.
    pub fn over(stream: UnixStream) -> Self {
        Self { stream, out: Vec::new(), body: Vec::new() }
    }

    /// Sends one request.
    pub fn send(&mut self, request: &Request, deadline: Option<Instant>) -> Result<(), ClientError> {
        self.out.clear();
        request.frame(&mut self.out).map_err(ClientError::Frame)?;
        let frame = std::mem::take(&mut self.out);
        let sent = self.send_frames(&frame, deadline);
        self.out = frame;
        sent
    }

    /// Sends whole frames that are made already.
    pub fn send_frames(&mut self, frames: &[u8], deadline: Option<Instant>) -> Result<(), ClientError> {
        Timed { stream: &self.stream, deadline }.write_all(frames).map_err(failed)
    }

    /// The next reply; waits until `deadline`, or for ever.
    pub fn receive(&mut self, deadline: Option<Instant>) -> Result<Reply, ClientError> {
        match read_body(&mut Timed { stream: &self.stream, deadline }, &mut self.body) {
            Ok(true) => Reply::decode(&self.body).map_err(ClientError::Frame),
            Ok(false) => Err(ClientError::Closed),
            Err(FrameError::Io(error)) => Err(failed(error)),
            Err(error) => Err(ClientError::Frame(error)),
        }
    }

    /// Is there something to receive, an end included, or within `patience`?
    pub fn is_answering(&self, patience: Duration) -> bool {
        let mut watched = [PollFd::new(&self.stream, PollFlags::IN)];
        // What cannot be watched is received from at once.
        Timespec::try_from(patience).is_ok_and(|patience| poll(&mut watched, Some(&patience)) != Ok(0))
    }

    /// Ends the connection for every handle on it: a receive that waits ends.
    pub fn close(&self) {
        // It may have ended already.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Sends nothing more. True: the node has written down all that it was told
    /// was taken.
    pub fn leave(&mut self, deadline: Option<Instant>) -> bool {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        loop {
            match self.receive(deadline) {
                Ok(Reply::Left) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// A second handle on the connection, for another thread.
    pub fn split(&self) -> io::Result<Self> {
        Ok(Self::over(self.stream.try_clone()?))
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The stream with one deadline for all its reads and writes, so that a node
/// that sends a byte now and then cannot draw it out.
struct Timed<'a> {
    stream: &'a UnixStream,
    deadline: Option<Instant>,
}

impl Timed<'_> {
    /// The time left, as a socket's timeout takes it.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl io::Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl io::Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(error: io::Error) -> ClientError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::TimedOut,
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
            ClientError::Closed
        }
        _ => ClientError::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::{FRAME_LIMIT_BYTES, Refused};
    use jiff::Timestamp;
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;

    fn pair() -> (tempfile::TempDir, Client, UnixStream) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let client = Client::connect(&path).expect("a connection");
        let (node, _) = listener.accept().expect("a client");
        (folder, client, node)
    }

    #[test]
    fn requests_go_out_and_replies_come_in_order() {
        let (_folder, mut client, mut node) = pair();
        let asked = Request::Get { elements: vec!["a".into()] };
        client.send(&asked, None).expect("sent");
        client.send(&asked, None).expect("sent");
        let mut body = Vec::new();
        for _ in 0..2 {
            assert!(read_body(&mut node, &mut body).expect("a frame"));
            assert_eq!(Request::decode(&body).expect("a request"), asked);
        }
        let refused = |id: &str| Refused {
            id: id.into(),
            code: "busy".into(),
            reason: "later".into(),
            node_time: Timestamp::UNIX_EPOCH,
        };
        let first = Reply::Stored { receipt: None, refused: vec![refused("a")] };
        let mut frames = Vec::new();
        first.frame(&mut frames).expect("fits");
        Reply::End.frame(&mut frames).expect("fits");
        node.write_all(&frames).expect("sent");
        let soon = Some(Instant::now() + Duration::from_secs(20));
        assert!(client.is_answering(Duration::ZERO));
        assert_eq!(client.receive(soon).expect("a reply"), first);
        assert_eq!(client.receive(soon).expect("a reply"), Reply::End);
        drop(node);
        assert!(matches!(client.receive(soon), Err(ClientError::Closed)));
    }

    #[test]
    fn no_node_a_silent_node_and_a_lying_length_are_told_apart() {
        let (folder, mut client, mut node) = pair();
        assert!(matches!(Client::connect(&folder.path().join("none")), Err(ClientError::NoNode(_))));
        let now = Some(Instant::now());
        assert!(matches!(client.receive(now), Err(ClientError::TimedOut)));
        assert!(!client.is_answering(Duration::from_millis(1)));
        // Half a header, then nothing: the deadline counts for the whole frame.
        node.write_all(&[0, 0]).expect("sent");
        let soon = Some(Instant::now() + Duration::from_millis(30));
        assert!(matches!(client.receive(soon), Err(ClientError::TimedOut)));
        node.write_all(&[0xff; 8]).expect("sent");
        let refused = client.receive(Some(Instant::now() + Duration::from_secs(20)));
        assert!(matches!(refused, Err(ClientError::Frame(FrameError::TooLarge(length))) if length > FRAME_LIMIT_BYTES));
        drop(client);
        let mut rest = Vec::new();
        assert_eq!(node.read_to_end(&mut rest).map_err(|error| error.kind()).unwrap_or(0), 0);
    }
}
