//! A replay: archived records go through the stages that analyse, and their new results to the sinks that store. Runs, their
//! counts and the consumers of notifications are not concerned.

use super::stage_chain::{ChainOutcome, StageChain};
use super::worker::{ChunkOutcome, Delivery, first_error, write_sinks};
use super::{OpenFunction, OpenOutput};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::replay::Replay;

impl OpenFunction {
    /// Analyses the records of a message again. Transient failures are retried like those of a run; those that remain replace no
    /// result.
    pub(super) async fn try_replay(
        &self,
        message: Message,
        mut replay: Replay,
        delivery: Delivery,
        outcome: &mut ChunkOutcome,
    ) -> Result<(), Error> {
        let (items, mut dropped_in_all, chunk) = (message.items(), message.dropped, message.chunk);
        outcome.is_replay = true;
        // Also after an answer of the queue got lost: the results of a later replay must not be replaced by older ones.
        if let (Some(state), OpenOutput::Sinks(_), true) = (&self.state, &self.output, delivery.redelivered)
            && state.replay_outcome(&chunk, &replay.id).await?.is_some()
        {
            outcome.already_done = true;
            return Ok(());
        }
        replay.restore_texts(&message.records);
        let mut chain = StageChain::new(&self.stages, self.state.as_ref(), message.records).skipping(&replay.skipped);
        self.run_stages(&mut chain, &delivery).await;
        let ChainOutcome { records, cache_writes, timings, dropped, .. } = chain.finish();
        for (stage, records) in &dropped {
            *dropped_in_all.entry(stage.clone()).or_default() += records;
        }
        (outcome.timings, outcome.dropped) = (timings, dropped);
        outcome.cache_error = first_error(cache_writes).await;
        if self.must_retry(&records, &delivery, outcome) {
            return Ok(());
        }
        let sinks = match &self.output {
            OpenOutput::Queue(queue) => {
                let replay = replay.without_texts_of(&records);
                let message = Message::replayed(chunk, replay, records);
                // As a whole: what is archived is not shortened.
                return queue.send(vec![Message { items: Some(items), dropped: dropped_in_all, ..message }]).await;
            }
            OpenOutput::Sinks(sinks) => sinks,
        };
        let id = replay.id.clone();
        let (records, settled) = replay.settle(records, dropped_in_all);
        let storing = sinks.iter().filter(|(name, _)| self.storing.contains(name));
        for (timing, result) in write_sinks(storing, &chunk, &records, delivery.deadline).await {
            match result {
                Ok(location) => outcome.locations.push((timing.name.clone(), location)),
                Err(error) => outcome.fail(&timing.name, error),
            }
            outcome.timings.push(timing);
        }
        outcome.records = records;
        if !outcome.failures.is_empty() {
            return Ok(());
        }
        if let Some(state) = &self.state {
            let text = serde_json::to_string(&settled).map_err(|error| {
                Error::permanent(ErrorCode::StateUnwritable, format!("cannot serialize the outcome: {error}"))
            })?;
            state.record_replay(&chunk, &id, &text).await?;
        }
        outcome.replay = Some(settled);
        Ok(())
    }
}
