//! The door to Amazon Comprehend: one question about some texts is one call, and each text has its own answer.

use std::error::Error as StdError;

use async_trait::async_trait;
use aws_sdk_comprehend::Client;
use aws_sdk_comprehend::types::{
    BatchItemError, DominantLanguage, Entity as Named, KeyPhrase, LanguageCode, PiiEntity, SentimentScore,
    SentimentType, TargetedSentimentEntity, TargetedSentimentMention,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::call::{failed, refused};
use crate::component::analysis::{Analysis, AnalysisOutput, TextAnalyzer};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Entity, Label, Phrase, Scores};

/// What a call is about, in the words of an error: texts are never part of one.
const ON: &str = "texts";

/// Codes by which a call is refused for one of its texts
/// (<https://docs.aws.amazon.com/comprehend/latest/APIReference/API_BatchDetectSentiment.html>).
const FOR_A_TEXT: [&str; 3] = ["TextSizeLimitExceededException", "InvalidRequestException", "ValidationException"];

/// Comprehend by the SDK.
pub struct Comprehend {
    /// The client that all calls go through.
    pub client: Client,
}

/// An answer about one text, and its place among the texts that were asked about.
type Placed = (Option<i32>, Option<AnalysisOutput>);

/// Asks one of the batch operations; they differ in nothing but their names, and in the form of an answer.
macro_rules! batch {
    ($call:expr, $action:literal, $texts:ident, $reply:expr) => {{
        let answer = $call.set_text_list(Some($texts.to_vec())).send().await.map_err(|error| wrong($action, error))?;
        let decode_key = answer.result_list.into_iter().map($reply).collect();
        Ok(ordered($action, $texts.len(), decode_key, answer.error_list))
    }};
}

#[async_trait]
impl TextAnalyzer for Comprehend {
    async fn analyze(
        &self,
        analysis: Analysis,
        language: Option<&str>,
        texts: &[String],
    ) -> Result<Vec<Result<AnalysisOutput, Error>>, Error> {
        let (client, code) = (&self.client, language.map(LanguageCode::from));
        match analysis {
            Analysis::Sentiment => {
                let call = client.batch_detect_sentiment().set_language_code(code);
                batch!(call, "comprehend:BatchDetectSentiment", texts, |one| {
                    (
                        one.index,
                        sentiment(one.sentiment, one.sentiment_score).map(|(l, s)| AnalysisOutput::Sentiment(l, s)),
                    )
                })
            }
            Analysis::TargetedSentiment => {
                let call = client.batch_detect_targeted_sentiment().set_language_code(code);
                batch!(call, "comprehend:BatchDetectTargetedSentiment", texts, |one| {
                    (one.index, targets(one.entities.unwrap_or_default()))
                })
            }
            Analysis::Entities => {
                let call = client.batch_detect_entities().set_language_code(code);
                batch!(call, "comprehend:BatchDetectEntities", texts, |one| {
                    (one.index, all(one.entities, named).map(AnalysisOutput::Entities))
                })
            }
            Analysis::KeyPhrases => {
                let call = client.batch_detect_key_phrases().set_language_code(code);
                batch!(call, "comprehend:BatchDetectKeyPhrases", texts, |one| {
                    (one.index, all(one.key_phrases, phrase).map(AnalysisOutput::Phrases))
                })
            }
            Analysis::DominantLanguage => {
                let call = client.batch_detect_dominant_language();
                batch!(call, "comprehend:BatchDetectDominantLanguage", texts, |one| {
                    (one.index, all(one.languages, tag).map(AnalysisOutput::Languages))
                })
            }
            Analysis::Pii => {
                let mut replies = Vec::new();
                for text in texts {
                    let call = client.detect_pii_entities().text(text).set_language_code(code.clone());
                    let answer = call.send().await.map_err(|error| wrong("comprehend:DetectPiiEntities", error))?;
                    let found = all(answer.entities, personal).map(AnalysisOutput::Entities);
                    replies.push(found.ok_or_else(|| unreadable("comprehend:DetectPiiEntities")));
                }
                Ok(replies)
            }
        }
    }
}

/// A call that was refused as a whole.
fn wrong<E>(action: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let error = failed(action, ON, error);
    match code.as_str() {
        code if FOR_A_TEXT.contains(&code) => Error { code: ErrorCode::TextRefused, ..error },
        "UnsupportedLanguageException" => Error { code: ErrorCode::LanguageUnsupported, ..error },
        _ => error,
    }
}

