//! A chunk is written once all its items are settled, and redelivered until then; redeliveries change no result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::state::Counts;
use fanggen_runtime::component::{Sink, Stage};
use fanggen_runtime::function::{ChunkOutcome, Delivery, OpenFunction, OpenOutput};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::{Finding, Identity, Item, Label, Record, Text};
use fanggen_runtime::model::run::{Chunk, MAX_CHUNK_ITEMS, RunId};
use fanggen_runtime::testing::memory_state::MemoryState;
use tokio::time::Instant;

/// What a test keeps a hand on while it runs.
struct Shared<T>(Arc<T>);

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Gives each record a text; a `slow` one fails the first few times, a `bad` one always.
#[derive(Default)]
struct Texts {
    asked: Mutex<Vec<String>>,
    slow: AtomicUsize,
    wait: Option<Duration>,
}

#[async_trait]
impl Stage for Shared<Texts> {
    fn name(&self) -> &str {
        "texts"
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            let key = record.item.key.clone();
            self.asked.lock().expect("no panic").push(key.clone());
            if key.starts_with("bad") {
                record.fail("texts", Error::permanent(ErrorCode::PageMissing, "no such page"));
            } else if key.starts_with("slow") && self.slow.load(Ordering::Relaxed) > 0 {
                self.slow.fetch_sub(1, Ordering::Relaxed);
                record.fail("texts", Error::transient(ErrorCode::Throttled, "too fast").retry_after(self.wait));
            } else {
                record.text = Some(Text { body: format!("about {key}"), ..Text::default() });
            }
        }
        records
    }
}

/// A judge who is paid by the text.
#[derive(Default)]
struct Judge {
    texts: Mutex<Vec<String>>,
}

#[async_trait]
impl Stage for Shared<Judge> {
    fn name(&self) -> &str {
        "judge"
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            let body = record.text.as_ref().map(|text| text.body.clone()).expect("a text");
            self.texts.lock().expect("no panic").push(body);
            let finding = Finding { stage: "judge".into(), label: Some(Label::Neutral), ..Finding::default() };
            record.findings.push(finding);
        }
        records
    }

    fn cache_key(&self) -> Option<String> {
        Some("judge".into())
    }
}

/// Keeps what it is given under the key of the chunk; it can be closed, and counts the ends of runs.
#[derive(Default)]
struct Shelf {
    kept: Mutex<BTreeMap<String, Vec<Record>>>,
    closed: Mutex<Option<Error>>,
    writes: Mutex<usize>,
    ends: Mutex<Vec<Counts>>,
}

#[async_trait]
impl Sink for Shared<Shelf> {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        if let Some(error) = self.closed.lock().expect("no panic").clone() {
            return Err(error);
        }
        *self.writes.lock().expect("no panic") += 1;
        self.kept.lock().expect("no panic").insert(chunk.object_key("", ""), records.to_vec());
        Ok(chunk.object_key("", ""))
    }

    async fn complete(&self, _: &RunId, counts: &Counts) -> Result<bool, Error> {
        self.ends.lock().expect("no panic").push(counts.clone());
        Ok(true)
    }
}

fn run() -> RunId {
    RunId::scheduled("2026-11-22T09:00:00Z").expect("a time")
}

struct Fixture {
    texts: Arc<Texts>,
    judge: Arc<Judge>,
    shelves: [Arc<Shelf>; 2],
    memory: Arc<MemoryState>,
    running: OpenFunction,
}

impl Fixture {
    fn new(slow: usize, wait: Option<Duration>) -> Self {
        let texts = Arc::new(Texts { slow: slow.into(), wait, ..Texts::default() });
        let judge = Arc::new(Judge::default());
        let shelves = [Arc::new(Shelf::default()), Arc::new(Shelf::default())];
        let memory = Arc::new(MemoryState::default());
        memory.inner().run(&run()).expected = Some(2);
        let sinks = shelves.iter().zip(["one", "two"]).map(|(shelf, name)| {
            let sink: Box<dyn Sink> = Box::new(Shared(Arc::clone(shelf)));
            (name.to_owned(), sink)
        });
        let running = OpenFunction {
            sources: Vec::new(),
            stages: vec![Box::new(Shared(Arc::clone(&texts))), Box::new(Shared(Arc::clone(&judge)))],
            output: OpenOutput::Sinks(sinks.collect()),
            state: Some(memory.clone()),
            chunk_items: MAX_CHUNK_ITEMS,
            sent: 0,
            storing: BTreeSet::new(),
        };
        Self { texts, judge, shelves, memory, running }
    }

