//! Requests and replies, from other machines and to them.

use super::{Command, Driver};
use crate::attach::Reply;
use crate::key::Did;
use crate::mesh::{Input, Offence, Origin, Outcome, Reader, check};
use crate::net::peer::{did_of, peer_id_of};
use crate::net::request::{Decoded, Decoding, stopping, too_fast};
use libp2p::PeerId;
use libp2p::request_response::{self, InboundFailure, Message, ResponseChannel};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::task::spawn_blocking;

impl<R: Reader + 'static> Driver<R> {
    /// Asks a peer; without a frame it has failed.
    pub(super) fn ask(&mut self, ask: u64, peer: &Did, frame: Option<Vec<u8>>) {
        match (frame, peer_id_of(peer)) {
            (Some(frame), Some(peer)) => {
                let request = self.swarm.behaviour_mut().frames.send_request(&peer, frame);
                self.asks.insert(request, ask);
            }
            _ => self.happens(Input::Answered { ask, outcome: Outcome::Failed }),
        }
    }

    pub(super) fn frames(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Message::Request { request, channel, request_id } => {
                    if *self.shared.stopping.borrow() {
                        return;
                    }
                    self.owed.insert(request_id);
                    self.request(peer, request, channel);
                }
                Message::Response { request_id, response } => {
                    if let Some(ask) = self.asks.remove(&request_id) {
                        self.answered(ask, response);
                    }
                }
            },
            request_response::Event::ResponseSent { request_id, .. } => {
                self.owed.remove(&request_id);
            }
            request_response::Event::InboundFailure { request_id, peer, error, .. } => {
                self.owed.remove(&request_id);
                // A frame that says it is larger than any.
                if matches!(error, InboundFailure::Io(error) if error.kind() == ErrorKind::InvalidData) {
                    self.blame(&peer, Offence::Frame);
                }
            }
            request_response::Event::OutboundFailure { request_id, error, peer, .. } => {
                if let Some(ask) = self.asks.remove(&request_id) {
                    self.shared.say.log(|| format!("{peer}: {error}"));
                    self.happens(Input::Answered { ask, outcome: Outcome::Failed });
                }
            }
        }
    }

    /// Decodes, judges and answers beside this loop.
    fn request(&mut self, peer: PeerId, body: Vec<u8>, channel: ResponseChannel<Vec<u8>>) {
        let Some(did) = did_of(&peer) else { return };
        let origin = Origin::Peer { did, address: self.peers.get(&peer).copied().flatten() };
        let Some((wait_ms, share)) = self.admit(&peer, body.len()) else {
            let mut frame = Vec::new();
            if too_fast().frame(&mut frame).is_ok() {
                self.command(Command::Respond(channel, frame));
            }
            return;
        };
        let (room, shared, sender) = (self.requests.clone(), self.shared.clone(), self.sender.clone());
        tokio::spawn(async move {
            if wait_ms > 0 {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
            let reply = {
                let Ok(_place) = room.acquire_owned().await else { return };
                let Some(decoded) = Decoding::of(body).done().await else { return };
                if let Decoded::Bad(_) = decoded {
                    let _ = sender.send(Command::Blame(did, Offence::Frame));
                }
                shared.submit(decoded, origin).await
            };
            drop(share);
            let reply = reply.await.unwrap_or_else(|_| stopping());
            let mut frame = Vec::new();
            if reply.frame(&mut frame).is_ok() {
                let _ = sender.send(Command::Respond(channel, frame));
            }
        });
    }

    /// A reply to an ask: the events in it are checked on any core.
    fn answered(&self, ask: u64, body: Vec<u8>) {
        let happened = self.happened.clone();
        spawn_blocking(move || {
            let outcome = match Reply::decode(&body) {
                Ok(Reply::Events { events } | Reply::Answers { events } | Reply::Found { events, .. }) => {
                    Outcome::Events(events.iter().map(|wire| check(wire)).collect())
                }
                Ok(reply) => Outcome::Other(reply),
                Err(_) => Outcome::Failed,
            };
            let _ = happened.send(Input::Answered { ask, outcome });
        });
    }
}
