//! A replay in the account: the deployed functions analyse the texts, with their own roles, settings and rate limits. This
//! machine sends them the archived records, and follows what becomes of them.

use std::time::Duration;

use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::replay::ReplayOutcome;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::error::ReplayError;
use super::report::ReplayReport;
use super::selection::{ReplaySelection, ReplayedChunk, skipped};
use crate::config::pipeline::Pipeline;
use crate::config::shape::{PRODUCER, Shape, WORKER, shapes};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::dynamodb::run_rows::RunRowsClient;
use crate::deploy::aws::sqs::messages::MessagesClient;
use crate::deploy::generated::Manifest;
use crate::deploy::interrupt::Interrupt;
use crate::operate::dead_letters::{DeadLetterQueue, LetterOrigin};
use crate::results::archive::{ArchivedChunk, ResultArchive, ResultsError, records_of};

/// Chunks in the queues at the same time: enough for the functions, and few enough that a run waits little behind them. Their
/// outcomes are read by one call.
const WINDOW: usize = 50;
/// Chunks that are read and sent at once.
const STEP: usize = 10;
/// After how long without a finished chunk the user should look at the logs.
const QUIET: Duration = Duration::from_secs(60);

/// A replay in the account.
pub struct AccountReplay<'a> {
    /// The archive.
    pub archive: &'a dyn ResultArchive,
    /// What is analysed.
    pub selection: &'a ReplaySelection,
    /// The queues.
    pub queues: &'a MessagesClient,
    /// The URL of the queue of the first function that analyses.
    pub queue: &'a str,
    /// The state table, where the functions record what became of a chunk.
    pub state: &'a RunRowsClient,
    /// Raised when the user wants to stop.
    pub interrupt: &'a Interrupt,
    /// How long to wait for a chunk.
    pub patience: Duration,
    /// Receives what to know while the replay goes on.
    pub say: &'a dyn Fn(&str),
}

/// How a replay ended, with the number of chunks that are still in the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayEnd {
    /// Everything is done.
    Done,
    /// No chunk was done for too long.
    TimedOut(usize),
    /// The user stopped it.
    Stopped(usize),
}

