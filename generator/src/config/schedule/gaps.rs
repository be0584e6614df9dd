//! How long a schedule may go without a run: the longest time between a firing and the second one after it.

use std::time::Duration;

use jiff::civil::{Date, DateTime};

use super::ScheduleExpression;
use super::firings::CronTimes;

/// From when on cron expressions are looked at. The plan knows no clock, and all weeks are alike.
const FROM: Date = Date::constant(2026, 1, 1);
/// How many days with firings are looked at: two years of a daily schedule.
const DAYS: usize = 731;

/// How far an alarm looks back at most, in seconds: with periods below an hour, and of an hour
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>, read on 2026-11-29).
const SHORT_WINDOW: u64 = 86_400;
const LONG_WINDOW: u64 = 604_800;

/// Time for a run to complete, after its schedule fired.
const RUN_TIME: Duration = Duration::from_secs(900);

/// The period in seconds and the number of periods with which an alarm looks back over this time and that of a run; nothing
/// if CloudWatch does not look back so far.
#[must_use]
pub fn alarm_window(span: Duration) -> Option<(u64, u64)> {
    let seconds = (span + RUN_TIME).as_secs();
    let of = |period: u64| (period, seconds.div_ceil(period));
    match seconds {
        0..=SHORT_WINDOW => Some(of(300)),
        _ if seconds <= LONG_WINDOW => Some(of(3_600)),
        _ => None,
    }
}

/// The longest time from a firing to the second one after it; `None` for a schedule with fewer than three. A clock change
/// may add an hour.
#[must_use]
pub fn longest_two_periods(expression: &ScheduleExpression) -> Option<Duration> {
    match expression {
        ScheduleExpression::Rate { .. } => expression.period()?.checked_mul(2),
        ScheduleExpression::At(_) => None,
        ScheduleExpression::Cron(fields) => {
            let times = CronTimes::of(fields);
            let of_day = times.of_day();
            let days: Vec<Date> = times.days(FROM).take(DAYS).collect();
            // Within a day, all days are alike; around midnight, only the last two and the first two firings matter.
            let within =
                of_day.windows(3).map(|three| between(&FROM.to_datetime(three[0]), &FROM.to_datetime(three[2]))).max();
            let around = days.windows(if of_day.len() == 1 { 3 } else { 2 }).filter_map(|days| {
                let firings = days.iter().enumerate().flat_map(|(index, day)| {
                    let skipped = if index == 0 { of_day.len().saturating_sub(2) } else { 0 };
                    of_day.iter().skip(skipped).take(2).map(|time| day.to_datetime(*time))
                });
                let firings: Vec<DateTime> = firings.collect();
                firings.windows(3).map(|three| between(&three[0], &three[2])).max()
            });
            around.chain(within).max()
        }
    }
}

fn between(one: &DateTime, other: &DateTime) -> Duration {
    other.duration_since(*one).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn the_longest_two_periods_span_nights_weekends_and_months() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        for (text, expected) in [
            ("rate(5 minutes)", Some(Duration::from_secs(600))),
            ("rate(1 day)", hours(48)),
            ("at(2027-01-01T00:00:00)", None),
            ("cron(0 * * * ? *)", hours(2)),
            ("cron(0 9 * * ? *)", hours(48)),
            ("cron(0 9,10 * * ? *)", hours(24)),
            // 10:00, 18:00, and 9:00 on the next day.
            ("cron(0 9,10,18 * * ? *)", hours(23)),
            // 18:00 on Friday, 8:00 and 9:00 on Monday.
            ("cron(0 8-18 ? * MON-FRI *)", hours(63)),
            ("cron(0 9 ? * MON-FRI *)", hours(96)),
            ("cron(0 9 ? * MON *)", hours(14 * 24)),
            ("cron(0 0 1 * ? *)", hours(62 * 24)),
            ("cron(0 9 1 1 ? 2027)", None),
            ("cron(0 9,10 1 1 ? 2027)", None),
            ("cron(0 9,10,11 1 1 ? 2027)", hours(2)),
        ] {
            let expression = parse(text).expect("valid");
            assert_eq!(longest_two_periods(&expression), expected, "{text}");
        }
    }

    #[test]
    fn the_window_of_an_alarm_fits_cloudwatch_or_there_is_none() {
        let of = |hours: u64| alarm_window(Duration::from_secs(hours * 3_600));
        assert_eq!(alarm_window(Duration::from_secs(120)), Some((300, 4)));
        assert_eq!(
            [of(2), of(23), of(24), of(48)],
            [Some((300, 27)), Some((300, 279)), Some((3_600, 25)), Some((3_600, 49))]
        );
        assert_eq!([of(167), of(168), of(1_488)], [Some((3_600, 168)), None, None]);
        for hours in 0..168 {
            let (period, periods) = of(hours).expect("a window");
            let most = if period < 3_600 { 86_400 } else { 604_800 };
            assert!(period * periods <= most && period * periods > hours * 3_600, "{hours}");
        }
    }
}
