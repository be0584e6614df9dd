//! The real `bootstrap` under `cargo lambda watch`: every recorded event is answered, and the process goes on.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use crate::harness::{aws, cargo_lambda, deployed_pipeline};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aws::emulator::block_on;
use aws::target_account::target_account;
use aws_sdk_dynamodb::types::AttributeValue;
use cargo_lambda::CargoLambda;
use deployed_pipeline::DeployedPipeline;
use serde_json::{Value, json};

const PIPELINE: &str = r#"
[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 10

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Apple", "Google", "Netflix"]

[[stages]]
name = "summary"
type = "wikipedia"

[[stages]]
name = "sentiment"
type = "lexicon"

[sinks.archive]
type = "s3"
"#;

/// Everything that was recorded, by its file: files as they are, and the events that stand within some of them. None, and
/// a word on stderr, where the recordings are not at hand.
fn recorded() -> Option<Vec<(String, Value)>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/events"));
    let Ok(files) = std::fs::read_dir(&folder) else {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return None;
    };
    let mut all = Vec::new();
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file.path()).expect("a file");
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        within(&name, &value, &mut all);
        all.push((name, value));
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(all.len() >= 30, "{} events", all.len());
    Some(all)
}

/// The events of EventBridge that stand somewhere within.
fn within(name: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    let inner: Vec<&Value> = match value {
        Value::Array(all) => all.iter().collect(),
        Value::Object(all) => all.values().collect(),
        _ => return,
    };
    for value in inner {
        if value["detail-type"].is_string() {
            found.push((format!("{name}, event {}", found.len()), value.clone()));
        }
        within(name, value, found);
    }
}

/// The messages of an event by which SQS delivers, with their ids.
fn delivered(event: &Value) -> Option<Vec<(&str, &str)>> {
    let records = event["Records"].as_array()?;
    let message = |record: &Value| record["eventSource"] == "aws:sqs" && record["body"].is_string();
    records
        .iter()
        .all(message)
        .then(|| records.iter().map(|record| (word(record, "messageId"), word(record, "body"))).collect())
}

fn word<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

/// The code and the words of a reported error.
fn reported(name: &str, answer: Result<Value, Value>) -> (String, String) {
    let error = answer.expect_err(name);
    (word(&error, "errorType").to_owned(), word(&error, "errorMessage").to_owned())
}

fn unreadable(name: &str, answer: Result<Value, Value>) {
    let (code, words) = reported(name, answer);
    assert_eq!(code, "event_unreadable", "{name}: {words}");
    assert!(words.starts_with("unexpected event: "), "{name}: {words}");
}

#[test]
fn a_worker_dead_letters_unreadable_messages_and_rejects_foreign_events() {
    let Some(events) = recorded() else { return };
    let live = DeployedPipeline::new(PIPELINE, &[], "watched", "dev");
    let mut worker = CargoLambda::of(&live, "WorkerFunction");
    let mut poison = BTreeMap::new();
    for (name, event) in &events {
        let answer = worker.invoke(event);
        let Some(messages) = delivered(event) else {
            unreadable(name, answer);
            continue;
        };
        assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })), "{name}: set aside, and not handed back");
        poison.extend(messages.iter().map(|(_, body)| ((*body).to_owned(), "message_unreadable".to_owned())));
        for (id, _) in messages {
            let line = worker.logged(|line| line["message_id"] == id);
            let words = line["message"].as_str().unwrap_or_default();
            assert_eq!((&line["level"], &line["code"]), (&json!("ERROR"), &json!("message_unreadable")), "{name}");
            assert!(words.starts_with("cannot parse the message: "), "{name}: {words}");
        }
    }
    assert!(poison.len() >= 2, "{poison:?}");
    let text = |message: &aws_sdk_sqs::types::Message| {
        let reason = message.message_attributes().and_then(|all| all.get("reason")?.string_value());
        (message.body().unwrap_or_default().to_owned(), reason.unwrap_or_default().to_owned())
    };
    let dead: BTreeMap<String, String> = live.receive_all("WorkerDeadQueue").iter().map(text).collect();
    assert_eq!(dead, poison, "each with its reason");
    assert!(live.objects("ArchiveBucket").is_empty(), "nothing was made of them");

    let record = json!({ "run": "20261122T120000Z", "source": "companies", "item": { "key": "Apple" } });
    let good = json!({
        "version": 1, "chunk": { "run": "20261122T120000Z", "id": "0123456789abcdef", "number": 0 },
        "records": [record],
    });
    let message = json!({ "messageId": "m-1", "body": good.to_string(), "eventSource": "aws:sqs", "attributes": {} });
    let answer = worker.invoke(&json!({ "Records": [message] }));
    assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })), "{}", worker.log());
    let objects = live.objects("ArchiveBucket");
    let key = "archive/dt=2026-11-22/20261122T120000Z-0123456789abcdef.jsonl.gz";
    assert_eq!(objects.keys().collect::<Vec<_>>(), [key]);
    assert_eq!((&objects[key][0]["item"]["key"], &objects[key][0]["failure"]), (&json!("Apple"), &Value::Null));
    assert!(worker.is_alive());
}

