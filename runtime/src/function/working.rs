//! A worker at work: a chunk moves through the stages, is settled, and goes into the outlets as a whole.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::stage_chain::{ChainOutcome, Saving, StageChain};
use super::{ComponentTiming, NamedComponents, OpenFunction, OpenOutput, forward};
use crate::component::Sink;
use crate::component::state::{Counts, RunStatus};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::{Failure, Identity, Record};
use crate::model::retry::backoff;
use crate::model::run::{Chunk, RunId};

/// How often records that may still succeed go through the stages again within one delivery, at most.
const ROUNDS: u32 = 4;

/// The part of an invocation that is kept for writing: a fifth, and no more than this.
const WRITING: Duration = Duration::from_secs(15);

/// What is left at the end, to say so and to hand the chunk back.
const SAYING: Duration = Duration::from_secs(2);

/// How a chunk came.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// When everything has to be over.
    pub deadline: Instant,
    /// Whether what is still unsettled is settled as a failure now, since the chunk will hardly come again.
    pub last: bool,
    /// Whether it may have come before.
    pub again: bool,
}

impl Delivery {
    /// On one's own machine: there is time, and nobody who would bring the chunk again.
    #[must_use]
    pub fn once() -> Self {
        Self { deadline: Instant::now() + Duration::from_secs(3_600), last: true, again: false }
    }

    /// Until when stages may work.
    fn reading(&self) -> Instant {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.deadline.checked_sub((left / 5).min(WRITING)).unwrap_or(self.deadline)
    }
}

/// What a worker did with a chunk.
#[derive(Clone, Debug, Default)]
pub struct ChunkOutcome {
    /// The records as they left.
    pub records: Vec<Record>,
    /// Where the sinks wrote them.
    pub places: Vec<(String, String)>,
    /// What keeps the chunk from being done: it has to come again.
    pub failures: Vec<Failure>,
    /// After how long it should come again, where somebody said so.
    pub wait: Option<Duration>,
    /// What came of it.
    pub counts: Counts,
    /// What came of the whole run, where this chunk completed it.
    pub complete: Option<Counts>,
    /// Whether it had been done before.
    pub before: bool,
    /// How many records each stage let go no further, for those that did: what a filter left out, feeds without news.
    pub ended: Vec<(String, u64)>,
    /// How long its parts took.
    pub spans: Vec<ComponentTiming>,
    /// Why some findings could not be remembered: they are only paid for again.
    pub forgotten: Option<Error>,
}

impl ChunkOutcome {
    fn fail(&mut self, stage: &str, error: Error) {
        self.wait = self.wait.max(error.retry_after_s.map(Duration::from_secs));
        self.failures.push(Failure { stage: stage.into(), error });
    }
}

impl OpenFunction {
    /// Takes a chunk through the stages and into the outlets. One record's failure never stops the others; what may still
    /// succeed is tried again while there is time, and then the chunk as a whole is to come again.
    pub async fn work(&self, message: Message, delivery: Delivery) -> ChunkOutcome {
        let mut worked = ChunkOutcome::default();
        let left = delivery.deadline.saturating_duration_since(Instant::now());
        let end = delivery.deadline.checked_sub((left / 10).min(SAYING)).unwrap_or(delivery.deadline);
        match timeout_at(end, self.try_work(message, delivery, &mut worked)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => worked.fail("state", error),
            Err(_) => worked.fail(
                "state",
                Error::transient(ErrorCode::TimedOut, "the chunk was not done within the function's time"),
            ),
        }
        worked
    }

