//! FilterLogEvents as CloudWatch Logs answers it: filter patterns, pages, both directions of time. The emulator knows none of
//! them, and has the events.

use std::sync::Arc;

use serde_json::{Value, json};

use super::emulator::{Emulator, block_on};
use super::proxy::StandIn;
use super::wire::{Answer, Call};

/// Answers in the emulator's place, with so many events in a page. Every other page is empty, as some are in AWS.
///
/// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html, read on 2026-11-29
pub fn filter_log_events(emulator: &'static Emulator, page: usize) -> Arc<StandIn> {
    Arc::new(move |call: &Call| {
        if call.operation() != "logs:FilterLogEvents" {
            return None;
        }
        let asked: Value = serde_json::from_slice(&call.body).expect("JSON");
        let group = asked["logGroupName"].as_str().expect("a group").to_owned();
        // On a thread of its own: this one is the proxy's.
        let read = std::thread::spawn(move || events(emulator, &group));
        Some(match read.join().expect("read") {
            Some(events) => answer(&asked, events, page),
            None => {
                let words = "The specified log group does not exist.";
                call.error(400, "ResourceNotFoundException", words)
            }
        })
    })
}

/// All events of a group, in the order in which AWS returns them; none if it does not exist.
fn events(emulator: &Emulator, group: &str) -> Option<Vec<Value>> {
    // Not through the gate: its connections to the emulator may be driven by the proxy, which waits for this.
    let client = aws_sdk_cloudwatchlogs::Client::new(&emulator.sdk(emulator.address(), &emulator.root()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let all = runtime.block_on(client.filter_log_events().log_group_name(group).send()).ok()?;
    let mut all: Vec<_> = all.events.unwrap_or_default();
    all.sort_by_key(|event| (event.timestamp, event.ingestion_time));
    let event = |(number, event): (usize, aws_sdk_cloudwatchlogs::types::FilteredLogEvent)| {
        let id = event.event_id.unwrap_or_else(|| format!("{group}{number}"));
        json!({
            "eventId": id, "timestamp": event.timestamp, "ingestionTime": event.ingestion_time,
            "message": event.message, "logStreamName": event.log_stream_name,
        })
    };
    Some(all.into_iter().enumerate().map(event).collect())
}

fn answer(asked: &Value, events: Vec<Value>, page: usize) -> Answer {
    let pattern = asked["filterPattern"].as_str().map(Pattern::parse);
    let since = asked["startTime"].as_i64().unwrap_or_default();
    let until = asked["endTime"].as_i64().unwrap_or(i64::MAX);
    let mut fit: Vec<Value> = events
        .into_iter()
        .filter(|event| (since..=until).contains(&event["timestamp"].as_i64().expect("a time")))
        .filter(|event| {
            pattern.as_ref().is_none_or(|pattern| pattern.fits(event["message"].as_str().unwrap_or_default()))
        })
        .collect();
    if asked["startFromHead"] == false {
        // January 1, 2024: earlier ones are refused.
        assert!(since >= 1_704_067_200_000, "startFromHead with a startTime of {since}");
        fit.reverse();
    }
    let start: usize =
        asked["nextToken"].as_str().map_or(0, |token| token.trim_end_matches('e').parse().expect("ours"));
    let is_empty = asked["nextToken"].as_str().is_some_and(|token| token.ends_with('e'));
    let most = asked["limit"].as_u64().map_or(page, |limit| page.min(usize::try_from(limit).expect("small")));
    let end = if is_empty { start } else { (start + most).min(fit.len()) };
    let mut body = json!({ "events": fit[start..end], "searchedLogStreams": [] });
    if end < fit.len() {
        body["nextToken"] = format!("{end}{}", if is_empty { "" } else { "e" }).into();
    }
    Answer::new(body.to_string().into())
}

/// A filter pattern for JSON: `{ $.a = "x" && ($.b.c = "y" || $.d = "z") }`, as far as it is used.
///
/// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html, read on 2026-11-29
enum Pattern {
    All(Vec<Pattern>),
    Any(Vec<Pattern>),
    Is(String, String),
}

impl Pattern {
    fn parse(text: &str) -> Self {
        assert!(text.len() <= 1_024, "a pattern has at most 1,024 characters: {text}");
        let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let mut rest = inner.unwrap_or_else(|| panic!("not a pattern for JSON: {text}")).trim();
        let pattern = Self::any(&mut rest);
        assert!(rest.is_empty(), "`{rest}` is left of {text}");
        pattern
    }

    fn any(rest: &mut &str) -> Self {
        Self::Any(Self::list(rest, "||", |rest| Self::All(Self::list(rest, "&&", Self::term))))
    }

    fn list(rest: &mut &str, operator: &str, one: impl Fn(&mut &str) -> Self) -> Vec<Self> {
        let mut all = vec![one(rest)];
        while let Some(after) = rest.trim_start().strip_prefix(operator) {
            *rest = after;
            all.push(one(rest));
        }
        all
    }

    fn term(rest: &mut &str) -> Self {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('(') {
            *rest = after;
            let inner = Self::any(rest);
            *rest = rest.trim_start().strip_prefix(')').expect("a closing bracket").trim_start();
            return inner;
        }
        let (name, after) = rest.split_once(" = \"").unwrap_or_else(|| panic!("no comparison: {rest}"));
        let (value, after) = after.split_once('"').expect("a closing quote");
        *rest = after.trim_start();
        let name = name.strip_prefix("$.").unwrap_or_else(|| panic!("no selector: {name}"));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'), "{name}");
        assert!(!value.contains('*'), "a wildcard: {value}");
        Self::Is(format!("/{}", name.replace('.', "/")), value.to_owned())
    }

    /// A pattern for JSON matches no other text.
    fn fits(&self, message: &str) -> bool {
        serde_json::from_str::<Value>(message).is_ok_and(|value| self.holds(&value))
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(value)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(value)),
            Self::Is(pointer, wanted) => value.pointer(pointer).and_then(Value::as_str) == Some(wanted),
        }
    }
}

/// Puts lines into a log group, each with its time, as Lambda does for a function.
pub fn put_lines(group: &str, stream: &str, lines: &[(jiff::Timestamp, String)]) {
    let client = aws_sdk_cloudwatchlogs::Client::new(&super::target_account::target_account().sdk);
    // It may exist already.
    let _ = block_on(client.create_log_stream().log_group_name(group).log_stream_name(stream).send());
    for part in lines.chunks(1_000) {
        let mut put = client.put_log_events().log_group_name(group).log_stream_name(stream);
        for (time, line) in part {
            let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder();
            put = put.log_events(event.timestamp(time.as_millisecond()).message(line).build().expect("an event"));
        }
        block_on(put.send()).unwrap_or_else(|error| panic!("not put: {error:?}"));
    }
}