/// A message of a chunk with one record, as SQS delivers it for so many times.
fn message(number: u64, record: &Value, receives: u64) -> Value {
    let chunk = json!({ "run": "20261122T120000Z", "id": format!("{number:016x}"), "number": number });
    let body = json!({ "version": 1, "chunk": chunk, "records": [record] }).to_string();
    let attributes = json!({ "ApproximateReceiveCount": receives.to_string() });
    let id = format!("m-{number}");
    json!({ "Records": [{ "messageId": id, "body": body, "eventSource": "aws:sqs", "attributes": attributes }] })
}

#[test]
fn a_message_of_older_settings_is_processed_with_newer_ones() {
    let live = DeployedPipeline::new(PIPELINE, &[], "older", "dev");
    let worker = CargoLambda::of(&live, "WorkerFunction");
    // A stage and an attribute that there were once, and what the newer function knows beyond them is not there yet.
    let finding = json!({ "stage": "gone", "engine": "lexicon", "label": "NEGATIVE", "score": -0.4, "coverage": 1.0 });
    let record = json!({
        "run": "20261122T120000Z", "source": "renamed", "item": { "key": "Apple", "labels": { "country": "US" } },
        "text": { "body": "A great phone.", "language": "en", "source": "text" }, "findings": [finding],
    });
    assert_eq!(worker.invoke(&message(7, &record, 1)), Ok(json!({ "batchItemFailures": [] })), "{}", worker.log());
    let objects = live.objects("ArchiveBucket");
    let written: Vec<&Value> = objects.values().flatten().collect();
    assert_eq!(written.len(), 1, "{objects:?}");
    assert_eq!((&written[0]["findings"][0], &written[0]["source"]), (&finding, &json!("renamed")));
    assert_eq!(written[0]["failure"], Value::Null);
}

#[test]
fn a_message_redelivered_on_another_day_is_written_under_the_date_of_its_run() {
    let live = DeployedPipeline::new(
        &format!("{PIPELINE}\n[sinks.latest]\ntype = \"dynamodb\"\nttl_days = 9\n"),
        &[],
        "midnight",
        "dev",
    );
    let worker = CargoLambda::of(&live, "WorkerFunction");
    // Half a minute before a midnight that is long over.
    let run = "20251231T235930Z";
    let mut event = message(7, &json!({ "run": run, "source": "companies", "item": { "key": "Apple" } }), 1);
    let body = event["Records"][0]["body"].as_str().unwrap_or_default().replace("20261122T120000Z", run);
    event["Records"][0]["body"] = json!(body);
    for receives in ["1", "2"] {
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = json!(receives);
        assert_eq!(worker.invoke(&event), Ok(json!({ "batchItemFailures": [] })), "{}", worker.log());
    }
    let objects = live.objects("ArchiveBucket");
    let key = "archive/dt=2025-12-31/20251231T235930Z-0000000000000007.jsonl.gz";
    assert_eq!(objects.keys().collect::<Vec<_>>(), [key]);
    let rows = live.rows("LatestTable");
    assert_eq!(rows.len(), 1);
    // Nine days after the end of the day of the run, 2026-01-10, whenever it was written.
    assert_eq!(rows[0]["expires"].as_n().map(String::as_str), Ok("1768003200"));
}

