//! The six fields of a cron expression.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{ScheduleError, ScheduleExpression, SpannedStr, is_valid};

/// One of the six fields of a cron expression.
struct CronField {
    name: &'static str,
    low: u64,
    high: u64,
    /// The largest step: Quartz, and a recorded refusal of `*/60` by rules; 0 where no step is taken.
    step: u64,
    names: &'static [&'static str],
}

/// Guide: the table of the six fields.
const FIELDS: [CronField; 6] = [
    CronField::new("minutes", (0, 59), 59, &[]),
    CronField::new("hours", (0, 23), 23, &[]),
    CronField::new("day-of-month", (1, 31), 31, &[]),
    CronField::new("month", (1, 12), 12, &MONTHS),
    // Guide: `/` is not among the wildcards of this field, alone of all six.
    CronField::new("day-of-week", (1, 7), 0, &DAYS),
    CronField::new("year", (1970, 2199), 229, &[]),
];

impl CronField {
    const fn new(name: &'static str, (low, high): (u64, u64), step: u64, names: &'static [&'static str]) -> Self {
        Self { name, low, high, step, names }
    }
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
pub(super) const DAY_OF_MONTH: usize = 2;
pub(super) const DAY_OF_WEEK: usize = 4;

pub(super) fn cron(inner: SpannedStr<'_>) -> Result<ScheduleExpression, ScheduleError> {
    let form = "six fields: minutes hours day-of-month month day-of-week year";
    // Guide: separated by white space. Recorded for rates, taken over for cron: none inside the brackets' ends.
    let fields = inner.split(|c| c == ' ' || c == '\t').filter(|field| !field.text.is_empty()).collect::<Vec<_>>();
    let texts = fields.iter().map(|field| field.text).collect::<Vec<_>>();
    if inner.text.trim() != inner.text {
        return Err(inner.refuse(form, Some(format!("remove the outer spaces: `cron({})`", texts.join(" ")))));
    }
    // Recorded: `cron()` and `cron(INVALID)` are refused.
    let Ok(fields) = <[SpannedStr<'_>; 6]>::try_from(fields) else {
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
    Ok(ScheduleExpression::Cron(fields.map(|field| field.text.to_owned())))
}

/// What to write for the five fields of a Unix crontab.
pub(super) fn five(bare: &str) -> String {
    let fields = bare.split_whitespace().collect::<Vec<_>>();
    let general =
        "AWS has a sixth field, the year, and counts days from 1 (`SUN`), for example `cron(0 18 ? * MON-FRI *)`";
    let [minutes, hours, month_day, month, week_day] = fields[..] else { return general.to_owned() };
    let Some(week_day) = unix_week_days(week_day) else { return general.to_owned() };
    let (month_day, week_day) = match (month_day, week_day.as_str()) {
        (month_day, "*") => (month_day, "?"),
        ("*", week_day) => ("?", week_day),
        // Unix runs on days that match either, which takes two schedules in AWS.
        (month_day, week_day) => {
            let each =
                [(month_day, "?"), ("?", week_day)].map(|(d, w)| format!("cron({minutes} {hours} {d} {month} {w} *)"));
            return match each.iter().all(|attempt| is_valid(attempt)) {
                true => format!("AWS cannot combine the two kinds of days: choose `{}` or `{}`", each[0], each[1]),
                false => general.to_owned(),
            };
        }
    };
    let attempt = format!("cron({minutes} {hours} {month_day} {month} {week_day} *)");
    match is_valid(&attempt) {
        true => format!("AWS has a sixth field, the year, and one of the two days is `?`: write `{attempt}`"),
        false => general.to_owned(),
    }
}

/// Days of the week of a Unix crontab (0 and 7 are Sunday) by their names, which mean the same in both.
fn unix_week_days(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let day = |text: &str| match text.parse::<usize>() {
        Ok(number) => DAYS.get(number % 7).filter(|_| number <= 7).map(|_| number),
        Err(_) => DAYS.iter().position(|day| text.eq_ignore_ascii_case(day)),
    };
    let mut days = Vec::new();
    for item in text.split(',') {
        let (range, step) = item.split_once('/').map_or((item, Some(1)), |(range, step)| (range, step.parse().ok()));
        let step = step.filter(|step| (1..=7).contains(step))?;
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => (day(from)?, day(to)?),
            None if step > 1 => (day(range)?, 6),
            None => (day(range)?, day(range)?),
        };
        match step {
            1 if from < to => days.push(format!("{}-{}", DAYS[from % 7], DAYS[to % 7])),
            _ if from > to => return None,
            _ => days.extend((from..=to).step_by(step).map(|day| DAYS[day % 7].to_owned())),
        }
    }
    Some(days.join(","))
}

/// Days of the week that are written as numbers, with their place and what they mean: AWS counts from 1 (`SUN`), a Unix
/// crontab from 0.
pub(super) fn numbered_days(expression: &str) -> Option<(Range<usize>, String)> {
    let inner = SpannedStr { text: expression, start: 0 }.once('(')?.1;
    let fields = inner.split(|c| " \t)".contains(c)).filter(|field| !field.text.is_empty());
    let field = fields.into_iter().nth(DAY_OF_WEEK)?;
    let name = |number: &str| DAYS.get(number.parse::<usize>().ok()?.checked_sub(1)?).copied();
    let meant = |item: &str| match item.split_once('-') {
        Some((from, to)) => Some(format!("{}-{}", name(from)?, name(to)?)),
        None => name(item).map(str::to_owned),
    };
    let days = field.text.split(',').map(meant).collect::<Option<Vec<_>>>()?;
    Some((field.start..field.start + field.text.len(), days.join(",")))
}

/// Recorded: `* *` is refused. Guide and rules: a value or `*` in one of the two days needs `?` in the other;
/// that `? ?` is refused as well is Quartz.
fn days(fields: &[SpannedStr<'_>; 6]) -> Result<(), ScheduleError> {
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
        _ => week.refuse(allowed, Some("AWS cannot combine the two: keep one and write `?` for the other".to_owned())),
    })
}

fn cron_field(index: usize, piece: SpannedStr<'_>) -> Result<(), ScheduleError> {
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
            return Err(item.refuse("`L`, `W` and `#` alone in their field, not in a list", None));
        }
        let (range, step) = item.once('/').map_or((item, None), |(range, step)| (range, Some(step)));
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
            return Err(range.refuse("years in ascending order", None));
        }
    }
    Ok(())
}

