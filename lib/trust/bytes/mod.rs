//! Agents and signals as bytes, for a store: small, versioned, and checked to
//! the last byte when they are read again.
//!
//! An agent with one signal takes about 25 bytes, one with a full window 2 to 5
//! KB. Integers are LEB128 varints (zigzag where they have a sign), values
//! are IEEE 754 doubles, little-endian.

mod agent;
mod entry;
mod read;
mod shown;

pub use agent::{decode_agent, encode_agent};
pub use entry::{Entries, Entry, encode_config, encode_signal, encode_tick};
pub use shown::{Kept, RecentBytes};

/// The version of all three forms, their first byte.
const VERSION: u8 = 1;

/// The bytes were not written by this version, or were changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the bytes of an agent")]
pub struct BytesError;

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
