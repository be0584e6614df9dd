//! As few calls as the services allow: a thousand companies through the real functions, against a stand-in that counts.
//!
//! The stand-in is one for measurements (`harness/services`): what is proved here is the number of calls, and that its
//! sinks have every item once. Faults and permissions are proved on the emulator.

#![cfg(feature = "aws")]

#[path = "../benches/material/mod.rs"]
mod material;

use std::collections::BTreeMap;

use material::pipeline::{Job, QUEUE, Who, fire, work};
use material::services::{Services, Settings, held};
use serde_json::json;

const OURS: Who<'static> = Who::Ours(env!("CARGO_BIN_EXE_bootstrap"));

/// How many calls have this in their name.
fn of(calls: &BTreeMap<String, u64>, what: &str) -> u64 {
    calls.iter().filter(|(name, _)| name.contains(what)).map(|(_, count)| count).sum()
}

#[test]
fn a_thousand_companies_take_as_few_calls_as_promised() {
    let services = Services::start(Settings { items: 1_000, ..Settings::default() });
    let producer = OURS.start(Job::Producer, &services).start();
    assert_eq!(fire(&producer, 0), json!({ "items": 1_000, "chunks": 10 }));
    let calls = services.calls();
    assert_eq!((of(&calls, "Scan of source"), of(&calls, "sqs:SendMessageBatch")), (1, 1), "{calls:?}");
    assert!(of(&calls, "of state") <= 3, "{calls:?}");
    assert_eq!(of(&calls, ""), 2 + of(&calls, "of state"), "and nothing else: {calls:?}");

    services.forget_calls();
    let worker = OURS.start(Job::Worker, &services).start();
    while work(&worker, &services) {}
    let calls = services.calls();
    for (what, count) in [
        ("wikipedia:query", 50),
        ("comprehend:BatchDetectSentiment", 40),
        ("comprehend:BatchDetectEntities", 40),
        ("s3:PutObject", 10),
        ("dynamodb:BatchWriteItem of rows", 40),
    ] {
        assert_eq!(of(&calls, what), count, "{what}: {calls:?}");
    }
    assert!(of(&calls, "of state") <= 60, "{calls:?}");
    assert_eq!(of(&calls, ""), 180 + of(&calls, "of state"), "and nothing else: {calls:?}");
    for sink in [&services.world().rows, &services.world().lines] {
        let tally = held(sink);
        assert_eq!(tally.lost_written_doubled(), (0, 1_000, 0));
        assert_eq!((tally.failed, tally.again, tally.strange), (0, 0, 0));
    }

    // What was analysed is not paid for again by the next run.
    assert_eq!(fire(&producer, 1)["items"], 1_000);
    services.forget_calls();
    while work(&worker, &services) {}
    let calls = services.calls();
    assert_eq!((of(&calls, "comprehend:"), of(&calls, "wikipedia:query")), (0, 50), "{calls:?}");
    assert_eq!(held(&services.world().queues).waiting(QUEUE), 0);
}
