//! The digest of a run: the notes about each chunk, and the e-mail that is composed of them.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::component::state::Counts;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Label, Record};
use crate::model::run::RunId;
use crate::model::shift::Shift;
use crate::model::values::one_line;

/// Maximum number of items in a digest: nobody reads more in an e-mail.
const MAX_ITEMS: usize = 100;

/// Maximum length of an item's name in characters. It keeps a digest far below the 256 KB of SNS, and a note far below the
/// 400 KB of a DynamoDB row.
const MAX_NAME_CHARS: usize = 200;

/// Maximum length of a subject in characters, all of them ASCII
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const MAX_SUBJECT_CHARS: usize = 100;

/// The names in every digest of a sink.
pub(super) struct DigestHeader {
    pub pipeline: String,
    pub environment: String,
    pub sink: String,
    pub when: String,
}

/// The matching records of a chunk, or of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Digest {
    /// The number of matching records.
    pub matched: u64,
    items: Vec<DigestItem>,
}

/// An item in the digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct DigestItem {
    item: String,
    /// The title, if the record is an entry.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shift: Option<Box<Shift>>,
}

impl Digest {
    /// The digest of these records, each with its previous label.
    pub(super) fn new(records: &[(Cow<'_, Record>, Option<Label>)]) -> Self {
        let item = |(record, before): &(Cow<'_, Record>, Option<Label>)| {
            let finding = record.finding();
            let title = || record.text.as_ref()?.title.as_deref();
            DigestItem {
                item: sanitized(&record.item.key),
                title: record.entry.as_ref().and_then(|_| title()).map(sanitized),
                source: sanitized(&record.source),
                label: finding.and_then(|finding| finding.label),
                score: finding.and_then(|finding| finding.score),
                before: *before,
                failure: record.failure.as_ref().map(|failure| failure.error.code.to_string()),
                shift: record.shift.clone(),
            }
        };
        Self { matched: records.len() as u64, items: records.iter().take(MAX_ITEMS).map(item).collect() }
    }

    /// Serializes the digest, to be stored until the run is complete.
    ///
    /// # Errors
    /// `record_unwritable`, which should never happen.
    pub(super) fn note(&self) -> Result<String, Error> {
        serde_json::to_string(self)
            .map_err(|error| Error::permanent(ErrorCode::RecordUnwritable, format!("a note: {error}")))
    }

    /// Adds the note of another chunk: all records count, but only the first items are listed.
    ///
    /// # Errors
    /// `note_unreadable` if another version wrote it.
    pub(super) fn add(&mut self, note: &str) -> Result<(), Error> {
        let other: Self = serde_json::from_str(note).map_err(|_| {
            Error::permanent(ErrorCode::NoteUnreadable, "cannot parse the note of a chunk for the digest")
        })?;
        self.matched += other.matched;
        let room = MAX_ITEMS.saturating_sub(self.items.len());
        self.items.extend(other.items.into_iter().take(room));
        Ok(())
    }
}

/// A name on one line.
fn sanitized(text: &str) -> String {
    one_line(text, MAX_NAME_CHARS)
}

/// The subject and the body of a digest.
pub(super) fn write(heading: &DigestHeader, run: &RunId, counts: &Counts, digest: &Digest) -> (String, String) {
    let DigestHeader { pipeline, environment, sink, when } = heading;
    // An item may give several records, or none.
    let records = counts.records + counts.failed;
    let all = match records == counts.items {
        true => items(counts.items),
        false => format!("{records} records of {}", items(counts.items)),
    };
    let of_all = format!("{} of {all}", digest.matched);
    let subject = format!("{pipeline} ({environment}): {of_all}, {sink}");
    let subject = subject.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_SUBJECT_CHARS).collect();

    let mut body = format!("{of_all} in the run {run} matched `{when}`.\n");
    let reused = match counts.reused {
        0 => String::new(),
        reused => format!(", {reused} of them with a reused finding"),
    };
    let _ = writeln!(body, "The run: {all}, {} failed{reused}.\n", counts.failed);
    let several = digest.items.iter().any(|line| Some(&line.source) != digest.items.first().map(|first| &first.source));
    for line in &digest.items {
        let _ = writeln!(body, "- {}", line.text(several));
    }
    match digest.matched.saturating_sub(digest.items.len() as u64) {
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

impl DigestItem {
    fn text(&self, with_source: bool) -> String {
        let mut words = self.item.clone();
        if let Some(title) = self.title.as_ref().filter(|_| self.shift.is_none()) {
            let _ = write!(words, ", \u{201c}{title}\u{201d}");
        }
        if with_source {
            let _ = write!(words, " ({})", self.source);
        }
        words.push_str(": ");
        if let Some(shift) = &self.shift {
            words.push_str(&shift_text(shift));
            return words;
        }
        match (self.label, &self.failure) {
            (None, None) => words.push_str("no label"),
            (None, Some(failure)) => {
                let _ = write!(words, "failed, `{failure}`");
            }
            (Some(label), failure) => {
                words.push_str(label.as_str());
                if let Some(score) = self.score {
                    let _ = write!(words, " {score:+.2}");
                }
                if let Some(failure) = failure {
                    let _ = write!(words, ", then failed, `{failure}`");
                }
            }
        }
        if let Some(before) = self.before {
            let _ = write!(words, ", previously {}", before.as_str());
        }
        words
    }
}

/// A shift in words, with its decisive texts on lines of their own.
fn shift_text(shift: &Shift) -> String {
    let mut words = shift.to_string();
    for text in &shift.decisive {
        let url = text.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        let _ = write!(words, "\n    {:+.2} \u{201c}{}\u{201d}{url}", text.score, text.title);
    }
    words
}
