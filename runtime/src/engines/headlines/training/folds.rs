//! Cross-validation: each headline is judged by a model that was trained without it and its near-duplicates.

use std::collections::BTreeMap;

use crate::engines::headlines::features;
use crate::engines::headlines::weights::{Probabilities, Weights};

use super::examples::Headline;
use super::model::{SplitMix64, pack};

/// How many folds the cross-validation has.
pub const FOLDS: usize = 10;

/// The judgement of a model on a headline that it was not trained on.
pub struct Judgement {
    /// The index of the headline in the file.
    pub headline: usize,
    /// The true label.
    pub label: usize,
    /// Whether the model was given the name of the subject.
    pub told: bool,
    /// The judgement.
    pub probabilities: Probabilities,
}

/// Judges all headlines: those with one subject twice, with and without its name; those with several once per subject.
#[must_use]
pub fn judge_all(headlines: &[Headline], folds: usize) -> Vec<Judgement> {
    let fold_of = deal(headlines, folds);
    let judge = |fold: usize| {
        let rest = headlines.iter().zip(&fold_of).filter(|(_, of)| **of != fold).map(|(headline, _)| headline);
        let bytes = pack(rest, 1.0);
        let mut judged = Vec::new();
        for (at, headline) in headlines.iter().enumerate().filter(|(at, _)| fold_of[*at] == fold) {
            let Some(weights) = Weights::read(&bytes) else { continue };
            let mut push = |names: &[&str], label| {
                let probabilities = weights.probabilities(&features::extract(&headline.text, names));
                judged.push(Judgement { headline: at, label, told: !names.is_empty(), probabilities });
            };
            if let Some(label) = headline.label() {
                push(&[], label);
            }
            for (name, label) in &headline.subjects {
                push(&[name], *label);
            }
        }
        judged
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..folds).map(|fold| scope.spawn(move || judge(fold))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// Assigns each headline to a fold at random; near-duplicates share a fold.
fn deal(headlines: &[Headline], folds: usize) -> Vec<usize> {
    let mut of_gist: BTreeMap<String, usize> = headlines.iter().map(|headline| (headline.gist(), 0)).collect();
    let mut order: Vec<usize> = (0..of_gist.len()).collect();
    SplitMix64(1).shuffle(&mut order);
    for (fold, place) in of_gist.values_mut().zip(order) {
        *fold = place % folds;
    }
    headlines.iter().map(|headline| of_gist[&headline.gist()]).collect()
}

/// The factor for the scores that calibrates the probabilities best: the least log loss over headlines that the models were
/// not trained on.
#[must_use]
pub fn sharpness(judged: &[Judgement]) -> f32 {
    let loss = |sharpness: f32| -> f64 {
        let log_loss = |judged: &Judgement| {
            let Probabilities { negative, neutral, positive } = judged.probabilities;
            let score =
                |chance: f32| (f64::from(chance.max(1e-9)) / f64::from(neutral.max(1e-9))).ln() as f32 * sharpness;
            let probabilities = Probabilities::softmax(score(negative), score(positive));
            -f64::from([probabilities.negative, probabilities.neutral, probabilities.positive][judged.label].max(1e-9))
                .ln()
        };
        judged.iter().filter(|judged| !judged.told).map(log_loss).sum()
    };
    // In steps of 0.05: a finer one would fit the noise of these headlines.
    let candidates = (6..=40).map(|step| step as f32 / 20.0);
    candidates.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0)
}
