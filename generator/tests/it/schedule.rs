//! The schedule starts a run by itself, whose results are in every store. In a module of its own, since the emulator's
//! schedules take up to a minute.

use crate::harness::deployed_pipeline;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use deployed_pipeline::DeployedPipeline;
use serde_json::Value;

/// A minute until it fires, the start of two functions, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

const PIPELINE: &str = r#"
[pipeline]
name = "x"
contact = "me@example.com"

[schedule]
expression = "rate(1 minute)"

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

[sinks.latest]
type = "dynamodb"
table = "sentiment"
"#;

#[test]
fn the_schedule_fires_and_a_run_is_in_every_store() {
    let live = DeployedPipeline::new(PIPELINE, &[], "fires", "dev");
    let begin = Instant::now();
    let (objects, rows) = loop {
        let (objects, rows) = (live.objects("ArchiveBucket"), live.rows("SentimentTable"));
        // The table comes after the bucket, and a second run may have begun meanwhile.
        if rows.len() >= 3 && !objects.is_empty() {
            break (objects, rows);
        }
        assert!(begin.elapsed() < PATIENCE, "no run within {PATIENCE:?}\n{}", live.logs());
        std::thread::sleep(Duration::from_millis(250));
    };
    let keys = |records: &[Value]| -> BTreeSet<String> {
        records.iter().map(|record| record["item"]["key"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let all: BTreeSet<String> = ["Apple", "Google", "Netflix"].map(str::to_owned).into();
    for (key, records) in &objects {
        assert_eq!((keys(records), records.len()), (all.clone(), 3), "{key}");
        let run = records[0]["run"].as_str().unwrap_or_default();
        let day = format!("{}-{}-{}", &run[..4], &run[4..6], &run[6..8]);
        assert!(key.starts_with(&format!("archive/dt={day}/{run}-")), "{key} of {run}");
        assert!(records.iter().all(|record| record["run"] == run && record["findings"][0]["engine"] == "lexicon"));
        let of_run = rows.iter().filter(|row| row["run"].as_s().is_ok_and(|it| it == run));
        let items: BTreeSet<String> = of_run.filter_map(|row| row["item"].as_s().ok().cloned()).collect();
        assert!(items == all || objects.len() > 1, "{items:?} of {run}");
    }
    // The emulator leaves the name of the place where the Scheduler writes its time: that is said, and the clock asked.
    let warned = live.wait_until("the warning", || {
        let log = live.logs();
        log.lines().find(|line| line.contains("\"run_unnamed\"")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&warned[warned.find('{').unwrap_or_default()..]).expect("a line of JSON");
    assert_eq!((&line["level"], &line["function"]), (&Value::from("WARN"), &Value::from("producer")));
    let words = "the schedule did not send its scheduled time, as in an emulator: using the current time";
    assert_eq!(line["message"], words);
}
