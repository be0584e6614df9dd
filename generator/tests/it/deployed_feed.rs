//! A deployed pipeline that reads a feed, on the emulator: each entry is in the bucket exactly once, however often
//! messages are delivered.

use crate::harness::deployed_pipeline;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use deployed_pipeline::DeployedPipeline;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};
use serde_json::{Value, json};

/// A feed whose entries are counted from one; the newest is the first.
fn feed(entries: usize) -> String {
    let item = |number| {
        format!("<item><guid>urn:entry:{number}</guid><title>A great and happy day number {number}</title></item>")
    };
    let items: String = (1..=entries).rev().map(item).collect();
    format!("<rss version='2.0'><channel><language>en</language>{items}</channel></rss>")
}

/// How often each entry is in the bucket, by what its feed calls it.
fn counts(objects: &BTreeMap<String, Vec<Value>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in objects.values().flatten() {
        assert_eq!(record["failure"], Value::Null, "{record}");
        *counts.entry(record["entry"].as_str().expect("an entry").to_owned()).or_default() += 1;
    }
    counts
}

fn once(entries: usize) -> BTreeMap<String, usize> {
    (1..=entries).map(|number| (format!("urn:entry:{number}"), 1)).collect()
}

#[test]
fn each_entry_of_a_growing_feed_is_in_the_bucket_once_ever() {
    let entries = Arc::new(Mutex::new(30));
    let there = Arc::clone(&entries);
    let server = HttpServer::start(move |_: &ReceivedRequest| {
        CannedResponse::text(200, &feed(*there.lock().expect("no panic")))
    });
    let live = DeployedPipeline::new(
        &format!(
            "[pipeline]\nname = \"x\"\ncontact = \"me@example.com\"\n[functions]\ntimeout_s = 10\n\
             [sources.companies]\ntype = \"file\"\npath = \"items.csv\"\n\
             [[stages]]\nname = \"press\"\ntype = \"feed\"\nurl = \"{}\"\nallow = [\"{}\"]\nentries = 25\npatience_s = 3\n\
             [[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n[sinks.archive]\ntype = \"s3\"\n",
            server.url("/{key}.xml"),
            server.host_port()
        ),
        &[("items.csv", "name\nApple\n")],
        "entries",
        "dev",
    );
    assert_eq!(live.start_run("2026-11-22T12:00:00Z").expect("produced"), json!({ "items": 1, "chunks": 1 }));
    let objects = live.written("ArchiveBucket", 25);
    assert_eq!(counts(&objects), once(25), "the oldest come first");
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));

    // The feed grows, and the same chunk is delivered once more, as SQS may do.
    *entries.lock().expect("no panic") = 40;
    let key = objects.keys().next().expect("an object");
    let id = key.rsplit('-').next().and_then(|end| end.split('.').next()).expect("the id of a chunk");
    let record = json!({ "run": "20261122T120000Z", "source": "companies", "item": { "key": "Apple" } });
    let chunk = json!({ "run": "20261122T120000Z", "id": id, "number": 0 });
    live.send("WorkerQueue", &json!({ "version": 1, "chunk": chunk, "records": [record] }).to_string());
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    assert_eq!(live.objects("ArchiveBucket"), objects, "nothing changes");

    for (time, expected) in [("2026-11-22T13:00:00Z", 40), ("2026-11-22T14:00:00Z", 40)] {
        live.start_run(time).expect("produced");
        let objects = live.written("ArchiveBucket", expected);
        live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
        assert_eq!(counts(&objects), once(expected), "{time}");
    }
    assert_eq!(live.message_count("WorkerDeadQueue"), 0);
}
