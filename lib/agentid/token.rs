//! Tokens: what the Leader numbered, in five or eight characters.
//!
//! | version | bits, first to last | characters | checksum |
//! |---|---|---|---|
//! | 1 | 3 version, 10 host id, 4 GPU slot, 2 reserved, 6 check | 5 | SHA-256's first 6 bits |
//! | 2 | the same | 5 | CRC-6, generator 0x19 |
//! | 3 | 3 version, 20 host id, 6 GPU slot, 1 reserved, 10 check | 8 | CRC-10, generator 0x233 |

use super::checksum::{crc_6, crc_10, sha_6};
use super::crockford::{self, NO_SYMBOL, SymbolError};
use std::fmt;
use std::str::FromStr;

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// 1, 2 or 3.
    pub version: u8,
    /// The registry's number for (model, hostname, mac): 0 to 1,023; in version
    /// 3 to 1,048,575.
    pub host_id: u32,
    /// The GPU's place by PCI address: 0 to 15; in version 3 to 63.
    pub gpu_slot: u8,
    /// Carried and reported: 0 to 3; in version 3 to 1.
    pub reserved: u8,
}

/// A field that its token version cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// There is no such version.
    #[error("token version {0} is not 1, 2 or 3")]
    Version(u8),
    /// Too large.
    #[error("{field} {value} is not from 0 to {most}, which is what version {version} holds")]
    Range {
        /// host_id, gpu_slot or reserved.
        field: &'static str,
        /// What was asked for.
        value: u32,
        /// The largest that fits.
        most: u32,
        /// The version.
        version: u8,
    },
}

/// Why a word is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing, or hyphens only.
    #[error("the token is empty")]
    Empty,
    /// A character that no token has.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    /// Neither 5 nor 8 characters.
    #[error("{0} characters: a token has 5 (versions 1 and 2) or 8 (version 3)")]
    Length(usize),
    /// The first three bits name a version that has no tokens of this length.
    #[error("token version {version} does not exist with {characters} characters")]
    Version {
        /// 0 to 7.
        version: u8,
        /// 5 or 8.
        characters: u8,
    },
    /// A token, but of a version that is not wanted here.
    #[error("version {version} token where only version {only} is accepted")]
    NotAccepted {
        /// The token's.
        version: u8,
        /// The one accepted.
        only: u8,
    },
    /// Mistyped.
    #[error("wrong checksum: the token says {said}, its version {version} fields need {needed}")]
    Checksum {
        /// The version that the first bits name.
        version: u8,
        /// What stands in the token.
        said: u16,
        /// What should.
        needed: u16,
    },
}

/// A token whose checksum is right, in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenText {
    /// 25 bits, or 40 if long.
    pub(super) packed: u64,
    pub(super) long: bool,
}

/// Where the fields of one length lie.
struct Layout {
    characters: u32,
    host_id: u32,
    gpu_slot: u32,
    reserved: u32,
    check: u32,
}

const SHORT: Layout = Layout { characters: 5, host_id: 10, gpu_slot: 4, reserved: 2, check: 6 };
const LONG: Layout = Layout { characters: 8, host_id: 20, gpu_slot: 6, reserved: 1, check: 10 };

/// What each byte adds to a packed token, by its place. One XOR per character
/// gathers the value (bits 0 to 39) and a flag for each byte that is no symbol
/// (from bit 40).
static SHORT_BYTES: [[u64; 256]; 5] = bytes_by_place();
static LONG_BYTES: [[u64; 256]; 8] = bytes_by_place();
const FLAGS_FROM_BIT: usize = 40;

const fn bytes_by_place<const N: usize>() -> [[u64; 256]; N] {
    let meaning = crockford::meaning();
    let mut table = [[0; 256]; N];
    let mut place = 0;
    while place < N {
        let mut byte = 0;
        while byte < 256 {
            table[place][byte] = match meaning[byte] {
                NO_SYMBOL => 1 << (FLAGS_FROM_BIT + place),
                symbol => (symbol as u64) << (5 * (N - 1 - place)),
            };
            byte += 1;
        }
        place += 1;
    }
    table
}

impl Layout {
    #[inline]
    fn pack(&self, token: Token) -> Result<u32, FieldError> {
        let Token { version, host_id, gpu_slot, reserved } = token;
        let fields = [
            ("host_id", host_id, self.host_id),
            ("gpu_slot", u32::from(gpu_slot), self.gpu_slot),
            ("reserved", u32::from(reserved), self.reserved),
        ];
        let mut prefix = u32::from(version);
        for (field, value, bits) in fields {
            let most = (1 << bits) - 1;
            if value > most {
                return Err(FieldError::Range { field, value, most, version });
            }
            prefix = prefix << bits | value;
        }
        Ok(prefix)
    }

    #[inline]
    fn unpack(&self, packed: u64) -> Token {
        let prefix = (packed >> self.check) as u32;
        let take = |shift: u32, bits: u32| prefix >> shift & ((1 << bits) - 1);
        Token {
            version: self.version(packed),
            host_id: take(self.reserved + self.gpu_slot, self.host_id),
            gpu_slot: take(self.reserved, self.gpu_slot) as u8,
            reserved: take(0, self.reserved) as u8,
        }
    }

