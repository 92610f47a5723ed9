//! When a schedule is due: `rate(5 minutes)`, `cron(0 8 ? * MON-FRI *)`, `at(2026-11-21T08:00:00)`.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;

/// The expression of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Again and again, with this many seconds between.
    Rate(u32),
    /// Whenever the clock on the wall says so.
    Cron(Box<CronExpression>),
    /// Once.
    At(DateTime),
}

/// An expression of six fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronExpression(Cron);

impl Expression {
    /// Reads an expression. The text of an error is for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = inside("rate") {
            return parse_rate(rate).map(Self::Rate).ok_or_else(|| {
                format!("`{rate}` is no rate: it must be a whole number from 1 and minutes, hours or days")
            });
        }
        if let Some(cron) = inside("cron") {
            return Cron::parse(cron).map(|cron| Self::Cron(Box::new(CronExpression(cron))));
        }
        if let Some(at) = inside("at") {
            let time: Option<DateTime> = at.parse().ok().filter(|_| at.len() == "2026-11-21T08:00:00".len());
            return time
                .map(Self::At)
                .ok_or_else(|| format!("`{at}` is no time: it must be like 2026-11-21T08:00:00"));
        }
        Err("it must be rate(...), cron(...) or at(...)".to_owned())
    }

    /// The first tick after `after`. A rate counts from `base`, which is its first tick.
    ///
    /// A time that the clocks skip when they are put forward is left out, and one that comes twice when they are put
    /// back counts once, as on AWS.
    pub fn next_after(&self, after: Timestamp, base: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Rate(seconds) => {
                if base > after {
                    return Some(base);
                }
                let ticks = after.duration_since(base).as_secs() / i64::from(*seconds) + 1;
                let away = SignedDuration::from_secs(ticks.checked_mul(i64::from(*seconds))?);
                base.checked_add(away).ok()
            }
            Self::Cron(cron) => {
                let mut wall = zone.to_datetime(after);
                loop {
                    wall = cron.0.next_after(wall)?;
                    if let Some(time) = instant(wall, zone).filter(|time| *time > after) {
                        return Some(time);
                    }
                }
            }
            Self::At(time) => instant(*time, zone).filter(|time| *time > after),
        }
    }
}

fn instant(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let time = zone.to_ambiguous_timestamp(wall);
    match time.offset() {
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => time.earlier().ok(),
    }
}

fn parse_rate(rate: &str) -> Option<u32> {
    let (count, unit) = rate.split_once(' ')?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 60 * 60,
        "day" | "days" => 24 * 60 * 60,
        _ => return None,
    };
    let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn next(expression: &str, after: &str, zone: &str) -> Option<Timestamp> {
        let zone = TimeZone::get(zone).expect("a time zone");
        let base = at("2026-11-21T08:00:10Z");
        Expression::parse(expression)
            .expect("reads")
            .next_after(at(after), base, &zone)
    }

    #[test]
    fn a_rate_counts_from_its_base() {
        for (after, expected) in [
            ("2026-11-21T07:00:00Z", "2026-11-21T08:00:10Z"),
            ("2026-11-21T08:00:10Z", "2026-11-21T08:05:10Z"),
            ("2026-11-21T08:05:09.9Z", "2026-11-21T08:05:10Z"),
            ("2026-11-21T09:00:00Z", "2026-11-21T09:00:10Z"),
        ] {
            assert_eq!(next("rate(5 minutes)", after, "UTC"), Some(at(expected)), "{after}");
        }
    }

    #[test]
    fn the_clock_on_the_wall_is_that_of_the_time_zone() {
        let noon = "cron(30 2 * * ? *)";
        for (after, expected) in [
            ("2026-11-21T00:00:00Z", "2026-11-21T01:30:00Z"),
            // 02:30 does not happen on the 28th of March, when the clocks go forward.
            ("2027-03-27T12:00:00Z", "2027-03-29T00:30:00Z"),
            // It happens twice on the 31st of October, and counts once.
            ("2027-10-30T12:00:00Z", "2027-10-31T00:30:00Z"),
            ("2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"),
        ] {
            assert_eq!(next(noon, after, "Europe/Berlin"), Some(at(expected)), "{after}");
        }
        let once = "at(2026-12-01T09:00:00)";
        assert_eq!(
            next(once, "2026-11-21T00:00:00Z", "America/New_York"),
            Some(at("2026-12-01T14:00:00Z"))
        );
        assert_eq!(next(once, "2026-12-01T14:00:00Z", "America/New_York"), None);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in [
            "",
            "rate(0 minutes)",
            "rate(5 weeks)",
            "rate(30 seconds)",
            "rate(5)",
            "cron(* * * * *)",
            "at(tomorrow)",
            "at(2026-11-21)",
            "every day",
        ] {
            assert!(Expression::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Expression::parse("rate(1 hour)"), Ok(Expression::Rate(3600)));
    }
}
