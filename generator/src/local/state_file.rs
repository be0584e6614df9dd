//! The last findings of items as a file, so that `changed` and `previous` work from one local run to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use async_trait::async_trait;
use fanggen_runtime::component::state::{ChunkStatus, Claim, Counts, NoteVisitor, Progress, RunStatus, State};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::sinks::{private_file, refuse_links, write_below};

use super::disk_error::unwritable;

/// A JSON object of values by key. Values do not expire: there is one per item and sink.
pub struct StateFile {
    root: PathBuf,
    path: PathBuf,
}

impl StateFile {
    /// A file below `root`, the folder of the pipeline's file.
    pub fn new(root: PathBuf, path: PathBuf) -> Self {
        Self { root, path }
    }

    /// Adds values, while no other run does.
    fn add(&self, values: Vec<(String, String)>) -> Result<(), Error> {
        let lock = self.path.with_extension("lock");
        refuse_links(&self.root, &lock)?;
        let file = private_file().create(true).append(true).open(&lock).map_err(|error| unwritable(&lock, &error))?;
        file.lock().map_err(|error| unwritable(&lock, &error))?;
        let mut known = self.read()?;
        known.extend(values);
        let body = serde_json::to_vec_pretty(&known).map_err(|error| unwritable(&self.path, &error))?;
        write_below(&self.root, &self.path, &body).map(drop)
    }

    fn read(&self) -> Result<BTreeMap<String, String>, Error> {
        match fs::read(&self.path) {
            Ok(body) => serde_json::from_slice(&body).map_err(|error| {
                let message = format!("`{}` is damaged: {error}; delete it to start anew", self.path.display());
                Error::permanent(ErrorCode::StateUnreadable, message)
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => {
                Err(Error::permanent(ErrorCode::FileUnreadable, format!("`{}`: {error}", self.path.display())))
            }
        }
    }
}

/// A local run keeps everything else in memory.
fn unused<T>() -> Result<T, Error> {
    Err(Error::permanent(ErrorCode::NotHere, "a local run has no state table"))
}

#[async_trait]
impl State for StateFile {
    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        let mut known = self.read()?;
        known.retain(|key, _| keys.contains(key));
        Ok(known)
    }

    async fn put_cached(&self, values: Vec<(String, String)>, _: u64) -> Result<(), Error> {
        self.add(values)
    }

    async fn claim_run(&self, _: &RunId, _: &str) -> Result<Claim, Error> {
        unused()
    }

    async fn save_progress(&self, _: &RunId, _: &str, _: &Progress, _: Option<u64>) -> Result<(), Error> {
        unused()
    }

    async fn chunk_status(&self, _: &Chunk) -> Result<ChunkStatus, Error> {
        unused()
    }

    async fn record_sinks(&self, _: &Chunk, _: &BTreeSet<String>) -> Result<(), Error> {
        unused()
    }

    async fn complete_chunk(&self, _: &Chunk, _: &Counts) -> Result<RunStatus, Error> {
        unused()
    }

    async fn record_replay(&self, _: &Chunk, _: &str, _: &str) -> Result<(), Error> {
        unused()
    }

    async fn replay_outcome(&self, _: &Chunk, _: &str) -> Result<Option<String>, Error> {
        unused()
    }

    async fn mark_notified(&self, _: &RunId) -> Result<(), Error> {
        unused()
    }

    async fn compare_and_set(&self, _: &str, _: Option<&str>, _: &str, _: u64) -> Result<Option<String>, Error> {
        unused()
    }

    async fn add_note(&self, _: &Chunk, _: &str, _: String) -> Result<(), Error> {
        unused()
    }

    async fn for_each_note(&self, _: &RunId, _: &str, _: &mut NoteVisitor<'_>) -> Result<(), Error> {
        unused()
    }
}
