//! What a command did, line by line on stderr: its arguments and exit code, each call to AWS, each change of an item.
//!
//! `--verbose` and `--log-format` turn it on for the process, once and for all commands. Times are RFC 3339 in UTC.

use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::control_characters::without_controls;

/// The most characters of an argument in the log.
const ARGUMENT: usize = 200;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line, messages included.
    Json,
}

/// The log of this process.
struct ProcessLog {
    format: LogFormat,
    start: Instant,
    /// The pipeline and environment of the command, once they are known.
    subject: Mutex<(Option<String>, Option<String>)>,
}

static LOG: OnceLock<ProcessLog> = OnceLock::new();

/// A change of one item.
#[derive(Clone, Debug, Serialize)]
pub struct ItemChange<'a, T: Serialize> {
    /// What was done: `add`, `replace`, `change`, `rename`, `remove`.
    pub action: &'static str,
    /// The item's key.
    pub item: &'a str,
    /// Where: a table, a file, an object.
    pub place: &'a str,
    /// Who did it: the caller's ARN, or the user of this machine.
    pub who: &'a str,
    /// The row as it was.
    pub before: Option<&'a T>,
    /// The row as it is.
    pub after: Option<&'a T>,
}

/// Turns the log on; without it, nothing is logged.
pub fn start(format: LogFormat) {
    let _ = LOG.set(ProcessLog { format, start: Instant::now(), subject: Mutex::default() });
}

/// Whether anything is logged.
#[must_use]
pub fn is_on() -> bool {
    LOG.get().is_some()
}

/// Whether stderr has JSON lines only.
#[must_use]
pub fn is_json() -> bool {
    LOG.get().is_some_and(|log| log.format == LogFormat::Json)
}

/// Notes which pipeline the command is about.
pub fn pipeline(name: &str) {
    if let Some(log) = LOG.get() {
        log.subject.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(name.to_owned());
    }
}

/// Notes which environment the command is about.
pub fn environment(name: &str) {
    if let Some(log) = LOG.get() {
        log.subject.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(name.to_owned());
    }
}

/// Logs a message for the user, where messages are lines of JSON.
pub fn message(text: &str) {
    write("message", json!({ "text": text }), text);
}

/// Logs the command, at its end.
pub fn command(exit_code: u8) {
    let Some(log) = LOG.get() else { return };
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| without_secrets(&argument.to_string_lossy())).collect();
    let (pipeline, environment) = log.subject.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let took = log.start.elapsed();
    let words = format!("fanggen {}: exit code {exit_code} after {}", arguments.join(" "), milliseconds(took));
    let value = json!({
        "arguments": arguments, "pipeline": pipeline, "environment": environment,
        "duration_ms": rounded(took), "exit_code": exit_code,
    });
    write("command", value, &words);
}

/// Logs a call to AWS.
#[cfg(feature = "aws")]
pub fn call(operation: &str, took: Duration, attempts: u32, outcome: &str) {
    let again = if attempts > 1 { format!(", {attempts} attempts") } else { String::new() };
    let words = format!("{operation} {}: {outcome}{again}", milliseconds(took));
    let value = json!({
        "operation": operation, "duration_ms": rounded(took), "attempts": attempts, "outcome": outcome,
    });
    write("call", value, &words);
}

/// Logs a change of an item.
pub fn change<T: Serialize>(change: &ItemChange<'_, T>) {
    if !is_on() {
        return;
    }
    let value = serde_json::to_value(change).unwrap_or_default();
    let words = format!("{} `{}` in {} by {}", change.action, change.item, change.place, change.who);
    write("change", value, &words);
}

/// Writes one line, in one piece: the lines of several commands may go to one file.
fn write(event: &str, value: Value, words: &str) {
    let Some(log) = LOG.get() else { return };
    let now = Timestamp::now();
    let line = match log.format {
        LogFormat::Text => format!("{now:.3} {event} {words}\n"),
        LogFormat::Json => {
            let mut line =
                Map::from_iter([("time".to_owned(), format!("{now:.3}").into()), ("event".to_owned(), event.into())]);
            if let Value::Object(more) = value {
                line.extend(more);
            }
            format!("{}\n", Value::Object(line))
        }
    };
    let line = match log.format {
        LogFormat::Text => without_controls(&line).into_owned(),
        LogFormat::Json => line,
    };
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

fn rounded(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}

/// An argument without passwords in URLs, and without the values of settings whose name says that they are secret.
fn without_secrets(argument: &str) -> String {
    let mut text: String = argument.chars().take(ARGUMENT).collect();
    if text.len() < argument.len() {
        text.push('…');
    }
    if let Some((name, _)) = text.split_once('=') {
        let lower = name.to_lowercase();
        if ["secret", "token", "password", "passwd", "credential", "apikey", "api_key", "api-key"]
            .iter()
            .any(|word| lower.contains(word))
        {
            return format!("{name}=***");
        }
    }
    let Some(start) = text.find("://").map(|at| at + 3) else { return text };
    let end = text[start..].find(['/', '?', '#', ' ']).map_or(text.len(), |end| start + end);
    match text[start..end].rfind('@') {
        Some(at) => format!("{}***{}", &text[..start], &text[start + at..]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_logged_without_secrets() {
        for (argument, logged) in [
            ("Apple", "Apple"),
            ("feed=https://example.com/a@b", "feed=https://example.com/a@b"),
            ("feed=https://me:pw@example.com/a", "feed=https://***@example.com/a"),
            ("--token=abc", "--token=***"),
            ("API_KEY=abc=d", "API_KEY=***"),
            ("title=The secret life", "title=The secret life"),
        ] {
            assert_eq!(without_secrets(argument), logged);
        }
        assert_eq!(without_secrets(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
    }
}
