//! A producer at work: the items of a run become chunks, and what is about to be sent is written down before it is sent.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{OpenFunction, OpenOutput};
use crate::component::SourceItem;
use crate::component::services::MessageQueue;
use crate::component::state::{Claim, Progress};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::{Item, Record};
use crate::model::run::{Chunk, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_CHUNK_BYTES, MAX_PENDING_BYTES, RunId};

/// What is left of an invocation when a producer stops on its own, so that it can still write down where.
const MARGIN: Duration = Duration::from_secs(15);

/// Items that are read again to find those that were about to be sent, at most, for each of them: others may have come
/// between meanwhile.
const READ_AGAIN: usize = 10;

/// What a producer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ProducerOutcome {
    /// Items read.
    pub items: usize,
    /// Chunks sent.
    pub chunks: usize,
    /// Whether all of that was done before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub before: bool,
}

impl ProducerOutcome {
    fn of(progress: &Progress) -> Self {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self { items: count(progress.items), chunks: count(progress.chunks), before: false }
    }
}

/// Chunks that are sent in one call.
struct Batch {
    /// Items of a chunk, at most.
    most: usize,
    /// The source of them all.
    source: usize,
    chunks: Vec<Vec<Record>>,
    /// Bytes of the last chunk, of all, and of the keys in them.
    bytes: [usize; 3],
    /// Behind the last item.
    after: String,
}

impl Batch {
    fn of(most: usize) -> Self {
        Self { most, source: 0, chunks: Vec::new(), bytes: [0; 3], after: String::new() }
    }

    /// Whether there is room for a record of this source and size.
    fn takes(&self, source: usize, record: &Record, size: usize) -> bool {
        let [_, all, keys] = self.bytes;
        let room = all + size <= MAX_BATCH_BYTES && keys + record.item.key.len() <= MAX_PENDING_BYTES;
        let place = !self.is_full(size) || self.chunks.len() < MAX_BATCH_MESSAGES;
        self.chunks.is_empty() || source == self.source && room && place
    }

    /// Whether a record of this size needs another chunk than the last one.
    fn is_full(&self, size: usize) -> bool {
        self.chunks.last().is_none_or(|last| last.len() >= self.most || self.bytes[0] + size > MAX_CHUNK_BYTES)
    }

    fn add(&mut self, source: usize, record: Record, size: usize, after: String) {
        if self.is_full(size) {
            self.chunks.push(Vec::new());
            self.bytes[0] = 0;
        }
        let key = record.item.key.len();
        for (bytes, more) in self.bytes.iter_mut().zip([size, size, key]) {
            *bytes += more;
        }
        (self.source, self.after) = (source, after);
        if let Some(last) = self.chunks.last_mut() {
            last.push(record);
        }
    }
}

impl OpenFunction {
    /// Reads all items of a run and sends them on in chunks; memory does not grow with their number. A run that somebody
    /// began is gone on with where that one stopped, and one that was sent is not sent again.
    ///
    /// # Errors
    /// What keeps a source from being read or a chunk from being sent; `run_incomplete` where the time is over before the
    /// items are, and `run_held` where another producer is at it: the same run again goes on.
    pub async fn produce(&mut self, run: &RunId, owner: &str, deadline: Instant) -> Result<ProducerOutcome, Error> {
        let stop = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let mut progress = match self.claim_run(run, owner, stop).await? {
            Claim::Ended(progress) => return Ok(ProducerOutcome { before: true, ..ProducerOutcome::of(&progress) }),
            Claim::GoOn(progress) => self.go_on(run, progress).await?,
            Claim::Fresh | Claim::Held(_) => Progress::default(),
        };
        let mut batch = Batch::of(self.chunk_items);
        loop {
            let read = self.read(run, &mut progress.source, &batch).await?;
            let ended = read.is_none();
            if read.as_ref().is_none_or(|(source, record, size)| !batch.takes(*source, record, *size)) {
                if !ended && Instant::now() >= stop {
                    return Err(self.incomplete(run, owner, &progress).await);
                }
                self.flush(
                    run,
                    owner,
                    &mut progress,
                    std::mem::replace(&mut batch, Batch::of(self.chunk_items)),
                    ended,
                )
                .await?;
            }
            let Some((source, record, size)) = read else { return Ok(ProducerOutcome::of(&progress)) };
            let after = self.sources[source].1.cursor();
            batch.add(source, record, size, after);
        }
    }

    /// Begins a run, waiting for whoever is at it.
    async fn claim_run(&self, run: &RunId, owner: &str, stop: Instant) -> Result<Claim, Error> {
        let Some(state) = &self.state else { return Ok(Claim::Fresh) };
        loop {
            match state.claim_run(run, owner).await? {
                Claim::Held(wait) => {
                    let wait = Duration::from_millis(wait.max(100));
                    if Instant::now() + wait >= stop {
                        let words = format!("another producer is at run {run}, and goes on with it");
                        return Err(Error::transient(ErrorCode::RunHeld, words));
                    }
                    sleep(wait).await;
                }
                begun => return Ok(begun),
            }
        }
    }

