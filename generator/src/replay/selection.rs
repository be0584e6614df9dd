//! Which records of an archive are replayed, chunk by chunk.

use fanggen_runtime::component::sets_texts;
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::replay::Replay;
use fanggen_runtime::model::run::Chunk;

use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::results::archive::{ArchivedChunk, records_of};
use crate::results::filter::RecordFilter;

/// What a replay is about.
pub struct ReplaySelection {
    /// Its id.
    pub id: String,
    /// The records.
    pub filter: RecordFilter,
    /// How the keys of the archive end today, such as `.jsonl.gz`.
    suffix: String,
    /// The stages that are not run again.
    skipped: Vec<String>,
}

/// A chunk, and its records to analyse again.
#[derive(Clone, Debug)]
pub struct ReplayedChunk {
    /// Its key or path in the archive.
    pub key: String,
    /// The chunk.
    pub chunk: Chunk,
    /// All its records, as they are archived.
    pub archived: Vec<Record>,
    /// The indexes of those to analyse again.
    pub chosen: Vec<usize>,
    /// How many records pass the filter, and have nothing to analyse.
    pub without_text: usize,
    /// The message for the functions.
    pub message: Message,
}

/// The stages that a replay skips: those up to the last one that sets texts. What they did is in the archived records; a language
/// that was detected before a text was split, for one, can no longer be detected.
#[must_use]
pub fn skipped(pipeline: &Pipeline) -> Vec<String> {
    let sets = |stage: &ComponentConfig| sets_texts(stage.kind, stage.settings.as_ref());
    let count = pipeline.stages.iter().rposition(sets).map_or(0, |last| last + 1);
    pipeline.stages[..count].iter().map(|stage| stage.name.clone()).collect()
}

impl ReplaySelection {
    /// The records that pass a filter, in an archive of this pipeline whose keys end like this today.
    #[must_use]
    pub fn new(id: String, filter: RecordFilter, suffix: &str, pipeline: &Pipeline) -> Self {
        Self { id, filter, suffix: suffix.to_owned(), skipped: skipped(pipeline) }
    }

    /// The records of a chunk to analyse again, perhaps none.
    ///
    /// # Errors
    /// Why the chunk cannot be replayed. It must stay as it is.
    pub fn choose(&self, archived: &ArchivedChunk, bytes: &[u8]) -> Result<ReplayedChunk, String> {
        let Some((chunk, suffix)) = archived.chunk() else { return Err("its name is not one of a chunk".to_owned()) };
        if suffix != self.suffix {
            return Err(format!(
                "it ends in `{suffix}`, but the sink now writes `{}`: a second object with the same records would be written; \
                 set the sink's format and compression back to replay it",
                self.suffix
            ));
        }
        let mut records = Vec::new();
        for record in records_of(archived, bytes).map_err(|error| error.to_string())? {
            // The chunk is written as a whole, so what cannot be read would be lost.
            records.push(record?);
        }
        let wanted = |record: &Record| self.filter.matches(record);
        let passed = records.iter().filter(|record| wanted(record)).count();
        let (replay, fresh) = Replay::new(&self.id, records.clone(), wanted, self.skipped.clone());
        let chosen = replay.chosen.clone();
        let without_text = passed - chosen.len();
        let message = Message::replayed(chunk.clone(), replay, fresh);
        let key = archived.key.clone();
        Ok(ReplayedChunk { key, chunk, archived: records, chosen, without_text, message })
    }
}

impl ReplayedChunk {
    /// The records to analyse again, as they are archived.
    pub fn before(&self) -> impl Iterator<Item = &Record> {
        self.chosen.iter().filter_map(|index| self.archived.get(*index))
    }
}
