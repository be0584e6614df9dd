//! `fanggen replay` of a deployed pipeline, by an operator with exactly the printed policy: the functions analyse, the archive
//! and the table get new results, and neither runs nor consumers notice.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::harness::aws::emulator::block_on;
use crate::harness::aws::person::Person;
use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline::DeployedPipeline;

const TOML: &str = r#"[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 10

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Apple", "Google", "Lego", "Netflix", "Unknown"]

[[stages]]
name = "summary"
type = "wikipedia"

[[stages]]
name = "tongue"
type = "language"

[[stages]]
name = "sentiment"
type = "lexicon"

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"

[sinks.events]
type = "sqs"

[environments.dev]
"#;

fn apply(live: &DeployedPipeline, from: &str, to: &str) {
    live.deployed.edit(from, to).render();
    live.deployed.renew();
    live.deployed.good(&["apply", "--env", "dev", "--yes", "--no-run"]);
    live.allow_send_batches();
}

/// A pipeline with two runs, whose notifications were received.
fn with_runs(toml: &str, name: &str) -> DeployedPipeline {
    let live = DeployedPipeline::new(toml, &[], name, "dev");
    for (time, records) in [("2026-11-22T09:00:00Z", 5), ("2026-11-23T09:00:00Z", 10)] {
        live.start_run(time).expect("produced");
        live.written("ArchiveBucket", records);
    }
    live.wait_until("the notifications", || (live.message_count("EventsQueue") == 10).then_some(()));
    assert_eq!(live.receive_all("EventsQueue").len(), 10);
    live
}

/// The engines of all rows of the table, by item and run.
fn row_engines(live: &DeployedPipeline) -> BTreeMap<(String, String), String> {
    let text = |row: &std::collections::HashMap<String, _>, name: &str| {
        row.get(name)
            .and_then(|value: &aws_sdk_dynamodb::types::AttributeValue| value.as_s().ok())
            .cloned()
            .unwrap_or_default()
    };
    let rows = live.rows("LatestTable");
    rows.iter().map(|row| ((text(row, "item"), text(row, "run")), text(row, "engine"))).collect()
}

fn engines(objects: &BTreeMap<String, Vec<Value>>) -> Vec<String> {
    let engine = |record: &Value| record["findings"][0]["engine"].as_str().unwrap_or("none").to_owned();
    objects.values().flatten().map(engine).collect()
}

