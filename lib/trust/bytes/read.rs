//! Reading what the rest of this room has written, without trusting it.

use super::BytesError;
use crate::trust::Dimension;

/// Times outside this many milliseconds around 1970 do not fit an agent's
/// history, which packs them in 54 bits.
const TIME_LIMIT: i64 = 1 << 52;

/// What is left of the bytes.
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn end(&self) -> Result<(), BytesError> {
        if self.0.is_empty() { Ok(()) } else { Err(BytesError) }
    }

    pub fn bytes(&mut self, count: usize) -> Result<&'b [u8], BytesError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(BytesError)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn byte(&mut self) -> Result<u8, BytesError> {
        let (byte, rest) = self.0.split_first().ok_or(BytesError)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub fn number(&mut self) -> Result<u64, BytesError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(BytesError);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BytesError)
    }

    /// A number of at most `most`.
    pub fn at_most(&mut self, most: usize) -> Result<usize, BytesError> {
        usize::try_from(self.number()?).ok().filter(|number| *number <= most).ok_or(BytesError)
    }

    pub fn signed(&mut self) -> Result<i64, BytesError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A time; `before` is what it is told from.
    pub fn time(&mut self, before: i64) -> Result<i64, BytesError> {
        let time = before.checked_add(self.signed()?).ok_or(BytesError)?;
        if time.abs() <= TIME_LIMIT { Ok(time) } else { Err(BytesError) }
    }

    pub fn total(&mut self) -> Result<u16, BytesError> {
        Ok(self.at_most(1000)? as u16)
    }

    pub fn double(&mut self) -> Result<f64, BytesError> {
        let bytes = self.bytes(8)?.try_into().map_err(|_| BytesError)?;
        Ok(f64::from_le_bytes(bytes))
    }

    /// Two bytes.
    pub fn short(&mut self) -> Result<u16, BytesError> {
        let bytes = self.bytes(2)?.try_into().map_err(|_| BytesError)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// A signal's value, 0 to 1.
    pub fn value(&mut self) -> Result<f64, BytesError> {
        Some(self.double()?).filter(|value| (0.0..=1.0).contains(value)).ok_or(BytesError)
    }

    pub fn text(&mut self) -> Result<&'b str, BytesError> {
        let length = self.at_most(self.0.len())?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| BytesError)
    }

    pub fn dimension(index: u8) -> Result<Dimension, BytesError> {
        Dimension::from_index(usize::from(index)).ok_or(BytesError)
    }
}
