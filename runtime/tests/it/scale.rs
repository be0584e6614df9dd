//! Thousands of items through the real producer and two real workers: the short form of the bench `scale`.
//!
//! The stand-in is the one for measurements (`testing::services`). This shows that nothing is lost or doubled, that calls
//! grow with the items and that memory does not. Faults and permissions are tested on the emulator.

#![cfg(feature = "aws")]

use std::collections::BTreeMap;

use fanggen_runtime::testing::load::run::run_load;

const ITEMS: u64 = 4_000;

/// How many calls have this in their name.
fn of(calls: &BTreeMap<String, u64>, what: &str) -> u64 {
    calls.iter().filter(|(name, _)| name.contains(what)).map(|(_, count)| count).sum()
}

#[test]
fn thousands_of_items_arrive_once_each_with_calls_in_proportion_and_memory_that_is_flat() {
    let run = run_load(env!("CARGO_BIN_EXE_bootstrap"), ITEMS, 2);
    assert_eq!((run.lost, run.doubled, run.wrong), (0, 0, 0), "{run:?}");
    let (producer, worker) = (&run.producer.calls, &run.worker.calls);
    let chunks = ITEMS / 100;
    assert_eq!(of(producer, "sqs:SendMessageBatch"), chunks / 10, "{producer:?}");
    assert_eq!((of(worker, "s3:PutObject"), of(worker, "wikipedia:query")), (chunks, 5 * chunks), "{worker:?}");
    assert!(of(worker, "comprehend:") <= 8 * chunks && of(worker, "of state") <= 6 * chunks, "{worker:?}");
    // From a quarter of the way on nothing grows but for what the allocator keeps.
    let [early, .., end] = run.worker.peaks;
    assert!(end <= early * 1.3, "{early} MB after a quarter, {end} MB at the end");
}
