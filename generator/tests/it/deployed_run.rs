//! Runs of a deployed pipeline on the emulator: its results, its dead letters, and repeated runs. A server of the harness
//! stands in for Comprehend.

use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline;

use std::collections::{BTreeMap, BTreeSet};

use deployed_pipeline::DeployedPipeline;
use serde_json::{Value, json};

const NOON: &str = "2026-11-22T12:00:00Z";

/// A word of a row.
fn word<'a>(
    row: &'a std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>,
    name: &str,
) -> &'a str {
    row.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

#[test]
fn a_run_of_the_root_pipeline_is_right_in_every_store() {
    // Under a customer key: what the emulator checks of it is the functions' own permissions, and who may assume a role.
    let live = DeployedPipeline::with_customer_key("life", "prod");
    live.put("CompaniesTable", ["Unknown Industries".to_owned()]);
    let produced = live.start_run(NOON).expect("produced");
    assert_eq!(produced, json!({ "items": 6, "chunks": 1 }));
    let objects = live.written("ArchiveBucket", 6);
    let key = objects.keys().next().expect("an object").clone();
    let start = "archive/dt=2026-11-22/20261122T120000Z-";
    assert!(objects.len() == 1 && key.starts_with(start) && key.ends_with(".jsonl.gz"), "{key}");
    let records = &objects[&key];
    let of = |name: &str| records.iter().find(|record| record["item"]["key"] == name).expect("its record");
    let apple = of("Apple");
    assert_eq!((&apple["run"], &apple["source"]), (&json!("20261122T120000Z"), &json!("companies")));
    assert_eq!(apple["text"]["title"], "Apple Inc.", "it is looked up under its title");
    assert_eq!(apple["findings"][0]["engine"], "comprehend");
    let names: Vec<&str> = (apple["findings"][0]["entities"].as_array().into_iter().flatten())
        .filter_map(|entity| entity["text"].as_str())
        .collect();
    assert!(names.iter().any(|name| name.starts_with("Apple")), "{apple}");
    // Ten characters of title: hated; seven: in a town.
    assert_eq!((&apple["findings"][0]["label"], &apple["failure"]), (&json!("NEGATIVE"), &Value::Null));
    let unknown = of("Unknown Industries");
    assert_eq!((&unknown["failure"]["code"], &unknown["findings"]), (&json!("page_missing"), &json!([])));

    let rows = live.wait_until("the rows", || Some(live.rows("SentimentTable")).filter(|rows| rows.len() == 6));
    let labels: BTreeMap<&str, &str> = rows.iter().map(|row| (word(row, "item"), word(row, "label"))).collect();
    for record in records {
        let label = record["findings"][0]["label"].as_str().unwrap_or_default();
        assert_eq!(labels[record["item"]["key"].as_str().expect("a key")], label);
    }
    assert!(rows.iter().all(|row| word(row, "run") == "20261122T120000Z" && row.contains_key("expires")));
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    assert_eq!((live.message_count("WorkerDeadQueue"), live.message_count("ProducerDeadQueue")), (0, 0));

    // The same time again is the same run: nothing is sent, and nothing changes.
    let before = (live.objects("ArchiveBucket"), live.rows("SentimentTable").len());
    assert_eq!(live.start_run(NOON).expect("produced"), json!({ "items": 6, "chunks": 1, "before": true }));
    // Another run of the same texts: one more object and six more rows, and no text is paid for again.
    live.start_run("2026-11-22T13:00:00+00:00").expect("produced");
    let objects = live.written("ArchiveBucket", 12);
    assert_eq!((objects.len(), &objects[&key]), (2, &before.0[&key]));
    live.wait_until("the rows", || (live.rows("SentimentTable").len() == 12).then_some(()));
    // What the functions asked for was judged like the requests of commands: one that AWS would not take fails this test.
    if let Some(emulator) = target_account().emulator {
        let asked = emulator.gate().operations_of_functions();
        assert!(["dynamodb:Scan", "s3:PutObject"].iter().all(|operation| asked.contains(*operation)), "{asked:?}");
    }
}

