//! VADER: rule-based sentiment of short English texts, with the same digits as the authors' program.
//!
//! Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014
//! (<https://doi.org/10.1609/icwsm.v8i1.14550>). The reference is version 3.3.2 of the package `vaderSentiment`, quirks
//! included (<https://pypi.org/project/vaderSentiment/3.3.2/>), so that existing results stay comparable; a test compares
//! both. The word lists and their licence are in `runtime/data/vader`.

mod modifiers;
mod scoring;
mod tokenizer;
mod valence;
mod word_lists;

use valence::Sentence;

/// The compound score from which the authors call a text positive, and the negative of it negative
/// (<https://github.com/cjhutto/vaderSentiment#about-the-scoring>).
pub const THRESHOLD: f64 = 0.05;

/// The scores of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Polarity {
    /// The share of negative words, from 0 to 1, with three digits.
    pub negative: f64,
    /// The share of neutral words.
    pub neutral: f64,
    /// The share of positive words.
    pub positive: f64,
    /// The overall score, from -1 to 1, with four digits.
    pub compound: f64,
}

/// The rating of a lower-case word, from -4 to 4, if it is in the word list.
#[must_use]
pub fn rating(word: &str) -> Option<f64> {
    word_lists::RATINGS.get(word).copied()
}

/// The scores of a text; all are 0 if it has no words.
#[must_use]
pub fn polarity(text: &str) -> Polarity {
    let text = tokenizer::replace_emoji(text);
    let text = tokenizer::trim(&text);
    let words = tokenizer::tokenize(text);
    let sentence = Sentence::new(&words);
    let mut valences: Vec<f64> = (0..words.len()).map(|at| sentence.valence(at)).collect();
    if let Some(but) = words.iter().position(|word| word.lower == "but") {
        scoring::weigh_around(but, &mut valences);
    }
    scoring::scores(&valences, text)
}
