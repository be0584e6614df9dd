//! Judges schedule expressions and time zones as EventBridge Scheduler does, before anything is deployed.
//!
//! Sources, named at each rule: *recorded* = answers of the real service; *guide* = Scheduler User Guide,
//! "Schedule types", and the API reference of `CreateSchedule`; *rules* = verdicts, guide and users' reports of
//! the older EventBridge rules, whose cron dialect is the same; *Quartz* = the dialect that both follow, where AWS is
//! silent; *ours* = no source: the reading that cannot fail at deployment.

mod cron;
mod timezone;

use std::{fmt, ops::Range, time::Duration};

use jiff::civil::DateTime;

use cron::{cron, five};
pub use timezone::judge_timezone;

/// Why AWS would refuse an expression or a time zone, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The wrong bytes within what was judged; empty where something is missing.
    pub span: Range<usize>,
    /// What is there, as words for "found ...".
    pub found: String,
    /// What may be there, as words for "allowed: ...".
    pub allowed: String,
    /// What to write instead, where that can be told.
    pub help: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found {}, allowed: {}", self.found, self.allowed)
    }
}

impl std::error::Error for Refusal {}

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Minutes, the finest that there is.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours, whatever the time zone does.
    Days,
}

/// An expression that AWS accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Again and again after the same time.
    Rate {
        /// How many units, at least 1.
        value: u64,
        /// Of what.
        unit: Unit,
    },
    /// At the times that six fields describe: minutes, hours, day-of-month, month, day-of-week, year, as written.
    Cron([String; 6]),
    /// Once, at this time in the schedule's time zone; that it is still to come is not judged here.
    At(DateTime),
}

impl Expression {
    /// The time between two runs; only a rate has one.
    pub fn period(&self) -> Option<Duration> {
        match self {
            Self::Rate { value, unit } => value.checked_mul(unit.seconds()).map(Duration::from_secs),
            Self::Cron(_) | Self::At(_) => None,
        }
    }
}

impl Unit {
    fn seconds(self) -> u64 {
        match self {
            Self::Minutes => 60,
            Self::Hours => 60 * 60,
            Self::Days => 24 * 60 * 60,
        }
    }
}

/// A part of the text that knows where it stands in it.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Piece<'a> {
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

    fn refuse(self, allowed: impl Into<String>, help: impl Into<Option<String>>) -> Refusal {
        let found = if self.text.is_empty() { "nothing".to_owned() } else { format!("`{}`", self.text) };
        Refusal { span: self.start..self.start + self.text.len(), found, allowed: allowed.into(), help: help.into() }
    }
}

