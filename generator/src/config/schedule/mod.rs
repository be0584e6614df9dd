//! Validates schedule expressions and time zones as EventBridge Scheduler does, before anything is deployed.
//!
//! Sources, named at each rule: *recorded* = answers of the real service; *guide* = Scheduler User Guide,
//! "Schedule types", and the API reference of `CreateSchedule`; *rules* = verdicts, guide and users' reports of
//! the older EventBridge rules, whose cron dialect is the same; *Quartz* = the dialect that both follow, where AWS is
//! silent; *ours* = no source: the reading that cannot fail at deployment.

mod cron;
pub mod firings;
pub mod gaps;
mod timezone;

use std::{fmt, ops::Range, time::Duration};

use jiff::civil::DateTime;

use cron::{cron, five, numbered_days};
pub use timezone::check_timezone;

/// Why AWS would reject an expression or a time zone, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleError {
    /// The wrong bytes; empty if something is missing.
    pub span: Range<usize>,
    /// What is there, as words for "found ...".
    pub found: String,
    /// What may be there, as words for "allowed: ...".
    pub allowed: String,
    /// What to write instead, if known.
    pub help: Option<String>,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found {}, allowed: {}", self.found, self.allowed)
    }
}

impl std::error::Error for ScheduleError {}

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    /// Minutes, the finest that there is.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours, whatever the time zone does.
    Days,
}

/// An expression that AWS accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleExpression {
    /// Again and again after the same time.
    Rate {
        /// How many units, at least 1.
        value: u64,
        /// Of what.
        unit: RateUnit,
    },
    /// At the times that six fields describe: minutes, hours, day-of-month, month, day-of-week, year, as written.
    Cron([String; 6]),
    /// Once, at this time in the schedule's time zone; that it is still to come is not judged here.
    At(DateTime),
}

impl ScheduleExpression {
    /// The time between two runs; only a rate has one.
    pub fn period(&self) -> Option<Duration> {
        match self {
            Self::Rate { value, unit } => value.checked_mul(unit.seconds()).map(Duration::from_secs),
            Self::Cron(_) | Self::At(_) => None,
        }
    }
}

impl RateUnit {
    /// So many of it, in words: `minute` for one, since it follows `every`.
    pub fn counted(self, value: u64) -> String {
        let unit = match self {
            Self::Minutes => "minute",
            Self::Hours => "hour",
            Self::Days => "day",
        };
        if value == 1 { unit.to_owned() } else { format!("{value} {unit}s") }
    }

    fn seconds(self) -> u64 {
        match self {
            Self::Minutes => 60,
            Self::Hours => 60 * 60,
            Self::Days => 24 * 60 * 60,
        }
    }
}

/// What a valid expression means that its author may not have meant, with its place.
pub fn pitfall(expression: &str) -> Option<SchedulePitfall> {
    let Ok(ScheduleExpression::Cron(fields)) = parse(expression) else { return None };
    if let Some((span, meaning)) = numbered_days(expression) {
        let [minutes, hours, month_day, month, _, year] = &fields;
        return Some(SchedulePitfall {
            title: format!("`{}` means {meaning}", &expression[span.clone()]),
            label: "AWS counts the days of the week from 1 (`SUN`)".to_owned(),
            help: format!(
                "write `cron({minutes} {hours} {month_day} {month} {meaning} {year})`, or the days that you mean"
            ),
            span,
        });
    }
    None
}

/// A warning about a valid expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulePitfall {
    /// The bytes that it is about.
    pub span: Range<usize>,
    /// What the expression does.
    pub title: String,
    /// Why.
    pub label: String,
    /// What to write instead.
    pub help: String,
}

/// A part of the text with its offset.
#[derive(Clone, Copy)]
struct SpannedStr<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> SpannedStr<'a> {
    fn part(self, range: Range<usize>) -> Self {
        Self { text: &self.text[range.clone()], start: self.start + range.start }
    }

    fn once(self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((self.part(0..at), self.part(at + separator.len_utf8()..self.text.len())))
    }

    fn split(self, separator: impl Fn(char) -> bool) -> impl Iterator<Item = Self> {
        self.text.split(separator).map(move |text| {
            let start = text.as_ptr() as usize - self.text.as_ptr() as usize;
            self.part(start..start + text.len())
        })
    }

    fn is_number(self) -> bool {
        !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn refuse(self, allowed: impl Into<String>, help: impl Into<Option<String>>) -> ScheduleError {
        let found = if self.text.is_empty() { "nothing".to_owned() } else { format!("`{}`", self.text) };
        ScheduleError {
            span: self.start..self.start + self.text.len(),
            found,
            allowed: allowed.into(),
            help: help.into(),
        }
    }
}

/// Parses an expression as AWS does, or says why AWS would reject it.
pub fn parse(expression: &str) -> Result<ScheduleExpression, ScheduleError> {
    let whole = SpannedStr { text: expression, start: 0 };
    let kinds = "`rate(value unit)`, `cron(six fields)` or `at(yyyy-mm-ddThh:mm:ss)`";
    // Guide: CreateSchedule takes 1 to 256 characters.
    if expression.chars().count() > 256 {
        return Err(whole.refuse("at most 256 characters", None));
    }
    // Recorded: a leading blank is refused. Guide: the names are lower-case; another case is ours.
    let parts = whole.once('(').and_then(|(name, rest)| {
        let inner = rest.text.strip_suffix(')').map(|text| rest.part(0..text.len()));
        Some((name.text, inner?))
    });
    match parts {
        Some(("rate", inner)) => rate(inner),
        Some(("cron", inner)) => cron(inner),
        Some(("at", inner)) => at(inner),
        _ => Err(whole.refuse(kinds, repaired(expression))),
    }
}

