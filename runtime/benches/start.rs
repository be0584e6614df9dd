//! The Lambda's start: from nothing to its first poll, its peak memory, and the size of the program.
//!
//! `cargo bench -p fanggen-runtime --bench start`

#[path = "../tests/harness/lambda.rs"]
mod lambda;

use std::time::{Duration, Instant};

use fanggen_runtime::record::{Item, Record};
use fanggen_runtime::run::{Chunk, Message, RunId};
use lambda::Lambda;
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bootstrap");
const STARTS: usize = 100;
/// Chunks for one process: 1,000 items.
const CHUNKS: usize = 10;

/// A worker that judges the items' own texts, and keeps nothing.
fn variables() -> impl Iterator<Item = (String, String)> {
    [
        ("FANG_PIPELINE", "fang"),
        ("FANG_ENVIRONMENT", "dev"),
        ("FANG_FUNCTION", "worker"),
        ("FANG_STAGE_0", r#"{"name":"review","type":"text","language":"en"}"#),
        ("FANG_STAGE_1", r#"{"name":"sentiment","type":"lexicon"}"#),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn chunk(number: usize) -> String {
    let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
    let records: Vec<Record> = (0..100)
        .map(|item| {
            let text = Some(format!("Company {item} had a great year, and its customers love the new products."));
            let item = Item { text, ..Item::named(format!("Company {number}-{item}")) };
            Record::new(run.as_str(), "companies", item)
        })
        .collect();
    serde_json::to_string(&Message::new(Chunk::of(&run, number as u64, &records), records)).expect("serializable")
}

/// The most memory that the process had, in MB, as the kernel says it.
fn peak(lambda: &Lambda) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", lambda.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

fn row(what: &str, mut times: Vec<Duration>, peak: f64, promise: &str) {
    times.sort();
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let last = times.len() - 1;
    println!("| {what} | {} | {} | {} | {peak:.1} | {promise} |", ms(times[last / 2]), ms(times[0]), ms(times[last]));
}

fn main() {
    let bytes = std::fs::metadata(PROGRAM).map_or(0, |file| file.len());
    println!("`bootstrap`: {:.1} MB\n", bytes as f64 / 1e6);
    println!("| Lambda | median, ms | fastest | slowest | peak, MB | must, aim |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    let mut times = Vec::new();
    let mut most: f64 = 0.0;
    for _ in 0..STARTS {
        let lambda = Lambda::start(PROGRAM, variables());
        times.push(lambda.first_poll());
        most = most.max(peak(&lambda));
    }
    row("start to first poll", times, most, "8, 6");

    let lambda = Lambda::start(PROGRAM, variables());
    lambda.first_poll();
    let mut times = Vec::new();
    for number in 0..CHUNKS {
        let event = json!({ "Records": [{ "messageId": "1", "body": chunk(number) }] });
        let start = Instant::now();
        let answer = lambda.invoke(&event).expect("an answer");
        times.push(start.elapsed());
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }
    row("a chunk of 100 texts, ten in a row", times, peak(&lambda), "");
}
