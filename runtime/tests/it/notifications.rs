//! The sinks `sqs` and `sns`: messages of a queue and digests of runs, with redeliveries in any order.

use fanggen_runtime::component::Sink;
use fanggen_runtime::component::state::Counts;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Finding, Item, Label, Record, Text};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::memory_services::MemoryServices;
use serde_json::json;

fn run(hour: u8) -> RunId {
    RunId::scheduled(&format!("2026-11-22T{hour:02}:00:00Z")).expect("a time")
}

fn record(run: &RunId, item: &str, label: Label, score: f64) -> Record {
    let finding = Finding { engine: "lexicon".into(), label: Some(label), score: Some(score), ..Finding::default() };
    Record { findings: vec![finding], ..Record::new(run.as_str(), "companies", Item::named(item)) }
}

/// Writes these items with their labels as a chunk.
async fn write(sink: &dyn Sink, run: &RunId, number: u64, items: &[(&str, Label)]) {
    let records: Vec<_> = items.iter().map(|(item, label)| record(run, item, *label, 0.5)).collect();
    sink.write(&Chunk::new(run, number, &records), &records).await.expect("written");
}

fn of(items: u64) -> Counts {
    Counts { items, records: items, ..Counts::default() }
}

const GOOD: Label = Label::Positive;
const BAD: Label = Label::Negative;

#[tokio::test]
async fn a_record_is_a_message_with_a_key_of_its_own() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sqs", "events", json!({}));
    let run = run(9);
    let records = [record(&run, "Apple", GOOD, 0.5), record(&run, "a/b", BAD, -0.5)];
    let chunk = Chunk::new(&run, 0, &records);
    assert_eq!(sink.write(&chunk, &records).await.expect("written"), "on events");
    let posts = services.published();
    let keys: Vec<_> = posts.iter().map(|(queue, post)| (queue.as_str(), post.key.as_str())).collect();
    assert_eq!(
        keys,
        [("on events", "20261122T090000Z/companies/Apple"), ("on events", "20261122T090000Z/companies/a/b")]
    );
    for ((_, post), record) in posts.iter().zip(&records) {
        assert_eq!(serde_json::from_str::<Record>(&post.body).expect("a record"), *record);
        assert_eq!(post.attributes, [("run", run.to_string()), ("source", "companies".into())]);
    }
    sink.write(&chunk, &records).await.expect("written");
    assert_eq!(services.published()[2..], posts[..], "the same chunk says the same");
    assert_eq!(services.0.state.inner().calls.len(), 0, "nobody looks back, nothing is remembered");
}

#[tokio::test]
async fn an_existing_queue_is_addressed_by_its_url() {
    let services = MemoryServices::default();
    let settings = json!({ "queue": "arn:aws-cn:sqs:cn-north-1:123456789012:events", "when": "failed" });
    let sink = services.open_sink("sqs", "events", settings);
    let run = run(9);
    let mut records = [record(&run, "Apple", GOOD, 0.5), Record::new(run.as_str(), "companies", Item::named("Gone"))];
    records[1].fail("summary", Error::permanent(ErrorCode::PageMissing, "no page"));
    sink.write(&Chunk::new(&run, 0, &records), &records).await.expect("written");
    let posts = services.published();
    let (queue, post) = posts.first().expect("a message");
    assert_eq!(queue, "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/events");
    assert_eq!((posts.len(), post.key.as_str()), (1, "20261122T090000Z/companies/Gone"));
}

#[tokio::test]
async fn a_record_too_large_for_a_message_is_sent_without_its_text() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sqs", "events", json!({}));
    let mut record = record(&run(9), "Apple", GOOD, 0.5);
    record.text = Some(Text { body: "x".repeat(1_100_000), ..Text::default() });
    sink.write(&Chunk::new(&run(9), 0, std::slice::from_ref(&record)), &[record]).await.expect("written");
    let (_, post) = services.published().remove(0);
    assert_eq!(post.attributes[2], ("shortened", "true".into()));
    assert_eq!(serde_json::from_str::<Record>(&post.body).expect("a record").text.expect("a text").body, "");
}

