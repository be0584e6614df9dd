//! Deployed sinks that notify others, on the emulator: a queue, topics, a signed webhook, messages to Slack, and a CSV archive.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use crate::harness::{aws, deployed_pipeline};

use std::collections::{BTreeMap, BTreeSet};

use aws::emulator::block_on;
use aws::secrets::secrets;
use aws::target_account::target_account;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::Message;
use aws_smithy_types::base64;
use deployed_pipeline::{DeployedPipeline, receive_all_from};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What signs posts; 32 bytes, as a text.
const SECRET: &str = "a secret of tests, and no other's";

/// The path that stands in for Slack.
const SLACK: &str = "/services/T0/B0/s3cret";

/// Items of a run: three chunks.
const ITEMS: usize = 300;

fn pipeline(hook: &HttpServer, secret: &str, slack: &str) -> String {
    let (url, allow) = (hook.url("/hook"), hook.host_port());
    format!(
        r#"
[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 20

[sources.companies]
type = "dynamodb"
key = "name"
items = []

[[stages]]
name = "summary"
type = "wikipedia"

[[stages]]
name = "mood"
type = "lexicon"

[sinks.events]
type = "sqs"

[sinks.alert]
type = "sns"
when = 'label == "NEGATIVE"'

[sinks.news]
type = "sns"
when = "changed"

[sinks.hook]
type = "webhook"
url = "{url}"
secret = "{secret}"
allow = ["{allow}"]

[sinks.team]
type = "webhook"
url_secret = "{slack}"
body = "slack"
when = 'label == "NEGATIVE"'
allow = ["{allow}"]

[sinks.sheet]
type = "s3"
format = "csv"
compression = "zstd"
"#
    )
}

/// A name whose length, and so the mood of its page, is another than its neighbours'.
fn company(number: usize) -> String {
    format!("Company {number:03}{}", "s".repeat(number % 3))
}

/// The mood of a page of the encyclopedia.
fn mood(title: &str) -> &'static str {
    ["POSITIVE", "NEGATIVE", "NEUTRAL"][title.len() % 3]
}

/// HMAC as RFC 2104 writes it, apart from the crate that signs.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// The items of a post, whose signature is right.
fn verified(asked: &ReceivedRequest) -> Vec<String> {
    let header = |name: &str| asked.header(name).unwrap_or_else(|| panic!("no `{name}` in\n{}", asked.head));
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let signed = [format!("{id}.{time}.").as_bytes(), &asked.body].concat();
    let signature = format!("v1,{}", base64::encode(hmac(SECRET.as_bytes(), &signed)));
    assert_eq!(header("webhook-signature"), signature, "{id}");
    let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    let (run, chunk) = (body["run"].as_str().expect("a run"), body["chunk"].as_str().expect("a chunk"));
    assert!(id.starts_with(&format!("{run}-{chunk}")), "{id} of {run} and {chunk}");
    let records = body["records"].as_array().expect("records");
    records.iter().map(|record| record["item"]["key"].as_str().expect("a key").to_owned()).collect()
}

/// Subject and body of the digests that came.
fn digests(listener: &str) -> Vec<(String, String)> {
    let word = |body: &Value, name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let digest = |message: &Message| {
        let body: Value = serde_json::from_str(message.body().unwrap_or_default()).expect("JSON");
        (word(&body, "Subject"), word(&body, "Message"))
    };
    receive_all_from(listener).iter().map(digest).collect()
}

/// A run, until nothing of it is under way: all that it wrote and told is there then.
fn run(live: &DeployedPipeline, hour: usize) -> String {
    let produced = live.start_run(&format!("2026-11-22T{hour}:00:00Z")).expect("produced");
    assert_eq!(produced, json!({ "items": ITEMS, "chunks": 3 }));
    let run = format!("20261122T{hour}0000Z");
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    assert_eq!(live.message_count("WorkerDeadQueue"), 0, "{}", live.logs());
    run
}

/// The messages of a run in the sink's queue: each item at least once, each under the key of its record.
fn check_messages(live: &DeployedPipeline, run: &str) {
    let messages = live.receive_all("EventsQueue");
    let mut keys = BTreeSet::new();
    for message in &messages {
        let attribute = |name: &str| message.message_attributes()?.get(name)?.string_value();
        let record: Value = serde_json::from_str(message.body().unwrap_or_default()).expect("a record");
        let item = record["item"]["key"].as_str().expect("a key");
        let key = format!("{run}/companies/{item}");
        assert_eq!((attribute("key"), attribute("run")), (Some(key.as_str()), Some(run)));
        assert_eq!(record["findings"][0]["label"], mood(record["text"]["title"].as_str().expect("a title")));
        keys.insert(key);
    }
    let expected = (0..ITEMS).map(|number| format!("{run}/companies/{}", company(number))).collect();
    assert_eq!(keys, expected);
}

/// The posts of a run: each item in one of them, all of them signed; and one message to Slack per chunk.
fn check_posts(hook: &HttpServer, run: &str) {
    let posts = std::mem::take(&mut *hook.requests());
    assert!(posts.iter().all(|post| post.header("webhook-id").is_some_and(|id| id.starts_with(run))));
    let is_slack = |post: &ReceivedRequest| post.head.starts_with(&format!("POST {SLACK} "));
    let (messages, posts): (Vec<_>, Vec<_>) = posts.into_iter().partition(is_slack);
    let posted: BTreeSet<String> = posts.iter().flat_map(verified).collect();
    assert_eq!(posted, (0..ITEMS).map(company).collect());
    let of_chunks: BTreeMap<&str, u64> =
        messages.iter().map(|post| (post.header("webhook-id").expect("an id"), told(post, run))).collect();
    assert_eq!((of_chunks.len(), of_chunks.values().sum::<u64>()), (3, 100), "{of_chunks:?}");
}

