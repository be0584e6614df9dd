//! The log of a function: one JSON line per chunk or run with embedded metrics, and one line per failure.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::component::meter::MeterReading;
use crate::function::Function;
use crate::function::notifier::PostedAlarm;
use crate::function::{ChunkOutcome, ProducerOutcome};
use crate::model::error::{Error, ErrorCode};
use crate::model::metric::{
    AGE, COMPREHEND_UNITS, DIMENSIONS, FAILED, FAILED_PERCENT, ITEMS, METRICS, NAMESPACE, RECORDS, REUSED, THROTTLED,
    failed_percent,
};
use crate::model::run::{Chunk, RunId};

/// The log of a function. It identifies runs, chunks and messages, but contains no items and no texts.
pub struct Log {
    pipeline: String,
    environment: String,
    function: String,
    /// Whether nothing is written.
    quiet: bool,
    /// Whether no metrics were logged yet: the first such line of a process has `cold_start`.
    cold_start: AtomicBool,
}

impl Log {
    /// The log of this function.
    #[must_use]
    pub fn new(function: &Function) -> Self {
        Self {
            pipeline: function.pipeline.clone(),
            environment: function.environment.clone(),
            function: function.name.clone(),
            quiet: false,
            cold_start: AtomicBool::new(true),
        }
    }

    /// The log of a function in a test of the pipeline, which writes nothing.
    #[must_use]
    pub fn quiet(function: &Function) -> Self {
        Self { quiet: true, ..Self::new(function) }
    }

    fn to_stdout(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            println!("{line}");
        }
    }

    fn to_stderr(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    /// Logs a failure.
    pub fn error(&self, error: &Error, chunk: Option<&Chunk>, message_id: Option<&str>) {
        self.to_stderr(self.line(Timestamp::now(), "ERROR", error.code, &error.message, chunk, message_id));
    }

    /// Logs a warning.
    pub fn warn(&self, code: ErrorCode, message: &str) {
        self.to_stderr(self.line(Timestamp::now(), "WARN", code, message, None, None));
    }

    /// Logs that a producer has sent a run. `sent` is the number of items sent by this invocation.
    pub fn run_produced(&self, run: &RunId, outcome: &ProducerOutcome, sent: u64, reading: MeterReading) {
        let mut line = self.metrics(Timestamp::now(), "run sent", run, sent, reading);
        line.insert("chunks".into(), json!(outcome.chunks));
        if outcome.already_done {
            line.insert("before".into(), json!(true));
        }
        if outcome.chunks == 0 {
            // An empty run has no worker that would report it.
            metric(&mut line, FAILED_PERCENT, 0);
        }
        self.to_stdout(Value::Object(line));
    }

    /// Logs that a producer failed. `sent` is the number of items sent by this invocation.
    pub fn run_failed(&self, run: &RunId, error: &Error, sent: u64, reading: MeterReading) {
        let mut line = self.metrics(Timestamp::now(), "run failed", run, sent, reading);
        line.insert("level".into(), json!("ERROR"));
        line.insert("code".into(), json!(error.code));
        line.insert("reason".into(), json!(error.message));
        self.to_stdout(Value::Object(line));
    }

    /// Logs the outcome of a chunk.
    pub fn chunk_processed(&self, chunk: &Chunk, outcome: &ChunkOutcome, reading: MeterReading) {
        self.to_stdout(Value::Object(self.chunk_line(Timestamp::now(), chunk, outcome, reading)));
    }

    /// Logs that an alarm was posted.
    pub fn alarm_posted(&self, posted: &PostedAlarm) {
        self.to_stdout(json!({
            "timestamp": Timestamp::now().to_string(), "level": "INFO", "function": self.function, "message": "alarm posted",
            "alarm": posted.alarm, "state": posted.state,
        }));
    }

    fn chunk_line(
        &self,
        now: Timestamp,
        chunk: &Chunk,
        outcome: &ChunkOutcome,
        reading: MeterReading,
    ) -> Map<String, Value> {
        let done = outcome.failures.is_empty();
        let message = match (done, outcome.is_replay) {
            (true, false) => "chunk done",
            (true, true) => "chunk replayed",
            (false, _) => "chunk failed, will be retried",
        };
        let mut line = self.metrics(now, message, &chunk.run, 0, reading);
        line.insert("chunk".into(), json!(chunk.id));
        if outcome.already_done {
            line.insert("before".into(), json!(true));
        }
        if !outcome.timings.is_empty() {
            let durations = outcome.timings.iter();
            let durations = durations.map(|timing| (timing.name.clone(), json!(timing.duration.as_millis())));
            line.insert("took_ms".into(), Value::Object(durations.collect()));
        }
        if !outcome.dropped.is_empty() {
            let dropped = outcome.dropped.iter().map(|(stage, records)| (stage.clone(), json!(records)));
            line.insert("ended".into(), Value::Object(dropped.collect()));
        }
        // Each chunk is counted once, by the invocation that finished it, and not again if it is replayed.
        if done && !outcome.already_done && !outcome.is_replay {
            let counts = &outcome.counts;
            for (name, value) in [(RECORDS, counts.records), (FAILED, counts.failed), (REUSED, counts.reused)] {
                metric(&mut line, name, value);
            }
            if let Ok(scheduled) = chunk.run.time() {
                metric(&mut line, AGE, u64::try_from(now.duration_since(scheduled).as_secs()).unwrap_or_default());
            }
        }
        if let (Some(run), true, false) = (&outcome.complete, done, outcome.already_done) {
            metric(&mut line, FAILED_PERCENT, failed_percent(run.records, run.failed));
        }
        line
    }

    /// A line with the metrics that runs and chunks have in common.
    fn metrics(
        &self,
        now: Timestamp,
        message: &str,
        run: &RunId,
        items: u64,
        reading: MeterReading,
    ) -> Map<String, Value> {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        put("timestamp", json!(now.to_string()));
        put("level", json!("INFO"));
        put("function", json!(self.function));
        put("message", json!(message));
        put("run", json!(run));
        put("pipeline", json!(self.pipeline));
        put("environment", json!(self.environment));
        if self.cold_start.swap(false, Ordering::Relaxed) {
            put("cold_start", json!(true));
        }
        let directive = json!({
            "Namespace": NAMESPACE, "Dimensions": [DIMENSIONS], "Metrics": [],
        });
        put("_aws", json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] }));
        for (name, value) in
            [(ITEMS, items), (THROTTLED, reading.throttled), (COMPREHEND_UNITS, reading.comprehend_units)]
        {
            // A zero does not change the sum, and would take space in the log.
            if value > 0 {
                metric(&mut line, name, value);
            }
        }
        line
    }

    fn line(
        &self,
        now: Timestamp,
        level: &str,
        code: ErrorCode,
        message: &str,
        chunk: Option<&Chunk>,
        message_id: Option<&str>,
    ) -> Value {
        let mut line = json!({
            "timestamp": now.to_string(), "level": level, "function": self.function, "code": code, "message": message,
        });
        let optional = [
            ("run", chunk.map(|chunk| chunk.run.as_str())),
            ("chunk", chunk.map(|chunk| chunk.id.as_str())),
            ("message_id", message_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                line[name] = json!(value);
            }
        }
        line
    }
}

