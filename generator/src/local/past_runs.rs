//! The runs of this machine so far: those with a summary, and those whose journal shows that they go on or were killed.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use fanggen_runtime::model::record::Label;
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;
use serde::Deserialize;

use super::journal::ChunkLine;
use super::summary::{FailureKind, Summary};

/// A run of this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct PastRun {
    /// The run.
    pub run: RunId,
    /// How it stands.
    pub state: PastRunState,
    /// When it was last written to.
    pub last_write: Timestamp,
    /// What it has done.
    pub done: PastRunSummary,
}

/// How a run of this machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastRunState {
    /// It came to its end.
    Ended,
    /// A source could not be read to its end.
    Failed,
    /// It was interrupted, and does not go on.
    Abandoned,
    /// Its process works on it.
    Running,
    /// Its process was killed; the next `fanggen run` goes on with it.
    Interrupted,
}

/// The part of a summary that is shown of a run of the past.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PastRunSummary {
    state: String,
    /// Why the run did not come to its end.
    #[serde(default)]
    pub error: Option<String>,
    /// Number of records.
    pub records: usize,
    /// Number of records without a failure.
    pub succeeded: usize,
    /// Number of chunks.
    pub chunks: usize,
    /// Number of records with each label.
    #[serde(default)]
    pub labels: BTreeMap<Label, usize>,
    /// Number of records that each stage dropped.
    #[serde(default, rename = "ended")]
    pub dropped: BTreeMap<String, u64>,
    /// The kinds of failures.
    #[serde(default)]
    pub failures: Vec<FailureKind>,
}

impl From<Summary> for PastRunSummary {
    fn from(summary: Summary) -> Self {
        let Summary { error, records, succeeded, chunks, labels, ended, failures, .. } = summary;
        Self { state: String::new(), error, records, succeeded, chunks, labels, dropped: ended, failures }
    }
}

/// A summary or journal that cannot be read.
#[derive(Debug)]
pub struct UnreadableRun {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The runs below a folder of results since a moment, the newest first, and those that cannot be read. Nothing is changed.
///
/// # Errors
/// A folder that cannot be read. One that does not exist has no runs.
pub fn past_runs(
    root: &Path,
    results: &Path,
    since: Option<&RunId>,
    only: Option<&RunId>,
) -> io::Result<(Vec<PastRun>, Vec<UnreadableRun>)> {
    let entries = match fs::read_dir(results.join("runs")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        entries => entries?,
    };
    let (mut runs, mut unreadable) = (BTreeMap::new(), Vec::new());
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((run, suffix)) = name.rsplit_once('.') else { continue };
        let Ok(run) = RunId::try_from(run.to_owned()) else { continue };
        if since.is_some_and(|since| run < *since) || only.is_some_and(|only| run != *only) {
            continue;
        }
        let path = entry.path();
        let read = match suffix {
            "json" => summarized(&run, &path).map(Some),
            // A journal beside a summary is left from a run that has ended.
            "jsonl" if path.with_extension("json").exists() => Ok(None),
            "jsonl" => journaled(root, &run, &path),
            _ => Ok(None),
        };
        match read {
            Ok(Some(past)) => drop(runs.insert(run, past)),
            Ok(None) => {}
            // It has ended since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                unreadable.push(UnreadableRun { path: path.display().to_string(), reason: error.to_string() });
            }
        }
    }
    Ok((runs.into_values().rev().collect(), unreadable))
}

/// A run with a summary.
fn summarized(run: &RunId, path: &Path) -> io::Result<PastRun> {
    let file = File::open(path)?;
    let last_write = written(&file)?;
    let done: PastRunSummary = serde_json::from_reader(BufReader::new(file))?;
    let state = match done.state.as_str() {
        "failed" => PastRunState::Failed,
        "abandoned" => PastRunState::Abandoned,
        _ => PastRunState::Ended,
    };
    Ok(PastRun { run: run.clone(), state, last_write, done })
}

/// A run with a journal only; nothing if it was killed before it had begun.
fn journaled(root: &Path, run: &RunId, path: &Path) -> io::Result<Option<PastRun>> {
    let file = File::open(path)?;
    let state = match file.try_lock_shared() {
        // Released at once: a new run would take this one for a process at work.
        Ok(()) => file.unlock().map(|()| PastRunState::Interrupted)?,
        Err(TryLockError::WouldBlock) => PastRunState::Running,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    let last_write = written(&file)?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    // The header.
    reader.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Ok(None);
    }
    // The last line of a chunk and function counts, as when the run goes on.
    let mut chunks: BTreeMap<(u64, usize), ChunkLine> = BTreeMap::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            break;
        }
        if let Ok(mut chunk) = serde_json::from_slice::<ChunkLine>(&line) {
            chunk.files.clear();
            chunks.insert((chunk.chunk, chunk.function), chunk);
        }
    }
    let mut summary = Summary::default();
    chunks.values().for_each(|chunk| summary.add(root, chunk));
    Ok(Some(PastRun { run: run.clone(), state, last_write, done: summary.into() }))
}

fn written(file: &File) -> io::Result<Timestamp> {
    Timestamp::try_from(file.metadata()?.modified()?).map_err(io::Error::other)
}
