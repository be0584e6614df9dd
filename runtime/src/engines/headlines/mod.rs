//! The sentiment of company headlines: a small linear model over words, word patterns and character n-grams.
//!
//! Its weights are trained on labelled headlines with `cargo run --release -p fanggen-runtime --no-default-features
//! --features training --example train-headlines -- FILE`; `docs/engines.md` names the data and the accuracy on unseen
//! headlines.

pub mod features;
pub mod tokens;
#[cfg(feature = "training")]
pub mod training;
pub mod weights;

use std::sync::LazyLock;

use weights::{Probabilities, Weights};

use crate::text::sentences::sentences;

/// A longer text, in characters, is not a headline: it is classified sentence by sentence.
pub const MAX_HEADLINE_CHARS: usize = 240;

// Only the header is parsed; the table is used in place.
static WEIGHTS: LazyLock<Option<Weights<'static>>> =
    LazyLock::new(|| Weights::read(include_bytes!("../../../data/headlines.bin")));

/// The probabilities that a text is negative, neutral or positive about a subject with these names, or as a whole if none of
/// them occurs. Of a text longer than a headline, each sentence counts by its length.
#[must_use]
pub fn classify(text: &str, names: &[&str]) -> Option<Probabilities> {
    let weights = WEIGHTS.as_ref()?;
    let of = |text: &str| weights.probabilities(&features::extract(text, names));
    if text.chars().nth(MAX_HEADLINE_CHARS).is_none() {
        return Some(of(text));
    }
    let mut sum = Probabilities::default();
    let has_content = |sentence: &&str| sentence.chars().any(char::is_alphanumeric);
    for sentence in sentences(text).into_iter().filter(has_content) {
        sum = sum + of(sentence) * sentence.trim().len() as f32;
    }
    let all = sum.negative + sum.neutral + sum.positive;
    // Otherwise no sentence has a letter or a digit.
    Some(if all > 0.0 { sum * (1.0 / all) } else { of(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_of_any_text_sum_up_to_one() {
        let long = "Shares fell. ".repeat(100) + "\n\n   \n" + &"x".repeat(500);
        for text in ["", " ", "?", "Profit jumps 40%", "日本 📈 ǅ", &long, &" ".repeat(1000), &"\u{0}".repeat(300)]
        {
            let probabilities = classify(text, &["x"]).expect("weights");
            let sum = probabilities.negative + probabilities.neutral + probabilities.positive;
            assert!((sum - 1.0).abs() < 1e-5, "{text:.40}: {probabilities:?}");
        }
    }
}
