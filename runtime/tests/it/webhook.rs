//! The webhook against a server: its posts, their signature, and how responses are handled.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanggen_runtime::component::Sink;
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::{Item, Record, Text};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};
use fanggen_runtime::testing::memory_services::MemoryServices;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf";

fn run() -> RunId {
    RunId::scheduled("2026-11-22T09:00:00Z").expect("a time")
}

fn records(count: usize, text: usize) -> Vec<Record> {
    let text = || Some(Text { body: "x".repeat(text), ..Text::default() });
    let record = |item: usize| Record::new(run().as_str(), "companies", Item::named(format!("item {item}")));
    (0..count).map(|item| Record { text: text(), ..record(item) }).collect()
}

fn sink(server: &HttpServer, services: &MemoryServices, more: &[(&str, Value)]) -> Box<dyn Sink> {
    let mut settings = json!({ "url": server.url("/hook"), "allow": [server.host_port()] });
    for (key, value) in more {
        settings[*key] = value.clone();
    }
    services.open_sink("webhook", "alert", settings)
}

async fn post(server: &HttpServer) -> Result<String, Error> {
    let records = records(1, 10);
    sink(server, &MemoryServices::default(), &[]).write(&Chunk::new(&run(), 0, &records), &records).await
}

/// HMAC as RFC 2104 writes it, apart from the crate that signs.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn items(asked: &ReceivedRequest) -> Vec<String> {
    let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    let records = body["records"].as_array().expect("records");
    records.iter().map(|record| record["item"]["key"].as_str().expect("a key").to_owned()).collect()
}

#[tokio::test]
async fn a_chunk_is_posted_and_signed_so_that_anybody_can_verify_it() {
    let server = HttpServer::start(|_| CannedResponse::text(204, ""));
    let services = MemoryServices::default();
    *services.0.secret.lock().expect("no panic") = format!("whsec_{}", STANDARD.encode("a key of ours"));
    let sink = sink(&server, &services, &[("secret", json!(SECRET))]);
    let records = records(3, 10);
    let chunk = Chunk::new(&run(), 0, &records);
    for _ in 0..2 {
        assert_eq!(sink.write(&chunk, &records).await.expect("written"), server.url("/hook"));
    }
    let asked = server.requests();
    assert_eq!(asked.len(), 2);
    for asked in asked.iter() {
        assert!(asked.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", asked.head);
        let header = |name| asked.header(name).expect(name).to_owned();
        assert_eq!(header("webhook-id"), format!("20261122T090000Z-{}", chunk.id));
        assert_eq!(header("content-type"), "application/json");
        assert!(header("user-agent").starts_with("fanggen/") && header("user-agent").contains("me@example.com"));
        let sent: i64 = header("webhook-timestamp").parse().expect("seconds");
        assert!((jiff::Timestamp::now().as_second() - sent).abs() < 60);
        let mut signed = format!("{}.{sent}.", header("webhook-id")).into_bytes();
        signed.extend(&asked.body);
        assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(hmac(b"a key of ours", &signed))));
        let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
        assert_eq!(body, json!({ "run": "20261122T090000Z", "chunk": chunk.id, "records": records }));
    }
}