#[test]
fn unreadable_messages_are_dead_lettered_with_their_reason() {
    let live = DeployedPipeline::root("poison", "dev");
    let record = json!({ "run": "20261122T120000Z", "source": "companies", "item": { "key": "Apple" } });
    let good = json!({
        "version": 1, "chunk": { "run": "20261122T120000Z", "id": "0123456789abcdef", "number": 0 },
        "records": [record.clone()],
    });
    let mut keyless = good.clone();
    keyless["records"][0]["item"] = json!({ "title": "no key" });
    let mut wrong = good.clone();
    wrong["records"] = json!("Apple");
    let mut newer = good.clone();
    newer["version"] = json!(9);
    let poison: BTreeMap<String, &str> = [
        ("this is no JSON".to_owned(), "message_unreadable"),
        ("{}".to_owned(), "message_unreadable"),
        (keyless.to_string(), "message_unreadable"),
        (wrong.to_string(), "message_unreadable"),
        (newer.to_string(), "message_version"),
        (format!("\"{}\"", "x".repeat((1 << 20) - 4_096)), "message_unreadable"),
    ]
    .into();
    for body in poison.keys() {
        live.send("WorkerQueue", body);
    }
    live.send("WorkerQueue", &good.to_string());
    live.written("ArchiveBucket", 1);
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    let dead = live.receive_all("WorkerDeadQueue");
    let reason = |message: &aws_sdk_sqs::types::Message| {
        let attributes = message.message_attributes().expect("attributes");
        attributes["reason"].string_value().unwrap_or_default().to_owned()
    };
    let found: BTreeMap<String, String> =
        dead.iter().map(|message| (message.body().unwrap_or_default().to_owned(), reason(message))).collect();
    let expected: BTreeMap<String, String> =
        poison.iter().map(|(body, code)| (body.clone(), (*code).to_owned())).collect();
    assert_eq!(found, expected);
    assert_eq!(dead.len(), poison.len(), "each once");
}

#[test]
fn items_on_several_pages_of_the_table_are_all_read() {
    // The original read one page of its table, and left the rest.
    let live = DeployedPipeline::root("pages", "dev");
    // Keys of a kilobyte: a page of DynamoDB is a megabyte.
    let keys: Vec<String> = (0..1_500).map(|number| format!("Unknown {number:04} {}", "x".repeat(900))).collect();
    live.put("CompaniesTable", keys.clone());
    let produced = live.start_run(NOON).expect("produced");
    assert_eq!(produced["items"], 1_505);
    let objects = live.written("ArchiveBucket", 1_505);
    let seen: BTreeSet<&str> = objects.values().flatten().filter_map(|record| record["item"]["key"].as_str()).collect();
    assert_eq!(seen.len(), 1_505);
    assert_eq!(objects.values().map(Vec::len).sum::<usize>(), 1_505, "and none twice");
    assert!(keys.iter().all(|key| seen.contains(key.as_str())));
}

#[test]
fn two_functions_and_a_file_of_items_do_the_same_work() {
    let items: String = (0..250).map(|number| format!("Company {number:03}\n")).collect();
    let live = DeployedPipeline::new(
        r#"
[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 10

[sources.reviews]
type = "file"
path = "items.csv"

[[stages]]
name = "summary"
type = "wikipedia"

[[stages]]
name = "sentiment"
type = "lexicon"
isolate = true

[sinks.archive]
type = "s3"
"#,
        &[("items.csv", &format!("name\n{items}"))],
        "two",
        "dev",
    );
    let produced = live.start_run(NOON).expect("produced");
    assert_eq!(produced, json!({ "items": 250, "chunks": 3 }));
    let objects = live.written("ArchiveBucket", 250);
    assert_eq!(objects.len(), 3);
    let seen: BTreeSet<String> = objects.values().flatten().map(|record| record["item"]["key"].to_string()).collect();
    assert_eq!(seen.len(), 250);
    assert!(objects.values().flatten().all(|record| record["findings"][0]["engine"] == "lexicon"));
}
