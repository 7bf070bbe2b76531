//! A block's lines → signals: those the fast path takes, and in between what
//! the general path makes of the others.

use super::fast::quick;
use super::quick::Quick;
use super::{Fault, Line, Reader};
use crate::jsonl::{Block, LINE_LIMIT_BYTES, LineFault, Reason};
use crate::trust::{Config, Fleet, Handle, Signal};

/// Why a line of a block is not taken.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum LineError {
    /// It is too long to be looked at.
    #[error(transparent)]
    Line(#[from] LineFault),
    /// It is no signal.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It is no signal, and the input ends without ending the line.
    #[error("{0}; the input ends inside this line")]
    Cut(Fault),
}

impl LineError {
    /// Is it an attack, if it is no accident?
    pub fn is_security(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.is_security())
    }

    /// How to mend it, where that helps.
    pub fn hint(&self) -> Option<&'static str> {
        if let Self::Fault(fault) = self { fault.hint() } else { None }
    }
}

/// What a line is.
#[derive(Debug)]
pub enum Item<'a> {
    /// A signal.
    Signal(Seen<'a>),
    /// A mesh event of another type.
    Other,
    /// Neither, and why.
    Fault(&'a LineError),
}

/// A signal: whole, or with its strings still in its block.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Whole(&'a Signal<'a>),
    Quick(&'a Quick, &'a [u8]),
}

impl<'a> Seen<'a> {
    /// Its own time in milliseconds since 1970.
    #[inline]
    pub fn at(&self) -> Option<i64> {
        match self.0 {
            Form::Whole(signal) => signal.at,
            Form::Quick(quick, _) => quick.at(),
        }
    }

    /// Its id and its author, if it has an id.
    #[inline]
    pub fn name(&self) -> Option<(&'a str, Option<&'a str>)> {
        match self.0 {
            Form::Whole(signal) => signal.id.as_deref().map(|id| (id, signal.author.as_deref())),
            Form::Quick(quick, block) => quick.name(block),
        }
    }

    /// Hands out the whole of it.
    pub fn whole<T>(&self, with: impl FnOnce(&Signal<'_>) -> T) -> T {
        match self.0 {
            Form::Whole(signal) => with(signal),
            Form::Quick(quick, block) => with(&quick.signal(block)),
        }
    }

    /// As [`Fleet::take`], and without looking at what the fleet does not keep.
    #[inline]
    pub fn count(&self, fleet: &mut Fleet, at: i64, config: &Config) -> (Handle, bool) {
        match self.0 {
            Form::Whole(signal) => fleet.take(signal, at, config),
            Form::Quick(quick, block) => quick.count(block, fleet, at, config),
        }
    }
}

enum Rest {
    Signal(Box<Signal<'static>>),
    Other,
    Fault(Box<LineError>),
}

/// What a block's lines say; used again and again, so that memory is taken once.
#[derive(Default)]
pub struct Parsed {
    quick: Vec<Quick>,
    /// What is no [`Quick`]: before which of them it stands, and in which line
    /// of the block, from 0.
    rest: Vec<(u32, u32, Rest)>,
    lines: u32,
    reader: Reader,
}

impl Parsed {
    /// Reads all lines of a block, instead of what was read before.
    pub fn read(&mut self, block: &Block) {
        self.quick.clear();
        self.rest.clear();
        self.lines = 0;
        let mut at = 0;
        while at < block.end() {
            if let Some((signal, next)) = quick(block.padded(), at) {
                self.quick.push(signal);
                at = next;
            } else {
                let (line, next) = block.line(at);
                let open = next == block.end() && block.is_open();
                if let Some(rest) = self.general(line, open) {
                    self.rest.push((self.quick.len() as u32, self.lines, rest));
                }
                at = next;
            }
            self.lines += 1;
        }
        if block.too_long() {
            let fault = LineFault::TooLong { limit: LINE_LIMIT_BYTES };
            self.rest.push((self.quick.len() as u32, self.lines, Rest::Fault(Box::new(fault.into()))));
            self.lines += 1;
        }
    }

    /// A line that the fast path leaves; nothing if it is blank.
    fn general(&mut self, line: Option<&[u8]>, open: bool) -> Option<Rest> {
        let Some(line) = line else {
            return Some(Rest::Fault(Box::new(LineFault::TooLong { limit: LINE_LIMIT_BYTES }.into())));
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(match self.reader.line(line) {
            Ok(Line::Signal(signal)) => Rest::Signal(Box::new(signal.into_owned())),
            Ok(Line::Other) => Rest::Other,
            Err(Fault::Json(error)) if open && matches!(error.reason, Reason::Truncated | Reason::NotUtf8) => {
                Rest::Fault(Box::new(LineError::Cut(error.into())))
            }
            Err(fault) => Rest::Fault(Box::new(fault.into())),
        })
    }

    /// How many lines there are, blank ones included.
    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// Hands out what the lines of `block`, which was read, say, in their order.
    /// Only what is no common signal comes with its place among the block's
    /// lines, from 0.
    pub fn each<E>(
        &self,
        block: &Block,
        mut each: impl FnMut(Option<u32>, Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = self.rest.iter().peekable();
        for (index, quick) in self.quick.iter().enumerate() {
            while let Some((_, line, rest)) = rest.next_if(|(before, ..)| *before as usize == index) {
                each(Some(*line), rest.item())?;
            }
            each(None, Item::Signal(Seen(Form::Quick(quick, block.padded()))))?;
        }
        rest.try_for_each(|(_, line, rest)| each(Some(*line), rest.item()))
    }
}

impl Rest {
    fn item(&self) -> Item<'_> {
        match self {
            Self::Signal(signal) => Item::Signal(Seen(Form::Whole(signal))),
            Self::Other => Item::Other,
            Self::Fault(fault) => Item::Fault(fault),
        }
    }
}
