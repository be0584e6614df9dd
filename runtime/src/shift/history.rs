//! The daily means of an item, and the days on which it took a new level.

use serde::{Deserialize, Serialize};

use super::statistic::{self, Move};

/// How many days with texts are kept. Longer baselines find smaller moves and give fewer false alarms; sixty days of three
/// short numbers take about one kilobyte, what a write unit of DynamoDB pays for.
pub const MAX_DAYS: usize = 60;

/// Scores are summed up in steps of a ten-thousandth. Sums of integers do not depend on the order of the texts.
const STEPS: f64 = 1e4;

/// The scores of some texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreSum {
    /// How many texts there are.
    pub texts: u32,
    /// The sum of their scores, in ten-thousandths.
    pub sum: i64,
}

impl ScoreSum {
    /// The scores of these texts, from -1 to 1.
    pub fn of(scores: impl IntoIterator<Item = f64>) -> Self {
        scores.into_iter().fold(Self::default(), |all, score| {
            // The cast is exact: at most ten thousand steps.
            let steps = (score.clamp(-1.0, 1.0) * STEPS).round() as i64;
            Self { texts: all.texts.saturating_add(1), sum: all.sum.saturating_add(steps) }
        })
    }
}

/// The texts of a day: its number since 1970, how many there are, and the sum of their scores in ten-thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Day(pub i32, pub u32, pub i64);

impl Day {
    pub(super) fn texts(self) -> f64 {
        f64::from(self.1)
    }

    pub(super) fn mean(self) -> f64 {
        self.2 as f64 / STEPS / self.texts().max(1.0)
    }
}

/// The days of an item that have texts, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyScores {
    #[serde(default)]
    pub(super) days: Vec<Day>,
    /// The first days of new levels: the mean had shifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) levels: Vec<i32>,
}

impl DailyScores {
    /// Adds texts of the last day or a later one, and says whether the mean has shifted. The new level is then the baseline.
    pub fn add(&mut self, day: i32, scores: ScoreSum) -> Option<Move> {
        if scores.texts == 0 {
            return None;
        }
        match self.days.last_mut() {
            // Runs before the last one are not added.
            Some(last) if last.0 > day => return None,
            Some(last) if last.0 == day => {
                last.1 = last.1.saturating_add(scores.texts);
                last.2 = last.2.saturating_add(scores.sum);
            }
            _ => self.days.push(Day(day, scores.texts, scores.sum)),
        }
        let excess = self.days.len().saturating_sub(MAX_DAYS);
        self.days.drain(..excess);
        let first = self.days.first().map_or(day, |first| first.0);
        self.levels.retain(|level| *level > first);
        let moved = statistic::judge(self)?;
        self.levels.push(moved.since);
        Some(moved)
    }

    /// The first day that may still be one of the latest days when a later run is judged.
    #[must_use]
    pub fn first_recent_day(&self) -> i32 {
        statistic::first_recent_day(self)
    }
}
