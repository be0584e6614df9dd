//! From the valences of words to the scores of a text.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Polarity;

/// About the greatest sum that is to be expected, by which sums are brought to -1..1.
const ALPHA: f64 = 15.0;
/// What an exclamation mark adds, and how many are heard.
const MARK: f64 = 0.292;
const MARKS: usize = 4;
/// What a question mark adds where there are two or three, and what more of them add together.
const QUESTION: f64 = 0.18;
const QUESTIONS: f64 = 0.96;

/// Behind "but" counts more, before it less.
///
/// The authors' program looks a valence up by its value, so that of several equal ones it is the first that changes, each
/// time anew. The places of each value are kept in heaps, so that a long text does not take the square of its length.
pub fn weigh_around(but: usize, valences: &mut [f64]) {
    let mut places: BTreeMap<u64, BinaryHeap<Reverse<usize>>> = BTreeMap::new();
    for (at, valence) in valences.iter().enumerate().filter(|(_, valence)| **valence != 0.0) {
        places.entry(valence.to_bits()).or_default().push(Reverse(at));
    }
    for turn in 0..valences.len() {
        // Nothing changes 0.
        let Some(same) = places.get_mut(&valences[turn].to_bits()) else { continue };
        let Some(&Reverse(first)) = same.peek() else { continue };
        if first == but {
            continue;
        }
        same.pop();
        valences[first] *= if first < but { 0.5 } else { 1.5 };
        places.entry(valences[first].to_bits()).or_default().push(Reverse(first));
    }
}

/// The scores of a text with these valences of its words.
pub fn up(valences: &[f64], text: &str) -> Polarity {
    if valences.is_empty() {
        return Polarity::default();
    }
    let emphasis = emphasis(text);
    // One after the other: another order has other last digits.
    let mut sum = valences.iter().fold(0.0, |sum, valence| sum + valence);
    if sum > 0.0 {
        sum += emphasis;
    } else if sum < 0.0 {
        sum -= emphasis;
    }
    let compound = (sum / (sum * sum + ALPHA).sqrt()).clamp(-1.0, 1.0);

    // A word that says something weighs one more than it says, as one that says nothing weighs one.
    let (mut good, mut bad, mut neither) = (0.0, 0.0, 0_u32);
    for &valence in valences {
        if valence > 0.0 {
            good += valence + 1.0;
        } else if valence < 0.0 {
            bad -= valence - 1.0;
        } else {
            neither += 1;
        }
    }
    if good > bad {
        good += emphasis;
    } else if good < bad {
        bad += emphasis;
    }
    let neither = f64::from(neither);
    let total = good + bad + neither;
    Polarity {
        negative: rounded(bad / total, 3),
        neutral: rounded(neither / total, 3),
        positive: rounded(good / total, 3),
        compound: rounded(compound, 4),
    }
}

/// What `!` and `?` add to whatever the words say.
fn emphasis(text: &str) -> f64 {
    let count = |mark| text.bytes().filter(|byte| *byte == mark).count();
    let questions = match count(b'?') {
        0 | 1 => 0.0,
        few @ (2 | 3) => few as f64 * QUESTION,
        _ => QUESTIONS,
    };
    count(b'!').min(MARKS) as f64 * MARK + questions
}

/// Rounded to so many digits, by the exact value and not by a product with an error of its own.
fn rounded(value: f64, digits: u8) -> f64 {
    let scale = 10_f64.powi(digits.into());
    let scaled = value * scale;
    // The product is off by less than this: only near the middle does it matter.
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
    fn the_middle_between_two_digits_goes_to_the_even_one_and_only_there() {
        assert_eq!(rounded(0.0625, 3), 0.062);
        assert_eq!(rounded(0.1875, 3), 0.188);
        assert_eq!(rounded(0.0005, 3), 0.001, "a little more than it looks");
        assert_eq!(rounded(0.1125, 3), 0.113, "the same");
        assert_eq!(rounded(-0.33335, 4), -0.3333, "a little less");
    }

    #[test]
    fn a_long_text_around_a_but_does_not_take_the_square_of_its_length() {
        let mut valences = vec![1.9; 400_000];
        let start = std::time::Instant::now();
        weigh_around(399_999, &mut valences);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
