//! A chunk's way through the stages: each record fails alone, and all leave in the order in which they came.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{ComponentTiming, reuse};
use crate::component::Stage;
use crate::component::state::State;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Identity, Record};

/// What a stage that minds its deadline may take beyond it, to say so itself.
const GRACE: Duration = Duration::from_secs(1);

/// What is still being remembered; each says why where it could not be.
pub(super) type Saving = JoinSet<Result<(), Error>>;

/// Records on their way.
pub(super) struct StageChain<'a> {
    stages: &'a [Box<dyn Stage>],
    state: Option<&'a Arc<dyn State>>,
    /// Where each one stood when it came, or its item did of which a stage made it.
    places: HashMap<Identity, (usize, usize)>,
    /// Where each item stood first, by source and key.
    items: HashMap<(String, String), usize>,
    /// What each stage made of others.
    made: Vec<Vec<Identity>>,
    /// How many records each stage let go no further.
    ended: Vec<u64>,
    /// Those that go on, each from a stage.
    ready: Vec<(usize, Record)>,
    /// Those that are through or have failed, each with its place.
    done: Vec<((usize, usize), Record)>,
    reused: u64,
    saving: Saving,
    spans: Vec<ComponentTiming>,
}

/// What came of a passage.
pub(super) struct ChainOutcome {
    /// The records, in the order in which they came.
    pub records: Vec<Record>,
    /// Findings that were known before.
    pub reused: u64,
    /// What is still being remembered.
    pub saving: Saving,
    /// How long each stage took.
    pub spans: Vec<ComponentTiming>,
    /// What each stage made of others, whatever became of it.
    pub made: Vec<Vec<Identity>>,
    /// How many records each stage let go no further, for those that did.
    pub ended: Vec<(String, u64)>,
}

impl<'a> StageChain<'a> {
    /// Records before the first stage.
    pub(super) fn new(stages: &'a [Box<dyn Stage>], state: Option<&'a Arc<dyn State>>, records: Vec<Record>) -> Self {
        let (mut places, mut items) = (HashMap::new(), HashMap::new());
        let (mut ready, mut done) = (Vec::new(), Vec::new());
        for (place, mut record) in records.into_iter().enumerate() {
            items.entry((record.source.clone(), record.item.key.clone())).or_insert(place);
            let place = (place, 0);
            // Stages and stores know an item by its name, so of two in one chunk only the first is worked on. Whether
            // another chunk has it too cannot be known here: its rows of the run would be the same or the later ones.
            if *places.entry(record.identity()).or_insert(place) != place && record.failure.is_none() {
                let words = format!("`{}` is in the source twice; the first one counts", record.item.key);
                record.fail(&record.source.clone(), Error::permanent(ErrorCode::ItemTwice, words));
            }
            if record.failure.is_none() { ready.push((0, record)) } else { done.push((place, record)) }
        }
        let (made, ended) = (vec![Vec::new(); stages.len()], vec![0; stages.len()]);
        let (saving, spans) = (JoinSet::new(), Vec::new());
        Self { stages, state, places, items, made, ended, ready, done, reused: 0, saving, spans }
    }

    /// Takes those that go on through the stages.
    pub(super) async fn go(&mut self, deadline: Instant) {
        let stages = self.stages;
        for (place, stage) in stages.iter().enumerate() {
            let (now, later): (Vec<_>, Vec<_>) = self.ready.drain(..).partition(|(from, _)| *from <= place);
            self.ready = later;
            if now.is_empty() {
                continue;
            }
            let records: Vec<Record> = now.into_iter().map(|(_, record)| record).collect();
            let came: Vec<Identity> = records.iter().map(Record::identity).collect();
            let start = SystemTime::now();
            let records = self.apply(stage.as_ref(), records, deadline).await;
            self.ended[place] += ended(&came, &records);
            let took = start.elapsed().unwrap_or_default();
            let failed = records.iter().any(|record| record.failure.is_some());
            self.spans.push(ComponentTiming { name: stage.name().to_owned(), start, took, failed });
            let mut out = HashSet::new();
            for mut record in records {
                let mut stood = self.place(&record, place);
                // Stores know a record by its name: of two that are called alike the second one says so.
                if record.failure.is_none() && !out.insert(record.identity()) {
                    let words = format!("`{}` has this entry twice; the first one counts", record.item.key);
                    record.fail(stage.name(), Error::permanent(ErrorCode::EntryTwice, words));
                    stood.1 = usize::MAX;
                }
                match record.failure {
                    None => self.ready.push((place + 1, record)),
                    Some(_) => self.done.push((stood, record)),
                }
            }
        }
        for (_, record) in std::mem::take(&mut self.ready) {
            let stood = self.places.get(&record.identity()).copied().unwrap_or_default();
            self.done.push((stood, record));
        }
    }

