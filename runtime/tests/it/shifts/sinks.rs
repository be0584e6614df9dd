//! Sinks with `when = "shift"`: what they send, and that redeliveries send nothing else.

use fanggen_runtime::component::Sink;
use fanggen_runtime::component::services::OutboundMessage;
use fanggen_runtime::component::state::Counts;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Finding, Item, Label, Record, Text};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::memory_services::MemoryServices;
use serde_json::{Value, json};

fn run(day: u32, hour: u32) -> RunId {
    RunId::scheduled(&format!("2026-11-{day:02}T{hour:02}:00:00Z")).expect("a time")
}

/// An entry of the item's feed.
fn entry(run: &RunId, item: &str, number: usize, score: f64) -> Record {
    let label = match score {
        _ if score > 0.0 => Label::Positive,
        _ if score < 0.0 => Label::Negative,
        _ => Label::Neutral,
    };
    let finding = Finding { label: Some(label), score: Some(score), ..Finding::default() };
    Record {
        entry: Some(format!("e-{number}")),
        text: Some(Text {
            body: "a body".into(),
            title: Some(format!("{item} number {number}")),
            url: Some(format!("https://example.com/{number}")),
            ..Text::default()
        }),
        findings: vec![finding],
        ..Record::new(run.as_str(), "companies", Item::named(item))
    }
}

const GOOD: [f64; 6] = [0.6, 0.9, -0.3, 0.0, 0.3, 0.0];
const BAD: [f64; 6] = [-0.5, -0.9, 0.2, -0.4, -0.7, 0.0];

/// The records of a run: Nokia with these scores, Ericsson as always, and an item that failed.
fn records(run: &RunId, scores: &[f64]) -> Vec<Record> {
    let of = |item: &'static str, scores: &[f64]| {
        scores.iter().enumerate().map(|(number, score)| entry(run, item, number, *score)).collect::<Vec<_>>()
    };
    let mut failed = Record::new(run.as_str(), "companies", Item::named("Motorola"));
    failed.fail("news", Error::permanent(ErrorCode::PageMissing, "no page"));
    [of("Nokia", scores), of("Ericsson", &GOOD), vec![failed]].concat()
}

async fn write(sink: &dyn Sink, run: &RunId, scores: &[f64]) {
    let records = records(run, scores);
    sink.write(&Chunk::new(run, 0, &records), &records).await.expect("written");
}

async fn complete(sink: &dyn Sink, run: &RunId) -> bool {
    let counts = Counts { items: 3, records: 12, failed: 1, ..Counts::default() };
    sink.complete(run, &counts).await.expect("completed")
}

/// A sink that has seen ten good days and a bad one.
async fn sink_after_eleven_days(services: &MemoryServices, kind: &str, when: &str) -> Box<dyn Sink> {
    let sink = services.open_sink(kind, "turns", json!({ "when": when }));
    for day in 1..=11 {
        write(&*sink, &run(day, 9), if day < 11 { &GOOD } else { &BAD }).await;
        assert!(!complete(&*sink, &run(day, 9)).await, "day {day}");
    }
    assert_eq!(services.published(), []);
    sink
}

#[tokio::test]
async fn a_shift_is_mailed_once_with_its_decisive_texts() {
    let services = MemoryServices::default();
    let sink = sink_after_eleven_days(&services, "sns", "shift").await;
    write(&*sink, &run(12, 9), &BAD).await;
    assert!(complete(&*sink, &run(12, 9)).await);
    let posts = services.published();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].1.subject.as_deref(), Some("fang (dev): 1 of 13 records of 3 items, turns"));
    assert_eq!(
        posts[0].1.body,
        "1 of 13 records of 3 items in the run 20261112T090000Z matched `shift`.\n\
         The run: 13 records of 3 items, 1 failed.\n\
         \n\
         - Nokia: mean down from +0.25 to -0.38 (12 texts since 2026-11-11, 60 texts before)\n    \
         -0.90 \u{201c}Nokia number 1\u{201d} https://example.com/1\n    \
         -0.70 \u{201c}Nokia number 4\u{201d} https://example.com/4\n    \
         -0.50 \u{201c}Nokia number 0\u{201d} https://example.com/0\n\
         \n\
         This is sink `turns` of the pipeline `fang`, environment `dev`.\n"
    );
    for day in 13..=16 {
        write(&*sink, &run(day, 9), &BAD).await;
        assert!(!complete(&*sink, &run(day, 9)).await, "day {day}: the new level is the baseline");
    }
    for day in 17..=18 {
        write(&*sink, &run(day, 9), &GOOD).await;
        assert_eq!(complete(&*sink, &run(day, 9)).await, day == 18, "the return is a shift");
    }
    let body = services.published().remove(1).1.body;
    assert!(body.contains("- Nokia: mean up from -0.38 to +0.25 (12 texts since 2026-11-17, "), "{body}");
}

#[tokio::test]
async fn one_message_has_the_shift_and_the_record_that_moved_the_mean_most() {
    let services = MemoryServices::default();
    let sink = sink_after_eleven_days(&services, "sqs", "shift").await;
    write(&*sink, &run(12, 9), &BAD).await;
    let posts = services.published();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].1.key, "20261112T090000Z/companies/Nokia/e-1");
    let body: Value = serde_json::from_str(&posts[0].1.body).expect("JSON");
    assert_eq!(body["findings"][0]["score"], -0.9);
    assert_eq!(
        body["shift"],
        json!({
            "from": 0.25, "to": -0.3833, "texts": 12, "since": "2026-11-11", "baseline_texts": 60,
            "decisive": [
                { "title": "Nokia number 1", "url": "https://example.com/1", "score": -0.9 },
                { "title": "Nokia number 4", "url": "https://example.com/4", "score": -0.7 },
                { "title": "Nokia number 0", "url": "https://example.com/0", "score": -0.5 },
            ]
        })
    );
}

