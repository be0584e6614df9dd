//! Takes the records of a chunk through the stages. Each record fails on its own, and the order is preserved.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::{ComponentTiming, finding_cache};
use crate::component::Stage;
use crate::component::state::State;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Identity, Record};
use crate::model::retry::backoff;

/// How long a stage may overrun its deadline, so that it can note the timeout on its records itself.
const GRACE: Duration = Duration::from_secs(1);

/// Writes to the findings cache that run in the background.
pub(super) type CacheWrites = JoinSet<Result<(), Error>>;

/// Where a record is in the output: the index of its item in the chunk, then its index among the records of that item.
type RecordPosition = (usize, usize);

/// The records of a chunk on their way through the stages.
pub(super) struct StageChain<'a> {
    stages: &'a [Box<dyn Stage>],
    state: Option<&'a Arc<dyn State>>,
    /// The position of each record.
    positions: HashMap<Identity, RecordPosition>,
    /// The first index of each item, by source and key.
    items: HashMap<(String, String), usize>,
    /// The records that each stage created from others.
    created: Vec<Vec<Identity>>,
    /// How many records each stage dropped.
    dropped: Vec<u64>,
    /// Which stages are left out.
    skipped: Vec<bool>,
    /// Records to process, each with the index of the next stage.
    ready: Vec<(usize, Record)>,
    /// Records that have passed all stages or failed.
    done: Vec<(RecordPosition, Record)>,
    /// How long each stage took in all rounds, with the waits between them.
    waited: Vec<Duration>,
    reused: u64,
    cache_writes: CacheWrites,
    timings: Vec<ComponentTiming>,
}

/// The result of a chain.
pub(super) struct ChainOutcome {
    /// The records, in the order of the chunk.
    pub records: Vec<Record>,
    /// How many findings came from the cache.
    pub reused: u64,
    /// Writes to the cache that have not finished.
    pub cache_writes: CacheWrites,
    /// How long each stage took.
    pub timings: Vec<ComponentTiming>,
    /// The records that each stage created from others, including those that failed or were dropped later.
    pub created: Vec<Vec<Identity>>,
    /// How many records each stage dropped; only stages that dropped any.
    pub dropped: Vec<(String, u64)>,
}

impl<'a> StageChain<'a> {
    /// A chain with these records before the first stage.
    pub(super) fn new(stages: &'a [Box<dyn Stage>], state: Option<&'a Arc<dyn State>>, records: Vec<Record>) -> Self {
        let (mut positions, mut items) = (HashMap::new(), HashMap::new());
        let (mut ready, mut done) = (Vec::new(), Vec::new());
        for (index, mut record) in records.into_iter().enumerate() {
            items.entry((record.source.clone(), record.item.key.clone())).or_insert(index);
            let position = (index, 0);
            // Stages and stores identify an item by its key, so only the first of two in a chunk is processed.
            // Sources find those in different chunks.
            if *positions.entry(record.identity()).or_insert(position) != position && record.failure.is_none() {
                record.fail(&record.source.clone(), Error::item_twice(&record.item.key));
            }
            if record.failure.is_none() { ready.push((0, record)) } else { done.push((position, record)) }
        }
        let (created, dropped) = (vec![Vec::new(); stages.len()], vec![0; stages.len()]);
        let (waited, cache_writes, timings) = (vec![Duration::ZERO; stages.len()], JoinSet::new(), Vec::new());
        Self {
            stages,
            state,
            positions,
            items,
            created,
            dropped,
            skipped: vec![false; stages.len()],
            ready,
            done,
            waited,
            reused: 0,
            cache_writes,
            timings,
        }
    }

    /// The same chain without the stages of these names.
    pub(super) fn skipping(mut self, names: &[String]) -> Self {
        self.skipped = self.stages.iter().map(|stage| names.iter().any(|name| name == stage.name())).collect();
        self
    }