    /// Where a record stands that comes out of a stage: one that the stage made stands where its item stood, behind those
    /// that were made before.
    fn place(&mut self, record: &Record, stage: usize) -> (usize, usize) {
        let identity = record.identity();
        if let Some(place) = self.places.get(&identity) {
            return *place;
        }
        let item = self.items.get(&(record.source.clone(), record.item.key.clone())).copied();
        let place = (item.unwrap_or(usize::MAX), self.places.len());
        self.made[stage].push(identity.clone());
        self.places.insert(identity, place);
        place
    }

    /// Whether some may still succeed, and how long upstream asked to wait for them.
    pub(super) fn unsettled(&self) -> Option<Option<Duration>> {
        let errors = self.done.iter().filter_map(|(_, record)| Some(&record.failure.as_ref()?.error));
        errors.filter(|error| error.transient).map(|error| error.retry_after_s.map(Duration::from_secs)).max()
    }

    /// Sends those that may still succeed on again, from the stage that they failed in.
    pub(super) fn again(&mut self) {
        let transient = |record: &Record| record.failure.as_ref().is_some_and(|failure| failure.error.transient);
        let (again, done): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.done).into_iter().partition(|(_, record)| transient(record));
        self.done = done;
        for (_, mut record) in again {
            let failure = record.failure.take();
            let from = failure.and_then(|failure| self.stages.iter().position(|stage| stage.name() == failure.stage));
            self.ready.push((from.unwrap_or(0), record));
        }
    }

    /// The end of it.
    pub(super) fn end(mut self) -> ChainOutcome {
        // Stable: two of the same name keep their order.
        self.done.sort_by_key(|(place, _)| *place);
        let records = self.done.into_iter().map(|(_, record)| record).collect();
        let ended = self.stages.iter().zip(self.ended).filter(|(_, ended)| *ended > 0);
        let ended = ended.map(|(stage, ended)| (stage.name().to_owned(), ended)).collect();
        ChainOutcome { records, reused: self.reused, saving: self.saving, spans: self.spans, made: self.made, ended }
    }

    /// What a stage makes of these records, without paying twice for any.
    async fn apply(&mut self, stage: &dyn Stage, records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let (Some(state), Some(paid)) = (self.state, stage.cache_key()) else {
            return careful(stage, records, deadline).await;
        };
        let mut known = match reuse::CachedFindings::get_cached(state.as_ref(), stage.name(), &paid, &records).await {
            Ok(known) => known,
            Err(error) => {
                // Whatever it is: these records wait for our own table, and are not to be written without it.
                let error = Error { transient: true, ..error };
                let failed = |mut record: Record| {
                    record.fail(stage.name(), error.clone());
                    record
                };
                return records.into_iter().map(failed).collect();
            }
        };
        let (mut all, ask) = known.give(records);
        self.reused += all.len() as u64;
        if !ask.is_empty() {
            all.extend(known.share(careful(stage, ask, deadline).await));
            let values = known.fresh(&all);
            if !values.is_empty() {
                let state = Arc::clone(state);
                self.saving.spawn(async move { state.put_cached(values, reuse::DAYS).await });
            }
        }
        all
    }
}

/// How many of these records a stage let go no further: they did not come out, and nothing was made of their items.
fn ended(came: &[Identity], out: &[Record]) -> u64 {
    let stayed: HashSet<Identity> = out.iter().map(Record::identity).collect();
    let known: HashSet<&Identity> = came.iter().collect();
    let made = stayed.iter().filter(|identity| !known.contains(identity));
    let made: HashSet<(&str, &str)> = made.map(|made| (made.source.as_str(), made.item.as_str())).collect();
    let gone =
        |came: &&Identity| !stayed.contains(*came) && !made.contains(&(came.source.as_str(), came.item.as_str()));
    came.iter().filter(gone).count() as u64
}

