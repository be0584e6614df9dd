//! A worker at work: a chunk moves through the stages, is settled, and goes into the outlets as a whole.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::passage::Passage;
use super::{Named, Out, Running};
use crate::component::Sink;
use crate::doors::Queue;
use crate::error::Error;
use crate::fetch::backoff;
use crate::record::{Failure, Record};
use crate::run::{Chunk, Message};
use crate::state::{Counts, Standing};

/// How often records that may still succeed go through the stages again within one delivery, at most.
const ROUNDS: u32 = 4;

/// The part of an invocation that is kept for writing: a fifth, and no more than this.
const WRITING: Duration = Duration::from_secs(15);

/// Up to so many bytes in its texts, a chunk surely fits into a message: SQS admits a mebibyte, and it is packed.
const SURE: usize = 512 * 1024;

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
pub struct Worked {
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
}

impl Worked {
    fn fail(&mut self, stage: &str, error: Error) {
        self.wait = self.wait.max(error.retry_after_s.map(Duration::from_secs));
        self.failures.push(Failure { stage: stage.into(), error });
    }
}

impl Running {
    /// Takes a chunk through the stages and into the outlets. One record's failure never stops the others; what may still
    /// succeed is tried again while there is time, and then the chunk as a whole is to come again.
    pub async fn work(&self, message: Message, delivery: Delivery) -> Worked {
        let mut worked = Worked::default();
        match self.try_work(message, delivery, &mut worked).await {
            Ok(()) => {}
            Err(error) => worked.fail("state", error),
        }
        worked
    }

    async fn try_work(&self, message: Message, delivery: Delivery, worked: &mut Worked) -> Result<(), Error> {
        let chunk = message.chunk;
        if let (Some(state), Out::Sinks(sinks), true) = (&self.state, &self.out, delivery.again)
            && let Some(counts) = state.is_done(&chunk).await?
        {
            (worked.before, worked.counts) = (true, counts);
            let standing = state.done(&chunk, counts).await?;
            return self.end(&chunk, standing, sinks, worked).await;
        }
        let mut passage = Passage::new(&self.stages, self.state.as_ref(), message.records);
        self.settle(&mut passage, &delivery).await;
        let (records, reused, saving) = passage.end();
        let items = records.len() as u64;
        let unsettled = |record: &&Record| record.failure.as_ref().is_some_and(|failure| failure.error.transient);
        if !delivery.last
            && let Some(failure) = records.iter().find(unsettled).and_then(|record| record.failure.clone())
        {
            // One of them stands for all: the chunk comes again as a whole, and what was paid for is remembered.
            let waits = records.iter().filter_map(|record| record.failure.as_ref()?.error.retry_after_s);
            worked.wait = waits.max().map(Duration::from_secs);
            worked.failures.push(failure);
            saving.join_all().await;
            return Ok(());
        }
        let sinks = match &self.out {
            Out::Queue(queue) => {
                saving.join_all().await;
                let last = self.stages.last().map(|stage| stage.name());
                return send(queue.as_ref(), chunk, records, last).await;
            }
            Out::Sinks(sinks) => sinks,
        };
        let (written, _) = tokio::join!(write(sinks, &chunk, &records, delivery.deadline), saving.join_all());
        for (name, place) in written {
            match place {
                Ok(place) => worked.places.push((name.to_owned(), place)),
                Err(error) => worked.fail(name, error),
            }
        }
        let failed = records.iter().filter(|record| record.failure.is_some()).count() as u64;
        worked.counts = Counts { items, records: records.len() as u64 - failed, failed, reused };
        worked.records = records;
        match &self.state {
            Some(state) if worked.failures.is_empty() => {
                let standing = state.done(&chunk, worked.counts).await?;
                self.end(&chunk, standing, sinks, worked).await
            }
            _ => Ok(()),
        }
    }

