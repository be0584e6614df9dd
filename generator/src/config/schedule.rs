//! Judges schedule expressions and time zones as EventBridge Scheduler does, before anything is deployed.
//!
//! Sources, named at each rule: *recorded* = answers of the real service; *guide* = Scheduler User Guide,
//! "Schedule types", and the API reference of `CreateSchedule`; *rules* = verdicts, guide and users' reports of
//! the older EventBridge rules, whose cron dialect is the same; *Quartz* = the dialect that both follow, where AWS is
//! silent; *ours* = no source: the reading that cannot fail at deployment.

use std::{fmt, ops::Range, time::Duration};

use jiff::{civil::DateTime, tz::TimeZoneDatabase};

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
            Self::Rate { value, unit } => {
                value.checked_mul(unit.seconds()).map(Duration::from_secs)
            }
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
        Self {
            text: &self.text[range.clone()],
            start: self.start + range.start,
        }
    }

    fn once(self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((
            self.part(0..at),
            self.part(at + separator.len_utf8()..self.text.len()),
        ))
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
        let found = if self.text.is_empty() {
            "nothing".to_owned()
        } else {
            format!("`{}`", self.text)
        };
        Refusal {
            span: self.start..self.start + self.text.len(),
            found,
            allowed: allowed.into(),
            help: help.into(),
        }
    }
}

/// Reads an expression as AWS does, or says why AWS would refuse it.
pub fn judge(expression: &str) -> Result<Expression, Refusal> {
    let whole = Piece {
        text: expression,
        start: 0,
    };
    let kinds = "`rate(value unit)`, `cron(six fields)` or `at(yyyy-mm-ddThh:mm:ss)`";
    // Guide: CreateSchedule takes 1 to 256 characters.
    if expression.chars().count() > 256 {
        return Err(whole.refuse("at most 256 characters", None));
    }
    // Recorded: a leading blank is refused. Guide: the names are lower-case; another case is ours.
    let parts = whole.once('(').and_then(|(name, rest)| {
        let inner = rest
            .text
            .strip_suffix(')')
            .map(|text| rest.part(0..text.len()));
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
    let lower = bare
        .split_once('(')
        .map(|(name, rest)| format!("{}({rest}", name.trim().to_lowercase()));
    let wrapped = ["cron", "rate", "at"].map(|name| format!("{name}({bare})"));
    let closed = format!("{bare})");
    let mut attempts = [bare.to_owned(), closed]
        .into_iter()
        .chain(lower)
        .chain(wrapped);
    if let Some(right) = attempts.find(|attempt| judge_quietly(attempt)) {
        return Some(format!("write `{right}`"));
    }
    let fields = bare.split_whitespace().count();
    (fields == 5).then(|| five(bare))
}

// A repair is looked for once: the judge of an attempt must not look for further ones without end.
fn judge_quietly(attempt: &str) -> bool {
    let kinds = ["rate(", "cron(", "at("];
    attempt.ends_with(')')
        && kinds.iter().any(|kind| attempt.starts_with(kind))
        && judge(attempt).is_ok()
}

fn rate(inner: Piece<'_>) -> Result<Expression, Refusal> {
    let form = "a positive whole number, one blank and a unit, such as `rate(15 minutes)`";
    // Recorded: `rate()`, `rate(10)` and `rate( 10 minutes )` are refused. Several blanks: ours.
    let Some((value, unit)) = inner.once(' ') else {
        return Err(inner.refuse(
            form,
            inner
                .is_number()
                .then(|| format!("add the unit: `rate({} minutes)`", inner.text)),
        ));
    };
    if inner.text.trim() != inner.text || unit.text.contains(' ') {
        let tight = inner.text.split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(inner.refuse(form, Some(format!("leave the blanks out: `rate({tight})`"))));
    }
    // Recorded: `foo` and `-10` are refused. Guide: a positive number. Leading zeros: unknown, and taken.
    let number = value
        .text
        .parse::<u64>()
        .ok()
        .filter(|number| value.is_number() && *number > 0);
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
    let rate = Expression::Rate {
        value: number,
        unit: known,
    };
    match rate.period() {
        Some(_) => Ok(rate),
        None => Err(value.refuse("a period that can be counted in seconds", None)),
    }
}

fn unit_help(number: u64, unit: &str) -> Option<String> {
    let lower = unit.to_lowercase();
    let singular = lower.trim_end_matches('s');
    match singular {
        "second" | "sec" | "" if number.is_multiple_of(60) => {
            Some(format!("write `rate({} minutes)`", number / 60))
        }
        "second" | "sec" | "" => Some("the shortest is `rate(1 minute)`".to_owned()),
        "week" => Some(format!("write `rate({} days)`", number.saturating_mul(7))),
        "month" | "year" => {
            Some("a calendar needs cron: `cron(0 0 1 * ? *)` is every first of a month".to_owned())
        }
        "min" | "minute" | "hour" | "day" => {
            let unit = if singular == "min" {
                "minute"
            } else {
                singular
            };
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
            if *form == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == *form
            }
        };
        text.len() == shape.len() && text.bytes().zip(shape).all(same)
    };
    if !fits(inner.text) {
        let head = inner.text.get(..shape.len()).filter(|head| fits(head));
        return Err(match head {
            Some(head) => {
                let rest = inner.part(shape.len()..inner.text.len());
                let zone = if rest.text.starts_with('.') {
                    ""
                } else {
                    ", and set `timezone`: the time is read in it"
                };
                rest.refuse(
                    "nothing after the seconds",
                    Some(format!("write `at({head})`{zone}")),
                )
            }
            None if fits(&format!("{}T00:00:00", inner.text)) => inner.refuse(
                form,
                Some(format!("add the time: `at({}T00:00:00)`", inner.text)),
            ),
            None => {
                let repaired = inner.text.replacen([' ', 't'], "T", 1);
                inner.refuse(
                    form,
                    fits(&repaired).then(|| format!("write `at({repaired})`")),
                )
            }
        });
    }
    // jiff takes the second 60 as 59; AWS knows no leap seconds (ours).
    let time = inner
        .text
        .parse::<DateTime>()
        .ok()
        .filter(|_| !inner.text.ends_with("60"));
    time.map(Expression::At)
        .ok_or_else(|| inner.refuse("a date and time that exist", None))
}

/// One of the six fields of a cron expression.
struct Field {
    name: &'static str,
    low: u64,
    high: u64,
    /// The largest step: Quartz, and a recorded refusal of `*/60` by rules; 0 where no step is taken.
    step: u64,
    names: &'static [&'static str],
}