    #[inline]
    fn version(&self, packed: u64) -> u8 {
        (packed >> (5 * self.characters - 3)) as u8
    }
}

impl Token {
    /// The largest (host_id, gpu_slot, reserved) of a version.
    pub fn limits(version: u8) -> Result<(u32, u8, u8), FieldError> {
        let layout = match version {
            1 | 2 => SHORT,
            3 => LONG,
            other => return Err(FieldError::Version(other)),
        };
        Ok(((1 << layout.host_id) - 1, (1 << layout.gpu_slot) - 1, (1 << layout.reserved) - 1))
    }

    /// As text, with its checksum.
    #[inline]
    pub fn encode(&self) -> Result<TokenText, FieldError> {
        let (prefix, check, layout) = match self.version {
            1 => SHORT.pack(*self).map(|prefix| (prefix, u64::from(sha_6(prefix)), SHORT))?,
            2 => SHORT.pack(*self).map(|prefix| (prefix, u64::from(crc_6(prefix)), SHORT))?,
            3 => LONG.pack(*self).map(|prefix| (prefix, u64::from(crc_10(prefix)), LONG))?,
            other => return Err(FieldError::Version(other)),
        };
        Ok(TokenText { packed: u64::from(prefix) << layout.check | check, long: layout.characters == 8 })
    }

    /// What `text` says, if it is a token. Lower case, I and L for 1, O for 0
    /// and hyphens are read.
    pub fn decode(text: &str) -> Result<Self, TokenError> {
        Ok(TokenText::read(text.as_bytes())?.token())
    }
}

impl TokenText {
    /// Reads a token; see [`Token::decode`].
    #[inline]
    pub fn read(word: &[u8]) -> Result<Self, TokenError> {
        let (gathered, long) = if let Ok(word) = <&[u8; 5]>::try_from(word) {
            (gather(word, &SHORT_BYTES), false)
        } else if let Ok(word) = <&[u8; 8]>::try_from(word) {
            (gather(word, &LONG_BYTES), true)
        } else {
            return read_slowly(word);
        };
        if gathered >> FLAGS_FROM_BIT == 0 { check(gathered, long) } else { read_slowly(word) }
    }

    /// Itself, unless only another version is accepted. A typo in the first
    /// character can make a version 2 token look like a version 1 one; who knows
    /// that a fleet has version 2 only says so here.
    #[inline]
    pub fn only(self, version: Option<u8>) -> Result<Self, TokenError> {
        match (version, self.token().version) {
            (Some(only), version) if only != version => Err(TokenError::NotAccepted { version, only }),
            _ => Ok(self),
        }
    }

    /// What it says.
    #[inline]
    pub fn token(&self) -> Token {
        if self.long { LONG.unpack(self.packed) } else { SHORT.unpack(self.packed) }
    }

    /// The checksum that stands in it: 6 bits, in version 3 10.
    #[inline]
    pub fn checksum(&self) -> u16 {
        let bits = if self.long { LONG.check } else { SHORT.check };
        (self.packed & ((1 << bits) - 1)) as u16
    }

    /// Puts its characters at the start of eight bytes; how many they are.
    #[inline]
    pub(super) fn copy_to(self, text: &mut [u8]) -> usize {
        if self.long {
            text.copy_from_slice(&crockford::write::<8>(self.packed));
            8
        } else {
            text[..5].copy_from_slice(&crockford::write::<5>(self.packed));
            5
        }
    }

    /// Adds its characters to `out`.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.long {
            out.extend_from_slice(&crockford::write::<8>(self.packed));
        } else {
            out.extend_from_slice(&crockford::write::<5>(self.packed));
        }
    }
}

#[inline]
fn gather<const N: usize>(word: &[u8; N], table: &[[u64; 256]; N]) -> u64 {
    let mut gathered = 0;
    for (byte, place) in word.iter().zip(table) {
        gathered ^= place[usize::from(*byte)];
    }
    gathered
}

/// Encodes again what was read and compares.
#[inline]
fn check(packed: u64, long: bool) -> Result<TokenText, TokenError> {
    let layout = if long { LONG } else { SHORT };
    let version = layout.version(packed);
    let prefix = (packed >> layout.check) as u32;
    let needed = match (version, long) {
        (1, false) => u16::from(sha_6(prefix)),
        (2, false) => u16::from(crc_6(prefix)),
        (3, true) => crc_10(prefix),
        _ => return Err(TokenError::Version { version, characters: layout.characters as u8 }),
    };
    let text = TokenText { packed, long };
    let said = text.checksum();
    if said == needed { Ok(text) } else { Err(TokenError::Checksum { version, said, needed }) }
}

/// Hyphens and faults.
#[cold]
fn read_slowly(word: &[u8]) -> Result<TokenText, TokenError> {
    match crockford::read(word)? {
        (_, 0) => Err(TokenError::Empty),
        (packed, 5) => check(packed, false),
        (packed, 8) => check(packed, true),
        (_, characters) => Err(TokenError::Length(characters)),
    }
}

impl FromStr for TokenText {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        Self::read(text.as_bytes())
    }
}

impl fmt::Display for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = crockford::write::<8>(self.packed);
        let text = if self.long { &text[..] } else { &text[3..] };
        f.pad(std::str::from_utf8(text).expect("the alphabet is ASCII"))
    }
}
