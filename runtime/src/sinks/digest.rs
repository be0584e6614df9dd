//! The digest of a run: what is noted of each chunk, and the message that a person reads in an e-mail.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::component::state::Counts;
use crate::model::error::Error;
use crate::model::record::{Label, Record};
use crate::model::run::RunId;
use crate::model::values::printable;

/// Items that a digest lists, at most: nobody reads more in an e-mail.
const MOST_ITEMS: usize = 100;

/// Characters of an item's name, at most. With it a digest stays far below the 256 KB that SNS admits, and a note far
/// below the 400 KB of a row.
const MOST_LETTERS: usize = 200;

/// Characters of a subject, at most, all of them ASCII
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const SUBJECT: usize = 100;

/// What every digest of a sink says.
pub(super) struct Heading {
    pub pipeline: String,
    pub environment: String,
    pub sink: String,
    pub when: String,
}

/// What is told of a chunk, or of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Records that met the condition.
    pub matched: u64,
    items: Vec<Line>,
}

/// What is told of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    item: String,
    /// Of an entry: what it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Told {
    /// What is told of these records, each with the label before.
    pub(super) fn of(records: &[(&Record, Option<Label>)]) -> Self {
        let line = |(record, before): &(&Record, Option<Label>)| {
            let finding = record.finding();
            let title = || record.text.as_ref()?.title.as_deref();
            Line {
                item: plain(&record.item.key),
                title: record.entry.as_ref().and_then(|_| title()).map(plain),
                source: plain(&record.source),
                label: finding.and_then(|finding| finding.label),
                score: finding.and_then(|finding| finding.score),
                before: *before,
                failure: record.failure.as_ref().map(|failure| plain(&failure.error.code)),
            }
        };
        Self { matched: records.len() as u64, items: records.iter().take(MOST_ITEMS).map(line).collect() }
    }

    /// As it is noted down until the run is complete.
    ///
    /// # Errors
    /// `record_unwritable`, which no record of ours can cause.
    pub(super) fn note(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::permanent("record_unwritable", format!("a note: {error}")))
    }

    /// Adds what was noted of another chunk: all of it counts, and the first items are listed.
    ///
    /// # Errors
    /// `note_unreadable` where it was written by other code.
    pub(super) fn add(&mut self, note: &str) -> Result<(), Error> {
        let told: Self = serde_json::from_str(note).map_err(|_| {
            Error::permanent("note_unreadable", "what was noted of a chunk for the digest cannot be read")
        })?;
        self.matched += told.matched;
        let room = MOST_ITEMS.saturating_sub(self.items.len());
        self.items.extend(told.items.into_iter().take(room));
        Ok(())
    }
}

/// A name on one line, whoever gave it.
fn plain(text: &str) -> String {
    let letters = text.chars().map(|c| if printable(c) { c } else { ' ' });
    let mut short: String = letters.take(MOST_LETTERS).collect();
    if short.len() < text.len() && text.chars().count() > MOST_LETTERS {
        short.push('\u{2026}');
    }
    short
}

/// The subject and the body of a digest.
pub(super) fn write(heading: &Heading, run: &RunId, counts: Counts, told: &Told) -> (String, String) {
    let Heading { pipeline, environment, sink, when } = heading;
    // Of an item may come several records, or none.
    let records = counts.records + counts.failed;
    let all = match records == counts.items {
        true => items(counts.items),
        false => format!("{records} records of {}", items(counts.items)),
    };
    let of_all = format!("{} of {all}", told.matched);
    let subject = format!("{pipeline} ({environment}): {of_all}, {sink}");
    let subject = subject.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(SUBJECT).collect();

    let mut body = format!("{of_all} of the run {run} met `{when}`.\n");
    let reused = match counts.reused {
        0 => String::new(),
        reused => format!(", {reused} of them with a finding that was known before"),
    };
    let _ = writeln!(body, "The run: {all}, {} failed{reused}.\n", counts.failed);
    let several = told.items.iter().any(|line| Some(&line.source) != told.items.first().map(|first| &first.source));
    for line in &told.items {
        let _ = writeln!(body, "- {}", line.words(several));
    }
    match told.matched.saturating_sub(told.items.len() as u64) {
        0 => {}
        rest => {
            let _ = writeln!(body, "... and {rest} more.");
        }
    }
    let _ = writeln!(body, "\nThis is sink `{sink}` of the pipeline `{pipeline}`, environment `{environment}`.");
    (subject, body)
}

fn items(count: u64) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

impl Line {
    fn words(&self, with_source: bool) -> String {
        let mut words = self.item.clone();
        if let Some(title) = &self.title {
            let _ = write!(words, ", \u{201c}{title}\u{201d}");
        }
        if with_source {
            let _ = write!(words, " ({})", self.source);
        }
        words.push_str(": ");
        match (self.label, &self.failure) {
            (None, None) => words.push_str("no label"),
            (None, Some(failure)) => {
                let _ = write!(words, "failed, `{failure}`");
            }
            (Some(label), failure) => {
                words.push_str(label.word());
                if let Some(score) = self.score {
                    let _ = write!(words, " {score:+.2}");
                }
                if let Some(failure) = failure {
                    let _ = write!(words, ", then failed, `{failure}`");
                }
            }
        }
        if let Some(before) = self.before {
            let _ = write!(words, ", before {}", before.word());
        }
        words
    }
}
