//! Sizes as arguments: `500M`, `1G`.

/// Reads bytes: a number above zero, and K, M, G or T for powers of 1,024. For
/// clap's `value_parser`.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 500M or 1G".to_owned();
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let power = match &text[digits.len()..] {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(wrong()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << (10 * power)).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn units_and_nothing_else() {
        for (text, bytes) in [("1", 1), ("4096", 4096), ("64K", 65_536), ("500M", 524_288_000), ("1G", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        assert_eq!(size("16777215T"), Ok(16_777_215 << 40));
        for bad in
            ["", "G", "0", "0G", "-1", "+1", "1.5G", "1g", "1GB", "1GG", "1 G", "16777216T", "99999999999999999999"]
        {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
