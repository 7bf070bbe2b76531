//! A queue of bounded length that takes no more memory than it needs: a fleet
//! may hold a million agents with one signal each.

/// The last `LIMIT` items pushed, oldest first.
#[derive(Clone, Debug)]
pub struct Ring<T, const LIMIT: usize> {
    items: Box<[T]>,
    first: u16,
    len: u16,
}

impl<T, const LIMIT: usize> Default for Ring<T, LIMIT> {
    fn default() -> Self {
        const { assert!(LIMIT <= u16::MAX as usize) };
        Self { items: Box::default(), first: 0, len: 0 }
    }
}

impl<T: Copy + Default, const LIMIT: usize> Ring<T, LIMIT> {
    /// Appends; what falls out at the other end is returned.
    pub fn push(&mut self, item: T) -> Option<T> {
        let (len, first) = (usize::from(self.len), usize::from(self.first));
        if len == LIMIT {
            let oldest = std::mem::replace(&mut self.items[first], item);
            self.first = if first + 1 == LIMIT { 0 } else { self.first + 1 };
            return Some(oldest);
        }
        if len == self.items.len() {
            self.grow();
        }
        let at = self.place(len);
        self.items[at] = item;
        self.len += 1;
        None
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let oldest = self.items[usize::from(self.first)];
        self.first = self.place(1) as u16;
        self.len -= 1;
        Some(oldest)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The two runs of items, oldest first.
    pub fn runs(&self) -> (&[T], &[T]) {
        let (first, len) = (usize::from(self.first), usize::from(self.len));
        let room = self.items.len() - first;
        if len <= room {
            (&self.items[first..first + len], &[])
        } else {
            (&self.items[first..], &self.items[..len - room])
        }
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> {
        let (older, newer) = self.runs();
        older.iter().chain(newer).copied()
    }

    /// The newest.
    pub fn last(&self) -> Option<T> {
        self.iter().next_back()
    }

    /// The item `offset` places behind the oldest lies there in `items`.
    fn place(&self, offset: usize) -> usize {
        let at = usize::from(self.first) + offset;
        if at >= self.items.len() { at - self.items.len() } else { at }
    }

    fn grow(&mut self) {
        let capacity = (self.items.len() * 2).clamp(1, LIMIT);
        let mut items = Vec::with_capacity(capacity);
        items.extend(self.iter());
        items.resize(capacity, T::default());
        self.items = items.into_boxed_slice();
        self.first = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_queue_of_the_last_five(steps in prop::collection::vec(prop::option::weighted(0.7, 0u8..200), 0..60)) {
            let (mut ring, mut queue) = (Ring::<u8, 5>::default(), VecDeque::new());
            for step in steps {
                if let Some(item) = step {
                    let oldest = if queue.len() == 5 { queue.pop_front() } else { None };
                    queue.push_back(item);
                    prop_assert_eq!(ring.push(item), oldest);
                } else {
                    prop_assert_eq!(ring.pop(), queue.pop_front());
                }
                prop_assert_eq!(ring.iter().collect::<Vec<_>>(), queue.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(ring.last(), queue.back().copied());
                prop_assert_eq!(ring.len(), queue.len());
                prop_assert_eq!(ring.is_empty(), queue.is_empty());
            }
        }
    }
}