    async fn work(&self, number: u64, keys: &[&str], last: bool, again: bool) -> ChunkOutcome {
        let run = run();
        let records: Vec<_> = keys.iter().map(|key| Record::new(run.as_str(), "s", Item::named(*key))).collect();
        let message = Message::new(Chunk::new(&run, number, &records), records);
        let deadline = Instant::now() + Duration::from_secs(5);
        self.running.process(message, Delivery { deadline, last, redelivered: again }).await
    }

    fn close(&self, error: Option<Error>) {
        *self.shelves[1].closed.lock().expect("no panic") = error;
    }

    /// Keys and failures of what a sink has, chunk by chunk.
    fn kept(&self, place: usize) -> Vec<Vec<(String, Option<String>)>> {
        let kept = self.shelves[place].kept.lock().expect("no panic");
        let seen = |record: &Record| {
            (record.item.key.clone(), record.failure.as_ref().map(|failure| failure.error.code.to_string()))
        };
        kept.values().map(|records| records.iter().map(seen).collect()).collect()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.texts.asked.lock().expect("no panic"))
    }

    fn paid(&self) -> usize {
        self.judge.texts.lock().expect("no panic").len()
    }
}

fn well(key: &str) -> (String, Option<String>) {
    (key.into(), None)
}

fn failed(key: &str, code: &str) -> (String, Option<String>) {
    (key.into(), Some(code.into()))
}

/// Items, records, failed and reused, where all failures have one reason.
fn counts([items, records, failed, reused]: [u64; 4], code: Option<ErrorCode>) -> Counts {
    let failures = code.map(|code| (("texts".to_owned(), code), failed)).into_iter().collect();
    Counts { items, records, failed, reused, failures, dropped: BTreeMap::new() }
}

#[tokio::test]
async fn transient_failures_are_waited_for_and_only_they_are_retried() {
    let fixture = Fixture::new(2, None);
    let worked = fixture.work(0, &["a", "slow", "bad"], false, false).await;
    assert!(worked.failures.is_empty(), "{:?}", worked.failures);
    assert_eq!(fixture.asked(), ["a", "slow", "bad", "slow", "slow"]);
    assert_eq!(fixture.kept(0), [[well("a"), well("slow"), failed("bad", "page_missing")]]);
    assert_eq!(fixture.kept(0), fixture.kept(1));
    assert_eq!(worked.counts, counts([3, 2, 1, 0], Some(ErrorCode::PageMissing)));
    assert_eq!(fixture.paid(), 2, "each text once, though one of them came later");
}

#[tokio::test]
async fn a_chunk_with_lasting_failures_is_redelivered_and_nothing_is_written_or_billed_twice() {
    let fixture = Fixture::new(1_000, Some(Duration::from_secs(90)));
    let worked = fixture.work(0, &["a", "slow"], false, false).await;
    let codes: Vec<_> = worked.failures.iter().map(|failure| failure.error.code.as_str()).collect();
    assert_eq!((codes, worked.retry_after), (vec!["throttled"], Some(Duration::from_secs(90))));
    assert!(fixture.kept(0).is_empty() && fixture.memory.inner().run(&run()).done.is_empty());
    assert_eq!(fixture.paid(), 1);
    fixture.texts.slow.store(0, Ordering::Relaxed);
    let worked = fixture.work(0, &["a", "slow"], false, true).await;
    assert!(worked.failures.is_empty());
    assert_eq!(fixture.kept(0), [[well("a"), well("slow")]]);
    assert_eq!((fixture.paid(), worked.counts.reused), (2, 1), "the finding of the first delivery was remembered");
}

#[tokio::test]
async fn waiting_is_limited_by_the_visibility_timeout() {
    let fixture = Fixture::new(1_000, Some(Duration::from_secs(u64::MAX)));
    let worked = fixture.work(0, &["a", "slow"], false, false).await;
    assert_eq!((worked.failures.len(), worked.retry_after), (1, Some(Duration::from_secs(12 * 3_600))));
    let worked = fixture.work(0, &["a", "slow"], true, true).await;
    assert!(worked.failures.is_empty());
    assert_eq!(fixture.kept(0), [[well("a"), failed("slow", "throttled")]]);
}

