//! A producer that is interrupted anywhere resumes exactly: no item is lost, none is in two chunks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::services::MessageQueue;
use fanggen_runtime::component::{Source, SourceItem};
use fanggen_runtime::function::{OpenFunction, OpenOutput, ProducerOutcome};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::Item;
use fanggen_runtime::model::run::{MAX_BATCH_MESSAGES, MAX_CHUNK_ITEMS, RunId};
use fanggen_runtime::testing::memory_state::MemoryState;
use tokio::time::Instant;

/// The chunks of each item, by source and key.
type Items = BTreeMap<(String, String), BTreeSet<String>>;

/// The chunks of each number.
type Numbers = BTreeMap<u64, BTreeSet<String>>;

type Shelf = Arc<Mutex<BTreeSet<String>>>;

/// A table in the order of its keys, which others change at any time.
struct Table {
    shelf: Shelf,
    last: Option<String>,
}

#[async_trait]
impl Source for Table {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        let shelf = self.shelf.lock().expect("no panic");
        let behind = |key: &&String| self.last.as_ref().is_none_or(|last| *key > last);
        let Some(key) = shelf.iter().find(behind).cloned() else { return Ok(None) };
        self.last = Some(key.clone());
        Ok(Some((Item::named(key), None)))
    }

    fn cursor(&self) -> String {
        self.last.clone().unwrap_or_default()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        self.last = Some(cursor.to_owned());
        Ok(())
    }
}

/// A queue that keeps what it is sent, and breaks off where the memory says.
struct Line {
    memory: Arc<MemoryState>,
    sent: Mutex<Vec<Message>>,
}

#[async_trait]
impl MessageQueue for Line {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        assert!(messages.len() <= MAX_BATCH_MESSAGES, "one call");
        let mut inside = self.memory.inner();
        inside.calls.push("send");
        inside.attempt(|_| {
            self.sent.lock().expect("no panic").extend(messages);
            Ok(())
        })
    }

    async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

struct Fixture {
    shelves: Vec<Shelf>,
    memory: Arc<MemoryState>,
    line: Arc<Line>,
}

impl Fixture {
    fn of(sizes: &[usize]) -> Self {
        let shelf = |size: &usize| {
            let keys = (0..*size).map(|number| format!("item {number:05}")).collect();
            Arc::new(Mutex::new(keys))
        };
        let memory = Arc::new(MemoryState::default());
        let line = Arc::new(Line { memory: Arc::clone(&memory), sent: Mutex::default() });
        Self { shelves: sizes.iter().map(shelf).collect(), memory, line }
    }

    async fn produce(&self, owner: &str, time: Duration) -> Result<ProducerOutcome, Error> {
        let source = |(place, shelf): (usize, &Shelf)| {
            let table: Box<dyn Source> = Box::new(Table { shelf: Arc::clone(shelf), last: None });
            (format!("source {place}"), table)
        };
        let mut running = OpenFunction {
            sources: self.shelves.iter().enumerate().map(source).collect(),
            stages: Vec::new(),
            output: OpenOutput::Queue(self.line.clone()),
            state: Some(self.memory.clone()),
            chunk_items: MAX_CHUNK_ITEMS,
            sent: 0,
            storing: BTreeSet::new(),
        };
        running.produce(&run(), owner, Instant::now() + time).await
    }

    /// In which chunks each item was sent, and how often each number stands for which chunk.
    fn sent(&self) -> (Items, Numbers) {
        let (mut items, mut numbers) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for message in self.line.sent.lock().expect("no panic").iter() {
            numbers.entry(message.chunk.number).or_default().insert(message.chunk.id.clone());
            for record in &message.records {
                let item = (record.source.clone(), record.item.key.clone());
                items.entry(item).or_default().insert(message.chunk.id.clone());
            }
        }
        (items, numbers)
    }

    /// Nothing is in two chunks, no number stands for two, and the run knows how many there are.
    fn is_exact(&self, cut: &str) {
        let (items, numbers) = self.sent();
        let doubled: Vec<_> = items.iter().filter(|(_, chunks)| chunks.len() > 1).collect();
        assert!(doubled.is_empty(), "{cut}: {doubled:?}");
        assert!(numbers.values().all(|ids| ids.len() == 1), "{cut}: {numbers:?}");
        let mut inside = self.memory.inner();
        let inside = inside.run(&run());
        assert_eq!(inside.expected, Some(numbers.len() as u64), "{cut}");
        assert!(
            inside.progress.as_ref().is_some_and(|progress| progress.ended && progress.pending.is_empty()),
            "{cut}"
        );
        assert_eq!(numbers.keys().copied().collect::<Vec<_>>(), (0..numbers.len() as u64).collect::<Vec<_>>(), "{cut}");
    }
}

