//! The producer: splits the items of a run into chunks, and saves its progress before each send.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::batch::Batch;
use super::{OpenFunction, OpenOutput};
use crate::component::SourceItem;
use crate::component::services::MessageQueue;
use crate::component::state::{Claim, Progress};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::{Item, Record};
use crate::model::run::{Chunk, MAX_CHUNK_BYTES, RunId};

/// How long before the deadline a producer stops, so that it has time to save its progress.
const STOP_MARGIN: Duration = Duration::from_secs(15);

/// Maximum number of items that are read again per pending item: other items may have been inserted between them.
const REREAD_FACTOR: usize = 10;

/// What a producer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ProducerOutcome {
    /// Items read.
    pub items: usize,
    /// Chunks sent.
    pub chunks: usize,
    /// Whether an earlier invocation had already sent the whole run.
    #[serde(rename = "before", skip_serializing_if = "std::ops::Not::not")]
    pub already_done: bool,
}

impl ProducerOutcome {
    fn from_progress(progress: &Progress) -> Self {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self { items: count(progress.items), chunks: count(progress.chunks), already_done: false }
    }
}

impl OpenFunction {
    /// Reads all items of a run and sends them in chunks. Memory use does not grow with the number of items. An
    /// interrupted run is resumed; a run that was sent completely is not sent again.
    ///
    /// # Errors
    /// Why a source could not be read or a chunk could not be sent. `run_incomplete` if the time runs out, and `run_held`
    /// if another producer has the lease: produce the same run again to resume it.
    pub async fn produce(&mut self, run: &RunId, owner: &str, deadline: Instant) -> Result<ProducerOutcome, Error> {
        let stop = deadline.checked_sub(STOP_MARGIN).unwrap_or(deadline);
        let mut progress = match self.claim_run(run, owner, stop).await? {
            Claim::Finished(progress) => {
                return Ok(ProducerOutcome { already_done: true, ..ProducerOutcome::from_progress(&progress) });
            }
            Claim::Resumed(progress) => self.resume(run, progress).await?,
            Claim::New | Claim::Held(_) => Progress::default(),
        };
        let mut batch = Batch::new(self.chunk_items);
        loop {
            let next = self.read(run, progress.source, &batch).await?;
            let ended = next.is_none();
            if next.as_ref().is_none_or(|(source, record, size)| !batch.has_room(*source, record, *size)) {
                if !ended && Instant::now() >= stop {
                    return Err(self.incomplete(run, owner, &progress).await);
                }
                let full = std::mem::replace(&mut batch, Batch::new(self.chunk_items));
                self.flush(run, owner, &mut progress, full, ended).await?;
            }
            let Some((source, record, size)) = next else { return Ok(ProducerOutcome::from_progress(&progress)) };
            let after = self.sources[source].1.cursor();
            batch.add(source, record, size, after);
        }
    }

    /// Claims a run, and waits while another producer has the lease.
    async fn claim_run(&self, run: &RunId, owner: &str, stop: Instant) -> Result<Claim, Error> {
        let Some(state) = &self.state else { return Ok(Claim::New) };
        loop {
            match state.claim_run(run, owner).await? {
                Claim::Held(remaining_ms) => {
                    let wait = Duration::from_millis(remaining_ms.max(100));
                    if Instant::now() + wait >= stop {
                        let message = format!("another producer is processing run {run}");
                        return Err(Error::transient(ErrorCode::RunHeld, message));
                    }
                    sleep(wait).await;
                }
                claim => return Ok(claim),
            }
        }
    }

    /// The next record with its size in bytes and the index of its source, or `None` at the end of the last source.
    async fn read(
        &mut self,
        run: &RunId,
        current: usize,
        batch: &Batch,
    ) -> Result<Option<(usize, Record, usize)>, Error> {
        let mut source = if batch.chunks.is_empty() { current } else { batch.source };
        while let Some((name, open)) = self.sources.get_mut(source) {
            if let Some(item) = open.next().await? {
                let mut record = record(run, name, item);
                let size = limit_size(&mut record);
                return Ok(Some((source, record, size)));
            }
            source += 1;
        }
        Ok(None)
    }

