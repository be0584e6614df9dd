//! The summary of a run: totals, kinds of failures with an example of each, and where the results are. It stays small; the
//! rows are in the journal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fanggen_runtime::function::ChunkOutcome;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Label, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use serde::{Deserialize, Serialize};

use super::RunProgress;
use super::journal::{ChunkLine, Journal, SinkFile};
use super::resumed::Resumed;

/// An item of the run, or one of its entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl RunFailure {
    fn of_record(record: &Record) -> Option<Self> {
        let failure = record.failure.as_ref()?;
        Some(Self { item: Some(record.item.key.clone()), ..Self::of_chunk(&failure.stage, &failure.error) })
    }

    /// The failure of a sink for a whole chunk.
    pub fn of_chunk(at: &str, error: &Error) -> Self {
        Self { item: None, at: at.to_owned(), code: error.code, message: error.message.clone() }
    }
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

/// All failures with the same code in the same place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureKind {
    /// The source, stage or sink.
    pub at: String,
    /// The code.
    pub code: ErrorCode,
    /// Whether whole chunks failed, and not items.
    pub chunks: bool,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub example: RunFailure,
}

/// What a sink wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkResult {
    /// The first file.
    pub first: Option<String>,
    /// Number of files.
    pub files: usize,
    last: Option<String>,
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
    /// `ended`; `failed` if a source could not be read to its end; `abandoned` if it was interrupted and will not go on.
    pub state: &'static str,
    /// Number of chunks that were done before the run was interrupted, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_after: Option<usize>,
    /// Differences from a run in AWS.
    pub notices: Vec<Notice>,
    /// What the user should know about files of earlier runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why the run did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Number of records.
    pub records: usize,
    /// Number of records without a failure.
    pub succeeded: usize,
    /// Number of chunks.
    pub chunks: usize,
    /// Number of records with each label.
    pub labels: BTreeMap<Label, usize>,
    /// Number of records that ended at each stage.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, u64>,
    /// The kinds of failures, in the order in which they occurred first.
    pub failures: Vec<FailureKind>,
    /// What each sink wrote.
    #[serde(skip)]
    pub results: BTreeMap<String, SinkResult>,
    /// Whether an item has several records.
    #[serde(skip)]
    pub has_entries: bool,
    /// Whether the summary was written to a file.
    #[serde(skip)]
    pub kept: bool,
}

impl Summary {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.error.is_none()
    }

    /// Number of failed items, and of failures to write a chunk.
    #[must_use]
    pub fn failed(&self) -> [usize; 2] {
        let count = |chunks| self.failures.iter().filter(|kind| kind.chunks == chunks).map(|kind| kind.count).sum();
        [count(false), count(true)]
    }

    /// Adds what a function did with a chunk.
    pub(super) fn add(&mut self, root: &Path, line: &ChunkLine) {
        self.chunks += usize::from(line.last);
        self.records += line.rows.len();
        self.succeeded += line.rows.iter().filter(|row| row.failed.is_none()).count();
        self.has_entries |= line.rows.iter().any(|row| row.entry.is_some());
        for label in line.rows.iter().filter_map(|row| row.label) {
            *self.labels.entry(label).or_default() += 1;
        }
        for (stage, records) in &line.dropped {
            *self.ended.entry(stage.clone()).or_default() += records;
        }
        for failure in &line.failed {
            let chunks = failure.item.is_none();
            let same =
                |kind: &&mut FailureKind| kind.at == failure.at && kind.code == failure.code && kind.chunks == chunks;
            match self.failures.iter_mut().find(same) {
                Some(kind) => kind.count += 1,
                None => self.failures.push(FailureKind {
                    at: failure.at.clone(),
                    code: failure.code,
                    chunks,
                    count: 1,
                    example: failure.clone(),
                }),
            }
        }
        for file in &line.files {
            let result = self.results.entry(file.sink.clone()).or_default();
            // A sink has no file if its condition selected no record.
            if !is_file(&file.place) || result.last.as_ref() == Some(&file.place) {
                continue;
            }
            result.files += 1;
            result.first.get_or_insert_with(|| file.location(root));
            result.last = Some(file.place.clone());
        }
    }
}

/// Whether a location is more than the folder in which a chunk without records has no file.
pub fn is_file(place: &str) -> bool {
    !place.is_empty() && !place.ends_with('/')
}

/// Records what each chunk gave: shared between the tasks of a run.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Mutex<RecorderInner>>,
}

struct RecorderInner {
    root: PathBuf,
    summary: Summary,
    journal: Journal,
    watch: Option<Arc<dyn RunProgress>>,
    /// Why a line of the journal could not be written.
    unwritten: Option<String>,
}

impl Recorder {
    /// A recorder with an empty summary, for no one to watch.
    pub fn of(root: &Path, journal: Journal) -> Self {
        let summary = Summary::default();
        let inner = RecorderInner { root: root.to_owned(), summary, journal, watch: None, unwritten: None };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// A recorder whose progress is shown.
    pub fn watched(root: &Path, journal: Journal, watch: Arc<dyn RunProgress>) -> Self {
        let recorder = Self::of(root, journal);
        recorder.open().watch = Some(watch);
        recorder
    }

    fn open(&self) -> MutexGuard<'_, RecorderInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is in the journal of a process that has ended, and says what that has done.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn resume(&self, run: RunId) -> io::Result<Resumed> {
        let mut inner = self.open();
        let RecorderInner { root, summary, journal, watch, .. } = &mut *inner;
        let mut resumed = Resumed::of(run);
        for line in journal.lines::<ChunkLine>() {
            let line = line?;
            resumed.add(root, &line);
            summary.add(root, &line);
            if let Some(watch) = watch {
                watch.done(usize::try_from(line.items).unwrap_or(usize::MAX));
            }
        }
        Ok(resumed)
    }

    pub fn expected(&self, items: usize) {
        if let Some(watch) = &self.open().watch {
            watch.expected(items);
        }
    }

    /// Adds what a function did with a chunk.
    pub fn add(&self, chunk: Chunk, function: usize, last: bool, worked: ChunkOutcome) {
        let mut inner = self.open();
        let files = worked.locations.into_iter().map(|(sink, location)| SinkFile::of(&inner.root, sink, location));
        let failed = worked.records.iter().filter_map(RunFailure::of_record);
        let failures = worked.failures.iter().map(|failure| RunFailure::of_chunk(&failure.stage, &failure.error));
        let line = ChunkLine {
            chunk: chunk.number,
            id: chunk.id,
            function,
            last,
            items: worked.counts.items,
            rows: worked.records.iter().map(row).collect(),
            failed: failed.chain(failures).collect(),
            dropped: worked.dropped,
            files: files.collect(),
        };
        if let Some(watch) = &inner.watch {
            watch.done(usize::try_from(line.items).unwrap_or(usize::MAX));
        }
        let RecorderInner { root, summary, journal, .. } = &mut *inner;
        summary.add(root, &line);
        if let Err(error) = journal.add(&line) {
            inner.unwritten.get_or_insert_with(|| error.to_string());
        }
    }

    /// The summary, and the journal with the rows.
    pub fn end(&self) -> (Summary, Journal) {
        let mut inner = self.open();
        let journal = std::mem::replace(&mut inner.journal, Journal::in_memory());
        let mut summary = std::mem::take(&mut inner.summary);
        let unwritten = inner.unwritten.take();
        summary.warnings.extend(unwritten.map(|error| format!("the journal of this run is incomplete: {error}")));
        (summary, journal)
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
