//! The worker: takes a chunk through the stages, with retries, and writes it to all sinks.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::stage_chain::{CacheWrites, ChainOutcome, StageChain};
use super::{ComponentTiming, NamedComponents, OpenFunction, OpenOutput, forward};
use crate::component::Sink;
use crate::component::state::{Counts, RunStatus};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::{Failure, Identity, Record};
use crate::model::replay::ReplayOutcome;
use crate::model::run::{Chunk, RunId};

/// Maximum number of passes through the stages for records with transient failures, within one delivery.
const MAX_PASSES: u32 = 4;

/// Maximum time reserved for the sinks. It is a fifth of the remaining time, if that is less.
const MAX_SINK_TIME: Duration = Duration::from_secs(15);

/// Maximum time reserved at the end to log the outcome and to delay the message.
const MAX_REPORT_TIME: Duration = Duration::from_secs(2);

/// So long that nobody waits for it, and so short that no clock overflows. Stages have bounds of their own for each wait.
const NO_DEADLINE: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// How a chunk was delivered.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// When the worker must have finished.
    pub deadline: Instant,
    /// Whether this is likely the last delivery: transient failures are then written like permanent ones.
    pub last: bool,
    /// Whether the chunk may have been delivered before.
    pub redelivered: bool,
}

impl Delivery {
    /// A delivery on the user's machine: the only one, without a deadline.
    #[must_use]
    pub fn once() -> Self {
        Self { deadline: Instant::now() + NO_DEADLINE, last: true, redelivered: false }
    }

    /// The deadline of the stages.
    fn stage_deadline(&self) -> Instant {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.deadline.checked_sub((left / 5).min(MAX_SINK_TIME)).unwrap_or(self.deadline)
    }
}

/// What a worker did with a chunk.
#[derive(Clone, Debug, Default)]
pub struct ChunkOutcome {
    /// The records as written.
    pub records: Vec<Record>,
    /// Where each sink wrote them: the sink's name and the location.
    pub locations: Vec<(String, String)>,
    /// Why the chunk must be delivered again; empty if it is done.
    pub failures: Vec<Failure>,
    /// How long an upstream service asked to wait before the next delivery.
    pub retry_after: Option<Duration>,
    /// The counts of the chunk.
    pub counts: Counts,
    /// The counts of the whole run, if it is complete.
    pub complete: Option<Counts>,
    /// Whether an earlier delivery had already finished the chunk.
    pub already_done: bool,
    /// How many records each stage dropped (a filter, or a feed without new entries); only stages that dropped any.
    pub dropped: Vec<(String, u64)>,
    /// How long each stage and sink took.
    pub timings: Vec<ComponentTiming>,
    /// Whether the chunk belongs to a replay: it is not counted.
    pub is_replay: bool,
    /// What became of the records of a replay, if the chunk is done.
    pub replay: Option<ReplayOutcome>,
    /// Why some findings could not be cached. The chunk is not affected, but these findings will be paid for again.
    pub cache_error: Option<Error>,
}

impl ChunkOutcome {
    pub(super) fn fail(&mut self, component: &str, error: Error) {
        self.retry_after = self.retry_after.max(error.retry_after_s.map(Duration::from_secs));
        self.failures.push(Failure { stage: component.into(), error });
    }
}

impl OpenFunction {
    /// Takes a chunk through the stages and sends it to the output. A failed record does not affect the others. Transient
    /// failures are retried while there is time; after that, the chunk as a whole must be delivered again.
    pub async fn process(&self, message: Message, delivery: Delivery) -> ChunkOutcome {
        let mut outcome = ChunkOutcome::default();
        let left = delivery.deadline.saturating_duration_since(Instant::now());
        let end = delivery.deadline.checked_sub((left / 10).min(MAX_REPORT_TIME)).unwrap_or(delivery.deadline);
        match timeout_at(end, self.try_process(message, delivery, &mut outcome)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => outcome.fail("state", error),
            Err(_) => {
                outcome.fail("state", Error::transient(ErrorCode::TimedOut, "the chunk was not finished in time"))
            }
        }
        outcome
    }

