//! A replay by this machine: it reads an archive, analyses the texts, and replaces what its own archive has.

use std::pin::pin;

use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::run::Chunk;
use futures_util::StreamExt as _;

use super::error::ReplayError;
use super::report::ReplayReport;
use super::selection::ReplaySelection;
use crate::local::LocalReplay;
use crate::results::archive::{ArchivedChunk, ResultArchive, read_ahead};

/// Chunks and bytes that are written together, so that a file of rows is not rewritten for every chunk.
const BATCH_CHUNKS: usize = 100;
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// A replay on this machine.
pub struct LocalAnalysis<'a> {
    /// The archive that is read.
    pub archive: &'a dyn ResultArchive,
    /// What is analysed.
    pub selection: &'a ReplaySelection,
    /// The components.
    pub components: &'a LocalReplay,
    /// The name of the sink that is read, if results are replaced; a dry run replaces none.
    pub replaces: Option<&'a str>,
}

impl LocalAnalysis<'_> {
    /// Analyses these chunks again, and replaces their results.
    ///
    /// # Errors
    /// An archive, a sink or a file that cannot be read or written.
    pub async fn run(&self, chunks: &[ArchivedChunk], report: &mut ReplayReport<'_>) -> Result<(), ReplayError> {
        let mut batch = ReplayBatch::default();
        let mut read = pin!(read_ahead(self.archive, chunks));
        while let Some((archived, bytes)) = read.next().await {
            let bytes = bytes?;
            let chunk = match self.selection.choose(archived, &bytes) {
                Ok(chunk) => chunk,
                Err(reason) => {
                    report.refuse(archived, reason);
                    continue;
                }
            };
            let (now, outcome) = self.components.analyse(chunk.message.clone()).await?;
            report.add(&chunk, &now, &outcome);
            batch.bytes += bytes.len();
            let now_chosen = chunk.chosen.iter().filter_map(|index| now.get(*index));
            batch.was.extend(chunk.before().zip(now_chosen).filter(|(was, is)| was != is).map(|(was, _)| was.clone()));
            batch.chunks.push((chunk.chunk, now));
            if batch.chunks.len() >= BATCH_CHUNKS || batch.bytes >= BATCH_BYTES {
                self.write(std::mem::take(&mut batch), report).await?;
            }
            // There is one thread: let the progress bar run between two chunks.
            tokio::task::yield_now().await;
        }
        self.write(batch, report).await
    }

    async fn write(&self, batch: ReplayBatch, report: &mut ReplayReport<'_>) -> Result<(), ReplayError> {
        let Some(sink) = self.replaces else { return Ok(()) };
        report.save(batch.was.iter())?;
        // Also if nothing changed: a replay that was killed may have left other sinks with older results.
        Ok(self.components.write(&batch.chunks, sink).await?)
    }
}

/// Chunks that are written together.
#[derive(Default)]
struct ReplayBatch {
    chunks: Vec<(Chunk, Vec<Record>)>,
    /// Records as they were, where they are replaced by others.
    was: Vec<Record>,
    bytes: usize,
}
