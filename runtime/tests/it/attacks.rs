//! Every guard of the fetching stages, attacked through the stages themselves.

use std::time::{Duration, Instant};

use crate::harness::hostile_server::{self, RESPONSES, addresses};
use fanggen_runtime::model::record::{Item, Record};
use fanggen_runtime::testing::components::{far_deadline, open_stage, outcomes, records};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use serde_json::{Value, json};

/// An item that names an address.
type Naming = fn(String) -> Item;

/// The two stages that fetch what items name, each with the attribute that names it.
const STAGES: [(&str, Naming); 2] = [
    ("feed", |url| Item { feed: Some(url), ..Item::named("Apple") }),
    ("http", |url| Item { url: Some(url), ..Item::named("Apple") }),
];

async fn ask(kind: &str, settings: Value, items: Vec<Item>) -> Vec<Record> {
    open_stage(kind, settings, None).apply(records(items), far_deadline()).await
}

#[tokio::test]
async fn internal_addresses_are_never_fetched_in_any_spelling() {
    let inside = HttpServer::start(|_| CannedResponse::text(200, "secret"));
    for (kind, item) in STAGES {
        for (url, code) in addresses(inside.port) {
            let told = ask(kind, json!({}), vec![item(url.clone())]).await;
            assert_eq!(outcomes(&told), [Err(code)], "{kind} {url}");
            let words = &told[0].failure.as_ref().expect("a failure").error.message;
            assert!(!words.contains("secret"), "{words}");
        }
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn redirects_to_internal_addresses_are_not_followed_in_any_spelling() {
    let inside = HttpServer::start(|_| CannedResponse::text(200, "secret"));
    let targets = addresses(inside.port);
    let leads: Vec<String> = targets.iter().map(|(url, _)| url.clone()).collect();
    let outside = HttpServer::start(move |asked| {
        let target: usize = asked.path.trim_start_matches('/').parse().expect("a number");
        CannedResponse::redirect(&leads[target])
    });
    for (kind, item) in STAGES {
        for (place, (url, expected)) in targets.iter().enumerate() {
            // As an address by itself it is none; from a page it leads to that page's neighbour.
            if url == "nonsense" {
                continue;
            }
            let told =
                ask(kind, json!({ "allow": [outside.host_port()] }), vec![item(outside.url(&format!("/{place}")))])
                    .await;
            assert_eq!(outcomes(&told), [Err(*expected)], "{kind} {url}");
        }
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn oversized_and_slow_responses_are_capped_and_other_items_unaffected() {
    let inside = HttpServer::start(|_| CannedResponse::text(200, "secret"));
    let (bad, good) = (
        hostile_server::start(inside.port),
        HttpServer::start(|asked| match asked.path.as_str() {
            "/feed" => CannedResponse::text(
                200,
                "<rss version='2.0'><channel><item><title>News</title></item></channel></rss>",
            ),
            _ => CannedResponse::text(200, "<p>A page</p>").with_header("Content-Type: text/html"),
        }),
    );
    let settings = json!({
        "allow": [bad.host_port(), good.host_port()], "timeout_s": 1, "patience_s": 3, "at_once": 20, "max_bytes": 1_000_000,
    });
    for (kind, item) in STAGES {
        let mut items: Vec<Item> = RESPONSES.iter().map(|(path, _)| item(bad.url(path))).collect();
        items.iter_mut().enumerate().for_each(|(place, item)| item.key = format!("Company {place}"));
        items.push(item(good.url(if kind == "feed" { "/feed" } else { "/page" })));
        let start = Instant::now();
        let told = ask(kind, settings.clone(), items).await;
        let mut expected: Vec<_> = RESPONSES.iter().map(|(_, code)| Err(*code)).collect();
        expected.push(Ok(if kind == "feed" { "News" } else { "A page" }));
        assert_eq!(outcomes(&told), expected, "{kind}");
        assert!(start.elapsed() < Duration::from_secs(10), "{kind}: {:?}", start.elapsed());
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn an_error_status_says_whether_a_retry_may_help() {
    let server = HttpServer::start(|asked| {
        let status = asked.path.trim_start_matches('/').parse().expect("a status");
        let reply = CannedResponse::text(status, "");
        if status == 429 { reply.with_header("Retry-After: 77") } else { reply }
    });
    for (kind, item) in STAGES {
        for (status, code, transient, wait) in [
            (404, "page_missing", false, None),
            (410, "page_missing", false, None),
            (401, "access_refused", false, None),
            (403, "access_refused", false, None),
            (429, "rate_limited", true, Some(77)),
            (500, "unavailable", true, None),
            (503, "unavailable", true, None),
        ] {
            let settings = json!({ "allow": [server.host_port()], "patience_s": 2 });
            let told = ask(kind, settings, vec![item(server.url(&format!("/{status}")))]).await;
            let error = told[0].failure.clone().expect("a failure").error;
            assert_eq!(
                (error.code.as_str(), error.transient, error.retry_after_s),
                (code, transient, wait),
                "{kind} {status}"
            );
        }
    }
}

#[tokio::test]
async fn an_address_is_fetched_once_and_transient_failures_are_retried() {
    let server = HttpServer::start(|asked| match asked.index {
        0 => CannedResponse::Reset,
        1 => CannedResponse::text(503, ""),
        _ => CannedResponse::text(200, "All of it").with_header("Content-Type: text/plain"),
    });
    let url = server.url("/{key}");
    let items = vec![Item::named("a b/c"), Item { url: Some(server.url("/a%20b%2Fc")), ..Item::named("Other") }];
    let told = ask("http", json!({ "allow": [server.host_port()], "url": url }), items).await;
    assert_eq!(outcomes(&told), [Ok("All of it"), Ok("All of it")]);
    let paths: Vec<String> = server.requests().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths, ["/a%20b%2Fc"; 3]);
    let agent = format!("user-agent: fanggen/{} (me@example.com) reqwest/0.13\r\n", env!("CARGO_PKG_VERSION"));
    assert!(server.requests()[0].head.contains(&agent), "{}", server.requests()[0].head);
    let missing = ask("http", json!({}), vec![Item::named("Apple")]).await;
    let words = "`Apple` has no URL: set `url` on the item or on the stage";
    assert_eq!(missing[0].failure.as_ref().expect("a failure").error.message, words);
}

#[tokio::test]
async fn a_throttling_host_delays_no_other_and_for_15_minutes_at_most() {
    let server = HttpServer::start(|asked| match asked.path.as_str() {
        "/busy" if asked.index == 0 => CannedResponse::text(429, "").with_header("Retry-After: 2"),
        "/closed" => CannedResponse::text(503, "").with_header("Retry-After: 86400"),
        _ => CannedResponse::text(200, "All of it").with_header("Content-Type: text/plain"),
    });
    let settings = json!({ "allow": [server.host_port()], "at_once": 1 });
    let item = |key: &str, path: &str| Item { url: Some(server.url(path)), ..Item::named(key) };
    let told = ask("http", settings, vec![item("A", "/busy"), item("B", "/closed"), item("C", "/page")]).await;
    assert_eq!(outcomes(&told), [Ok("All of it"), Err("rate_limited"), Ok("All of it")]);
    assert_eq!(told[1].failure.as_ref().expect("a failure").error.retry_after_s, Some(900));
    let paths: Vec<String> = server.requests().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths, ["/busy", "/closed", "/page", "/busy"]);
}
