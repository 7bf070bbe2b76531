//! Fetching from a peer what gossip has lost.
//!
//! Each side pulls for itself. A range of elements whose fingerprints are equal
//! is done; else the peer lists what it holds of a small range, and cuts a large
//! one into pieces, which are compared again. Many ranges go in one request, and
//! one request at a time to each peer.
//!
//! Range-based set reconciliation after Meyer (arXiv 2212.13567). The crate
//! `negentropy` does the same, but asks for all ids sorted in memory, keeps no
//! sums, so that every comparison looks at every event, and adds up 256 bits,
//! which an enrolled member can forge.

mod answer;

pub use answer::answer;

use super::element::{Element, Span, count_in};
use super::log::{LogError, Set, View};
use crate::attach::{Compared, Held, PIECES_LIMIT, RANGES_LIMIT, Request};
use answer::PIECES;
use std::collections::{HashSet, VecDeque};

/// How often two peers compare what they hold.
pub const EVERY_MS: u64 = 60_000;
/// Two comparisons begin at least this far apart.
const APART_MS: u64 = 500;
/// The wait after a peer refused or failed; doubles up to [`EVERY_MS`].
const AFTER_FAILURE_MS: u64 = 5_000;
/// Elements fetched with one request; a frame holds some hundred small events.
const FETCHED: usize = 256;
/// Ranges that wait to be asked about. What is beyond is for the next time.
const WAITING: usize = 4_096;
/// Requests one after the other that brought nothing new. A peer that lies gets
/// us no further than this; a peer that holds nothing new of a million other
/// events takes some 600.
const FRUITLESS: u32 = 1_000;

/// A span cut at these elements.
fn spans(span: &Span, cuts: &[Element]) -> Vec<Span> {
    let from = std::iter::once(span.from).chain(cuts.iter().copied());
    let to = cuts.iter().copied().chain([span.to]);
    from.zip(to).map(|(from, to)| Span { from, to }).collect()
}

#[derive(Debug)]
enum Asked {
    Ids(View, Vec<Span>),
    Get(HashSet<Element>),
}

/// How far the comparison with one peer has got.
#[derive(Debug)]
pub struct Comparison {
    next_ms: u64,
    /// Until then the next does not begin, however urgent.
    rests_ms: u64,
    failures: u32,
    fruitless: u32,
    /// Begin again when this one is over.
    again: bool,
    /// The peer may lack what this node holds, and is told so.
    news: bool,
    /// The next one last.
    ranges: Vec<(View, Span)>,
    want: VecDeque<Element>,
    asked: Option<Asked>,
}

impl Comparison {
    /// To begin at once.
    pub fn new(now_ms: u64) -> Self {
        Self {
            next_ms: now_ms,
            rests_ms: 0,
            failures: 0,
            fruitless: 0,
            again: false,
            news: false,
            ranges: Vec::new(),
            want: VecDeque::new(),
            asked: None,
        }
    }

    /// Something may be missing: compare soon.
    pub fn soon(&mut self, now_ms: u64) {
        self.next_ms = self.next_ms.min(now_ms.max(self.rests_ms));
        self.again = true;
    }

    /// The peer may lack something that this node holds: have it compare too.
    pub fn tell(&mut self, now_ms: u64) {
        self.news = true;
        self.soon(now_ms);
    }

    /// Something new came of it.
    pub fn gained(&mut self) {
        self.fruitless = 0;
    }

    /// The next request, if one is due and none is under way.
    pub fn next(&mut self, log: &impl Set, now_ms: u64) -> Result<Option<Request>, LogError> {
        if self.asked.is_some() {
            return Ok(None);
        }
        if self.fruitless > FRUITLESS {
            self.fruitless = 0;
            self.ranges.clear();
            self.want.clear();
            self.next_ms = self.next_ms.max(now_ms + EVERY_MS);
        }
        if self.ranges.is_empty() && self.want.is_empty() {
            if now_ms < self.next_ms {
                return Ok(None);
            }
            self.begin(log, now_ms);
        }
        self.fruitless += 1;
        if !self.want.is_empty() {
            let elements: Vec<Element> = self.want.drain(..self.want.len().min(FETCHED)).collect();
            let request = Request::Get { elements: elements.iter().map(Element::to_string).collect() };
            self.asked = Some(Asked::Get(elements.into_iter().collect()));
            return Ok(Some(request));
        }
        let Some((view, _)) = self.ranges.last().copied() else { return Ok(None) };
        let mut asked = Vec::new();
        let mut ranges = Vec::new();
        while ranges.len() < RANGES_LIMIT
            && let Some((_, span)) = self.ranges.pop_if(|(of, _)| *of == view)
        {
            let fingerprint = log.sum(view, &span)?.fingerprint();
            ranges.push(Compared { from: span.from.to_string(), to: span.to.to_string(), fingerprint });
            asked.push(span);
        }
        self.asked = Some(Asked::Ids(view, asked));
        let only = match view {
            View::All => None,
            View::Kept => Some("kept".to_owned()),
            View::Records => Some("records".to_owned()),
        };
        let news = std::mem::take(&mut self.news);
        Ok(Some(Request::Ids { only, news, ranges }))
    }

