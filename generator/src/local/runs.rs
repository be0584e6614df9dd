//! The folder of runs: it begins new runs, finds those whose process was killed, and keeps the summary of each.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::run::RunId;
use fanggen_runtime::sinks::{private_file, refuse_links, write_streamed};
use jiff::Timestamp;

use super::disk_error::unwritable;
use super::inputs::Inputs;
use super::journal::{Journal, JournalHeader};
use super::summary::{Recorder, Summary};
use super::summary_json;
use crate::results_folder;

/// The runs of a pipeline in an environment.
pub struct Runs<'a> {
    /// The folder of the pipeline's file.
    pub root: &'a Path,
    /// The folder of the environment's results.
    pub results: &'a Path,
    /// The name of the pipeline, and of the environment.
    pub names: [&'a str; 2],
}

/// A run that may start.
pub struct BegunRun {
    pub run: RunId,
    pub journal: Journal,
    /// Whether an interrupted process began it.
    pub resumed: bool,
    /// What the user should know before the run.
    pub messages: Vec<String>,
}

/// A run whose process has ended before it.
struct Interrupted {
    run: RunId,
    journal: Journal,
    inputs: Inputs,
}

impl Runs<'_> {
    fn folder(&self) -> PathBuf {
        self.results.join("runs")
    }

    fn journal_path(&self, run: &RunId) -> PathBuf {
        self.folder().join(format!("{run}.jsonl"))
    }

    fn summary_path(&self, run: &RunId) -> PathBuf {
        self.folder().join(format!("{run}.json"))
    }

    /// Begins a run, or goes on with the oldest one that was interrupted and had the same inputs, unless a new one is
    /// asked for. A run that cannot keep a journal works without one.
    ///
    /// # Errors
    /// `file_unwritable` if there is a link on the way.
    pub fn begin(&self, time: Timestamp, inputs: Inputs, new: bool) -> Result<BegunRun, Error> {
        refuse_links(self.root, &self.folder())?;
        let begun =
            results_folder::create(self.root, &self.folder()).and_then(|()| self.begin_locked(time, inputs, new));
        Ok(begun.unwrap_or_else(|error| {
            let folder = self.folder();
            let message = format!(
                "cannot keep a journal in `{}`: {error}; if this run is interrupted, the next one starts from the beginning",
                folder.display()
            );
            let journal = Journal::in_memory();
            BegunRun { run: RunId::at(time), journal, resumed: false, messages: vec![warning(&message)] }
        }))
    }

    fn begin_locked(&self, time: Timestamp, inputs: Inputs, new: bool) -> io::Result<BegunRun> {
        // So that no run takes a new journal for one that was left behind.
        let lock = private_file().create(true).append(true).open(self.results.join("runs.lock"))?;
        lock.lock()?;
        let mut messages = Vec::new();
        let mut resumable = Vec::new();
        for interrupted in self.interrupted(&mut messages)? {
            let change = inputs.change_since(&interrupted.inputs);
            let run = interrupted.run.clone();
            match change.or_else(|| new.then(|| "`--new` asks for a new run".into())) {
                None => resumable.push(interrupted),
                Some(reason) => {
                    messages.push(format!(
                        "run {run} was interrupted {}, and does not go on: {reason}. Its results are kept",
                        after(interrupted.journal.chunks())
                    ));
                    messages.extend(self.abandon(interrupted).err().map(|error| warning(&error.message)));
                }
            }
        }
        let mut resumable = resumable.into_iter();
        if let Some(oldest) = resumable.next() {
            messages.push(format!(
                "run {} was interrupted {}: it goes on from there (`--new` starts a new run)",
                oldest.run,
                after(oldest.journal.chunks())
            ));
            messages.extend(resumable.map(|other| format!("run {} was interrupted, too: run it next", other.run)));
            return Ok(BegunRun { run: oldest.run, journal: oldest.journal, resumed: true, messages });
        }
        let (run, journal) = self.create(time, inputs)?;
        Ok(BegunRun { run, journal, resumed: false, messages })
    }

    /// A new run. No two runs have the same id, however fast they follow each other.
    fn create(&self, mut time: Timestamp, inputs: Inputs) -> io::Result<(RunId, Journal)> {
        loop {
            let run = RunId::at(time);
            let path = self.journal_path(&run);
            if !self.summary_path(&run).exists() {
                match private_file().create_new(true).read(true).append(true).open(&path) {
                    Ok(file) => {
                        let header = JournalHeader { run: run.clone(), state: "running".into(), inputs };
                        let journal = Journal::create(path.clone(), file, &header);
                        return journal.map(|journal| (run, journal)).inspect_err(|_| {
                            // An empty journal is of no use. If it cannot be removed, the next run does that.
                            let _ = fs::remove_file(&path);
                        });
                    }
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    Err(_) => {}
                }
            }
            time = time.checked_add(Duration::from_millis(1)).map_err(io::Error::other)?;
        }
    }

    /// The runs that were interrupted, the oldest first. Runs that have ended and left a journal are tidied up.
    fn interrupted(&self, messages: &mut Vec<String>) -> io::Result<Vec<Interrupted>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder())?.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(run) = name.strip_suffix(".jsonl").and_then(|run| RunId::try_from(run.to_owned()).ok()) else {
                continue;
            };
            let Some(file) = self.left_behind(&path) else { continue };
            if self.summary_path(&run).exists() {
                fs::remove_file(&path)?;
                continue;
            }
            match Journal::open(self.root, path.clone(), file) {
                Ok((journal, header, None)) if header.run == run => {
                    found.push(Interrupted { run, journal, inputs: header.inputs });
                }
                Ok((journal, _, Some(state))) => {
                    // It has ended, but its summary could not be written then.
                    let state = if state == "failed" { "failed" } else { "ended" };
                    messages.extend(self.keep(&run, journal, state).err().map(|error| warning(&error.message)));
                }
                // It was killed before it had begun.
                _ => fs::remove_file(&path)?,
            }
        }
        found.sort_by(|one, other| one.run.cmp(&other.run));
        Ok(found)
    }

    /// A journal whose process has ended, locked for this one.
    fn left_behind(&self, path: &Path) -> Option<File> {
        refuse_links(self.root, path).ok()?;
        let file = private_file().read(true).append(true).open(path).ok()?;
        match file.try_lock() {
            Ok(()) => Some(file),
            // Its process runs, or nobody can tell.
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
        }
    }

    /// Keeps the summary of a run that will not go on.
    fn abandon(&self, interrupted: Interrupted) -> Result<(), Error> {
        self.keep(&interrupted.run, interrupted.journal, "abandoned")
    }

    /// Writes the summary of an earlier run from its journal.
    fn keep(&self, run: &RunId, journal: Journal, state: &'static str) -> Result<(), Error> {
        let recorder = Recorder::of(self.root, journal);
        recorder.resume(run.clone()).map_err(|error| unwritable(&self.journal_path(run), &error))?;
        let (mut summary, journal) = recorder.end();
        let [pipeline, environment] = self.names.map(str::to_owned);
        (summary.pipeline, summary.environment) = (pipeline, environment);
        (summary.run, summary.state) = (run.to_string(), state);
        self.write(&summary, &journal)?;
        journal.discard();
        Ok(())
    }

    /// Writes the summary of a run, whole or not at all.
    ///
    /// # Errors
    /// `file_unwritable` with the reason of the disk.
    pub fn write(&self, summary: &Summary, journal: &Journal) -> Result<(), Error> {
        let path = self.folder().join(format!("{}.json", summary.run));
        write_streamed(self.root, &path, |file| summary_json::write(file, self.root, summary, journal)).map(drop)
    }
}

/// `after 3 of its chunks`.
fn after(chunks: usize) -> String {
    match chunks {
        0 => "before a chunk was done".into(),
        1 => "after 1 chunk".into(),
        more => format!("after {more} chunks"),
    }
}

fn warning(message: &str) -> String {
    format!("warning: {message}")
}
