//! A signal of the common form, whose texts stay where they were read.

use crate::trust::{Config, Dimension, Fleet, Handle, Signal};
use std::borrow::Cow;

/// Where a string lies in its block, without its quotes. No string starts where
/// a block does, so a start of 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub from: u32,
    pub len: u32,
}

/// A signal whose strings are still in its block.
#[derive(Clone, Copy, Debug)]
pub struct Quick {
    pub(super) agent_did: Span,
    pub(super) dimension: Dimension,
    pub(super) value: f64,
    pub(super) at: Option<i64>,
    pub(super) source: Span,
    pub(super) details: Span,
    pub(super) trace_id: Span,
    pub(super) weight: Span,
    pub(super) author: Span,
    pub(super) id: Span,
}

impl Quick {
    /// The signal, with its strings from the block in which it was read.
    pub fn signal<'a>(&self, block: &'a [u8]) -> Signal<'a> {
        let optional = |span: Span| (span.from > 0).then(|| Cow::Borrowed(span.text(block)));
        Signal {
            agent_did: Cow::Borrowed(self.agent_did.text(block)),
            dimension: self.dimension,
            value: self.value,
            at: self.at,
            source: Cow::Borrowed(self.source.text(block)),
            details: optional(self.details),
            trace_id: optional(self.trace_id),
            weight: optional(self.weight).map(|text| text.parse().expect("the scan has checked it")),
            author: optional(self.author),
            id: optional(self.id),
        }
    }

    /// Its own time in milliseconds since 1970.
    pub fn at(&self) -> Option<i64> {
        self.at
    }

    /// Its name and who says it, if it has a name.
    pub fn name<'a>(&self, block: &'a [u8]) -> Option<(&'a str, Option<&'a str>)> {
        (self.id.from > 0).then(|| (self.id.text(block), (self.author.from > 0).then(|| self.author.text(block))))
    }

    /// Lets it count: whole where the fleet keeps more than its value.
    #[inline]
    pub fn count(&self, block: &[u8], fleet: &mut Fleet, at: i64, config: &Config) -> (Handle, bool) {
        let did = self.agent_did.text(block);
        if fleet.keeps_signals_of(did) {
            return fleet.take(&self.signal(block), at, config);
        }
        fleet.take_value(did, self.dimension, self.value, self.at.unwrap_or(at), config)
    }
}

impl Span {
    #[inline]
    fn text(self, block: &[u8]) -> &str {
        let bytes = &block[self.from as usize..][..self.len as usize];
        std::str::from_utf8(bytes).expect("the scan has checked it")
    }
}
