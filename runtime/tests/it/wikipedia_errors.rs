//! The stage `wikipedia` with failures: throttling, retries, oversized responses, and which records a failure affects.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::wikipedia::{apply, apply_to_one, failure, items, open, pages};
use fanggen_runtime::component::RateLimit;
use fanggen_runtime::model::record::Item;
use fanggen_runtime::testing::components::{far_deadline, outcomes, records};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};
use serde_json::json;
use tokio::task::JoinSet;

type Say = Box<dyn Fn() -> CannedResponse + Send + Sync>;

#[tokio::test]
async fn retry_after_is_respected() {
    let maxlag = json!({ "error": { "code": "maxlag", "info": "Waiting for a database server: 6 seconds lagged." } });
    let limited = json!({ "error": { "code": "ratelimited", "info": "You've exceeded your rate limit." } });
    let soon = || (jiff::Timestamp::now() + Duration::from_secs(2)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let first: [(&str, u64, Say); 5] = [
        ("429", 1_000, Box::new(|| CannedResponse::text(429, "").with_header("Retry-After: 1"))),
        (
            "503 until a date",
            500,
            Box::new(move || CannedResponse::text(503, "").with_header(&format!("Retry-After: {}", soon()))),
        ),
        ("maxlag", 1_000, Box::new(move || CannedResponse::json(&maxlag).with_header("Retry-After: 1"))),
        ("ratelimited", 0, Box::new(move || CannedResponse::json(&limited))),
        ("429 without a word", 0, Box::new(|| CannedResponse::text(429, ""))),
    ];
    let mut all = JoinSet::new();
    for (name, least, reply) in first {
        all.spawn(async move {
            let start = Instant::now();
            let route = move |asked: &ReceivedRequest| if asked.index == 0 { reply() } else { pages(asked) };
            let (record, asked) = apply_to_one(route, json!({})).await;
            assert_eq!((outcomes(&[record]), asked), (vec![Ok("en: about Apple.")], 2), "{name}");
            assert!(start.elapsed() >= Duration::from_millis(least), "{name} waited {:?}", start.elapsed());
        });
    }
    all.join_all().await;
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_fails_at_once() {
    let start = Instant::now();
    let maxlag = json!({ "error": { "code": "maxlag", "info": "Waiting" } });
    let replies: [Say; 3] = [
        Box::new(|| CannedResponse::text(429, "").with_header("Retry-After: 120")),
        Box::new(|| CannedResponse::text(503, "").with_header("Retry-After: 120")),
        Box::new(move || CannedResponse::json(&maxlag).with_header("Retry-After: 120")),
    ];
    for reply in replies {
        let (record, asked) = apply_to_one(move |_| reply(), json!({})).await;
        assert_eq!((failure(&record), asked), (("rate_limited", true, Some(120)), 1));
    }
    assert!(start.elapsed() < Duration::from_secs(10));

    // The whole operator is meant, and not one request: the others are not even sent.
    let server = HttpServer::start(|_| CannedResponse::text(429, "").with_header("Retry-After: 120"));
    let stage = open(&server, json!({ "at_once": 1 }), None);
    let told = stage.apply(records((0..60).map(|n| Item::named(format!("Title {n}")))), far_deadline()).await;
    assert!(told.iter().all(|record| failure(record).0 == "rate_limited" && failure(record).2 >= Some(119)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn transient_failures_are_tried_three_times_and_permanent_ones_once() {
    let error = |code: &str| json!({ "error": { "code": code, "info": "Sorry" } }).to_string();
    let cases = [
        (200, "<html>".to_owned(), "answer_unreadable", true, 3),
        (200, "{\"query\":{\"pages\":[{".to_owned(), "answer_unreadable", true, 3),
        (200, error("internal_api_error_DBQueryError"), "wikipedia_unavailable", true, 3),
        (200, error("readonly"), "wikipedia_unavailable", true, 3),
        (200, error("badvalue"), "wikipedia_refused", false, 1),
        (500, String::new(), "wikipedia_unavailable", true, 3),
        (503, String::new(), "wikipedia_unavailable", true, 3),
        (403, String::new(), "wikipedia_refused", false, 1),
        (404, String::new(), "wikipedia_refused", false, 1),
    ];
    let mut all = JoinSet::new();
    for (status, body, code, transient, tries) in cases {
        all.spawn(async move {
            let name = format!("{status} {body}");
            let (record, asked) = apply_to_one(move |_| CannedResponse::text(status, &body), json!({})).await;
            assert_eq!((failure(&record), asked), ((code, transient, None), tries), "{name}");
        });
    }
    all.spawn(async {
        let (record, asked) = apply_to_one(|_| CannedResponse::Reset, json!({})).await;
        assert_eq!((failure(&record), asked), (("unreachable", true, None), 3));
    });
    all.join_all().await;

    let once: [Say; 3] = [
        Box::new(|| CannedResponse::text(200, "{")),
        Box::new(|| CannedResponse::text(502, "")),
        Box::new(|| CannedResponse::Reset),
    ];
    for reply in once {
        let route = move |asked: &ReceivedRequest| if asked.index == 0 { reply() } else { pages(asked) };
        let (record, asked) = apply_to_one(route, json!({})).await;
        assert_eq!((outcomes(&[record]), asked), (vec![Ok("en: about Apple.")], 2));
    }
}

#[tokio::test]
async fn a_hanging_flooding_or_redirecting_server_costs_one_failure() {
    let start = Instant::now();
    let hang = |_: &ReceivedRequest| {
        CannedResponse::Script(Box::new(|_| {
            std::thread::sleep(Duration::from_secs(3));
            Ok(())
        }))
    };
    let (record, _) = apply_to_one(hang, json!({ "timeout_s": 1, "patience_s": 1 })).await;
    assert_eq!(failure(&record), ("timed_out", true, None));
    assert!(start.elapsed() < Duration::from_secs(2));

    let flood = |_: &ReceivedRequest| {
        CannedResponse::Script(Box::new(|stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 65_536])?;
            }
        }))
    };
    let (record, asked) = apply_to_one(flood, json!({})).await;
    assert_eq!((failure(&record), asked), (("too_large", false, None), 1));

    let other = HttpServer::start(pages);
    let astray = other.url("/en/w/api.php");
    let (record, asked) = apply_to_one(move |_| CannedResponse::redirect(&astray), json!({})).await;
    assert_eq!((failure(&record), asked), (("address_refused", false, None), 1));
    assert_eq!(other.connections(), 0);

    let (record, asked) = apply_to_one(|_| CannedResponse::redirect("/loop"), json!({})).await;
    assert_eq!((failure(&record), asked), (("too_many_redirects", false, None), 6));
}

#[tokio::test]
async fn a_batch_that_fails_takes_no_other_with_it() {
    let server = HttpServer::start(|asked| match asked.titles().contains(&"Title 25") {
        true => CannedResponse::text(400, ""),
        false => pages(asked),
    });
    let told = apply(&server, (0..50).map(|n| Item::named(format!("Title {n}")))).await;
    for (n, record) in told.iter().enumerate() {
        match (20..40).contains(&n) {
            true => assert_eq!(failure(record), ("wikipedia_refused", false, None), "{n}"),
            false => assert!(record.failure.is_none() && record.text.is_some(), "{n}"),
        }
    }
}

#[tokio::test]
async fn a_rate_limit_admits_one_chunk_at_once_and_then_its_rate() {
    let server = HttpServer::start(pages);
    let stage = open(&server, json!({}), Some(RateLimit { calls_per_second: 1.0, max_concurrent: 2 }));
    let start = Instant::now();
    let told = stage.apply(records((0..100).map(|n| Item::named(format!("Title {n}")))), far_deadline()).await;
    assert!(told.iter().all(|record| record.text.is_some()));
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    let told = stage.apply(records(items(&["Apple", "Pear"])), far_deadline()).await;
    assert!(told.iter().all(|record| record.text.is_some()));
    assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn without_a_rate_limit_concurrency_follows_the_settings() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = HttpServer::start(move |asked| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Each waits until all five are there, or long enough to see that they do not come.
        let start = Instant::now();
        while seen.load(Ordering::SeqCst) < 5 && start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
        now.fetch_sub(1, Ordering::SeqCst);
        pages(asked)
    });
    let stage = open(&server, json!({ "at_once": 5 }), None);
    let told = stage.apply(records((0..100).map(|n| Item::named(format!("Title {n}")))), far_deadline()).await;
    assert!(told.iter().all(|record| record.failure.is_none()));
    assert_eq!(most.load(Ordering::SeqCst), 5);
}
