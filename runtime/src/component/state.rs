//! What functions remember from one invocation to the next: runs, chunks that are done, values that were paid for.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::error::Error;
use crate::model::run::{Chunk, RunId};

/// How far a producer has come with a run. What is about to be sent is written down before it is sent: whoever goes on
/// sends the very same chunks again, and not others that share some items with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The source that is being read, by its place in the pipeline.
    pub source: usize,
    /// Behind what was sent, in that source; none at its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Chunks that were sent for certain.
    pub chunks: u64,
    /// Items in them.
    pub items: u64,
    /// The chunks that are being sent: the keys of their items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Vec<String>>,
    /// Behind what is being sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether everything was sent.
    #[serde(default)]
    pub ended: bool,
}

/// What a producer finds when it wants to begin a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has begun it.
    Fresh,
    /// Somebody had come so far, and is gone.
    GoOn(Progress),
    /// Everything of it was sent.
    Ended(Progress),
    /// Another producer is at it, for so many more milliseconds unless it says more.
    Held(u64),
}

/// What came of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Items that came in.
    pub items: u64,
    /// Records that went out whole.
    pub records: u64,
    /// Records that went out with a failure.
    pub failed: u64,
    /// Findings that were known already.
    pub reused: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.records += other.records;
        self.failed += other.failed;
        self.reused += other.reused;
    }
}

/// What was done of a chunk in earlier deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkStatus {
    /// What came of it, where it is done.
    pub done: Option<Counts>,
    /// The sinks that took it, where others did not.
    pub took: BTreeSet<String>,
}

/// Where a run stands after a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunStatus {
    /// What came of all chunks, where the run is complete.
    pub complete: Option<Counts>,
    /// Whether the sinks have been told so.
    pub told: bool,
}

/// Reads notes, one at a time.
pub type Reader<'a> = dyn FnMut(String) -> Result<(), Error> + Send + 'a;

/// What functions remember. Everything here may be done twice, and is then as if it were done once.
#[async_trait]
pub trait State: Send + Sync {
    /// Begins a run, or goes on with it, as `owner`: the same owner takes its own lease over.
    ///
    /// # Errors
    /// What kept it from being read or written.
    async fn claim_run(&self, run: &RunId, owner: &str) -> Result<Claim, Error>;

    /// Writes progress down and renews the lease; `expected` is how many chunks the run has, once that is known.
    ///
    /// # Errors
    /// `lease_lost` where another producer has taken over.
    async fn save_progress(
        &self,
        run: &RunId,
        owner: &str,
        progress: &Progress,
        expected: Option<u64>,
    ) -> Result<(), Error>;

    /// What was done of a chunk in earlier deliveries.
    ///
    /// # Errors
    /// What kept it from being read.
    async fn chunk_status(&self, chunk: &Chunk) -> Result<ChunkStatus, Error>;

    /// These sinks took a chunk, and others did not: it comes again for them.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn record_sinks(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error>;

    /// A chunk is done.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn complete_chunk(&self, chunk: &Chunk, counts: Counts) -> Result<RunStatus, Error>;

    /// The sinks know that the run is complete.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn mark_notified(&self, run: &RunId) -> Result<(), Error>;

    /// The values of these keys, as far as they are known.
    ///
    /// # Errors
    /// What kept them from being read.
    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error>;

    /// Keeps values for some days from now.
    ///
    /// # Errors
    /// What kept them from being written.
    async fn put_cached(&self, values: Vec<(String, String)>, days: u64) -> Result<(), Error>;

    /// Keeps a value for some days where its key has none, or still the one that is known; or else says which it has. Of
    /// many who try at once one succeeds.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn compare_and_set(
        &self,
        key: &str,
        known: Option<&str>,
        value: &str,
        days: u64,
    ) -> Result<Option<String>, Error>;

    /// Keeps what a sink has to say of a chunk until its run is complete.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn add_note(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error>;

    /// Gives `each` what a sink has jotted down of a run, in the order of the chunks, and never all of it at once.
    ///
    /// # Errors
    /// What kept it from being read, and what `each` has against a note.
    async fn for_each_note(&self, run: &RunId, sink: &str, each: &mut Reader<'_>) -> Result<(), Error>;
}