/// The forms of the days that are no lists; `None` for whatever is not of such a form.
fn special(index: usize, piece: SpannedStr<'_>) -> Option<Result<(), ScheduleError>> {
    let field = &FIELDS[index];
    let end = piece.text.len();
    // Rules: `sun,mon` and `mOn` are accepted, so letters count in either case.
    let upper = piece.text.to_ascii_uppercase();
    let count = |number: SpannedStr<'_>, high: u64, allowed: &str| {
        let fits = number.is_number() && number.text.parse().is_ok_and(|number| (1..=high).contains(&number));
        if fits { Ok(()) } else { Err(number.refuse(allowed, None)) }
    };
    match (index, upper.as_str()) {
        // Guide: `L` and `3W`. Rules: `LW` and `L-2`; Quartz: at most `L-30`.
        (DAY_OF_MONTH, "L" | "LW") | (DAY_OF_WEEK, "L") => Some(Ok(())),
        (DAY_OF_MONTH, text) if text.starts_with("L-") => Some(count(piece.part(2..end), 30, "`L-1` to `L-30`")),
        (DAY_OF_MONTH, text) if text.ends_with('W') => Some(value(field, piece.part(0..end - 1)).map(drop)),
        // Rules: `6L` and `SAT#3` are accepted. Guide: `3#2` is the second TUE of the month.
        (DAY_OF_WEEK, text) if text.ends_with('L') => Some(value(field, piece.part(0..end - 1)).map(drop)),
        (DAY_OF_WEEK, text) if text.contains('#') && !text.contains(',') => {
            let (day, nth) = piece.once('#')?;
            Some(value(field, day).and_then(|_| count(nth, 5, "`#1` to `#5`, the week of the month")))
        }
        _ => None,
    }
}

fn check_step(field: &CronField, item: SpannedStr<'_>, step: SpannedStr<'_>) -> Result<(), ScheduleError> {
    if field.step == 0 {
        return Err(item.refuse("no steps in day-of-week", Some("name the days: `MON,WED,FRI`".to_owned())));
    }
    let fits = step.is_number() && step.text.parse().is_ok_and(|step| (1..=field.step).contains(&step));
    if fits {
        return Ok(());
    }
    let help = match field.name {
        "minutes" => "every hour is `0` in minutes and `*` in hours; other periods are a `rate(..)`".to_owned(),
        _ => "a longer period is a `rate(..)`".to_owned(),
    };
    Err(step.refuse(format!("a step of 1 to {} in {}", field.step, field.name), step.is_number().then_some(help)))
}

/// A number or a name as its number. Rules: `00` and the like are accepted.
fn value(field: &CronField, piece: SpannedStr<'_>) -> Result<u64, ScheduleError> {
    let named = || field.names.iter().zip(field.low..).find(|(name, _)| piece.text.eq_ignore_ascii_case(name));
    let number = if piece.is_number() { piece.text.parse().ok() } else { named().map(|(_, number)| number) };
    if let Some(number) = number.filter(|number| (field.low..=field.high).contains(number)) {
        return Ok(number);
    }
    let long = piece.text.get(..3).and_then(|head| field.names.iter().find(|name| head.eq_ignore_ascii_case(name)));
    let help = match (piece.text, long) {
        ("?", _) => Some("`?` is allowed in the two day fields only: write `*`".to_owned()),
        ("0" | "8", _) if !field.names.is_empty() && field.high == 7 => {
            Some("`1` is `SUN` and `7` is `SAT`, unlike in a crontab: names are clearer".to_owned())
        }
        (_, Some(short)) => Some(format!("write `{short}`")),
        _ => None,
    };
    Err(piece.refuse(span_of(field), help))
}

fn span_of(field: &CronField) -> String {
    let numbers = format!("{} to {}", field.low, field.high);
    match (field.names.first(), field.names.last()) {
        (Some(first), Some(last)) => format!("{numbers} or {first} to {last} in {}", field.name),
        _ => format!("{numbers} in {}", field.name),
    }
}

/// All values of a valid field that is a list: numbers, names, ranges and steps.
pub(super) fn field_values(index: usize, text: &str) -> BTreeSet<u64> {
    let field = &FIELDS[index];
    let number = |text: &str| value(field, SpannedStr { text, start: 0 }).ok();
    let mut values = BTreeSet::new();
    for item in text.split(',') {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, step.parse().ok()));
        let bounds = match range.split_once('-') {
            _ if range == "*" => Some((field.low, field.high)),
            Some((from, to)) => number(from).zip(number(to)),
            // `5/15` goes on to the end, `5` does not.
            None => number(range).map(|from| (from, if step.is_some() { field.high } else { from })),
        };
        let Some((from, to)) = bounds else { continue };
        // Quartz: a range that wraps around counts its steps on across the end.
        let count = field.high - field.low + 1;
        let to = if from > to { to + count } else { to };
        let step = usize::try_from(step.unwrap_or(1_u64).max(1)).unwrap_or(usize::MAX);
        values.extend((from..=to).step_by(step).map(|value| if value > field.high { value - count } else { value }));
    }
    values
}