    /// Takes all records that are ready through the stages.
    pub(super) async fn run(&mut self, deadline: Instant) {
        let stages = self.stages;
        for (index, stage) in stages.iter().enumerate() {
            if self.skipped[index] {
                continue;
            }
            let (now, later): (Vec<_>, Vec<_>) = self.ready.drain(..).partition(|(next, _)| *next <= index);
            self.ready = later;
            if now.is_empty() {
                continue;
            }
            let records: Vec<Record> = now.into_iter().map(|(_, record)| record).collect();
            let input: Vec<Identity> = records.iter().map(Record::identity).collect();
            let (start, begin) = (SystemTime::now(), Instant::now());
            let patience = begin.checked_add(self.patience_left(index).unwrap_or_default());
            let until = patience.map_or(deadline, |patience| patience.min(deadline));
            let records = self.apply(stage.as_ref(), records, until).await;
            self.waited[index] += begin.elapsed();
            self.dropped[index] += count_dropped(&input, &records);
            let duration = start.elapsed().unwrap_or_default();
            let failed = records.iter().any(|record| record.failure.is_some());
            self.timings.push(ComponentTiming { name: stage.name().to_owned(), start, duration, failed });
            let mut seen = HashSet::new();
            for mut record in records {
                let mut position = self.position(&record, index);
                // Stores identify a record by its identity, so only the first of two may go on.
                if record.failure.is_none() && !seen.insert(record.identity()) {
                    let message =
                        format!("`{}` has this entry more than once; only the first one is kept", record.item.key);
                    record.fail(stage.name(), Error::permanent(ErrorCode::EntryTwice, message));
                    position.1 = usize::MAX;
                }
                match record.failure {
                    None => self.ready.push((index + 1, record)),
                    Some(_) => self.done.push((position, record)),
                }
            }
        }
        for (_, record) in std::mem::take(&mut self.ready) {
            let position = self.positions.get(&record.identity()).copied().unwrap_or_default();
            self.done.push((position, record));
        }
    }

    /// The position of a record that comes out of a stage. A record that the stage created comes after the earlier records
    /// of its item.
    fn position(&mut self, record: &Record, stage: usize) -> RecordPosition {
        let identity = record.identity();
        if let Some(position) = self.positions.get(&identity) {
            return *position;
        }
        let item = self.items.get(&(record.source.clone(), record.item.key.clone())).copied();
        let position = (item.unwrap_or(usize::MAX), self.positions.len());
        self.created[stage].push(identity.clone());
        self.positions.insert(identity, position);
        position
    }

    /// Waits until the records with transient failures may be tried again, and makes them ready from the stage in which they
    /// failed. False if there are none, or not enough time is left: until the deadline, or of the patience of their stages,
    /// which is for all rounds together.
    pub(super) async fn wait_for_retry(&mut self, pass: u32, deadline: Instant) -> bool {
        let transient = |chain: &Self, record: &Record, than: Duration| {
            let failure = record.failure.as_ref().filter(|failure| failure.error.transient)?;
            // What failed in an earlier function cannot be tried again here.
            let next = chain.stages.iter().position(|stage| stage.name() == failure.stage)?;
            (chain.patience_left(next)? > than).then_some((next, failure.error.retry_after_s))
        };
        let asked = self.done.iter().filter_map(|(_, record)| transient(self, record, Duration::ZERO));
        let Some(asked) = asked.map(|(_, seconds)| seconds.map(Duration::from_secs)).max() else { return false };
        let wait = asked.unwrap_or_else(|| backoff(pass));
        if wait >= deadline.saturating_duration_since(Instant::now()) {
            return false;
        }
        let (mut retried, mut done) = (Vec::new(), Vec::new());
        for (position, record) in std::mem::take(&mut self.done) {
            match transient(self, &record, wait) {
                Some((next, _)) => retried.push((next, record)),
                None => done.push((position, record)),
            }
        }
        self.done = done;
        if retried.is_empty() {
            return false;
        }
        sleep(wait).await;
        let stages: HashSet<usize> = retried.iter().map(|(next, _)| *next).collect();
        stages.into_iter().for_each(|stage| self.waited[stage] += wait);
        for (next, mut record) in retried {
            record.failure = None;
            self.ready.push((next, record));
        }
        true
    }

