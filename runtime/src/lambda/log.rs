//! What a function says of its work: a line of JSON a chunk or run with its metrics embedded, and a line a failure.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::component::meter::MeterReading;
use crate::function::Function;
use crate::function::{ChunkOutcome, ProducerOutcome};
use crate::model::error::{Error, ErrorCode};
use crate::model::run::{Chunk, RunId};

/// Where the metrics are found in CloudWatch.
pub const NAMESPACE: &str = "fanggen";

/// The metrics, all with the dimensions pipeline and environment and no others: each name in each environment is billed
/// as a metric of its own (<https://aws.amazon.com/cloudwatch/pricing/>), and an item's name would be one more.
pub const METRICS: [(&str, &str); 8] = [
    // Items that a producer sent on their way.
    ("Items", "Count"),
    // Records that were written whole, and with a failure.
    ("Records", "Count"),
    ("Failed", "Count"),
    // Findings that were known already, and not paid for again.
    ("Reused", "Count"),
    // Answers by which upstream asked for patience.
    ("Throttled", "Count"),
    ("ComprehendUnits", "Count"),
    // 1 when the last chunk of a run is written, 0 when a run could not be sent as a whole.
    ("RunComplete", "Count"),
    // From the scheduled time of the run until a chunk of it was written.
    ("Age", "Seconds"),
];

/// The log of a function. It names run, chunk and message, and never an item or its text.
pub struct Log {
    pipeline: String,
    environment: String,
    function: String,
    /// Whether nothing has been logged yet: the first line of a process says that it was a cold start.
    cold: AtomicBool,
}

impl Log {
    /// The log of this function.
    #[must_use]
    pub fn of(function: &Function) -> Self {
        Self {
            pipeline: function.pipeline.clone(),
            environment: function.environment.clone(),
            function: function.name.clone(),
            cold: AtomicBool::new(true),
        }
    }

    /// Something that failed.
    pub fn error(&self, error: &Error, chunk: Option<&Chunk>, message: Option<&str>) {
        eprintln!("{}", self.line("ERROR", error.code, &error.message, chunk, message));
    }

    /// Something that somebody should know.
    pub fn warn(&self, code: ErrorCode, words: &str) {
        eprintln!("{}", self.line("WARN", code, words, None, None));
    }

    /// A run was sent on its way; `sent` items by this attempt.
    pub fn produced(&self, run: &RunId, produced: &ProducerOutcome, sent: u64, reading: MeterReading) {
        let mut line = self.metrics(Timestamp::now(), "run sent", run, sent, reading);
        line.insert("chunks".into(), json!(produced.chunks));
        if produced.before {
            line.insert("before".into(), json!(true));
        }
        if produced.chunks == 0 {
            // No worker will ever say so.
            metric(&mut line, "RunComplete", 1);
        }
        println!("{}", Value::Object(line));
    }

    /// A run could not be sent as a whole.
    pub fn broke_off(&self, run: &RunId, error: &Error, sent: u64, reading: MeterReading) {
        let mut line = self.metrics(Timestamp::now(), "run broken off", run, sent, reading);
        line.insert("level".into(), json!("ERROR"));
        line.insert("code".into(), json!(error.code));
        line.insert("reason".into(), json!(error.message));
        metric(&mut line, "RunComplete", 0);
        println!("{}", Value::Object(line));
    }

    /// A chunk was worked on.
    pub fn worked(&self, chunk: &Chunk, worked: &ChunkOutcome, reading: MeterReading) {
        println!("{}", Value::Object(self.chunk(Timestamp::now(), chunk, worked, reading)));
    }

    fn chunk(&self, now: Timestamp, chunk: &Chunk, worked: &ChunkOutcome, reading: MeterReading) -> Map<String, Value> {
        let done = worked.failures.is_empty();
        let said = if done { "chunk done" } else { "chunk to come again" };
        let mut line = self.metrics(now, said, &chunk.run, 0, reading);
        line.insert("chunk".into(), json!(chunk.id));
        if worked.before {
            line.insert("before".into(), json!(true));
        }
        if !worked.spans.is_empty() {
            let took = worked.spans.iter().map(|span| (span.name.clone(), json!(span.took.as_millis())));
            line.insert("took_ms".into(), Value::Object(took.collect()));
        }
        if !worked.ended.is_empty() {
            let ended = worked.ended.iter().map(|(stage, records)| (stage.clone(), json!(records)));
            line.insert("ended".into(), Value::Object(ended.collect()));
        }
        // What came of a chunk is counted once, by whoever wrote it.
        if done && !worked.before {
            let counts = worked.counts;
            for (name, value) in [("Records", counts.records), ("Failed", counts.failed), ("Reused", counts.reused)] {
                metric(&mut line, name, value);
            }
            if let Ok(scheduled) = chunk.run.time() {
                metric(&mut line, "Age", u64::try_from(now.duration_since(scheduled).as_secs()).unwrap_or_default());
            }
        }
        if worked.complete.is_some() && done && !worked.before {
            metric(&mut line, "RunComplete", 1);
        }
        line
    }

