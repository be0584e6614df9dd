//! The `bootstrap` of another architecture beside the one of this build: the same bytes for the same events.
//!
//! `.ci/arm64` builds the other one and names it; `FANGGEN_BOOTSTRAP` alone makes the tests of `bootstrap` use it.

#![cfg(feature = "aws")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanggen_runtime::component::ComponentRole::{Sink, Stage};
use fanggen_runtime::function::{Function, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::{Item, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use fanggen_runtime::testing::lambda_api::{LambdaCommand, LambdaProcess};
use fanggen_runtime::testing::load::pipeline::{Contender, LoadFunction, fire, work};
use fanggen_runtime::testing::services::{FakeServices, FakeServicesSettings, locked};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::functions::{BOOTSTRAP, component, delivery, function};

const TEN_CHUNKS: u64 = 1_000;

/// An emulated processor is slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// The other program, and the one of this build.
fn programs() -> [String; 2] {
    let other = std::env::var(BOOTSTRAP).unwrap_or_else(|_| panic!("set `{BOOTSTRAP}`, as `.ci/arm64` does"));
    [other, env!("CARGO_BIN_EXE_bootstrap").to_owned()]
}

/// A folder of the recordings, or a word on stderr that there is none.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(folder);
    if !path.is_dir() {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return None;
    }
    Some(path)
}

/// All files of a folder by name, gzipped ones as they were before.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = std::fs::read(entry.path()).expect("a file");
        match name.strip_suffix(".gz") {
            Some(name) => {
                let mut whole = Vec::new();
                GzDecoder::new(bytes.as_slice()).read_to_end(&mut whole).expect("a gzipped file");
                all.push((name.to_owned(), whole));
            }
            None => all.push((name, bytes)),
        }
    }
    all.sort();
    all
}

fn start(program: &str, function: &Function) -> LambdaProcess {
    let variables = function.to_env().into_iter().map(|variable| (variable.name.into(), variable.value.into()));
    LambdaCommand::new(program, variables).timeout(PATIENCE).start()
}

/// The log without what differs from one moment to the next.
fn log(lambda: &LambdaProcess, events: usize) -> Vec<Value> {
    let lines = [lambda.stderr_lines(0), lambda.stdout_lines(events)].concat();
    let without_time = |line: &String| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for name in ["timestamp", "took_ms", "Age"] {
            line.as_object_mut().expect("an object").remove(name);
        }
        line["_aws"]["Timestamp"].take();
        line
    };
    lines.iter().map(without_time).collect()
}

/// Records in chunks of a hundred, as the producer sends them.
fn messages(items: Vec<Item>) -> Vec<String> {
    let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
    let chunk = |(place, items): (usize, &[Item])| {
        let records: Vec<Record> = items.iter().map(|item| Record::new(run.as_str(), "items", item.clone())).collect();
        serde_json::to_string(&Message::new(Chunk::new(&run, u64::try_from(place).unwrap_or(0), &records), records))
            .expect("serializable")
    };
    items.chunks(100).enumerate().map(chunk).collect()
}

/// What both programs post for these items with these stages, and that it is the same.
fn same_posts(items: Vec<Item>, stages: &[(&str, Value)]) -> usize {
    let messages = messages(items);
    let [other, this] = programs().map(|program| {
        let posted = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&posted);
        let server = HttpServer::start(move |request| {
            taken.lock().expect("no panic").push(request.body.clone());
            CannedResponse::text(200, "")
        });
        let hook = json!({ "url": server.url("/"), "allow": [server.host_port()] });
        let stages = stages.iter().map(|(kind, settings)| component(Stage, kind, kind, settings.clone())).collect();
        let sinks = FunctionOutput::Sinks(vec![component(Sink, "hook", "webhook", hook)]);
        // The next-to-last receive, on which what may still pass is settled as the failure that it is.
        let input = InputQueue { max_receives: Some(2), ..InputQueue::default() };
        let lambda = start(&program, &function("worker", Trigger::Queue(input), stages, sinks));
        for (place, message) in messages.iter().enumerate() {
            let failed = lambda.invoke_as(&format!("{place}"), PATIENCE, &delivery(&[(&format!("m{place}"), message)]));
            assert_eq!(failed, Ok(json!({ "batchItemFailures": [] })), "{program}");
        }
        let posts = posted.lock().expect("no panic").clone();
        (lambda.responses(), log(&lambda, messages.len()), posts)
    });
    assert!(other.0 == this.0, "the responses differ");
    assert_eq!(other.1, this.1, "the logs differ");
    assert_eq!(other.2.len(), this.2.len());
    for (one, two) in other.2.iter().zip(&this.2) {
        assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(two));
    }
    this.2.iter().map(Vec::len).sum()
}