    /// How long a stage may still wait for other services; nothing for an unknown stage.
    fn patience_left(&self, stage: usize) -> Option<Duration> {
        let all = self.stages.get(stage)?.max_wait().unwrap_or(Duration::MAX);
        Some(all.saturating_sub(self.waited[stage]))
    }

    /// Puts the records in order and returns the result.
    pub(super) fn finish(mut self) -> ChainOutcome {
        // A stable sort: duplicates keep their order.
        self.done.sort_by_key(|(position, _)| *position);
        let records = self.done.into_iter().map(|(_, record)| record).collect();
        let dropped = self.stages.iter().zip(self.dropped).filter(|(_, dropped)| *dropped > 0);
        let dropped = dropped.map(|(stage, dropped)| (stage.name().to_owned(), dropped)).collect();
        ChainOutcome {
            records,
            reused: self.reused,
            cache_writes: self.cache_writes,
            timings: self.timings,
            created: self.created,
            dropped,
        }
    }

    /// Applies a stage. If its findings are cached, only texts without a cached finding are analyzed.
    async fn apply(&mut self, stage: &dyn Stage, records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let (Some(state), Some(settings)) = (self.state, stage.cache_key()) else {
            return apply_guarded(stage, records, deadline).await;
        };
        let cached = finding_cache::CachedFindings::look_up(state.as_ref(), stage.name(), &settings, &records).await;
        let mut cached = match cached {
            Ok(cached) => cached,
            Err(error) => {
                // Always transient: without the cache, the records must not be written but wait for a retry.
                let error = Error { transient: true, ..error };
                let failed = |mut record: Record| {
                    record.fail(stage.name(), error.clone());
                    record
                };
                return records.into_iter().map(failed).collect();
            }
        };
        let (mut all, to_analyze) = cached.split(records);
        self.reused += all.len() as u64;
        if !to_analyze.is_empty() {
            all.extend(cached.fill_duplicates(apply_guarded(stage, to_analyze, deadline).await));
            let entries = cached.new_entries(&all);
            if !entries.is_empty() {
                let state = Arc::clone(state);
                self.cache_writes.spawn(async move { state.put_cached(entries, finding_cache::CACHE_DAYS).await });
            }
        }
        all
    }
}

/// How many input records a stage dropped: it neither returned them nor created other records from their items.
fn count_dropped(input: &[Identity], output: &[Record]) -> u64 {
    let returned: HashSet<Identity> = output.iter().map(Record::identity).collect();
    let known: HashSet<&Identity> = input.iter().collect();
    let created = returned.iter().filter(|identity| !known.contains(identity));
    let expanded: HashSet<(&str, &str)> =
        created.map(|identity| (identity.source.as_str(), identity.item.as_str())).collect();
    let dropped = |identity: &&Identity| {
        !returned.contains(*identity) && !expanded.contains(&(identity.source.as_str(), identity.item.as_str()))
    };
    input.iter().filter(dropped).count() as u64
}

