//! The dates of feeds: RFC 3339, RFC 2822, and common deviations from both.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// The months by their first letters in English (RFC 2822).
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Time zone abbreviations, in hours from UTC (RFC 2822, 4.3).
const ZONES: [(&str, i8); 13] = [
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("CET", 1),
];

/// Parses a date. Without a time zone it is UTC, and without a time it is the start of the day.
pub fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    text.parse().ok().or_else(|| iso(text)).or_else(|| rfc_2822(text))
}

/// `2026-11-22`, `2026-11-22T09:30`, `2026-11-22 09:30:00 +0100` and the like.
fn iso(text: &str) -> Option<Timestamp> {
    let mut numbers = text.get(..text.find(['T', 't', ' ']).unwrap_or(text.len()))?.split('-');
    let mut number = || numbers.next()?.parse::<i16>().ok();
    let year = number()?;
    let date = Date::new(year, i8::try_from(number().unwrap_or(1)).ok()?, i8::try_from(number().unwrap_or(1)).ok()?);
    let date = date.ok().filter(|_| year >= 1_000)?;
    let rest = text.find(['T', 't', ' ']).map_or("", |end| text[end + 1..].trim());
    let zone = rest.find(['+', '-', 'Z', 'z', ' ']).unwrap_or(rest.len());
    at(date, &rest[..zone], rest[zone..].trim())
}

/// `Sun, 22 Nov 2026 09:30:00 GMT`, with any name of the day and in looser forms.
fn rfc_2822(text: &str) -> Option<Timestamp> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split([' ', '-', '\t']).filter(|word| !word.is_empty()).peekable();
    // The name of the day without a comma after it.
    words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic()) && month(word).is_none());
    let (first, second) = (words.next()?, words.next()?);
    let (day, month) = match month(first) {
        Some(month) => (second, month),
        None => (first, month(second)?),
    };
    let year = words.next()?.parse::<i16>().ok()?;
    let year = match year {
        0..=49 => year + 2_000,
        50..=99 => year + 1_900,
        year => year,
    };
    let date = Date::new(year, month, day.parse().ok()?).ok()?;
    let time = words.next().unwrap_or_default();
    // The minus sign of a zone was taken for a separator.
    let zone = text.rsplit_once(time).filter(|_| !time.is_empty()).map_or("", |(_, zone)| zone.trim());
    at(date, time, zone)
}

fn month(word: &str) -> Option<i8> {
    let start = word.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().position(|month| *month == start).and_then(|index| i8::try_from(index + 1).ok())
}

/// A date, a time (`9:30`, `09:30:00.5`, or nothing), and a zone.
fn at(date: Date, time: &str, zone: &str) -> Option<Timestamp> {
    let mut parts = time.split([':', '.']).filter(|part| !part.is_empty());
    let mut part = || parts.next().map_or(Ok(0), str::parse::<i8>).ok();
    let time = Time::new(part()?, part()?, part()?.min(59), 0).ok()?;
    let offset = offset(zone)?;
    offset.to_timestamp(date.to_datetime(time)).ok()
}

fn offset(zone: &str) -> Option<Offset> {
    let zone = zone.trim_matches(['(', ')', ' ']).to_ascii_uppercase();
    if zone.is_empty() {
        return Some(Offset::UTC);
    }
    if let Some((_, hours)) = ZONES.iter().find(|(known, _)| *known == zone) {
        return Offset::from_hours(*hours).ok();
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = zone[1..].chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2).unwrap_or((&digits, ""));
    let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i32>().ok() };
    let seconds = number(hours)?.checked_mul(3_600)?.checked_add(number(minutes)?.checked_mul(60)?)?;
    Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_parsed_as_feeds_write_them() {
        for (text, expected) in [
            ("2026-11-22T09:30:00Z", "2026-11-22T09:30:00Z"),
            ("2026-11-22T09:30:00.123+01:00", "2026-11-22T08:30:00.123Z"),
            ("2026-11-22T09:30:00+0100", "2026-11-22T08:30:00Z"),
            ("2017-06-13T03:18:00+00:0", "2017-06-13T03:18:00Z"),
            ("2026-11-22 09:30:00 +0100", "2026-11-22T08:30:00Z"),
            ("2026-11-22T09:30", "2026-11-22T09:30:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z"),
            ("Sun, 22 Nov 2026 09:30:00 GMT", "2026-11-22T09:30:00Z"),
            ("Sun, 22 Nov 2026 09:30:00 -0500", "2026-11-22T14:30:00Z"),
            ("Sunday, 22 November 2026 09:30:00 EST", "2026-11-22T14:30:00Z"),
            // The wrong day of the week, and its name in another language.
            ("Mon, 22 Nov 2026 09:30:00 +0000", "2026-11-22T09:30:00Z"),
            ("So, 22 Nov 2026 9:30 +0100", "2026-11-22T08:30:00Z"),
            ("22 Nov 2026 09:30:00 Z", "2026-11-22T09:30:00Z"),
            ("Sun Nov 22 2026 09:30:00 GMT", "2026-11-22T09:30:00Z"),
            ("22 Nov 26", "2026-11-22T00:00:00Z"),
            ("22-Nov-2026 09:30:00", "2026-11-22T09:30:00Z"),
            ("Fri, 08 May 2020 11:11:02 -0000", "2020-05-08T11:11:02Z"),
        ] {
            assert_eq!(read(text).map(|time| time.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn texts_without_a_date_are_refused() {
        for text in
            ["", "yesterday", "2026-13-40", "32 Nov 2026", "12:30", "-", "Sun, 22 Foo 2026", "é", "1", "20261122"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        for zone in ["+002147483647", "-002147483647", "+9900", "+0035791395", "+99999999999999999999"] {
            for time in ["2026-11-22T09:30:00", "22 Nov 2026 09:30:00 "] {
                assert_eq!(read(&format!("{time}{zone}")), None, "{time}{zone}");
            }
        }
    }
}
