//! What goes wrong in a world: nodes that are killed, links that are cut.

use super::memory::Break;
use super::world::World;
use crate::mesh::Input;

impl World {
    /// Ends a node without a word, as `kill -9` does.
    pub fn crash(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.node = None;
        member.gossips = false;
        member.boot += 1;
        member.history.clear();
        self.messages.values_mut().for_each(|message| message.forget(index));
        let peers: Vec<usize> = self.members[index].links.keys().copied().collect();
        for peer in peers {
            self.part(index, peer);
        }
    }

    /// A node is killed somewhere in the next batch that it writes.
    pub fn crash_in_batch(&mut self, index: usize, breaks: Break) {
        self.members[index].log.break_at(breaks);
    }

    /// Cuts two nodes off from each other, or joins them again.
    pub fn cut(&mut self, one: usize, other: usize, off: bool) {
        if off {
            self.cut.insert((one.min(other), one.max(other)));
            self.part(one, other);
        } else {
            self.cut.remove(&(one.min(other), one.max(other)));
        }
    }

    /// Parts the nodes by sides, or with one side for all joins them again.
    pub fn sides(&mut self, side: impl Fn(usize) -> u8) {
        for index in 0..self.members.len() {
            self.members[index].side = side(index);
        }
        for index in 0..self.members.len() {
            let peers: Vec<usize> = self.members[index].links.keys().copied().collect();
            let gone = |peer: &usize| side(*peer) != side(index);
            peers.into_iter().filter(gone).for_each(|peer| self.part(index, peer));
        }
    }

    fn part(&mut self, one: usize, other: usize) {
        for (index, peer) in [(one, other), (other, one)] {
            if self.members[index].links.remove(&peer).is_some() {
                let peer = self.members[peer].did;
                self.input(index, Input::Disconnected { peer });
            }
        }
    }
}
