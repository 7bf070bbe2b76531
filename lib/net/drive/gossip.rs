//! Gossip messages, from the swarm and to it.

use super::Driver;
use crate::attach::{HEADER_BYTES, PutFrame, Request};
use crate::mesh::{Input, Offence, Reader, check};
use crate::net::core::Ticket;
use crate::net::peer::did_of;
use libp2p::PeerId;
use libp2p::gossipsub::{self, MessageAcceptance, MessageId};
use tokio::task::spawn_blocking;

impl<R: Reader + 'static> Driver<R> {
    /// Takes part in the gossip, or no longer.
    pub(super) fn take_part(&mut self, joins: bool) {
        let topic = self.names.topic();
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if joins {
            // The filter lets this one topic through.
            let _ = gossip.subscribe(&topic);
        } else {
            gossip.unsubscribe(&topic);
            self.hush();
        }
    }

    pub(super) fn publish(&mut self, frames: Vec<PutFrame>) {
        let topic = self.names.topic();
        for mut frame in frames {
            let body = frame.bytes.split_off(HEADER_BYTES);
            // Nobody there, or queues full: peers fetch it when they compare.
            if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic.clone(), body) {
                self.shared.say.log(|| format!("gossip: {error}"));
                let peers: Vec<_> = self.swarm.connected_peers().filter_map(did_of).collect();
                for peer in peers {
                    self.happens(Input::Missed { peer });
                }
            }
        }
    }

    pub(super) fn verdict(&mut self, message: &MessageId, source: &PeerId, acceptance: MessageAcceptance) {
        if let MessageAcceptance::Reject = acceptance {
            self.blame(source, Offence::Gossip);
        }
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(message, source, acceptance);
    }

    pub(super) fn gossip_event(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.gossiped(propagation_source, message_id, message.data);
            }
            gossipsub::Event::Subscribed { peer_id, .. } => {
                if let Some(peer) = did_of(&peer_id) {
                    self.happens(Input::Behind { peer });
                }
            }
            // It does not read as fast as others speak, or the network holds it
            // up; what was meant for it is dropped.
            gossipsub::Event::SlowPeer { peer_id, .. } => {
                if let Some(peer) = did_of(&peer_id) {
                    self.happens(Input::Missed { peer });
                }
            }
            _ => {}
        }
    }

    /// A gossip message, which waits for its verdict. What is too much at once
    /// is not passed on, and fetched later.
    fn gossiped(&mut self, source: PeerId, message: MessageId, body: Vec<u8>) {
        let place =
            if self.is_too_fast(&source, body.len()) { None } else { self.gossip.clone().try_acquire_owned().ok() };
        let Some(place) = place else {
            self.verdict(&message, &source, MessageAcceptance::Ignore);
            if let Some(peer) = did_of(&source) {
                self.happens(Input::Behind { peer });
            }
            return;
        };
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let events = spawn_blocking(move || match Request::decode(&body) {
                Ok(Request::Put { events }) => events.iter().map(|wire| check(wire)).collect(),
                // Not what nodes gossip: the empty message is refused.
                _ => Vec::new(),
            });
            // A check that broke off leaves the message without a verdict: it
            // is not passed on.
            if let Ok(events) = events.await {
                let ticket = Ticket::Gossip { message, source };
                let _ = shared.inputs.send(Input::Gossip { ticket, events }).await;
            }
            drop(place);
        });
    }
}
