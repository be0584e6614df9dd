//! What a run came to: a row an item, what failed and why, and where the results are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fanggen_runtime::function::Worked;
use fanggen_runtime::model::record::{Label, Record};
use serde::Serialize;

use super::RunProgress;

/// One item of a run, or one of its entries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultRow {
    /// Its key.
    pub item: String,
    /// Which of its texts, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The label of the finding that speaks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Its score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Where the text came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_source: Option<String>,
    /// The code of what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Something that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunFailure {
    /// The item; absent where a sink failed for a whole chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The source, stage or sink.
    pub at: String,
    /// The stable code.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// Something that is not what it would be in AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The stage or sink.
    pub stage: String,
    /// What the file asks for.
    pub instead_of: String,
    /// What took its place.
    pub is: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A run on this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The pipeline.
    pub pipeline: String,
    /// The environment.
    pub environment: String,
    /// The run.
    pub run: String,
    /// `ended`; `running` in the note of a run that was killed.
    pub state: &'static str,
    /// What is not what it would be in AWS.
    pub notices: Vec<Notice>,
    /// Items that ended with a finding or at least without a failure.
    pub succeeded: usize,
    /// Chunks of the run.
    pub chunks: usize,
    /// How many records each stage let go no further, for those that did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, u64>,
    /// A row an item, in the order of the run.
    pub items: Vec<ResultRow>,
    /// What failed.
    pub failed: Vec<RunFailure>,
    /// Where each sink wrote.
    pub results: BTreeMap<String, BTreeSet<String>>,
}

impl Summary {
    /// Whether everything went well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }
}

/// A summary in the making, shared between the tasks of a run.
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

    /// Adds what became of a chunk.
    pub fn add(&self, worked: Worked) {
        let mut summary = self.open();
        self.watch.done(usize::try_from(worked.counts.items).unwrap_or(usize::MAX));
        for record in &worked.records {
            match &record.failure {
                None => summary.succeeded += 1,
                Some(failure) => summary.failed.push(RunFailure {
                    item: Some(record.item.key.clone()),
                    at: failure.stage.clone(),
                    code: failure.error.code.clone(),
                    message: failure.error.message.clone(),
                }),
            }
            summary.items.push(row(record));
        }
        for (stage, records) in worked.ended {
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
        for (sink, place) in worked.places {
            summary.results.entry(sink).or_default().insert(place);
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
        failed: record.failure.as_ref().map(|failure| failure.error.code.clone()),
    }
}
