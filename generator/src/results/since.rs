//! `--since`: a duration before now, a date, a time, or everything.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads the value. `None` means everything.
///
/// # Errors
/// What is allowed, if it is none of these.
pub fn since(text: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let help = || {
        format!(
            "`{text}` is neither a duration such as 7d, 12h or 30m, nor a date such as 2026-11-22, a time such as \
                 2026-11-22T09:00:00Z, or `all`"
        )
    };
    if text == "all" {
        return Ok(None);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time));
    }
    if let Ok(date) = text.parse::<Date>() {
        return date.to_zoned(TimeZone::UTC).map(|start| Some(start.timestamp())).map_err(|_| help());
    }
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(help)?;
    let (number, unit) = text.split_at(split);
    let number: i64 = number.parse().map_err(|_| help())?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 24 * 3_600,
        "w" => 7 * 24 * 3_600,
        _ => return Err(help()),
    };
    let seconds = number.checked_mul(seconds).ok_or_else(help)?;
    now.checked_sub(SignedDuration::from_secs(seconds)).map(Some).map_err(|_| help())
}

/// The value as it is repeated in a summary: ` (--since 7d)`; nothing for everything.
#[must_use]
pub fn range(text: &str) -> String {
    if text == "all" { String::new() } else { format!(" (--since {text})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_dates_and_times_are_read() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("7d", Some("2026-11-22T12:00:00Z")),
            ("2w", Some("2026-11-15T12:00:00Z")),
            ("36h", Some("2026-11-28T00:00:00Z")),
            ("30m", Some("2026-11-29T11:30:00Z")),
            ("2026-11-22", Some("2026-11-22T00:00:00Z")),
            ("2026-11-22T09:00:00+01:00", Some("2026-11-22T08:00:00Z")),
            ("all", None),
        ] {
            let expected = expected.map(|time| time.parse().expect("a time"));
            assert_eq!(since(text, now), Ok(expected), "{text}");
        }
        for text in ["", "7", "d", "yesterday", "-1d", "7 d", "99999999999d", "9223372036854775807m", "2026-13-01"] {
            assert!(since(text, now).is_err_and(|error| error.contains("a duration such as 7d")), "{text}");
        }
    }
}
