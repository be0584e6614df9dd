//! The state that functions keep between invocations: the progress of runs, finished chunks and cached findings.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::error::{Error, ErrorCode};
use crate::model::run::{Chunk, RunId};

/// The progress of a producer. It is saved before chunks are sent, so that after an interruption exactly the same chunks
/// are sent again, and not others that share some of their items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The index of the source that is being read.
    pub source: usize,
    /// The position in that source after the chunks sent so far; `None` at its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many chunks were sent; pending ones do not count.
    pub chunks: u64,
    /// How many items these chunks have.
    pub items: u64,
    /// The chunks that are being sent, as the keys of their items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Vec<String>>,
    /// The position in the source after the pending chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether all chunks of the run were sent.
    #[serde(default)]
    pub ended: bool,
}

/// The result of claiming a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The run is new.
    New,
    /// The run was interrupted at this progress.
    Resumed(Progress),
    /// All chunks of the run were sent.
    Finished(Progress),
    /// Another producer holds the lease, for this many milliseconds unless it is renewed.
    Held(u64),
}

/// The counts of a chunk or a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items of the source.
    pub items: u64,
    /// Records written without a failure.
    pub records: u64,
    /// Records written with a failure.
    pub failed: u64,
    /// Findings taken from the cache.
    pub reused: u64,
    /// Why records failed: the stage or source, and the code.
    pub failures: BTreeMap<(String, ErrorCode), u64>,
    /// How many records each stage dropped.
    pub dropped: BTreeMap<String, u64>,
}

impl std::ops::AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.items += other.items;
        self.records += other.records;
        self.failed += other.failed;
        self.reused += other.reused;
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
        for (stage, count) in &other.dropped {
            *self.dropped.entry(stage.clone()).or_default() += count;
        }
    }
}

/// What earlier deliveries of a chunk achieved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkStatus {
    /// The counts of the chunk, if it is done.
    pub done: Option<Counts>,
    /// The sinks that have the chunk, if it is not done.
    pub sinks: BTreeSet<String>,
}

/// The status of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunStatus {
    /// The counts of all chunks, if the run is complete.
    pub complete: Option<Counts>,
    /// Whether the sinks were notified of that.
    pub notified: bool,
}

/// Receives notes one by one.
pub type NoteVisitor<'a> = dyn FnMut(String) -> Result<(), Error> + Send + 'a;

/// The state of functions. All methods are idempotent.
#[async_trait]
pub trait State: Send + Sync {
    /// Claims a run for `owner`, to start or resume it. An owner can claim its own run again.
    ///
    /// # Errors
    /// Why the state could not be read or written.
    async fn claim_run(&self, run: &RunId, owner: &str) -> Result<Claim, Error>;

    /// Saves the progress and renews the lease. `expected` is the number of chunks in the run, once it is known.
    ///
    /// # Errors
    /// Why the state could not be written; `lease_lost` if another producer has taken over.
    async fn save_progress(
        &self,
        run: &RunId,
        owner: &str,
        progress: &Progress,
        expected: Option<u64>,
    ) -> Result<(), Error>;

    /// What earlier deliveries of a chunk achieved.
    ///
    /// # Errors
    /// Why the state could not be read.
    async fn chunk_status(&self, chunk: &Chunk) -> Result<ChunkStatus, Error>;

    /// Records that these sinks have a chunk, which will be delivered again for the others.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn record_sinks(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error>;

    /// Marks a chunk as done, and returns the status of its run.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn complete_chunk(&self, chunk: &Chunk, counts: &Counts) -> Result<RunStatus, Error>;

    /// Records the outcome of a chunk in a replay, for whoever follows the replay.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn record_replay(&self, chunk: &Chunk, replay: &str, outcome: &str) -> Result<(), Error>;

    /// The outcome of a chunk in a replay; `None` if it is not done.
    ///
    /// # Errors
    /// Why the state could not be read.
    async fn replay_outcome(&self, chunk: &Chunk, replay: &str) -> Result<Option<String>, Error>;

    /// Records that the sinks were notified of a complete run.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn mark_notified(&self, run: &RunId) -> Result<(), Error>;

    /// The cached values of these keys. Keys without a value are absent from the result.
    ///
    /// # Errors
    /// Why the state could not be read.
    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error>;

    /// Caches values for this many days.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn put_cached(&self, values: Vec<(String, String)>, days: u64) -> Result<(), Error>;

    /// Sets a value for this many days if its key has no value, or still the one in `known`. Otherwise, returns the current
    /// value. Of several concurrent callers, one succeeds.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn compare_and_set(
        &self,
        key: &str,
        known: Option<&str>,
        value: &str,
        days: u64,
    ) -> Result<Option<String>, Error>;

    /// Saves a note of a sink about a chunk, for the end of the run.
    ///
    /// # Errors
    /// Why the state could not be written.
    async fn add_note(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error>;

    /// Calls `visit` with each note of a sink about a run, in the order of the chunks. The notes are read page by page.
    ///
    /// # Errors
    /// Why the state could not be read, or the error of `visit`.
    async fn for_each_note(&self, run: &RunId, sink: &str, visit: &mut NoteVisitor<'_>) -> Result<(), Error>;
}