#[tokio::test]
async fn shifts_combine_with_other_conditions() {
    for (when, told) in [
        ("shift && label == 'NEGATIVE'", true),
        ("shift && label == 'POSITIVE'", false),
        ("shift && mean < baseline", true),
        ("mean > baseline", false),
        ("shift && mean < -0.3 && item == 'Nokia'", true),
        ("shift && item == 'Ericsson'", false),
    ] {
        let services = MemoryServices::default();
        let sink = sink_after_eleven_days(&services, "sqs", when).await;
        write(&*sink, &run(12, 9), &BAD).await;
        assert_eq!(services.published().len(), usize::from(told), "{when}");
        // Whether it was sent or not, it has been seen.
        write(&*sink, &run(13, 9), &BAD).await;
        assert_eq!(services.published().len(), usize::from(told), "{when}");
    }
}

#[tokio::test]
async fn changes_and_shifts_are_told_by_one_sink() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sqs", "turns", json!({ "when": "shift || changed" }));
    for day in 1..=10 {
        write(&*sink, &run(day, 9), &GOOD).await;
    }
    let before = services.published().len();
    services.0.state.inner().calls.clear();
    write(&*sink, &run(11, 9), &GOOD).await;
    assert_eq!(&*services.0.state.inner().calls, &["get_cached", "put_cached"]);
    write(&*sink, &run(12, 9), &BAD).await;
    write(&*sink, &run(13, 9), &BAD).await;
    let shifted = |post: &OutboundMessage| post.body.contains("\"shift\"");
    let posts = services.published().split_off(before);
    assert_eq!(posts.iter().filter(|(_, post)| shifted(post)).count(), 1);
    assert!(posts.iter().any(|(_, post)| !shifted(post)), "a change of label");
}

#[tokio::test]
async fn a_redelivered_run_says_the_same_and_counts_once() {
    let services = MemoryServices::default();
    let sink = sink_after_eleven_days(&services, "sqs", "shift").await;
    // The message could not be sent, then was, then the chunk came again.
    *services.0.publish_failures.lock().expect("no panic") = 1;
    let records = records(&run(12, 9), &BAD);
    let chunk = Chunk::new(&run(12, 9), 0, &records);
    assert_eq!(sink.write(&chunk, &records).await.expect_err("refused").code, ErrorCode::Throttled);
    for _ in 0..3 {
        sink.write(&chunk, &records).await.expect("written");
    }
    let posts = services.published();
    assert_eq!(posts.len(), 3);
    assert!(posts.iter().all(|post| *post == posts[0]), "{posts:?}");
    // A retry of an older run is too late: its texts do not count again, and nothing is said about it.
    write(&*sink, &run(11, 9), &BAD).await;
    let row = services.0.state.inner().values.clone();
    write(&*sink, &run(10, 9), &BAD).await;
    assert_eq!(services.0.state.inner().values, row);
    write(&*sink, &run(13, 9), &BAD).await;
    assert_eq!(services.published().len(), 3);
}

#[tokio::test]
async fn a_run_makes_two_calls_however_many_items_it_has() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sqs", "turns", json!({ "when": "shift" }));
    for day in 1..=2 {
        services.0.state.inner().calls.clear();
        let records: Vec<_> = (0..100).map(|number| entry(&run(day, 9), &format!("item {number}"), 0, 0.5)).collect();
        sink.write(&Chunk::new(&run(day, 9), 0, &records), &records).await.expect("written");
        assert_eq!(&*services.0.state.inner().calls, &["get_cached", "put_cached"]);
    }
}

#[tokio::test]
async fn a_row_of_another_version_is_ignored() {
    let services = MemoryServices::default();
    let sink = sink_after_eleven_days(&services, "sqs", "shift").await;
    services.0.state.inner().values.values_mut().for_each(|row| *row = "{\"run\": 1}".into());
    write(&*sink, &run(12, 9), &BAD).await;
    assert_eq!(services.published(), [], "the history begins anew");
}

/// Authors of feeds choose titles and links: a note with a hundred shifts fits in a row, and their digest in a message of SNS.
#[tokio::test]
async fn a_hundred_shifts_with_long_titles_fit_in_a_row_and_a_message() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "turns", json!({ "when": "shift" }));
    let names: Vec<String> = (0..100).map(|item| format!("{item}-{}", "\u{4f01}".repeat(670))).collect();
    for day in 1..=12 {
        let run = run(day, 9);
        let mut records = Vec::new();
        for name in &names {
            for (number, score) in (if day < 11 { GOOD } else { BAD }).into_iter().enumerate() {
                let mut record = entry(&run, name, number, score);
                let text = record.text.as_mut().expect("a text");
                text.title = Some(format!("{number}{}\n\u{202e}{}", "\"".repeat(5_000), "x".repeat(5_000)));
                text.url = Some(format!("https://example.com/{number}{}", "y".repeat(270)));
                records.push(record);
            }
        }
        sink.write(&Chunk::new(&run, 0, &records), &records).await.expect("written");
    }
    let run = run(12, 9);
    let longest = services.0.state.inner().run(&run).notes.values().map(String::len).max();
    assert!(longest.is_some_and(|longest| longest < 400 * 1024), "a note of {longest:?} bytes does not fit in a row");
    assert!(complete(&*sink, &run).await);
    let body = services.published().remove(0).1.body;
    assert_eq!(body.lines().filter(|line| line.starts_with("- ")).count(), 100);
    assert!(body.len() < 256 * 1024, "{} bytes", body.len());
}
