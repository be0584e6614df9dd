//! The real `bootstrap` with a Runtime API of the test: its responses to events.

#![cfg(feature = "aws")]

use crate::harness::functions::{bootstrap, component, delivery, function};
use crate::harness::hostile_server;
use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::{Item, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use fanggen_runtime::testing::lambda_api::{InvocationResult, LambdaProcess};
use serde_json::{Value, json};

fn start(function: &Function) -> LambdaProcess {
    let variables = function.to_env().into_iter().map(|variable| (variable.name, variable.value));
    LambdaProcess::start(&bootstrap(), variables)
}

/// A worker that takes the items' own texts, judges them, and hands them to these sinks.
fn worker(sinks: Vec<FunctionComponent>) -> Function {
    let stages = vec![
        component(ComponentRole::Stage, "review", "text", json!({ "language": "en" })),
        component(ComponentRole::Stage, "sentiment", "lexicon", json!({})),
    ];
    function("worker", Trigger::Queue(InputQueue::default()), stages, FunctionOutput::Sinks(sinks))
}

/// A message as the producer sends it.
fn message() -> String {
    let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
    let records: Vec<Record> = [("Apple", "A great phone, and I love it."), ("Netflix", "A horrible series.")]
        .map(|(key, text)| Record::new(run.as_str(), "reviews", Item { text: Some(text.into()), ..Item::named(key) }))
        .into();
    serde_json::to_string(&Message::new(Chunk::new(&run, 0, &records), records)).expect("serializable")
}

fn failures(ids: &[&str]) -> InvocationResult {
    let failures: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// The code and the words of a reported error.
fn reported(answer: InvocationResult) -> (String, String) {
    let error = answer.expect_err("a reported error");
    let word = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (word("errorType"), word("errorMessage"))
}

#[test]
fn missing_settings_are_reported_for_every_event_by_a_running_process() {
    let mut lambda = LambdaProcess::start(&bootstrap(), []);
    for event in [delivery(&[("1", &message())]), json!({ "scheduled_time": "2026-11-22T09:00:00Z" }), json!(null)] {
        let (code, words) = reported(lambda.invoke(&event));
        assert_eq!(code, "settings_missing");
        assert_eq!(words, "the environment variable `FANG_PIPELINE` is not set; `fanggen render` sets it");
    }
    assert!(lambda.is_alive());
}

#[cfg(unix)]
#[test]
fn a_foreign_variable_that_is_not_utf_8_is_ignored() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    let odd = || OsString::from_vec(vec![0xff, 0xfe]);
    let own = worker(vec![]).to_env().into_iter().map(|variable| (variable.name.into(), variable.value.into()));
    let mut lambda = LambdaProcess::start_os(&bootstrap(), own.chain([("LEGACY".into(), odd()), (odd(), "x".into())]));
    assert_eq!(lambda.invoke(&delivery(&[("1", &message())])), failures(&[]));
    assert!(lambda.is_alive());
}

#[test]
fn settings_that_cannot_be_read_name_their_variable() {
    let broken = [("FANG_STAGE_0".to_owned(), "{\"name\":\"x\",\"type\":\"oracle\"}".to_owned())];
    let lambda = LambdaProcess::start(&bootstrap(), broken);
    let (code, words) = reported(lambda.invoke(&delivery(&[])));
    assert_eq!(
        (code.as_str(), words.as_str()),
        ("settings_unreadable", "`FANG_STAGE_0`: there is no stage of type `oracle`")
    );
}

#[test]
fn a_chunk_is_processed_and_only_failures_are_returned() {
    let mut lambda = start(&worker(vec![]));
    let good = message();
    let newer = good.replacen("\"version\":1", "\"version\":3", 1);
    let check = |bodies: &[(&str, &str)], failed: &[&str]| {
        assert_eq!(lambda.invoke(&delivery(bodies)), failures(failed), "{bodies:?}");
    };
    check(&[("1", &good)], &[]);
    check(&[("2", "Message Body")], &["2"]);
    check(&[("3", &good), ("4", "{}")], &["4"]);
    check(&[("5", ""), ("6", &good), ("7", &newer)], &["5", "7"]);
    check(&[], &[]);
    check(&[("8", &good)], &[]);
    assert!(lambda.is_alive());
}

#[test]
fn the_reason_of_a_failed_message_is_logged_without_its_text() {
    let lambda = start(&worker(vec![]));
    let odd = message().replacen("\"version\":1", "\"version\":\"my secret\"", 1);
    assert_eq!(lambda.invoke(&delivery(&[("m-1", &odd), ("m-2", &message())])), failures(&["m-1"]));
    let log = lambda.stderr_lines(1);
    let line: Value = serde_json::from_str(&log[0]).expect("a line of JSON");
    assert_eq!((&line["level"], &line["function"]), (&json!("ERROR"), &json!("worker")));
    assert_eq!((&line["code"], &line["message_id"]), (&json!("message_unreadable"), &json!("m-1")));
    assert!(line["message"].as_str().is_some_and(|words| words.starts_with("cannot parse the message: ")));
    assert!(log.len() == 1 && !log[0].contains("secret") && !log[0].contains("great phone"), "{log:?}");
}

#[test]
fn a_recorded_event_with_a_foreign_body_is_handed_back() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/events/example-sqs-event.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return;
    };
    let event = serde_json::from_str(&text).expect("JSON");
    assert_eq!(start(&worker(vec![])).invoke(&event), failures(&["MessageID_1"]));
}