/// Reads an expression as AWS does, or says why AWS would refuse it.
pub fn judge(expression: &str) -> Result<Expression, Refusal> {
    let whole = Piece { text: expression, start: 0 };
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

/// What was probably meant by something that is none of the three kinds.
fn repaired(expression: &str) -> Option<String> {
    let bare = expression.trim();
    let lower = bare.split_once('(').map(|(name, rest)| format!("{}({rest}", name.trim().to_lowercase()));
    let wrapped = ["cron", "rate", "at"].map(|name| format!("{name}({bare})"));
    let closed = format!("{bare})");
    let mut attempts = [bare.to_owned(), closed].into_iter().chain(lower).chain(wrapped);
    if let Some(right) = attempts.find(|attempt| judge_quietly(attempt)) {
        return Some(format!("write `{right}`"));
    }
    let fields = bare.split_whitespace().count();
    (fields == 5).then(|| five(bare))
}

// A repair is looked for once: the judge of an attempt must not look for further ones without end.
fn judge_quietly(attempt: &str) -> bool {
    let kinds = ["rate(", "cron(", "at("];
    attempt.ends_with(')') && kinds.iter().any(|kind| attempt.starts_with(kind)) && judge(attempt).is_ok()
}

fn rate(inner: Piece<'_>) -> Result<Expression, Refusal> {
    let form = "a positive whole number, one blank and a unit, such as `rate(15 minutes)`";
    // Recorded: `rate()`, `rate(10)` and `rate( 10 minutes )` are refused. Several blanks: ours.
    let Some((value, unit)) = inner.once(' ') else {
        return Err(
            inner.refuse(form, inner.is_number().then(|| format!("add the unit: `rate({} minutes)`", inner.text)))
        );
    };
    if inner.text.trim() != inner.text || unit.text.contains(' ') {
        let tight = inner.text.split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(inner.refuse(form, Some(format!("leave the blanks out: `rate({tight})`"))));
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
        "minute" | "minutes" => Unit::Minutes,
        "hour" | "hours" => Unit::Hours,
        "day" | "days" => Unit::Days,
        _ => return Err(unit.refuse("`minutes`, `hours` or `days`", unit_help(number, unit.text))),
    };
    let rate = Expression::Rate { value: number, unit: known };
    match rate.period() {
        Some(_) => Ok(rate),
        None => Err(value.refuse("a period that can be counted in seconds", None)),
    }
}

fn unit_help(number: u64, unit: &str) -> Option<String> {
    let lower = unit.to_lowercase();
    let singular = lower.trim_end_matches('s');
    match singular {
        "second" | "sec" | "" if number.is_multiple_of(60) => Some(format!("write `rate({} minutes)`", number / 60)),
        "second" | "sec" | "" => Some("the shortest is `rate(1 minute)`".to_owned()),
        "week" => Some(format!("write `rate({} days)`", number.saturating_mul(7))),
        "month" | "year" => Some("a calendar needs cron: `cron(0 0 1 * ? *)` is every first of a month".to_owned()),
        "min" | "minute" | "hour" | "day" => {
            let unit = if singular == "min" { "minute" } else { singular };
            Some(format!("write `rate({number} {unit}s)`"))
        }
        _ => None,
    }
}

fn at(inner: Piece<'_>) -> Result<Expression, Refusal> {
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
                let zone = if rest.text.starts_with('.') { "" } else { ", and set `timezone`: the time is read in it" };
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
    time.map(Expression::At).ok_or_else(|| inner.refuse("a date and time that exist", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &str = "\
rate(1 minute)
rate(1 hours)
rate(5 minute)
rate(15 minutes)
rate(7 days)
rate(05 minutes)
cron(0 18 ? * MON-FRI *)
cron(0 0 1 1 ? 2027)
cron(15 10 ? * 6L 2022-2023)
cron(0 2 ? * SAT#3 *)
cron(0 9 ? * 2#1 *)
cron(0 8 L * ? *)
cron(0 8 LW * ? *)
cron(0 8 15W * ? *)
cron(0 8 L-2 * ? *)
cron(0 8 ? * L *)
cron(5,35 14 * * ? *)
cron(0 0 1/10,2,3/8 * ? *)
cron(0 22-2 * * ? *)
cron(0 8 ? * fri-Mon *)
cron(0 8 1 nov-feb,JUL ? *)
cron(0/5 8-17 ? * MON-FRI *)
cron(00 07 * * ? *)
cron(0 0 1 */3 ? 1970-2199/2)
cron(59 23 31 12 ? 2199)
cron(0  8 * * ? *)
at(2028-02-29T00:00:00)
at(2027-12-31T23:59:59)
";

    /// Expressions, what the span covers, and a part of the help.
    const REFUSED: &str = "\
rate(10 seconds) => seconds => `rate(1 minute)`
rate(120 seconds) => seconds => `rate(2 minutes)`
rate(30 s) => s => `rate(1 minute)`
rate(2 weeks) => weeks => `rate(14 days)`
rate(10 MINUTES) => MINUTES => `rate(10 minutes)`
rate(1 month) => month => cron(0 0 1 * ? *)
rate(0 minutes) => 0 =>
rate(+5 minutes) => +5 =>
rate(1.5 hours) => 1.5 =>
rate(5  minutes) => 5  minutes => `rate(5 minutes)`
rate(5) => 5 => `rate(5 minutes)`
rate(99999999999999999999 days) => 99999999999999999999 =>
Rate(10 minutes) => Rate(10 minutes) => `rate(10 minutes)`
rate (10 minutes) => rate (10 minutes) => `rate(10 minutes)`
rate(10 minutes => rate(10 minutes => `rate(10 minutes)`
15 minutes => 15 minutes => `rate(15 minutes)`
0 18 * * * => 0 18 * * * => `cron(0 18 * * ? *)`
cron(0 18 * * MON) => 0 18 * * MON => `cron(0 18 ? * MON *)`
cron(0 18 * * 1) => 0 18 * * 1 => counts days from 1
cron(0 0 18 * * ? *) => 0 0 18 * * ? * => cron(0 18
cron( 0 18 * * ? *) =>  0 18 * * ? * => `cron(0 18 * * ? *)`
cron(0 1 * * * *) => * => `cron(0 1 * * ? *)`
cron(0 1 * * MON *) => * => `cron(0 1 ? * MON *)`
cron(0 1 1 * MON *) => MON => keep one
cron(0 1 ? * ? *) => ? => `cron(0 1 * * ? *)`
cron(60 8 * * ? *) => 60 =>
cron(0 24 * * ? *) => 24 =>
cron(0 8 32 * ? *) => 32 =>
cron(0 8 0 * ? *) => 0 =>
cron(0 8 1 13 ? *) => 13 =>
cron(0 8 ? * 0 *) => 0 => `1` is `SUN`
cron(0 8 ? * 2-8 *) => 8 =>
cron(0 8 ? * MONDAY *) => MONDAY => `MON`
cron(0 8 * * ? 1969) => 1969 =>
cron(0 8 * * ? 2200) => 2200 =>
cron(0 8 * * ? 2030-2028) => 2030-2028 =>
cron(? 8 * * ? *) => ? => write `*`
cron(*/60 * * * ? *) => 60 => every hour
cron(*/0 * * * ? *) => 0 =>
cron(0/ * * * ? *) =>  =>
cron(5, * * * ? *) =>  =>
cron(-5 * * * ? *) => -5 =>
cron(1-2-3 * * * ? *) => 2-3 =>
cron(L * * * ? *) => L =>
cron(0 8 1,L * ? *) => L =>
cron(0 8 32W * ? *) => 32 =>
cron(0 8 ? * 3#1,6#3 *) => 3#1 =>
cron(0 8 ? * 3#6 *) => 6 =>
cron(0 8 ? * */2 *) => */2 => MON,WED,FRI
cron(0 8 ? * é *) => é =>
at(2027-01-01T00:00:00Z) => Z => `timezone`
at(2027-01-01T00:00:00+01:00) => +01:00 => `timezone`
at(2027-01-01T00:00:00.5) => .5 => `at(2027-01-01T00:00:00)`
at(2027-01-01) => 2027-01-01 => `at(2027-01-01T00:00:00)`
at(2027-01-01 00:00:00) => 2027-01-01 00:00:00 => `at(2027-01-01T00:00:00)`
at(2027-02-29T00:00:00) => 2027-02-29T00:00:00 =>
at(2027-01-01T24:00:00) => 2027-01-01T24:00:00 =>
at(2027-01-01T00:00:60) => 2027-01-01T00:00:60 =>
at(tomorrow) => tomorrow =>
é( => é( =>
";

    #[test]
    fn accepts_what_aws_accepts() {
        for expression in ACCEPTED.lines() {
            assert!(judge(expression).is_ok(), "{expression}: {:?}", judge(expression));
        }
    }

    #[test]
    fn refuses_at_the_wrong_place_with_help() {
        for line in REFUSED.lines() {
            let (expression, rest) = line.split_once(" =>").expect(line);
            let (covered, help) = rest.split_once(" =>").expect(line);
            let refusal = judge(expression).expect_err(expression);
            let shown = format!("{expression}: {refusal:?}");
            assert_eq!(expression[refusal.span.clone()].trim(), covered.trim(), "{shown}");
            assert!(refusal.help.unwrap_or_default().contains(help.trim()), "{shown}");
            assert!(!refusal.found.is_empty() && !refusal.allowed.is_empty(), "{shown}");
        }
        let trailing = judge("rate(10 minutes) ").expect_err("a trailing blank");
        assert_eq!(trailing.help.as_deref(), Some("write `rate(10 minutes)`"));
        let long = format!("cron(0 8 {} * ? *)", vec!["1"; 200].join(","));
        assert!(judge("").is_err() && judge(&long).is_err());
    }

    #[test]
    fn points_at_the_right_one_of_equal_fields() {
        assert_eq!(judge("cron(0 1 * * * *)").expect_err("two days").span, 13..14);
        assert_eq!(judge("cron(5, * * * ? *)").expect_err("empty item").span, 7..7);
    }

    #[test]
    fn knows_the_period_of_a_rate_only() {
        let period = |expression| judge(expression).expect(expression).period();
        assert_eq!(period("rate(2 hours)"), Some(Duration::from_secs(7_200)));
        assert_eq!(period("rate(1 day)"), Some(Duration::from_secs(86_400)));
        assert_eq!(period("cron(0 8 * * ? *)"), None);
    }

    #[test]
    fn judges_time_zones() {
        for name in
            ["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "US/Eastern", "Etc/GMT+5"]
        {
            assert_eq!(judge_timezone(name), Ok(()), "{name}");
        }
        for name in jiff::tz::TimeZoneDatabase::bundled().available() {
            assert_eq!(judge_timezone(name.as_str()), Ok(()), "{name}");
        }
        let helps = [
            ("Europe/Zürich", "`Europe/Zurich`"),
            ("europe/zurich", "`Europe/Zurich`"),
            ("New York", "`America/New_York`"),
            ("Asia/Tokio", "`Asia/Tokyo`"),
            ("utc", "UTC`"),
            ("+01:00", "name a place"),
            ("", "name a place"),
            ("Etc/Unknown", "name a place"),
        ];
        for (name, help) in helps {
            let refusal = judge_timezone(name).expect_err(name);
            assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{name}: {refusal:?}");
        }
    }

    /// The answers that the real service gave.
    #[test]
    fn agrees_with_the_recorded_verdicts() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../shared/data/events/services_scheduler_test_scheduler.snapshot.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: ../shared is absent");
            return;
        };
        let recorded = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).expect("valid JSON");
        let mut seen = (0, 0);
        for (name, _) in recorded {
            let Some((test, expression)) =
                name.split_once('[').and_then(|(test, rest)| Some((test, rest.strip_suffix(']')?)))
            else {
                continue;
            };
            let verdict = judge(expression);
            if test.ends_with("invalid_schedule_expression") {
                assert!(verdict.is_err(), "AWS refused {expression:?}");
                seen.0 += 1;
            } else if test.ends_with("valid_cron_expressions") {
                assert!(verdict.is_ok(), "AWS accepted {expression:?}: {verdict:?}");
                seen.1 += 1;
            }
        }
        assert!(seen.0 >= 17 && seen.1 >= 6, "only {seen:?} verdicts were found");
    }
}
