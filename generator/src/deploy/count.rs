//! A count that may be a lower bound, since counting millions of rows or objects takes too long.

use std::fmt;

use serde::Serialize;

/// A number that is exact, old, or a lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// All were counted.
    Exactly(u64),
    /// The service's estimate, which may be hours old.
    About(u64),
    /// Counting stopped here.
    MoreThan(u64),
}

impl Count {
    /// Whether there is certainly nothing.
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self, Self::Exactly(0))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => f.write_str(&grouped(*number)),
            Self::About(number) => write!(f, "about {}", grouped(*number)),
            Self::MoreThan(number) => write!(f, "more than {}", grouped(*number)),
        }
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(Count::About(1_200_000).to_string(), "about 1,200,000");
        assert!(Count::Exactly(0).is_none() && !Count::About(0).is_none());
    }
}
