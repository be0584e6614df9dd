//! The stage: detects the language of each text, sends all questions about all pieces, and builds a finding per record.

use async_trait::async_trait;
use serde_json::json;
use tokio::time::Instant;

use super::batch::AnalysisRequest;
use super::merge::{self, FindingMerger};
use super::sender::{AnalysisResult, BatchSender};
use super::{language, questions};
use crate::component::Stage;
use crate::component::analysis::{Analysis, AnalysisOutput};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Finding, Record, Text, is_blank};
use crate::text::sentences::{self, TextPiece};

/// The stage.
pub struct ComprehendStage {
    name: String,
    /// Whether Comprehend detects the language of texts without one.
    detects_language: bool,
    /// The other questions.
    questions: Vec<Analysis>,
    max_bytes: usize,
    sender: BatchSender,
}

/// The analysis of a record's text in progress.
struct TextAnalysis<'a> {
    text: &'a Text,
    /// The part that is analysed.
    analysed: &'a str,
    /// The language that Comprehend detected, if there was none.
    detected: Option<String>,
    /// Comprehend's language code, once it is known.
    code: Option<&'static str>,
    replies: Vec<(AnalysisRequest<'a>, AnalysisOutput)>,
}

/// The outcome for a record: the detected language and the finding, if there are any.
type AnalysisOutcome = Result<(Option<String>, Option<Finding>), Error>;

impl ComprehendStage {
    /// A stage with this name.
    pub fn new(name: String, mut detect: Vec<Analysis>, max_bytes: usize, sender: BatchSender) -> Self {
        let detects_language = detect.contains(&Analysis::DominantLanguage);
        detect.retain(|question| *question != Analysis::DominantLanguage);
        Self { name, detects_language, questions: detect, max_bytes, sender }
    }

    async fn analyse(&self, records: &[Record], deadline: Instant) -> Vec<AnalysisOutcome> {
        let mut analyses: Vec<Result<TextAnalysis<'_>, Error>> =
            records.iter().map(|record| self.begin(record)).collect();
        let requests = language_requests(&analyses);
        let results = self.sender.send(&requests, deadline).await;
        for (request, result) in requests.into_iter().zip(results) {
            update(&mut analyses, request.record, |analysis| self.set_language(analysis, request, result));
        }
        let requests = self.requests(&analyses);
        let results = self.sender.send(&requests, deadline).await;
        let mut failures: Vec<Option<Error>> = records.iter().map(|_| None).collect();
        for (request, result) in requests.into_iter().zip(results) {
            let failure = &mut failures[request.record];
            match (result, &mut analyses[request.record]) {
                (Ok(reply), Ok(analysis)) => analysis.replies.push((request, reply)),
                // The first error counts, or the first permanent one.
                (Err(error), _) if failure.as_ref().is_none_or(|first| first.transient && !error.transient) => {
                    *failure = Some(error);
                }
                _ => {}
            }
        }
        let finished = analyses.into_iter().zip(failures);
        finished.map(|(analysis, failure)| analysis.and_then(|analysis| self.finish(analysis, failure))).collect()
    }

