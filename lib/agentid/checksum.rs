//! The checksums of the three token versions.

use crc::{Algorithm, Crc};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU8, Ordering};

/// x^6 + x^4 + x^3 + 1: with it no single-character error and no swap passes.
static CRC_6: Algorithm<u8> =
    Algorithm { width: 6, poly: 0x19, init: 0, refin: false, refout: false, xorout: 0, check: 0x04, residue: 0 };
/// x^10 + x^9 + x^5 + x^4 + x + 1: with it neither do any two wrong neighbours.
static CRC_10: Algorithm<u16> =
    Algorithm { width: 10, poly: 0x233, init: 0, refin: false, refout: false, xorout: 0, check: 0x199, residue: 0 };

static SHORT: Crc<u8> = Crc::<u8>::new(&CRC_6);
static LONG: Crc<u16> = Crc::<u16>::new(&CRC_10);

/// Version 2: CRC-6 over the 19-bit prefix as 3 bytes.
#[inline]
pub(super) fn crc_6(prefix: u32) -> u8 {
    let [_, bytes @ ..] = prefix.to_be_bytes();
    SHORT.checksum(&bytes)
}

/// Version 3: CRC-10 over the 30-bit prefix as 4 bytes.
#[inline]
pub(super) fn crc_10(prefix: u32) -> u16 {
    LONG.checksum(&prefix.to_be_bytes())
}

/// Version 1: the first 6 bits of SHA-256 over the 19-bit prefix as 3 bytes.
/// There are 65,536 such prefixes; what one hashed to is remembered, because a
/// hash costs many times what all the rest of a token costs.
pub(super) fn sha_6(prefix: u32) -> u8 {
    /// 0: not hashed yet; else the checksum + 1.
    static KNOWN: [AtomicU8; 1 << 16] = [const { AtomicU8::new(0) }; 1 << 16];
    let known = &KNOWN[(prefix & 0xffff) as usize];
    let remembered = known.load(Ordering::Relaxed);
    if remembered != 0 {
        return remembered - 1;
    }
    let [_, bytes @ ..] = prefix.to_be_bytes();
    let checksum = Sha256::digest(bytes)[0] >> 2;
    known.store(checksum + 1, Ordering::Relaxed);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, bit by bit.
    fn long_division(message: u64, bits: u32, generator: u64, width: u32) -> u64 {
        let mut rest = u128::from(message) << width;
        let divisor = u128::from(1 << width | generator);
        for shift in (0..bits).rev() {
            if rest >> (shift + width) & 1 == 1 {
                rest ^= divisor << shift;
            }
        }
        rest as u64
    }

    #[test]
    fn tables_agree_with_long_division() {
        for prefix in 0..1 << 19 {
            assert_eq!(u64::from(crc_6(prefix)), long_division(prefix.into(), 24, 0x19, 6));
        }
        for prefix in (0..1 << 30).step_by(1013) {
            assert_eq!(u64::from(crc_10(prefix)), long_division(prefix.into(), 32, 0x233, 10));
        }
    }
}