#[tokio::test]
async fn large_chunks_are_posted_in_parts_and_none_is_lost() {
    let server = HttpServer::start(|_| CannedResponse::text(200, "thanks"));
    // The last one has more text than any post may have.
    let mut records = records(100, 5_000);
    records[99].text = Some(Text { body: "y".repeat(300_000), ..Text::default() });
    let chunk = Chunk::new(&run(), 0, &records);
    sink(&server, &MemoryServices::default(), &[]).write(&chunk, &records).await.expect("written");
    let asked = server.requests();
    let ids: Vec<_> = asked.iter().map(|asked| asked.header("webhook-id").expect("an id").to_owned()).collect();
    let id = format!("20261122T090000Z-{}", chunk.id);
    assert_eq!(ids, [id.clone(), format!("{id}-2"), format!("{id}-3")]);
    assert!(asked.iter().all(|asked| asked.body.len() <= 200 * 1024 && asked.header("webhook-signature").is_none()));
    let told: Vec<_> = asked.iter().flat_map(items).collect();
    assert_eq!(told, (0..100).map(|item| format!("item {item}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn only_what_meets_the_condition_is_posted_and_nothing_where_nothing_does() {
    let server = HttpServer::start(|_| CannedResponse::text(200, ""));
    let records = records(3, 10);
    let chunk = Chunk::new(&run(), 0, &records);
    let write = |when: &str| {
        let sink = sink(&server, &MemoryServices::default(), &[("when", json!(when))]);
        let (chunk, records) = (chunk.clone(), records.clone());
        async move { sink.write(&chunk, &records).await.expect("written") }
    };
    write("failed").await;
    assert_eq!(server.requests().len(), 0);
    write("item == 'item 1'").await;
    assert_eq!(items(&server.requests()[0]), ["item 1"]);
}

#[tokio::test]
async fn the_response_says_whether_a_retry_may_help() {
    for (status, transient) in [
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (410, false),
        (413, false),
        (408, true),
        (425, true),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let server = HttpServer::start(move |_| CannedResponse::text(status, "no").with_header("Retry-After: 7"));
        let error = post(&server).await.expect_err("refused");
        let wait = transient.then_some(7);
        assert_eq!(
            (error.code.as_str(), error.transient, error.retry_after_s),
            ("post_refused", transient, wait),
            "{status}"
        );
        let words = match transient {
            true => format!("`127.0.0.1` did not accept the request (HTTP {status})"),
            false => format!("`127.0.0.1` refused the request (HTTP {status}): check `url` and `secret`"),
        };
        assert_eq!(error.message, words);
    }
    let server = HttpServer::start(|_| CannedResponse::Script(Box::new(|_| Ok(()))));
    let error = post(&server).await.expect_err("nothing said");
    assert_eq!((error.code.as_str(), error.transient), ("unreachable", true));
}

#[tokio::test]
async fn a_post_is_never_redirected() {
    let other = HttpServer::start(|_| CannedResponse::text(200, ""));
    for status in [301, 302, 303, 307, 308] {
        let to = format!("Location: {}", other.url("/"));
        let server = HttpServer::start(move |_| CannedResponse::text(status, "").with_header(&to));
        let error = post(&server).await.expect_err("led on");
        assert_eq!((error.code.as_str(), error.transient), ("redirect_refused", false));
        let origin = server.url("");
        assert_eq!(
            error.message,
            format!("`{origin}` redirects the POST (HTTP {status}): use the URL that it redirects to")
        );
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_closed_address_is_not_connected_to() {
    let server = HttpServer::start(|_| CannedResponse::text(200, ""));
    let records = records(1, 10);
    let chunk = Chunk::new(&run(), 0, &records);
    for url in [server.url("/"), format!("http://localhost:{}/", server.port), "http://169.254.169.254/".into()] {
        let sink = MemoryServices::default().open_sink("webhook", "alert", json!({ "url": url }));
        let error = sink.write(&chunk, &records).await.expect_err("closed");
        assert_eq!((error.code.as_str(), error.transient), ("address_refused", false), "{url}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_invalid_secret_posts_nothing_and_is_not_printed() {
    let server = HttpServer::start(|_| CannedResponse::text(200, ""));
    let services = MemoryServices::default();
    *services.0.secret.lock().expect("no panic") = "{\"password\":\"s3cret\"}".into();
    let sink = sink(&server, &services, &[("secret", json!(SECRET))]);
    let records = records(1, 10);
    let error = sink.write(&Chunk::new(&run(), 0, &records), &records).await.expect_err("unusable");
    assert_eq!(error.message, "the webhook's secret is JSON without a text `secret`: store another value");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_receiver_that_never_answers_times_out() {
    let server = HttpServer::start(|_| {
        std::thread::sleep(Duration::from_secs(30));
        CannedResponse::text(200, "")
    });
    let before = std::time::Instant::now();
    let error = post(&server).await.expect_err("silence");
    assert_eq!((error.code.as_str(), error.transient), ("timed_out", true));
    assert!((9..15).contains(&before.elapsed().as_secs()));
}
