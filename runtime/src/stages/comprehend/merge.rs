//! Merges the replies about the pieces of a text into one finding.

use crate::component::analysis::{Analysis, AnalysisOutput};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Entity, Finding, Label, Phrase, Scores};
use crate::text::sentences::TextPiece;

/// The labels, each with its key in the scores.
const LABELS: [(Label, &str); 4] = [
    (Label::Positive, "positive"),
    (Label::Negative, "negative"),
    (Label::Neutral, "neutral"),
    (Label::Mixed, "mixed"),
];

/// Collects the replies about the pieces of one text.
#[derive(Default)]
pub struct FindingMerger {
    sentiments: Vec<(Label, Scores, f64)>,
    finding: Finding,
}

impl FindingMerger {
    /// Adds the reply about a piece, converting its offsets to those of the text.
    ///
    /// # Errors
    /// `answer_unreadable` if the reply belongs to another question.
    pub fn add(&mut self, question: Analysis, piece: TextPiece<'_>, reply: AnalysisOutput) -> Result<(), Error> {
        match (question, reply) {
            (Analysis::Sentiment, AnalysisOutput::Sentiment(label, scores)) => {
                self.sentiments.push((label, scores, piece.text.len() as f64));
            }
            (Analysis::Entities, AnalysisOutput::Entities(found)) => {
                self.finding.entities.extend(shifted(found, piece))
            }
            (Analysis::TargetedSentiment, AnalysisOutput::Entities(found)) => {
                self.finding.targets.extend(shifted(found, piece))
            }
            (Analysis::Pii, AnalysisOutput::Entities(found)) => {
                // Personal data is not stored once more: its position is enough.
                let redacted = found.into_iter().map(|entity| Entity { text: None, ..entity }).collect();
                self.finding.personal.extend(shifted(redacted, piece));
            }
            (Analysis::KeyPhrases, AnalysisOutput::Phrases(found)) => {
                let shifted = |phrase: Phrase| Phrase {
                    begin: phrase.begin + piece.begin,
                    end: phrase.end + piece.begin,
                    ..phrase
                };
                self.finding.phrases.extend(found.into_iter().map(shifted));
            }
            _ => return Err(mismatched(question)),
        }
        Ok(())
    }

    /// The finding of this stage, with the share of the text that was analysed.
    pub fn finish(self, stage: &str, coverage: f64) -> Finding {
        let mut finding = Finding { stage: stage.into(), engine: "comprehend".into(), coverage, ..self.finding };
        let Some((first, _, _)) = self.sentiments.first() else { return finding };
        let scores = mean(&self.sentiments);
        let of = |key: &str| scores.get(key).copied().unwrap_or_default();
        // The label of a single piece is Comprehend's own; that of several pieces is the one with the highest mean score.
        let strongest = LABELS.into_iter().max_by(|a, b| of(a.1).total_cmp(&of(b.1))).map(|(label, _)| label);
        finding.label = if self.sentiments.len() == 1 { Some(*first) } else { strongest };
        finding.score = Some(of("positive") - of("negative"));
        finding.scores = scores;
        finding
    }
}

/// The error for a reply to another question.
pub fn mismatched(question: Analysis) -> Error {
    let message = format!("the response of Comprehend is not about `{}`", question.as_str());
    Error::transient(ErrorCode::AnswerUnreadable, message)
}

fn shifted(entities: Vec<Entity>, piece: TextPiece<'_>) -> impl Iterator<Item = Entity> {
    entities.into_iter().map(move |entity| Entity {
        begin: entity.begin + piece.begin,
        end: entity.end + piece.begin,
        ..entity
    })
}