#[test]
fn a_chunk_that_no_sink_accepts_is_dead_lettered_on_its_last_receive() {
    let live =
        DeployedPipeline::new(&format!("{PIPELINE}\n[sinks.latest]\ntype = \"dynamodb\"\n"), &[], "untaken", "dev");
    let worker = CargoLambda::of(&live, "WorkerFunction");
    let s3 = aws_sdk_s3::Client::new(&target_account().sdk);
    block_on(s3.delete_bucket().bucket(live.name("ArchiveBucket")).send()).expect("no bucket any more");
    let record = json!({ "run": "20261122T120000Z", "source": "companies", "item": { "key": "Apple" } });
    for receives in [1, 9] {
        let again = json!({ "batchItemFailures": [{ "itemIdentifier": "m-7" }] });
        assert_eq!(worker.invoke(&message(7, &record, receives)), Ok(again), "{}", worker.log());
    }
    assert!(live.receive_all("WorkerDeadQueue").is_empty());
    let last = message(7, &record, 10);
    assert_eq!(worker.invoke(&last), Ok(json!({ "batchItemFailures": [] })), "{}", worker.log());
    let dead = live.receive_all("WorkerDeadQueue");
    let word = |name: &str| {
        let found = dead[0].message_attributes().and_then(|all| all.get(name)?.string_value());
        found.unwrap_or_default().to_owned()
    };
    assert_eq!((dead.len(), dead[0].body()), (1, last["Records"][0]["body"].as_str()));
    assert_eq!(word("reason"), "not_found", "{}", word("detail"));
    assert!(word("detail").contains(&live.name("ArchiveBucket")), "{}", word("detail"));

    // Played again, it is written where it is missing: the table has had its row, which somebody took away meanwhile.
    assert_eq!(live.rows("LatestTable").len(), 1);
    let dynamodb = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let row = [("item", "Apple"), ("run", "20261122T120000Z")];
    let key = row.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.into()))).into();
    let delete = dynamodb.delete_item().table_name(live.name("LatestTable")).set_key(Some(key));
    block_on(delete.send()).expect("no row any more");
    block_on(s3.create_bucket().bucket(live.name("ArchiveBucket")).send()).expect("a bucket again");
    let mut again = message(7, &record, 1);
    again["Records"][0]["messageAttributes"] =
        json!({ "reason": { "stringValue": "not_found", "dataType": "String" } });
    assert_eq!(worker.invoke(&again), Ok(json!({ "batchItemFailures": [] })), "{}", worker.log());
    assert_eq!((live.objects("ArchiveBucket").len(), live.rows("LatestTable").len()), (1, 0));
}

#[test]
fn a_producer_accepts_scheduled_events_and_rejects_others() {
    let Some(events) = recorded() else { return };
    let live = DeployedPipeline::new(PIPELINE, &[], "fired", "dev");
    let mut producer = CargoLambda::of(&live, "ProducerFunction");
    let mut runs = BTreeSet::new();
    for (name, event) in &events {
        let answer = producer.invoke(event);
        // An alarm has a time too, and starts no run.
        if event["detail-type"] != "Scheduled Event" {
            unreadable(name, answer);
            continue;
        }
        assert_eq!(answer, Ok(json!({ "items": 3, "chunks": 1 })), "{name}");
        runs.insert(event["time"].as_str().unwrap_or_default().replace(['-', ':'], ""));
    }
    assert!(!runs.is_empty());
    let objects = live.written("ArchiveBucket", 3 * runs.len());
    let found: BTreeSet<String> =
        objects.values().flatten().filter_map(|record| Some(record["run"].as_str()?.to_owned())).collect();
    assert_eq!(found, runs, "as the events say, and not the clock");

    let firing = json!({ "scheduled_time": "2026-11-22T12:00:00Z" });
    assert_eq!(producer.invoke(&firing), Ok(json!({ "items": 3, "chunks": 1 })));
    assert_eq!(live.written("ArchiveBucket", 3 * runs.len() + 3).len(), runs.len() + 1);
    assert!(producer.is_alive());
}