/// The answers in the order of the texts. One without an answer, or with two, has none that can be trusted.
fn ordered(
    action: &str,
    texts: usize,
    answers: Vec<Placed>,
    errors: Vec<BatchItemError>,
) -> Vec<Result<AnalysisOutput, Error>> {
    let mut slots: Vec<Vec<Result<AnalysisOutput, Error>>> = (0..texts).map(|_| Vec::new()).collect();
    let mut put = |index: Option<i32>, answer: Result<AnalysisOutput, Error>| {
        if let Some(slot) = index.and_then(|index| slots.get_mut(usize::try_from(index).ok()?)) {
            slot.push(answer);
        }
    };
    for (index, reply) in answers {
        put(index, reply.ok_or_else(|| unreadable(action)));
    }
    for error in errors {
        put(error.index, Err(entry(action, &error)));
    }
    let only = |mut slot: Vec<Result<AnalysisOutput, Error>>| match (slot.pop(), slot.is_empty()) {
        (Some(answer), true) => answer,
        _ => Err(unreadable(action)),
    };
    slots.into_iter().map(only).collect()
}

/// An entry of the `ErrorList`: what is Comprehend's own trouble may pass.
fn entry(action: &str, error: &BatchItemError) -> Error {
    let code = error.error_code.as_deref().unwrap_or("Unknown");
    // The page calls it a "numeric error code", and the service sends words: both are understood.
    let internal = code.to_ascii_lowercase().contains("internal") || code.starts_with('5');
    refused(action, "a text", if internal { 500 } else { 400 }, Some(code), error.error_message.as_deref())
}

fn unreadable(action: &str) -> Error {
    let words = format!("the answer to `{action}` does not fit the texts that were asked about");
    Error::transient(ErrorCode::AnswerUnreadable, words)
}

/// All of them, or none where one cannot be read.
fn all<T, U>(list: Option<Vec<T>>, read: impl Fn(T) -> Option<U>) -> Option<Vec<U>> {
    list.unwrap_or_default().into_iter().map(read).collect()
}

fn sentiment(label: Option<SentimentType>, scores: Option<SentimentScore>) -> Option<(Label, Scores)> {
    let label = match label? {
        SentimentType::Positive => Label::Positive,
        SentimentType::Negative => Label::Negative,
        SentimentType::Neutral => Label::Neutral,
        SentimentType::Mixed => Label::Mixed,
        _ => return None,
    };
    let SentimentScore { positive, negative, neutral, mixed, .. } = scores?;
    let scores = [("positive", positive), ("negative", negative), ("neutral", neutral), ("mixed", mixed)];
    let scores = scores.into_iter().map(|(key, score)| Some((key.to_owned(), f64::from(score?))));
    Some((label, scores.collect::<Option<_>>()?))
}

/// Every mention of every entity, in the order of the text.
fn targets(entities: Vec<TargetedSentimentEntity>) -> Option<AnalysisOutput> {
    let mentions = entities.into_iter().flat_map(|entity| entity.mentions.unwrap_or_default());
    let mut mentions: Vec<Entity> = mentions.map(mention).collect::<Option<_>>()?;
    mentions.sort_by_key(|mention| (mention.begin, mention.end));
    Some(AnalysisOutput::Entities(mentions))
}

fn mention(mention: TargetedSentimentMention) -> Option<Entity> {
    let said = mention.mention_sentiment?;
    let (label, scores) = sentiment(said.sentiment, said.sentiment_score)?;
    let (begin, end) = place(mention.begin_offset, mention.end_offset)?;
    let kind = mention.r#type?.as_str().to_owned();
    let score = f64::from(mention.score?);
    Some(Entity { text: mention.text, kind, score, begin, end, label: Some(label), scores })
}

fn named(entity: Named) -> Option<Entity> {
    let (begin, end) = place(entity.begin_offset, entity.end_offset)?;
    let kind = entity.r#type?.as_str().to_owned();
    let score = f64::from(entity.score?);
    Some(Entity { text: entity.text, kind, score, begin, end, label: None, scores: Scores::new() })
}

fn personal(entity: PiiEntity) -> Option<Entity> {
    let (begin, end) = place(entity.begin_offset, entity.end_offset)?;
    let kind = entity.r#type?.as_str().to_owned();
    let score = f64::from(entity.score?);
    Some(Entity { text: None, kind, score, begin, end, label: None, scores: Scores::new() })
}

