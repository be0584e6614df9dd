//! Cross-validation: each headline judged by a model that has seen neither it nor one that differs in figures only.

use std::collections::BTreeMap;

use fanggen_runtime::engines::headlines::features;
use fanggen_runtime::engines::headlines::weights::{Probabilities, Weights};

use super::examples::Headline;
use super::train::{Dice, pack};

/// Parts in which the headlines are set aside, one after the other.
pub const FOLDS: usize = 10;

/// What a model said of a headline that it had not seen.
pub struct Judged {
    /// The headline, by its place in the file.
    pub headline: usize,
    /// The label of the headline's subject.
    pub label: usize,
    /// Whether the model was told who the subject is.
    pub told: bool,
    pub probabilities: Probabilities,
}

/// What models say of all headlines: of those with one subject twice, told and not told who it is; of those with
/// several about each of them.
pub fn judge_all(headlines: &[Headline], folds: usize) -> Vec<Judged> {
    let fold_of = deal(headlines, folds);
    let judge = |fold: usize| {
        let rest = headlines.iter().zip(&fold_of).filter(|(_, of)| **of != fold).map(|(headline, _)| headline);
        let bytes = pack(rest, 1.0);
        let mut judged = Vec::new();
        for (at, headline) in headlines.iter().enumerate().filter(|(at, _)| fold_of[*at] == fold) {
            let Some(weights) = Weights::read(&bytes) else { continue };
            let mut push = |names: &[&str], label| {
                let probabilities = weights.probabilities(&features::extract(&headline.text, names));
                judged.push(Judged { headline: at, label, told: !names.is_empty(), probabilities });
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

/// The fold of each headline, by lot; titles of one gist go together.
fn deal(headlines: &[Headline], folds: usize) -> Vec<usize> {
    let mut of_gist: BTreeMap<String, usize> = headlines.iter().map(|headline| (headline.gist(), 0)).collect();
    let mut order: Vec<usize> = (0..of_gist.len()).collect();
    Dice(1).shuffle(&mut order);
    for (fold, place) in of_gist.values_mut().zip(order) {
        *fold = place % folds;
    }
    headlines.iter().map(|headline| of_gist[&headline.gist()]).collect()
}

/// By what scores are to be multiplied for the probabilities to be as often right as they say: the least loss over headlines
/// that the models had not seen.
pub fn sharpness(judged: &[Judged]) -> f32 {
    let loss = |sharpness: f32| -> f64 {
        let surprise = |judged: &Judged| {
            let Probabilities { negative, neutral, positive } = judged.probabilities;
            let score =
                |chance: f32| (f64::from(chance.max(1e-9)) / f64::from(neutral.max(1e-9))).ln() as f32 * sharpness;
            let probabilities = Probabilities::softmax(score(negative), score(positive));
            -f64::from([probabilities.negative, probabilities.neutral, probabilities.positive][judged.label].max(1e-9))
                .ln()
        };
        judged.iter().filter(|judged| !judged.told).map(surprise).sum()
    };
    // In steps of a twentieth: a finer one would be the noise of these headlines.
    let tries = (6..=40).map(|step| step as f32 / 20.0);
    tries.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0)
}
