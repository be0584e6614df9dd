//! When a schedule fires: the times of a cron expression in its time zone, and the clock changes that it runs into.
//!
//! A time that the time zone skips does not fire, and one that comes twice fires once (AWS re:Post, "EventBridge
//! Scheduler adjust DST", read 2026-11-28). That this is the first of the two is ours.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, Zoned};

use super::ScheduleExpression;
use super::cron::{DAY_OF_MONTH, DAY_OF_WEEK, field_values};

/// The last year that a cron expression can name.
const LAST_YEAR: i16 = 2199;
/// How far behind the next run a clock change is worth a warning, in hours: a bit more than two years.
const FORESIGHT_HOURS: i64 = 800 * 24;

/// The zone of a name that [`super::check_timezone`] accepts.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The next times at which a schedule fires after `now`; none of a rate, which counts from the time it is enabled.
#[must_use]
pub fn next(expression: &ScheduleExpression, zone: &TimeZone, now: Timestamp, count: usize) -> Vec<Zoned> {
    // A day earlier: in a time that comes twice, the clock is no order.
    let from = now.to_zoned(zone.clone()).datetime().saturating_sub(Span::new().days(1));
    let fires = |time: DateTime| {
        let ambiguous = zone.to_ambiguous_timestamp(time);
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let at = ambiguous.earlier().ok().filter(|at| !skipped && *at > now)?;
        Some(at.to_zoned(zone.clone()))
    };
    match expression {
        ScheduleExpression::Rate { .. } => Vec::new(),
        ScheduleExpression::At(time) => fires(*time).into_iter().collect(),
        ScheduleExpression::Cron(fields) => CronTimes::of(fields).from(from).filter_map(fires).take(count).collect(),
    }
}

/// Whether the clock ever shows a time of the expression, now or in another year.
#[must_use]
pub fn ever(expression: &ScheduleExpression) -> bool {
    match expression {
        ScheduleExpression::Cron(fields) => {
            CronTimes::of(fields).from(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).next().is_some()
        }
        ScheduleExpression::Rate { .. } | ScheduleExpression::At(_) => true,
    }
}

/// A time of a schedule that a clock change skips or repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockChange {
    /// The time on the clock.
    pub time: DateTime,
    /// The clock skips it; otherwise it shows it twice.
    pub skipped: bool,
    /// The first time on the clock that is neither, after it.
    pub end: DateTime,
}

/// The first time of the next two years that is skipped, or else the first that comes twice. A schedule that runs every
/// hour is not concerned: there is no hour in which it does not run.
#[must_use]
pub fn clock_change(expression: &ScheduleExpression, zone: &TimeZone, now: Timestamp) -> Option<ClockChange> {
    let ScheduleExpression::Cron(fields) = expression else { return None };
    let times = CronTimes::of(fields);
    let first = next(expression, zone, now, 1).into_iter().next()?.timestamp();
    if times.hours.len() == 24 {
        return None;
    }
    let end = first.saturating_add(Span::new().hours(FORESIGHT_HOURS)).unwrap_or(first);
    let mut twice = None;
    for change in zone.following(now).take_while(|change| change.timestamp() < end) {
        let at = change.timestamp();
        let clock = |at: Timestamp, offset: jiff::tz::Offset| offset.to_datetime(at);
        let before = clock(at, zone.to_offset(at.saturating_sub(Span::new().seconds(1)).unwrap_or(at)));
        let after = clock(at, change.offset());
        let (from, to) = (before.min(after), before.max(after));
        let Some(time) = times.from(from).next().filter(|time| *time < to) else { continue };
        let found = ClockChange { time, skipped: before < after, end: to };
        if found.skipped {
            return Some(found);
        }
        twice.get_or_insert(found);
    }
    twice
}

/// A cron expression, each field as its values.
pub(super) struct CronTimes {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    months: BTreeSet<i8>,
    years: BTreeSet<i16>,
    days: Days,
}

/// What the two fields of days say.
enum Days {
    OfMonth(BTreeSet<i8>),
    OfWeek(BTreeSet<i8>),
    /// `L`, `L-3`: so many days before the last of the month.
    BeforeLast(i8),
    /// `LW`.
    LastWorkday,
    /// `15W`: the workday nearest to it in the same month.
    NearestWorkday(i8),
    /// `6L`: the last such day of the month.
    LastOfWeek(Weekday),
    /// `3#2`: the second such day of the month.
    Nth(Weekday, i8),
}