impl AccountReplay<'_> {
    /// Has these chunks analysed again, and compares them as soon as each is done.
    ///
    /// # Errors
    /// A failed call, or a file that cannot be written. Chunks that were sent are replayed all the same.
    pub async fn run(&self, chunks: &[ArchivedChunk], report: &mut ReplayReport<'_>) -> Result<ReplayEnd, ReplayError> {
        let mut left = chunks.chunks(STEP);
        let mut waiting: Vec<(ArchivedChunk, ReplayedChunk)> = Vec::new();
        let (mut last_done, mut was_quiet) = (Instant::now(), false);
        loop {
            while waiting.len() + STEP <= WINDOW && !self.interrupt.raised() {
                let Some(step) = left.next() else { break };
                waiting.extend(self.send(step, report).await?);
            }
            if waiting.is_empty() {
                return Ok(if self.interrupt.raised() { ReplayEnd::Stopped(0) } else { ReplayEnd::Done });
            }
            let ids: Vec<_> = waiting.iter().map(|(_, chunk)| chunk.chunk.clone()).collect();
            let outcomes =
                self.state.replay_outcomes(&self.selection.id, &ids).await.map_err(CallError::by_operator)?;
            let (mut done, mut open) = (Vec::new(), Vec::new());
            for ((archived, chunk), outcome) in waiting.into_iter().zip(outcomes) {
                match outcome {
                    Some(outcome) => done.push((archived, chunk, outcome)),
                    None => open.push((archived, chunk)),
                }
            }
            waiting = open;
            if !done.is_empty() {
                (last_done, was_quiet) = (Instant::now(), false);
                self.compare(done, report).await?;
                continue;
            }
            if self.interrupt.raised() {
                return Ok(ReplayEnd::Stopped(waiting.len()));
            }
            if last_done.elapsed() >= self.patience {
                return Ok(ReplayEnd::TimedOut(waiting.len()));
            }
            if last_done.elapsed() >= QUIET && !was_quiet {
                was_quiet = true;
                (self.say)(
                    "no chunk has finished for a minute: if something fails, `fanggen logs --errors` and `fanggen dlq ls` say why",
                );
            }
            let pause = if last_done.elapsed() < Duration::from_secs(10) { 300 } else { 2_000 };
            tokio::select! {
                () = sleep(Duration::from_millis(pause)) => {}
                () = self.interrupt.wait() => {}
            }
        }
    }

    /// Saves the records of chunks as they were, and sends them to be analysed.
    async fn send(
        &self,
        step: &[ArchivedChunk],
        report: &mut ReplayReport<'_>,
    ) -> Result<Vec<(ArchivedChunk, ReplayedChunk)>, ReplayError> {
        let read = join_all(step.iter().map(|archived| self.archive.read(archived))).await;
        let (mut chosen, mut bodies) = (Vec::new(), Vec::new());
        for (archived, bytes) in step.iter().zip(read) {
            let chunk = match self.selection.choose(archived, &bytes?) {
                Ok(chunk) if chunk.chosen.is_empty() => continue,
                Ok(chunk) => chunk,
                Err(reason) => {
                    report.refuse(archived, reason);
                    continue;
                }
            };
            match chunk.message.to_wire() {
                Ok(body) => bodies.push(body),
                Err(error) if error.code == ErrorCode::MessageTooLong => {
                    report.refuse(archived, format!("its texts do not fit in a message: {}", error.message));
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            chosen.push((archived.clone(), chunk));
        }
        report.save(chosen.iter().flat_map(|(_, chunk)| chunk.before()))?;
        for sent in join_all(bodies.iter().map(|body| self.queues.send_body(self.queue, body))).await {
            sent.map_err(CallError::by_operator)?;
        }
        Ok(chosen)
    }

    /// Reads chunks that are done, and compares them with what they were.
    async fn compare(
        &self,
        done: Vec<(ArchivedChunk, ReplayedChunk, String)>,
        report: &mut ReplayReport<'_>,
    ) -> Result<(), ReplayError> {
        let read = join_all(done.iter().map(|(archived, ..)| self.archive.read(archived))).await;
        for ((archived, chunk, outcome), bytes) in done.into_iter().zip(read) {
            let unreadable =
                |reason: String| ResultsError::Account(format!("cannot read `{}`: {reason}", archived.key));
            let outcome: ReplayOutcome =
                serde_json::from_str(&outcome).map_err(|error| unreadable(error.to_string()))?;
            let now = records_of(&archived, &bytes?).map_err(|error| unreadable(error.to_string()))?;
            let now: Vec<_> = now.into_iter().collect::<Result<_, _>>().map_err(unreadable)?;
            report.add(&chunk, &now, &outcome);
        }
        Ok(())
    }
}

/// The name of the queue of the first function that analyses: the functions before it have done their work.
#[must_use]
pub fn queue_of(pipeline: &Pipeline, manifest: &Manifest) -> String {
    let shapes = shapes(pipeline);
    let workers = || shapes.iter().filter(|shape| shape.name != PRODUCER);
    let skipped = skipped(pipeline);
    let analyses = |shape: &&Shape<'_>| shape.stages.iter().any(|stage| !skipped.contains(&stage.name));
    let name = workers().find(analyses).or_else(|| workers().next_back()).map_or(WORKER, |shape| shape.name.as_str());
    let queues = DeadLetterQueue::all(manifest).into_iter().filter(|queue| queue.of == name);
    let of = |queue: DeadLetterQueue| match queue.origin {
        LetterOrigin::Queue(queue) => Some(queue),
        LetterOrigin::Function | LetterOrigin::Schedule => None,
    };
    queues.filter_map(of).next().unwrap_or_else(|| format!("{}-{name}", manifest.stack))
}