#[tokio::test]
async fn a_digest_is_written_in_plain_sentences() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "alerts", json!({ "when": "failed || score > 0.8" }));
    let run = run(9);
    let mut records = [
        record(&run, "Apple", BAD, -0.93),
        record(&run, "Amazon", GOOD, 0.2),
        Record::new(run.as_str(), "companies", Item::named("Net\nflix")),
    ];
    records[2].fail("summary", Error::permanent(ErrorCode::PageMissing, "no page"));
    assert_eq!(sink.write(&Chunk::new(&run, 0, &records), &records).await.expect("written"), "on alerts");
    assert_eq!(services.published(), []);
    let counts = Counts { items: 3, records: 2, failed: 1, reused: 1, ..Counts::default() };
    assert!(sink.complete(&run, &counts).await.expect("told"));
    let (topic, post) = services.published().remove(0);
    assert_eq!((topic.as_str(), post.key.as_str()), ("on alerts", "20261122T090000Z/alerts"));
    assert_eq!(post.subject.as_deref(), Some("fang (dev): 2 of 3 items, alerts"));
    assert_eq!(post.attributes, [("run", run.to_string()), ("matched", "2".into())]);
    assert_eq!(
        post.body,
        "2 of 3 items in the run 20261122T090000Z matched `failed || score > 0.8`.\n\
         The run: 3 items, 1 failed, 1 of them with a reused finding.\n\
         \n\
         - Apple: NEGATIVE -0.93\n\
         - Net flix: failed, `page_missing`\n\
         \n\
         This is sink `alerts` of the pipeline `fang`, environment `dev`.\n"
    );
}

#[tokio::test]
async fn an_empty_digest_is_not_sent() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "alerts", json!({ "when": "label == 'MIXED'" }));
    write(&*sink, &run(9), 0, &[("Apple", BAD)]).await;
    assert!(!sink.complete(&run(9), &of(1)).await.expect("nothing to tell"));
    // The end of the run reads the notes; nothing was written.
    assert_eq!((services.published(), &*services.0.state.inner().calls), (vec![], &["for_each_note"][..]));
}

#[tokio::test]
async fn a_change_is_published_in_one_run_however_often_it_is_redelivered() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "news", json!({ "when": "changed", "email": "press@example.com" }));
    // The first finding ever is no change.
    write(&*sink, &run(9), 0, &[("Apple", GOOD), ("Google", BAD)]).await;
    assert!(!sink.complete(&run(9), &of(2)).await.expect("nothing"));
    // The second run, brought three times: before the jot is known to be there, and after.
    for _ in 0..3 {
        write(&*sink, &run(10), 0, &[("Apple", BAD), ("Google", BAD)]).await;
    }
    // Whoever completes it says so twice, with the same key and words.
    for _ in 0..2 {
        assert!(sink.complete(&run(10), &of(2)).await.expect("told"));
    }
    let posts = services.published();
    assert_eq!((posts.len(), &posts[0]), (2, &posts[1]));
    assert!(posts[0].1.body.contains("\n\n- Apple: NEGATIVE +0.50, previously POSITIVE\n\n"), "{}", posts[0].1.body);
    // The third run finds the same: told already.
    write(&*sink, &run(11), 0, &[("Apple", BAD), ("Google", BAD)]).await;
    assert!(!sink.complete(&run(11), &of(2)).await.expect("nothing"));
}

#[tokio::test]
async fn a_late_run_is_not_published_and_overwrites_nothing() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "news", json!({ "when": "changed" }));
    write(&*sink, &run(9), 0, &[("Apple", GOOD)]).await;
    write(&*sink, &run(11), 0, &[("Apple", GOOD)]).await;
    write(&*sink, &run(10), 0, &[("Apple", BAD)]).await;
    assert!(!sink.complete(&run(10), &of(1)).await.expect("nothing"));
    write(&*sink, &run(12), 0, &[("Apple", GOOD)]).await;
    assert!(!sink.complete(&run(12), &of(1)).await.expect("nothing"));
    // Runs within one second are in order too.
    let [early, late] =
        ["13:00:00Z", "13:00:00.250Z"].map(|time| RunId::scheduled(&format!("2026-11-22T{time}")).expect("a time"));
    write(&*sink, &early, 0, &[("Apple", GOOD)]).await;
    write(&*sink, &late, 0, &[("Apple", BAD)]).await;
    assert!(sink.complete(&late, &of(1)).await.expect("told"));
}

