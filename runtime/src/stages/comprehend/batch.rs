//! What is asked in one call: one question, one language, up to 25 texts of any records.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::questions;
use crate::component::analysis::Question;
use crate::text::sentences::TextPiece;

/// One question about one piece of a record's text.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The record, by its place in the chunk.
    pub record: usize,
    /// What is asked.
    pub question: Question,
    /// Comprehend's code of the language; none where that is the question.
    pub language: Option<&'static str>,
    /// About what.
    pub piece: TextPiece<'a>,
}

impl Asked<'_> {
    /// What the answer depends on.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.question.word(), self.language.unwrap_or_default(), self.piece.text] {
            // Lengths between, so that no two lists of parts read the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// The units that are billed for it: 100 characters each, at least 3
    /// (<https://aws.amazon.com/comprehend/pricing/>).
    pub fn units(&self) -> u64 {
        (self.piece.text.chars().count() as u64).div_ceil(100).max(3)
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What is asked.
    pub question: Question,
    /// In which language.
    pub language: Option<&'static str>,
    /// About what, by its place in the list of all that is asked.
    pub places: Vec<usize>,
}

/// The fewest calls that ask all of these; what is asked at the places in `answered` needs none.
pub fn batches(asked: &[Asked<'_>], answered: impl Fn(usize) -> bool) -> Vec<Batch> {
    let mut alike: BTreeMap<(Question, Option<&'static str>), Vec<usize>> = BTreeMap::new();
    for (place, one) in asked.iter().enumerate().filter(|(place, _)| !answered(*place)) {
        alike.entry((one.question, one.language)).or_default().push(place);
    }
    let mut batches = Vec::new();
    for ((question, language), places) in alike {
        for places in places.chunks(questions::texts_per_call(question)) {
            batches.push(Batch { question, language, places: places.to_vec() });
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(record: usize, question: Question, language: &'static str) -> Asked<'static> {
        Asked { record, question, language: Some(language), piece: TextPiece { text: "Good.", begin: 0 } }
    }

    #[test]
    fn a_call_has_one_question_one_language_and_25_texts() {
        let mut all: Vec<_> =
            (0..60).map(|record| asked(record, Question::Sentiment, ["en", "de"][record % 2])).collect();
        all.extend((0..2).map(|record| asked(record, Question::Pii, "en")));
        let calls: Vec<_> = batches(&all, |place| place == 0)
            .into_iter()
            .map(|batch| (batch.question, batch.language.expect("a language"), batch.places.len()))
            .collect();
        let (sentiment, pii) = (Question::Sentiment, Question::Pii);
        let expected = [(sentiment, "de", 25), (sentiment, "de", 5), (sentiment, "en", 25), (sentiment, "en", 4)];
        assert_eq!(calls[..4], expected);
        assert_eq!(calls[4..], [(pii, "en", 1), (pii, "en", 1)]);
    }

    #[test]
    fn a_unit_is_100_characters_and_a_text_has_3_at_least() {
        let units = |text| Asked { piece: TextPiece { text, begin: 0 }, ..asked(0, Question::Sentiment, "en") }.units();
        assert_eq!((units("Good."), units(&"é".repeat(300)), units(&"é".repeat(301))), (3, 3, 4));
    }

    #[test]
    fn an_answer_is_known_by_all_that_it_depends_on() {
        let one = asked(0, Question::Sentiment, "en");
        assert_eq!(one.hash(), asked(9, Question::Sentiment, "en").hash());
        assert_ne!(one.hash(), asked(0, Question::Sentiment, "de").hash());
        assert_ne!(one.hash(), asked(0, Question::Entities, "en").hash());
        assert_ne!(one.hash(), Asked { piece: TextPiece { text: "Bad.", begin: 0 }, ..one }.hash());
    }
}