/// Guide: the table of the six fields.
const FIELDS: [Field; 6] = [
    Field::new("minutes", (0, 59), 59, &[]),
    Field::new("hours", (0, 23), 23, &[]),
    Field::new("day-of-month", (1, 31), 31, &[]),
    Field::new("month", (1, 12), 12, &MONTHS),
    // Guide: `/` is not among the wildcards of this field, alone of all six.
    Field::new("day-of-week", (1, 7), 0, &DAYS),
    Field::new("year", (1970, 2199), 229, &[]),
];

impl Field {
    const fn new(
        name: &'static str,
        (low, high): (u64, u64),
        step: u64,
        names: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            low,
            high,
            step,
            names,
        }
    }
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

fn cron(inner: Piece<'_>) -> Result<Expression, Refusal> {
    let form = "six fields: minutes hours day-of-month month day-of-week year";
    // Guide: separated by white space. Recorded for rates, taken over for cron: none inside the brackets' ends.
    let fields = inner
        .split(|c| c == ' ' || c == '\t')
        .filter(|field| !field.text.is_empty())
        .collect::<Vec<_>>();
    let texts = fields.iter().map(|field| field.text).collect::<Vec<_>>();
    if inner.text.trim() != inner.text {
        return Err(inner.refuse(
            form,
            Some(format!(
                "leave the outer blanks out: `cron({})`",
                texts.join(" ")
            )),
        ));
    }
    // Recorded: `cron()` and `cron(INVALID)` are refused.
    let Ok(fields) = <[Piece<'_>; 6]>::try_from(fields) else {
        let help = match texts.len() {
            5 => five(inner.text),
            _ => "for example `cron(0 18 ? * MON-FRI *)`: 18:00 from Monday to Friday".to_owned(),
        };
        let mut refusal = inner.refuse(form, Some(help));
        if texts.len() == 1 {
            refusal.found.push_str(", 1 field");
        } else if texts.len() > 1 {
            refusal.found = format!("{} fields", texts.len());
        }
        return Err(refusal);
    };
    for (index, piece) in fields.iter().enumerate() {
        cron_field(index, *piece)?;
    }
    days(&fields)?;
    Ok(Expression::Cron(fields.map(|field| field.text.to_owned())))
}