    /// The next record of this source or of one behind it, with its size.
    async fn read(
        &mut self,
        run: &RunId,
        place: &mut usize,
        batch: &Batch,
    ) -> Result<Option<(usize, Record, usize)>, Error> {
        let mut source = if batch.chunks.is_empty() { *place } else { batch.source };
        while let Some((name, open)) = self.sources.get_mut(source) {
            if let Some(given) = open.next().await? {
                let mut record = record(run, name, given);
                let size = fitted(&mut record);
                return Ok(Some((source, record, size)));
            }
            source += 1;
        }
        Ok(None)
    }

    /// Sends a batch, which is written down before.
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

    /// Sends chunks; what was about to be sent is then behind.
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

    /// Sends again what somebody was about to send who then broke off: the same items in the same chunks. An item that is
    /// gone meanwhile was in the run all the same, and fails alone.
    async fn go_on(&mut self, run: &RunId, mut progress: Progress) -> Result<Progress, Error> {
        let unknown =
            || Error::permanent(ErrorCode::SettingsUnreadable, "the run was begun with more sources than there are");
        let (name, source) = self.sources.get_mut(progress.source).ok_or_else(unknown)?;
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
        let mut left: usize = wanted.values().sum();
        for _ in 0..left * READ_AGAIN {
            if left == 0 {
                break;
            }
            let Some(given) = source.next().await? else { break };
            if let Some(more) = wanted.get_mut(given.0.key.as_str()).filter(|more| **more > 0) {
                (*more, left) = (*more - 1, left - 1);
                found.entry(given.0.key.clone()).or_default().push_back(given);
            }
        }
        let mut again = |key: &String| {
            let gone = || {
                let words = format!("`{key}` was deleted while the run was being read");
                (Item::named(key.clone()), Some(Error::permanent(ErrorCode::ItemGone, words)))
            };
            let mut record = record(run, name, found.get_mut(key).and_then(VecDeque::pop_front).unwrap_or_else(gone));
            fitted(&mut record);
            record
        };
        let chunks = progress.pending.iter().map(|keys| keys.iter().map(&mut again).collect()).collect();
        if let Some(after) = &progress.after {
            source.resume(after)?;
        }
        self.send(run, &mut progress, chunks).await?;
        Ok(progress)
    }

    /// The time is over: writes down where, and says so.
    async fn incomplete(&self, run: &RunId, owner: &str, progress: &Progress) -> Error {
        if let Err(error) = self.save_progress(run, owner, progress, None).await {
            return error;
        }
        let words = format!(
            "run {run} is incomplete: {} items were sent in {} chunks before the function's time was over; the next attempt \
             goes on from there",
            progress.items, progress.chunks
        );
        Error::transient(ErrorCode::RunIncomplete, words)
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
        match &self.out {
            OpenOutput::Queue(queue) => Ok(queue.as_ref()),
            OpenOutput::Sinks(_) => {
                Err(Error::permanent(ErrorCode::SettingsUnreadable, "a producer sends to a queue, and has none"))
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

/// How many bytes a record takes in a message. One that fits into none loses its text, and all but its key where that
/// is not enough: it fails and is kept, and the run goes on.
fn fitted(record: &mut Record) -> usize {
    let size = |record: &Record| serde_json::to_vec(record).map_or(0, |body| body.len());
    let bytes = size(record);
    if bytes <= MAX_CHUNK_BYTES {
        return bytes;
    }
    let key = &record.item.key;
    let words =
        format!("`{key}` takes {bytes} bytes, and {MAX_CHUNK_BYTES} at most fit into a message: shorten its text");
    record.item.text = None;
    record.fail(&record.source.clone(), Error::permanent(ErrorCode::RowTooLong, words));
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
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::Mutex;

    struct Once(VecDeque<SourceItem>);

    #[async_trait]
    impl Source for Once {
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

    #[derive(Default)]
    struct Kept(Mutex<Vec<Message>>);

    #[async_trait]
    impl MessageQueue for Kept {
        async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
            self.0.lock().expect("no panic").extend(messages);
            Ok(())
        }

        async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_record_that_fits_into_no_message_fails_alone_and_is_kept() {
        let label = |bytes: usize| BTreeMap::from([("note".to_owned(), "x".repeat(bytes))]);
        let items = [
            (Item { text: Some("good".into()), ..Item::named("first") }, None),
            (Item { text: Some("x".repeat(2 << 20)), labels: label(3), ..Item::named("long") }, None),
            (Item { labels: label(2 << 20), ..Item::named("longer") }, None),
            (Item { text: Some("good".into()), ..Item::named("last") }, None),
        ];
        let queue = Arc::new(Kept::default());
        let source: Box<dyn Source> = Box::new(Once(items.into()));
        let mut running = OpenFunction {
            sources: vec![("s".into(), source)],
            stages: vec![],
            out: OpenOutput::Queue(queue.clone()),
            state: None,
            chunk_items: MAX_CHUNK_ITEMS,
            sent: 0,
        };
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let produced =
            running.produce(&run, "test", Instant::now() + Duration::from_secs(60)).await.expect("a whole run");
        let sent = queue.0.lock().expect("no panic");
        assert_eq!(produced, ProducerOutcome { items: 4, chunks: sent.len(), before: false });
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
        assert_eq!((records[1].item.text.as_ref(), &records[1].item.labels), (None, &label(3)));
    }
}