    /// Saves the keys of a batch, then sends it.
    async fn flush(
        &mut self,
        run: &RunId,
        owner: &str,
        progress: &mut Progress,
        batch: Batch,
        ended: bool,
    ) -> Result<(), Error> {
        let expected = ended.then_some(progress.chunks + batch.chunks.len() as u64);
        if !batch.chunks.is_empty() {
            let keys = |chunk: &Vec<Record>| chunk.iter().map(|record| record.item.key.clone()).collect();
            if progress.source != batch.source {
                (progress.source, progress.cursor) = (batch.source, None);
            }
            progress.pending = batch.chunks.iter().map(keys).collect();
            progress.after = Some(batch.after);
            self.save_progress(run, owner, progress, expected).await?;
            self.send(run, progress, batch.chunks).await?;
        }
        if ended {
            progress.ended = true;
            self.save_progress(run, owner, progress, expected).await?;
        }
        Ok(())
    }

    /// Sends the pending chunks, and updates the progress in memory.
    async fn send(&mut self, run: &RunId, progress: &mut Progress, chunks: Vec<Vec<Record>>) -> Result<(), Error> {
        let sent = chunks.len() as u64;
        let items: usize = chunks.iter().map(Vec::len).sum();
        let message = |(number, records): (u64, Vec<Record>)| Message::new(Chunk::new(run, number, &records), records);
        let messages = (progress.chunks..).zip(chunks).map(message).collect();
        self.queue()?.send(messages).await?;
        progress.pending.clear();
        progress.cursor = progress.after.take();
        progress.chunks += sent;
        progress.items += items as u64;
        self.sent += items as u64;
        Ok(())
    }

    /// Sends the pending chunks of an interrupted producer again, with the same items in each. An item that was deleted
    /// in the meantime still belongs to the run: its record fails.
    async fn resume(&mut self, run: &RunId, mut progress: Progress) -> Result<Progress, Error> {
        let unknown_source = || {
            let message = "the saved progress of the run refers to a source that this function does not have";
            Error::permanent(ErrorCode::SettingsUnreadable, message)
        };
        let (name, source) = self.sources.get_mut(progress.source).ok_or_else(unknown_source)?;
        if let Some(cursor) = &progress.cursor {
            source.resume(cursor)?;
        }
        if progress.pending.is_empty() {
            return Ok(progress);
        }
        let mut wanted: HashMap<&str, usize> = HashMap::new();
        for key in progress.pending.iter().flatten() {
            *wanted.entry(key).or_default() += 1;
        }
        let mut found: HashMap<String, VecDeque<SourceItem>> = HashMap::new();
        let mut missing: usize = wanted.values().sum();
        for _ in 0..missing * REREAD_FACTOR {
            if missing == 0 {
                break;
            }
            let Some(item) = source.next().await? else { break };
            if let Some(count) = wanted.get_mut(item.0.key.as_str()).filter(|count| **count > 0) {
                (*count, missing) = (*count - 1, missing - 1);
                found.entry(item.0.key.clone()).or_default().push_back(item);
            }
        }
        let mut rebuild = |key: &String| {
            let deleted = || {
                let message = format!("`{key}` was deleted while the run was being read");
                (Item::named(key.clone()), Some(Error::permanent(ErrorCode::ItemGone, message)))
            };
            let item = found.get_mut(key).and_then(VecDeque::pop_front).unwrap_or_else(deleted);
            let mut record = record(run, name, item);
            limit_size(&mut record);
            record
        };
        let chunks = progress.pending.iter().map(|keys| keys.iter().map(&mut rebuild).collect()).collect();
        if let Some(after) = &progress.after {
            source.resume(after)?;
        }
        self.send(run, &mut progress, chunks).await?;
        Ok(progress)
    }

    /// Saves the progress when the time has run out, and returns the error to report.
    async fn incomplete(&self, run: &RunId, owner: &str, progress: &Progress) -> Error {
        if let Err(error) = self.save_progress(run, owner, progress, None).await {
            return error;
        }
        let message = format!(
            "run {run} is incomplete: the function ran out of time after sending {} items in {} chunks; the next attempt \
             resumes there",
            progress.items, progress.chunks
        );
        Error::transient(ErrorCode::RunIncomplete, message)
    }

    async fn save_progress(
        &self,
        run: &RunId,
        owner: &str,
        progress: &Progress,
        expected: Option<u64>,
    ) -> Result<(), Error> {
        match &self.state {
            Some(state) => state.save_progress(run, owner, progress, expected).await,
            None => Ok(()),
        }
    }

