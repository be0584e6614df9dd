//! A run that goes on: what the interrupted process has done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fanggen_runtime::model::run::{Chunk, RunId};

use super::journal::ChunkLine;
use super::rows_file;

/// What is done.
#[derive(Clone, Debug)]
pub struct Resumed {
    run: RunId,
    /// The ids of the chunks that are done, by their number.
    done: BTreeMap<u64, String>,
    /// The length of each file of rows after the first chunks, all of which are done.
    rows: BTreeMap<PathBuf, u64>,
}

impl Resumed {
    pub fn of(run: RunId) -> Self {
        Self { run, done: BTreeMap::new(), rows: BTreeMap::new() }
    }

    /// Adds a line of the journal. Lines come in the order of the chunks.
    pub fn add(&mut self, root: &Path, line: &ChunkLine) {
        let gapless = self.done.len() as u64;
        if line.last {
            self.done.insert(line.chunk, line.id.clone());
        }
        for file in line.files.iter().filter(|_| line.chunk == gapless) {
            let path = root.join(&file.place);
            if let (Some(bytes), true) = (file.bytes, path.ends_with(rows_file::NAME)) {
                self.rows.insert(path, bytes);
            }
        }
    }

    /// Whether this chunk is done.
    pub fn has(&self, chunk: &Chunk) -> bool {
        self.done.get(&chunk.number).is_some_and(|id| *id == chunk.id)
    }

    /// Where the rows of other chunks begin in a file, at the earliest.
    pub fn rows_before(&self, path: &Path) -> u64 {
        self.rows.get(path).copied().unwrap_or(0)
    }

    /// Whether the `run` of a row is this run, perhaps with an entry.
    pub fn is_of_run(&self, run: &str) -> bool {
        run.strip_prefix(self.run.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
    }
}
