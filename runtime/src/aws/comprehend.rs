//! Amazon Comprehend: one analysis of several texts per call, with a result for each text.

use std::error::Error as StdError;

use async_trait::async_trait;
use aws_sdk_comprehend::Client;
use aws_sdk_comprehend::types::{
    BatchItemError, DominantLanguage, Entity as DetectedEntity, KeyPhrase, LanguageCode, PiiEntity, SentimentScore,
    SentimentType, TargetedSentimentEntity, TargetedSentimentMention,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::call::{call_error, service_error};
use crate::component::analysis::{Analysis, AnalysisOutput, TextAnalyzer};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Entity, Label, Phrase, Scores};

/// The target named in error messages, which never quote the texts.
const TARGET: &str = "texts";

/// Error codes that mean that one of the texts is invalid
/// (<https://docs.aws.amazon.com/comprehend/latest/APIReference/API_BatchDetectSentiment.html>).
const INVALID_TEXT: [&str; 3] = ["TextSizeLimitExceededException", "InvalidRequestException", "ValidationException"];

/// Amazon Comprehend, called with the SDK.
pub struct Comprehend {
    /// The client.
    pub client: Client,
}

/// The result for one text, and the index of the text in the request.
type IndexedResult = (Option<i32>, Option<AnalysisOutput>);

/// Sends a batch request. The operations differ only in their names and their result types.
macro_rules! batch {
    ($call:expr, $action:literal, $texts:ident, $convert:expr) => {{
        let call = $call.set_text_list(Some($texts.to_vec())).send();
        let response = call.await.map_err(|error| request_error($action, error))?;
        let results = response.result_list.into_iter().map($convert).collect();
        Ok(in_request_order($action, $texts.len(), results, response.error_list))
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
                batch!(call, "comprehend:BatchDetectSentiment", texts, |result| {
                    (
                        result.index,
                        convert_sentiment(result.sentiment, result.sentiment_score)
                            .map(|(l, s)| AnalysisOutput::Sentiment(l, s)),
                    )
                })
            }
            Analysis::TargetedSentiment => {
                let call = client.batch_detect_targeted_sentiment().set_language_code(code);
                batch!(call, "comprehend:BatchDetectTargetedSentiment", texts, |result| {
                    (result.index, convert_targets(result.entities.unwrap_or_default()))
                })
            }
            Analysis::Entities => {
                let call = client.batch_detect_entities().set_language_code(code);
                batch!(call, "comprehend:BatchDetectEntities", texts, |result| {
                    (result.index, convert_all(result.entities, convert_entity).map(AnalysisOutput::Entities))
                })
            }
            Analysis::KeyPhrases => {
                let call = client.batch_detect_key_phrases().set_language_code(code);
                batch!(call, "comprehend:BatchDetectKeyPhrases", texts, |result| {
                    (result.index, convert_all(result.key_phrases, convert_key_phrase).map(AnalysisOutput::Phrases))
                })
            }
            Analysis::DominantLanguage => {
                let call = client.batch_detect_dominant_language();
                batch!(call, "comprehend:BatchDetectDominantLanguage", texts, |result| {
                    (result.index, convert_all(result.languages, convert_language).map(AnalysisOutput::Languages))
                })
            }
            Analysis::Pii => {
                const PII_ACTION: &str = "comprehend:DetectPiiEntities";
                let mut results = Vec::new();
                for text in texts {
                    let call = client.detect_pii_entities().text(text).set_language_code(code.clone());
                    let response = call.send().await.map_err(|error| request_error(PII_ACTION, error))?;
                    let entities = convert_all(response.entities, convert_pii_entity).map(AnalysisOutput::Entities);
                    results.push(entities.ok_or_else(|| response_error(PII_ACTION)));
                }
                Ok(results)
            }
        }
    }
}

/// The error of a request that failed as a whole.
fn request_error<E>(action: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let error = call_error(action, TARGET, error);
    match code.as_str() {
        code if INVALID_TEXT.contains(&code) => Error { code: ErrorCode::TextRefused, ..error },
        "UnsupportedLanguageException" => Error { code: ErrorCode::LanguageUnsupported, ..error },
        _ => error,
    }
}

