//! A chunk's way through the stages: each record fails alone, and all leave in the order in which they came.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::component::Stage;
use crate::error::Error;
use crate::record::Record;

/// Takes records through the stages.
pub(super) async fn through(stages: &[Box<dyn Stage>], records: Vec<Record>) -> Vec<Record> {
    let mut places = HashMap::new();
    let (mut ready, mut done) = (Vec::new(), Vec::new());
    for (place, mut record) in records.into_iter().enumerate() {
        // Stages and stores know an item by its name, so of two in one chunk only the first is worked on. Whether
        // another chunk has it too cannot be known here: its rows of the run would be the same or the later ones.
        if *places.entry(identity(&record)).or_insert(place) != place && record.failure.is_none() {
            let words = format!("`{}` is in the source twice; the first one counts", record.item.key);
            record.fail(&record.source.clone(), Error::permanent("item_twice", words));
        }
        if record.failure.is_none() { ready.push(record) } else { done.push((place, record)) }
    }
    let place = |record: Record| (places.get(&identity(&record)).copied().unwrap_or(usize::MAX), record);
    for stage in stages {
        if ready.is_empty() {
            break;
        }
        let (well, failed): (Vec<_>, Vec<_>) =
            apply(stage.as_ref(), ready).await.into_iter().partition(|record| record.failure.is_none());
        ready = well;
        done.extend(failed.into_iter().map(place));
    }
    done.extend(ready.into_iter().map(place));
    // Stable: two of the same name keep their order.
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, record)| record).collect()
}

fn identity(record: &Record) -> (String, String) {
    (record.source.clone(), record.item.key.clone())
}

/// What a stage makes of these records. One that panics fails them as they were before it, and nothing else.
async fn apply(stage: &dyn Stage, records: Vec<Record>) -> Vec<Record> {
    let before = records.clone();
    let mut work = pin!(async { stage.apply(records).await });
    let told = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(records)) => Poll::Ready(Some(records)),
        // The future is never polled again: nothing that broke halfway is looked at.
        Err(_) => Poll::Ready(None),
    });
    match told.await {
        Some(records) => records,
        None => {
            let words = "the stage broke off over this chunk: this is a mistake of ours, and its reason is in the log";
            let failed = |mut record: Record| {
                record.fail(stage.name(), Error::permanent("stage_broken", words));
                record
            };
            before.into_iter().map(failed).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Item;
    use async_trait::async_trait;

    /// Fails `bad`, panics over `worse`, and returns the others from the last to the first.
    struct Odd;

    #[async_trait]
    impl Stage for Odd {
        fn name(&self) -> &str {
            "odd"
        }

        async fn apply(&self, mut records: Vec<Record>) -> Vec<Record> {
            tokio::task::yield_now().await;
            for record in &mut records {
                assert_ne!(record.item.key, "worse", "as the test wants it");
                if record.item.key == "bad" {
                    record.fail("odd", Error::permanent("bad", "bad"));
                }
            }
            records.reverse();
            records
        }
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
            [("A", "0", ""), ("B", "1", ""), ("A", "2", "item_twice"), ("bad", "3", "bad"), ("A", "4", "item_twice")]
        );
        let failure = told[2].failure.as_ref().expect("a failure");
        assert_eq!(failure.stage, "s");
        assert_eq!(failure.error.message, "`A` is in the source twice; the first one counts");
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