/// What to write for the five fields of a Unix crontab.
fn five(bare: &str) -> String {
    let mut fields = bare.split_whitespace().collect::<Vec<_>>();
    // Days are counted from 0 there and from 1 here: a number cannot simply be taken over.
    let counted = fields
        .get(DAY_OF_WEEK)
        .is_some_and(|days| days.contains(|c: char| c.is_ascii_digit()));
    if let Some(free) = [DAY_OF_WEEK, DAY_OF_MONTH]
        .into_iter()
        .find(|index| fields.get(*index) == Some(&"*"))
    {
        fields[free] = "?";
    }
    fields.push("*");
    let attempt = format!("cron({})", fields.join(" "));
    if !counted && judge_quietly(&attempt) {
        return format!(
            "AWS has a sixth field, the year, and one of the two days is `?`: write `{attempt}`"
        );
    }
    "AWS has a sixth field, the year, and counts days from 1 (`SUN`): `cron(0 18 ? * MON-FRI *)`"
        .to_owned()
}

/// Recorded: `* *` is refused. Guide and rules: a value or `*` in one of the two days needs `?` in the other;
/// that `? ?` is refused as well is Quartz.
fn days(fields: &[Piece<'_>; 6]) -> Result<(), Refusal> {
    let (month, week) = (fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]);
    let with = |index: usize, text: &str| {
        let mut texts = fields.map(|field| field.text);
        texts[index] = text;
        Some(format!("write `cron({})`", texts.join(" ")))
    };
    let allowed = "`?` in exactly one of day-of-month and day-of-week";
    Err(match (month.text, week.text) {
        ("?", "?") => month.refuse(allowed, with(DAY_OF_MONTH, "*")),
        ("?", _) | (_, "?") => return Ok(()),
        (_, "*") => week.refuse(allowed, with(DAY_OF_WEEK, "?")),
        ("*", _) => month.refuse(allowed, with(DAY_OF_MONTH, "?")),
        _ => week.refuse(
            allowed,
            Some("AWS cannot join the two: keep one and write `?` for the other".to_owned()),
        ),
    })
}

fn cron_field(index: usize, piece: Piece<'_>) -> Result<(), Refusal> {
    let field = &FIELDS[index];
    if piece.text == "?" && [DAY_OF_MONTH, DAY_OF_WEEK].contains(&index) {
        return Ok(());
    }
    if let Some(verdict) = special(index, piece) {
        return verdict;
    }
    for item in piece.split(|c| c == ',') {
        // Guide: `3#1,6#3` is refused. Quartz: `L` and `W` stand alone too.
        if special(index, item).is_some() {
            return Err(item.refuse(
                "`L`, `W` and `#` only alone in their field, not in a list",
                None,
            ));
        }
        let (range, step) = item
            .once('/')
            .map_or((item, None), |(range, step)| (range, Some(step)));
        if let Some(step) = step {
            check_step(field, item, step)?;
        }
        if range.text == "*" {
            continue;
        }
        // Recorded: `8-8`, `0-15/1` and `0-23/2` are accepted.
        let Some((from, to)) = range.once('-') else {
            value(field, if range.text.is_empty() { item } else { range })?;
            continue;
        };
        if from.text.is_empty() || to.text.is_empty() {
            return Err(range.refuse(span_of(field), None));
        }
        // Quartz: a range may wrap around (`22-2`, `FRI-MON`), but time does not wrap around the years.
        if value(field, from)? > value(field, to)? && field.name == "year" {
            return Err(range.refuse("years in rising order", None));
        }
    }
    Ok(())
}