/// The results in the order of the texts. A text with no result, or with several, gets an error.
fn in_request_order(
    action: &str,
    texts: usize,
    results: Vec<IndexedResult>,
    errors: Vec<BatchItemError>,
) -> Vec<Result<AnalysisOutput, Error>> {
    let mut slots: Vec<Vec<Result<AnalysisOutput, Error>>> = (0..texts).map(|_| Vec::new()).collect();
    let mut put = |index: Option<i32>, result: Result<AnalysisOutput, Error>| {
        if let Some(slot) = index.and_then(|index| slots.get_mut(usize::try_from(index).ok()?)) {
            slot.push(result);
        }
    };
    for (index, output) in results {
        put(index, output.ok_or_else(|| response_error(action)));
    }
    for error in errors {
        put(error.index, Err(item_error(action, &error)));
    }
    let single = |mut slot: Vec<Result<AnalysisOutput, Error>>| match (slot.pop(), slot.is_empty()) {
        (Some(result), true) => result,
        _ => Err(response_error(action)),
    };
    slots.into_iter().map(single).collect()
}

/// The error of an entry of the `ErrorList`; transient if it is an internal error of Comprehend.
fn item_error(action: &str, error: &BatchItemError) -> Error {
    let code = error.error_code.as_deref().unwrap_or("Unknown");
    // The documentation says "numeric error code", but the service sends names, so both are accepted.
    let internal = code.to_ascii_lowercase().contains("internal") || code.starts_with('5');
    service_error(action, "a text", if internal { 500 } else { 400 }, Some(code), error.error_message.as_deref())
}

fn response_error(action: &str) -> Error {
    let message = format!("the response to `{action}` does not match the texts in the request");
    Error::transient(ErrorCode::AnswerUnreadable, message)
}

/// Converts all elements; `None` if one of them is invalid.
fn convert_all<T, U>(list: Option<Vec<T>>, convert: impl Fn(T) -> Option<U>) -> Option<Vec<U>> {
    list.unwrap_or_default().into_iter().map(convert).collect()
}

