//! What two nodes compare: the log as a set of elements, and sums of them.
//!
//! An element names an event's bytes, not only its id: under one id two authors,
//! or one, can sign two events, and both sides must see that they hold others.

use super::log::Id;
use crate::event::Event;
use data_encoding::HEXLOWER;
use std::fmt;

/// An event's id and the first 16 bytes of its wire form's BLAKE3. Elements sort
/// by the time in the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element(pub [u8; 32]);

impl Element {
    /// Before all others.
    pub const FIRST: Self = Self([0; 32]);
    /// Behind all others: no UUIDv7 begins so.
    pub const END: Self = Self([0xff; 32]);

    /// The element of an event's wire form.
    pub fn new(id: &Id, wire: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(id);
        bytes[16..].copy_from_slice(&blake3::hash(wire).as_bytes()[..16]);
        Self(bytes)
    }

    /// An event's element; `None` if its id is no UUID.
    pub fn of(event: &Event) -> Option<Self> {
        Some(Self::new(&super::log::id_of(event.id())?, event.wire()))
    }

    /// From 64 lower-case hex digits.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The one behind it.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut bytes = self.0;
        for byte in bytes.iter_mut().rev() {
            let (sum, carry) = byte.overflowing_add(1);
            *byte = sum;
            if !carry {
                return Self(bytes);
            }
        }
        Self::END
    }

    /// The elements of one id.
    pub fn span_of(id: &Id) -> Span {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(id);
        let mut last = [0xff; 32];
        last[..16].copy_from_slice(id);
        Span { from: Self(bytes), to: Self(last).next() }
    }
}

/// 64 lower-case hex digits, as it stands in frames.
impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Elements from one to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first that may be in it.
    pub from: Element,
    /// The first behind it.
    pub to: Element,
}

impl Span {
    /// All there can be.
    pub const ALL: Self = Self { from: Element::FIRST, to: Element::END };

    /// Is it in there?
    pub fn holds(&self, element: &Element) -> bool {
        self.from <= *element && *element < self.to
    }

    /// Can nothing be in there?
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

/// 2,048 bits.
const LIMBS: usize = 32;

/// How many elements, and what their numbers add up to modulo 2^2048; equal on
/// two nodes only where they hold the same.
///
/// An element's number is the first 256 bytes of BLAKE3's extended output over
/// it, little-endian. Sums can be added and taken away, so that those of ranges
/// are kept as events come and go. With an exclusive or, or with 256 bits, who
/// chooses ids could find some that cancel out (Wagner, "A generalized birthday
/// problem", 2002: 2^36 steps and 256 events). At 2,048 bits that takes over
/// 2^110 steps for a million events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    total: [u64; LIMBS],
}

impl Sum {
    /// Bytes of the total.
    pub const BYTES: usize = 8 * LIMBS;

    /// From what [`Sum::total`] gave.
    pub fn new(count: u64, total: &[u8; Self::BYTES]) -> Self {
        let mut limbs = [0; LIMBS];
        for (limb, bytes) in limbs.iter_mut().zip(total.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Self { count, total: limbs }
    }

    /// The sum of one element.
    pub fn of(element: &Element) -> Self {
        let mut bytes = [0; Self::BYTES];
        blake3::Hasher::new().update(&element.0).finalize_xof().fill(&mut bytes);
        Self::new(1, &bytes)
    }

    /// The sum of some.
    pub fn of_all<'a>(elements: impl IntoIterator<Item = &'a Element>) -> Self {
        let mut sum = Self::default();
        elements.into_iter().for_each(|element| sum.add(&Self::of(element)));
        sum
    }

    /// The total, little-endian.
    pub fn total(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (bytes, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.total) {
            *bytes = limb.to_le_bytes();
        }
        bytes
    }

    /// Takes more in.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        let mut carry = false;
        for (limb, more) in self.total.iter_mut().zip(other.total) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over | again);
        }
    }

    /// Takes some out that are in it.
    pub fn subtract(&mut self, other: &Self) {
        self.count = self.count.saturating_sub(other.count);
        let mut borrow = false;
        for (limb, less) in self.total.iter_mut().zip(other.total) {
            let (rest, under) = limb.overflowing_sub(less);
            let (rest, again) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, under | again);
        }
    }

    /// `COUNT-64 hex digits`, as it stands in frames: BLAKE3 of the count, eight
    /// bytes little-endian, and the total.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.count.to_le_bytes()).update(&self.total());
        format!("{}-{}", self.count, HEXLOWER.encode(hasher.finalize().as_bytes()))
    }
}

/// How many elements a fingerprint says there are.
pub fn count_in(fingerprint: &str) -> Option<u64> {
    fingerprint.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(number: u8) -> Element {
        Element::new(&[number; 16], &[number])
    }

    #[test]
    fn a_sum_has_no_order_and_what_is_taken_out_was_never_in() {
        let (one, two, three) = (element(1), element(2), element(3));
        let mut sum = Sum::of_all([&one, &two, &three]);
        assert_eq!(sum, Sum::of_all([&three, &one, &two]));
        sum.subtract(&Sum::of(&two));
        assert_eq!(sum, Sum::of_all([&one, &three]));
        assert_eq!(Sum::new(sum.count, &sum.total()), sum);
        // An exclusive or would forget what comes twice.
        assert_ne!(Sum::of_all([&one, &one]).total(), Sum::default().total());
        let mut none = Sum::default();
        none.add(&Sum::of_all([&one, &two]));
        none.subtract(&Sum::of(&two));
        none.subtract(&Sum::of(&one));
        assert_eq!(none, Sum::default());
    }

    #[test]
    fn the_manuals_example_is_what_happens() {
        let id = super::super::log::id_of("0192b1c0-0000-7000-8000-000000000001").expect("an id");
        let elements = [Element::new(&id, br#"{"a":1}"#), Element::new(&id, br#"{"a":2}"#)];
        let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
        let (one, both) = (Sum::of(&elements[0]), Sum::of_all(&elements));
        let manual = include_str!("../../man/cooee.7");
        let mut said = elements.iter().map(Element::to_string).collect::<Vec<_>>();
        said.extend([&one, &both].map(|sum| format!("{}...{}", hex(&sum.total()[..16]), hex(&sum.total()[240..]))));
        said.push(both.fingerprint());
        for text in said {
            assert!(manual.contains(&text.replace('-', "\\-")), "not in cooee(7): {text}");
        }
    }

    #[test]
    fn carries_and_borrows_go_all_the_way() {
        let most = Sum::new(1, &[0xff; Sum::BYTES]);
        let mut one = [0; Sum::BYTES];
        one[0] = 1;
        let one = Sum::new(1, &one);
        let mut sum = most;
        sum.add(&one);
        assert_eq!(sum, Sum::new(2, &[0; Sum::BYTES]));
        sum.subtract(&one);
        assert_eq!(sum, most);
    }

    #[test]
    fn elements_are_next_to_each_other_and_read_back() {
        let mut bytes = [0xff; 32];
        bytes[0] = 1;
        let mut next = [0; 32];
        next[0] = 2;
        assert_eq!(Element(bytes).next(), Element(next));
        assert_eq!(Element::END.next(), Element::END);
        let one = element(7);
        assert_eq!(Element::read(&one.to_string()), Some(one));
        for bad in ["", "07", &one.to_string().replace("07", "0G"), &format!("{one}00")] {
            assert_eq!(Element::read(bad), None, "{bad}");
        }
        let span = Element::span_of(&[7; 16]);
        assert!(span.holds(&one) && !span.holds(&element(6)) && !span.holds(&element(8)));
    }
}
