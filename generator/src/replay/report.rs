//! What a replay has come to so far: the comparison, what was saved, and what could not be replayed.

use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::replay::ReplayOutcome;

use super::comparison::ReplayComparison;
use super::error::ReplayError;
use super::saved::SavedRecords;
use super::selection::ReplayedChunk;
use super::workload::RefusedChunk;
use crate::results::archive::ArchivedChunk;

/// The report of a replay.
pub struct ReplayReport<'a> {
    /// What changed.
    pub comparison: ReplayComparison,
    /// What was.
    pub saved: SavedRecords,
    /// The chunks that were not replayed.
    pub refused: Vec<RefusedChunk>,
    /// Is told how many more texts are done.
    pub progress: &'a dyn Fn(u64),
}

impl ReplayReport<'_> {
    /// Notes a chunk that stays as it is.
    pub fn refuse(&mut self, chunk: &ArchivedChunk, reason: String) {
        self.refused.push(RefusedChunk { key: chunk.key.clone(), reason });
    }

    /// Notes the results of a chunk.
    pub fn add(&mut self, chunk: &ReplayedChunk, now: &[Record], outcome: &ReplayOutcome) {
        self.comparison.add(&chunk.archived, now, &chunk.chosen, outcome);
        (self.progress)(chunk.chosen.len() as u64);
    }

    /// Saves records as they were.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save<'r>(&mut self, records: impl Iterator<Item = &'r Record>) -> Result<(), ReplayError> {
        self.saved.save(records)
    }
}
