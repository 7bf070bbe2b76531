//! A signal as an explanation shows it, and an agent's last ten.

use super::read::Reader;
use super::{BytesError, VERSION, put_signed, put_text, put_value};
use crate::trust::{RECENT, Recent, Shown};

const DETAILS: u8 = 8;
const TRACE: u8 = 16;
const WEIGHT: u8 = 32;
const AUTHOR: u8 = 64;

/// Appends the bytes of an agent's last ten signals, oldest first.
pub fn encode_recent<'s>(recent: impl Iterator<Item = &'s Shown>, out: &mut Vec<u8>) {
    out.push(VERSION);
    let count_at = out.len();
    out.push(0);
    for shown in recent.take(RECENT) {
        out[count_at] += 1;
        encode_shown(shown, out);
    }
}

/// The signals of those bytes.
///
/// # Errors
/// They are not what [`encode_recent`] writes.
pub fn decode_recent(bytes: &[u8]) -> Result<Recent, BytesError> {
    let mut read = Reader::new(bytes);
    let (version, count) = (read.byte()?, read.at_most(RECENT)?);
    if version != VERSION {
        return Err(BytesError);
    }
    let mut recent = Recent::default();
    for _ in 0..count {
        recent.push(decode_shown(&mut read)?);
    }
    read.end()?;
    Ok(recent)
}

pub(super) fn encode_shown(shown: &Shown, out: &mut Vec<u8>) {
    let texts = [(&shown.details, DETAILS), (&shown.trace_id, TRACE), (&shown.author, AUTHOR)];
    let flags = texts.iter().filter(|(text, _)| text.is_some()).map(|(_, flag)| flag).sum::<u8>();
    let weighted = if shown.weight.is_some() { WEIGHT } else { 0 };
    out.push(shown.dimension as u8 | flags | weighted);
    put_value(out, shown.value);
    put_signed(out, shown.at);
    put_text(out, &shown.source);
    for (text, _) in texts {
        if let Some(text) = text {
            put_text(out, text);
        }
    }
    if let Some(weight) = shown.weight {
        put_value(out, weight);
    }
}

pub(super) fn decode_shown(read: &mut Reader<'_>) -> Result<Shown, BytesError> {
    let flags = read.byte()?;
    if flags & 0x80 != 0 {
        return Err(BytesError);
    }
    let text = |read: &mut Reader<'_>, flag| match flags & flag {
        0 => Ok(None),
        _ => read.text().map(|text| Some(Box::from(text))),
    };
    Ok(Shown {
        dimension: Reader::dimension(flags & 7)?,
        value: read.value()?,
        at: read.time(0)?,
        source: read.text()?.into(),
        details: text(read, DETAILS)?,
        trace_id: text(read, TRACE)?,
        author: text(read, AUTHOR)?,
        weight: match flags & WEIGHT {
            0 => None,
            _ => Some(Some(read.double()?).filter(|weight| *weight >= 0.0).ok_or(BytesError)?),
        },
    })
}