#[tokio::test]
async fn a_failure_between_two_findings_is_not_taken_for_one() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "news", json!({ "when": "changed" }));
    write(&*sink, &run(9), 0, &[("Apple", GOOD)]).await;
    let mut failed = Record::new(run(10).as_str(), "companies", Item::named("Apple"));
    failed.fail("summary", Error::transient(ErrorCode::Unreachable, "no network"));
    sink.write(&Chunk::new(&run(10), 0, std::slice::from_ref(&failed)), &[failed]).await.expect("written");
    assert!(!sink.complete(&run(10), &of(1)).await.expect("nothing"));
    write(&*sink, &run(11), 0, &[("Apple", BAD)]).await;
    assert!(sink.complete(&run(11), &of(1)).await.expect("told"));
}

#[tokio::test]
async fn a_change_that_could_not_be_posted_is_still_one_when_the_chunk_comes_again() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sqs", "events", json!({ "when": "changed" }));
    write(&*sink, &run(9), 0, &[("Apple", GOOD)]).await;
    let records = [record(&run(10), "Apple", BAD, -0.5)];
    let chunk = Chunk::new(&run(10), 0, &records);
    *services.0.publish_failures.lock().expect("no panic") = 1;
    assert_eq!(sink.write(&chunk, &records).await.expect_err("refused").code, ErrorCode::Throttled);
    sink.write(&chunk, &records).await.expect("written");
    sink.write(&chunk, &records).await.expect("written");
    let keys: Vec<_> = services.published().into_iter().map(|(_, post)| post.key).collect();
    assert_eq!(keys, ["20261122T100000Z/companies/Apple"; 2]);
}

#[tokio::test]
async fn two_sources_with_one_key_are_two_items() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "news", json!({ "when": "changed" }));
    for (hour, other) in [(9, GOOD), (10, BAD)] {
        let run = run(hour);
        let mut records = [record(&run, "Apple", GOOD, 0.5), record(&run, "Apple", other, 0.5)];
        records[1].source = "fruits".into();
        sink.write(&Chunk::new(&run, 0, &records), &records).await.expect("written");
    }
    assert!(sink.complete(&run(10), &of(2)).await.expect("told"));
    let body = services.published().remove(0).1.body;
    assert!(body.contains("1 of 2 items") && body.contains("- Apple: NEGATIVE +0.50, previously POSITIVE\n"), "{body}");
}

/// 250 chunks of 100 items with the longest keys that a table takes: one message, below what SNS admits.
#[tokio::test]
async fn a_large_run_is_one_message_that_counts_what_it_does_not_list() {
    let services = MemoryServices::default();
    let sink = services.open_sink("sns", "alerts", json!({ "when": "!failed" }));
    let run = run(9);
    for number in 0..250 {
        let names: Vec<_> = (0..100).map(|item| format!("{number}-{item}-{}", "\u{4f01}".repeat(670))).collect();
        let records: Vec<_> = names.iter().map(|name| record(&run, name, BAD, -0.5)).collect();
        sink.write(&Chunk::new(&run, number, &records), &records).await.expect("written");
    }
    let longest = services.0.state.inner().run(&run).notes.values().map(String::len).max();
    assert!(longest < Some(400 * 1024), "a note of {longest:?} bytes does not fit in a row");
    assert!(sink.complete(&run, &of(25_000)).await.expect("told"));
    let posts = services.published();
    let (_, post) = &posts[0];
    assert_eq!((posts.len(), post.subject.as_deref()), (1, Some("fang (dev): 25000 of 25000 items, alerts")));
    assert!(post.body.len() < 200 * 1024, "{}", post.body.len());
    assert_eq!(post.body.lines().filter(|line| line.starts_with("- ")).count(), 100);
    assert!(post.body.contains("\n- 0-99-") && post.body.contains("\n... and 24900 more.\n"));
}