#[test]
fn the_functions_analyse_archived_texts_with_the_settings_of_the_last_apply() {
    let live = with_runs(TOML, "again");
    let operator = Person::new(&live.deployed, "again-operator", &["--operator", "--env", "dev"]);
    let runs = || operator.run(&["runs", "--env", "dev", "--since", "all", "--json"]).json();
    let (runs_before, asked, rows) = (runs(), live.wiki.requests().len(), row_engines(&live));
    apply(&live, "\"lexicon\"", "\"headlines\"");

    let since = ["replay", "--env", "dev", "--since", "2026-11-22"];
    let dry = operator.run(&[&since[..], &["--dry-run", "--json"]].concat());
    assert_eq!((dry.code, dry.json()["changed"].clone()), (0, json!(8)), "{dry:?}");
    assert!(engines(&live.objects("ArchiveBucket")).iter().all(|engine| engine != "headlines"));
    let unasked = operator.run(&since);
    assert!(unasked.code == 1 && unasked.stderr.contains("error: there is no terminal to ask on\n"), "{unasked:?}");

    let ran = operator.run(&[&since[..], &["--yes", "--json", "-v"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.json();
    assert_eq!(
        json!([
            shown["texts"],
            shown["without_text"],
            shown["runs"],
            shown["changed"],
            shown["place"],
            shown["labels"]
        ]),
        json!([8, 2, 2, 8, "account", dry.json()["labels"]]),
    );
    assert_eq!(shown["changes"], dry.json()["changes"], "the functions find what this machine finds");
    let silent = "new results replace the old ones in `archive`, `latest`; nothing is sent to `events`\n";
    assert!(ran.stderr.contains(silent), "{ran:?}");
    let calls = |name: &str| ran.stderr.lines().filter(|line| line.contains(name)).count();
    assert_eq!((calls("sqs:SendMessage"), calls("s3:GetObject")), (2, 6), "{}", ran.stderr);
    let saved = live.deployed.project.read(shown["saved"].as_str().expect("a path"));
    assert_eq!(saved.matches("\"engine\":\"lexicon\"").count(), 8, "{saved}");

    let objects = live.objects("ArchiveBucket");
    assert_eq!(objects.len(), 2, "the same keys");
    assert_eq!(engines(&objects).iter().filter(|engine| *engine == "headlines").count(), 8);
    assert_eq!(objects.values().flatten().filter(|record| record["failure"]["code"] == "page_missing").count(), 2);
    let rows_now = row_engines(&live);
    assert!(rows_now.keys().eq(rows.keys()) && rows_now.len() == 10, "{rows_now:?}");
    assert_eq!(rows_now.values().filter(|engine| *engine == "headlines").count(), 8);
    assert_eq!(
        (live.wiki.requests().len(), live.message_count("EventsQueue")),
        (asked, 0),
        "nothing fetched, nobody told"
    );
    assert_eq!(runs(), runs_before, "the runs are as they were");
    assert!(!live.logs().contains("\"level\":\"ERROR\""), "{}", live.logs());

    let bytes = live.compressed_objects("ArchiveBucket");
    let again = operator.run(&[&since[..], &["--yes"]].concat());
    assert!(
        again.code == 0 && again.stderr.ends_with("8 texts of 2 runs analysed again, no result changed\n"),
        "{again:?}"
    );
    assert_eq!(live.compressed_objects("ArchiveBucket"), bytes);

    // Killed in between, the same command finishes it.
    apply(&live, "\"headlines\"", "\"lexicon\"");
    let mut child =
        operator.command(&target_account().endpoint(), &[&since[..], &["--yes"]].concat()).spawn().expect("started");
    std::thread::sleep(Duration::from_millis(700));
    let _ = child.kill();
    child.wait().expect("ended");
    let ran = operator.run(&[&since[..], &["--yes"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    let objects = live.objects("ArchiveBucket");
    assert_eq!(engines(&objects).iter().filter(|engine| *engine == "lexicon").count(), 8);
    assert_eq!((objects.len(), row_engines(&live)), (2, rows));

    let planner = Person::new(&live.deployed, "again-planner", &["--planner", "--env", "dev"]);
    let denied = planner.run(&[&since[..], &["--yes"]].concat());
    assert!(denied.code == 1 && denied.stderr.contains("s3:ListBucket"), "{denied:?}");
}

#[test]
fn isolated_stages_are_replayed_in_their_functions_and_a_filter_takes_nothing_away() {
    let filter = "[[stages]]\nname = \"bad\"\ntype = \"filter\"\nwhen = \"polarity >= -1\"\n\n[sinks.archive]";
    let toml = TOML.replace("\"lexicon\"\n", "\"lexicon\"\nisolate = true\n").replace("[sinks.archive]", filter);
    let live = with_runs(&toml, "chain");
    let operator = Person::new(&live.deployed, "chain-operator", &["--operator", "--env", "dev"]);
    apply(&live, "polarity >= -1", "polarity > 0.3");
    let before = live.objects("ArchiveBucket");
    let gone: usize = before
        .values()
        .flatten()
        .filter(|record| record["findings"][0]["score"].as_f64().is_some_and(|it| it <= 0.3))
        .count();
    assert!(gone > 0 && gone < 8, "{before:?}");
    let since = ["replay", "--env", "dev", "--since", "all", "--yes"];
    let ran = operator.run(&[&since[..], &["--json"]].concat());
    assert_eq!((ran.code, &ran.json()["dropped"]), (0, &json!({ "bad": gone })), "{ran:?}");
    assert_eq!(live.objects("ArchiveBucket"), before, "stored results stay");

    apply(&live, "polarity > 0.3", "polarity >= -1");
    apply(&live, "\"lexicon\"", "\"headlines\"");
    // What cannot be replayed is left as it is: texts that fit in no message, and half an object.
    let noise: String =
        (0..2_500_000_u64).map(|n| char::from(33 + (n.wrapping_mul(n ^ 0x9e37_79b9) >> 7) as u8 % 90)).collect();
    let huge = json!({ "run": "20261122T100000Z", "source": "companies", "item": { "key": "Huge" },
                       "text": { "body": noise, "language": "en", "source": "wikipedia" }, "findings": [] });
    let gzip = |text: &str| {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(text.as_bytes()).and_then(|()| out.finish()).expect("compressed")
    };
    let objects = [("00000000000000aa", gzip(&huge.to_string())), ("00000000000000bb", gzip("{\"run\":"))];
    let s3 = aws_sdk_s3::Client::new(&target_account().sdk);
    for (id, body) in objects {
        let key = format!("archive/dt=2026-11-22/20261122T100000Z-{id}.jsonl.gz");
        let put = s3.put_object().bucket(live.name("ArchiveBucket")).key(key).body(ByteStream::from(body));
        block_on(put.send()).expect("put");
    }
    let ran = operator.run(&[&since[..], &["--json"]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    let shown = ran.json();
    let refused: Vec<&str> =
        shown["refused"].as_array().into_iter().flatten().filter_map(|one| one["reason"].as_str()).collect();
    assert!(
        refused.len() == 2 && refused.iter().any(|why| why.starts_with("its texts do not fit in a message: ")),
        "{refused:?}"
    );
    assert!(refused.iter().any(|why| why.starts_with("line 1: EOF")), "{refused:?}");
    assert_eq!((&shown["changed"], &shown["dropped"]), (&json!(8), &json!({})), "{shown}");
    let rows = row_engines(&live);
    assert_eq!((rows.len(), rows.values().filter(|engine| *engine == "headlines").count()), (10, 8), "{rows:?}");
    assert_eq!(live.message_count("EventsQueue"), 0);
    assert_eq!(["WorkerDeadQueue", "WorkerSentimentDeadQueue"].map(|queue| live.message_count(queue)), [0, 0]);
}

#[test]
fn a_paid_engine_tells_its_price_and_is_paid_once() {
    let live = DeployedPipeline::root("priced", "prod");
    live.start_run("2026-11-22T12:00:00Z").expect("produced");
    live.written("ArchiveBucket", 5);
    let operator = Person::new(&live.deployed, "priced-operator", &["--operator"]);
    let since = ["replay", "--env", "prod", "--since", "all"];
    let asked = operator.run(&since);
    let price = "`sentiment` (comprehend) costs money: at most 30 units, less than $0.01 (prices of us-east-1 in November 2026); \
                 findings of the same texts and settings are not paid for again\n";
    assert!(asked.code == 1 && asked.stderr.contains(price), "{asked:?}");
    let dry = operator.run(&[&since[..], &["--dry-run"]].concat());
    let why = "error: `--dry-run` analyses on this machine, which cannot use `comprehend`, the paid engine of stage `sentiment`\n";
    assert!(dry.code == 1 && dry.stderr.contains(why), "{dry:?}");
    let ran = operator.run(&[&since[..], &["--yes"]].concat());
    assert!(ran.code == 0 && ran.stderr.ends_with("5 texts of 1 run analysed again, no result changed\n"), "{ran:?}");
    let log = live.logs();
    let line = log.lines().find(|line| line.contains("chunk replayed")).expect("a line");
    assert!(!line.contains("ComprehendUnits") && !line.contains("\"Records\""), "{line}");
    let nowhere = operator.run(&["replay", "--env", "dev", "--since", "all", "--yes"]);
    assert!(nowhere.code == 1 && nowhere.stderr.contains("run `fanggen apply --env dev`"), "{nowhere:?}");
}
