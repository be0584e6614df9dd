//! Shifts of an item's mean score from day to day: in local runs, in pipeline tests, and deployed on the emulator.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use fanggen::config::Config;
use fanggen::local::{self, RunOptions, RunProgress};
use serde_json::{Value, json};

use crate::harness::project::Project;

const GOOD: [&str; 4] = [
    "A great and happy day for number",
    "A wonderful success of number",
    "A new office for number",
    "A small loss at number",
];
const BAD: [&str; 4] = [
    "A terrible disaster at number",
    "A sad and awful failure of number",
    "A new office for number",
    "A horrible loss at number",
];

/// The titles of a day, each of which is new.
fn titles(day: usize, bad_from: usize) -> Vec<String> {
    let titles = if day >= bad_from { BAD } else { GOOD };
    titles.iter().enumerate().map(|(place, title)| format!("{title} {day}-{place}")).collect()
}

const LOCAL: &str = r#"
[pipeline]
name = "turns"
[sources.companies]
type = "inline"
items = [{ name = "Nokia", feed = "https://feeds.example.com/nokia.xml" }]
[[stages]]
name = "news"
type = "feed"
text = "title"
language = "en"
[[stages]]
name = "sentiment"
type = "lexicon"
[sinks.turns]
type = "sqs"
when = "shift && mean < baseline"
[sinks.archive]
type = "s3"
[local]
texts = "texts.jsonl"
"#;

struct Nobody;

impl RunProgress for Nobody {
    fn expected(&self, _: usize) {}
    fn done(&self, _: usize) {}
    fn say(&self, _: &str) {}
}

