//! The stage at work: the language of each text, then all questions about all pieces, then a finding for each record.

use async_trait::async_trait;
use serde_json::json;
use tokio::time::Instant;

use super::ask::{Answered, Asker};
use super::batch::Asked;
use super::merge::{self, Merge};
use super::{language, questions};
use crate::component::Stage;
use crate::component::analysis::{Question, Reply};
use crate::model::error::Error;
use crate::model::record::{Finding, Record, Text, is_blank};
use crate::text::sentences::{self, TextPiece};

/// The stage, ready to run.
pub struct Reader {
    name: String,
    /// Whether Comprehend is asked for the language of texts that name none.
    detects: bool,
    /// What else is asked.
    questions: Vec<Question>,
    max_bytes: usize,
    asker: Asker,
}

/// A record's text on its way to a finding.
struct Reading<'a> {
    text: &'a Text,
    /// As much of it as is read.
    read: &'a str,
    /// The language that Comprehend found, where nobody had said it.
    found: Option<String>,
    /// Comprehend's code of the language, once it is known.
    code: Option<&'static str>,
    answers: Vec<(Asked<'a>, Reply)>,
}

/// What came of a record: the language and the finding, as far as there are any.
type Told = Result<(Option<String>, Option<Finding>), Error>;

impl Reader {
    /// A stage of this name.
    pub fn new(name: String, mut asked: Vec<Question>, max_bytes: usize, asker: Asker) -> Self {
        let detects = asked.contains(&Question::DominantLanguage);
        asked.retain(|question| *question != Question::DominantLanguage);
        Self { name, detects, questions: asked, max_bytes, asker }
    }

    async fn read(&self, records: &[Record], deadline: Instant) -> Vec<Told> {
        let mut readings: Vec<Result<Reading<'_>, Error>> = records.iter().map(|record| self.begin(record)).collect();
        let asked = languages(&readings);
        let answers = self.asker.ask(&asked, deadline).await;
        for (asked, answer) in asked.into_iter().zip(answers) {
            change(&mut readings, asked.record, |reading| self.name_language(reading, asked, answer));
        }
        let asked = self.all(&readings);
        let answers = self.asker.ask(&asked, deadline).await;
        let mut failures: Vec<Option<Error>> = records.iter().map(|_| None).collect();
        for (asked, answer) in asked.into_iter().zip(answers) {
            let failure = &mut failures[asked.record];
            match (answer, &mut readings[asked.record]) {
                (Ok(reply), Ok(reading)) => reading.answers.push((asked, reply)),
                // The first reason counts, or the first that no other try will change.
                (Err(error), _) if failure.as_ref().is_none_or(|first| first.transient && !error.transient) => {
                    *failure = Some(error);
                }
                _ => {}
            }
        }
        let ends = readings.into_iter().zip(failures);
        ends.map(|(reading, failure)| reading.and_then(|reading| self.end(reading, failure))).collect()
    }

    /// What is known of a text before anything is paid for.
    fn begin<'a>(&self, record: &'a Record) -> Result<Reading<'a>, Error> {
        let text = record.body()?;
        let read = sentences::truncate(&text.body, self.max_bytes);
        if is_blank(read) {
            let words =
                format!("`{}` has a text whose first {} bytes are nothing but blanks", record.item.key, read.len());
            return Err(Error::permanent("text_empty", words));
        }
        let code = match (&text.language, self.detects) {
            (None, true) => None,
            _ => Some(language::of(language::said(text)?, &self.questions)?),
        };
        Ok(Reading { text, read, found: None, code, answers: Vec::new() })
    }

    fn name_language<'a>(
        &self,
        mut reading: Reading<'a>,
        asked: Asked<'a>,
        answer: Answered,
    ) -> Result<Reading<'a>, Error> {
        let reply = answer?;
        let Reply::Languages(found) = &reply else { return Err(merge::other(asked.question)) };
        let tag = language::strongest(found)?;
        reading.code = Some(language::of(tag, &self.questions)?);
        reading.found = Some(tag.to_owned());
        reading.answers.push((asked, reply));
        Ok(reading)
    }

    /// All that is asked about texts whose language is known.
    fn all<'a>(&self, readings: &[Result<Reading<'a>, Error>]) -> Vec<Asked<'a>> {
        let mut all = Vec::new();
        for (record, reading) in readings.iter().enumerate() {
            let Ok(Reading { read, code: language @ Some(_), .. }) = reading else { continue };
            for question in &self.questions {
                let pieces = visible(read, *question);
                all.extend(pieces.map(|piece| Asked { record, question: *question, language: *language, piece }));
            }
        }
        all
    }

    fn end(&self, reading: Reading<'_>, failure: Option<Error>) -> Told {
        let Reading { text, read, found, answers, .. } = reading;
        if let Some(error) = failure {
            if error.transient {
                // The record comes again as it was, and what was answered about it is there then.
                self.asker.keep(answers);
            }
            return Err(error);
        }
        if answers.is_empty() {
            return Ok((None, None));
        }
        let mut merge = Merge::default();
        let mut bytes = read.len();
        for (asked, reply) in answers {
            if asked.question != Question::DominantLanguage {
                merge.take(asked.question, asked.piece, reply)?;
            } else if self.questions.is_empty() {
                bytes = asked.piece.text.len();
            }
        }
        let coverage = bytes as f64 / text.body.len() as f64;
        Ok((found, Some(merge.end(&self.name, coverage))))
    }
}

/// The first piece of each text whose language is to be found: it stands for the rest.
fn languages<'a>(readings: &[Result<Reading<'a>, Error>]) -> Vec<Asked<'a>> {
    let question = Question::DominantLanguage;
    let open = readings.iter().enumerate().filter_map(|(record, reading)| {
        let reading = reading.as_ref().ok().filter(|reading| reading.code.is_none())?;
        let piece = visible(reading.read, question).next()?;
        Some(Asked { record, question, language: None, piece })
    });
    open.collect()
}

/// The pieces of a text that have something to read in them: an answer about blanks would be paid for and invented.
fn visible(read: &str, question: Question) -> impl Iterator<Item = TextPiece<'_>> {
    sentences::pieces(read, questions::bytes_per_text(question)).into_iter().filter(|piece| !is_blank(piece.text))
}

/// Changes a reading that goes on.
fn change<'a>(
    readings: &mut [Result<Reading<'a>, Error>],
    place: usize,
    change: impl FnOnce(Reading<'a>) -> Result<Reading<'a>, Error>,
) {
    let gone = Err(Error::permanent("stage_broken", "the reading of this text was left halfway: a mistake of ours"));
    let reading = std::mem::replace(&mut readings[place], gone);
    readings[place] = reading.and_then(change);
}

#[async_trait]
impl Stage for Reader {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let told = self.read(&records, deadline).await;
        for (record, told) in records.iter_mut().zip(told) {
            match told {
                Ok((found, finding)) => {
                    if let (Some(text), Some(tag)) = (&mut record.text, found) {
                        text.language = Some(tag);
                    }
                    record.findings.extend(finding);
                }
                Err(error) => record.fail(&self.name, error),
            }
        }
        records
    }

    fn paid(&self) -> Option<String> {
        let words: Vec<&str> = self.questions.iter().map(|question| question.word()).collect();
        let settings = json!({
            "kind": "comprehend",
            "detect": words,
            "dominant_language": self.detects,
            "max_bytes": self.max_bytes,
        });
        Some(settings.to_string())
    }
}
