//! The state table of a test, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use fanggen_runtime::component::state::{ChunkStatus, Claim, Counts, NoteVisitor, Progress, RunStatus, State};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::run::{Chunk, RunId};

/// The state. It lives as long as a test, so nothing in it expires.
#[derive(Default)]
pub struct TestState(Mutex<StateRows>);

#[derive(Default)]
struct StateRows {
    runs: BTreeMap<RunId, RunRow>,
    values: BTreeMap<String, String>,
}

#[derive(Default)]
struct RunRow {
    owner: Option<String>,
    progress: Option<Progress>,
    expected: Option<u64>,
    done: BTreeMap<u64, Counts>,
    sinks: BTreeMap<u64, BTreeSet<String>>,
    notified: bool,
    /// By sink and chunk.
    notes: BTreeMap<(String, u64), String>,
}

impl TestState {
    fn rows(&self) -> MutexGuard<'_, StateRows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T>(&self, run: &RunId, work: impl FnOnce(&mut RunRow) -> T) -> T {
        work(self.rows().runs.entry(run.clone()).or_default())
    }
}

fn replay_key(chunk: &Chunk, replay: &str) -> String {
    format!("replay#{replay}#{}", chunk.id)
}

#[async_trait]
impl State for TestState {
    async fn claim_run(&self, run: &RunId, owner: &str) -> Result<Claim, Error> {
        Ok(self.run(run, |run| {
            if let Some(progress) = run.progress.as_ref().filter(|progress| progress.ended) {
                return Claim::Finished(progress.clone());
            }
            run.owner = Some(owner.to_owned());
            run.progress.clone().map_or(Claim::New, Claim::Resumed)
        }))
    }

    async fn save_progress(
        &self,
        run: &RunId,
        owner: &str,
        progress: &Progress,
        expected: Option<u64>,
    ) -> Result<(), Error> {
        self.run(run, |run| {
            if run.owner.as_deref() != Some(owner) {
                return Err(Error::permanent(ErrorCode::LeaseLost, "another producer has taken over"));
            }
            run.progress = Some(progress.clone());
            run.expected = expected.or(run.expected);
            Ok(())
        })
    }

    async fn chunk_status(&self, chunk: &Chunk) -> Result<ChunkStatus, Error> {
        Ok(self.run(&chunk.run, |run| ChunkStatus {
            done: run.done.get(&chunk.number).cloned(),
            sinks: run.sinks.get(&chunk.number).cloned().unwrap_or_default(),
        }))
    }

    async fn record_sinks(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error> {
        self.run(&chunk.run, |run| run.sinks.entry(chunk.number).or_default().extend(sinks.iter().cloned()));
        Ok(())
    }

    async fn complete_chunk(&self, chunk: &Chunk, counts: &Counts) -> Result<RunStatus, Error> {
        Ok(self.run(&chunk.run, |run| {
            run.done.insert(chunk.number, counts.clone());
            let complete = run.expected.is_some_and(|expected| run.done.len() as u64 == expected);
            let mut all = Counts::default();
            run.done.values().for_each(|counts| all += counts);
            RunStatus { complete: complete.then_some(all), notified: run.notified }
        }))
    }

    async fn record_replay(&self, chunk: &Chunk, replay: &str, outcome: &str) -> Result<(), Error> {
        self.rows().values.insert(replay_key(chunk, replay), outcome.to_owned());
        Ok(())
    }

    async fn replay_outcome(&self, chunk: &Chunk, replay: &str) -> Result<Option<String>, Error> {
        Ok(self.rows().values.get(&replay_key(chunk, replay)).cloned())
    }

    async fn mark_notified(&self, run: &RunId) -> Result<(), Error> {
        self.run(run, |run| run.notified = true);
        Ok(())
    }

    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        let rows = self.rows();
        Ok(keys.iter().filter_map(|key| Some((key.clone(), rows.values.get(key)?.clone()))).collect())
    }

    async fn put_cached(&self, values: Vec<(String, String)>, _: u64) -> Result<(), Error> {
        self.rows().values.extend(values);
        Ok(())
    }

    async fn compare_and_set(
        &self,
        key: &str,
        known: Option<&str>,
        value: &str,
        _: u64,
    ) -> Result<Option<String>, Error> {
        let mut rows = self.rows();
        let current = rows.values.get(key).cloned();
        if current.as_deref().is_none_or(|current| Some(current) == known || current == value) {
            rows.values.insert(key.to_owned(), value.to_owned());
            return Ok(None);
        }
        Ok(current)
    }

    async fn add_note(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error> {
        self.run(&chunk.run, |run| run.notes.insert((sink.to_owned(), chunk.number), note));
        Ok(())
    }

    async fn for_each_note(&self, run: &RunId, sink: &str, visit: &mut NoteVisitor<'_>) -> Result<(), Error> {
        let notes: Vec<String> = self
            .run(run, |run| run.notes.iter().filter(|((of, _), _)| of == sink).map(|(_, note)| note.clone()).collect());
        notes.into_iter().try_for_each(visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanggen_runtime::testing::contracts::state;

    #[tokio::test]
    async fn it_keeps_the_contract_of_the_state_table() {
        let fresh = TestState::default;
        state::a_run_is_complete_with_its_last_chunk(&fresh()).await;
        state::no_run_is_complete_before_its_chunks_are_counted(&fresh()).await;
        state::sinks_of_a_chunk_add_up(&fresh()).await;
        state::compare_and_set_has_one_winner(&fresh()).await;
        state::values_are_found_again(&fresh()).await;
        state::notes_are_read_in_the_order_of_chunks(&fresh()).await;
        state::outcomes_of_a_replay_are_those_of_its_chunks(&fresh()).await;
    }
}
