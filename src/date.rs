//! Days and times, from a number of seconds.

/// A moment of the Gregorian calendar, in UTC. Leap seconds are not counted,
/// as in the time of Unix.
///
/// ```
/// use vestibule::Date;
/// let date = Date::of(784_111_777);
/// assert_eq!((date.year, date.month, date.day), (1994, 11, 6));
/// assert_eq!((date.hour, date.minute, date.second), (8, 49, 37));
/// assert_eq!((date.weekday_name(), date.month_name()), ("Sun", "Nov"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    /// From 1970 on; more than four digits from 10000 on.
    pub year: u64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Days since Monday, 0 to 6.
    pub weekday: u8,
}

impl Date {
    /// The moment `seconds` after the beginning of 1970.
    pub const fn of(seconds: u64) -> Date {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Counted in eras of 400 years that begin in March, so that the leap
        // day is the last of a year. Wrapping, but nothing here comes near to
        // a border: there are at most 2^48 days.
        let shifted = days.wrapping_add(719_468);
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let leaps = (of_era / 1460)
            .wrapping_sub(of_era / 36_524)
            .wrapping_add(of_era / 146_096);
        let year = of_era.wrapping_sub(leaps) / 365;
        let before = year
            .wrapping_mul(365)
            .wrapping_add(year / 4)
            .wrapping_sub(year / 100);
        let of_year = of_era.wrapping_sub(before);
        // Months from March on, of 30 and 31 days in turn, nearly.
        let march = of_year.wrapping_mul(5).wrapping_add(2) / 153;
        let first = march.wrapping_mul(153).wrapping_add(2) / 5;
        let month = match march {
            0..=9 => march.wrapping_add(3),
            _ => march.wrapping_sub(9),
        };
        let year = era.wrapping_mul(400).wrapping_add(year);
        Date {
            year: match month {
                1 | 2 => year.wrapping_add(1),
                _ => year,
            },
            month: low(month),
            day: low(of_year.wrapping_sub(first).wrapping_add(1)),
            hour: low(rest / 3600),
            minute: low(rest / 60 % 60),
            second: low(rest % 60),
            // The first one was a Thursday.
            weekday: low(days.wrapping_add(3) % 7),
        }
    }

    /// `Jan` to `Dec`.
    pub const fn month_name(&self) -> &'static str {
        match self.month {
            1 => "Jan",
            2 => "Feb",
            3 => "Mar",
            4 => "Apr",
            5 => "May",
            6 => "Jun",
            7 => "Jul",
            8 => "Aug",
            9 => "Sep",
            10 => "Oct",
            11 => "Nov",
            _ => "Dec",
        }
    }

    /// `Mon` to `Sun`.
    pub const fn weekday_name(&self) -> &'static str {
        match self.weekday {
            0 => "Mon",
            1 => "Tue",
            2 => "Wed",
            3 => "Thu",
            4 => "Fri",
            5 => "Sat",
            _ => "Sun",
        }
    }
}

/// A number below 256.
const fn low(n: u64) -> u8 {
    let [byte, ..] = n.to_le_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries() {
        let (mut year, mut month, mut day, mut weekday) = (1970, 1, 1, 3);
        for days in 0..292_194 {
            let seconds = days * 86_400 + days % 86_400;
            let date = Date::of(seconds);
            let all = (date.year, date.month, date.day, date.weekday);
            assert_eq!(all, (year, month, day, weekday), "{days}");
            let time = (date.hour as u64, date.minute as u64, date.second as u64);
            assert_eq!(time.0 * 3600 + time.1 * 60 + time.2, days % 86_400);
            assert!(time.0 < 24 && time.1 < 60 && time.2 < 60);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (month, day) = match day {
                d if d < last => (month, d + 1),
                _ => (month + 1, 1),
            };
            if month == 13 {
                (year, month) = (year + 1, 1);
            }
            weekday = (weekday + 1) % 7;
        }
    }

    #[test]
    fn names() {
        let months: Vec<_> = (0..12)
            .map(|m| Date::of(m * 31 * 86_400).month_name())
            .collect();
        let all = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
        assert_eq!(months.join(" "), all);
        let days: Vec<_> = (0..7)
            .map(|d| Date::of(d * 86_400).weekday_name())
            .collect();
        assert_eq!(days.join(" "), "Thu Fri Sat Sun Mon Tue Wed");
        // The last moment that there is a number for.
        let last = Date::of(u64::MAX);
        assert_eq!((last.year, last.month, last.day), (584_554_051_223, 11, 9));
        assert_eq!((last.hour, last.minute, last.second), (7, 0, 15));
    }
}