    /// A line of what was done, with the metrics that any of them may have.
    fn metrics(
        &self,
        now: Timestamp,
        said: &str,
        run: &RunId,
        items: u64,
        reading: MeterReading,
    ) -> Map<String, Value> {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        put("level", json!("INFO"));
        put("function", json!(self.function));
        put("message", json!(said));
        put("run", json!(run));
        put("pipeline", json!(self.pipeline));
        put("environment", json!(self.environment));
        if self.cold.swap(false, Ordering::Relaxed) {
            put("cold_start", json!(true));
        }
        let directive = json!({
            "Namespace": NAMESPACE, "Dimensions": [["pipeline", "environment"]], "Metrics": [],
        });
        put("_aws", json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] }));
        for (name, value) in
            [("Items", items), ("Throttled", reading.throttled), ("ComprehendUnits", reading.comprehend_units)]
        {
            // A sum does not change by a zero, and each is a value that is stored.
            if value > 0 {
                metric(&mut line, name, value);
            }
        }
        line
    }

    fn line(&self, level: &str, code: ErrorCode, words: &str, chunk: Option<&Chunk>, message: Option<&str>) -> Value {
        let mut line = json!({ "level": level, "function": self.function, "code": code, "message": words });
        let known = [
            ("run", chunk.map(|chunk| chunk.run.as_str())),
            ("chunk", chunk.map(|chunk| chunk.id.as_str())),
            ("message_id", message),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                line[name] = json!(value);
            }
        }
        line
    }
}

/// Adds a metric to a line, in CloudWatch's embedded metric format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
fn metric(line: &mut Map<String, Value>, name: &str, value: u64) {
    let unit = METRICS.iter().find(|(known, _)| *known == name).map_or("None", |(_, unit)| *unit);
    if let Some(Value::Array(metrics)) =
        line.get_mut("_aws").and_then(|aws| aws.pointer_mut("/CloudWatchMetrics/0/Metrics"))
    {
        metrics.push(json!({ "Name": name, "Unit": unit }));
    }
    line.insert(name.to_owned(), json!(value));
}

/// Says where a mistake of ours broke something off, and not over what: that may be somebody's text.
pub fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
    eprintln!("{}", json!({ "level": "ERROR", "code": "panicked", "message": "a mistake of ours", "place": place }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::state::Counts;
    use crate::function::ComponentTiming;
    use std::time::{Duration, SystemTime};

    fn log() -> Log {
        let word = |word: &str| word.to_owned();
        Log { pipeline: word("fang"), environment: word("dev"), function: word("worker"), cold: AtomicBool::new(true) }
    }

    fn chunk() -> Chunk {
        Chunk::new(&RunId::scheduled("2026-11-22T09:00:00Z").expect("a time"), 0, &[])
    }

    fn now() -> Timestamp {
        "2026-11-22T09:00:07Z".parse().expect("a time")
    }

    #[test]
    fn a_failed_chunk_is_logged_by_its_names() {
        assert_eq!(
            log().line("ERROR", ErrorCode::FileUnwritable, "the disk is full", Some(&chunk()), Some("m-1")),
            json!({
                "level": "ERROR", "function": "worker", "code": "file_unwritable", "message": "the disk is full",
                "run": "20261122T090000Z", "chunk": chunk().id, "message_id": "m-1",
            })
        );
    }

    #[test]
    fn a_chunk_is_one_line_with_its_metrics_and_the_first_one_says_that_the_start_was_cold() {
        let log = log();
        let span = ComponentTiming {
            name: "summary".into(),
            start: SystemTime::UNIX_EPOCH,
            took: Duration::from_millis(120),
            failed: false,
        };
        let counts = Counts { items: 100, records: 97, failed: 3, reused: 40 };
        let ended = vec![("bad".to_owned(), 12)];
        let worked =
            ChunkOutcome { counts, complete: Some(counts), ended, spans: vec![span], ..ChunkOutcome::default() };
        let reading = MeterReading { throttled: 0, comprehend_units: 900 };
        let metrics = ["ComprehendUnits", "Records", "Failed", "Reused", "Age", "RunComplete"];
        let named =
            metrics.map(|name| json!({ "Name": name, "Unit": if name == "Age" { "Seconds" } else { "Count" } }));
        assert_eq!(
            Value::Object(log.chunk(now(), &chunk(), &worked, reading)),
            json!({
                "level": "INFO", "function": "worker", "message": "chunk done", "run": "20261122T090000Z",
                "chunk": chunk().id, "pipeline": "fang", "environment": "dev", "cold_start": true,
                "took_ms": { "summary": 120 }, "ended": { "bad": 12 },
                "_aws": { "Timestamp": now().as_millisecond(), "CloudWatchMetrics": [{
                    "Namespace": "fanggen", "Dimensions": [["pipeline", "environment"]], "Metrics": named,
                }] },
                "ComprehendUnits": 900, "Records": 97, "Failed": 3, "Reused": 40, "Age": 7, "RunComplete": 1,
            })
        );
        let again = log.chunk(now(), &chunk(), &ChunkOutcome { before: true, ..worked }, MeterReading::default());
        assert!(!again.contains_key("cold_start") && !again.contains_key("Records"), "{again:?}");
    }

    #[test]
    fn a_hundred_items_take_less_than_a_tenth_of_what_the_original_logged_for_one() {
        let worked = ChunkOutcome {
            counts: Counts { items: 100, records: 100, ..Counts::default() },
            ..ChunkOutcome::default()
        };
        let line = Value::Object(log().chunk(now(), &chunk(), &worked, MeterReading::default())).to_string();
        assert!(line.len() < 1_000, "{} bytes", line.len());
    }
}
