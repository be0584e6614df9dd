//! The test: the mean of the latest days against the days of the same level before them.
//!
//! The statistic is a difference of two means over its standard error, as in Welch's test, with changes that make it hold for
//! texts from feeds. The simulation in `runtime/tests/it/shifts` chose them and their constants, and compares them with a CUSUM,
//! an EWMA and the Mann-Whitney test; `docs/proofs.md` has its results.
//!
//! - The unit is the day, not the text: copies of a story and the mood of a day move many texts at once, so a test of the single
//!   texts finds shifts all the time. The variance is that between daily means.
//! - A day counts by its texts, but at most as a usual day. Days with few texts vary more, while a burst of texts says no more
//!   than a day does.
//! - A few days of prior variance are added. Otherwise an item whose texts all had the same score would shift with any other.
//! - Successive days resemble each other. Their correlation, where there is one, makes the standard error larger.
//! - The means must be apart without any one of the latest days too, so that a single day is no shift; and the move must not
//!   have begun in the middle of the latest days, so that they are the new level and not a mixture.

use super::history::{DailyScores, Day};

/// How many standard errors the means must be apart.
const THRESHOLD: f64 = 3.7;
/// How many when any one of the latest days is left out: a single day is no shift.
const THRESHOLD_WITHOUT_A_DAY: f64 = 2.0;
/// How far they must be apart, as a score. Smaller moves are no news.
const MIN_MOVE: f64 = 0.15;

/// The latest days: at least this many days and texts, so that neither a single day nor a few texts make a shift.
const RECENT_DAYS: usize = 2;
const RECENT_TEXTS: u64 = 8;
/// The latest days are at most this many days with texts, for items with hardly any.
const MAX_RECENT_DAYS: usize = 14;
/// Today counts once it has this share of a usual day's texts; before that, the latest days end with yesterday.
const RIPE: f64 = 0.5;

/// All days before the latest ones: from these the variance is known.
const BASELINE_DAYS: usize = 7;
const BASELINE_TEXTS: u64 = 20;
/// Those of the same level: from these its mean is known. A return is thus found soon after a shift.
const LEVEL_DAYS: usize = 3;
const LEVEL_TEXTS: u64 = 8;

/// The prior: the variance of a text's score, and how many days it counts for.
const PRIOR_VARIANCE: f64 = 0.09;
const PRIOR_DAYS: f64 = 3.0;
/// An autocorrelation that is estimated from so few days is too small on average.
const CORRELATION_GAIN: f64 = 1.5;
const MAX_CORRELATION: f64 = 0.8;

/// The mean has moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// The mean of the baseline.
    pub from: f64,
    /// The mean of the latest days.
    pub to: f64,
    /// The first of the latest days.
    pub since: i32,
    /// How many texts the latest days have.
    pub texts: u64,
    /// How many texts the baseline has.
    pub baseline_texts: u64,
}

/// A history, split into the days that are compared.
struct ComparedDays<'a> {
    /// Everything before the latest days.
    before: &'a [Day],
    recent: &'a [Day],
}

/// Whether the mean of the latest days is another than before.
pub(super) fn judge(history: &DailyScores) -> Option<Move> {
    let ComparedDays { before, recent } = split(history)?;
    let since = recent.first()?.0;
    let level_start = history.levels.last().copied().unwrap_or(i32::MIN);
    // The latest days of a level that has just begun have nothing of their level before them.
    let level = &before[before.partition_point(|day| day.0 < level_start)..];
    let enough = before.len() >= BASELINE_DAYS
        && texts(before) >= BASELINE_TEXTS
        && level.len() >= LEVEL_DAYS
        && texts(level) >= LEVEL_TEXTS;
    if !enough {
        return None;
    }
    let usual = usual_texts(before);
    let (baseline, latest) = (Mean::of(level, usual), Mean::of(recent, usual));
    let spread = Spread::of(before, &history.levels, usual);
    let up = latest.mean > baseline.mean;
    // How many standard errors a mean is from a baseline, in the direction of the shift.
    let distance = |baseline: &Mean, mean: &Mean| {
        let difference = if up { mean.mean - baseline.mean } else { baseline.mean - mean.mean };
        let of_mean = mean.inflation(spread.correlation) / mean.weight;
        let of_baseline = long_inflation(spread.correlation) / baseline.weight;
        difference / (spread.variance * (of_mean + of_baseline)).sqrt()
    };
    let found = distance(&baseline, &latest);
    let without = |place: usize| Mean::of(&[&recent[..place], &recent[place + 1..]].concat(), usual);
    let lasts = |place| distance(&baseline, &without(place)) >= THRESHOLD_WITHOUT_A_DAY;
    let begins_later = |place: usize| {
        let baseline = Mean::of(&[level, &recent[..place]].concat(), usual);
        distance(&baseline, &Mean::of(&recent[place..], usual)) > found
    };
    let shifted = (latest.mean - baseline.mean).abs() >= MIN_MOVE
        && found >= THRESHOLD
        && (0..recent.len()).all(lasts)
        && !(1..recent.len()).any(begins_later);
    shifted.then(|| Move {
        from: baseline.mean,
        to: latest.mean,
        since,
        texts: texts(recent),
        baseline_texts: texts(level),
    })
}