    fn begin(&mut self, log: &impl Set, now_ms: u64) {
        self.next_ms = now_ms + EVERY_MS;
        self.rests_ms = now_ms + APART_MS;
        self.again = false;
        self.fruitless = 0;
        // What the size cap has removed is not fetched again.
        let floors = log.floors();
        let (open, plain) = (floors.open, floors.plain.max(floors.open));
        let parts = [
            (View::All, Span { from: plain, to: Element::END }),
            (View::Kept, Span { from: open, to: plain }),
            (View::Records, Span { from: Element::FIRST, to: open }),
        ];
        self.ranges.extend(parts.into_iter().filter(|(_, span)| !span.is_empty()));
    }

    /// Is nothing left to be asked?
    pub fn is_over(&self) -> bool {
        self.asked.is_none() && self.ranges.is_empty() && self.want.is_empty()
    }

    /// The peer said what it holds. False if it does not keep to the protocol.
    pub fn compared(&mut self, log: &impl Set, held: &[Held]) -> Result<bool, LogError> {
        let Some(Asked::Ids(view, asked)) = self.asked.take() else { return Ok(true) };
        let pieces: usize =
            held.iter().map(|held| if let Held::Pieces(pieces) = held { pieces.len() } else { 0 }).sum();
        if held.is_empty() || held.len() > asked.len() || pieces > PIECES_LIMIT {
            return Ok(false);
        }
        self.failures = 0;
        // The first range comes last, where it is taken from.
        self.ranges.extend(asked[held.len()..].iter().rev().map(|span| (view, *span)));
        for (span, held) in asked.iter().zip(held).rev() {
            let good = match held {
                Held::Same => true,
                Held::Elements(elements) => self.listed(log, span, elements)?,
                Held::Pieces(pieces) => self.cut(log, view, span, pieces)?,
            };
            if !good {
                return Ok(false);
            }
        }
        if let Some(excess) = self.ranges.len().checked_sub(WAITING) {
            self.ranges.drain(..excess);
        }
        self.want.make_contiguous().sort_unstable();
        Ok(true)
    }

    /// The peer listed the elements of a span.
    fn listed(&mut self, log: &impl Set, span: &Span, elements: &[String]) -> Result<bool, LogError> {
        let mut last = None;
        for element in elements {
            let Some(element) = Element::read(element) else { return Ok(false) };
            if !span.holds(&element) || last.is_some_and(|last| element <= last) {
                return Ok(false);
            }
            last = Some(element);
            if !log.has(&element)? {
                self.want.push_back(element);
            }
        }
        Ok(true)
    }

    /// The peer cut a span. Pieces that differ are compared again, in pieces of
    /// our own where we hold much there.
    fn cut(&mut self, log: &impl Set, view: View, span: &Span, pieces: &[(String, String)]) -> Result<bool, LogError> {
        let mut differing = Vec::new();
        let mut from = span.from;
        for (to, fingerprint) in pieces {
            let (Some(to), Some(theirs)) = (Element::read(to), count_in(fingerprint)) else { return Ok(false) };
            // Smaller pieces, one behind the other: no peer gets us round for ever.
            if to <= from || to > span.to || pieces.len() < 2 {
                return Ok(false);
            }
            let piece = Span { from, to };
            from = to;
            let ours = log.sum(view, &piece)?;
            if theirs == 0 || ours.fingerprint() == *fingerprint {
                continue;
            }
            if ours.count < 2 * PIECES as u64 {
                differing.push(piece);
            } else {
                differing.extend(spans(&piece, &log.cuts(view, &piece, PIECES)?));
            }
        }
        self.ranges.extend(differing.into_iter().rev().map(|piece| (view, piece)));
        Ok(from == span.to)
    }

    /// The peer sent what it still had of what was asked for. Says which elements
    /// were: what else it sent is not taken.
    pub fn fetched(&mut self, sent: &[Element]) -> HashSet<Element> {
        let Some(Asked::Get(mut asked)) = self.asked.take() else { return HashSet::new() };
        self.failures = 0;
        let got: HashSet<Element> = sent.iter().filter(|element| asked.remove(*element)).copied().collect();
        // With no progress the rest is gone there.
        if !got.is_empty() {
            let mut rest: Vec<Element> = asked.into_iter().collect();
            rest.sort_unstable();
            self.want.extend(rest);
        }
        got
    }

    /// The peer refused, failed, did not answer or did not keep to the protocol.
    pub fn failed(&mut self, now_ms: u64) {
        self.asked = None;
        self.ranges.clear();
        self.want.clear();
        let wait = (AFTER_FAILURE_MS << self.failures.min(4)).min(EVERY_MS);
        self.failures += 1;
        self.next_ms = now_ms + if self.again { AFTER_FAILURE_MS.min(wait) } else { wait };
    }
}

#[cfg(test)]
mod tests;