/// Adds a metric to a line, in the CloudWatch embedded metric format
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

/// Logs the location of a panic, but not its message, which may contain text of an item.
pub fn panic_hook(info: &PanicHookInfo<'_>) {
    let location = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let message = "panic: this is a bug in fanggen, please report it with this location";
    eprintln!("{}", json!({ "level": "ERROR", "code": "panicked", "message": message, "place": location }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::state::Counts;
    use crate::function::ComponentTiming;
    use std::time::{Duration, SystemTime};

    fn log() -> Log {
        Log {
            pipeline: "fang".into(),
            environment: "dev".into(),
            function: "worker".into(),
            quiet: false,
            cold_start: AtomicBool::new(true),
        }
    }

    fn chunk() -> Chunk {
        Chunk::new(&RunId::scheduled("2026-11-22T09:00:00Z").expect("a time"), 0, &[])
    }

    fn now() -> Timestamp {
        "2026-11-22T09:00:07Z".parse().expect("a time")
    }

    #[test]
    fn a_failure_is_logged_with_its_run_chunk_and_message() {
        assert_eq!(
            log().line(now(), "ERROR", ErrorCode::FileUnwritable, "the disk is full", Some(&chunk()), Some("m-1")),
            json!({
                "timestamp": "2026-11-22T09:00:07Z", "level": "ERROR", "function": "worker", "code": "file_unwritable", "message": "the disk is full",
                "run": "20261122T090000Z", "chunk": chunk().id, "message_id": "m-1",
            })
        );
    }

    #[test]
    fn a_chunk_is_one_line_with_its_metrics_and_the_first_one_has_cold_start() {
        let log = log();
        let timing = ComponentTiming {
            name: "summary".into(),
            start: SystemTime::UNIX_EPOCH,
            duration: Duration::from_millis(120),
            failed: false,
        };
        let counts = Counts { items: 100, records: 97, failed: 3, reused: 40, ..Counts::default() };
        let dropped = vec![("bad".to_owned(), 12)];
        let outcome = ChunkOutcome {
            counts: counts.clone(),
            complete: Some(counts),
            dropped,
            timings: vec![timing],
            ..ChunkOutcome::default()
        };
        let reading = MeterReading { throttled: 0, comprehend_units: 900 };
        let metrics = ["ComprehendUnits", "Records", "Failed", "Reused", "Age", "FailedPercent"];
        let unit = |name| match name {
            "Age" => "Seconds",
            "FailedPercent" => "Percent",
            _ => "Count",
        };
        let definitions = metrics.map(|name| json!({ "Name": name, "Unit": unit(name) }));
        assert_eq!(
            Value::Object(log.chunk_line(now(), &chunk(), &outcome, reading)),
            json!({
                "timestamp": "2026-11-22T09:00:07Z", "level": "INFO", "function": "worker", "message": "chunk done", "run": "20261122T090000Z",
                "chunk": chunk().id, "pipeline": "fang", "environment": "dev", "cold_start": true,
                "took_ms": { "summary": 120 }, "ended": { "bad": 12 },
                "_aws": { "Timestamp": now().as_millisecond(), "CloudWatchMetrics": [{
                    "Namespace": "fanggen", "Dimensions": [["pipeline", "environment"]], "Metrics": definitions,
                }] },
                "ComprehendUnits": 900, "Records": 97, "Failed": 3, "Reused": 40, "Age": 7, "FailedPercent": 3,
            })
        );
        let outcome = ChunkOutcome { already_done: true, ..outcome };
        let second = log.chunk_line(now(), &chunk(), &outcome, MeterReading::default());
        assert!(!second.contains_key("cold_start") && !second.contains_key("Records"), "{second:?}");
    }

    #[test]
    fn a_chunk_of_a_hundred_items_takes_less_than_1000_bytes() {
        let outcome = ChunkOutcome {
            counts: Counts { items: 100, records: 100, ..Counts::default() },
            ..ChunkOutcome::default()
        };
        let line = Value::Object(log().chunk_line(now(), &chunk(), &outcome, MeterReading::default())).to_string();
        assert!(line.len() < 1_000, "{} bytes", line.len());
    }
}
