//! The lines of Lambda itself, in JSON and in text: starts, reports, timeouts, processes that ended, exhausted memory.

use serde_json::{Map, Value};

use super::line::{LogLevel, LogLine};

/// Reads an event of Lambda, in the JSON that the functions of a pipeline log
/// (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>).
pub fn event(object: &Map<String, Value>) -> Option<LogLine> {
    let kind = object.get("type")?.as_str()?.strip_prefix("platform.")?;
    let record = object.get("record").unwrap_or(&Value::Null);
    let text = |name: &str| record[name].as_str();
    let metrics = &record["metrics"];
    let invocation = LambdaOutcome {
        status: text("status"),
        error: text("errorType"),
        duration_ms: metrics["durationMs"].as_f64(),
        used_mb: metrics["maxMemoryUsedMB"].as_f64(),
        memory_mb: metrics["memorySizeMB"].as_f64(),
        init_ms: metrics["initDurationMs"].as_f64(),
    };
    let mut line = match kind {
        "report" => invocation.line("invocation"),
        "initReport" => invocation.line("initialization"),
        // Followed by a report, which says how it ended.
        "initStart" => LogLine::new(LogLevel::Debug, "initialization started".to_owned()),
        "start" => LogLine::new(LogLevel::Debug, "invocation started".to_owned()),
        "fault" => LogLine::new(LogLevel::Error, format!("the execution environment failed: {}", fault(record))),
        "logsDropped" => LogLine::new(LogLevel::Warn, format!("Lambda dropped log lines: {}", fault(record))),
        other => LogLine::new(LogLevel::Debug, format!("platform.{other}")),
    };
    line.fields.extend(text("requestId").map(|id| ("request".to_owned(), id.to_owned())));
    Some(line)
}

fn fault(record: &Value) -> String {
    let text = record.as_str().or_else(|| record["reason"].as_str());
    text.map_or_else(|| record.to_string(), str::to_owned)
}

/// How an invocation or the start of an environment ended.
#[derive(Default)]
struct LambdaOutcome<'a> {
    status: Option<&'a str>,
    error: Option<&'a str>,
    duration_ms: Option<f64>,
    used_mb: Option<f64>,
    memory_mb: Option<f64>,
    init_ms: Option<f64>,
}

impl LambdaOutcome<'_> {
    fn line(&self, what: &str) -> LogLine {
        let took = self.duration_ms.map(|ms| format!(" {ms} ms")).unwrap_or_default();
        let memory = match (self.used_mb, self.memory_mb) {
            (Some(used), Some(all)) => format!("{used} of {all} MB"),
            _ => String::new(),
        };
        let error = self.error.map(|error| format!(" ({error})")).unwrap_or_default();
        let is_full = self.used_mb.zip(self.memory_mb).is_some_and(|(used, all)| used >= all);
        match self.status {
            Some("timeout") => {
                LogLine::new(LogLevel::Error, format!("{what} timed out after{took}{error}{}", in_brackets(&memory)))
            }
            // A process that needs more memory is killed, which older reports call an exit.
            Some("error") if self.error == Some("Runtime.OutOfMemory") || is_full => {
                let memory = if memory.is_empty() { String::new() } else { format!(": {memory}") };
                LogLine::new(
                    LogLevel::Error,
                    format!("{what} ran out of memory{memory}{error}; set `[functions] memory_mb` higher"),
                )
            }
            Some(status) if status != "success" => LogLine::new(
                LogLevel::Error,
                format!("{what} ended with {status}{error} after{took}{}", in_brackets(&memory)),
            ),
            _ => {
                let init = self.init_ms.map(|ms| format!(", started in {ms} ms")).unwrap_or_default();
                let memory = if memory.is_empty() { memory } else { format!(", {memory}") };
                LogLine::new(LogLevel::Debug, format!("{what} took{took}{memory}{init}"))
            }
        }
    }
}

fn in_brackets(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(", {words}") }
}

