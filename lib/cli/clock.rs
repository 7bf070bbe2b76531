//! The clock, for what is counted in milliseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, whatever the clock says: one that is set to before
/// year 0 or behind year 9999 counts as those, since no time beyond them can be
/// written down (RFC 3339).
pub fn clock_ms() -> i64 {
    millis(SystemTime::now())
}

const EARLIEST: i64 = -62_167_219_200_000;
const LATEST: i64 = 253_402_300_799_999;

fn millis(time: SystemTime) -> i64 {
    let whole = |millis: u128| i64::try_from(millis).unwrap_or(i64::MAX);
    let millis = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since.as_millis()),
        Err(before) => -whole(before.duration().as_millis()),
    };
    millis.clamp(EARLIEST, LATEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_clock_says_a_time_that_can_be_written() {
        let seconds = Duration::from_secs;
        assert_eq!(millis(UNIX_EPOCH + Duration::from_millis(1_500)), 1_500);
        assert_eq!(millis(UNIX_EPOCH - seconds(1)), -1_000);
        assert_eq!(millis(UNIX_EPOCH + seconds(253_402_300_799)), 253_402_300_799_000);
        for far in [253_402_300_800, i64::MAX.unsigned_abs()] {
            assert_eq!(millis(UNIX_EPOCH + seconds(far)), LATEST);
        }
        for far in [62_167_219_201, i64::MAX.unsigned_abs()] {
            assert_eq!(millis(UNIX_EPOCH - seconds(far)), EARLIEST);
        }
        assert_eq!(crate::trust::read::rfc3339(LATEST), "9999-12-31T23:59:59.999Z");
        assert_eq!(crate::trust::read::rfc3339(EARLIEST), "0000-01-01T00:00:00.000Z");
    }
}
