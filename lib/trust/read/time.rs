//! RFC 3339 times → milliseconds since 1970, and back.

use jiff::SignedDuration;
use jiff::civil::{DateTime, datetime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 0000-01-01T00:00:00.000Z.
const EARLIEST: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z, which people write for "never".
const LATEST: i64 = 253_402_300_799_999;
const EPOCH: DateTime = datetime(1970, 1, 1, 0, 0, 0, 0);

/// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`, years 0000 to 9999; what is
/// finer than a millisecond is cut off. A leap second counts as the one before.
#[inline]
pub fn millis(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_at_checked(19)?;
    let separators =
        head[4] == b'-' && head[7] == b'-' && matches!(head[10], b'T' | b't') && head[13] == b':' && head[16] == b':';
    let year = two(head, 0)? * 100 + two(head, 2)?;
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    let in_range = (1..=12).contains(&month) && day >= 1 && hour <= 23 && minute <= 59 && second <= 60;
    if !separators || !in_range || day > days_in(year, month) {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let offset = match zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (two(zone, 1)?, two(zone, 4)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = i64::from(hours * 60 + minutes);
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    let seconds = i64::from(hour) * 3600 + (i64::from(minute) - offset) * 60 + i64::from(second.min(59));
    let millis = (days(year, month, day) * 86_400 + seconds) * 1000 + fraction;
    (EARLIEST..=LATEST).contains(&millis).then_some(millis)
}

/// A clock's time. One that is set to before year 0 or behind year 9999 counts
/// as those: no time beyond them can be written down.
pub fn millis_of(time: SystemTime) -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let millis = time.duration_since(UNIX_EPOCH).map_or_else(|before| -whole(before.duration()), whole);
    millis.clamp(EARLIEST, LATEST)
}

/// Date and time, UTC; `at` is one that [`millis`] gave, or a clock's.
pub fn civil(at: i64) -> DateTime {
    EPOCH.saturating_add(SignedDuration::from_millis(at.clamp(EARLIEST, LATEST)))
}

/// RFC 3339, UTC, `Z`, whole milliseconds.
pub fn rfc3339(at: i64) -> String {
    format!("{:.3}Z", civil(at))
}

/// Two digits at that place.
#[inline]
fn two(text: &[u8], at: usize) -> Option<u32> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    Some(digit(text[at])? * 10 + digit(text[at + 1])?)
}

/// The milliseconds of a fraction, if there is one, and what follows it.
#[inline]
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', digits @ ..] = rest else { return Some((0, rest)) };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = digits.split_at(len);
    let place = |at: usize| digits.get(at).map_or(0, |digit| i64::from(digit - b'0'));
    (len > 0).then(|| (place(0) * 100 + place(1) * 10 + place(2), zone))
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[inline]
fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar. Years are counted from
/// March, so that a leap day is a year's last.
#[inline]
fn days(year: u32, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.wrapping_sub(1), month + 9) };
    let year = i64::from(year.cast_signed());
    let day_of_year = i64::from((153 * month + 2) / 5 + day - 1);
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn every_clock_says_a_time_that_can_be_written() {
        let seconds = Duration::from_secs;
        assert_eq!(millis_of(UNIX_EPOCH + Duration::from_millis(1_500)), 1_500);
        assert_eq!(millis_of(UNIX_EPOCH - seconds(1)), -1_000);
        assert_eq!(millis_of(UNIX_EPOCH + seconds(253_402_300_799)), 253_402_300_799_000);
        for far in [253_402_300_800, i64::MAX.unsigned_abs()] {
            assert_eq!(rfc3339(millis_of(UNIX_EPOCH + seconds(far))), "9999-12-31T23:59:59.999Z");
        }
        for far in [62_167_219_201, i64::MAX.unsigned_abs()] {
            assert_eq!(rfc3339(millis_of(UNIX_EPOCH - seconds(far))), "0000-01-01T00:00:00.000Z");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_the_one_that_jiff_reads(at in EARLIEST..=LATEST, offset in -1439..=1439i64) {
            let text = rfc3339(at);
            prop_assert_eq!(millis(text.as_bytes()), Some(at));
            if let Ok(time) = Timestamp::from_millisecond(at) {
                prop_assert_eq!(&text, &crate::event::rfc3339(time));
            }
            let local = at + offset * 60_000;
            if (EARLIEST..=LATEST).contains(&local) && let Some(plain) = rfc3339(local).strip_suffix('Z') {
                let sign = if offset < 0 { '-' } else { '+' };
                let text = format!("{plain}{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
                prop_assert_eq!(millis(text.as_bytes()), Some(at));
            }
        }
    }

    #[test]
    fn what_rfc_3339_allows_and_nothing_else() {
        for (text, want) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29t12:00:00.5z", 951_825_600_500),
            ("2026-11-21T13:35:00.1239999+01:00", 1_795_264_500_123),
            ("1969-12-31T23:59:59.999-00:00", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("0000-01-01T00:00:00Z", EARLIEST),
            ("9999-12-31T23:59:59.9999Z", LATEST),
        ] {
            assert_eq!(millis(text.as_bytes()), Some(want), "{text}");
        }
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21T13:35:00",
            "2026-11-21 13:35:00Z",
            "2026-11-21T13:35Z",
            "2026-11-21T13:35:00.Z",
            "2026-11-21T13:35:00,5Z",
            "2026-11-21T13:35:00+0100",
            "2026-11-21T13:35:00+24:00",
            "2026-11-21T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+002026-11-21T13:35:00Z",
            "2026-11-21T13:35:00Z ",
            "2026-1-021T13:35:00Z",
            "١٩٧٠-01-01T00:00:00Z",
        ] {
            assert_eq!(millis(bad.as_bytes()), None, "{bad}");
        }
    }
}