#[test]
#[ignore = "needs the program of another architecture: run .ci/arm64"]
fn every_headline_is_judged_alike_to_the_last_digit() {
    let Some(folder) = shared("sentiment") else { return };
    let lines = std::fs::read_to_string(folder.join("headlines.dev.jsonl")).expect("the headlines");
    let item = |(place, line): (usize, &str)| {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let entity = line["entities"].as_object().and_then(|all| all.keys().next()).cloned().unwrap_or_default();
        let text = line["text"].as_str().map(Into::into);
        Item { text, ..Item::named(format!("{entity} {place}")) }
    };
    let items: Vec<Item> = lines.lines().enumerate().map(item).collect();
    assert!(items.len() > 6_000, "{} headlines", items.len());
    let stages = [
        ("text", json!({ "language": "en" })),
        ("language", json!({})),
        ("lexicon", json!({})),
        ("headlines", json!({})),
    ];
    assert!(same_posts(items, &stages) > 1_000_000);
}

#[test]
#[ignore = "needs the program of another architecture: run .ci/arm64"]
fn every_recorded_feed_and_page_is_read_alike() {
    let (Some(feeds), Some(pages)) = (shared("feeds"), shared("pages")) else { return };
    for (kind, setting, folder) in [("feed", "feed", feeds), ("http", "url", pages)] {
        let all = files(&folder);
        let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
        assert!(names.len() > 30, "{} files", names.len());
        let server = HttpServer::start(move |request| {
            let name = request.path.trim_start_matches('/');
            let found = all.iter().find(|(known, _)| known == name);
            found.map_or(CannedResponse::text(404, ""), |(name, bytes)| {
                let kind =
                    if Path::new(name).extension().is_some_and(|it| it == "html") { "text/html" } else { "text/xml" };
                CannedResponse::Full(200, vec![format!("Content-Type: {kind}")], bytes.clone())
            })
        });
        let item = |name: &String| {
            let item = json!({ "key": name, setting: server.url(&format!("/{name}")) });
            serde_json::from_value(item).expect("an item")
        };
        let settings = json!({ "allow": [server.host_port()], "timeout_s": 60, "patience_s": 120 });
        let stages = [(kind, settings), ("language", json!({})), ("lexicon", json!({}))];
        let posted = same_posts(names.iter().map(item).collect(), &stages);
        assert!(posted > 50_000, "{kind}: {posted} bytes");
    }
}

#[test]
#[ignore = "needs the program of another architecture: run .ci/arm64"]
fn every_recorded_event_has_the_same_response() {
    let Some(folder) = shared("events") else { return };
    let events = files(&folder);
    assert!(events.len() > 20, "{} events", events.len());
    let stages = || vec![component(Stage, "text", "text", json!({ "language": "en" }))];
    let worker = function(
        "worker",
        Trigger::Queue(InputQueue::default()),
        stages(),
        FunctionOutput::Sinks(vec![component(Sink, "archive", "jsonl", json!({}))]),
    );
    let producer = function("producer", Trigger::Schedule(vec![]), vec![], FunctionOutput::Queue("https://q".into()));
    for function in [worker, producer] {
        let [other, this] = programs().map(|program| {
            let lambda = start(&program, &function);
            for (place, (_, bytes)) in events.iter().enumerate() {
                let event = serde_json::from_slice(bytes).expect("JSON");
                let _ = lambda.invoke_as(&format!("{place}"), PATIENCE, &event);
            }
            lambda.responses()
        });
        assert_eq!(other.len(), events.len());
        for ((name, _), (one, two)) in events.iter().zip(other.iter().zip(&this)) {
            assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(two), "{name}");
        }
    }
}

#[test]
#[ignore = "needs the program of another architecture: run .ci/arm64"]
fn the_root_pipeline_makes_the_same_calls_and_writes_the_same_objects() {
    let [other, this] = programs().map(|program| {
        let settings = FakeServicesSettings { items: TEN_CHUNKS, discard: false, latency: Duration::ZERO };
        let services = FakeServices::start(settings);
        let lambda = |role| Contender::Fanggen(&program).command(role, &services).timeout(PATIENCE).start();
        let sent = fire(&lambda(LoadFunction::Producer), 0);
        assert_eq!(sent["items"], TEN_CHUNKS, "{sent}");
        let worker = lambda(LoadFunction::Worker);
        while work(&worker, &services) {}
        let (lost, _, doubled) = locked(&services.backend().rows).lost_written_doubled();
        assert_eq!((lost, doubled), (0, 0));
        let objects = locked(&services.backend().objects).stored().clone();
        (services.calls(), objects)
    });
    assert_eq!(other.0, this.0, "calls");
    let lines = |(path, object): (&String, &_)| {
        let mut lines = String::new();
        GzDecoder::new(AsRef::<[u8]>::as_ref(object)).read_to_string(&mut lines).expect("gzipped lines");
        (path.clone(), lines)
    };
    assert_eq!(other.1.iter().map(lines).collect::<Vec<_>>(), this.1.iter().map(lines).collect::<Vec<_>>());
    assert!(this.1.len() >= 10 && other.1 == this.1, "the compressed bytes differ");
}
