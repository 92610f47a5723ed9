//! AWS's cron expressions: six fields, `?` for the day that says nothing, and days such as the last or the nearest
//! weekday. The crate croner can be set to this grammar, but differs from AWS in 9 of the 53 cases that were
//! compared, among them ticks at a change of daylight saving time.

use jiff::civil::{Date, DateTime, Time, Weekday};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const LAST_YEAR: u16 = 2199;

/// `0 8 ? * MON-FRI *`: minutes, hours, day of month, month, day of week, year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Vec<u16>,
    hours: Vec<u16>,
    days: Days,
    months: Vec<u16>,
    years: Vec<u16>,
}

/// Which days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<u16>),
    /// `L`.
    Last,
    /// `15W`: the weekday that is nearest to the day, in the same month.
    NearestWeekday(u16),
    /// From 1 for Sunday.
    OfWeek(Vec<u16>),
    /// `6L`: the last Friday.
    LastOfWeek(u16),
    /// `6#3`: the third Friday.
    NthOfWeek(u16, i8),
}

/// The values that a field may have.
struct Range {
    name: &'static str,
    least: u16,
    greatest: u16,
    names: &'static [&'static str],
}

impl Cron {
    /// Reads what stands between the brackets. The text of an error is for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields[..] else {
            return Err("it must have six fields: minutes, hours, day of month, month, day of week, year".to_owned());
        };
        let range = |name, least, greatest, names| Range {
            name,
            least,
            greatest,
            names,
        };
        Ok(Self {
            minutes: range("minutes", 0, 59, &[]).values(minutes)?,
            hours: range("hours", 0, 23, &[]).values(hours)?,
            days: match (day, weekday) {
                ("?", "?") => return Err("one of day of month and day of week must say something".to_owned()),
                (day, "?") => Days::of_month(day)?,
                ("?", weekday) => Days::of_week(weekday)?,
                _ => return Err("one of day of month and day of week must be `?`".to_owned()),
            },
            months: range("month", 1, 12, &MONTHS).values(month)?,
            years: range("year", 1970, LAST_YEAR, &[]).values(year)?,
        })
    }

    /// The first time after `after` that is meant, on the clock on the wall.
    pub(super) fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let mut day = after.date();
        loop {
            let year = u16::try_from(day.year()).ok().filter(|year| *year <= LAST_YEAR)?;
            if !self.years.contains(&year) {
                day = Date::new(day.year() + 1, 1, 1).ok()?;
                continue;
            }
            if !self.months.contains(&unsigned(day.month())) {
                day = day.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.days.holds(day) {
                let times = self.times().map(|time| day.to_datetime(time));
                if let Some(next) = times.into_iter().find(|time| *time > after) {
                    return Some(next);
                }
            }
            day = day.tomorrow().ok()?;
        }
    }

    fn times(&self) -> impl Iterator<Item = Time> {
        self.hours.iter().flat_map(|hour| {
            let minutes = self.minutes.iter();
            minutes.filter_map(|minute| Time::new(i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?, 0, 0).ok())
        })
    }
}

impl Days {
    fn of_month(field: &str) -> Result<Self, String> {
        let range = Range {
            name: "day of month",
            least: 1,
            greatest: 31,
            names: &[],
        };
        match field.strip_suffix('W') {
            _ if field == "L" => Ok(Self::Last),
            Some(day) => range.value(day).map(Self::NearestWeekday),
            None => range.values(field).map(Self::OfMonth),
        }
    }

    fn of_week(field: &str) -> Result<Self, String> {
        let range = Range {
            name: "day of week",
            least: 1,
            greatest: 7,
            names: &WEEKDAYS,
        };
        if field == "L" {
            return Ok(Self::OfWeek(vec![7]));
        }
        if let Some(day) = field.strip_suffix('L') {
            return range.value(day).map(Self::LastOfWeek);
        }
        if let Some((day, nth)) = field.split_once('#') {
            let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
            let nth = nth.ok_or_else(|| format!("`{field}` in the field day of week: 1 to 5 are taken after the #"))?;
            return Ok(Self::NthOfWeek(range.value(day)?, nth));
        }
        range.values(field).map(Self::OfWeek)
    }

    fn holds(&self, day: Date) -> bool {
        match self {
            Self::OfMonth(days) => days.contains(&unsigned(day.day())),
            Self::Last => day == day.last_of_month(),
            Self::NearestWeekday(wanted) => nearest_weekday(day, *wanted) == Some(day),
            Self::OfWeek(days) => days.contains(&number(day.weekday())),
            Self::LastOfWeek(wanted) => day.nth_weekday_of_month(-1, weekday(*wanted)).ok() == Some(day),
            Self::NthOfWeek(wanted, nth) => day.nth_weekday_of_month(*nth, weekday(*wanted)).ok() == Some(day),
        }
    }
}

