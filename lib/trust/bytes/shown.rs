//! A signal as an explanation shows it, and an agent's last ten.

use super::read::Reader;
use super::{BytesError, VERSION, put_signed, put_text, put_value};
use crate::trust::{Dimension, RECENT, Recent, Shown, Signal};

const DETAILS: u8 = 8;
const TRACE: u8 = 16;
const WEIGHT: u8 = 32;
const AUTHOR: u8 = 64;

/// What is kept of a signal, borrowed.
#[derive(Clone, Copy)]
pub struct Kept<'s> {
    dimension: Dimension,
    value: f64,
    at: i64,
    source: &'s str,
    details: Option<&'s str>,
    trace_id: Option<&'s str>,
    author: Option<&'s str>,
    weight: Option<f64>,
}

impl<'s> Kept<'s> {
    /// Of a signal as it was read; `at` where it has no time of its own.
    pub fn of(signal: &'s Signal<'_>, at: i64) -> Self {
        Self {
            dimension: signal.dimension,
            value: signal.value,
            at: signal.at.unwrap_or(at),
            source: &signal.source,
            details: signal.details.as_deref(),
            trace_id: signal.trace_id.as_deref(),
            author: signal.author.as_deref(),
            weight: signal.weight,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let texts = [(self.details, DETAILS), (self.trace_id, TRACE), (self.author, AUTHOR)];
        let flags = texts.iter().filter(|(text, _)| text.is_some()).map(|(_, flag)| flag).sum::<u8>();
        let weighted = if self.weight.is_some() { WEIGHT } else { 0 };
        out.push(self.dimension as u8 | flags | weighted);
        put_value(out, self.value);
        put_signed(out, self.at);
        put_text(out, self.source);
        for text in texts.into_iter().filter_map(|(text, _)| text) {
            put_text(out, text);
        }
        if let Some(weight) = self.weight {
            put_value(out, weight);
        }
    }

    pub(super) fn decode(read: &mut Reader<'s>) -> Result<Self, BytesError> {
        let flags = read.byte()?;
        if flags & 0x80 != 0 {
            return Err(BytesError);
        }
        let text = |read: &mut Reader<'s>, flag| if flags & flag == 0 { Ok(None) } else { read.text().map(Some) };
        Ok(Self {
            dimension: Reader::dimension(flags & 7)?,
            value: read.value()?,
            at: read.time(0)?,
            source: read.text()?,
            details: text(read, DETAILS)?,
            trace_id: text(read, TRACE)?,
            author: text(read, AUTHOR)?,
            weight: match flags & WEIGHT {
                0 => None,
                _ => Some(Some(read.double()?).filter(|weight| *weight >= 0.0).ok_or(BytesError)?),
            },
        })
    }
}

impl<'s> From<&'s Shown> for Kept<'s> {
    fn from(shown: &'s Shown) -> Self {
        Self {
            dimension: shown.dimension,
            value: shown.value,
            at: shown.at,
            source: &shown.source,
            details: shown.details.as_deref(),
            trace_id: shown.trace_id.as_deref(),
            author: shown.author.as_deref(),
            weight: shown.weight,
        }
    }
}

impl From<Kept<'_>> for Shown {
    fn from(kept: Kept<'_>) -> Self {
        Self {
            dimension: kept.dimension,
            value: kept.value,
            at: kept.at,
            source: kept.source.into(),
            details: kept.details.map(Box::from),
            trace_id: kept.trace_id.map(Box::from),
            weight: kept.weight,
            author: kept.author.map(Box::from),
        }
    }
}

/// An agent's last ten signals as bytes: what a million agents can afford.
///
/// A version, their number, and the signals, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentBytes(Vec<u8>);

impl RecentBytes {
    /// Bytes that [`RecentBytes::as_bytes`] gave.
    ///
    /// # Errors
    /// They are others.
    pub fn read(bytes: &[u8]) -> Result<Self, BytesError> {
        decode(bytes, |_| ())?;
        Ok(Self(bytes.to_vec()))
    }

    /// Appends; the eleventh pushes the first out.
    pub fn push(&mut self, kept: &Kept<'_>) {
        if self.0.is_empty() {
            self.0.extend_from_slice(&[VERSION, 0]);
        }
        if usize::from(self.0[1]) == RECENT {
            let left = {
                let mut read = Reader::new(&self.0[2..]);
                Kept::decode(&mut read).expect("written here, or checked when it was read");
                read.len()
            };
            let end = self.0.len() - left;
            self.0.drain(2..end);
        } else {
            self.0[1] += 1;
        }
        kept.encode(&mut self.0);
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        if self.0.is_empty() { &[VERSION, 0] } else { &self.0 }
    }

    /// The signals.
    pub fn recent(&self) -> Recent {
        let mut recent = Recent::default();
        decode(self.as_bytes(), |kept| recent.push(kept.into())).expect("written here, or checked when it was read");
        recent
    }
}

fn decode<'b>(bytes: &'b [u8], mut each: impl FnMut(Kept<'b>)) -> Result<(), BytesError> {
    let mut read = Reader::new(bytes);
    let (version, count) = (read.byte()?, read.byte()?);
    if version != VERSION || usize::from(count) > RECENT {
        return Err(BytesError);
    }
    for _ in 0..count {
        each(Kept::decode(&mut read)?);
    }
    read.end()
}