#[tokio::test]
async fn a_chunk_that_could_not_be_marked_as_done_is_not_written_again() {
    let fixture = Fixture::new(0, None);
    // What is known, what was found; then the note breaks off, and so does nothing else.
    fixture.memory.inner().fail_from = Some(3);
    assert_eq!(fixture.work(0, &["a"], false, false).await.failures.len(), 1);
    fixture.memory.inner().fail_from = None;
    let writes = || *fixture.shelves[0].writes.lock().expect("no panic");
    assert_eq!(writes(), 1);
    fixture.work(0, &["a"], false, true).await;
    assert_eq!(writes(), 2, "here nothing could be written down after it, so it is written again");
}

#[tokio::test]
async fn items_that_an_earlier_function_dropped_are_counted() {
    let fixture = Fixture::new(0, None);
    let run = run();
    let records = vec![Record::new(run.as_str(), "s", Item::named("a"))];
    let message = Message {
        items: Some(7),
        dropped: BTreeMap::from([("about".to_owned(), 6)]),
        ..Message::new(Chunk::new(&run, 0, &records), records)
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    let worked = fixture.running.process(message, Delivery { deadline, last: false, redelivered: false }).await;
    assert_eq!(
        worked.counts,
        Counts { dropped: BTreeMap::from([("about".to_owned(), 6)]), ..counts([7, 1, 0, 0], None) }
    );
}

#[tokio::test]
async fn on_the_last_but_one_receive_unsettled_records_fail_and_the_chunk_is_done() {
    let fixture = Fixture::new(1_000, None);
    let worked = fixture.work(0, &["a", "slow"], true, true).await;
    assert!(worked.failures.is_empty());
    assert_eq!(fixture.kept(1), [[well("a"), failed("slow", "throttled")]]);
    assert_eq!(worked.counts, counts([2, 1, 1, 0], Some(ErrorCode::Throttled)));
    assert_eq!(fixture.memory.inner().run(&run()).done.len(), 1);
}

#[tokio::test]
async fn a_finished_chunk_is_not_processed_again() {
    let fixture = Fixture::new(0, None);
    fixture.work(0, &["a"], false, false).await;
    fixture.asked();
    let worked = fixture.work(0, &["a"], false, true).await;
    assert!(worked.already_done && worked.failures.is_empty());
    assert!(fixture.asked().is_empty());
    assert_eq!(worked.counts, counts([1, 1, 0, 0], None));
}

#[tokio::test]
async fn a_chunk_written_by_half_of_its_sinks_is_redelivered_and_is_in_each_once() {
    let fixture = Fixture::new(0, None);
    fixture.close(Some(Error::permanent(ErrorCode::AccessDenied, "not allowed")));
    let worked = fixture.work(0, &["a", "b"], false, false).await;
    assert_eq!(worked.failures.len(), 1);
    assert_eq!((worked.failures[0].stage.as_str(), worked.failures[0].error.code.as_str()), ("two", "access_denied"));
    assert!(fixture.memory.inner().run(&run()).done.is_empty());
    fixture.close(None);
    assert!(fixture.work(0, &["a", "b"], false, true).await.failures.is_empty());
    for place in 0..2 {
        assert_eq!(fixture.kept(place), [[well("a"), well("b")]]);
    }
    let writes = |place: usize| *fixture.shelves[place].writes.lock().expect("no panic");
    assert_eq!((writes(0), writes(1)), (1, 1), "whoever took it hears it once");
}

#[tokio::test]
async fn a_sink_keeps_its_chunk_when_a_redelivery_fails() {
    let fixture = Fixture::new(0, None);
    fixture.close(Some(Error::transient(ErrorCode::Throttled, "later")));
    fixture.work(0, &["slow"], false, false).await;
    fixture.texts.slow.store(1_000, Ordering::Relaxed);
    fixture.close(None);
    assert!(fixture.work(0, &["slow"], true, true).await.failures.is_empty());
    assert_eq!(fixture.kept(0), [[well("slow")]]);
    assert_eq!(fixture.kept(1), [[failed("slow", "throttled")]]);
}

/// Makes two entries of each record, and knows which of them are where they belong.
#[derive(Default)]
struct Halves {
    settled: Mutex<Vec<String>>,
    forgetful: Mutex<Option<Error>>,
}

#[async_trait]
impl Stage for Shared<Halves> {
    fn name(&self) -> &str {
        "halves"
    }

    async fn apply(&self, records: Vec<Record>, _: Instant) -> Vec<Record> {
        let half = |record: &Record, entry: &str| Record { entry: Some(entry.into()), ..record.clone() };
        records.iter().flat_map(|record| [half(record, "1"), half(record, "2")]).collect()
    }

    async fn committed(&self, run: &RunId, made: &[Identity]) -> Result<(), Error> {
        if let Some(error) = self.forgetful.lock().expect("no panic").clone() {
            return Err(error);
        }
        let words = |made: &Identity| format!("{run} {} {}", made.item, made.entry.as_deref().unwrap_or_default());
        self.settled.lock().expect("no panic").extend(made.iter().map(words));
        Ok(())
    }
}

#[tokio::test]
async fn a_stage_is_notified_after_all_sinks_and_before_the_chunk_is_done() {
    let mut fixture = Fixture::new(0, None);
    let halves = Arc::new(Halves::default());
    fixture.running.stages.insert(1, Box::new(Shared(Arc::clone(&halves))));
    let heard = || halves.settled.lock().expect("no panic").clone();
    fixture.close(Some(Error::transient(ErrorCode::Throttled, "later")));
    fixture.work(0, &["a"], false, false).await;
    assert!(heard().is_empty(), "a sink has it not");
    fixture.close(None);
    *halves.forgetful.lock().expect("no panic") = Some(Error::transient(ErrorCode::Throttled, "later"));
    assert_eq!(fixture.work(0, &["a"], false, true).await.failures.len(), 1);
    assert!(fixture.memory.inner().run(&run()).done.is_empty(), "what is not remembered would be made again");
    *halves.forgetful.lock().expect("no panic") = None;
    let worked = fixture.work(0, &["a"], false, true).await;
    assert_eq!(heard(), ["20261122T090000Z a 1", "20261122T090000Z a 2"]);
    assert_eq!(worked.counts, counts([1, 2, 0, 2], None));
    assert_eq!(
        (fixture.kept(0), fixture.kept(1)),
        (vec![vec![well("a"), well("a")]], vec![vec![well("a"), well("a")]])
    );
}

#[tokio::test]
async fn the_last_chunk_notifies_the_sinks_until_they_succeed() {
    let fixture = Fixture::new(0, None);
    assert_eq!(fixture.work(1, &["b"], false, false).await.complete, None);
    // It breaks off when the sinks have heard it, and before that is written down.
    fixture.memory.inner().fail_from = Some(3 + 1);
    let worked = fixture.work(0, &["a", "bad"], false, false).await;
    assert_eq!(
        fixture.memory.inner().calls,
        ["get_cached", "put_cached", "complete_chunk", "get_cached", "put_cached", "complete_chunk", "mark_notified"]
    );
    assert_eq!(worked.failures.len(), 1, "the chunk comes again");
    let ends = || fixture.shelves[0].ends.lock().expect("no panic").clone();
    let all = counts([3, 2, 1, 0], Some(ErrorCode::PageMissing));
    assert_eq!(ends(), std::slice::from_ref(&all));
    fixture.memory.inner().fail_from = None;
    let worked = fixture.work(0, &["a", "bad"], false, true).await;
    assert!(worked.failures.is_empty() && worked.already_done);
    assert_eq!((ends(), worked.complete), (vec![all.clone(), all.clone()], Some(all)), "told twice rather than never");
    fixture.work(0, &["a", "bad"], false, true).await;
    assert_eq!(ends().len(), 2, "and then no more");
}

#[tokio::test]
async fn a_chunk_is_redelivered_while_the_state_is_unavailable() {
    for left in 0..=2 {
        let fixture = Fixture::new(0, None);
        fixture.memory.inner().fail_from = Some(left + 1);
        let worked = fixture.work(0, &["a"], false, false).await;
        // What cannot be remembered is only paid for again.
        assert_eq!(worked.failures.is_empty(), left == 3, "call {left}: {:?}", worked.failures);
        fixture.memory.inner().fail_from = None;
        assert!(fixture.work(0, &["a"], false, true).await.failures.is_empty());
        assert_eq!(fixture.kept(0), [[well("a")]]);
    }
}
