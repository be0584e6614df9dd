//! An archive of results: objects or files by day, each with the records of a chunk, read back newest first.

use std::io::Read as _;
use std::pin::pin;

use async_trait::async_trait;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::run::{Chunk, RunId};
use flate2::read::MultiGzDecoder;
use futures_util::stream::{self, Stream, StreamExt as _};

use super::filter::RecordFilter;
use crate::not_deployed::NotDeployed;

/// Chunks that are read ahead: a chunk is small, and most of its time is the way to S3.
const AHEAD: usize = 16;

/// The largest unpacked chunk. A message of SQS has at most 1 MiB, to which stages add texts of up to 1 MB each.
const MAX_CHUNK: u64 = 256 * 1024 * 1024;

/// A chunk of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedChunk {
    /// Its key or path.
    pub key: String,
    /// Its run.
    pub run: RunId,
}

impl ArchivedChunk {
    /// The chunk of a key whose last part is `RUN-CHUNK.jsonl`, perhaps with the suffix of a compression. Other objects in
    /// the archive are not results.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next()?;
        let (run, rest) = name.split_once('-')?;
        let (_, format) = rest.split_once('.')?;
        matches!(format, "jsonl" | "jsonl.gz" | "jsonl.zst").then_some(())?;
        Some(Self { key: key.to_owned(), run: RunId::try_from(run.to_owned()).ok()? })
    }

    /// The chunk, and how its key ends, such as `.jsonl.gz`; `None` if its id is not one that a run makes.
    #[must_use]
    pub fn chunk(&self) -> Option<(Chunk, &str)> {
        let name = self.key.rsplit('/').next()?;
        let (_, rest) = name.split_once('-')?;
        let (id, suffix) = rest.split_at(rest.find('.')?);
        Some((Chunk::archived(self.run.clone(), id)?, suffix))
    }
}

