//! Where the age crate 0.12 departs from the specification: it takes two old
//! spellings of a stanza, and refuses white space before an armor's first line.

use super::OpenError;
use super::open::faulty;
use std::io::{BufRead, Read as _};

/// As much white space before an armor as the reference implementation skips.
const SPACE_LIMIT_BYTES: usize = 1024;
/// Two thousand recipients; a header is held in memory.
const HEADER_LIMIT_BYTES: usize = 256 * 1024;

/// Goes to an armor's first line, over white space; false, with nothing taken,
/// if the input does not begin as one.
pub(super) fn skip_to_armor(input: &mut impl BufRead) -> Result<bool, OpenError> {
    let mut skipped = 0;
    loop {
        let block = input.fill_buf().map_err(OpenError::Read)?;
        let space = block.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        if space == 0 {
            // No binary age file begins with white space or a dash.
            return match block.first() {
                Some(b'-') => Ok(true),
                Some(_) if skipped == 0 => Ok(false),
                _ => Err(OpenError::Header),
            };
        }
        skipped += space;
        if skipped > SPACE_LIMIT_BYTES {
            return Err(OpenError::Armor);
        }
        input.consume(space);
    }
}

/// Takes the header, through its last line, and checks that each stanza ends
/// with a short line. All else the crate checks.
pub(super) fn header(input: &mut impl BufRead) -> Result<Vec<u8>, OpenError> {
    let mut header = Vec::new();
    let mut in_body = false;
    loop {
        let start = header.len();
        let mut rest = input.take((HEADER_LIMIT_BYTES - start) as u64);
        rest.read_until(b'\n', &mut header).map_err(|error| faulty(error, OpenError::Header))?;
        let line = header[start..].strip_suffix(b"\n").ok_or(OpenError::Header)?;
        let full = line.len() == 64;
        let base64 = line.len() <= 64 && line.iter().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(b));
        if start == 0 {
            if line != b"age-encryption.org/v1" {
                let other = line.starts_with(b"age-encryption.org/");
                return Err(if other { OpenError::Version } else { OpenError::Header });
            }
        } else if in_body {
            in_body = full;
            if !base64 {
                return Err(OpenError::Header);
            }
        } else if line.starts_with(b"-> ") {
            in_body = true;
        } else if line.starts_with(b"---") {
            return Ok(header);
        } else {
            return Err(OpenError::Header);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_skipped_up_to_a_bound() {
        let armor = |space: usize| [vec![b' '; space], b"-----BEGIN AGE ENCRYPTED FILE-----".to_vec()].concat();
        assert!(skip_to_armor(&mut armor(0).as_slice()).expect("armor"));
        assert!(skip_to_armor(&mut armor(SPACE_LIMIT_BYTES).as_slice()).expect("armor"));
        assert!(skip_to_armor(&mut armor(SPACE_LIMIT_BYTES + 1).as_slice()).is_err());
        assert!(!skip_to_armor(&mut b"age-encryption.org/v1".as_slice()).expect("binary"));
        for bad in [b"".as_slice(), b"  ", b" age-encryption.org/v1"] {
            assert!(skip_to_armor(&mut &*bad).is_err());
        }
    }

    #[test]
    fn a_header_without_end_is_not_read_for_ever() {
        let endless = std::io::repeat(b'x');
        assert!(header(&mut std::io::BufReader::new(endless)).is_err());
        let lines = b"age-encryption.org/v1\n".to_vec().into_iter().chain(b"-> x\n\n".iter().copied().cycle());
        let bytes: Vec<u8> = lines.take(HEADER_LIMIT_BYTES + 1000).collect();
        assert!(header(&mut bytes.as_slice()).is_err());
    }
}
