//! The webhook against a server: its posts, their signature, and how responses are handled.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanggen_runtime::component::Sink;
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Finding, Item, Label, Record, Text};
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

/// A record with a finding and the text of a page.
fn judged(item: &str, label: Label, score: f64, title: &str, url: &str) -> Record {
    let text = Text { title: Some(title.into()), url: Some(url.into()), ..Text::default() };
    let finding = Finding { label: Some(label), score: Some(score), ..Finding::default() };
    let record = Record::new(run().as_str(), "companies", Item::named(item));
    Record { text: Some(text), findings: vec![finding], ..record }
}

/// A sink of messages to Slack, whose URL is in a secret.
fn slack(server: &HttpServer, services: &MemoryServices, more: &[(&str, Value)]) -> Box<dyn Sink> {
    *services.0.secret.lock().expect("no panic") = server.url("/services/T0/B0/s3cret");
    let mut settings = json!({ "url_secret": SECRET, "body": "slack", "allow": [server.host_port()] });
    for (key, value) in more {
        settings[*key] = value.clone();
    }
    services.open_sink("webhook", "alert", settings)
}

#[tokio::test]
async fn slack_gets_one_message_per_chunk_in_which_nothing_from_a_page_is_a_link_or_a_mention() {
    let server = HttpServer::start(|_| CannedResponse::text(200, "ok"));
    let services = MemoryServices::default();
    let sink = slack(&server, &services, &[("when", json!("changed || failed"))]);
    let quiet = vec![judged("Apple", Label::Positive, 0.5, "Good", "https://a.example/1")];
    sink.write(&Chunk::new(&run(), 0, &quiet), &quiet).await.expect("written");
    assert_eq!(server.requests().len(), 0, "nothing changed");

    let next = RunId::scheduled("2026-11-22T10:00:00Z").expect("a time");
    let title = "<!channel> <https://evil.example|Click> & *win*\nhttps://evil.example @here";
    let mut records = vec![
        judged("Apple", Label::Negative, -0.815, title, "https://a.example/2?a=<@U1>&b=1|2"),
        Record::new(next.as_str(), "companies", Item::named("<@U123>")),
    ];
    records[0].run = next.to_string();
    records[1].fail("page", Error::permanent(ErrorCode::PageMissing, "<!here>"));
    let chunk = Chunk::new(&next, 0, &records);
    let place = sink.write(&chunk, &records).await.expect("written");
    assert_eq!(place, SECRET, "the URL is a secret");

    let posted = std::mem::take(&mut *server.requests());
    assert_eq!(posted.len(), 1);
    assert!(posted[0].head.starts_with("POST /services/T0/B0/s3cret HTTP/1.1\r\n"), "{}", posted[0].head);
    let body: Value = serde_json::from_slice(&posted[0].body).expect("JSON");
    let lines = [
        "*fang, dev*: 2 records in the run 20261122T100000Z matched `changed || failed` (sink `alert`)",
        "\u{2022} *Apple*: NEGATIVE -0.81, previously POSITIVE, \
         <https://a.example/2?a=%3C@U1%3E&amp;b=1%7C2|&lt;!channel&gt; &lt;https://evil.example|Click&gt; &amp; *win* \
         https://evil.example @here>",
        "\u{2022} *&lt;@U123&gt;*: failed, `page_missing`",
    ];
    let block = |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    assert_eq!(
        body,
        json!({
            "text": lines.join("\n"),
            "blocks": lines.map(block),
            "unfurl_links": false,
            "unfurl_media": false,
        })
    );
}

#[tokio::test]
async fn many_records_are_summarised_in_one_message_within_the_limits_of_slack() {
    let server = HttpServer::start(|_| CannedResponse::text(200, "ok"));
    let services = MemoryServices::default();
    let send = async |records: &[Record]| {
        let sink = slack(&server, &services, &[]);
        sink.write(&Chunk::new(&run(), 0, records), records).await.expect("written");
        let posted = std::mem::take(&mut *server.requests());
        assert_eq!(posted.len(), 1);
        let body: Value = serde_json::from_slice(&posted[0].body).expect("JSON");
        let text = body["text"].as_str().expect("a text").to_owned();
        assert!(text.chars().count() <= 12_000, "{}", text.len());
        for block in body["blocks"].as_array().expect("blocks") {
            assert!(block["text"]["text"].as_str().is_some_and(|text| text.chars().count() <= 3_000), "{block}");
        }
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let short = |place| judged(&format!("item {place}"), Label::Neutral, 0.0, "t", "https://a.example/");
    let lines = send(&(0..100).map(short).collect::<Vec<_>>()).await;
    assert_eq!((lines.len(), lines[21].as_str()), (22, "\u{2026} and 80 more"));
    assert_eq!(lines[20], "\u{2022} *item 19*: NEUTRAL +0.00, <https://a.example/|t>");
    // What is as long as it can be, and grows when it is escaped.
    let long = |_| {
        let url = format!("https://a.example/?{}", "&".repeat(150));
        judged(&"<".repeat(2_000), Label::Mixed, 0.0, &"&".repeat(5_000), &url)
    };
    let lines = send(&(0..100).map(long).collect::<Vec<_>>()).await;
    let listed = lines.len() - 2;
    assert!((4..20).contains(&listed), "{listed}");
    assert_eq!(lines.last().map(String::as_str), Some(format!("\u{2026} and {} more", 100 - listed).as_str()));
}

#[tokio::test]
async fn the_url_in_a_secret_is_guarded_and_in_no_error() {
    let server = HttpServer::start(|_| CannedResponse::text(404, "no_service"));
    let services = MemoryServices::default();
    let records = records(1, 10);
    let chunk = Chunk::new(&run(), 0, &records);
    let refused = slack(&server, &services, &[]).write(&chunk, &records).await.expect_err("refused");
    let advice = format!("check the URL in the secret `{SECRET}`");
    assert_eq!(refused.message, format!("`127.0.0.1` refused the request (HTTP 404, no_service): {advice}"));
    assert_eq!((refused.code, refused.transient), (ErrorCode::PostRefused, false));
    // Nobody reads a secret before it is used, so the guard looks at it when it posts.
    let sink = slack(&server, &services, &[("allow", json!([]))]);
    let connections = server.connections();
    let closed = sink.write(&chunk, &records).await.expect_err("closed");
    assert_eq!(closed.code, ErrorCode::AddressRefused);
    let sink = slack(&server, &services, &[]);
    *services.0.secret.lock().expect("no panic") = r#"{"link":"https://s3cret.example"}"#.into();
    let unusable = sink.write(&chunk, &records).await.expect_err("unusable");
    assert_eq!(unusable.code, ErrorCode::SecretUnusable);
    for error in [refused, closed, unusable] {
        assert!(!error.message.contains("s3cret"), "{error}");
    }
    assert_eq!(server.connections(), connections);
}
