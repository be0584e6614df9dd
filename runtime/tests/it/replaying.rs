//! A replay analyses archived texts again: it fetches and notifies nothing, counts nothing, and loses no result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::services::MessageQueue;
use fanggen_runtime::component::{Sink, Stage};
use fanggen_runtime::function::{ChunkOutcome, Delivery, OpenFunction, OpenOutput};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::{Finding, Item, Label, Record, Text};
use fanggen_runtime::model::replay::Replay;
use fanggen_runtime::model::run::{Chunk, MAX_CHUNK_ITEMS, RunId};
use fanggen_runtime::testing::memory_state::MemoryState;
use tokio::time::Instant;

/// A stage that must not run.
struct Fetching;

#[async_trait]
impl Stage for Fetching {
    fn name(&self) -> &str {
        "page"
    }

    async fn apply(&self, _: Vec<Record>, _: Instant) -> Vec<Record> {
        panic!("a replay fetches nothing")
    }
}

/// Finds every text positive, fails `slow` for now, and drops `dull`.
struct Judging;

#[async_trait]
impl Stage for Judging {
    fn name(&self) -> &str {
        "judge"
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        records.retain(|record| record.item.key != "dull");
        for record in &mut records {
            if record.item.key == "slow" {
                record.fail("judge", Error::transient(ErrorCode::Throttled, "too fast"));
            } else {
                record.findings.push(finding(Label::Positive));
            }
        }
        records
    }
}

fn finding(label: Label) -> Finding {
    Finding { stage: "judge".into(), label: Some(label), ..Finding::default() }
}

#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<BTreeMap<String, Vec<Record>>>>, Arc<Mutex<Option<Error>>>);

#[async_trait]
impl Sink for Shelf {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        if let Some(error) = self.1.lock().expect("no panic").take() {
            return Err(error);
        }
        self.0.lock().expect("no panic").insert(chunk.object_key("", ""), records.to_vec());
        Ok(String::new())
    }
}

/// Takes what goes on to the next function, over the wire.
#[derive(Default)]
struct Wire(Mutex<Vec<String>>);

#[async_trait]
impl MessageQueue for Wire {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            self.0.lock().expect("no panic").push(message.to_wire()?);
        }
        Ok(())
    }

    async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

fn run() -> RunId {
    RunId::scheduled("2026-11-22T09:00:00Z").expect("a time")
}

/// What a run archived; `lost` has no text.
fn archived() -> Vec<Record> {
    let record = |key: &&str| {
        let text = Text { body: format!("about {key}"), source: "page".into(), ..Text::default() };
        let record = Record::new(run().as_str(), "s", Item::named(*key));
        Record { text: Some(text), findings: vec![finding(Label::Negative)], ..record }
    };
    let mut records: Vec<Record> = ["a", "slow", "dull", "other"].iter().map(record).collect();
    let mut lost = Record::new(run().as_str(), "s", Item::named("lost"));
    lost.fail("page", Error::permanent(ErrorCode::PageMissing, "no such page"));
    records.push(lost);
    records
}

fn message() -> Message {
    let (replay, records) = Replay::new("r1", archived(), |record| record.item.key != "other", vec!["page".to_owned()]);
    Message::replayed(Chunk::archived(run(), "0123456789abcdef").expect("an id"), replay, records)
}

struct Fixture {
    archive: Shelf,
    alert: Shelf,
    memory: Arc<MemoryState>,
    worker: OpenFunction,
}

impl Fixture {
    fn new() -> Self {
        let (archive, alert, memory) = (Shelf::default(), Shelf::default(), Arc::new(MemoryState::default()));
        let sinks = [("archive", archive.clone()), ("alert", alert.clone())];
        let sinks = sinks.map(|(name, sink)| (name.to_owned(), Box::new(sink) as Box<dyn Sink>));
        let worker = function(OpenOutput::Sinks(sinks.into()), Some(memory.clone()));
        Self { archive, alert, memory, worker }
    }

    async fn work(&self, message: Message, last: bool, redelivered: bool) -> ChunkOutcome {
        let deadline = Instant::now() + Duration::from_millis(400);
        self.worker.process(message, Delivery { deadline, last, redelivered }).await
    }

