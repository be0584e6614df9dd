//! How long to wait before another try: as long as the other side asks, or a random time that grows.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The first backoff is at most this; each further one at most twice the one before.
const FIRST: Duration = Duration::from_millis(250);

/// No backoff is longer than this.
const LONGEST: Duration = Duration::from_secs(8);

/// How long a `Retry-After` asks to wait: seconds, or an HTTP date, seen from `now`. A date in the past is no wait.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "never", and are not to be taken for "unsaid".
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// A random wait before the try that follows `tries` failed ones: from nothing to the whole of a growing time, so that
/// those who failed together do not come back together.
#[must_use]
pub fn backoff(tries: u32) -> Duration {
    spread(FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST))
}

/// A random part of a time.
#[must_use]
pub fn spread(most: Duration) -> Duration {
    // The standard library keys every hasher anew; its empty hash is as random as this needs.
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(u32::MAX);
    most.mul_f64(f64::from(random) / f64::from(u32::MAX))
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
    fn backoff_is_spread_and_bounded() {
        let waits: Vec<_> = (0..200).map(|_| backoff(3)).collect();
        assert!(waits.iter().all(|wait| *wait <= FIRST * 4));
        assert!(waits.iter().any(|wait| *wait < FIRST) && waits.iter().any(|wait| *wait > FIRST * 3));
        assert!(backoff(u32::MAX) <= LONGEST && backoff(0) <= FIRST);
    }
}
