//! How fast messages are moved: `10/s`, `600/m`, `5`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::deploy::aws::sqs::messages::BATCH;

/// Messages per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MessageRate(f64);

impl MessageRate {
    /// The most messages of one step.
    #[must_use]
    pub fn step(self) -> usize {
        // A slower rate than one per second waits longer between single messages.
        (1..=BATCH).rev().find(|messages| *messages as f64 <= self.0).unwrap_or(1)
    }

    /// How long so many messages take.
    #[must_use]
    pub fn time(self, messages: usize) -> Duration {
        Duration::try_from_secs_f64(messages as f64 / self.0).unwrap_or(Duration::MAX)
    }
}

impl FromStr for MessageRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            _ => 0.0,
        };
        let number: f64 = number.parse().unwrap_or_default();
        let rate = number / seconds;
        // An hour between two messages is the slowest.
        if rate.is_finite() && rate >= 1.0 / 3_600.0 {
            return Ok(Self(rate));
        }
        Err("a rate is a number of messages per second, minute or hour: 10/s, 90/m, 20/h; at least one per hour"
            .to_owned())
    }
}

impl fmt::Display for MessageRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_kept() {
        for (text, step, ten_ms) in [
            ("10/s", 10, 1_000),
            ("5", 5, 2_000),
            ("2.5/s", 2, 4_000),
            ("90/m", 1, 6_667),
            ("1000", 10, 10),
            ("1/h", 1, 36_000_000),
        ] {
            let rate: MessageRate = text.parse().expect(text);
            let time = rate.time(10).as_secs_f64() * 1_000.0;
            assert_eq!((rate.step(), time.round() as u64), (step, ten_ms), "{text}");
        }
        for text in ["", "0", "0/s", "-1/s", "x", "10/d", "10/", "/s", "inf", "NaN", "1e-9", "10/s/s", "0.5/h"] {
            assert!(text.parse::<MessageRate>().is_err(), "{text}");
        }
    }
}