    fn written(&self) -> Vec<Vec<Record>> {
        self.archive.0.lock().expect("no panic").values().cloned().collect()
    }
}

fn function(output: OpenOutput, state: Option<Arc<MemoryState>>) -> OpenFunction {
    OpenFunction {
        sources: Vec::new(),
        stages: vec![Box::new(Fetching), Box::new(Judging)],
        output,
        state: state.map(|state| state as Arc<dyn fanggen_runtime::component::state::State>),
        chunk_items: MAX_CHUNK_ITEMS,
        sent: 0,
        storing: BTreeSet::from(["archive".to_owned()]),
    }
}

fn expected() -> Vec<Record> {
    let mut expected = archived();
    expected[0].findings = vec![finding(Label::Positive)];
    expected
}

#[tokio::test]
async fn new_results_are_stored_and_neither_runs_nor_consumers_notice() {
    let fixture = Fixture::new();
    let outcome = fixture.work(message(), true, false).await;
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert_eq!(fixture.written(), [expected()], "the dropped, the slow, the lost and the other one stay as they were");
    assert!(fixture.alert.0.lock().expect("no panic").is_empty());
    let replay = outcome.replay.expect("an outcome");
    assert_eq!((replay.dropped, replay.kept.keys().copied().collect::<Vec<_>>()), (vec![2], vec![1]));
    assert_eq!(replay.dropped_by, BTreeMap::from([("judge".to_owned(), 1)]));
    let inner = fixture.memory.inner();
    assert!(inner.runs.is_empty() && inner.calls == ["record_replay"], "{:?}", inner.calls);
}

#[tokio::test]
async fn a_failure_for_now_waits_for_another_delivery_and_a_done_chunk_is_not_done_again() {
    let fixture = Fixture::new();
    let outcome = fixture.work(message(), false, false).await;
    assert_eq!(outcome.failures[0].error.code, ErrorCode::Throttled);
    assert!(fixture.written().is_empty());
    *fixture.archive.1.lock().expect("no panic") = Some(Error::transient(ErrorCode::Unreachable, "away"));
    let outcome = fixture.work(message(), true, true).await;
    assert_eq!((outcome.failures[0].stage.as_str(), outcome.replay.is_some()), ("archive", false));
    assert!(fixture.memory.inner().replays.is_empty(), "not done");
    assert!(fixture.work(message(), true, true).await.failures.is_empty());
    assert_eq!(fixture.written(), [expected()]);
    fixture.archive.0.lock().expect("no panic").clear();
    let outcome = fixture.work(message(), true, true).await;
    assert!(outcome.already_done && outcome.failures.is_empty() && fixture.written().is_empty());
}

#[tokio::test]
async fn a_replay_goes_through_several_functions_whole() {
    let wire = Arc::new(Wire::default());
    let first = function(OpenOutput::Queue(wire.clone()), None);
    let deadline = Instant::now() + Duration::from_secs(5);
    let outcome = first.process(message(), Delivery { deadline, last: true, redelivered: false }).await;
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    let body = wire.0.lock().expect("no panic").pop().expect("sent");
    assert_eq!(body.matches("about a").count(), 1, "no text is sent twice: {body}");
    let sent = Message::from_wire(&body).expect("a message");
    assert_eq!(sent.records.len(), 2, "one was dropped");
    let mut fixture = Fixture::new();
    fixture.worker.stages.clear();
    let outcome = fixture.work(sent, true, false).await;
    assert_eq!(fixture.written(), [expected()]);
    let replay = outcome.replay.expect("an outcome");
    assert_eq!((replay.dropped, replay.dropped_by), (vec![2], BTreeMap::from([("judge".to_owned(), 1)])));
}

#[test]
fn a_function_that_knows_no_replays_rejects_the_message() {
    let body = message().to_wire().expect("a body");
    assert!(body.starts_with("{\"version\":2,"), "{body}");
    assert!(Message::from_wire(&body).expect("valid").replay.is_some());
    let run = Message::new(message().chunk, archived()).to_wire().expect("a body");
    assert!(run.starts_with("{\"version\":1,") && !run.contains("replay"));
}