#[test]
fn a_foreign_event_is_refused_and_the_next_one_is_processed() {
    let mut lambda = start(&worker(vec![]));
    for event in [json!({ "hello": 1 }), json!(null), json!([]), json!("Records"), json!({ "Records": [{}] })] {
        let (code, words) = reported(lambda.invoke(&event));
        assert_eq!(code, "event_unreadable", "{event}");
        assert!(words.starts_with("unexpected event: "), "{words}");
    }
    assert_eq!(lambda.invoke(&delivery(&[("1", &message())])), failures(&[]));
    assert!(lambda.is_alive());
}

#[test]
fn a_sink_that_a_lambda_cannot_open_is_named_and_nothing_is_lost_silently() {
    let lambda = start(&worker(vec![component(ComponentRole::Sink, "archive", "jsonl", json!({}))]));
    for _ in 0..2 {
        let (code, words) = reported(lambda.invoke(&delivery(&[("1", &message())])));
        assert_eq!(code, "no_disk");
        assert_eq!(
            words,
            "`archive`: `archive` writes local files, which a Lambda function does not keep: use `type = \"s3\"`"
        );
    }
    let log = lambda.stderr_lines(1);
    assert!(log.len() == 1 && log[0].contains("\"code\":\"no_disk\""), "once, and not with every event: {log:?}");
}

#[test]
fn a_producer_reads_its_event_and_names_a_source_that_cannot_be_opened() {
    let sources = vec![component(ComponentRole::Source, "companies", "file", json!({ "path": "companies.csv" }))];
    let out = FunctionOutput::Queue("https://sqs.us-east-1.amazonaws.com/123456789012/fang-dev-worker".into());
    let lambda = start(&function("producer", Trigger::Schedule(sources), vec![], out));
    for (event, code, words) in [
        (
            json!({ "scheduled_time": "2026-11-22T09:00:00Z" }),
            "settings_unreadable",
            "`companies`: the environment variable `AWS_REGION` is not set; Lambda sets it for every function",
        ),
        (json!({ "scheduled_time": "noon" }), "run_unreadable", "`noon` is not a time such as 2026-11-22T09:00:00Z"),
        (delivery(&[("1", &message())]), "event_unreadable", "missing field `scheduled_time`"),
    ] {
        let (found, said) = reported(lambda.invoke(&event));
        assert_eq!(found, code, "{said}");
        assert!(said.contains(words), "{said}");
    }
}

/// A server that takes what a webhook sends, and the records that came.
fn listener() -> (HttpServer, impl Fn() -> Vec<Value>) {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = HttpServer::start(move |asked| {
        let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
        tell.lock().expect("no panic").send(body["records"].clone()).expect("somebody listens");
        CannedResponse::text(200, "")
    });
    (server, move || {
        let records = told.recv_timeout(std::time::Duration::from_secs(10)).expect("a post");
        records.as_array().expect("a list").clone()
    })
}

#[test]
fn the_guards_hold_in_the_lambda_too() {
    let inside = HttpServer::start(|_| CannedResponse::text(200, "secret"));
    let bad = hostile_server::start(inside.port);
    let (hook, posted) = listener();
    let mut targets = hostile_server::addresses(inside.port);
    targets.extend(hostile_server::RESPONSES.map(|(path, code)| (bad.url(path), code)));
    for (kind, name) in [("feed", "feed"), ("http", "url")] {
        let settings = json!({
            "allow": [bad.host_port()], "timeout_s": 1, "patience_s": 3, "at_once": 50, "max_bytes": 1_000_000,
        });
        let stages = vec![component(ComponentRole::Stage, "press", kind, settings)];
        let sink = component(
            ComponentRole::Sink,
            "hook",
            "webhook",
            json!({ "url": hook.url("/"), "allow": [hook.host_port()] }),
        );
        // The next-to-last receive, on which what may still pass is settled as the failure that it is.
        let intake = InputQueue { max_receives: Some(2), ..InputQueue::default() };
        let mut lambda = start(&function("worker", Trigger::Queue(intake), stages, FunctionOutput::Sinks(vec![sink])));
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let item = |(place, (url, _)): (usize, &(String, &str))| {
            let mut item = json!({ "key": format!("Company {place}") });
            item[name] = json!(url);
            let item: Item = serde_json::from_value(item).expect("an item");
            Record::new(run.as_str(), "companies", item)
        };
        let records: Vec<Record> = targets.iter().enumerate().map(item).collect();
        let message = serde_json::to_string(&Message::new(Chunk::new(&run, 0, &records), records)).expect("JSON");
        assert_eq!(lambda.invoke(&delivery(&[("1", &message)])), failures(&[]));
        let codes: Vec<Value> = posted().iter().map(|record| record["failure"]["code"].clone()).collect();
        let expected: Vec<Value> = targets.iter().map(|(_, code)| json!(code)).collect();
        assert_eq!(codes, expected, "{kind}");
        assert!(lambda.is_alive());
    }
    assert_eq!(inside.connections(), 0);
}