/// The mean of the scores, weighted by the bytes of each piece; the scores of a single piece stay exactly as they are.
fn mean(sentiments: &[(Label, Scores, f64)]) -> Scores {
    if let [(_, scores, _)] = sentiments {
        return scores.clone();
    }
    let bytes: f64 = sentiments.iter().map(|(_, _, bytes)| bytes).sum();
    let mut mean = Scores::new();
    for (_, scores, weight) in sentiments {
        for (key, score) in scores {
            *mean.entry(key.clone()).or_default() += score * weight / bytes;
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(positive: f64, negative: f64, neutral: f64) -> Scores {
        [("positive", positive), ("negative", negative), ("neutral", neutral)].map(|(k, v)| (k.to_owned(), v)).into()
    }

    fn entity(text: &str, begin: u64) -> Entity {
        let end = begin + text.chars().count() as u64;
        Entity {
            text: Some(text.into()),
            kind: "PERSON".into(),
            score: 0.9,
            begin,
            end,
            label: None,
            scores: Scores::new(),
        }
    }

    #[test]
    fn a_single_reply_keeps_comprehends_label() {
        let mut merge = FindingMerger::default();
        let piece = TextPiece { text: "Good.", begin: 0 };
        // A label that its scores alone would not give.
        let reply = AnalysisOutput::Sentiment(Label::Mixed, scores(0.5, 0.2, 0.3));
        merge.add(Analysis::Sentiment, piece, reply).expect("an answer");
        let finding = merge.finish("sentiment", 1.0);
        assert_eq!((finding.label, &finding.scores), (Some(Label::Mixed), &scores(0.5, 0.2, 0.3)));
        assert!((finding.score.expect("a score") - 0.3).abs() < 1e-12);
        assert_eq!((finding.stage.as_str(), finding.engine.as_str()), ("sentiment", "comprehend"));
    }

    #[test]
    fn pieces_are_weighted_by_length() {
        let mut merge = FindingMerger::default();
        let (long, short) = ("a".repeat(300), "b".repeat(100));
        for (text, reply) in [
            (&long, AnalysisOutput::Sentiment(Label::Negative, scores(0.0, 0.8, 0.2))),
            (&short, AnalysisOutput::Sentiment(Label::Positive, scores(1.0, 0.0, 0.0))),
        ] {
            merge.add(Analysis::Sentiment, TextPiece { text, begin: 0 }, reply).expect("an answer");
        }
        let finding = merge.finish("s", 0.5);
        assert_eq!(finding.label, Some(Label::Negative));
        assert!((finding.scores["negative"] - 0.6).abs() < 1e-12, "{:?}", finding.scores);
        assert!((finding.scores["positive"] - 0.25).abs() < 1e-12, "{:?}", finding.scores);
        assert!((finding.score.expect("a score") + 0.35).abs() < 1e-12);
    }

    #[test]
    fn offsets_are_those_of_the_whole_text_and_personal_data_has_no_text() {
        let mut merge = FindingMerger::default();
        let piece = TextPiece { text: "Ann met Bob.", begin: 100 };
        merge.add(Analysis::Entities, piece, AnalysisOutput::Entities(vec![entity("Bob", 8)])).expect("an answer");
        merge.add(Analysis::Pii, piece, AnalysisOutput::Entities(vec![entity("Ann", 0)])).expect("an answer");
        let phrase = Phrase { text: "Ann".into(), score: 0.5, begin: 0, end: 3 };
        merge.add(Analysis::KeyPhrases, piece, AnalysisOutput::Phrases(vec![phrase])).expect("an answer");
        let finding = merge.finish("s", 1.0);
        assert_eq!((finding.entities[0].begin, finding.entities[0].end), (108, 111));
        assert_eq!(finding.entities[0].text.as_deref(), Some("Bob"));
        assert_eq!((finding.personal[0].begin, finding.personal[0].end, &finding.personal[0].text), (100, 103, &None));
        assert_eq!((finding.phrases[0].begin, finding.phrases[0].end), (100, 103));
        assert_eq!((finding.label, finding.score), (None, None), "the sentiment was not requested");
    }

    #[test]
    fn a_reply_to_another_question_is_refused() {
        let piece = TextPiece { text: "Good.", begin: 0 };
        let error = FindingMerger::default()
            .add(Analysis::Sentiment, piece, AnalysisOutput::Phrases(vec![]))
            .expect_err("refused");
        assert_eq!((error.code.as_str(), error.transient), ("answer_unreadable", true));
        assert_eq!(error.message, "the response of Comprehend is not about `sentiment`");
    }
}