/// Applies a stage. If it panics or times out, its input records are returned as failed.
async fn apply_guarded(stage: &dyn Stage, records: Vec<Record>, deadline: Instant) -> Vec<Record> {
    let input = records.clone();
    // Unwind safe: the future is never polled again after a panic, so no broken state can be observed.
    let work = AssertUnwindSafe(stage.apply(records, deadline)).catch_unwind();
    let error = match timeout_at(deadline + GRACE, work).await {
        Ok(Ok(records)) => return records,
        Ok(Err(_)) => Error::permanent(
            ErrorCode::StageBroken,
            "the stage panicked on this chunk: this is a bug in fanggen, and the log has its location",
        ),
        Err(_) => Error::transient(ErrorCode::TimedOut, "the stage did not finish in time"),
    };
    let failed = |mut record: Record| {
        record.fail(stage.name(), error.clone());
        record
    };
    input.into_iter().map(failed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;
    use async_trait::async_trait;

    /// Fails `bad`, panics on `worse`, and returns the records in reverse order.
    struct Reversing;

    #[async_trait]
    impl Stage for Reversing {
        fn name(&self) -> &str {
            "reversing"
        }

        async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
            tokio::task::yield_now().await;
            for record in &mut records {
                assert_ne!(record.item.key, "worse", "a panic on purpose");
                if record.item.key == "bad" {
                    record.fail("reversing", Error::permanent(ErrorCode::NotHere, "bad"));
                }
            }
            records.reverse();
            records
        }
    }

    /// Waits for a service that never answers, for up to three seconds.
    struct Waiting;

    #[async_trait]
    impl Stage for Waiting {
        fn name(&self) -> &str {
            "waiting"
        }

        fn max_wait(&self) -> Option<Duration> {
            Some(Duration::from_secs(3))
        }

        async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
            sleep(Duration::from_millis(500).min(deadline.saturating_duration_since(Instant::now()))).await;
            for record in &mut records {
                let error = Error::transient(ErrorCode::TimedOut, "no answer");
                record.fail("waiting", error.retry_after(Some(Duration::from_secs(1))));
            }
            records
        }
    }

    #[tokio::test]
    async fn the_patience_of_a_stage_bounds_all_rounds_together() {
        let stages: [Box<dyn Stage>; 1] = [Box::new(Waiting)];
        let mut chain = StageChain::new(&stages, None, records(&["A"]));
        let (begin, deadline) = (Instant::now(), Instant::now() + Duration::from_secs(600));
        let mut rounds = 1;
        chain.run(deadline).await;
        while chain.wait_for_retry(rounds, deadline).await {
            chain.run(deadline).await;
            rounds += 1;
        }
        assert!(
            rounds > 1 && begin.elapsed() < Duration::from_millis(3_500),
            "{rounds} rounds in {:?}",
            begin.elapsed()
        );
        assert_eq!(summary(&chain.finish().records), [("A", "0", "timed_out")], "and why it failed is kept");
    }

    #[tokio::test]
    async fn what_failed_in_an_earlier_function_is_not_tried_again() {
        let stages: [Box<dyn Stage>; 1] = [Box::new(Reversing)];
        let mut failed = records(&["A"]);
        failed[0].fail("summary", Error::transient(ErrorCode::TimedOut, "no answer"));
        let mut chain = StageChain::new(&stages, None, failed);
        let deadline = Instant::now() + Duration::from_secs(600);
        chain.run(deadline).await;
        assert!(!chain.wait_for_retry(1, deadline).await);
        assert_eq!(summary(&chain.finish().records), [("A", "0", "timed_out")]);
    }

    async fn run_stages(stages: &[Box<dyn Stage>], records: Vec<Record>) -> Vec<Record> {
        let mut chain = StageChain::new(stages, None, records);
        chain.run(Instant::now()).await;
        chain.finish().records
    }

    fn records(keys: &[&str]) -> Vec<Record> {
        let record = |(index, key): (usize, &&str)| {
            Record::new("r", "s", Item { title: Some(index.to_string()), ..Item::named(*key) })
        };
        keys.iter().enumerate().map(record).collect()
    }

    /// The key, the index in the source and the error code of each record.
    fn summary(records: &[Record]) -> Vec<(&str, &str, &str)> {
        fn code(record: &Record) -> &str {
            record.failure.as_ref().map_or("", |failure| failure.error.code.as_str())
        }
        records.iter().map(|record| (record.item.key.as_str(), record.item.lookup(), code(record))).collect()
    }

    #[tokio::test]
    async fn only_the_first_of_two_items_with_the_same_key_is_processed_and_the_order_is_kept() {
        let processed =
            run_stages(&[Box::new(Reversing), Box::new(Reversing)], records(&["A", "B", "A", "bad", "A"])).await;
        assert_eq!(
            summary(&processed),
            [
                ("A", "0", ""),
                ("B", "1", ""),
                ("A", "2", "item_twice"),
                ("bad", "3", "not_here"),
                ("A", "4", "item_twice")
            ]
        );
        let failure = processed[2].failure.as_ref().expect("a failure");
        assert_eq!(failure.stage, "s");
        assert_eq!(failure.error.message, "`A` is in the source more than once; only the first one is processed");
    }

    /// Creates two records from each one, the second before the first, and drops `none`.
    struct Double;

    #[async_trait]
    impl Stage for Double {
        fn name(&self) -> &str {
            "double"
        }

        async fn apply(&self, records: Vec<Record>, _: Instant) -> Vec<Record> {
            let split = |record: Record| {
                let created = |part: &str| {
                    let entry =
                        record.entry.as_ref().map_or_else(|| part.to_owned(), |entry| format!("{entry}.{part}"));
                    Record { entry: Some(entry), ..record.clone() }
                };
                if record.item.key == "none" { vec![] } else { vec![created("2"), created("1")] }
            };
            records.into_iter().flat_map(split).collect()
        }
    }

    #[tokio::test]
    async fn created_records_take_the_position_of_their_item_and_are_attributed_to_their_stage() {
        let stages: [Box<dyn Stage>; 3] = [Box::new(Double), Box::new(Reversing), Box::new(Double)];
        let mut chain = StageChain::new(&stages, None, records(&["A", "none", "bad", "B"]));
        chain.run(Instant::now()).await;
        let ChainOutcome { records, created, dropped, .. } = chain.finish();
        assert_eq!(dropped, [("double".to_owned(), 1)], "`none` was dropped");
        let entries: Vec<_> = records
            .iter()
            .map(|record| format!("{}/{}", record.item.key, record.entry.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(entries, ["A/1.2", "A/1.1", "A/2.2", "A/2.1", "bad/2", "bad/1", "B/1.2", "B/1.1", "B/2.2", "B/2.1"]);
        let entries =
            |stage: usize| created[stage].iter().filter_map(|record| record.entry.as_deref()).collect::<Vec<_>>();
        assert_eq!(entries(0), ["2", "1", "2", "1", "2", "1"]);
        assert!(entries(1).is_empty(), "this stage creates no records");
        assert_eq!(entries(2).len(), 8);
    }

    /// Creates two records with the same identity from each one.
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
    async fn the_second_of_two_entries_with_the_same_identity_fails() {
        let processed = run_stages(&[Box::new(Twins)], records(&["A"])).await;
        assert_eq!(summary(&processed), [("A", "0", ""), ("A", "0", "entry_twice")]);
        let failure = processed[1].failure.as_ref().expect("a failure");
        assert_eq!(
            (failure.stage.as_str(), failure.error.message.as_str()),
            ("twins", "`A` has this entry more than once; only the first one is kept")
        );
    }

    #[tokio::test]
    async fn a_panic_of_a_stage_fails_its_chunk_but_not_the_next_one() {
        let stages: [Box<dyn Stage>; 2] = [Box::new(Reversing), Box::new(Reversing)];
        let processed = run_stages(&stages, records(&["A", "worse"])).await;
        assert_eq!(summary(&processed), [("A", "0", "stage_broken"), ("worse", "1", "stage_broken")]);
        assert_eq!(processed[0].failure.as_ref().expect("a failure").stage, "reversing");
        assert_eq!(summary(&run_stages(&stages, records(&["A", "B"])).await), [("A", "0", ""), ("B", "1", "")]);
    }
}
