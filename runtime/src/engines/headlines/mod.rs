//! How a company headline speaks of its company: a small linear model over words, shapes and pieces of words.
//!
//! Its weights are made from labelled headlines by `cargo run --release -p fanggen-runtime --no-default-features --example
//! train-headlines -- FILE`; `docs/engines.md` says from which, and how well it judges headlines that it has not seen.

pub mod features;
pub mod tokens;
pub mod weights;

use std::sync::LazyLock;

use weights::{Chances, Weights};

use crate::text::sentences::sentences;

/// A text of more characters is no headline: it is judged sentence by sentence.
pub const HEADLINE: usize = 240;

// A look at the head of the bytes, which are then read where they lie.
static WEIGHTS: LazyLock<Option<Weights<'static>>> =
    LazyLock::new(|| Weights::read(include_bytes!("../../../data/headlines.bin")));

/// How likely it is that a text speaks ill, neither or well of what has these names. What is called by none of them is
/// judged as a whole.
///
/// Of a text that is longer than a headline, each sentence counts by its length.
#[must_use]
pub fn judge(text: &str, names: &[&str]) -> Option<Chances> {
    let weights = WEIGHTS.as_ref()?;
    let of = |text: &str| weights.chances(&features::of(text, names));
    if text.chars().nth(HEADLINE).is_none() {
        return Some(of(text));
    }
    let mut sum = Chances::default();
    let says = |sentence: &&str| sentence.chars().any(char::is_alphanumeric);
    for sentence in sentences(text).into_iter().filter(says) {
        sum = sum.and(of(sentence).times(sentence.trim().len() as f32));
    }
    let all = sum.negative + sum.neutral + sum.positive;
    // No sentence has a letter or a figure in it.
    Some(if all > 0.0 { sum.times(1.0 / all) } else { of(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_chances_that_sum_up_to_one() {
        let long = "Shares fell. ".repeat(100) + "\n\n   \n" + &"x".repeat(500);
        for text in ["", " ", "?", "Profit jumps 40%", "日本 📈 ǅ", &long, &" ".repeat(1000), &"\u{0}".repeat(300)]
        {
            let chances = judge(text, &["x"]).expect("weights");
            let sum = chances.negative + chances.neutral + chances.positive;
            assert!((sum - 1.0).abs() < 1e-5, "{text:.40}: {chances:?}");
        }
    }
}