    /// Takes records through the stages until each is settled, or the time is over.
    async fn settle(&self, passage: &mut Passage<'_>, delivery: &Delivery) {
        let deadline = delivery.reading();
        for round in 1..=ROUNDS {
            passage.go(deadline).await;
            // Without a memory this is one's own machine, where the stages' own patience is enough.
            let Some(wait) = self.state.as_ref().and_then(|_| passage.unsettled()) else { return };
            let wait = wait.unwrap_or_else(|| backoff(round));
            if round == ROUNDS || Instant::now() + wait >= deadline {
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
        standing: Standing,
        sinks: &Named<dyn Sink>,
        worked: &mut Worked,
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
            Some(state) if told && worked.failures.is_empty() => state.told(&chunk.run).await,
            _ => Ok(()),
        }
    }
}

/// Sends a chunk to the next function. Where it is too long for a message, its longest records fail, and lose their text:
/// the others go on with theirs.
async fn send(queue: &dyn Queue, chunk: Chunk, mut records: Vec<Record>, last: Option<&str>) -> Result<(), Error> {
    while records.iter().map(weight).sum::<usize>() > SURE {
        let spare = records.clone();
        match queue.send(vec![Message::new(chunk.clone(), records)]).await {
            Err(error) if error.code == "message_too_long" => records = shorter(spare, last),
            sent => return sent,
        }
    }
    queue.send(vec![Message::new(chunk, records)]).await
}

/// About how long a record is on its way.
fn weight(record: &Record) -> usize {
    let text = record.text.as_ref().map_or(0, |text| text.body.len());
    let found: usize =
        record.findings.iter().map(|finding| 100 * (1 + finding.entities.len() + finding.phrases.len())).sum();
    text + found + record.item.text.as_ref().map_or(0, String::len)
}

/// The same records, with a quarter less to carry.
fn shorter(mut records: Vec<Record>, last: Option<&str>) -> Vec<Record> {
    let mut order: Vec<(usize, usize)> =
        records.iter().map(weight).enumerate().map(|(place, weight)| (weight, place)).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let mut spare = order.iter().map(|(weight, _)| weight).sum::<usize>() / 4;
    for (weight, place) in order {
        let record = &mut records[place];
        let words = format!(
            "the text of `{}` is too long to be handed on in one message with the others of its chunk",
            record.item.key
        );
        (record.text, record.item.text) = (None, None);
        record.findings.clear();
        let stage = last.unwrap_or(&record.source).to_owned();
        record.fail(&stage, Error::permanent("record_too_long", words));
        if weight >= spare {
            break;
        }
        spare -= weight;
    }
    records
}

/// Writes a chunk into all sinks at once, and says of each where, or why not. One that panics has failed.
async fn write<'a>(
    sinks: &'a Named<dyn Sink>,
    chunk: &Chunk,
    records: &[Record],
    deadline: Instant,
) -> Vec<(&'a str, Result<String, Error>)> {
    let writes = sinks.iter().map(|(name, sink)| async move {
        let write = AssertUnwindSafe(sink.write(chunk, records)).catch_unwind();
        let told = match timeout_at(deadline, write).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => {
                let words =
                    "the sink broke off over this chunk: this is a mistake of ours, and its reason is in the log";
                Err(Error::permanent("sink_broken", words))
            }
            Err(_) => Err(Error::transient("timed_out", "the sink was not done within the function's time")),
        };
        (name.as_str(), told)
    });
    join_all(writes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Item, Text};
    use crate::run::RunId;
    use async_trait::async_trait;
    use std::sync::Mutex;

    /// Takes messages as SQS does: up to a mebibyte on the wire.
    #[derive(Default)]
    struct Narrow {
        taken: Mutex<Vec<Message>>,
        refused: Mutex<usize>,
    }

    #[async_trait]
    impl Queue for Narrow {
        async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
            for message in messages {
                message.wire().inspect_err(|_| *self.refused.lock().expect("no panic") += 1)?;
                self.taken.lock().expect("no panic").push(message);
            }
            Ok(())
        }

        async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
            Ok(())
        }
    }

    /// A text that hardly packs.
    fn noise(bytes: usize, seed: u64) -> String {
        let mut state = seed;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + ((state >> 40) % 90) as u8)
        };
        (0..bytes).map(letter).collect()
    }

    #[tokio::test]
    async fn the_longest_records_of_a_chunk_that_fits_into_no_message_fail_and_the_others_go_on() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let record = |place: usize| {
            let bytes = if place < 3 { 600_000 } else { 1_000 };
            let text = Text { body: noise(bytes, place as u64), source: "text".into(), ..Text::default() };
            Record { text: Some(text), ..Record::new(run.as_str(), "s", Item::named(place.to_string())) }
        };
        let records: Vec<Record> = (0..100).map(record).collect();
        let queue = Narrow::default();
        let chunk = Chunk::of(&run, 0, &records);
        send(&queue, chunk.clone(), records.clone(), Some("words")).await.expect("sent");
        let taken = queue.taken.lock().expect("no panic");
        assert_eq!((taken.len(), *queue.refused.lock().expect("no panic")), (1, 2));
        assert_eq!((&taken[0].chunk, taken[0].records.len()), (&chunk, 100));
        let failed: Vec<_> = taken[0].records.iter().filter(|record| record.failure.is_some()).collect();
        assert_eq!(failed.len(), 2);
        for record in failed {
            let failure = record.failure.as_ref().expect("a failure");
            assert_eq!((failure.stage.as_str(), failure.error.code.as_str()), ("words", "record_too_long"));
            assert_eq!(record.text, None);
        }
        assert!(taken[0].records.iter().zip(&records).all(|(sent, was)| sent.failure.is_some() || sent == was));
    }
}