/// Why results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A folder or a file of this machine.
    #[error("cannot read `{path}`: {source}")]
    Disk {
        /// The file or folder.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// No bucket, or no table.
    #[error("{0}, or `fanggen run` for results on this machine")]
    NotDeployed(#[from] NotDeployed),
    /// Something in the account.
    #[error("{0}")]
    Account(String),
    /// An output that cannot be written.
    #[error("cannot write {what}: {source}")]
    Output {
        /// The file, or the format.
        what: String,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// Where an archive is.
#[async_trait]
pub trait ResultArchive: Sync {
    /// The days with results, in any order: `2026-11-22`.
    async fn days(&self) -> Result<Vec<String>, ResultsError>;

    /// The chunks of the runs of a day, in any order.
    async fn chunks(&self, day: &str) -> Result<Vec<ArchivedChunk>, ResultsError>;

    /// The bytes of a chunk, as they are stored.
    async fn read(&self, chunk: &ArchivedChunk) -> Result<Vec<u8>, ResultsError>;
}

/// What becomes of the records of an archive.
pub trait RecordVisitor {
    /// Takes a record that passed the filter; `false` if no more are wanted.
    ///
    /// # Errors
    /// An output that cannot be written.
    fn record(&mut self, record: Record) -> Result<bool, ResultsError>;

    /// Takes the reason why a chunk, or a line of it, cannot be read. The others are read all the same.
    fn unreadable(&mut self, key: &str, reason: &str);
}

/// Reads the records of an archive, those of the newest run first, and gives what passes the filter to the visitor.
///
/// # Errors
/// An archive that cannot be listed or read, and those of the visitor.
pub async fn read_records(
    archive: &dyn ResultArchive,
    filter: &RecordFilter,
    visitor: &mut dyn RecordVisitor,
) -> Result<(), ResultsError> {
    let mut days = archive.days().await?;
    days.retain(|day| filter.may_match_day(day));
    days.sort_unstable_by(|one, other| other.cmp(one));
    for day in days {
        let chunks = chunks_of(archive, &day, filter).await?;
        let mut read = pin!(read_ahead(archive, &chunks));
        while let Some((chunk, bytes)) = read.next().await {
            let records = match records_of(chunk, &bytes?) {
                Ok(records) => records,
                Err(error) => {
                    visitor.unreadable(&chunk.key, &error.to_string());
                    continue;
                }
            };
            for record in records {
                match record {
                    Ok(record) if !filter.matches(&record) => {}
                    Ok(record) => {
                        if !visitor.record(record)? {
                            return Ok(());
                        }
                    }
                    Err(reason) => visitor.unreadable(&chunk.key, &reason),
                }
            }
        }
    }
    Ok(())
}

/// The chunks of all runs that pass the filter, the newest run first.
///
/// # Errors
/// An archive that cannot be listed.
pub async fn list_chunks(
    archive: &dyn ResultArchive,
    filter: &RecordFilter,
) -> Result<Vec<ArchivedChunk>, ResultsError> {
    let mut days = archive.days().await?;
    days.retain(|day| filter.may_match_day(day));
    days.sort_unstable_by(|one, other| other.cmp(one));
    let mut all = Vec::new();
    for day in days {
        all.extend(chunks_of(archive, &day, filter).await?);
    }
    Ok(all)
}

/// The chunks of a day that pass the filter, the newest run first.
async fn chunks_of(
    archive: &dyn ResultArchive,
    day: &str,
    filter: &RecordFilter,
) -> Result<Vec<ArchivedChunk>, ResultsError> {
    let mut chunks = archive.chunks(day).await?;
    chunks.retain(|chunk| filter.matches_run(&chunk.run));
    chunks.sort_unstable_by(|one, other| other.run.cmp(&one.run).then_with(|| one.key.cmp(&other.key)));
    Ok(chunks)
}

/// Reads chunks in their order, several at once.
pub fn read_ahead<'a>(
    archive: &'a dyn ResultArchive,
    chunks: &'a [ArchivedChunk],
) -> impl Stream<Item = (&'a ArchivedChunk, Result<Vec<u8>, ResultsError>)> {
    stream::iter(chunks).map(async |chunk| (chunk, archive.read(chunk).await)).buffered(AHEAD)
}

/// The records of a chunk from its bytes, each or why its line cannot be read.
///
/// # Errors
/// Bytes that cannot be decompressed.
pub fn records_of(chunk: &ArchivedChunk, bytes: &[u8]) -> std::io::Result<Vec<Result<Record, String>>> {
    let text = unpack(&chunk.key, bytes)?;
    let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let parse = |(place, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", place + 1))
    };
    Ok(lines.map(parse).collect())
}

/// The lines of a chunk, by the compression that its name tells.
fn unpack(key: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = match key.rsplit('.').next() {
        Some("gz") => MultiGzDecoder::new(bytes).take(MAX_CHUNK).read_to_end(&mut text)?,
        Some("zst") => zstd::stream::read::Decoder::new(bytes)?.take(MAX_CHUNK).read_to_end(&mut text)?,
        _ => bytes.take(MAX_CHUNK).read_to_end(&mut text)?,
    };
    if read as u64 == MAX_CHUNK {
        return Err(std::io::Error::other(format!("it is larger than {} MB", MAX_CHUNK / 1024 / 1024)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chunks_of_records_are_read() {
        let run = |key: &str| ArchivedChunk::of(key).map(|chunk| chunk.run.to_string());
        let chunk = "archive/dt=2026-11-22/20261122T090000Z-1e78173e5f1303ed.jsonl.gz";
        assert_eq!(run(chunk).as_deref(), Some("20261122T090000Z"));
        assert_eq!(run("20261122T090000.123Z-1e78173e5f1303ed.jsonl").as_deref(), Some("20261122T090000.123Z"));
        for other in ["rows.jsonl", "archive/dt=2026-11-22/", "notes-1.jsonl", "20261122T090000Z-1.csv", ""] {
            assert_eq!(run(other), None, "{other}");
        }
    }
}
