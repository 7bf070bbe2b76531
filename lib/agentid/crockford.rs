//! Crockford base32: five bits a character, read forgivingly, printed one way.
//!
//! <https://www.crockford.com/base32.html>, without check symbols.

/// What is printed.
pub(super) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What no character means.
pub(super) const NO_SYMBOL: u8 = 0xff;

/// What each byte means: 0 to 31, or [`NO_SYMBOL`].
pub(super) static MEANING: [u8; 256] = meaning();

/// A character that cannot be in an id. Positions count characters from 1,
/// hyphens included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Not one of the 32 symbols nor a letter read as one.
    #[error("character {position}: \"{character}\" is not a Crockford base32 symbol")]
    Symbol {
        /// The character.
        character: char,
        /// Where.
        position: usize,
    },
    /// Not UTF-8.
    #[error("character {position}: not UTF-8")]
    NotUtf8 {
        /// Where.
        position: usize,
    },
}

pub(super) const fn meaning() -> [u8; 256] {
    let mut table = [NO_SYMBOL; 256];
    let mut symbol = 0;
    while symbol < 32 {
        let upper = ALPHABET[symbol];
        table[upper as usize] = symbol as u8;
        table[upper.to_ascii_lowercase() as usize] = symbol as u8;
        symbol += 1;
    }
    table[b'I' as usize] = 1;
    table[b'i' as usize] = 1;
    table[b'L' as usize] = 1;
    table[b'l' as usize] = 1;
    table[b'O' as usize] = 0;
    table[b'o' as usize] = 0;
    table
}

/// The value and the number of symbols in `word`; hyphens are skipped. The value
/// is right up to twelve symbols.
pub(super) fn read(word: &[u8]) -> Result<(u64, usize), SymbolError> {
    let (mut value, mut count) = (0, 0);
    for (index, byte) in word.iter().enumerate() {
        match MEANING[usize::from(*byte)] {
            NO_SYMBOL if *byte == b'-' => {}
            // All before it was ASCII, so bytes are characters.
            NO_SYMBOL => return Err(unfit(&word[index..], index + 1)),
            symbol => {
                value = value << 5 | u64::from(symbol);
                count += 1;
            }
        }
    }
    Ok((value, count))
}

fn unfit(rest: &[u8], position: usize) -> SymbolError {
    let start = &rest[..rest.len().min(4)];
    let good = match std::str::from_utf8(start) {
        Ok(good) => good,
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
    };
    match good.chars().next() {
        Some(character) => SymbolError::Symbol { character, position },
        None => SymbolError::NotUtf8 { position },
    }
}

/// The last `N` symbols of `value`.
#[inline]
pub(super) fn write<const N: usize>(value: u64) -> [u8; N] {
    let mut text = [0; N];
    for (index, byte) in text.iter_mut().enumerate() {
        *byte = ALPHABET[(value >> (5 * (N - 1 - index)) & 31) as usize];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_in_any_case() {
        let all = 0x0044_3214_c742_54b6_u64;
        let text: [u8; 12] = write(all);
        assert_eq!(read(&text), Ok((all, 12)));
        assert_eq!(read(&text.to_ascii_lowercase()), Ok((all, 12)));
        for (symbol, byte) in (0..32).zip(ALPHABET) {
            assert_eq!(read(&[*byte]), Ok((symbol, 1)));
        }
        assert_eq!(read(b"-IiLl-Oo--0"), Ok((33825 << 15, 7)));
    }

    #[test]
    fn faults_have_a_position() {
        let symbol = |character, position| Err(SymbolError::Symbol { character, position });
        assert_eq!(read(b"458RU"), symbol('U', 5));
        assert_eq!(read(b"4-8u"), symbol('u', 4));
        assert_eq!(read(b"*58RV"), symbol('*', 1));
        assert_eq!(read("45é8R".as_bytes()), symbol('é', 3));
        assert_eq!(read("４58RV".as_bytes()), symbol('４', 1));
        assert_eq!(read(b"4\x0058R"), symbol('\0', 2));
        assert_eq!(read(b"45\xff8R"), Err(SymbolError::NotUtf8 { position: 3 }));
        assert_eq!(read("45\u{1f600}".as_bytes()), symbol('\u{1f600}', 3));
    }
}
