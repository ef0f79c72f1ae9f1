//! Calendar dates, for the names of takes and for people.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment as a calendar in UTC has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    date: (i64, u32, u32),
    time: (u32, u32, u32),
}

impl When {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::at(i64::try_from(since.as_secs()).unwrap_or(0))
    }

    /// Seconds since 1970-01-01; days by eras of 400 years (Hinnant, chrono-Compatible Low-Level Date Algorithms).
    fn at(seconds: i64) -> Self {
        let small = |value: i64| u32::try_from(value).unwrap_or(0);
        let (days, rest) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let time = (small(rest / 3600), small(rest / 60 % 60), small(rest % 60));
        Self { date: (year, small(month), small(day)), time }
    }

    /// `2026-11-29`
    pub fn date(self) -> String {
        let (year, month, day) = self.date;
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `06:45:12`
    pub fn time(self) -> String {
        let (hour, minute, second) = self.time;
        format!("{hour:02}:{minute:02}:{second:02}")
    }

    /// `20261129-064512`
    pub fn stem(self) -> String {
        format!("{}-{}", self.date().replace('-', ""), self.time().replace(':', ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, wanted) in [
            (0, "19700101-000000"),
            (951_782_400, "20000229-000000"),
            (951_868_799, "20000229-235959"),
            (1_795_934_712, "20261129-064512"),
            (4_107_542_400, "21000301-000000"),
        ] {
            assert_eq!(When::at(seconds).stem(), wanted);
        }
    }
}
