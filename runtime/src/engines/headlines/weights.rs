//! The weights of the model, one byte each, and the probabilities that they give a headline.

use std::ops::{Add, Mul};

use super::features::{Features, ROWS};

/// The first bytes of the file; a model with other features has others.
const MAGIC: &[u8; 4] = b"FGH1";
/// Size of the header: the magic number, and the step size of each column.
const HEADER_BYTES: usize = 12;

/// The probability of each label; together they are 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Probabilities {
    /// That the text is negative about its subject.
    pub negative: f32,
    /// That it is neutral.
    pub neutral: f32,
    /// That it is positive about its subject.
    pub positive: f32,
}

impl Probabilities {
    /// The softmax of a negative and a positive score, with neutral as 0.
    #[must_use]
    pub fn softmax(negative: f32, positive: f32) -> Self {
        let max = negative.max(positive).max(0.0);
        let [negative, neutral, positive] = [negative, 0.0, positive].map(|score| exp(f64::from(score - max)));
        let sum = negative + neutral + positive;
        let [negative, neutral, positive] = [negative, neutral, positive].map(|part| (part / sum) as f32);
        Self { negative, neutral, positive }
    }
}

impl Add for Probabilities {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            negative: self.negative + other.negative,
            neutral: self.neutral + other.neutral,
            positive: self.positive + other.positive,
        }
    }
}

impl Mul<f32> for Probabilities {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self { negative: self.negative * factor, neutral: self.neutral * factor, positive: self.positive * factor }
    }
}

/// The embedded weights: two bytes per row, towards negative and towards positive.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    steps: [f32; 2],
    table: &'a [u8],
}

impl<'a> Weights<'a> {
    /// Parses a file of weights; none if it is not one.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, table) = bytes.split_at_checked(HEADER_BYTES)?;
        let step = |at: usize| Some(f32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let valid = header.starts_with(MAGIC) && table.len() == ROWS * 2;
        valid.then_some(Self { steps: [step(4)?, step(8)?], table })
    }

    /// The probabilities for a text with these features.
    #[must_use]
    pub fn probabilities(&self, features: &Features) -> Probabilities {
        let mut sums = [0.0; 2];
        for &(row, strength) in features {
            let at = row as usize * 2;
            for (sum, byte) in sums.iter_mut().zip(&self.table[at..at + 2]) {
                *sum += f32::from(byte.cast_signed()) * strength;
            }
        }
        Probabilities::softmax(sums[0] * self.steps[0], sums[1] * self.steps[1])
    }
}

/// Quantizes weights to one byte each and writes the file; `sharpness` multiplies all of them.
#[must_use]
pub fn pack(weights: &[[f32; 2]], sharpness: f32) -> Vec<u8> {
    let max = |column: usize| weights.iter().map(|row| row[column].abs()).fold(f32::MIN_POSITIVE, f32::max);
    let steps = [0, 1].map(|column| max(column) / 127.0);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(steps.iter().flat_map(|step| (step * sharpness).to_le_bytes()));
    for row in weights {
        bytes.extend(row.iter().zip(steps).map(|(weight, step)| ((weight / step).round() as i8).cast_unsigned()));
    }
    bytes
}

/// The exponential of a number up to 0, computed with additions and multiplications alone: the last digit of the C library's
/// function differs between systems, and so would the trained weights.
#[must_use]
pub fn exp(power: f64) -> f64 {
    let power = power.max(-700.0);
    let twos = (power * std::f64::consts::LOG2_E).round();
    let rest = power - twos * std::f64::consts::LN_2;
    let series = (1..=13).rev().fold(1.0, |sum, n| 1.0 + sum * rest / f64::from(n));
    series * f64::from_bits(((twos as i64 + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_matches_the_standard_library() {
        for step in 0..7_000 {
            let power = -f64::from(step) / 10.0;
            assert!((exp(power) / power.exp() - 1.0).abs() < 1e-12, "{power}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn quantized_weights_give_nearly_the_same_probabilities() {
        let mut weights = vec![[0.0; 2]; ROWS];
        weights[7] = [1.0, -0.5];
        weights[9] = [-1.0, 2.0];
        let bytes = pack(&weights, 2.0);
        let packed = Weights::read(&bytes).expect("weights").probabilities(&vec![(7, 1.0), (9, 0.5)]);
        let plain = Probabilities::softmax(1.0, 1.0);
        assert!((packed.negative - plain.negative).abs() < 0.01 && (packed.positive - plain.positive).abs() < 0.01);
    }

    #[test]
    fn bytes_that_are_not_weights_are_refused() {
        let bytes = pack(&vec![[0.0; 2]; ROWS], 1.0);
        assert!(Weights::read(&bytes).is_some());
        assert!(Weights::read(&bytes[1..]).is_none());
        assert!(Weights::read(&bytes[..bytes.len() - 1]).is_none());
        assert!(Weights::read(b"FG").is_none());
    }
}