    fn queue(&self) -> Result<&dyn MessageQueue, Error> {
        match &self.output {
            OpenOutput::Queue(queue) => Ok(queue.as_ref()),
            OpenOutput::Sinks(_) => {
                Err(Error::permanent(ErrorCode::SettingsUnreadable, "a producer needs an output queue, but has none"))
            }
        }
    }
}

fn record(run: &RunId, source: &str, (item, error): SourceItem) -> Record {
    let mut record = Record::new(run.as_str(), source, item);
    if let Some(error) = error {
        record.fail(source, error);
    }
    record
}

/// Returns the size of a record in a message, in bytes. A record that is too long for a message fails and loses its
/// text, and if necessary everything but its key.
fn limit_size(record: &mut Record) -> usize {
    let size = |record: &Record| serde_json::to_vec(record).map_or(0, |body| body.len());
    let bytes = size(record);
    if bytes <= MAX_CHUNK_BYTES {
        return bytes;
    }
    let key = &record.item.key;
    let message = format!(
        "`{key}` takes {bytes} bytes, but a message has room for {MAX_CHUNK_BYTES} at most: shorten its {}",
        record.item.longest_part()
    );
    record.item.text = None;
    record.fail(&record.source.clone(), Error::permanent(ErrorCode::RowTooLong, message));
    if size(record) > MAX_CHUNK_BYTES {
        record.item = Item::named(std::mem::take(&mut record.item.key));
    }
    size(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Source;
    use crate::model::run::MAX_CHUNK_ITEMS;
    use async_trait::async_trait;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::{Arc, Mutex};

    /// Yields items from memory.
    struct MemorySource(VecDeque<SourceItem>);

    #[async_trait]
    impl Source for MemorySource {
        async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
            Ok(self.0.pop_front())
        }

        fn cursor(&self) -> String {
            self.0.len().to_string()
        }

        fn resume(&mut self, _: &str) -> Result<(), Error> {
            Ok(())
        }
    }

    /// Keeps the messages that are sent.
    #[derive(Default)]
    struct RecordingQueue(Mutex<Vec<Message>>);

    #[async_trait]
    impl MessageQueue for RecordingQueue {
        async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
            self.0.lock().expect("no panic").extend(messages);
            Ok(())
        }

        async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_record_that_is_too_long_for_a_message_fails_without_affecting_others() {
        let label = |bytes: usize| BTreeMap::from([("note".to_owned(), "x".repeat(bytes))]);
        let items = [
            (Item { text: Some("good".into()), ..Item::named("first") }, None),
            (Item { text: Some("x".repeat(2 << 20)), labels: label(3), ..Item::named("long") }, None),
            (Item { labels: label(2 << 20), ..Item::named("longer") }, None),
            (Item { text: Some("good".into()), ..Item::named("last") }, None),
        ];
        let queue = Arc::new(RecordingQueue::default());
        let source: Box<dyn Source> = Box::new(MemorySource(items.into()));
        let mut function = OpenFunction {
            sources: vec![("s".into(), source)],
            stages: vec![],
            output: OpenOutput::Queue(queue.clone()),
            state: None,
            chunk_items: MAX_CHUNK_ITEMS,
            sent: 0,
            storing: BTreeSet::new(),
        };
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let outcome =
            function.produce(&run, "test", Instant::now() + Duration::from_secs(60)).await.expect("a whole run");
        let sent = queue.0.lock().expect("no panic");
        assert_eq!(outcome, ProducerOutcome { items: 4, chunks: sent.len(), already_done: false });
        assert!(sent.iter().all(|message| serde_json::to_vec(message).expect("JSON").len() < 1 << 20));
        let records: Vec<_> = sent.iter().flat_map(|message| &message.records).collect();
        let code = |record: &Record| record.failure.as_ref().map(|failure| failure.error.code.to_string());
        assert_eq!(
            records.iter().map(|record| (record.item.key.as_str(), code(record))).collect::<Vec<_>>(),
            [
                ("first", None),
                ("long", Some("row_too_long".to_owned())),
                ("longer", Some("row_too_long".to_owned())),
                ("last", None)
            ]
        );
        let advice =
            |record: &Record| record.failure.as_ref().map(|it| it.error.message.rsplit(": ").next().map(str::to_owned));
        assert_eq!(advice(records[1]).flatten().as_deref(), Some("shorten its text"));
        assert_eq!(advice(records[2]).flatten().as_deref(), Some("shorten its label `note`"));
        assert_eq!((records[1].item.text.as_ref(), &records[1].item.labels), (None, &label(3)));
    }
}
