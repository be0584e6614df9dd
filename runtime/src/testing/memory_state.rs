//! State in memory, which fulfils the contract of [`State`] and can fail at any call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use crate::component::state::{ChunkStatus, Claim, Counts, NoteVisitor, Progress, RunStatus, State};
use crate::model::error::{Error, ErrorCode};
use crate::model::run::{Chunk, RunId};

/// State in memory.
#[derive(Default)]
pub struct MemoryState(Mutex<MemoryStateInner>);

/// Its contents, and how it fails.
#[derive(Default)]
pub struct MemoryStateInner {
    /// The runs.
    pub runs: BTreeMap<RunId, MemoryRun>,
    /// Values by key.
    pub values: BTreeMap<String, String>,
    /// The outcomes of chunks by replay and chunk id.
    pub replays: BTreeMap<(String, String), String>,
    /// Whether leases last until [`MemoryRun::held`] is reset; otherwise they expire at once.
    pub hold_leases: bool,
    /// Whether reads do not see the written values yet.
    pub stale: bool,
    /// After how many updates of the progress another producer takes over.
    pub stolen_after: Option<usize>,
    /// The names of all calls so far.
    pub calls: Vec<&'static str>,
    /// From which call on all calls fail; 1 is the next one.
    pub fail_from: Option<usize>,
    /// Whether the first failing call takes effect before it fails.
    pub apply_before_failing: bool,
}

/// The state of a run.
#[derive(Default)]
pub struct MemoryRun {
    /// Who holds the lease.
    pub owner: Option<String>,
    /// Whether the lease of the owner has not expired.
    pub held: bool,
    /// The progress of the producer.
    pub progress: Option<Progress>,
    /// How many chunks the run has.
    pub expected: Option<u64>,
    /// The counts of finished chunks.
    pub done: BTreeMap<u64, Counts>,
    /// The sinks that have a chunk, for chunks that are not done.
    pub sinks: BTreeMap<u64, BTreeSet<String>>,
    /// Whether the sinks were notified.
    pub notified: bool,
    /// Notes by sink and chunk.
    pub notes: BTreeMap<(String, u64), String>,
}

impl MemoryState {
    /// Its contents.
    pub fn inner(&self) -> MutexGuard<'_, MemoryStateInner> {
        self.0.lock().expect("no panic")
    }

    fn call<T>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut MemoryStateInner) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut inner = self.inner();
        inner.calls.push(name);
        inner.attempt(|inner| work(inner))
    }
}

impl MemoryStateInner {
    /// The state of a run.
    pub fn run(&mut self, run: &RunId) -> &mut MemoryRun {
        self.runs.entry(run.clone()).or_default()
    }

    /// Makes a call, or fails as configured.
    ///
    /// # Errors
    /// `unreachable` if it is configured to fail, and the errors of the call.
    pub fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let failure = || Err(Error::transient(ErrorCode::Unreachable, "a connection error on purpose"));
        match self.fail_from {
            Some(0) => return failure(),
            Some(1) if self.apply_before_failing => {
                self.fail_from = Some(0);
                return work(self).and_then(|_| failure());
            }
            Some(1) => {
                self.fail_from = Some(0);
                return failure();
            }
            Some(calls) => self.fail_from = Some(calls - 1),
            None => {}
        }
        work(self)
    }
}

#[async_trait]
impl State for MemoryState {
    async fn claim_run(&self, run: &RunId, owner: &str) -> Result<Claim, Error> {
        self.call("claim_run", |inner| {
            inner.stolen_after = inner.stolen_after.filter(|left| *left > 0);
            let hold = inner.hold_leases;
            let run = inner.run(run);
            if let Some(progress) = run.progress.as_ref().filter(|progress| progress.ended) {
                return Ok(Claim::Finished(progress.clone()));
            }
            if run.held && run.owner.as_deref().is_some_and(|other| other != owner) {
                return Ok(Claim::Held(1));
            }
            run.owner = Some(owner.to_owned());
            run.held |= hold;
            Ok(run.progress.clone().map_or(Claim::New, Claim::Resumed))
        })
    }

