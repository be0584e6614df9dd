//! When the mean score of an item has shifted: pure, from what is stored about the item and the texts of a run.

mod history;
mod statistic;
mod texts;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use history::{DailyScores, MAX_DAYS, ScoreSum};
pub use statistic::Move;
pub use texts::ScoredText;

use crate::model::error::Error;
use crate::model::run::RunId;
use crate::model::shift::Shift;
use texts::DayTexts;

const DAY_SECONDS: i64 = 86_400;

/// What is stored about an item: everything before its last run, and the texts of that run. A retry of the run replaces its
/// texts, so that none counts twice, and the verdict is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemHistory {
    run: RunId,
    before: Past,
    scores: ScoreSum,
    texts: Vec<ScoredText>,
}

/// The past of an item up to a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Past {
    #[serde(flatten)]
    history: DailyScores,
    /// The most extreme texts of the days that a later run may compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    texts: Vec<DayTexts>,
}

/// What a run says about an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The shift that the run shows.
    pub shift: Option<Shift>,
    /// What to store, if it is new.
    pub history: Option<ItemHistory>,
}

/// Judges the texts of an item in a run. The order of the texts does not matter, and neither does the clock: their day is
/// that of the run, in UTC. A run before the last one says nothing and changes nothing.
///
/// # Errors
/// `run_unreadable` if the run's id is no time.
pub fn judge(stored: Option<ItemHistory>, run: &RunId, texts: Vec<ScoredText>) -> Result<Verdict, Error> {
    let time = run.time()?;
    if texts.is_empty() {
        return Ok(Verdict::default());
    }
    let before = match &stored {
        None => Past::default(),
        Some(last) if last.run == *run => last.before.clone(),
        Some(last) => {
            let last_time = last.run.time()?;
            if last_time > time {
                return Ok(Verdict::default());
            }
            let mut before = last.before.clone();
            before.add(day_of(last_time), last.scores, last.texts.clone());
            before
        }
    };
    let scores = ScoreSum::of(texts.iter().map(|text| text.score));
    let texts = texts::extremes(texts);
    let shift = before.clone().add(day_of(time), scores, texts.clone());
    let new = ItemHistory { run: run.clone(), before, scores, texts };
    Ok(Verdict { shift, history: (stored.as_ref() != Some(&new)).then_some(new) })
}

/// The number of a time's day since 1970, in UTC.
fn day_of(time: Timestamp) -> i32 {
    i32::try_from(time.as_second().div_euclid(DAY_SECONDS)).unwrap_or_default()
}

/// The date of a day, such as `2026-11-22`.
fn date_of(day: i32) -> String {
    Timestamp::from_second(i64::from(day) * DAY_SECONDS).unwrap_or_default().strftime("%F").to_string()
}

impl Past {
    fn add(&mut self, day: i32, scores: ScoreSum, texts: Vec<ScoredText>) -> Option<Shift> {
        let moved = self.history.add(day, scores);
        match self.texts.last_mut() {
            Some(last) if last.day == day => {
                let all = std::mem::take(&mut last.texts).into_iter().chain(texts).collect();
                last.texts = texts::extremes(all);
            }
            _ => self.texts.push(DayTexts { day, texts }),
        }
        let shift = moved.map(|moved| Shift {
            from: rounded(moved.from),
            to: rounded(moved.to),
            texts: moved.texts,
            since: date_of(moved.since),
            baseline_texts: moved.baseline_texts,
            decisive: texts::decisive(&self.texts, moved.since, moved.from, moved.to > moved.from),
        });
        let first = self.history.first_recent_day();
        self.texts.retain(|texts| texts.day >= first);
        shift
    }
}

/// A mean with the four digits that scores have.
fn rounded(mean: f64) -> f64 {
    (mean * 1e4).round() / 1e4
}
