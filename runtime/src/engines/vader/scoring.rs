//! Turns the valences of the words into the scores of the text.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Polarity;

/// Normalizes sums to the range of -1 to 1; about the largest expected sum.
const ALPHA: f64 = 15.0;
/// What an exclamation mark adds, and how many count.
const EXCLAMATION: f64 = 0.292;
const MAX_EXCLAMATIONS: usize = 4;
/// What each of two or three question marks adds, and what four or more add together.
const QUESTION: f64 = 0.18;
const MANY_QUESTIONS: f64 = 0.96;

/// Words after "but" count more, words before it less.
///
/// The authors' program looks up each valence by its value, so among equal ones it changes the first, every time anew. A
/// heap of positions for each value reproduces that without quadratic time on long texts.
pub fn weigh_around(but: usize, valences: &mut [f64]) {
    let mut positions: BTreeMap<u64, BinaryHeap<Reverse<usize>>> = BTreeMap::new();
    for (at, valence) in valences.iter().enumerate().filter(|(_, valence)| **valence != 0.0) {
        positions.entry(valence.to_bits()).or_default().push(Reverse(at));
    }
    for round in 0..valences.len() {
        // Zero stays zero.
        let Some(same) = positions.get_mut(&valences[round].to_bits()) else { continue };
        let Some(&Reverse(first)) = same.peek() else { continue };
        if first == but {
            continue;
        }
        same.pop();
        valences[first] *= if first < but { 0.5 } else { 1.5 };
        positions.entry(valences[first].to_bits()).or_default().push(Reverse(first));
    }
}

/// The scores of a text whose words have these valences.
pub fn scores(valences: &[f64], text: &str) -> Polarity {
    if valences.is_empty() {
        return Polarity::default();
    }
    let emphasis = emphasis(text);
    // In order: another order of additions has other last digits.
    let mut sum = valences.iter().fold(0.0, |sum, valence| sum + valence);
    if sum > 0.0 {
        sum += emphasis;
    } else if sum < 0.0 {
        sum -= emphasis;
    }
    let compound = (sum / (sum * sum + ALPHA).sqrt()).clamp(-1.0, 1.0);

    // Each word counts one, plus its valence.
    let (mut positive, mut negative, mut neutral) = (0.0, 0.0, 0_u32);
    for &valence in valences {
        if valence > 0.0 {
            positive += valence + 1.0;
        } else if valence < 0.0 {
            negative -= valence - 1.0;
        } else {
            neutral += 1;
        }
    }
    if positive > negative {
        positive += emphasis;
    } else if positive < negative {
        negative += emphasis;
    }
    let neutral = f64::from(neutral);
    let total = positive + negative + neutral;
    Polarity {
        negative: rounded(negative / total, 3),
        neutral: rounded(neutral / total, 3),
        positive: rounded(positive / total, 3),
        compound: rounded(compound, 4),
    }
}

/// What `!` and `?` add.
fn emphasis(text: &str) -> f64 {
    let count = |mark| text.bytes().filter(|byte| *byte == mark).count();
    let questions = match count(b'?') {
        0 | 1 => 0.0,
        few @ (2 | 3) => few as f64 * QUESTION,
        _ => MANY_QUESTIONS,
    };
    count(b'!').min(MAX_EXCLAMATIONS) as f64 * EXCLAMATION + questions
}

/// Rounds to so many digits by the exact value; a product with a power of ten would have an error of its own.
fn rounded(value: f64, digits: u8) -> f64 {
    let scale = 10_f64.powi(digits.into());
    let scaled = value * scale;
    // The error of the product matters only near the middle between two digits.
    if ((scaled - scaled.floor()) - 0.5).abs() > 1e-9 {
        return scaled.round() / scale;
    }
    let digits = usize::from(digits);
    format!("{value:.digits$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_round_to_even() {
        assert_eq!(rounded(0.0625, 3), 0.062);
        assert_eq!(rounded(0.1875, 3), 0.188);
        assert_eq!(rounded(0.0005, 3), 0.001, "a little more than it looks");
        assert_eq!(rounded(0.1125, 3), 0.113, "the same");
        assert_eq!(rounded(-0.33335, 4), -0.3333, "a little less");
    }

    #[test]
    fn a_long_text_around_a_but_does_not_take_quadratic_time() {
        let mut valences = vec![1.9; 400_000];
        let start = std::time::Instant::now();
        weigh_around(399_999, &mut valences);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
