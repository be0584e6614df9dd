//! The rows of runs in the state table: their keys, and how a run is read back from them.

use std::time::Duration;

use jiff::Timestamp;

use super::attributes::{Attributes, integer, string};
use super::pages::{self, ChunkPage};
use crate::component::state::{Counts, Progress};
use crate::model::error::{Error, ErrorCode};
use crate::model::run::{Chunk, RunId};

/// The key attributes of the table.
pub const PK: &str = "pk";
/// The sort key.
pub const SK: &str = "sk";
/// The partition with one row per run, that of its producer: so that the newest runs are found by one query.
pub const RUNS: &str = "runs";

/// The value of a cached value or note.
pub(super) const VALUE: &str = "value";

/// How long a producer's lease lasts after its last update: longer than sending a batch takes.
pub(super) const LEASE: Duration = Duration::from_secs(45);

/// Attributes of a producer's row: the end of its lease in Unix milliseconds, and its progress.
pub(super) const UNTIL: &str = "until";
pub(super) const PROGRESS: &str = "progress";

pub(super) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Attributes {
    Attributes::from([(PK.to_owned(), string(pk)), (SK.to_owned(), string(sk))])
}

/// The partition of the chunks and notes of a run.
pub(super) fn run_key(run: &RunId) -> String {
    format!("run#{run}")
}

/// The row of the producer of a run.
#[must_use]
pub fn producer_key(run: &RunId) -> Attributes {
    key(RUNS, run.as_str())
}

/// A row with the chunks of a run.
pub(super) fn page_key(run: &RunId, page: u64) -> Attributes {
    key(run_key(run), pages::sort_key(page))
}

/// The row of a chunk in a replay.
#[must_use]
pub fn replay_key(replay: &str, chunk: &Chunk) -> Attributes {
    key(format!("replay#{replay}"), format!("{}#{}", chunk.run, chunk.id))
}

/// The value of a row: a cached value, a note, or the outcome of a chunk in a replay.
#[must_use]
pub fn stored_value(row: &Attributes) -> Option<&str> {
    row.get(VALUE)?.as_s().ok().map(String::as_str)
}

/// The progress in a producer's row, if it has saved any.
pub(super) fn parse_progress(row: &Attributes) -> Result<Option<Progress>, Error> {
    let Some(progress) = row.get(PROGRESS).and_then(|value| value.as_s().ok()) else { return Ok(None) };
    serde_json::from_str(progress).map(Some).map_err(|_| {
        let message =
            "the progress of the run was saved by another version: start the run again once all functions are updated";
        Error::permanent(ErrorCode::StateUnreadable, message)
    })
}

/// A run, as the state table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// The run.
    pub run: RunId,
    /// What its producer has sent; nothing if it has not saved that yet, or another version did.
    pub progress: Option<Progress>,
    /// The end of the producer's lease, which it renews while it works.
    pub lease_until: Option<Timestamp>,
    /// The number of its chunks, once it is known.
    pub expected: Option<u64>,
    /// How many of them are done.
    pub chunks_done: u64,
    /// The counts of those.
    pub counts: Counts,
    /// When the last of them was done.
    pub last_chunk_at: Option<Timestamp>,
}

impl StoredRun {
    /// A run from the row of its producer; nothing for any other row.
    #[must_use]
    pub fn parse(row: &Attributes) -> Option<Self> {
        let run = RunId::try_from(row.get(SK)?.as_s().ok()?.clone()).ok()?;
        Some(Self {
            run,
            progress: parse_progress(row).ok().flatten(),
            lease_until: integer(row, UNTIL).and_then(|time| Timestamp::from_millisecond(time).ok()),
            expected: None,
            chunks_done: 0,
            counts: Counts::default(),
            last_chunk_at: None,
        })
    }

    /// The key of the first row of its chunks, which also has the totals of all rows that are complete.
    #[must_use]
    pub fn first_page_key(&self) -> Attributes {
        page_key(&self.run, 0)
    }

    /// Adds the first row of chunks, and returns the keys of the rows whose chunks it does not count.
    pub fn add_first_page(&mut self, row: &Attributes) -> Vec<Attributes> {
        let page = ChunkPage::parse(row);
        self.expected = page.expected();
        self.add(&page);
        for (index, total) in page.totals() {
            self.chunks_done += self.page_chunks(index);
            self.counts += total;
        }
        let sent = self.progress.as_ref().map_or(0, |progress| progress.chunks);
        let (last, _) = pages::last_page(self.expected.unwrap_or(sent).max(sent));
        (1..=last).filter(|index| !page.has_total(*index)).map(|index| page_key(&self.run, index)).collect()
    }

    /// Adds one of the other rows.
    pub fn add_page(&mut self, row: &Attributes) {
        self.add(&ChunkPage::parse(row));
    }

    fn add(&mut self, page: &ChunkPage) {
        let (chunks, counts) = page.done();
        self.chunks_done += chunks;
        self.counts += &counts;
        self.last_chunk_at = self.last_chunk_at.max(page.last_chunk_at());
    }

    /// How many chunks a complete row has.
    fn page_chunks(&self, index: u64) -> u64 {
        match self.expected.map(pages::last_page) {
            Some((last, chunks)) if last == index => chunks,
            _ => pages::PAGE_CHUNKS,
        }
    }

    /// When something was last done in it: when its last chunk was done, or else when its producer last renewed the lease. A
    /// producer that is started again renews it even if there is nothing left to do, so chunks count first.
    #[must_use]
    pub fn last_activity(&self) -> Option<Timestamp> {
        let renewed = || self.lease_until.and_then(|until| until.checked_sub(LEASE).ok());
        self.last_chunk_at.or_else(renewed)
    }

    /// Whether all its chunks are done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let all_sent = self.progress.as_ref().is_some_and(|progress| progress.ended);
        // A run without items has no rows of chunks.
        let expected = self.expected.or_else(|| all_sent.then(|| self.progress.as_ref().map_or(0, |one| one.chunks)));
        expected.is_some_and(|expected| self.chunks_done >= expected)
    }
}
