//! The test that fanggen uses, and the others that it was compared with.

use fanggen_runtime::shift::{DailyScores, ScoreSum};

/// Finds shifts in the texts of an item.
pub trait Detector {
    /// Adds the texts of a run, and says whether the mean has risen or fallen.
    fn run(&mut self, day: i32, scores: &[f64]) -> Option<f64>;

    /// Whether it wants to see a day only once it is over.
    fn whole_days(&self) -> bool {
        true
    }
}

/// A detector's name, and how one is made.
pub type Candidate = (&'static str, fn() -> Box<dyn Detector>);

/// All candidates, the one in use first. The thresholds of the others give about as many false alarms with independent texts.
pub const CANDIDATES: [Candidate; 4] = [
    ("latest days against the level before them", || Box::new(InUse(DailyScores::default()))),
    ("CUSUM of daily means (k = 1, h = 3.5)", || Box::new(ControlChart::new(1.0, 3.5, false))),
    ("EWMA of daily means (0.5, 3.7 standard errors)", || Box::new(ControlChart::new(0.5, 3.7, true))),
    ("Mann-Whitney test of the texts of two days (3.1 standard errors)", || Box::new(MannWhitney::default())),
];

struct InUse(DailyScores);

impl Detector for InUse {
    fn run(&mut self, day: i32, scores: &[f64]) -> Option<f64> {
        let moved = self.0.add(day, ScoreSum::of(scores.iter().copied()))?;
        Some(moved.to - moved.from)
    }

    fn whole_days(&self) -> bool {
        false
    }
}

/// How many days are kept, and how many are needed.
const KEPT: usize = 60;
const NEEDED: usize = 7;
const NEEDED_TEXTS: f64 = 20.0;

/// A self-starting CUSUM or EWMA: each daily mean is compared with all days before it.
struct ControlChart {
    slack: f64,
    limit: f64,
    ewma: bool,
    days: Vec<(f64, f64)>,
    /// The sums of both directions, and for how many days each has been above zero.
    up: (f64, usize),
    down: (f64, usize),
    average: f64,
    age: i32,
}

impl ControlChart {
    fn new(slack: f64, limit: f64, ewma: bool) -> Self {
        Self { slack, limit, ewma, days: Vec::new(), up: (0.0, 0), down: (0.0, 0), average: 0.0, age: 0 }
    }

    /// How many standard errors a day is from the days before it.
    fn standardized(&self, texts: f64, mean: f64) -> Option<f64> {
        let all: f64 = self.days.iter().map(|day| day.0).sum();
        if self.days.len() < NEEDED || all < NEEDED_TEXTS {
            return None;
        }
        let level = self.days.iter().map(|day| day.0 * day.1).sum::<f64>() / all;
        let squares: f64 = self.days.iter().map(|day| day.0 * (day.1 - level).powi(2)).sum();
        // The same prior as of the test in use.
        let variance = (squares + 0.27) / (self.days.len() as f64 + 2.0);
        Some((mean - level) / (variance * (1.0 / texts + 1.0 / all)).sqrt())
    }

    /// Keeps the days of the new level only.
    fn restart(&mut self, days: usize) {
        let old = self.days.len().saturating_sub(days);
        self.days.drain(..old);
        (self.up, self.down, self.average, self.age) = ((0.0, 0), (0.0, 0), 0.0, 0);
    }
}

impl Detector for ControlChart {
    fn run(&mut self, _: i32, scores: &[f64]) -> Option<f64> {
        let texts = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / texts;
        let distance = self.standardized(texts, mean);
        self.days.push((texts, mean));
        let excess = self.days.len().saturating_sub(KEPT);
        self.days.drain(..excess);
        let distance = distance?;
        if self.ewma {
            self.age += 1;
            self.average += self.slack * (distance - self.average);
            let share = self.slack / (2.0 - self.slack) * (1.0 - (1.0 - self.slack).powi(2 * self.age));
            let average = self.average;
            return (average.abs() > self.limit * share.sqrt()).then(|| {
                self.restart(2);
                average
            });
        }
        let step = |(sum, days): (f64, usize), distance: f64| {
            let sum = (sum + distance - self.slack).max(0.0);
            (sum, if sum > 0.0 { days + 1 } else { 0 })
        };
        (self.up, self.down) = (step(self.up, distance), step(self.down, -distance));
        let ((up, up_days), (down, down_days)) = (self.up, self.down);
        if up > self.limit && up_days > 1 {
            self.restart(up_days);
            return Some(1.0);
        }
        if down > self.limit && down_days > 1 {
            self.restart(down_days);
            return Some(-1.0);
        }
        None
    }
}

/// The rank test of all texts of the last two days against those before, with its correction for ties.
#[derive(Default)]
struct MannWhitney {
    days: Vec<Vec<f64>>,
}

impl Detector for MannWhitney {
    fn run(&mut self, _: i32, scores: &[f64]) -> Option<f64> {
        self.days.push(scores.to_vec());
        let excess = self.days.len().saturating_sub(KEPT);
        self.days.drain(..excess);
        let (before, recent) = self.days.split_at(self.days.len().checked_sub(2)?);
        let count = |days: &[Vec<f64>]| {
            let mut bins = [0.0; 41];
            days.iter().flatten().for_each(|score| bins[((score + 1.0) * 20.0).round() as usize] += 1.0);
            bins
        };
        let (old, new) = (count(before), count(recent));
        let (all_old, all_new): (f64, f64) = (old.iter().sum(), new.iter().sum());
        if before.len() < NEEDED || all_old < NEEDED_TEXTS || all_new < 8.0 {
            return None;
        }
        let (mut wins, mut below, mut ties) = (0.0, 0.0, 0.0);
        for (old, new) in old.iter().zip(&new) {
            wins += new * (below + old / 2.0);
            below += old;
            ties += (old + new).powi(3) - (old + new);
        }
        let all = all_old + all_new;
        let variance = all_old * all_new / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        let distance = (wins - all_old * all_new / 2.0) / variance.sqrt();
        (distance.abs() > 3.1).then(|| {
            let old = self.days.len() - 2;
            self.days.drain(..old);
            distance
        })
    }
}
