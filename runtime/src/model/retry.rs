//! How long to wait before a retry: `Retry-After`, or exponential backoff with jitter.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Maximum first backoff. It doubles with each attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// Maximum of all backoffs.
const MAX_BACKOFF: Duration = Duration::from_secs(8);

/// Parses a `Retry-After` header: seconds, or an HTTP date relative to `now`. A date in the past is a wait of zero.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for `u64` is a long wait, not an invalid header.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// A random wait before the retry that follows a number of failed attempts. Full jitter, so that callers that failed
/// together do not retry together.
#[must_use]
pub fn backoff(failed: u32) -> Duration {
    jitter(FIRST_BACKOFF.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(MAX_BACKOFF))
}

/// A random duration up to a maximum.
#[must_use]
pub fn jitter(max: Duration) -> Duration {
    // The standard library seeds each hasher randomly, which is random enough here.
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(u32::MAX);
    max.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-22T09:00:00Z".parse().expect("a time");
        let wait = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(wait("0"), Some(0));
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(wait("Sun, 22 Nov 2026 09:00:30 GMT"), Some(30));
        assert_eq!(wait("Sun, 22 Nov 2026 08:59:30 GMT"), Some(0));
        for text in ["", "soon", "-1", "1.5", "2026-11-22"] {
            assert_eq!(wait(text), None, "{text}");
        }
    }

    #[test]
    fn backoff_is_random_and_bounded() {
        let waits: Vec<_> = (0..200).map(|_| backoff(3)).collect();
        assert!(waits.iter().all(|wait| *wait <= FIRST_BACKOFF * 4));
        assert!(waits.iter().any(|wait| *wait < FIRST_BACKOFF) && waits.iter().any(|wait| *wait > FIRST_BACKOFF * 3));
        assert!(backoff(u32::MAX) <= MAX_BACKOFF && backoff(0) <= FIRST_BACKOFF);
    }
}
