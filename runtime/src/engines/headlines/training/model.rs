//! Logistic regression with three classes, by stochastic gradient descent in a seeded order.

use crate::engines::headlines::features::ROWS;
use crate::engines::headlines::weights::{self, exp};

use super::examples::{Example, Headline};

/// Chosen by cross-validation, like all numbers here; none of them changes macro-F1 by more than 0.01.
const ROUNDS: usize = 15;
const RATE: f32 = 4.0;
/// L2 regularisation per example.
const DECAY: f32 = 1e-5;

/// The file of a model trained on these headlines.
#[must_use]
pub fn pack<'a>(headlines: impl IntoIterator<Item = &'a Headline>, sharpness: f32) -> Vec<u8> {
    let examples: Vec<Example> = headlines.into_iter().flat_map(Headline::examples).collect();
    let rows = learn(&examples);
    // Only differences between classes matter: neutral is the zero of both others.
    let relative: Vec<[f32; 2]> = rows.iter().map(|[bad, neither, good]| [bad - neither, good - neither]).collect();
    weights::pack(&relative, sharpness)
}

fn learn(examples: &[Example]) -> Vec<[f32; 3]> {
    let mut rows = vec![[0.0_f32; 3]; ROWS];
    // One factor for all rows decays them at once.
    let mut scale = 1.0_f32;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = SplitMix64(7);
    for round in 0..ROUNDS {
        random.shuffle(&mut order);
        let rate = RATE * (1.0 - round as f32 / ROUNDS as f32);
        for (features, label, weight) in order.iter().map(|at| &examples[*at]) {
            let mut scores = [0.0_f32; 3];
            for &(row, strength) in features {
                for (score, weight) in scores.iter_mut().zip(rows[row as usize]) {
                    *score += weight * strength;
                }
            }
            let mut steps = probabilities(scores.map(|score| score * scale));
            steps[*label] -= 1.0;
            scale *= 1.0 - rate * DECAY;
            let steps = steps.map(|step| step * weight * rate / scale);
            for &(row, strength) in features {
                for (weight, step) in rows[row as usize].iter_mut().zip(steps) {
                    *weight -= step * strength;
                }
            }
        }
    }
    rows.iter().map(|row| row.map(|weight| weight * scale)).collect()
}

fn probabilities(scores: [f32; 3]) -> [f32; 3] {
    let most = scores.into_iter().fold(f32::MIN, f32::max);
    let parts = scores.map(|score| exp(f64::from(score - most)));
    let sum: f64 = parts.iter().sum();
    parts.map(|part| (part / sum) as f32)
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
pub struct SplitMix64(
    /// The state, at first the seed.
    pub u64,
);

impl SplitMix64 {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    /// Shuffles a list (Fisher-Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}