/// Runs the pipeline on this machine at nine on a day of November 2026.
fn run_on(project: &Project, toml: &str, day: usize, bad_from: usize) {
    let texts: Vec<String> = titles(day, bad_from)
        .into_iter()
        .enumerate()
        .map(|(place, title)| {
            let url = format!("https://example.com/{day}/{place}");
            let entry = format!("{day}-{place}");
            json!({ "item": "Nokia", "entry": entry, "title": title, "text": title, "url": url }).to_string()
        })
        .collect();
    project.write("texts.jsonl", &texts.join("\n"));
    let config = Config::read("pipeline.toml", toml);
    let pipeline = config.pipelines.get("dev").unwrap_or_else(|| panic!("{:?}", config.mistakes));
    let options = RunOptions {
        root: project.path().to_owned(),
        live: false,
        time: format!("2026-11-{day:02}T09:00:00Z").parse().expect("a time"),
        new: true,
        source: toml.to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let run = runtime.block_on(local::run(pipeline, &options, Arc::new(Nobody))).expect("a run");
    assert_eq!((run.summary.succeeded, run.summary.is_good()), (4, true));
    run.discard();
}

/// The records in the files of the sink that stands in for the queue.
fn sent(project: &Project) -> Vec<Value> {
    let lines = |file: PathBuf| {
        let text = fs::read_to_string(file).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    project.files(".fanggen/turns/dev/turns").into_iter().flat_map(lines).collect()
}

#[test]
fn local_runs_report_a_shift_once_on_its_second_day() {
    let project = Project::with(LOCAL);
    for day in 1..=10 {
        run_on(&project, LOCAL, day, 10);
        assert_eq!(sent(&project), Vec::<Value>::new(), "day {day}");
    }
    // The same day again, as after a crash.
    for _ in 0..2 {
        run_on(&project, LOCAL, 11, 10);
    }
    let records = sent(&project);
    assert_eq!(records.len(), 1, "{records:#?}");
    let shift = &records[0]["shift"];
    assert_eq!(shift["since"], "2026-11-10");
    assert_eq!((&shift["texts"], &shift["baseline_texts"]), (&json!(8), &json!(36)));
    assert!(shift["from"].as_f64() > shift["to"].as_f64(), "{shift}");
    let decisive = shift["decisive"].as_array().expect("a list");
    assert_eq!(decisive.len(), 3);
    assert!(
        decisive.iter().all(|text| text["url"].as_str().is_some_and(|url| url.starts_with("https://example.com/1")))
    );
    for day in 12..=14 {
        run_on(&project, LOCAL, day, 10);
    }
    assert_eq!(sent(&project).len(), 1, "the new level is the baseline");
}

#[test]
fn a_pipeline_test_repeats_its_runs_day_by_day() {
    let list = |titles: &[&str]| {
        let text =
            |(place, title): (usize, &&str)| json!({ "item": "Nokia", "entry": place.to_string(), "text": title });
        let tables =
            titles.iter().enumerate().map(text).map(|text| {
                format!("{{ item = {}, entry = {}, text = {} }}", text["item"], text["entry"], text["text"])
            });
        tables.collect::<Vec<_>>().join(", ")
    };
    let test = |name: &str, before_days: u32, days: u32, items: &str| {
        format!(
            "[[tests]]\nname = \"{name}\"\nbefore_days = {before_days}\nbefore = [{}]\ndays = {days}\ntexts = [{}]\n\
             expect = [{{ sink = \"turns\", items = [{items}] }}, {{ sink = \"archive\", records = 4 }}]\n",
            list(&GOOD),
            list(&BAD)
        )
    };
    let tests = [
        test("told on the second day", 7, 2, "\"Nokia\""),
        test("not on the first", 7, 1, ""),
        test("not on the third", 7, 3, ""),
        test("not without a baseline", 6, 2, ""),
    ];
    let project = Project::with(&format!("{LOCAL}{}", tests.concat()));
    project.write("texts.jsonl", "");
    let output = project.fanggen(&["test"]);
    assert_eq!((output.code, output.stderr.contains("4 passed")), (0, true), "{output:?}");
}

#[cfg(feature = "aws")]
mod deployed {
    use std::sync::Mutex;

    use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};

    use super::*;
    use crate::harness::deployed_pipeline::{DeployedPipeline, receive_all_from};

    /// The feed of a day; the entries of the days before are gone from it.
    fn feed(day: usize) -> String {
        let item = |(place, title): (usize, String)| {
            format!(
                "<item><guid>urn:{day}:{place}</guid><link>https://example.com/{day}/{place}</link><title>{title}</title></item>"
            )
        };
        let items: String = titles(day, 9).into_iter().enumerate().map(item).collect();
        format!("<rss version='2.0'><channel><language>en</language>{items}</channel></rss>")
    }

    #[test]
    fn a_deployed_pipeline_mails_a_shift_once_with_titles_and_links() {
        let today = Arc::new(Mutex::new(1));
        let there = Arc::clone(&today);
        let server = HttpServer::start(move |_: &ReceivedRequest| {
            CannedResponse::text(200, &feed(*there.lock().expect("no panic")))
        });
        let live = DeployedPipeline::new(
            &format!(
                "[pipeline]\nname = \"x\"\ncontact = \"me@example.com\"\n[functions]\ntimeout_s = 10\n\
                 [sources.companies]\ntype = \"dynamodb\"\nitems = [\"Nokia\"]\n\
                 [[stages]]\nname = \"press\"\ntype = \"feed\"\nurl = \"{}\"\nallow = [\"{}\"]\ntext = \"title\"\n\
                 [[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n[sinks.archive]\ntype = \"s3\"\n\
                 [sinks.turns]\ntype = \"sns\"\nwhen = \"shift\"\n[sinks.events]\ntype = \"sqs\"\nwhen = \"shift\"\n",
                server.url("/{key}.xml"),
                server.host_port()
            ),
            &[],
            "shifts",
            "dev",
        );
        let listener = live.listener("TurnsTopic");
        for day in 1..=11 {
            *today.lock().expect("no panic") = day;
            live.start_run(&format!("2026-11-{day:02}T09:00:00Z")).expect("produced");
            live.written("ArchiveBucket", day * 4);
            live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
            if day == 9 {
                assert_eq!(live.message_count("EventsQueue"), 0, "one day is no shift");
            }
        }
        let events = live.receive_all("EventsQueue");
        assert_eq!(events.len(), 1, "{events:?}");
        let event: Value = serde_json::from_str(events[0].body().expect("a body")).expect("JSON");
        assert_eq!((&event["run"], &event["shift"]["texts"]), (&json!("20261110T090000Z"), &json!(8)));
        let mails = receive_all_from(&listener);
        assert_eq!(mails.len(), 1, "{mails:?}");
        let mail = mails[0].body().expect("a body");
        assert!(mail.contains("- Nokia: mean down from ") && mail.contains("https://example.com/10/0"), "{mail}");
        assert_eq!(live.message_count("WorkerDeadQueue"), 0, "{}", live.logs());
    }
}
