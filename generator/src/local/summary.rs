//! The summary of a run: one row per record, failures with their reasons, and where the results are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fanggen_runtime::function::ChunkOutcome;
use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Label, Record};
use serde::Serialize;

use super::RunProgress;

/// An item of the run, or one of its entries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultRow {
    /// Key of the item.
    pub item: String,
    /// The entry, if the item has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Label of its finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Its score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Where the text came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_source: Option<String>,
    /// Error code, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<ErrorCode>,
}

/// A failure of an item or of a sink.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunFailure {
    /// The item; absent if a sink failed for a whole chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The source, stage or sink.
    pub at: String,
    /// The code.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
}

/// A difference from a run in AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The stage or sink.
    pub stage: String,
    /// What the file names.
    pub instead_of: String,
    /// What replaced it.
    pub is: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The summary of a run on this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The pipeline.
    pub pipeline: String,
    /// The environment.
    pub environment: String,
    /// The run.
    pub run: String,
    /// `ended`; `running` in the file of a run that was killed.
    pub state: &'static str,
    /// Differences from a run in AWS.
    pub notices: Vec<Notice>,
    /// What the user should know about files of earlier runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Number of records without a failure.
    pub succeeded: usize,
    /// Number of chunks.
    pub chunks: usize,
    /// Number of records that ended at each stage.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, u64>,
    /// One row per record, in the order of the run.
    pub items: Vec<ResultRow>,
    /// The failures.
    pub failed: Vec<RunFailure>,
    /// The files that each sink wrote.
    pub results: BTreeMap<String, BTreeSet<String>>,
}

impl Summary {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Collects the summary; shared between the tasks of a run.
#[derive(Clone)]
pub struct SummaryBuilder {
    summary: Arc<Mutex<Summary>>,
    watch: Arc<dyn RunProgress>,
}

impl SummaryBuilder {
    pub fn new(watch: Arc<dyn RunProgress>) -> Self {
        Self { summary: Arc::default(), watch }
    }

    fn open(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn expected(&self, items: usize) {
        self.watch.expected(items);
    }

    /// Adds the outcome of a chunk.
    pub fn add(&self, worked: ChunkOutcome) {
        let mut summary = self.open();
        self.watch.done(usize::try_from(worked.counts.items).unwrap_or(usize::MAX));
        for record in &worked.records {
            match &record.failure {
                None => summary.succeeded += 1,
                Some(failure) => summary.failed.push(RunFailure {
                    item: Some(record.item.key.clone()),
                    at: failure.stage.clone(),
                    code: failure.error.code,
                    message: failure.error.message.clone(),
                }),
            }
            summary.items.push(row(record));
        }
        for (stage, records) in worked.dropped {
            *summary.ended.entry(stage).or_default() += records;
        }
        for failure in worked.failures {
            summary.failed.push(RunFailure {
                item: None,
                at: failure.stage,
                code: failure.error.code,
                message: failure.error.message,
            });
        }
        for (sink, place) in worked.locations {
            let places = summary.results.entry(sink).or_default();
            // A sink has no file if its condition selected no record.
            places.extend(Some(place).filter(|place| !place.is_empty()));
        }
    }

    pub fn end(&self) -> Summary {
        std::mem::take(&mut self.open())
    }
}

fn row(record: &Record) -> ResultRow {
    let finding = record.finding();
    let source = record.text.as_ref().map(|text| match &text.title {
        Some(title) => format!("{}: {title}", text.source),
        None => text.source.clone(),
    });
    ResultRow {
        item: record.item.key.clone(),
        entry: record.entry.clone(),
        label: finding.and_then(|finding| finding.label),
        score: finding.and_then(|finding| finding.score),
        engine: finding.map(|finding| match &finding.stands_in_for {
            Some(service) => format!("{} (for {service})", finding.engine),
            None => finding.engine.clone(),
        }),
        text_source: source,
        failed: record.failure.as_ref().map(|failure| failure.error.code),
    }
}
