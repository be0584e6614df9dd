//! Faults of the original project in the cloud, tested on the emulator with the real binary.

use crate::harness::{aws, deployed_pipeline, local_lambda};

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws::emulator::block_on;
use aws::target_account::target_account;
use aws_sdk_dynamodb::types::AttributeValue;
use deployed_pipeline::DeployedPipeline;
use local_lambda::{LocalLambda, event};
use serde_json::{Value, json};

const NOON: &str = "2026-11-22T12:00:00Z";
const MINUTE: Duration = Duration::from_secs(60);

/// Items with texts of their own.
const TEXTS: &str = r#"
[pipeline]
name = "x"

[functions]
timeout_s = 10

[sources.companies]
type = "dynamodb"
key = "name"
items = []

[[stages]]
name = "review"
type = "text"
language = "en"

[[stages]]
name = "sentiment"
type = "lexicon"

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"
table = "sentiment"
"#;

/// The keys of the items and what became of each: its label, or the code of its failure.
fn outcomes(objects: &BTreeMap<String, Vec<Value>>) -> BTreeMap<String, String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let outcome = |record: &Value| {
        let said = word(&record["findings"][0]["label"]).or_else(|| word(&record["failure"]["code"]));
        (word(&record["item"]["key"]).expect("a key"), said.expect("a finding or a failure"))
    };
    objects.values().flatten().map(outcome).collect()
}

#[test]
fn of_ten_items_with_long_names_only_the_bad_one_fails() {
    // The original deleted the first message of a batch before any work, let one bad name fail all of them (one lost, nine
    // left), and made the key of an object of all their names: S3 admits 1,024 bytes.
    let live = DeployedPipeline::new(TEXTS, &[], "ten", "dev");
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let name = |number: usize| format!("{number:04}{}", "n".repeat(1_020));
    for number in 0..10 {
        let put = client.put_item().table_name(live.name("CompaniesTable"));
        let put = put.item("name", AttributeValue::S(name(number)));
        // The first one has nothing to be judged.
        let text = (number > 0).then(|| AttributeValue::S("A great phone, and I love it.".into()));
        let put = text.into_iter().fold(put, |put, text| put.item("text", text));
        block_on(put.send()).expect("put");
    }
    assert_eq!(live.start_run(NOON).expect("produced"), json!({ "items": 10, "chunks": 1 }));
    let objects = live.written("ArchiveBucket", 10);
    assert!(objects.len() == 1 && objects.keys().all(|key| key.len() < 100), "{:?}", objects.keys());
    let expected =
        (0..10).map(|number| (name(number), if number > 0 { "POSITIVE" } else { "text_missing" }.to_owned()));
    assert_eq!(outcomes(&objects), expected.collect());
    live.wait_until("the rows", || (live.rows("SentimentTable").len() == 10).then_some(()));
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    assert_eq!(live.message_count("WorkerDeadQueue"), 0);
}

#[test]
fn removing_an_item_keeps_its_results() {
    // In the original, removing one company wiped all results.
    let live = DeployedPipeline::root("removed", "dev");
    live.start_run(NOON).expect("produced");
    let stores = || (live.objects("ArchiveBucket"), by_name(live.rows("SentimentTable")));
    live.written("ArchiveBucket", 5);
    live.wait_until("the rows", || (live.rows("SentimentTable").len() == 5).then_some(()));
    let before = stores();
    live.deployed.good(&["items", "remove", "-i", "Google"]);
    assert_eq!(live.rows("CompaniesTable").len(), 4, "it is removed");
    assert_eq!(stores(), before);
    assert_eq!(live.start_run("2026-11-22T13:00:00Z").expect("produced"), json!({ "items": 4, "chunks": 1 }));
    live.written("ArchiveBucket", 9);
    live.wait_until("the rows", || (live.rows("SentimentTable").len() == 9).then_some(()));
    let (objects, rows) = stores();
    assert!(before.0.iter().all(|(key, records)| objects.get(key) == Some(records)), "the old ones are as they were");
    assert!(before.1.iter().all(|(name, row)| rows.get(name) == Some(row)));
}

type Row = HashMap<String, AttributeValue>;

/// Rows by item and run.
fn by_name(rows: Vec<Row>) -> BTreeMap<(String, String), Row> {
    let word = |row: &Row, name: &str| row[name].as_s().expect("a text").clone();
    rows.into_iter().map(|row| ((word(&row, "item"), word(&row, "run")), row)).collect()
}

#[test]
fn a_run_of_a_thousand_companies_logs_less_than_300_bytes_an_item() {
    // The original logged 69 KB a company. All that the real binary writes counts, of both functions, failures among it.
    let live = DeployedPipeline::root("logged", "dev");
    let company =
        |number: usize| format!("{} {number:03}", if number.is_multiple_of(20) { "Unknown" } else { "Company" });
    live.put("CompaniesTable", (0..995).map(company));
    let ground = LocalLambda::of(live);
    let producer = ground.start("ProducerFunction");
    let produced = producer.invoke_as("firing", MINUTE, &json!({ "scheduled_time": NOON })).expect("produced");
    assert_eq!(produced, json!({ "items": 1_000, "chunks": 10 }));
    let worker = ground.start("WorkerFunction");
    while let Some(message) = ground.receive(60) {
        let answer = worker.invoke_as("chunk", MINUTE, &event(&message)).expect("an answer");
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        ground.delete(message);
    }
    assert_eq!(ground.live.written("ArchiveBucket", 1_000).len(), 10);
    let bytes = producer.stop() + worker.stop();
    assert!(bytes > 0 && bytes <= 300 * 1_000, "{bytes} bytes");
    eprintln!("{bytes} bytes for 1,000 items");
}
