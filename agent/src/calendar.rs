//! Days and seconds after 1970-01-01, in the Gregorian calendar, UTC, without leap seconds.
//!
//! Counting begins in March, so that the day which leap years add is the last one of a year; 400
//! years have 146,097 days. Years 1970 to 9999.

const DAY: u64 = 86_400;
/// From 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

/// A moment by its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Year.
    pub year: u64,
    /// Month, 1 to 12.
    pub month: u64,
    /// Day of the month, from 1.
    pub day: u64,
    /// Second of the day.
    pub second: u64,
}

impl Moment {
    /// Seconds after 1970; `None` if there is no such moment.
    pub fn seconds(self) -> Option<u64> {
        let Self { year, month, day, second } = self;
        let is_usual = (1970..=9999).contains(&year) && (1..=12).contains(&month) && second < DAY;
        if !is_usual || day == 0 {
            return None;
        }
        let year = if month > 2 { year } else { year - 1 };
        let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + in_year;
        let seconds = days.checked_sub(EPOCH)? * DAY + second;
        (Self::of(seconds) == self).then_some(seconds)
    }

    /// The moment that many seconds after 1970.
    pub fn of(seconds: u64) -> Self {
        let days = seconds / DAY + EPOCH;
        let (era, in_era) = (days / 146_097, days % 146_097);
        let in_era_year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * in_era_year + in_era_year / 4 - in_era_year / 100);
        let from_march = (5 * in_year + 2) / 153;
        let month = (from_march + 2) % 12 + 1;
        let year = era * 400 + in_era_year + u64::from(month <= 2);
        Self { year, month, day: in_year - (153 * from_march + 2) / 5 + 1, second: seconds % DAY }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, second } = self;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates_and_dates_seconds() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_700_000_000, "2023-11-14 22:13:20 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Moment::of(seconds).to_string(), text);
            assert_eq!(Moment::of(seconds).seconds(), Some(seconds));
        }
        for day in 0..200_000 {
            assert_eq!(Moment::of(day * DAY).seconds(), Some(day * DAY));
        }
    }

    #[test]
    fn there_is_no_such_day() {
        let moment = |year, month, day, second| Moment { year, month, day, second }.seconds();
        assert_eq!(moment(2023, 2, 29, 0), None);
        assert_eq!(moment(2024, 13, 1, 0), None);
        assert_eq!(moment(2024, 4, 31, 0), None);
        assert_eq!(moment(2024, 4, 0, 0), None);
        assert_eq!(moment(1969, 12, 31, 0), None);
        assert_eq!(moment(2024, 4, 1, 86_400), None);
    }
}