    async fn save_progress(
        &self,
        run: &RunId,
        owner: &str,
        progress: &Progress,
        expected: Option<u64>,
    ) -> Result<(), Error> {
        self.call("save_progress", |inner| {
            let stolen = inner.stolen_after == Some(0);
            inner.stolen_after = inner.stolen_after.map(|left| left.saturating_sub(1));
            let run = inner.run(run);
            if stolen {
                run.owner = None;
            }
            if run.owner.as_deref() != Some(owner) {
                return Err(Error::permanent(ErrorCode::LeaseLost, "another producer has taken over"));
            }
            run.progress = Some(progress.clone());
            run.expected = expected.or(run.expected);
            Ok(())
        })
    }

    async fn chunk_status(&self, chunk: &Chunk) -> Result<ChunkStatus, Error> {
        self.call("chunk_status", |inner| {
            let run = inner.run(&chunk.run);
            let sinks = run.sinks.get(&chunk.number).cloned().unwrap_or_default();
            Ok(ChunkStatus { done: run.done.get(&chunk.number).cloned(), sinks })
        })
    }

    async fn record_sinks(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error> {
        self.call("record_sinks", |inner| {
            inner.run(&chunk.run).sinks.entry(chunk.number).or_default().extend(sinks.iter().cloned());
            Ok(())
        })
    }

    async fn complete_chunk(&self, chunk: &Chunk, counts: &Counts) -> Result<RunStatus, Error> {
        self.call("complete_chunk", |inner| {
            let run = inner.run(&chunk.run);
            run.done.insert(chunk.number, counts.clone());
            let complete = run.expected.is_some_and(|expected| run.done.len() as u64 == expected);
            let mut all = Counts::default();
            run.done.values().for_each(|counts| all += counts);
            Ok(RunStatus { complete: complete.then_some(all), notified: run.notified })
        })
    }

    async fn record_replay(&self, chunk: &Chunk, replay: &str, outcome: &str) -> Result<(), Error> {
        self.call("record_replay", |inner| {
            inner.replays.insert((replay.to_owned(), chunk.id.clone()), outcome.to_owned());
            Ok(())
        })
    }

    async fn replay_outcome(&self, chunk: &Chunk, replay: &str) -> Result<Option<String>, Error> {
        self.call("replay_outcome", |inner| Ok(inner.replays.get(&(replay.to_owned(), chunk.id.clone())).cloned()))
    }

    async fn mark_notified(&self, run: &RunId) -> Result<(), Error> {
        self.call("mark_notified", |inner| {
            inner.run(run).notified = true;
            Ok(())
        })
    }

    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "each key is requested once");
        self.call("get_cached", |inner| {
            let visible = |key: &&String| !inner.stale && inner.values.contains_key(*key);
            Ok(keys.iter().filter(visible).map(|key| (key.clone(), inner.values[key].clone())).collect())
        })
    }

    async fn put_cached(&self, values: Vec<(String, String)>, _: u64) -> Result<(), Error> {
        self.call("put_cached", |inner| {
            inner.values.extend(values);
            Ok(())
        })
    }

    async fn compare_and_set(
        &self,
        key: &str,
        known: Option<&str>,
        value: &str,
        _: u64,
    ) -> Result<Option<String>, Error> {
        self.call("compare_and_set", |inner| {
            let current = inner.values.get(key).cloned();
            if current.as_deref().is_none_or(|current| Some(current) == known || current == value) {
                inner.values.insert(key.to_owned(), value.to_owned());
                return Ok(None);
            }
            Ok(current)
        })
    }

    async fn add_note(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error> {
        self.call("add_note", |inner| {
            inner.run(&chunk.run).notes.insert((sink.to_owned(), chunk.number), note);
            Ok(())
        })
    }

    async fn for_each_note(&self, run: &RunId, sink: &str, visit: &mut NoteVisitor<'_>) -> Result<(), Error> {
        self.call("for_each_note", |inner| {
            inner
                .run(run)
                .notes
                .iter()
                .filter(|((name, _), _)| name == sink)
                .try_for_each(|(_, note)| visit(note.clone()))
        })
    }
}
