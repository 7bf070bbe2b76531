//! A way to a node: its socket, or a dial.

use crate::attach::{Client, ClientError, Reply};
use std::time::{Duration, Instant};

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No node: none in the folder and none that could be dialled.
    #[error("{0}")]
    Unreachable(String),
    /// The node did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The node went away, or what it said is no reply.
    #[error("{0}")]
    Broken(String),
    /// It is not the node it was to be: a security refusal.
    #[error("{0}")]
    WrongPeer(String),
}

impl LinkError {
    const UNREACHABLE: &str = "unreachable";
    const TIMED_OUT: &str = "timed_out";
    const BROKEN: &str = "broken";
    const WRONG_PEER: &str = "wrong_peer";

    /// As whoever dials for us says it, in place of a reply.
    pub fn to_reply(&self) -> Reply {
        let code = match self {
            Self::Unreachable(_) => Self::UNREACHABLE,
            Self::TimedOut => Self::TIMED_OUT,
            Self::Broken(_) => Self::BROKEN,
            Self::WrongPeer(_) => Self::WRONG_PEER,
        };
        Reply::Error { code: code.to_owned(), reason: self.to_string() }
    }

    /// What came instead of a reply, if it is that.
    pub fn in_reply(reply: Reply) -> Result<Reply, Self> {
        let Reply::Error { code, reason } = reply else { return Ok(reply) };
        Err(match code.as_str() {
            Self::UNREACHABLE => Self::Unreachable(reason),
            Self::TIMED_OUT => Self::TimedOut,
            Self::BROKEN => Self::Broken(reason),
            Self::WRONG_PEER => Self::WrongPeer(reason),
            _ => return Ok(Reply::Error { code, reason }),
        })
    }
}

/// A connection that takes requests and gives replies in the same order.
/// Several requests may be under way.
pub trait Link: Send {
    /// Sends one frame, header included.
    fn send(&mut self, frame: &[u8], deadline: Instant) -> Result<(), LinkError>;
    /// The next reply.
    fn receive(&mut self, deadline: Instant) -> Result<Reply, LinkError>;
    /// Is this the folder's own node, which takes a frame and answers it in the
    /// time of an fsync?
    fn is_near(&self) -> bool;
    /// Has a reply begun to come, or does it within `patience`?
    fn is_answering(&self, patience: Duration) -> bool;
}

/// How a node is found and connected to.
pub trait Connect: Send {
    /// The folder's own node; `None` if there is none.
    fn near(&mut self) -> Result<Option<Box<dyn Link>>, LinkError>;

    /// Another one, by a call over the network.
    fn far(&mut self, deadline: Instant) -> Result<Box<dyn Link>, LinkError>;

    /// Whichever there is.
    fn any(&mut self, deadline: Instant) -> Result<Box<dyn Link>, LinkError> {
        match self.near()? {
            Some(link) => Ok(link),
            None => self.far(deadline),
        }
    }
}

impl Link for Client {
    fn send(&mut self, frame: &[u8], deadline: Instant) -> Result<(), LinkError> {
        Ok(self.send_frames(frame, Some(deadline))?)
    }

    fn receive(&mut self, deadline: Instant) -> Result<Reply, LinkError> {
        Ok(Client::receive(self, Some(deadline))?)
    }

    fn is_near(&self) -> bool {
        true
    }

    fn is_answering(&self, patience: Duration) -> bool {
        Client::is_answering(self, patience)
    }
}

impl From<ClientError> for LinkError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NoNode(_) => Self::Unreachable(error.to_string()),
            ClientError::TimedOut => Self::TimedOut,
            ClientError::Refused(_) | ClientError::Closed | ClientError::Frame(_) => Self::Broken(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dial_came_to_is_not_taken_for_a_reply() {
        for error in [
            LinkError::Unreachable("a".to_owned()),
            LinkError::TimedOut,
            LinkError::Broken("b".to_owned()),
            LinkError::WrongPeer("c".to_owned()),
        ] {
            let back = LinkError::in_reply(error.to_reply()).expect_err("no reply");
            assert_eq!(format!("{back:?}"), format!("{error:?}"));
        }
        let busy = Reply::Error { code: "busy".to_owned(), reason: "later".to_owned() };
        assert_eq!(LinkError::in_reply(busy.clone()).expect("a node's reply"), busy);
        assert_eq!(LinkError::in_reply(Reply::End).expect("a node's reply"), Reply::End);
    }
}
