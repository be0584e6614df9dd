//! The stage `comprehend` with failures of the service: each record fails with its own reason, transient failures are
//! retried, and no answered text is billed twice.

use crate::harness::{analysis, aws};

use std::collections::BTreeMap;
use std::time::Duration;

use analysis::{Place, failed, far, found, record, worker};
use aws::comprehend::{Comprehend, TextFault};
use aws::faults::{Fault, Faults};
use fanggen_runtime::component::RateLimit;
use fanggen_runtime::component::services::Services as _;
use fanggen_runtime::function::{ChunkOutcome, Delivery, OpenFunction};
use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::{Label, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use serde_json::{Value, json};
use tokio::time::Instant;

fn records(count: usize) -> Vec<Record> {
    (0..count).map(|number| record(&number.to_string(), &format!("Text no.{number} is great."), Some("en"))).collect()
}

/// The code of each record's failure, and whether it may pass.
fn codes(records: &[Record]) -> Vec<Option<(&str, bool)>> {
    fn code(record: &Record) -> Option<(&str, bool)> {
        record.failure.as_ref()?;
        let error = failed(record);
        Some((error.code.as_str(), error.transient))
    }
    records.iter().map(code).collect()
}

#[tokio::test]
async fn an_entry_of_the_error_list_is_the_failure_of_its_text_alone() {
    let comprehend = Comprehend::start();
    comprehend.set_text_fault("no.3 ", TextFault::InErrorList("INVALID_REQUEST"));
    comprehend.set_text_fault("no.30 ", TextFault::InErrorList("INTERNAL_SERVER_ERROR"));
    comprehend.set_text_fault("no.7 ", TextFault::Missing);
    let place = Place::before(&comprehend);
    let analysed = place.stage(json!({ "detect": ["sentiment", "entities"] }), None).apply(records(40), far()).await;
    for (number, record) in analysed.iter().enumerate() {
        let expected = match number {
            3 => ("aws_refused", false),
            7 => ("answer_unreadable", true),
            30 => ("aws_unavailable", true),
            _ => {
                assert_eq!(found(record).label, Some(Label::Positive));
                continue;
            }
        };
        assert_eq!((failed(record).code.as_str(), failed(record).transient), expected, "{number}");
    }
    assert_eq!(
        failed(&analysed[7]).message,
        "the response to `comprehend:BatchDetectSentiment` does not match the texts in the request"
    );
    assert_eq!(comprehend.asked().len(), 4);
    assert_eq!(place.cloud.meter().take().comprehend_units, 2 * 3 * 37, "what was not answered is not counted");
}

#[tokio::test]
async fn a_text_for_which_a_whole_call_is_refused_fails_alone() {
    let comprehend = Comprehend::start();
    comprehend.set_text_fault("no.3 ", TextFault::CallRejected);
    let analysed = Place::before(&comprehend).stage(json!({}), None).apply(records(30), far()).await;
    let failures: Vec<_> = codes(&analysed).into_iter().enumerate().filter_map(|(n, code)| Some((n, code?))).collect();
    assert_eq!(failures, [(3, ("text_refused", false))]);
    assert_eq!(
        failed(&analysed[3]).message,
        "`comprehend:BatchDetectSentiment` on `texts` was refused (InvalidRequestException: The request is invalid.)"
    );
    assert_eq!(comprehend.asked().len(), 2 + 25, "the texts of that call, one by one");
}

#[tokio::test]
async fn a_response_that_matches_no_text_is_a_transient_failure() {
    let comprehend = Comprehend::start();
    let stage = Place::before(&comprehend).stage(json!({}), None);
    let scores = json!({ "Positive": 0.9, "Negative": 0.0, "Neutral": 0.1, "Mixed": 0.0 });
    let one = |index: i64, label: &str| json!({ "Index": index, "Sentiment": label, "SentimentScore": scores });
    let unreadable = Some(("answer_unreadable", true));
    for (results, expected) in [
        (json!([one(0, "POSITIVE"), one(9, "POSITIVE")]), [None, unreadable]),
        (json!([one(0, "POSITIVE"), one(0, "NEGATIVE"), one(1, "POSITIVE")]), [unreadable, None]),
        (json!([one(1, "GLEEFUL"), one(0, "POSITIVE")]), [None, unreadable]),
        (json!([{ "Index": 0, "Sentiment": "POSITIVE" }, one(1, "MIXED")]), [unreadable, None]),
        (json!([]), [unreadable, unreadable]),
    ] {
        comprehend.set_response("BatchDetectSentiment", &json!({ "ResultList": results, "ErrorList": [] }).to_string());
        assert_eq!(codes(&stage.apply(records(2), far()).await), expected, "{results}");
    }
}

#[tokio::test]
async fn throttling_is_waited_for_and_leaves_every_record_retryable() {
    let comprehend = Comprehend::start();
    comprehend.always_fail("BatchDetectSentiment", Fault::Throttled);
    let place = Place::before(&comprehend);
    let stage = place.stage(json!({}), None);
    let analysed = stage.apply(records(30), far()).await;
    assert!(codes(&analysed).iter().all(|code| *code == Some(("throttled", true))), "{:?}", codes(&analysed));
    assert_eq!(
        failed(&analysed[0]).message,
        "`comprehend:BatchDetectSentiment` on `texts` was throttled (ThrottlingException)"
    );
    let reading = place.cloud.meter().take();
    assert_eq!((reading.throttled, reading.comprehend_units), (comprehend.asked().len() as u64, 0), "each is counted");
    comprehend.clear();
    let analysed = stage.apply(records(30), far()).await;
    assert!(analysed.iter().all(|record| found(record).label == Some(Label::Positive)));
}

#[tokio::test]
async fn all_texts_are_answered_while_a_third_of_all_calls_fail() {
    for seed in 0..3 {
        let comprehend = Comprehend::start();
        comprehend.faults(Faults::all(seed, 33));
        let stage = Place::before(&comprehend).stage(json!({ "detect": ["sentiment", "entities", "pii"] }), None);
        let analysed = stage.apply(records(100), far()).await;
        let lost: Vec<_> = codes(&analysed).into_iter().flatten().filter(|(_, transient)| !transient).collect();
        assert_eq!(lost, [], "nothing that may pass is taken for lasting");
        comprehend.clear();
        let again: Vec<Record> =
            records(100).into_iter().zip(&analysed).filter(|(_, t)| t.failure.is_some()).map(|(r, _)| r).collect();
        let analysed = stage.apply(again, far()).await;
        assert!(analysed.iter().all(|record| found(record).label == Some(Label::Positive)), "seed {seed}");
    }
}

#[tokio::test]
async fn no_call_outlasts_the_deadline_of_its_chunk() {
    let comprehend = Comprehend::start();
    comprehend.always_fail("BatchDetectSentiment", Fault::Late(Duration::from_secs(30)));
    let stage = Place::before(&comprehend).stage(json!({}), None);
    let begin = Instant::now();
    let analysed = stage.apply(records(3), begin + Duration::from_millis(200)).await;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(failed(&analysed[2]).message, "Comprehend did not respond before the chunk's deadline");
    assert!(codes(&analysed).iter().all(|code| *code == Some(("timed_out", true))));
}

#[tokio::test]
async fn the_first_chunk_has_full_speed_and_the_next_the_rate_limit() {
    let comprehend = Comprehend::start();
    let pace = RateLimit { calls_per_second: 0.1, max_concurrent: 8 };
    let stage = Place::before(&comprehend).stage(json!({ "detect": ["sentiment", "entities"] }), Some(pace));
    let soon = || Instant::now() + Duration::from_secs(5);
    let begin = Instant::now();
    let analysed = stage.apply(records(100), soon()).await;
    assert!(analysed.iter().all(|record| record.failure.is_none()), "a burst of one chunk: {:?}", codes(&analysed));
    assert!(begin.elapsed() < Duration::from_secs(4));
    let analysed = stage.apply(records(25), soon()).await;
    let error = failed(&analysed[0]);
    assert_eq!((error.code.as_str(), error.transient), ("rate_limited", true));
    assert_eq!(error.message, "the rate limit leaves no time in this chunk to call Comprehend");
    let wait = error.retry_after_s.expect("when it is due");
    assert!((5..=10).contains(&wait), "one call in ten seconds: {wait}");
    assert_eq!(comprehend.asked().len(), 8);
    assert!(begin.elapsed() < Duration::from_secs(4), "nobody waits for a turn that comes too late");
}

#[tokio::test]
async fn an_answer_is_not_billed_again_while_another_is_missing() {
    let comprehend = Comprehend::start();
    let place = Place::before(&comprehend);
    let stage = place.stage(json!({ "detect": ["dominant_language", "sentiment", "entities"] }), None);
    comprehend.always_fail("BatchDetectEntities", Fault::Throttled);
    let open = || vec![record("a", "This is the best of the Press.", None)];
    let analysed = stage.apply(open(), far()).await;
    assert_eq!(failed(&analysed[0]).code, ErrorCode::Throttled);
    assert_eq!(analysed[0].text.as_ref().expect("a text").language, None, "it comes again as it was");
    comprehend.clear();
    let analysed = stage.apply(open(), far()).await;
    assert_eq!((found(&analysed[0]).label, found(&analysed[0]).entities.len()), (Some(Label::Positive), 2));
    assert_eq!(analysed[0].text.as_ref().expect("a text").language.as_deref(), Some("en"));
    assert_eq!(comprehend.counts(), BTreeMap::from([("BatchDetectEntities".to_owned(), 1)]));
    assert_eq!(place.cloud.meter().take().comprehend_units, 9, "three questions, once");
    stage.apply(open(), far()).await;
    assert_eq!(comprehend.asked().len(), 4, "what is settled is for the functions' memory to know");
}

/// A worker takes a chunk through.
async fn work(running: &OpenFunction, run: &str, records: Vec<Record>) -> ChunkOutcome {
    let run = RunId::scheduled(run).expect("a run");
    let chunk = Chunk::new(&run, 0, &records);
    let deadline = Instant::now() + Duration::from_secs(60);
    let worked =
        running.process(Message::new(chunk, records), Delivery { deadline, last: false, redelivered: false }).await;
    assert!(worked.failures.is_empty(), "{:?}", worked.failures);
    worked
}

#[tokio::test]
async fn unchanged_texts_are_not_billed_twice_and_changed_ones_are() {
    let comprehend = Comprehend::start();
    let place = Place::before(&comprehend);
    let open = |settings: Value| worker(settings).open(&place, &BTreeMap::new()).expect("a worker");
    let both = json!({ "detect": ["sentiment", "dominant_language"] });
    let texts = |last: &str| {
        vec![
            record("a", "The press is great.", Some("en")),
            record("b", "The press is great.", Some("en")),
            record("c", "This is the language of nobody.", None),
            record("d", last, Some("en")),
        ]
    };
    let first = work(&open(both.clone()), "2026-11-22T09:00:00Z", texts("It is bad.")).await;
    let asked: Vec<_> = comprehend.asked().into_iter().map(|asked| (asked.operation, asked.texts.len())).collect();
    let expected = [("BatchDetectDominantLanguage".to_owned(), 1), ("BatchDetectSentiment".to_owned(), 3)];
    assert_eq!(asked, expected, "the same text is asked about once");
    assert_eq!(first.counts.reused, 0);

    comprehend.clear();
    // Another process, the other order of the same questions.
    let again = json!({ "detect": ["dominant_language", "sentiment"] });
    let second = work(&open(again), "2026-11-23T09:00:00Z", texts("It is bad.")).await;
    assert_eq!((comprehend.asked().len(), second.counts.reused), (0, 4));
    let analysed = |worked: &ChunkOutcome| -> Vec<_> {
        worked.records.iter().map(|record| (found(record).clone(), record.text.clone())).collect()
    };
    assert_eq!(analysed(&second), analysed(&first), "findings and languages");

    let third = work(&open(both.clone()), "2026-11-24T09:00:00Z", texts("It is good.")).await;
    assert_eq!((comprehend.asked().len(), comprehend.asked()[0].texts.len(), third.counts.reused), (1, 1, 3));
    comprehend.clear();
    let settings = json!({ "detect": ["sentiment", "dominant_language"], "max_bytes": 300 });
    let fourth = work(&open(settings), "2026-11-25T09:00:00Z", texts("It is good.")).await;
    assert_eq!((comprehend.asked().len(), fourth.counts.reused), (2, 0), "other settings, other findings");
    comprehend.clear();
    let settings = json!({ "detect": ["sentiment", "dominant_language"], "calls_per_second": 100 });
    let fifth = work(&open(settings), "2026-11-26T09:00:00Z", texts("It is good.")).await;
    assert_eq!((comprehend.asked().len(), fifth.counts.reused), (0, 4), "the pace changes no answer");
}