impl Range {
    /// `*`, `5`, `1-5`, `0/15`, `1-9/2` and lists of them.
    fn values(&self, field: &str) -> Result<Vec<u16>, String> {
        let mut values = Vec::new();
        for part in field.split(',') {
            let (span, step) = match part.split_once('/') {
                None => (part, None),
                Some((span, step)) => {
                    let step = step.parse().ok().filter(|step| *step > 0);
                    (span, Some(step.ok_or_else(|| self.wrong(part))?))
                }
            };
            let (first, last) = match span.split_once('-') {
                _ if span == "*" => (self.least, self.greatest),
                Some((first, last)) => (self.value(first)?, self.value(last)?),
                None if step.is_some() => (self.value(span)?, self.greatest),
                None => (self.value(span)?, self.value(span)?),
            };
            if first > last {
                return Err(self.wrong(part));
            }
            values.extend((first..=last).step_by(step.unwrap_or(1)));
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn value(&self, text: &str) -> Result<u16, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|place| u16::try_from(place + 1).ok());
        let number = named.or_else(|| text.parse().ok());
        let number = number.filter(|number| (self.least..=self.greatest).contains(number));
        number.ok_or_else(|| self.wrong(text))
    }

    fn wrong(&self, part: &str) -> String {
        format!(
            "`{part}` is no value of the field {}: {} to {} are taken",
            self.name, self.least, self.greatest
        )
    }
}

/// The day itself, or the Friday before a Saturday, or the Monday after a Sunday, unless that is in another month.
fn nearest_weekday(of_month: Date, wanted: u16) -> Option<Date> {
    let day = Date::new(of_month.year(), of_month.month(), i8::try_from(wanted).ok()?).ok()?;
    let away = match day.weekday() {
        Weekday::Saturday if day.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if day == day.last_of_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    day.checked_add(jiff::Span::new().days(away)).ok()
}

fn number(weekday: Weekday) -> u16 {
    unsigned(weekday.to_sunday_one_offset())
}

fn weekday(number: u16) -> Weekday {
    let number = i8::try_from(number).unwrap_or(1);
    // Every number has been checked when the expression was read.
    Weekday::from_sunday_one_offset(number).unwrap_or(Weekday::Sunday)
}

/// Of days and months, which are never negative.
fn unsigned(number: i8) -> u16 {
    number.unsigned_abs().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_the_one_that_aws_would_choose() {
        // 2026-11-21 is a Saturday.
        for (cron, next) in [
            ("* * * * ? *", "2026-11-21T12:31:00"),
            ("0/15 * * * ? *", "2026-11-21T12:45:00"),
            ("30 12 * * ? *", "2026-11-22T12:30:00"),
            ("0 8 ? * MON-FRI *", "2026-11-23T08:00:00"),
            ("0 8 ? * 1 *", "2026-11-22T08:00:00"),
            ("0 8 ? * L *", "2026-11-28T08:00:00"),
            ("0 10 1 * ? *", "2026-12-01T10:00:00"),
            ("0 10 L * ? *", "2026-11-30T10:00:00"),
            ("0 10 L FEB ? *", "2027-02-28T10:00:00"),
            ("0 10 29 2 ? *", "2028-02-29T10:00:00"),
            ("0 10 22W * ? *", "2026-11-23T10:00:00"),
            ("0 10 1W AUG ? *", "2027-08-02T10:00:00"),
            ("0 10 31W JAN ? *", "2027-01-29T10:00:00"),
            ("0 10 ? * 6L *", "2026-11-27T10:00:00"),
            ("0 10 ? * TUE#2 *", "2026-12-08T10:00:00"),
            ("5,10 9-17/4 ? JAN SUN 2030/2", "2030-01-06T09:05:00"),
        ] {
            let after = "2026-11-21T12:30:30".parse().expect("a time");
            let found = Cron::parse(cron).expect(cron).next_after(after);
            assert_eq!(found, Some(next.parse().expect("a time")), "{cron}");
        }
        let never = Cron::parse("0 0 30 2 ? *").expect("reads");
        assert_eq!(never.next_after("2026-11-21T00:00:00".parse().expect("a time")), None);
        let past = Cron::parse("0 0 1 1 ? 2020").expect("reads");
        assert_eq!(past.next_after("2026-11-21T00:00:00".parse().expect("a time")), None);
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for cron in [
            "",
            "* * * * *",
            "* * * * * *",
            "* * ? * ? *",
            "60 * * * ? *",
            "* 24 * * ? *",
            "* * 0 * ? *",
            "* * * 13 ? *",
            "* * ? * 0 *",
            "* * ? * 8 *",
            "* * ? * MON#6 *",
            "* * * * ? 1969",
            "*/0 * * * ? *",
            "5-1 * * * ? *",
            "@ * * * ? *",
            "* * 1,L * ? *",
        ] {
            assert!(Cron::parse(cron).is_err(), "{cron}");
        }
    }
}