    async fn try_process(
        &self,
        mut message: Message,
        delivery: Delivery,
        outcome: &mut ChunkOutcome,
    ) -> Result<(), Error> {
        if let Some(replay) = message.replay.take() {
            return self.try_replay(message, replay, delivery, outcome).await;
        }
        let (items, mut dropped_in_all) = (message.items(), message.dropped.clone());
        let chunk = message.chunk;
        let mut written_before = BTreeSet::new();
        if let (Some(state), OpenOutput::Sinks(sinks), true) = (&self.state, &self.output, delivery.redelivered) {
            let status = state.chunk_status(&chunk).await?;
            if let Some(counts) = status.done {
                let run_status = state.complete_chunk(&chunk, &counts).await?;
                (outcome.already_done, outcome.counts) = (true, counts);
                return self.complete_run(&chunk, run_status, sinks, outcome).await;
            }
            written_before = status.sinks;
        }
        let mut chain = StageChain::new(&self.stages, self.state.as_ref(), message.records);
        self.run_stages(&mut chain, &delivery).await;
        let ChainOutcome { records, reused, cache_writes, timings, created, dropped } = chain.finish();
        for (stage, records) in &dropped {
            *dropped_in_all.entry(stage.clone()).or_default() += records;
        }
        (outcome.timings, outcome.dropped) = (timings, dropped);
        if self.must_retry(&records, &delivery, outcome) {
            outcome.cache_error = first_error(cache_writes).await;
            return Ok(());
        }
        let sinks = match &self.output {
            OpenOutput::Queue(queue) => {
                outcome.cache_error = first_error(cache_writes).await;
                let last_stage = self.stages.last().map(|stage| stage.name());
                let run = chunk.run.clone();
                forward::send(queue.as_ref(), chunk, items, dropped_in_all, records, last_stage).await?;
                return self.commit(&run, &created).await;
            }
            OpenOutput::Sinks(sinks) => sinks,
        };
        // Sinks that have the chunk are skipped: consumers get it once, and a retry does not replace a good result.
        let missing = sinks.iter().filter(|(name, _)| !written_before.contains(name));
        let (results, cache_error) =
            tokio::join!(write_sinks(missing, &chunk, &records, delivery.deadline), first_error(cache_writes));
        outcome.cache_error = cache_error;
        let mut written_now = BTreeSet::new();
        for (timing, result) in results {
            let name = &timing.name;
            match result {
                Ok(location) => {
                    written_now.insert(name.clone());
                    outcome.locations.push((name.clone(), location));
                }
                Err(error) => outcome.fail(name, error),
            }
            outcome.timings.push(timing);
        }
        outcome.counts = count(&records, items, reused, dropped_in_all);
        outcome.records = records;
        match &self.state {
            Some(state) if outcome.failures.is_empty() => {
                let completed = async {
                    self.commit(&chunk.run, &created).await?;
                    state.complete_chunk(&chunk, &outcome.counts).await
                };
                match completed.await {
                    Ok(run_status) => self.complete_run(&chunk, run_status, sinks, outcome).await,
                    Err(error) => {
                        // The chunk is delivered again. Record which sinks have it, so that they do not get it twice. If
                        // this fails too, they do.
                        let all = written_before.iter().cloned().chain(written_now).collect();
                        let _ = state.record_sinks(&chunk, &all).await;
                        Err(error)
                    }
                }
            }
            Some(state) if !written_now.is_empty() => state.record_sinks(&chunk, &written_now).await,
            _ => Ok(()),
        }
    }