fn run() -> RunId {
    RunId::scheduled("2026-11-22T09:00:00Z").expect("a time")
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_thousand_items_take_one_send_and_three_calls_to_the_state() {
    let fixture = Fixture::of(&[1_000]);
    let produced = fixture.produce("a", LONG).await.expect("a run");
    assert_eq!(produced, ProducerOutcome { items: 1_000, chunks: 10, already_done: false });
    assert_eq!(fixture.memory.inner().calls, ["claim_run", "save_progress", "send", "save_progress"]);
    fixture.is_exact("whole");
}

#[tokio::test]
async fn an_interrupted_run_resumes_exactly_whatever_changes_meanwhile() {
    for sizes in [&[0][..], &[7], &[1_000], &[2_345], &[150, 0, 1_250]] {
        let whole = Fixture::of(sizes);
        whole.produce("a", LONG).await.expect("a run");
        let calls = whole.memory.inner().calls.len();
        for (cut, after) in (1..=calls).flat_map(|cut| [(cut, false), (cut, true)]) {
            let fixture = Fixture::of(sizes);
            let before: Vec<BTreeSet<String>> =
                fixture.shelves.iter().map(|shelf| shelf.lock().expect("no panic").clone()).collect();
            (fixture.memory.inner().fail_from, fixture.memory.inner().apply_before_failing) = (Some(cut), after);
            fixture.produce("a", LONG).await.expect_err("cut");
            fixture.memory.inner().fail_from = None;
            // The table changes between: every seventh item goes, and another comes behind every fifth.
            let mut gone = BTreeSet::new();
            for (place, shelf) in fixture.shelves.iter().enumerate() {
                for (number, key) in before[place].iter().enumerate() {
                    if number % 7 == 3 {
                        shelf.lock().expect("no panic").remove(key);
                        gone.insert((format!("source {place}"), key.clone()));
                    } else if number % 5 == 2 {
                        shelf.lock().expect("no panic").insert(format!("{key} more"));
                    }
                }
            }
            fixture.produce("b", LONG).await.expect("gone on with");
            let named = format!("{sizes:?}, cut at call {cut}, after it: {after}");
            fixture.is_exact(&named);
            let (items, _) = fixture.sent();
            for (place, keys) in before.iter().enumerate() {
                for key in keys {
                    let item = (format!("source {place}"), key.clone());
                    assert!(items.contains_key(&item) || gone.contains(&item), "{named}: {item:?} is lost");
                }
            }
            // And a third firing of the same time does nothing at all.
            let sent = fixture.line.sent.lock().expect("no panic").len();
            let again = fixture.produce("c", LONG).await.expect("nothing to do");
            assert!(again.already_done);
            assert_eq!(fixture.line.sent.lock().expect("no panic").len(), sent);
        }
    }
}

#[tokio::test]
async fn a_run_out_of_time_says_so_and_resumes() {
    let fixture = Fixture::of(&[2_500]);
    let error = fixture.produce("a", Duration::ZERO).await.expect_err("no time");
    assert_eq!((error.code.as_str(), error.transient), ("run_incomplete", true));
    assert_eq!(
        error.message,
        "run 20261122T090000Z is incomplete: the function ran out of time after sending 0 items in 0 chunks; the next \
         attempt resumes there"
    );
    fixture.produce("a", LONG).await.expect("the rest");
    fixture.is_exact("after a pause");
    assert_eq!(fixture.sent().0.len(), 2_500);
}

#[tokio::test]
async fn a_run_leased_by_another_producer_is_left_alone() {
    let fixture = Fixture::of(&[10]);
    {
        let mut inner = fixture.memory.inner();
        let run = inner.run(&run());
        (run.owner, run.held) = (Some("another".into()), true);
    }
    let error = fixture.produce("a", Duration::from_millis(15_300)).await.expect_err("held");
    assert_eq!((error.code.as_str(), error.transient), ("run_held", true));
    assert!(fixture.sent().0.is_empty());
    // Another attempt at the same event has the same id, and its own lease back.
    fixture.produce("another", LONG).await.expect("its own");
    fixture.is_exact("its own");
}

#[tokio::test]
async fn a_producer_that_lost_its_lease_sends_nothing_more() {
    let fixture = Fixture::of(&[3_000]);
    fixture.memory.inner().stolen_after = Some(1);
    let error = fixture.produce("a", LONG).await.expect_err("lost");
    assert_eq!(error.code, ErrorCode::LeaseLost);
    assert_eq!(fixture.sent().0.len(), 1_000, "what was written down as its own");
    fixture.produce("b", LONG).await.expect("the other's");
    fixture.is_exact("after the other's");
}
