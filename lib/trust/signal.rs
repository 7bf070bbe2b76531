//! A signal: what somebody says of an agent, in one dimension.

use super::Dimension;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Signals that an explanation shows.
pub const RECENT: usize = 10;

/// One signal, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal<'a> {
    /// Of whom it speaks; a DID, for our own agents `did:key:…#TINY_ID`.
    pub agent_did: Cow<'a, str>,
    /// In which dimension.
    pub dimension: Dimension,
    /// 0.0 (bad) to 1.0 (good).
    pub value: f64,
    /// Its own time in milliseconds since 1970; `None` where it has none.
    pub at: Option<i64>,
    /// What noticed it: `policy_engine`, `consumer:NAME`.
    pub source: Cow<'a, str>,
    /// More about it.
    pub details: Option<Cow<'a, str>>,
    /// The trace it belongs to.
    pub trace_id: Option<Cow<'a, str>>,
    /// At least 0; carried, and never used.
    pub weight: Option<f64>,
    /// The DID that signed the event it came in; `None` for a plain line.
    pub author: Option<Cow<'a, str>>,
    /// The id of the event it came in, or its own. The same id counts once.
    pub id: Option<Cow<'a, str>>,
}

/// What an explanation shows of a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// In which dimension.
    pub dimension: Dimension,
    /// 0.0 to 1.0.
    pub value: f64,
    /// Its time in milliseconds since 1970.
    pub at: i64,
    /// What noticed it.
    pub source: Box<str>,
    /// More about it.
    pub details: Option<Box<str>>,
    /// The trace it belongs to.
    pub trace_id: Option<Box<str>>,
    /// Carried, and never used.
    pub weight: Option<f64>,
    /// Who signed it.
    pub author: Option<Box<str>>,
}

impl Signal<'_> {
    /// What an explanation shows of it; `at` where it has no time of its own.
    pub fn shown(&self, at: i64) -> Shown {
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(Box::from);
        Shown {
            dimension: self.dimension,
            value: self.value,
            at: self.at.unwrap_or(at),
            source: self.source.as_ref().into(),
            details: owned(&self.details),
            trace_id: owned(&self.trace_id),
            weight: self.weight,
            author: owned(&self.author),
        }
    }
}

impl Signal<'_> {
    /// The same, with its own copy of every text.
    pub fn into_owned(self) -> Signal<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Signal {
            agent_did: owned(self.agent_did),
            dimension: self.dimension,
            value: self.value,
            at: self.at,
            source: owned(self.source),
            details: self.details.map(owned),
            trace_id: self.trace_id.map(owned),
            weight: self.weight,
            author: self.author.map(owned),
            id: self.id.map(owned),
        }
    }
}

/// An agent's last ten signals.
#[derive(Clone, Debug, Default)]
pub struct Recent(VecDeque<Shown>);

impl Recent {
    /// Appends; the eleventh pushes the first out.
    pub fn push(&mut self, shown: Shown) {
        if self.0.len() == RECENT {
            self.0.pop_front();
        }
        self.0.push_back(shown);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Shown> {
        self.0.iter()
    }
}