/// How many records a message to Slack is about.
fn told(post: &ReceivedRequest, run: &str) -> u64 {
    let body: Value = serde_json::from_slice(&post.body).expect("JSON");
    let text = body["text"].as_str().expect("a text");
    let count: u64 =
        text.strip_prefix("*told, dev*: ").and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a count");
    let head = format!("{count} records in the run {run} matched `label == \"NEGATIVE\"` (sink `team`)\n");
    let lines: Vec<&str> =
        text.strip_prefix("*told, dev*: ").and_then(|text| text.strip_prefix(&head)).expect(text).lines().collect();
    assert_eq!(lines.len(), 21, "twenty and how many more: {text}");
    assert!(
        lines[..20].iter().all(|line| line.starts_with("\u{2022} *Company ") && line.contains("*: NEGATIVE ")),
        "{text}"
    );
    assert_eq!(lines[20], format!("\u{2026} and {} more", count - 20));
    count
}

/// The sheets of a run: three objects, and a row an item with its label.
fn check_sheets(live: &DeployedPipeline, run: &str) {
    let start = format!("sheet/dt=2026-11-22/{run}-");
    let objects = live.compressed_objects("SheetBucket").into_iter().filter(|(key, _)| key.starts_with(&start));
    let objects: BTreeMap<String, Vec<u8>> = objects.collect();
    assert!(objects.len() == 3 && objects.keys().all(|key| key.ends_with(".csv.zst")), "{:?}", objects.keys());
    let mut labels = BTreeMap::new();
    for body in objects.values() {
        let text = String::from_utf8(zstd::decode_all(body.as_slice()).expect("zstd")).expect("UTF-8");
        let mut lines = text.lines();
        assert!(
            lines.next().is_some_and(|head| head.starts_with("run,source,item,entry,title,stage,engine,label,score,"))
        );
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!((cells[0], cells[1], cells[5], cells[6]), (run, "companies", "mood", "lexicon"));
            assert_eq!(cells[7], mood(cells[4]), "{line}");
            assert!(labels.insert(cells[2].to_owned(), cells[7].to_owned()).is_none(), "twice: {line}");
        }
    }
    assert_eq!(labels.into_keys().collect::<BTreeSet<_>>(), (0..ITEMS).map(company).collect());
}

#[test]
fn a_run_sends_messages_posts_and_one_digest_and_an_unchanged_one_no_news() {
    let hook = HttpServer::start(|_| CannedResponse::text(204, ""));
    let [secret, slack] = secrets("told", [("told/hook", SECRET), ("told/slack", &hook.url(SLACK))]);
    let live = DeployedPipeline::new(&pipeline(&hook, &secret, &slack), &[], "told", "dev");
    live.put("CompaniesTable", (0..ITEMS).map(company));
    let [alert, news] = ["AlertTopic", "NewsTopic"].map(|topic| live.listener(topic));
    let bad = (0..ITEMS).filter(|number| mood(&company(*number)) == "NEGATIVE").count();
    assert_eq!(bad, 100);

    for hour in [12, 13] {
        let run = run(&live, hour);
        let told = digests(&alert);
        assert_eq!(told.len(), 1, "one a run: {told:?}");
        let (subject, body) = &told[0];
        assert_eq!(subject, "told (dev): 100 of 300 items, alert");
        let head = format!(
            "100 of 300 items in the run {run} matched `label == \"NEGATIVE\"`.\nThe run: 300 items, 0 failed.\n"
        );
        assert!(body.starts_with(&head), "{body}");
        assert_eq!(body.lines().filter(|line| line.starts_with("- Company ")).count(), 100);
        // The first finding of an item is no change, and neither is the same one again.
        assert_eq!(digests(&news), []);
        check_messages(&live, &run);
        check_posts(&hook, &run);
        check_sheets(&live, &run);
    }

    // Some are looked up under another title, whose page is of another mood.
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    for number in [0, 1, 2, 150, 299] {
        let title = AttributeValue::S(format!("{}x", company(number)));
        let set = client.update_item().table_name(live.name("CompaniesTable"));
        let set = set.key("name", AttributeValue::S(company(number))).update_expression("SET title = :title");
        block_on(set.expression_attribute_values(":title", title).send()).expect("set");
    }
    let run = run(&live, 14);
    let told = digests(&news);
    let head = format!("5 of 300 items in the run {run} matched `changed`.\n");
    assert!(told.len() == 1 && told[0].1.starts_with(&head), "{told:?}");
    for number in [0, 1, 2, 150, 299] {
        let (item, label) = (company(number), mood(&format!("{}x", company(number))));
        let line = |line: &str| {
            line.starts_with(&format!("- {item}: {label}"))
                && line.ends_with(&format!(", previously {}", mood(&company(number))))
        };
        assert!(told[0].1.lines().any(line), "{item} is {label}: {}", told[0].1);
    }
    assert_eq!(digests(&alert).len(), 1);
}