fn convert_sentiment(label: Option<SentimentType>, scores: Option<SentimentScore>) -> Option<(Label, Scores)> {
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

/// All mentions of all entities, ordered by their position in the text.
fn convert_targets(entities: Vec<TargetedSentimentEntity>) -> Option<AnalysisOutput> {
    let mentions = entities.into_iter().flat_map(|entity| entity.mentions.unwrap_or_default());
    let mut mentions: Vec<Entity> = mentions.map(convert_mention).collect::<Option<_>>()?;
    mentions.sort_by_key(|mention| (mention.begin, mention.end));
    Some(AnalysisOutput::Entities(mentions))
}

fn convert_mention(mention: TargetedSentimentMention) -> Option<Entity> {
    let mention_sentiment = mention.mention_sentiment?;
    let (label, scores) = convert_sentiment(mention_sentiment.sentiment, mention_sentiment.sentiment_score)?;
    let (begin, end) = span(mention.begin_offset, mention.end_offset)?;
    let kind = mention.r#type?.as_str().to_owned();
    let score = f64::from(mention.score?);
    Some(Entity { text: mention.text, kind, score, begin, end, label: Some(label), scores })
}

fn convert_entity(entity: DetectedEntity) -> Option<Entity> {
    let (begin, end) = span(entity.begin_offset, entity.end_offset)?;
    let kind = entity.r#type?.as_str().to_owned();
    let score = f64::from(entity.score?);
    Some(Entity { text: entity.text, kind, score, begin, end, label: None, scores: Scores::new() })
}

fn convert_pii_entity(entity: PiiEntity) -> Option<Entity> {
    let (begin, end) = span(entity.begin_offset, entity.end_offset)?;
    let kind = entity.r#type?.as_str().to_owned();
    let score = f64::from(entity.score?);
    Some(Entity { text: None, kind, score, begin, end, label: None, scores: Scores::new() })
}

fn convert_key_phrase(phrase: KeyPhrase) -> Option<Phrase> {
    let (begin, end) = span(phrase.begin_offset, phrase.end_offset)?;
    Some(Phrase { text: phrase.text?, score: f64::from(phrase.score?), begin, end })
}

fn convert_language(language: DominantLanguage) -> Option<(String, f64)> {
    Some((language.language_code?, f64::from(language.score?)))
}

/// The offsets of the first character and of the one after the last.
fn span(begin: Option<i32>, end: Option<i32>) -> Option<(u64, u64)> {
    let (begin, end) = (u64::try_from(begin?).ok()?, u64::try_from(end?).ok()?);
    (begin <= end).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "comprehend:BatchDetectSentiment";

    fn output(tag: &str) -> Option<AnalysisOutput> {
        Some(AnalysisOutput::Languages(vec![(tag.to_owned(), 1.0)]))
    }

    fn error(index: i32, code: &str, message: &str) -> BatchItemError {
        BatchItemError::builder().index(index).error_code(code).error_message(message).build()
    }

    #[test]
    fn results_are_matched_to_their_texts_by_index() {
        let results = vec![(Some(2), output("c")), (Some(0), output("a"))];
        let results = in_request_order(ACTION, 4, results, vec![error(1, "INVALID", "no text")]);
        assert_eq!((results[0].as_ref().ok(), results[2].as_ref().ok()), (output("a").as_ref(), output("c").as_ref()));
        let refused = results[1].as_ref().expect_err("an error");
        assert_eq!((refused.code.as_str(), refused.transient), ("aws_refused", false));
        assert_eq!(refused.message, "`comprehend:BatchDetectSentiment` on `a text` was refused (INVALID: no text)");
        assert_eq!(results[3].as_ref().expect_err("missing"), &response_error(ACTION));
    }

    #[test]
    fn a_missing_invalid_or_duplicate_result_is_an_error() {
        let results = vec![(Some(-1), output("x")), (Some(9), output("x")), (None, output("x")), (Some(0), None)];
        assert_eq!(in_request_order(ACTION, 1, results, vec![]), [Err(response_error(ACTION))]);
        let duplicates = vec![(Some(0), output("a")), (Some(0), output("b")), (Some(1), output("c"))];
        let results = in_request_order(ACTION, 2, duplicates, vec![error(1, "INVALID", "no text")]);
        assert_eq!(results, [Err(response_error(ACTION)), Err(response_error(ACTION))]);
        assert_eq!(
            response_error(ACTION).message,
            "the response to `comprehend:BatchDetectSentiment` does not match the texts in the request"
        );
        assert!(response_error(ACTION).transient);
    }

    #[test]
    fn internal_errors_of_comprehend_are_transient() {
        for (code, expected, transient) in [
            ("INTERNAL_SERVER_ERROR", "aws_unavailable", true),
            ("InternalServerException", "aws_unavailable", true),
            ("500", "aws_unavailable", true),
            ("ThrottlingException", "throttled", true),
            ("TEXT_SIZE_LIMIT_EXCEEDED", "aws_refused", false),
            ("400", "aws_refused", false),
        ] {
            let error = item_error(ACTION, &error(0, code, ""));
            assert_eq!((error.code.as_str(), error.transient), (expected, transient), "{code}");
        }
    }

    #[test]
    fn an_unknown_label_or_an_invalid_span_is_rejected() {
        let scores = SentimentScore::builder().positive(0.5).negative(0.1).neutral(0.3).mixed(0.1).build();
        assert!(convert_sentiment(Some(SentimentType::from("GLEEFUL")), Some(scores.clone())).is_none());
        assert!(convert_sentiment(Some(SentimentType::Mixed), None).is_none());
        let (label, scores) = convert_sentiment(Some(SentimentType::Mixed), Some(scores)).expect("a sentiment");
        assert_eq!((label, scores["positive"], scores.len()), (Label::Mixed, 0.5, 4));
        assert_eq!(span(Some(3), Some(7)), Some((3, 7)));
        for (begin, end) in [(Some(-1), Some(2)), (Some(3), Some(2)), (None, Some(2)), (Some(1), None)] {
            assert_eq!(span(begin, end), None);
        }
    }
}