/// The forms of the days that are no lists; `None` for whatever is not of such a form.
fn special(index: usize, piece: Piece<'_>) -> Option<Result<(), Refusal>> {
    let field = &FIELDS[index];
    let end = piece.text.len();
    // Rules: `sun,mon` and `mOn` are accepted, so letters count in either case.
    let upper = piece.text.to_ascii_uppercase();
    let count = |number: Piece<'_>, high: u64, allowed: &str| {
        let fits = number.is_number()
            && number
                .text
                .parse()
                .is_ok_and(|number| (1..=high).contains(&number));
        if fits {
            Ok(())
        } else {
            Err(number.refuse(allowed, None))
        }
    };
    match (index, upper.as_str()) {
        // Guide: `L` and `3W`. Rules: `LW` and `L-2`; Quartz: at most `L-30`.
        (DAY_OF_MONTH, "L" | "LW") | (DAY_OF_WEEK, "L") => Some(Ok(())),
        (DAY_OF_MONTH, text) if text.starts_with("L-") => {
            Some(count(piece.part(2..end), 30, "`L-1` to `L-30`"))
        }
        (DAY_OF_MONTH, text) if text.ends_with('W') => {
            Some(value(field, piece.part(0..end - 1)).map(drop))
        }
        // Rules: `6L` and `SAT#3` are accepted. Guide: `3#2` is the second TUE of the month.
        (DAY_OF_WEEK, text) if text.ends_with('L') => {
            Some(value(field, piece.part(0..end - 1)).map(drop))
        }
        (DAY_OF_WEEK, text) if text.contains('#') && !text.contains(',') => {
            let (day, nth) = piece.once('#')?;
            Some(
                value(field, day)
                    .and_then(|_| count(nth, 5, "`#1` to `#5`, the week of the month")),
            )
        }
        _ => None,
    }
}

fn check_step(field: &Field, item: Piece<'_>, step: Piece<'_>) -> Result<(), Refusal> {
    if field.step == 0 {
        return Err(item.refuse(
            "no steps in day-of-week",
            Some("name the days: `MON,WED,FRI`".to_owned()),
        ));
    }
    let fits = step.is_number()
        && step
            .text
            .parse()
            .is_ok_and(|step| (1..=field.step).contains(&step));
    if fits {
        return Ok(());
    }
    let help = match field.name {
        "minutes" => {
            "every hour is `0` in minutes and `*` in hours; other periods are a `rate(..)`"
                .to_owned()
        }
        _ => "a longer period is a `rate(..)`".to_owned(),
    };
    Err(step.refuse(
        format!("a step of 1 to {} in {}", field.step, field.name),
        step.is_number().then_some(help),
    ))
}

/// A number or a name as its number. Rules: `00` and the like are accepted.
fn value(field: &Field, piece: Piece<'_>) -> Result<u64, Refusal> {
    let named = || {
        field
            .names
            .iter()
            .zip(field.low..)
            .find(|(name, _)| piece.text.eq_ignore_ascii_case(name))
    };
    let number = if piece.is_number() {
        piece.text.parse().ok()
    } else {
        named().map(|(_, number)| number)
    };
    if let Some(number) = number.filter(|number| (field.low..=field.high).contains(number)) {
        return Ok(number);
    }
    let long = piece.text.get(..3).and_then(|head| {
        field
            .names
            .iter()
            .find(|name| head.eq_ignore_ascii_case(name))
    });
    let help = match (piece.text, long) {
        ("?", _) => Some("`?` is for the two days only: write `*`".to_owned()),
        ("0" | "8", _) if !field.names.is_empty() && field.high == 7 => {
            Some("`1` is `SUN` and `7` is `SAT`, not as in a crontab: names are plainer".to_owned())
        }
        (_, Some(short)) => Some(format!("write `{short}`")),
        _ => None,
    };
    Err(piece.refuse(span_of(field), help))
}

fn span_of(field: &Field) -> String {
    let numbers = format!("{} to {}", field.low, field.high);
    match (field.names.first(), field.names.last()) {
        (Some(first), Some(last)) => format!("{numbers} or {first} to {last} in {}", field.name),
        _ => format!("{numbers} in {}", field.name),
    }
}