/// What was probably meant by an expression that is none of the three kinds.
fn repaired(expression: &str) -> Option<String> {
    let bare = expression.trim();
    let lower = bare.split_once('(').map(|(name, rest)| format!("{}({rest}", name.trim().to_lowercase()));
    let wrapped = ["cron", "rate", "at"].map(|name| format!("{name}({bare})"));
    let closed = format!("{bare})");
    let mut attempts = [bare.to_owned(), closed].into_iter().chain(lower).chain(wrapped);
    if let Some(right) = attempts.find(|attempt| is_valid(attempt)) {
        return Some(format!("write `{right}`"));
    }
    let fields = bare.split_whitespace().count();
    (fields == 5).then(|| five(bare))
}

// Only well-formed attempts are parsed, so that looking for a repair does not recurse.
fn is_valid(attempt: &str) -> bool {
    let kinds = ["rate(", "cron(", "at("];
    attempt.ends_with(')') && kinds.iter().any(|kind| attempt.starts_with(kind)) && parse(attempt).is_ok()
}

fn rate(inner: SpannedStr<'_>) -> Result<ScheduleExpression, ScheduleError> {
    let form = "a positive whole number, one space and a unit, such as `rate(15 minutes)`";
    // Recorded: `rate()`, `rate(10)` and `rate( 10 minutes )` are refused. Several blanks: ours.
    let Some((value, unit)) = inner.once(' ') else {
        return Err(
            inner.refuse(form, inner.is_number().then(|| format!("add the unit: `rate({} minutes)`", inner.text)))
        );
    };
    if inner.text.trim() != inner.text || unit.text.contains(' ') {
        let tight = inner.text.split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(inner.refuse(form, Some(format!("remove the extra spaces: `rate({tight})`"))));
    }
    // Recorded: `foo` and `-10` are refused. Guide: a positive number. Leading zeros: unknown, and taken.
    let number = value.text.parse::<u64>().ok().filter(|number| value.is_number() && *number > 0);
    let Some(number) = number else {
        return Err(value.refuse("a positive whole number", None));
    };
    // Recorded: `seconds`, `years` and `minutess` are refused. Guide: singular and plural are both listed, and
    // not bound to the value as they are in rules; public templates for Scheduler have `1 hour`, `1 hours` and `5 minute`.
    // Lower-case as the guide writes them: rules refuse `MINUTES`, and for Scheduler there is no word on it.
    let known = match unit.text {
        "minute" | "minutes" => RateUnit::Minutes,
        "hour" | "hours" => RateUnit::Hours,
        "day" | "days" => RateUnit::Days,
        _ => return Err(unit.refuse("`minutes`, `hours` or `days`", unit_help(number, unit.text))),
    };
    let rate = ScheduleExpression::Rate { value: number, unit: known };
    match rate.period() {
        Some(_) => Ok(rate),
        None => Err(value.refuse("a shorter period", None)),
    }
}

fn unit_help(number: u64, unit: &str) -> Option<String> {
    let lower = unit.to_lowercase();
    let singular = lower.trim_end_matches('s');
    match singular {
        "second" | "sec" | "" if number.is_multiple_of(60) => Some(format!("write `rate({} minutes)`", number / 60)),
        "second" | "sec" | "" => Some("the shortest is `rate(1 minute)`".to_owned()),
        "week" => Some(format!("write `rate({} days)`", number.saturating_mul(7))),
        "month" | "year" => {
            Some("use cron for months and years: `cron(0 0 1 * ? *)` runs on the first day of every month".to_owned())
        }
        "min" | "minute" | "hour" | "day" => {
            let unit = if singular == "min" { "minute" } else { singular };
            Some(format!("write `rate({number} {unit}s)`"))
        }
        _ => None,
    }
}

fn at(inner: SpannedStr<'_>) -> Result<ScheduleExpression, ScheduleError> {
    let form = "a date and time of the form `yyyy-mm-ddThh:mm:ss`";
    // Recorded: `2021-12-31` and `2021-12-31T23:59:59Z` are refused. Guide: exactly this form, no fractions.
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |text: &str| {
        let same = |(byte, form): (u8, &u8)| {
            if *form == b'd' { byte.is_ascii_digit() } else { byte == *form }
        };
        text.len() == shape.len() && text.bytes().zip(shape).all(same)
    };
    if !fits(inner.text) {
        let head = inner.text.get(..shape.len()).filter(|head| fits(head));
        return Err(match head {
            Some(head) => {
                let rest = inner.part(shape.len()..inner.text.len());
                let zone = if rest.text.starts_with('.') { "" } else { ", and set `timezone`, which applies to it" };
                rest.refuse("nothing after the seconds", Some(format!("write `at({head})`{zone}")))
            }
            None if fits(&format!("{}T00:00:00", inner.text)) => {
                inner.refuse(form, Some(format!("add the time: `at({}T00:00:00)`", inner.text)))
            }
            None => {
                let repaired = inner.text.replacen([' ', 't'], "T", 1);
                inner.refuse(form, fits(&repaired).then(|| format!("write `at({repaired})`")))
            }
        });
    }
    // jiff takes the second 60 as 59; AWS knows no leap seconds (ours).
    let time = inner.text.parse::<DateTime>().ok().filter(|_| !inner.text.ends_with("60"));
    time.map(ScheduleExpression::At).ok_or_else(|| inner.refuse("a date and time that exist", None))
}

#[cfg(test)]
mod firings_tests;
#[cfg(test)]
mod tests;
