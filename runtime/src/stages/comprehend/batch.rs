//! Groups requests into Comprehend calls: one question, one language, up to 25 texts of any records.

use std::collections::BTreeMap;

use super::questions;
use crate::component::analysis::Analysis;
use crate::model::hash::PartsHash;
use crate::text::sentences::TextPiece;

/// One question about one piece of a record's text.
#[derive(Clone, Copy, Debug)]
pub struct AnalysisRequest<'a> {
    /// The index of the record in the chunk.
    pub record: usize,
    /// The question.
    pub question: Analysis,
    /// Comprehend's language code; none if the language is the question.
    pub language: Option<&'static str>,
    /// The piece of text.
    pub piece: TextPiece<'a>,
}

impl AnalysisRequest<'_> {
    /// A hash of everything that the reply depends on.
    pub fn hash(&self) -> [u8; 32] {
        PartsHash::of(&[self.question.as_str(), self.language.unwrap_or_default(), self.piece.text])
    }

    /// The billed units: 100 characters each, at least 3
    /// (<https://aws.amazon.com/comprehend/pricing/>).
    pub fn units(&self) -> u64 {
        (self.piece.text.chars().count() as u64).div_ceil(100).max(3)
    }
}

/// The requests of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBatch {
    /// The question.
    pub question: Analysis,
    /// The language.
    pub language: Option<&'static str>,
    /// The indexes of the requests.
    pub indexes: Vec<usize>,
}

/// Groups requests into as few calls as possible, without those that already have a result.
pub fn batches(requests: &[AnalysisRequest<'_>], has_result: impl Fn(usize) -> bool) -> Vec<RequestBatch> {
    let mut groups: BTreeMap<(Analysis, Option<&'static str>), Vec<usize>> = BTreeMap::new();
    for (index, one) in requests.iter().enumerate().filter(|(index, _)| !has_result(*index)) {
        groups.entry((one.question, one.language)).or_default().push(index);
    }
    let mut batches = Vec::new();
    for ((question, language), indexes) in groups {
        for indexes in indexes.chunks(questions::texts_per_call(question)) {
            batches.push(RequestBatch { question, language, indexes: indexes.to_vec() });
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(record: usize, question: Analysis, language: &'static str) -> AnalysisRequest<'static> {
        AnalysisRequest { record, question, language: Some(language), piece: TextPiece { text: "Good.", begin: 0 } }
    }

    #[test]
    fn a_call_has_one_question_one_language_and_25_texts() {
        let mut all: Vec<_> =
            (0..60).map(|record| request(record, Analysis::Sentiment, ["en", "de"][record % 2])).collect();
        all.extend((0..2).map(|record| request(record, Analysis::Pii, "en")));
        let calls: Vec<_> = batches(&all, |index| index == 0)
            .into_iter()
            .map(|batch| (batch.question, batch.language.expect("a language"), batch.indexes.len()))
            .collect();
        let (sentiment, pii) = (Analysis::Sentiment, Analysis::Pii);
        let expected = [(sentiment, "de", 25), (sentiment, "de", 5), (sentiment, "en", 25), (sentiment, "en", 4)];
        assert_eq!(calls[..4], expected);
        assert_eq!(calls[4..], [(pii, "en", 1), (pii, "en", 1)]);
    }

    #[test]
    fn a_unit_is_100_characters_and_a_text_has_at_least_3() {
        let units = |text| {
            AnalysisRequest { piece: TextPiece { text, begin: 0 }, ..request(0, Analysis::Sentiment, "en") }.units()
        };
        assert_eq!((units("Good."), units(&"é".repeat(300)), units(&"é".repeat(301))), (3, 3, 4));
    }

    #[test]
    fn the_hash_covers_everything_that_the_reply_depends_on() {
        let one = request(0, Analysis::Sentiment, "en");
        assert_eq!(one.hash(), request(9, Analysis::Sentiment, "en").hash());
        assert_ne!(one.hash(), request(0, Analysis::Sentiment, "de").hash());
        assert_ne!(one.hash(), request(0, Analysis::Entities, "en").hash());
        assert_ne!(one.hash(), AnalysisRequest { piece: TextPiece { text: "Bad.", begin: 0 }, ..one }.hash());
    }
}
