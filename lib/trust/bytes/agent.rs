//! An agent: flags, counters, window, history.
//!
//! Most values are decimals of a few digits, such as 0, 1 and 0.85: a dimension
//! that has only those takes two bytes for each, instead of a double's eight.

use super::read::Reader;
use super::{BytesError, VERSION, put, put_signed, put_value};
use crate::trust::{Agent, Dimension, Parts, Point, Revocation, SLICE, WINDOW};

const STALE: u8 = 1;
const REVOKED: u8 = 2;
const HAS_SIGNAL: u8 = 4;
/// The first of five: the dimension's values are doubles.
const DOUBLES: u8 = 8;

/// Recalculations an agent remembers.
const HISTORY: usize = 100;
/// Two bytes count these parts of 1.
const PARTS: f64 = 10_000.0;
/// Dimensions of the window's signals in one byte, as digits to base 5.
const PER_BYTE: usize = 3;

/// Appends the agent's bytes.
pub fn encode_agent(agent: &Agent, out: &mut Vec<u8>) {
    let (last_signal, revocation) = (agent.last_signal(), agent.revocation());
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags =
        flag(agent.stale(), STALE) | flag(revocation.is_some(), REVOKED) | flag(last_signal.is_some(), HAS_SIGNAL);
    out.extend_from_slice(&[VERSION, flags]);
    let flags_at = out.len() - 1;
    put(out, agent.total().into());
    put(out, agent.signals());
    put(out, agent.late().into());
    if let Some(at) = last_signal {
        put_signed(out, at);
    }
    if let Some(Revocation { total, at }) = revocation {
        put(out, total.into());
        put_signed(out, at);
    }
    let window = agent.window();
    put(out, window.len() as u64);
    let mut digits = window.order().map(|dimension| dimension as u8);
    while let Some(first) = digits.next() {
        let (second, third) = (digits.next().unwrap_or(0), digits.next().unwrap_or(0));
        out.push(first + 5 * second + 25 * third);
    }
    for dimension in Dimension::ALL {
        if window.values(dimension).all(|value| short(value).is_some()) {
            for value in window.values(dimension) {
                out.extend_from_slice(&short(value).unwrap_or_default().to_le_bytes());
            }
        } else {
            out[flags_at] |= DOUBLES << dimension.index();
            window.values(dimension).for_each(|value| put_value(out, value));
        }
    }
    let history = agent.history();
    put(out, agent.history().count() as u64);
    let mut before = 0;
    for Point { at, total } in history {
        put_signed(out, at - before);
        put(out, total.into());
        before = at;
    }
}

/// The value in parts, if that is all of it: a quotient of two integers is the
/// same double as its decimal.
fn short(value: f64) -> Option<u16> {
    let parts = (value * PARTS).round();
    (parts <= PARTS && (parts / PARTS).to_bits() == value.to_bits()).then_some(parts as u16)
}

/// The agent of those bytes.
///
/// # Errors
/// They are not what [`encode_agent`] writes.
pub fn decode_agent(bytes: &[u8]) -> Result<Agent, BytesError> {
    let mut read = Reader::new(bytes);
    let (version, flags) = (read.byte()?, read.byte()?);
    if version != VERSION {
        return Err(BytesError);
    }
    let total = read.total()?;
    let signals = read.number()?;
    let late = u32::try_from(read.number()?).map_err(|_| BytesError)?;
    let last_signal = if flags & HAS_SIGNAL == 0 { i64::MIN } else { read.time(0)? };
    let revocation = match flags & REVOKED {
        0 => None,
        _ => Some(Revocation { total: read.total()?, at: read.time(0)? }),
    };
    let len = read.at_most(WINDOW)?;
    if signals < len as u64 || u64::from(late) > signals || (len == 0) != (flags & HAS_SIGNAL == 0) {
        return Err(BytesError);
    }
    let order = order(&mut read, len)?;
    let mut counts = [0; Dimension::COUNT];
    for dimension in &order {
        counts[dimension.index()] += 1;
    }
    let mut values: [Vec<f64>; Dimension::COUNT] = Default::default();
    for (dimension, (values, count)) in values.iter_mut().zip(counts).enumerate() {
        let doubles = flags & (DOUBLES << dimension) != 0;
        if doubles && count == 0 {
            return Err(BytesError);
        }
        for _ in 0..count.min(SLICE) {
            values.push(if doubles { read.value()? } else { f64::from(read.short()?) / PARTS });
        }
    }
    let mut history = Vec::with_capacity(HISTORY);
    let mut before = 0;
    for _ in 0..read.at_most(HISTORY)? {
        let at = read.time(before)?;
        history.push(Point { at, total: read.total()? });
        before = at;
    }
    read.end()?;
    let parts =
        Parts { order, values, history, revocation, last_signal, signals, late, total, stale: flags & STALE != 0 };
    Agent::from_parts(&parts).ok_or(BytesError)
}

fn order(read: &mut Reader<'_>, len: usize) -> Result<Vec<Dimension>, BytesError> {
    let mut order = Vec::with_capacity(len + PER_BYTE);
    for byte in read.bytes(len.div_ceil(PER_BYTE))? {
        for digit in [byte % 5, byte / 5 % 5, byte / 25] {
            order.push(Reader::dimension(digit)?);
        }
    }
    // What fills up the last byte is zeros.
    if order[len..].iter().any(|dimension| dimension.index() != 0) {
        return Err(BytesError);
    }
    order.truncate(len);
    Ok(order)
}