/// Reads a line of Lambda in text, as it is logged where a function's log is not JSON; none for any other text.
pub fn text(line: &str) -> Option<LogLine> {
    let first = line.split_whitespace().next().unwrap_or_default();
    let request = after(line, "RequestId: ").map(|id| ("request".to_owned(), id.to_owned()));
    let mut found = match first {
        "START" => LogLine::new(LogLevel::Debug, "invocation started".to_owned()),
        "END" => LogLine::new(LogLevel::Debug, "invocation ended".to_owned()),
        "INIT_START" => LogLine::new(LogLevel::Debug, "initialization started".to_owned()),
        "REPORT" | "INIT_REPORT" => {
            let number = |name: &str| after(line, name)?.parse().ok();
            let outcome = LambdaOutcome {
                status: after(line, "Status: "),
                error: after(line, "Error Type: "),
                duration_ms: number(if first == "REPORT" { "\tDuration: " } else { "Init Duration: " }),
                used_mb: number("Max Memory Used: "),
                memory_mb: number("\tMemory Size: "),
                init_ms: if first == "REPORT" { number("Init Duration: ") } else { None },
            };
            outcome.line(if first == "REPORT" { "invocation" } else { "initialization" })
        }
        _ if line.contains("Task timed out after") || line.contains("Error: Runtime exited") => {
            LogLine::new(LogLevel::Error, line.to_owned())
        }
        // What an aborted Rust program leaves.
        _ if line.starts_with("memory allocation of ") || line.contains(" panicked at ") => {
            LogLine::new(LogLevel::Error, line.to_owned())
        }
        _ => return None,
    };
    found.fields.extend(request);
    Some(found)
}

/// The word after a name, up to a space or a tab.
fn after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = &line[line.find(name)? + name.len()..];
    rest.split([' ', '\t', '\n']).next().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(text: &str, level: LogLevel, message: &str) {
        let line = LogLine::parse(text);
        assert_eq!((line.level, line.message.as_str()), (level, message), "{text}");
    }

    fn report(status: &str) -> String {
        format!(
            r#"{{"time":"2026-11-22T09:00:07.123Z","type":"platform.report","record":{{"requestId":"r-1","metrics":{{"durationMs":3000.5,"billedDurationMs":3001,"memorySizeMB":256,"maxMemoryUsedMB":31}},{status}}}}}"#
        )
    }

    #[test]
    fn a_report_is_told_and_what_is_not_a_success_is_an_error() {
        use LogLevel::{Debug, Error};
        says(&report(r#""status":"success""#), Debug, "invocation took 3000.5 ms, 31 of 256 MB");
        says(&report(r#""status":"timeout""#), Error, "invocation timed out after 3000.5 ms, 31 of 256 MB");
        says(
            &report(r#""status":"error","errorType":"Runtime.ExitError""#),
            Error,
            "invocation ended with error (Runtime.ExitError) after 3000.5 ms, 31 of 256 MB",
        );
        let killed = report(r#""status":"error","errorType":"Runtime.ExitError""#);
        let full =
            "invocation ran out of memory: 256 of 256 MB (Runtime.ExitError); set `[functions] memory_mb` higher";
        says(&killed.replace("\"maxMemoryUsedMB\":31", "\"maxMemoryUsedMB\":256"), Error, full);
        says(
            &report(r#""status":"error","errorType":"Runtime.OutOfMemory""#),
            Error,
            "invocation ran out of memory: 31 of 256 MB (Runtime.OutOfMemory); set `[functions] memory_mb` higher",
        );
        says(
            r#"{"type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":12.1}}}"#,
            Error,
            "initialization ended with error (Runtime.ExitError) after 12.1 ms",
        );
        says(r#"{"type":"platform.start","record":{"requestId":"r-1"}}"#, Debug, "invocation started");
        says(
            r#"{"type":"platform.fault","record":"RequestId: x Process exited"}"#,
            Error,
            "the execution environment failed: RequestId: x Process exited",
        );
        says(r#"{"type":"platform.report"}"#, Debug, "invocation took");
        assert_eq!(LogLine::parse(&report(r#""status":"timeout""#)).fields, [("request".into(), "r-1".into())]);
    }

    #[test]
    fn lines_in_text_are_understood_too() {
        use LogLevel::{Debug, Error};
        let report = "REPORT RequestId: r-1\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: 12.50 ms";
        says(report, Debug, "invocation took 3000 ms, 30 of 128 MB, started in 12.5 ms");
        says(&format!("{report}\tStatus: timeout"), Error, "invocation timed out after 3000 ms, 30 of 128 MB");
        says(
            &format!("{report}\tStatus: error\tError Type: Runtime.ExitError"),
            Error,
            "invocation ended with error (Runtime.ExitError) after 3000 ms, 30 of 128 MB",
        );
        for text in [
            "2026-11-22T09:00:07.123Z r-1 Task timed out after 3.00 seconds",
            "RequestId: r-1 Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
            "memory allocation of 1234 bytes failed",
            "thread 'main' panicked at src/main.rs:1:1:",
        ] {
            says(text, Error, text);
        }
        says("START RequestId: r-1 Version: $LATEST", Debug, "invocation started");
        says("STARTED", LogLevel::Info, "STARTED");
        assert_eq!(LogLine::parse("REPORT").level, Debug);
    }
}