/// What a stage makes of these records. One that panics fails them as they were before it, and nothing else.
async fn careful(stage: &dyn Stage, records: Vec<Record>, deadline: Instant) -> Vec<Record> {
    let before = records.clone();
    // The future is never polled again after a panic: nothing that broke halfway is looked at.
    let work = AssertUnwindSafe(stage.apply(records, deadline)).catch_unwind();
    let error = match timeout_at(deadline + GRACE, work).await {
        Ok(Ok(records)) => return records,
        Ok(Err(_)) => Error::permanent(
            ErrorCode::StageBroken,
            "the stage broke off over this chunk: this is a mistake of ours, and its reason is in the log",
        ),
        Err(_) => Error::transient(ErrorCode::TimedOut, "the stage was not done within the function's time"),
    };
    let failed = |mut record: Record| {
        record.fail(stage.name(), error.clone());
        record
    };
    before.into_iter().map(failed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;
    use async_trait::async_trait;

    /// Fails `bad`, panics over `worse`, and returns the others from the last to the first.
    struct Odd;

    #[async_trait]
    impl Stage for Odd {
        fn name(&self) -> &str {
            "odd"
        }

        async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
            tokio::task::yield_now().await;
            for record in &mut records {
                assert_ne!(record.item.key, "worse", "as the test wants it");
                if record.item.key == "bad" {
                    record.fail("odd", Error::permanent(ErrorCode::NotHere, "bad"));
                }
            }
            records.reverse();
            records
        }
    }

    async fn through(stages: &[Box<dyn Stage>], records: Vec<Record>) -> Vec<Record> {
        let mut passage = StageChain::new(stages, None, records);
        passage.go(Instant::now()).await;
        passage.end().records
    }

    fn records(keys: &[&str]) -> Vec<Record> {
        let record = |(place, key): (usize, &&str)| {
            Record::new("r", "s", Item { title: Some(place.to_string()), ..Item::named(*key) })
        };
        keys.iter().enumerate().map(record).collect()
    }

    /// Key, place in the source, code of the failure.
    fn seen(records: &[Record]) -> Vec<(&str, &str, &str)> {
        fn code(record: &Record) -> &str {
            record.failure.as_ref().map_or("", |failure| failure.error.code.as_str())
        }
        records.iter().map(|record| (record.item.key.as_str(), record.item.lookup(), code(record))).collect()
    }

    #[tokio::test]
    async fn an_item_that_is_there_twice_counts_once_and_keeps_its_place() {
        let told = through(&[Box::new(Odd), Box::new(Odd)], records(&["A", "B", "A", "bad", "A"])).await;
        assert_eq!(
            seen(&told),
            [
                ("A", "0", ""),
                ("B", "1", ""),
                ("A", "2", "item_twice"),
                ("bad", "3", "not_here"),
                ("A", "4", "item_twice")
            ]
        );
        let failure = told[2].failure.as_ref().expect("a failure");
        assert_eq!(failure.stage, "s");
        assert_eq!(failure.error.message, "`A` is in the source twice; the first one counts");
    }

    /// Makes two of each record but of `none`, the second one before the first.
    struct Double;

    #[async_trait]
    impl Stage for Double {
        fn name(&self) -> &str {
            "double"
        }

        async fn apply(&self, records: Vec<Record>, _: Instant) -> Vec<Record> {
            let of = |record: Record| {
                let made = |part: &str| {
                    let entry =
                        record.entry.as_ref().map_or_else(|| part.to_owned(), |entry| format!("{entry}.{part}"));
                    Record { entry: Some(entry), ..record.clone() }
                };
                if record.item.key == "none" { vec![] } else { vec![made("2"), made("1")] }
            };
            records.into_iter().flat_map(of).collect()
        }
    }

    #[tokio::test]
    async fn what_a_stage_makes_of_a_record_stands_where_that_one_stood_and_is_known_to_be_its_work() {
        let stages: [Box<dyn Stage>; 3] = [Box::new(Double), Box::new(Odd), Box::new(Double)];
        let mut passage = StageChain::new(&stages, None, records(&["A", "none", "bad", "B"]));
        passage.go(Instant::now()).await;
        let ChainOutcome { records, made, ended, .. } = passage.end();
        assert_eq!(ended, [("double".to_owned(), 1)], "of `none` nothing was made");
        let entries: Vec<_> = records
            .iter()
            .map(|record| format!("{}/{}", record.item.key, record.entry.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(entries, ["A/1.2", "A/1.1", "A/2.2", "A/2.1", "bad/2", "bad/1", "B/1.2", "B/1.1", "B/2.2", "B/2.1"]);
        let keys = |stage: usize| made[stage].iter().filter_map(|made| made.entry.as_deref()).collect::<Vec<_>>();
        assert_eq!(keys(0), ["2", "1", "2", "1", "2", "1"]);
        assert!(keys(1).is_empty(), "it made none of others");
        assert_eq!(keys(2).len(), 8);
    }

    /// Makes two of each record that are called alike.
    struct Twins;

    #[async_trait]
    impl Stage for Twins {
        fn name(&self) -> &str {
            "twins"
        }

        async fn apply(&self, records: Vec<Record>, _: Instant) -> Vec<Record> {
            let twin = |record: &Record| Record { entry: Some("x".into()), ..record.clone() };
            records.iter().flat_map(|record| [twin(record), twin(record)]).collect()
        }
    }

    #[tokio::test]
    async fn of_two_entries_that_are_called_alike_the_second_one_says_so() {
        let told = through(&[Box::new(Twins)], records(&["A"])).await;
        assert_eq!(seen(&told), [("A", "0", ""), ("A", "0", "entry_twice")]);
        let failure = told[1].failure.as_ref().expect("a failure");
        assert_eq!(
            (failure.stage.as_str(), failure.error.message.as_str()),
            ("twins", "`A` has this entry twice; the first one counts")
        );
    }

    #[tokio::test]
    async fn a_stage_that_panics_fails_its_chunk_and_not_the_next_one() {
        let stages: [Box<dyn Stage>; 2] = [Box::new(Odd), Box::new(Odd)];
        let told = through(&stages, records(&["A", "worse"])).await;
        assert_eq!(seen(&told), [("A", "0", "stage_broken"), ("worse", "1", "stage_broken")]);
        assert_eq!(told[0].failure.as_ref().expect("a failure").stage, "odd");
        assert_eq!(seen(&through(&stages, records(&["A", "B"])).await), [("A", "0", ""), ("B", "1", "")]);
    }
}
