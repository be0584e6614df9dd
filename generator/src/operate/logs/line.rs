//! One line of a log, as far as it is understood: those of the runtime, those of Lambda, and any other text.

use serde_json::{Map, Value};

use super::platform;

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// What Lambda says of each invocation, unless something is wrong.
    Debug,
    /// Everything that is as it should be.
    Info,
    /// Something that may become a failure.
    Warn,
    /// A failure.
    Error,
}

impl LogLevel {
    /// The level of a word, such as `ERROR`; unknown words are `Info`.
    fn of(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "TRACE" | "DEBUG" => Self::Debug,
            "WARN" | "WARNING" => Self::Warn,
            "ERROR" | "FATAL" | "CRITICAL" => Self::Error,
            _ => Self::Info,
        }
    }

    /// As it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How serious it is.
    pub level: LogLevel,
    /// What it says, for people.
    pub message: String,
    /// The run that it is about.
    pub run: Option<String>,
    /// The chunk that it is about.
    pub chunk: Option<String>,
    /// Everything else that it names, in short.
    pub fields: Vec<(String, String)>,
}

/// The members of a line of the runtime that are told in another way, or are the same in every line.
const TOLD: [&str; 11] =
    ["timestamp", "level", "function", "message", "code", "reason", "run", "chunk", "pipeline", "environment", "_aws"];

impl LogLine {
    /// A line with a message alone.
    pub(super) fn new(level: LogLevel, message: String) -> Self {
        Self { level, message, run: None, chunk: None, fields: Vec::new() }
    }

    /// Reads a line.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => {
                platform::event(&object).unwrap_or_else(|| Self::of_runtime(&object).unwrap_or_else(|| plain(text)))
            }
            _ => platform::text(text).unwrap_or_else(|| plain(text)),
        }
    }

    /// A line as the runtime writes it (`runtime/src/lambda/log.rs`); none without a message.
    fn of_runtime(object: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| object.get(name).map(word);
        let mut message = text("message")?;
        match (text("code"), text("reason")) {
            (Some(code), Some(reason)) => message = format!("{message}: {code}: {reason}"),
            (Some(code), None) => message = format!("{code}: {message}"),
            (None, _) => {}
        }
        let more = object.iter().filter(|(name, _)| !TOLD.contains(&name.as_str()));
        Some(Self {
            level: text("level").map_or(LogLevel::Info, |level| LogLevel::of(&level)),
            message,
            run: text("run"),
            chunk: text("chunk"),
            fields: more.map(|(name, value)| (name.clone(), word(value))).collect(),
        })
    }
}

/// A text that is neither of the runtime nor of Lambda: of the C library, say.
fn plain(text: &str) -> LogLine {
    LogLine::new(LogLevel::Info, text.to_owned())
}

/// A value in short: `summary:120,sentiment:3` for an object.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}:{}", word(value))).collect();
            members.join(",")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_runtime_are_told_in_short() {
        let line = LogLine::parse(
            r#"{"timestamp":"2026-11-22T09:00:07Z","level":"ERROR","function":"worker","code":"file_unwritable","message":"the disk is full","run":"20261122T090000Z","chunk":"0123456789abcdef","message_id":"m-1"}"#,
        );
        let expected = LogLine {
            level: LogLevel::Error,
            message: "file_unwritable: the disk is full".into(),
            run: Some("20261122T090000Z".into()),
            chunk: Some("0123456789abcdef".into()),
            fields: vec![("message_id".into(), "m-1".into())],
        };
        assert_eq!(line, expected);
        let done = LogLine::parse(
            r#"{"timestamp":"t","level":"INFO","message":"chunk done","run":"r","took_ms":{"a":1,"b":20},"_aws":{"x":1},"Records":5,"cold_start":true}"#,
        );
        let fields: Vec<String> = done.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["Records=5", "cold_start=true", "took_ms=a:1,b:20"]);
        let failed = LogLine::parse(r#"{"level":"ERROR","message":"run failed","code":"denied","reason":"no"}"#);
        assert_eq!((failed.level, failed.message.as_str()), (LogLevel::Error, "run failed: denied: no"));
        let panicked =
            LogLine::parse(r#"{"level":"ERROR","code":"panicked","message":"panic: this is a bug","place":"a.rs:1"}"#);
        assert_eq!((panicked.level, panicked.message.as_str()), (LogLevel::Error, "panicked: panic: this is a bug"));
    }

    #[test]
    fn any_other_text_is_kept_as_it_is() {
        for text in ["", "null", "[1]", "{}", "{\"a\":1}", "{\"type\":7}", "\u{1b}[31mé 🙂", "{\"message\""] {
            assert_eq!(LogLine::parse(text), LogLine::new(LogLevel::Info, text.to_owned()));
        }
        assert_eq!(LogLine::parse(r#"{"message":{"a":[1]},"level":7}"#).message, "a:[1]");
    }
}
