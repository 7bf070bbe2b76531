//! Which JSON numbers are taken: those that an IEEE 754 double carries as
//! written (RFC 7493 section 2.2; RFC 8785 prints doubles).

use super::Reason;

/// 2^53 − 1.
const MAX_SAFE_INTEGER: &[u8] = b"9007199254740991";
/// More significant digits than any double needs.
const DIGITS_LIMIT: usize = 17;

/// Checks a number whose grammar is already known to be right.
pub(super) fn check(text: &str) -> Result<(), Reason> {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if digits.iter().all(u8::is_ascii_digit) {
        // Same length compares as text; the grammar allows no leading zero.
        let fits = digits.len() < MAX_SAFE_INTEGER.len()
            || (digits.len() == MAX_SAFE_INTEGER.len() && digits <= MAX_SAFE_INTEGER);
        return if fits { Ok(()) } else { Err(Reason::IntegerTooLarge) };
    }
    let mantissa = digits.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let significant = mantissa.iter().filter(|byte| **byte != b'.').skip_while(|byte| **byte == b'0');
    let (mut count, mut trailing) = (0, 0);
    for digit in significant {
        count += 1;
        trailing = if *digit == b'0' { trailing + 1 } else { 0 };
    }
    if count - trailing > DIGITS_LIMIT {
        return Err(Reason::NumberTooPrecise);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_infinite() => Err(Reason::NumberOutOfRange),
        Ok(value) if value == 0.0 && count > 0 => Err(Reason::NumberOutOfRange),
        Ok(_) => Ok(()),
        Err(_) => Err(Reason::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_as_written_or_not_at_all() {
        for good in
            ["0", "-0", "9007199254740991", "-9007199254740991", "0.1", "1e20", "123e45", "5e-324", "0e9", "0.0"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for good in ["0.10000000000000001", "100000000000000000.0", "1.7976931348623157e308"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for big in ["9007199254740992", "-9007199254740992", "10000000000000000", "123456789012345678901"] {
            assert_eq!(check(big), Err(Reason::IntegerTooLarge), "{big}");
        }
        for far in ["1e400", "-1e400", "1e-400", "1.8e308"] {
            assert_eq!(check(far), Err(Reason::NumberOutOfRange), "{far}");
        }
        assert_eq!(check("0.123456789012345678"), Err(Reason::NumberTooPrecise));
    }
}