    async fn try_work(&self, message: Message, delivery: Delivery, worked: &mut ChunkOutcome) -> Result<(), Error> {
        let items = message.items();
        let chunk = message.chunk;
        let mut took = BTreeSet::new();
        if let (Some(state), OpenOutput::Sinks(sinks), true) = (&self.state, &self.out, delivery.again) {
            let before = state.chunk_status(&chunk).await?;
            if let Some(counts) = before.done {
                (worked.before, worked.counts) = (true, counts);
                let standing = state.complete_chunk(&chunk, counts).await?;
                return self.end(&chunk, standing, sinks, worked).await;
            }
            took = before.took;
        }
        let mut passage = StageChain::new(&self.stages, self.state.as_ref(), message.records);
        self.settle(&mut passage, &delivery).await;
        let ChainOutcome { records, reused, saving, spans, made, ended } = passage.end();
        (worked.spans, worked.ended) = (spans, ended);
        let unsettled = |record: &&Record| record.failure.as_ref().is_some_and(|failure| failure.error.transient);
        if !delivery.last
            && let Some(failure) = records.iter().find(unsettled).and_then(|record| record.failure.clone())
        {
            // One of them stands for all: the chunk comes again as a whole, and what was paid for is remembered.
            let waits = records.iter().filter_map(|record| record.failure.as_ref()?.error.retry_after_s);
            worked.wait = waits.max().map(Duration::from_secs);
            worked.failures.push(failure);
            worked.forgotten = saved(saving).await;
            return Ok(());
        }
        let sinks = match &self.out {
            OpenOutput::Queue(queue) => {
                worked.forgotten = saved(saving).await;
                let last = self.stages.last().map(|stage| stage.name());
                let run = chunk.run.clone();
                forward::send(queue.as_ref(), chunk, items, records, last).await?;
                return self.settled(&run, &made).await;
            }
            OpenOutput::Sinks(sinks) => sinks,
        };
        // A sink that took the chunk before keeps what it has: listeners hear it once, and a good answer is not replaced by
        // what came of another try.
        let missing = sinks.iter().filter(|(name, _)| !took.contains(name));
        let (written, forgotten) = tokio::join!(write(missing, &chunk, &records, delivery.deadline), saved(saving));
        worked.forgotten = forgotten;
        let mut now = BTreeSet::new();
        for (span, place) in written {
            let name = &span.name;
            match place {
                Ok(place) => {
                    now.insert(name.clone());
                    worked.places.push((name.clone(), place));
                }
                Err(error) => worked.fail(name, error),
            }
            worked.spans.push(span);
        }
        let failed = records.iter().filter(|record| record.failure.is_some()).count() as u64;
        worked.counts = Counts { items, records: records.len() as u64 - failed, failed, reused };
        worked.records = records;
        match &self.state {
            Some(state) if worked.failures.is_empty() => {
                let done = async {
                    self.settled(&chunk.run, &made).await?;
                    state.complete_chunk(&chunk, worked.counts).await
                };
                match done.await {
                    Ok(standing) => self.end(&chunk, standing, sinks, worked).await,
                    Err(error) => {
                        // The chunk comes again; whoever took it need not hear it again. Where that cannot be written
                        // either, they do.
                        let all = took.iter().cloned().chain(now).collect();
                        let _ = state.record_sinks(&chunk, &all).await;
                        Err(error)
                    }
                }
            }
            Some(state) if !now.is_empty() => state.record_sinks(&chunk, &now).await,
            _ => Ok(()),
        }
    }

    /// Tells each stage that what it made of others is where it belongs.
    async fn settled(&self, run: &RunId, made: &[Vec<Identity>]) -> Result<(), Error> {
        for (stage, made) in self.stages.iter().zip(made).filter(|(_, made)| !made.is_empty()) {
            stage.committed(run, made).await?;
        }
        Ok(())
    }

    /// Takes records through the stages until each is settled, or the time is over.
    async fn settle(&self, passage: &mut StageChain<'_>, delivery: &Delivery) {
        let deadline = delivery.reading();
        for round in 1..=ROUNDS {
            passage.go(deadline).await;
            // Without a memory this is one's own machine, where the stages' own patience is enough.
            let Some(wait) = self.state.as_ref().and_then(|_| passage.unsettled()) else { return };
            let wait = wait.unwrap_or_else(|| backoff(round));
            if round == ROUNDS || wait >= deadline.saturating_duration_since(Instant::now()) {
                return;
            }
            sleep(wait).await;
            passage.again();
        }
    }

    /// Tells the sinks that the run is complete, where it is and they do not know yet.
    async fn end(
        &self,
        chunk: &Chunk,
        standing: RunStatus,
        sinks: &NamedComponents<dyn Sink>,
        worked: &mut ChunkOutcome,
    ) -> Result<(), Error> {
        let Some(counts) = standing.complete else { return Ok(()) };
        worked.complete = Some(counts);
        if standing.told {
            return Ok(());
        }
        let mut told = false;
        for (name, sink) in sinks {
            match sink.complete(&chunk.run, counts).await {
                Ok(did) => told |= did,
                Err(error) => worked.fail(name, error),
            }
        }
        match &self.state {
            Some(state) if told && worked.failures.is_empty() => state.mark_notified(&chunk.run).await,
            _ => Ok(()),
        }
    }
}

/// Waits until all is remembered that can be, and says why some is not.
async fn saved(saving: Saving) -> Option<Error> {
    saving.join_all().await.into_iter().find_map(Result::err)
}

/// Writes a chunk into all sinks at once, and says of each where, or why not. One that panics has failed.
async fn write<'a>(
    sinks: impl Iterator<Item = &'a (String, Box<dyn Sink>)>,
    chunk: &Chunk,
    records: &[Record],
    deadline: Instant,
) -> Vec<(ComponentTiming, Result<String, Error>)> {
    let writes = sinks.map(|(name, sink)| async move {
        let start = SystemTime::now();
        let write = AssertUnwindSafe(sink.write(chunk, records)).catch_unwind();
        let told = match timeout_at(deadline, write).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => {
                let words =
                    "the sink broke off over this chunk: this is a mistake of ours, and its reason is in the log";
                Err(Error::permanent(ErrorCode::SinkBroken, words))
            }
            Err(_) => Err(Error::transient(ErrorCode::TimedOut, "the sink was not done within the function's time")),
        };
        let took = start.elapsed().unwrap_or_default();
        (ComponentTiming { name: name.clone(), start, took, failed: told.is_err() }, told)
    });
    join_all(writes).await
}
