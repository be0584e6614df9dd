//! The model's weights, a byte each, and what follows from them for a headline.

use super::features::{Features, ROWS};

/// How the file begins; other features are another file.
const MAGIC: &[u8; 4] = b"FGH1";
/// What comes before the table: the magic, and how much a step of each column is.
const HEAD: usize = 12;

/// How likely each answer is, together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chances {
    /// That the text speaks ill of it.
    pub negative: f32,
    /// That it does neither.
    pub neutral: f32,
    /// That it speaks well of it.
    pub positive: f32,
}

impl Chances {
    /// From how much rather negative, and rather positive, than neutral a text is.
    #[must_use]
    pub fn of(negative: f32, positive: f32) -> Self {
        let most = negative.max(positive).max(0.0);
        let [negative, neutral, positive] = [negative, 0.0, positive].map(|score| exp(f64::from(score - most)));
        let sum = negative + neutral + positive;
        let [negative, neutral, positive] = [negative, neutral, positive].map(|part| (part / sum) as f32);
        Self { negative, neutral, positive }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            negative: self.negative + other.negative,
            neutral: self.neutral + other.neutral,
            positive: self.positive + other.positive,
        }
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, factor: f32) -> Self {
        Self { negative: self.negative * factor, neutral: self.neutral * factor, positive: self.positive * factor }
    }
}

/// Weights as they lie in the program: for each row two bytes, towards negative and towards positive.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    steps: [f32; 2],
    table: &'a [u8],
}

impl<'a> Weights<'a> {
    /// The weights in a file's bytes, where it is such a file.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, table) = bytes.split_at_checked(HEAD)?;
        let step = |at: usize| Some(f32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let good = head.starts_with(MAGIC) && table.len() == ROWS * 2;
        good.then_some(Self { steps: [step(4)?, step(8)?], table })
    }

    /// What they say of a text with these features.
    #[must_use]
    pub fn chances(&self, features: &Features) -> Chances {
        let mut sums = [0.0; 2];
        for &(row, strength) in features {
            let at = row as usize * 2;
            for (sum, byte) in sums.iter_mut().zip(&self.table[at..at + 2]) {
                *sum += f32::from(byte.cast_signed()) * strength;
            }
        }
        Chances::of(sums[0] * self.steps[0], sums[1] * self.steps[1])
    }
}

/// The file of such weights, as far as a byte each can tell them; `sharpness` multiplies all of them.
#[must_use]
pub fn pack(weights: &[[f32; 2]], sharpness: f32) -> Vec<u8> {
    let most = |column: usize| weights.iter().map(|row| row[column].abs()).fold(f32::MIN_POSITIVE, f32::max);
    let steps = [0, 1].map(|column| most(column) / 127.0);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(steps.iter().flat_map(|step| (step * sharpness).to_le_bytes()));
    for row in weights {
        bytes.extend(row.iter().zip(steps).map(|(weight, step)| ((weight / step).round() as i8).cast_unsigned()));
    }
    bytes
}

/// e to the power of a number up to 0, by additions and multiplications alone: the C library's differs from one system to
/// the next in the last digit, and trained weights would differ with it.
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
    fn the_exponential_is_the_one_of_the_textbooks() {
        for step in 0..7_000 {
            let power = -f64::from(step) / 10.0;
            assert!((exp(power) / power.exp() - 1.0).abs() < 1e-12, "{power}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn packed_weights_say_nearly_what_they_said() {
        let mut weights = vec![[0.0; 2]; ROWS];
        weights[7] = [1.0, -0.5];
        weights[9] = [-1.0, 2.0];
        let bytes = pack(&weights, 2.0);
        let said = Weights::read(&bytes).expect("weights").chances(&vec![(7, 1.0), (9, 0.5)]);
        let plain = Chances::of(1.0, 1.0);
        assert!((said.negative - plain.negative).abs() < 0.01 && (said.positive - plain.positive).abs() < 0.01);
    }

    #[test]
    fn bytes_that_are_no_weights_are_refused() {
        let bytes = pack(&vec![[0.0; 2]; ROWS], 1.0);
        assert!(Weights::read(&bytes).is_some());
        assert!(Weights::read(&bytes[1..]).is_none());
        assert!(Weights::read(&bytes[..bytes.len() - 1]).is_none());
        assert!(Weights::read(b"FG").is_none());
    }
}
