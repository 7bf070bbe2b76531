//! Durations as arguments: `90s`, `15m`, `24h`, `7d`, `2w`.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Reads a duration above zero; a day has 24 hours. For clap's `value_parser`.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "expected a duration such as 90s, 15m, 24h or 7d".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let days = SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(days).map_err(|_| wrong())?;
    if duration.is_positive() { Ok(duration) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn units_and_nothing_else() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)] {
            assert_eq!(duration(text).expect(text).as_secs(), seconds, "{text}");
        }
        for bad in ["", "7", "0s", "-1h", "1y", "1mo", "d", "1e3s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