impl CronTimes {
    pub(super) fn of(fields: &[String; 6]) -> Self {
        let small = |index: usize| field_values(index, &fields[index]).into_iter().filter_map(|n| i8::try_from(n).ok());
        Self {
            minutes: small(0).collect(),
            hours: small(1).collect(),
            months: small(3).collect(),
            years: field_values(5, &fields[5]).into_iter().filter_map(|n| i16::try_from(n).ok()).collect(),
            days: Days::of(&fields[DAY_OF_MONTH].to_ascii_uppercase(), &fields[DAY_OF_WEEK].to_ascii_uppercase()),
        }
    }

    /// The times of each of its days.
    pub(super) fn of_day(&self) -> Vec<Time> {
        let hours = self.hours.iter();
        hours.flat_map(|hour| self.minutes.iter().filter_map(|minute| Time::new(*hour, *minute, 0, 0).ok())).collect()
    }

    /// Its days, from one on.
    pub(super) fn days(&self, from: Date) -> impl Iterator<Item = Date> {
        let years = self.years.range(from.year()..=LAST_YEAR);
        let months = years.flat_map(|year| self.months.iter().map(|month| (*year, *month)));
        months
            .skip_while(move |month| *month < (from.year(), from.month()))
            .flat_map(|(year, month)| self.days.of_month(year, month))
            .skip_while(move |day| *day < from)
    }

    /// Its times on the clock, from one on.
    fn from(&self, from: DateTime) -> impl Iterator<Item = DateTime> {
        let hours = self.days(from.date()).flat_map(|day| self.hours.iter().map(move |hour| (day, *hour)));
        let times = hours.flat_map(|(day, hour)| self.minutes.iter().map(move |minute| day.at(hour, *minute, 0, 0)));
        times.skip_while(move |time| *time < from)
    }
}

impl Days {
    fn of(month: &str, week: &str) -> Self {
        let one = |index: usize, text: &str| {
            let value = field_values(index, text).into_iter().next().and_then(|value| i8::try_from(value).ok());
            value.unwrap_or_default()
        };
        let weekday = |text: &str| weekday(one(DAY_OF_WEEK, text));
        let all = |index: usize, text: &str| {
            field_values(index, text).into_iter().filter_map(|day| i8::try_from(day).ok()).collect()
        };
        match (month, week) {
            ("L", _) => Self::BeforeLast(0),
            ("LW", _) => Self::LastWorkday,
            // Guide: the last day of the week.
            ("?", "L") => Self::OfWeek([7].into()),
            ("?", week) => match (week.split_once('#'), week.strip_suffix('L')) {
                (Some((day, nth)), _) => Self::Nth(weekday(day), nth.parse().unwrap_or_default()),
                (None, Some(day)) => Self::LastOfWeek(weekday(day)),
                (None, None) => Self::OfWeek(all(DAY_OF_WEEK, week)),
            },
            (month, _) => match (month.strip_prefix("L-"), month.strip_suffix('W')) {
                (Some(days), _) => Self::BeforeLast(days.parse().unwrap_or_default()),
                (None, Some(day)) => Self::NearestWorkday(one(DAY_OF_MONTH, day)),
                (None, None) => Self::OfMonth(all(DAY_OF_MONTH, month)),
            },
        }
    }

    /// The days of a month, in order.
    fn of_month(&self, year: i16, month: i8) -> Vec<Date> {
        let Ok(first) = Date::new(year, month, 1) else { return Vec::new() };
        let last = first.last_of_month();
        let all = || (1..=last.day()).filter_map(|day| Date::new(year, month, day).ok());
        let day = |day: i8| Date::new(year, month, day).ok();
        match self {
            Self::OfMonth(days) => all().filter(|date| days.contains(&date.day())).collect(),
            Self::OfWeek(days) => all().filter(|date| days.contains(&number(date.weekday()))).collect(),
            Self::BeforeLast(days) => day(last.day() - days).into_iter().collect(),
            Self::LastWorkday => nearest_workday(last).into_iter().collect(),
            Self::NearestWorkday(wanted) => day(*wanted).and_then(nearest_workday).into_iter().collect(),
            Self::LastOfWeek(weekday) => last.nth_weekday_of_month(-1, *weekday).into_iter().collect(),
            Self::Nth(weekday, nth) => last.nth_weekday_of_month(*nth, *weekday).into_iter().collect(),
        }
    }
}

/// Guide: 1 is Sunday.
fn number(weekday: Weekday) -> i8 {
    weekday.to_sunday_one_offset()
}

fn weekday(number: i8) -> Weekday {
    Weekday::from_sunday_one_offset(number).unwrap_or(Weekday::Sunday)
}

/// The nearest day from Monday to Friday in the same month.
fn nearest_workday(day: Date) -> Option<Date> {
    let last = day.last_of_month().day();
    let move_by = match day.weekday() {
        Weekday::Saturday if day.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if day.day() == last => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    day.checked_add(Span::new().days(move_by)).ok()
}