/// The first day that is one of the latest ones if they end with the last day or the day before it.
pub(super) fn first_recent_day(history: &DailyScores) -> i32 {
    let last = history.days.last().map_or(i32::MIN, |day| day.0);
    let closed = &history.days[..history.days.len().saturating_sub(1)];
    let recent = recent_days(closed).min(closed.len());
    closed.get(closed.len() - recent).map_or(last, |day| day.0)
}

/// How many of these days are the latest ones.
fn recent_days(days: &[Day]) -> usize {
    let mut found = 0;
    for (count, day) in days.iter().rev().enumerate() {
        if count >= RECENT_DAYS && found >= RECENT_TEXTS {
            return count;
        }
        found += u64::from(day.1);
    }
    days.len()
}

fn split(history: &DailyScores) -> Option<ComparedDays<'_>> {
    let mut days = history.days.as_slice();
    let (last, closed) = days.split_last()?;
    if !closed.is_empty() && last.texts() < RIPE * usual_texts(closed) {
        days = closed;
    }
    let count = recent_days(days);
    let (before, recent) = days.split_at(days.len() - count);
    let fits = (RECENT_DAYS..=MAX_RECENT_DAYS).contains(&count) && texts(recent) >= RECENT_TEXTS;
    fits.then_some(ComparedDays { before, recent })
}

fn texts(days: &[Day]) -> u64 {
    days.iter().map(|day| u64::from(day.1)).sum()
}

/// The median number of texts per day; the median, since bursts are no usual days.
fn usual_texts(days: &[Day]) -> f64 {
    let mut counts: Vec<u32> = days.iter().map(|day| day.1).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).map_or(1.0, |count| f64::from(*count))
}

/// How much a day counts: by its texts, but at most as a usual day.
fn weight(day: &Day, usual: f64) -> f64 {
    day.texts().min(usual)
}

/// The weighted mean of some days.
struct Mean {
    mean: f64,
    weight: f64,
    days: usize,
}

impl Mean {
    fn of(days: &[Day], usual: f64) -> Self {
        let all: f64 = days.iter().map(|day| weight(day, usual)).sum();
        let sum: f64 = days.iter().map(|day| weight(day, usual) * day.mean()).sum();
        Self { mean: sum / all, weight: all, days: days.len() }
    }

    /// By what factor the variance of this mean is larger if successive days have this correlation.
    fn inflation(&self, correlation: f64) -> f64 {
        let days = self.days as f64;
        let mut power = 1.0;
        let terms = (1..self.days).map(|lag| {
            power *= correlation;
            2.0 * (1.0 - lag as f64 / days) * power
        });
        1.0 + terms.sum::<f64>()
    }
}

/// The same factor for a mean of many days.
fn long_inflation(correlation: f64) -> f64 {
    (1.0 + correlation) / (1.0 - correlation)
}

/// How daily means vary around their level.
struct Spread {
    /// The variance of the mean of a day of weight one.
    variance: f64,
    /// The correlation of one day with the next.
    correlation: f64,
}

impl Spread {
    /// The spread of these days, each around the mean of its own level.
    fn of(days: &[Day], levels: &[i32], usual: f64) -> Self {
        let (mut squares, mut products, mut freedom) = (0.0, 0.0, 0.0);
        for level in days.chunk_by(|_, next| !levels.contains(&next.0)) {
            let mean = Mean::of(level, usual).mean;
            let residuals: Vec<f64> = level.iter().map(|day| weight(day, usual).sqrt() * (day.mean() - mean)).collect();
            squares += residuals.iter().map(|residual| residual * residual).sum::<f64>();
            products += residuals.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
            freedom += level.len() as f64 - 1.0;
        }
        let squares = squares + PRIOR_DAYS * PRIOR_VARIANCE;
        Self {
            variance: squares / (freedom + PRIOR_DAYS),
            correlation: (CORRELATION_GAIN * products / squares).clamp(0.0, MAX_CORRELATION),
        }
    }
}