    /// Whether the chunk must be delivered again, since a record failed for now: the failure is noted in the outcome.
    pub(super) fn must_retry(&self, records: &[Record], delivery: &Delivery, outcome: &mut ChunkOutcome) -> bool {
        // Another delivery does not help against what failed in an earlier function.
        let own = |failure: &Failure| self.stages.iter().any(|stage| stage.name() == failure.stage);
        let transient =
            |record: &Record| record.failure.clone().filter(|failure| failure.error.transient && own(failure));
        let Some(failure) = records.iter().find_map(transient).filter(|_| !delivery.last) else { return false };
        // One failure is enough: the chunk is delivered again as a whole, and paid findings are in the cache.
        let waits = records.iter().filter_map(|record| record.failure.as_ref()?.error.retry_after_s);
        outcome.retry_after = waits.max().map(Duration::from_secs);
        outcome.failures.push(failure);
        true
    }

    /// Tells each stage that the records it created have been delivered.
    async fn commit(&self, run: &RunId, created: &[Vec<Identity>]) -> Result<(), Error> {
        for (stage, created) in self.stages.iter().zip(created).filter(|(_, created)| !created.is_empty()) {
            stage.committed(run, created).await?;
        }
        Ok(())
    }

    /// Takes records through the stages, and retries transient failures while there is time.
    pub(super) async fn run_stages(&self, chain: &mut StageChain<'_>, delivery: &Delivery) {
        let deadline = delivery.stage_deadline();
        for pass in 1..=MAX_PASSES {
            chain.run(deadline).await;
            // Without state this is the user's machine, where the retries within the stages are enough.
            if self.state.is_none() || pass == MAX_PASSES || !chain.wait_for_retry(pass, deadline).await {
                return;
            }
        }
    }

    /// If the run is complete, notifies the sinks, unless that was done before.
    async fn complete_run(
        &self,
        chunk: &Chunk,
        run_status: RunStatus,
        sinks: &NamedComponents<dyn Sink>,
        outcome: &mut ChunkOutcome,
    ) -> Result<(), Error> {
        let Some(counts) = run_status.complete else { return Ok(()) };
        let counts = outcome.complete.insert(counts).clone();
        if run_status.notified {
            return Ok(());
        }
        let mut acted = false;
        for (name, sink) in sinks {
            match sink.complete(&chunk.run, &counts).await {
                Ok(did) => acted |= did,
                Err(error) => outcome.fail(name, error),
            }
        }
        match &self.state {
            Some(state) if acted && outcome.failures.is_empty() => state.mark_notified(&chunk.run).await,
            _ => Ok(()),
        }
    }
}

/// The counts of a chunk.
fn count(records: &[Record], items: u64, reused: u64, dropped: BTreeMap<String, u64>) -> Counts {
    let mut failures = BTreeMap::new();
    for failure in records.iter().filter_map(|record| record.failure.as_ref()) {
        *failures.entry((failure.stage.clone(), failure.error.code)).or_default() += 1;
    }
    let failed = failures.values().sum();
    Counts { items, records: records.len() as u64 - failed, failed, reused, failures, dropped }
}

/// Waits for all writes to the cache, and returns the first error.
pub(super) async fn first_error(writes: CacheWrites) -> Option<Error> {
    writes.join_all().await.into_iter().find_map(Result::err)
}

/// Writes a chunk to all sinks at once, and returns the location or the error of each. A panic is an error.
pub(super) async fn write_sinks<'a>(
    sinks: impl Iterator<Item = &'a (String, Box<dyn Sink>)>,
    chunk: &Chunk,
    records: &[Record],
    deadline: Instant,
) -> Vec<(ComponentTiming, Result<String, Error>)> {
    let writes = sinks.map(|(name, sink)| async move {
        let start = SystemTime::now();
        let write = AssertUnwindSafe(sink.write(chunk, records)).catch_unwind();
        let result = match timeout_at(deadline, write).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                let message = "the sink panicked on this chunk: this is a bug in fanggen, and the log has its location";
                Err(Error::permanent(ErrorCode::SinkBroken, message))
            }
            Err(_) => Err(Error::transient(ErrorCode::TimedOut, "the sink did not finish in time")),
        };
        let duration = start.elapsed().unwrap_or_default();
        (ComponentTiming { name: name.clone(), start, duration, failed: result.is_err() }, result)
    });
    join_all(writes).await
}
