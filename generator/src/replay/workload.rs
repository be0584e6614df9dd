//! What a replay has to do: counted before anybody is asked, and before anything is changed.

use std::collections::BTreeSet;
use std::pin::pin;

use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::run::RunId;
use futures_util::StreamExt as _;
use serde::Serialize;

use super::selection::ReplaySelection;
use crate::results::archive::{ArchivedChunk, ResultArchive, ResultsError, list_chunks, read_ahead};

/// A chunk that cannot be replayed, and stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedChunk {
    /// Its key or path.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// The work of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The chunks with texts to analyse.
    pub chunks: Vec<ArchivedChunk>,
    /// The number of texts.
    pub texts: u64,
    /// The runs that they are of.
    pub runs: BTreeSet<RunId>,
    /// What all texts cost, in the unit of `cost`.
    pub cost: u64,
    /// The records that pass the filter and have nothing to analyse: they keep their failure.
    pub without_text: u64,
    /// The chunks that cannot be replayed.
    pub refused: Vec<RefusedChunk>,
}

/// Reads an archive, and counts what is to be done. `cost` is what a record costs.
///
/// # Errors
/// An archive that cannot be read.
pub async fn survey(
    archive: &dyn ResultArchive,
    selection: &ReplaySelection,
    cost: &dyn Fn(&Record) -> u64,
) -> Result<Workload, ResultsError> {
    let mut work = Workload::default();
    let chunks = list_chunks(archive, &selection.filter).await?;
    let mut read = pin!(read_ahead(archive, &chunks));
    while let Some((archived, bytes)) = read.next().await {
        match selection.choose(archived, &bytes?) {
            Err(reason) => work.refused.push(RefusedChunk { key: archived.key.clone(), reason }),
            Ok(chunk) => {
                work.without_text += chunk.without_text as u64;
                if chunk.chosen.is_empty() {
                    continue;
                }
                work.texts += chunk.chosen.len() as u64;
                work.cost += chunk.before().map(cost).sum::<u64>();
                work.runs.insert(archived.run.clone());
                work.chunks.push(archived.clone());
            }
        }
    }
    Ok(work)
}