/// Says whether AWS knows a time zone: the names of the IANA database, in exactly their case.
pub fn judge_timezone(name: &str) -> Result<(), Refusal> {
    let piece = Piece {
        text: name,
        start: 0,
    };
    // The database inside the program: what a machine has installed must not change a verdict.
    let database = TimeZoneDatabase::bundled();
    let known = database
        .available()
        .map(|known| known.to_string())
        .collect::<Vec<_>>();
    // Guide: at most 50 characters, which every name of the database keeps to.
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    let flat = |text: &str| text.trim().to_lowercase().replace([' ', '-'], "_");
    let wanted = flat(name);
    let likeness = |known: &str| {
        let known = flat(known);
        let city = known.rsplit('/').next().unwrap_or_default();
        strsim::jaro_winkler(&wanted, &known).max(strsim::jaro_winkler(&wanted, city))
    };
    // Among equals the first with a continent: `US/..` and bare names are links kept for old systems.
    let rank = |known: &str| {
        (
            likeness(known),
            known.contains('/') && !known.starts_with("US/"),
        )
    };
    let best = known
        .iter()
        .map(|known| (rank(known), known))
        .max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let help = match best {
        Some(((likeness, _), best)) if likeness > 0.87 && !wanted.is_empty() => {
            format!("did you mean `{best}`?")
        }
        _ => "name a place, such as `Europe/Zurich`, or `UTC`: an offset cannot follow summer time"
            .to_owned(),
    };
    Err(piece.refuse("a name of the IANA time zone database", help))
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
            assert!(
                judge(expression).is_ok(),
                "{expression}: {:?}",
                judge(expression)
            );
        }
    }

    #[test]
    fn refuses_at_the_wrong_place_with_help() {
        for line in REFUSED.lines() {
            let (expression, rest) = line.split_once(" =>").expect(line);
            let (covered, help) = rest.split_once(" =>").expect(line);
            let refusal = judge(expression).expect_err(expression);
            let shown = format!("{expression}: {refusal:?}");
            assert_eq!(
                expression[refusal.span.clone()].trim(),
                covered.trim(),
                "{shown}"
            );
            assert!(
                refusal.help.unwrap_or_default().contains(help.trim()),
                "{shown}"
            );
            assert!(
                !refusal.found.is_empty() && !refusal.allowed.is_empty(),
                "{shown}"
            );
        }
        let trailing = judge("rate(10 minutes) ").expect_err("a trailing blank");
        assert_eq!(trailing.help.as_deref(), Some("write `rate(10 minutes)`"));
        let long = format!("cron(0 8 {} * ? *)", vec!["1"; 200].join(","));
        assert!(judge("").is_err() && judge(&long).is_err());
    }

    #[test]
    fn points_at_the_right_one_of_equal_fields() {
        assert_eq!(
            judge("cron(0 1 * * * *)").expect_err("two days").span,
            13..14
        );
        assert_eq!(
            judge("cron(5, * * * ? *)").expect_err("empty item").span,
            7..7
        );
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
        for name in [
            "UTC",
            "Europe/Zurich",
            "America/Argentina/Buenos_Aires",
            "Asia/Kolkata",
            "US/Eastern",
            "Etc/GMT+5",
        ] {
            assert_eq!(judge_timezone(name), Ok(()), "{name}");
        }
        let helps = [
            ("Europe/Zürich", "`Europe/Zurich`"),
            ("europe/zurich", "`Europe/Zurich`"),
            ("New York", "`America/New_York`"),
            ("Asia/Tokio", "`Asia/Tokyo`"),
            ("utc", "UTC`"),
            ("+01:00", "name a place"),
            ("", "name a place"),
        ];
        for (name, help) in helps {
            let refusal = judge_timezone(name).expect_err(name);
            assert!(
                refusal.help.as_deref().unwrap_or_default().contains(help),
                "{name}: {refusal:?}"
            );
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
        let recorded = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text)
            .expect("valid JSON");
        let mut seen = (0, 0);
        for (name, _) in recorded {
            let Some((test, expression)) = name
                .split_once('[')
                .and_then(|(test, rest)| Some((test, rest.strip_suffix(']')?)))
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
        assert!(
            seen.0 >= 17 && seen.1 >= 6,
            "only {seen:?} verdicts were found"
        );
    }
}
