//! The names an agent has before anybody has numbered it.

use super::crockford::{self, SymbolError};
use std::fmt;
use std::str::FromStr;

/// A tiny id has the hash's first 50 bits.
const TINY_BITS: u32 = 50;

/// Why a text is not a hash or a tiny id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 64 hex digits.
    #[error("a hash is 64 hex digits")]
    NotHex,
    /// Not ten characters.
    #[error("{0} characters: a tiny id has 10")]
    Length(usize),
    /// A character that no tiny id has.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
}

/// BLAKE3 of a tuple's canonical form; printed as 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub(super) [u8; 32]);

/// Ten Crockford characters: what an agent is called, offline and for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TinyId(u64);

impl Hash {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Its first 50 bits.
    pub fn tiny_id(&self) -> TinyId {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        TinyId(u64::from_be_bytes(first) >> (u64::BITS - TINY_BITS))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Hash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| IdError::NotHex)?;
        bytes.try_into().map(Self).map_err(|_| IdError::NotHex)
    }
}

impl fmt::Display for TinyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&crockford::write::<10>(self.0)).expect("the alphabet is ASCII"))
    }
}

impl FromStr for TinyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match crockford::read(text.as_bytes())? {
            (value, 10) => Ok(Self(value)),
            (_, characters) => Err(IdError::Length(characters)),
        }
    }
}

/// How likely it is that any two of `agents` share an id of `bits` bits: 0 to 1.
/// The birthday bound 1 − e^(−n(n−1)/2^(bits+1)).
pub fn collision_probability(agents: u64, bits: i32) -> f64 {
    #[allow(clippy::cast_precision_loss)] // seven digits would do
    let agents = agents as f64;
    let pairs = agents * (agents - 1.0).max(0.0) / 2.0;
    one_minus_exp_of_minus(pairs * 2f64.powi(-bits))
}

/// 1 − e^(−x), for x from 0, also where that is tiny. By hand, because `exp_m1`
/// would link libm, and loading that is a tenth of a short command's life.
fn one_minus_exp_of_minus(x: f64) -> f64 {
    // Beyond 40 a double knows only 1. 2^-16 of that is where five terms of the
    // series are exact to the last digit.
    let small = x.min(40.0) / 65_536.0;
    let mut share = small * (1.0 - small / 2.0 * (1.0 - small / 3.0 * (1.0 - small / 4.0 * (1.0 - small / 5.0))));
    for _ in 0..16 {
        // 1 − (1 − p)² = p(2 − p)
        share *= 2.0 - share;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ids_read_back() {
        let hash = Hash::of(b"{}");
        assert_eq!(hash.to_string(), blake3::hash(b"{}").to_hex().to_string());
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
        let tiny = hash.tiny_id();
        assert_eq!(tiny.to_string().len(), 10);
        assert_eq!(tiny.to_string().to_lowercase().parse(), Ok(tiny));
        let mut first = [0; 32];
        first[..7].copy_from_slice(&[0xff, 0, 0, 0, 0, 0, 0x40]);
        assert_eq!(Hash(first).tiny_id().to_string(), "ZW00000001");
        assert_eq!("458RV".parse::<TinyId>(), Err(IdError::Length(5)));
        assert!(matches!(
            "458RV458RU".parse::<TinyId>(),
            Err(IdError::Symbol(SymbolError::Symbol { position: 10, .. }))
        ));
        for bad in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert_eq!(bad.parse::<Hash>(), Err(IdError::NotHex), "{bad}");
        }
    }

    #[test]
    fn odds_follow_the_birthday_bound() {
        let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-9, "{got} {want}");
        assert!(collision_probability(0, 50).abs() < f64::MIN_POSITIVE);
        assert!(collision_probability(1, 50).abs() < f64::MIN_POSITIVE);
        near(collision_probability(2, 50), 2f64.powi(-50));
        near(collision_probability(1000, 50), 499_500.0 * 2f64.powi(-50));
        near(collision_probability((1 << 25) + 1, 50), 1.0 - (-0.5f64 * (1.0 + 2f64.powi(-25))).exp());
        near(collision_probability(u64::MAX, 50), 1.0);
        near(collision_probability(1_000_000, 256), 499_999_500_000.0 * 2f64.powi(-256));
    }
}
