//! Logistic regression for three answers, by stochastic descent in an order from a seed.

use fanggen_runtime::engines::headlines::features::ROWS;
use fanggen_runtime::engines::headlines::weights::{self, exp};

use super::examples::{Example, Headline};

/// Chosen by cross-validation, like everything with a number here; none of them matters by more than a hundredth.
const ROUNDS: usize = 15;
const RATE: f32 = 4.0;
/// How strongly weights are drawn towards 0 with each example.
const DRAWN: f32 = 1e-5;

/// The file of a model that has learnt from all of these headlines.
pub fn pack<'a>(headlines: impl IntoIterator<Item = &'a Headline>, sharpness: f32) -> Vec<u8> {
    let examples: Vec<Example> = headlines.into_iter().flat_map(Headline::examples).collect();
    let rows = learn(&examples);
    // What is between two answers decides: neutral is the zero of both others.
    let apart: Vec<[f32; 2]> = rows.iter().map(|[bad, neither, good]| [bad - neither, good - neither]).collect();
    weights::pack(&apart, sharpness)
}

fn learn(examples: &[Example]) -> Vec<[f32; 3]> {
    let mut rows = vec![[0.0_f32; 3]; ROWS];
    // All rows are drawn towards 0 by one number, which stands before them.
    let mut scale = 1.0_f32;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut dice = Dice(7);
    for round in 0..ROUNDS {
        dice.shuffle(&mut order);
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
            scale *= 1.0 - rate * DRAWN;
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
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}
