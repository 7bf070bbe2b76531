//! The side that is asked: what it holds of ranges.

use super::spans;
use crate::attach::{Compared, FRAME_LIMIT_BYTES, Held, PIECES_LIMIT, RANGES_LIMIT, Reply};
use crate::mesh::{Element, LogError, Set, Span, View, count_in};

/// Pieces that a range is cut into.
pub(super) const PIECES: usize = 16;
/// A range of so few elements is listed.
const LISTED: u64 = 64;
/// So many are listed to whoever holds less than half of them.
const LISTED_ANEW: u64 = 1_024;
/// What fits into a frame beside its few other members.
const ROOM_BYTES: usize = FRAME_LIMIT_BYTES - 256;

/// Answers a peer's comparison; `None` if it asks for no ranges of elements.
pub fn answer(log: &impl Set, only: Option<&str>, ranges: &[Compared]) -> Result<Option<Reply>, LogError> {
    let view = match only {
        None => View::All,
        Some("kept") => View::Kept,
        Some("records") => View::Records,
        Some(_) => return Ok(None),
    };
    if ranges.len() > RANGES_LIMIT {
        return Ok(None);
    }
    let mut held = Vec::with_capacity(ranges.len());
    let (mut room, mut pieces) = (ROOM_BYTES, PIECES_LIMIT);
    for range in ranges {
        let Some((span, theirs)) = read(range) else { return Ok(None) };
        let one = compare(log, view, &span, &range.fingerprint, theirs)?;
        let bytes = bytes_of(&one);
        let cut = if let Held::Pieces(pieces) = &one { pieces.len() } else { 0 };
        if bytes > room || cut > pieces {
            break;
        }
        room -= bytes;
        pieces -= cut;
        held.push(one);
    }
    Ok(Some(Reply::Ids { ranges: held }))
}

/// The span, and how many elements the asker has there.
fn read(range: &Compared) -> Option<(Span, u64)> {
    let span = Span { from: Element::read(&range.from)?, to: Element::read(&range.to)? };
    Some((span, count_in(&range.fingerprint)?)).filter(|_| !span.is_empty())
}

fn compare(log: &impl Set, view: View, span: &Span, fingerprint: &str, theirs: u64) -> Result<Held, LogError> {
    let ours = log.sum(view, span)?;
    if ours.fingerprint() == fingerprint {
        return Ok(Held::Same);
    }
    let listed = if theirs < ours.count / 2 { LISTED_ANEW } else { LISTED };
    if ours.count <= listed {
        let elements = log.elements(view, span, LISTED_ANEW as usize)?;
        return Ok(Held::Elements(elements.iter().map(Element::to_string).collect()));
    }
    let cuts = log.cuts(view, span, PIECES)?;
    let mut pieces = Vec::with_capacity(PIECES);
    for piece in spans(span, &cuts) {
        pieces.push((piece.to.to_string(), log.sum(view, &piece)?.fingerprint()));
    }
    Ok(Held::Pieces(pieces))
}

/// As many bytes as it takes in a frame, or a few more.
fn bytes_of(held: &Held) -> usize {
    let around = 32;
    match held {
        Held::Same => around,
        Held::Elements(elements) => elements.len() * 67 + around,
        Held::Pieces(pieces) => {
            pieces.iter().map(|(to, print)| to.len() + print.len() + around).sum::<usize>() + around
        }
    }
}
