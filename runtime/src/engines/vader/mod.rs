//! VADER's published rules over its word list: sentiment of short English texts, to the last digit of its authors' program.
//!
//! Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014
//! (<https://doi.org/10.1609/icwsm.v8i1.14550>). What counts is version 3.3.2 of the package `vaderSentiment`, oddities and
//! all (<https://pypi.org/project/vaderSentiment/3.3.2/>): whoever has results of it gets the same ones here, and a test
//! asks both. The word lists and their licence lie in `runtime/data/vader`.

mod degree;
mod rules;
mod sum;
mod table;
mod words;

use rules::Sentence;

/// The compound score from which VADER's authors call a text positive, and below whose negative, negative
/// (<https://github.com/cjhutto/vaderSentiment#about-the-scoring>).
pub const THRESHOLD: f64 = 0.05;

/// What the rules say of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Polarity {
    /// The part of the text that speaks ill, 0 to 1, in thousandths.
    pub negative: f64,
    /// The part that does neither.
    pub neutral: f64,
    /// The part that speaks well.
    pub positive: f64,
    /// All in one number, -1 to 1, in ten-thousandths.
    pub compound: f64,
}

/// The rating of a word in lower case, from -4 to 4, where the list has it.
#[must_use]
pub fn rating(word: &str) -> Option<f64> {
    table::WORDS.get(word)?.parse().ok()
}

/// Judges a text; one without any word is 0 in everything.
#[must_use]
pub fn polarity(text: &str) -> Polarity {
    let text = words::spelled_out(text);
    let text = words::trim(&text);
    let words = words::of(text);
    let sentence = Sentence::new(&words);
    let mut valences: Vec<f64> = (0..words.len()).map(|at| sentence.valence(at)).collect();
    if let Some(but) = words.iter().position(|word| word.lower == "but") {
        sum::weigh_around(but, &mut valences);
    }
    sum::up(&valences, text)
}