    /// Checks a text before anything is paid for.
    fn begin<'a>(&self, record: &'a Record) -> Result<TextAnalysis<'a>, Error> {
        let text = record.body()?;
        let analysed = sentences::truncate(&text.body, self.max_bytes);
        if is_blank(analysed) {
            let message = format!("the first {} bytes of the text of `{}` are blank", analysed.len(), record.item.key);
            return Err(Error::permanent(ErrorCode::TextEmpty, message));
        }
        let code = match (&text.language, self.detects_language) {
            (None, true) => None,
            _ => Some(language::supported_code(language::declared(text)?, &self.questions)?),
        };
        Ok(TextAnalysis { text, analysed, detected: None, code, replies: Vec::new() })
    }

    fn set_language<'a>(
        &self,
        mut analysis: TextAnalysis<'a>,
        request: AnalysisRequest<'a>,
        result: AnalysisResult,
    ) -> Result<TextAnalysis<'a>, Error> {
        let reply = result?;
        let AnalysisOutput::Languages(found) = &reply else { return Err(merge::mismatched(request.question)) };
        let tag = language::strongest(found)?;
        analysis.code = Some(language::supported_code(tag, &self.questions)?);
        analysis.detected = Some(tag.to_owned());
        analysis.replies.push((request, reply));
        Ok(analysis)
    }

    /// All requests about texts whose language is known.
    fn requests<'a>(&self, analyses: &[Result<TextAnalysis<'a>, Error>]) -> Vec<AnalysisRequest<'a>> {
        let mut all = Vec::new();
        for (record, analysis) in analyses.iter().enumerate() {
            let Ok(TextAnalysis { analysed, code: language @ Some(_), .. }) = analysis else { continue };
            for question in &self.questions {
                let pieces = pieces(analysed, *question);
                all.extend(pieces.map(|piece| AnalysisRequest {
                    record,
                    question: *question,
                    language: *language,
                    piece,
                }));
            }
        }
        all
    }

    fn finish(&self, analysis: TextAnalysis<'_>, failure: Option<Error>) -> AnalysisOutcome {
        let TextAnalysis { text, analysed, detected, replies, .. } = analysis;
        if let Some(error) = failure {
            if error.transient {
                // The record will be retried: keep the replies that were paid for.
                self.sender.cache(replies);
            }
            return Err(error);
        }
        if replies.is_empty() {
            return Ok((None, None));
        }
        let mut merger = FindingMerger::default();
        let mut bytes = analysed.len();
        for (request, reply) in replies {
            if request.question != Analysis::DominantLanguage {
                merger.add(request.question, request.piece, reply)?;
            } else if self.questions.is_empty() {
                bytes = request.piece.text.len();
            }
        }
        let coverage = bytes as f64 / text.body.len() as f64;
        Ok((detected, Some(merger.finish(&self.name, coverage))))
    }
}

/// Requests for the language of texts without one, by their first piece.
fn language_requests<'a>(analyses: &[Result<TextAnalysis<'a>, Error>]) -> Vec<AnalysisRequest<'a>> {
    let question = Analysis::DominantLanguage;
    let requests = analyses.iter().enumerate().filter_map(|(record, analysis)| {
        let analysis = analysis.as_ref().ok().filter(|analysis| analysis.code.is_none())?;
        let piece = pieces(analysis.analysed, question).next()?;
        Some(AnalysisRequest { record, question, language: None, piece })
    });
    requests.collect()
}

/// The pieces of a text that are not blank: a reply about whitespace would be paid for, and meaningless.
fn pieces(text: &str, question: Analysis) -> impl Iterator<Item = TextPiece<'_>> {
    sentences::pieces(text, questions::bytes_per_text(question)).into_iter().filter(|piece| !is_blank(piece.text))
}

/// Updates an analysis that has not failed.
fn update<'a>(
    analyses: &mut [Result<TextAnalysis<'a>, Error>],
    index: usize,
    update: impl FnOnce(TextAnalysis<'a>) -> Result<TextAnalysis<'a>, Error>,
) {
    let placeholder =
        Err(Error::permanent(ErrorCode::StageBroken, "a bug in fanggen interrupted the analysis of this text"));
    let analysis = std::mem::replace(&mut analyses[index], placeholder);
    analyses[index] = analysis.and_then(update);
}

#[async_trait]
impl Stage for ComprehendStage {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let outcomes = self.analyse(&records, deadline).await;
        for (record, outcome) in records.iter_mut().zip(outcomes) {
            match outcome {
                Ok((detected, finding)) => {
                    if let (Some(text), Some(tag)) = (&mut record.text, detected) {
                        text.language = Some(tag);
                    }
                    record.findings.extend(finding);
                }
                Err(error) => record.fail(&self.name, error),
            }
        }
        records
    }

    fn cache_key(&self) -> Option<String> {
        let words: Vec<&str> = self.questions.iter().map(|question| question.as_str()).collect();
        let settings = json!({
            "kind": "comprehend",
            "detect": words,
            "dominant_language": self.detects_language,
            "max_bytes": self.max_bytes,
        });
        Some(settings.to_string())
    }
}