fn phrase(phrase: KeyPhrase) -> Option<Phrase> {
    let (begin, end) = place(phrase.begin_offset, phrase.end_offset)?;
    Some(Phrase { text: phrase.text?, score: f64::from(phrase.score?), begin, end })
}

fn tag(language: DominantLanguage) -> Option<(String, f64)> {
    Some((language.language_code?, f64::from(language.score?)))
}

/// From the first character to the one behind the last.
fn place(begin: Option<i32>, end: Option<i32>) -> Option<(u64, u64)> {
    let (begin, end) = (u64::try_from(begin?).ok()?, u64::try_from(end?).ok()?);
    (begin <= end).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "comprehend:BatchDetectSentiment";

    fn reply(tag: &str) -> Option<AnalysisOutput> {
        Some(AnalysisOutput::Languages(vec![(tag.to_owned(), 1.0)]))
    }

    fn error(index: i32, code: &str, words: &str) -> BatchItemError {
        BatchItemError::builder().index(index).error_code(code).error_message(words).build()
    }

    #[test]
    fn answers_find_their_texts_in_whatever_order_they_come() {
        let answers = vec![(Some(2), reply("c")), (Some(0), reply("a"))];
        let told = ordered(ACTION, 4, answers, vec![error(1, "INVALID", "odd")]);
        assert_eq!((told[0].as_ref().ok(), told[2].as_ref().ok()), (reply("a").as_ref(), reply("c").as_ref()));
        let refused = told[1].as_ref().expect_err("an entry of the list");
        assert_eq!((refused.code.as_str(), refused.transient), ("aws_refused", false));
        assert_eq!(refused.message, "`comprehend:BatchDetectSentiment` on `a text` was refused (INVALID: odd)");
        assert_eq!(told[3].as_ref().expect_err("missing"), &unreadable(ACTION));
    }

    #[test]
    fn an_answer_that_fits_no_text_or_is_there_twice_is_not_taken_for_one() {
        let answers = vec![(Some(-1), reply("x")), (Some(9), reply("x")), (None, reply("x")), (Some(0), None)];
        assert_eq!(ordered(ACTION, 1, answers, vec![]), [Err(unreadable(ACTION))]);
        let twice = vec![(Some(0), reply("a")), (Some(0), reply("b")), (Some(1), reply("c"))];
        let told = ordered(ACTION, 2, twice, vec![error(1, "INVALID", "odd")]);
        assert_eq!(told, [Err(unreadable(ACTION)), Err(unreadable(ACTION))]);
        assert_eq!(
            unreadable(ACTION).message,
            "the answer to `comprehend:BatchDetectSentiment` does not fit the texts that were asked about"
        );
        assert!(unreadable(ACTION).transient);
    }

    #[test]
    fn trouble_of_comprehends_own_may_pass() {
        for (code, ours, transient) in [
            ("INTERNAL_SERVER_ERROR", "aws_unavailable", true),
            ("InternalServerException", "aws_unavailable", true),
            ("500", "aws_unavailable", true),
            ("ThrottlingException", "throttled", true),
            ("TEXT_SIZE_LIMIT_EXCEEDED", "aws_refused", false),
            ("400", "aws_refused", false),
        ] {
            let error = entry(ACTION, &error(0, code, ""));
            assert_eq!((error.code.as_str(), error.transient), (ours, transient), "{code}");
        }
    }

    #[test]
    fn a_label_or_a_place_that_nobody_knows_is_no_answer() {
        let scores = SentimentScore::builder().positive(0.5).negative(0.1).neutral(0.3).mixed(0.1).build();
        assert!(sentiment(Some(SentimentType::from("GLEEFUL")), Some(scores.clone())).is_none());
        assert!(sentiment(Some(SentimentType::Mixed), None).is_none());
        let (label, scores) = sentiment(Some(SentimentType::Mixed), Some(scores)).expect("an answer");
        assert_eq!((label, scores["positive"], scores.len()), (Label::Mixed, 0.5, 4));
        assert_eq!(place(Some(3), Some(7)), Some((3, 7)));
        for odd in [(Some(-1), Some(2)), (Some(3), Some(2)), (None, Some(2)), (Some(1), None)] {
            assert_eq!(place(odd.0, odd.1), None);
        }
    }
}
