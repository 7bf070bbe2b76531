//! Quantities as people read them: three digits and a unit.

use jiff::{SignedDuration, Timestamp};

/// Bytes in decimal units: `999 B`, `12.3 kB`, `1.07 GB`.
#[allow(clippy::cast_precision_loss)] // three digits are shown
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut units) = (bytes as f64 / 1000.0, ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter());
    let mut unit = units.next().unwrap_or_default();
    // What would be rounded to 1000 is 1 of the next unit.
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1000.0, next);
    }
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$} {unit}")
}

/// How long something has lasted: `12s`, `34m`, `5h`, `6d`.
pub fn lasted(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long ago that was.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    lasted(now.duration_since(then))
}

/// Milliseconds in three digits: `0.41`, `12.3`, `150`.
pub fn milliseconds(ms: f64) -> String {
    let decimals = if ms < 9.995 { 2 } else { usize::from(ms < 99.95) };
    format!("{ms:.decimals$}")
}

/// Thousands apart: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (1 << 30, "1.07 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (seconds, text) in [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_800, "2d")] {
            assert_eq!(lasted(SignedDuration::from_secs(seconds)), text);
        }
        assert_eq!(["0.41", "12.3", "150"], [0.412, 12.34, 149.6].map(milliseconds));
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(thousands));
    }
}
