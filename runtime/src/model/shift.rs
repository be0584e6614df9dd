//! A shift: the mean score of an item has moved.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The mean score of an item has moved from its baseline, as a sink with the condition `shift` reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The mean before: the baseline.
    pub from: f64,
    /// The mean of the latest days.
    pub to: f64,
    /// How many texts these days have.
    pub texts: u64,
    /// The first of these days, such as `2026-11-22`.
    pub since: String,
    /// How many texts the baseline has.
    pub baseline_texts: u64,
    /// The texts of these days that moved the mean most, at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisive: Vec<DecisiveText>,
}

/// A text that moved the mean of its item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisiveText {
    /// Its title, or its first words if it has none.
    pub title: String,
    /// Its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its score, from -1 to 1.
    pub score: f64,
}

impl Shift {
    /// Whether the mean has risen.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.to > self.from
    }
}

/// The shift in words, without its decisive texts.
impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, texts, since, baseline_texts, .. } = self;
        let direction = if self.is_up() { "up" } else { "down" };
        write!(
            f,
            "mean {direction} from {from:+.2} to {to:+.2} ({texts} texts since {since}, {baseline_texts} texts before)"
        )
    }
}
