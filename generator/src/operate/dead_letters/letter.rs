//! What a dead letter says: why it failed, of which run it is, and what to do about it.

use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{DeadLetterQueue, LetterOrigin};
use crate::deploy::aws::sqs::messages::ReceivedMessage;

/// The reason of a message that SQS itself moved, after its last receive.
pub const NOT_RECORDED: &str = "not recorded";

/// Why a message failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterReason {
    /// The error code, if one was recorded.
    pub code: Option<String>,
    /// The details.
    pub detail: Option<String>,
    /// The code of an earlier failure, after which the message was moved back.
    pub earlier: Option<String>,
}

impl LetterReason {
    /// The reason of a message in a queue.
    #[must_use]
    pub fn of(queue: &DeadLetterQueue, message: &ReceivedMessage) -> Self {
        let attribute = |name: &str| message.attributes.get(name)?.text.clone();
        match queue.origin {
            // The attributes are those that the message had when it was moved back.
            LetterOrigin::Queue(_) if message.moved_from.is_some() => {
                Self { earlier: attribute("reason"), ..Self::default() }
            }
            LetterOrigin::Queue(_) => Self { code: attribute("reason"), detail: attribute("detail"), earlier: None },
            LetterOrigin::Function => {
                let record: Value = serde_json::from_str(&message.body).unwrap_or_default();
                let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
                Self {
                    code: text("/responsePayload/errorType").or_else(|| text("/requestContext/condition")),
                    detail: text("/responsePayload/errorMessage"),
                    earlier: None,
                }
            }
            LetterOrigin::Schedule => {
                Self { code: attribute("ERROR_CODE"), detail: attribute("ERROR_MESSAGE"), earlier: None }
            }
        }
    }

    /// The code, or that there is none.
    #[must_use]
    pub fn word(&self) -> &str {
        self.code.as_deref().unwrap_or(NOT_RECORDED)
    }
}

/// A dead letter, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Whose failure it is.
    pub queue: String,
    /// The id of the message.
    pub message_id: String,
    /// The error code, if one was recorded.
    pub reason: Option<String>,
    /// The details.
    pub detail: Option<String>,
    /// The code of an earlier failure, after which the message was moved back.
    pub earlier_reason: Option<String>,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// How often it was received, this time included.
    pub receives: u64,
    /// Its run.
    pub run: Option<String>,
    /// Its chunk.
    pub chunk: Option<String>,
    /// How many records it carries.
    pub records: Option<usize>,
    /// Why its body cannot be read.
    pub unreadable: Option<String>,
    /// The commands to type next.
    pub next: Vec<String>,
    /// Its body.
    pub body: String,
}

impl DeadLetter {
    /// Reads a message of a queue.
    #[must_use]
    pub fn of(queue: &DeadLetterQueue, message: &ReceivedMessage, environment: &str) -> Self {
        let reason = LetterReason::of(queue, message);
        let mut letter = Self {
            queue: queue.of.clone(),
            message_id: message.id.clone(),
            sent: message.sent,
            receives: message.receives,
            run: None,
            chunk: None,
            records: None,
            unreadable: None,
            next: Vec::new(),
            body: message.body.clone(),
            reason: reason.code,
            detail: reason.detail,
            earlier_reason: reason.earlier,
        };
        match &queue.origin {
            LetterOrigin::Queue(_) => letter.read_chunk(environment),
            // What the alarm said may be over by now: posting it late would only mislead.
            LetterOrigin::Function if is_alarm(&message.body) => {
                letter.next.push(format!("fanggen status --env {environment}"));
            }
            LetterOrigin::Function | LetterOrigin::Schedule => {
                letter.read_invocation(invoked_at(queue, message), environment);
            }
        }
        letter
    }

    /// A message between functions.
    fn read_chunk(&mut self, environment: &str) {
        match Message::from_wire(&self.body) {
            Ok(message) => {
                self.run = Some(message.chunk.run.to_string());
                self.chunk = Some(message.chunk.id);
                self.records = Some(message.records.len());
            }
            Err(error) => self.unreadable = Some(error.message),
        }
        let function = &self.queue;
        if let Some(reason) = &self.reason {
            self.next.push(format!("fanggen dlq redrive --env {environment} --queue {function} --reason {reason}"));
            return;
        }
        let logs = format!("fanggen logs --env {environment} --function {function}");
        if let (Some(run), Some(chunk)) = (&self.run, &self.chunk) {
            self.next.push(format!("{logs} --run {run} --chunk {chunk}"));
        }
        // Lambda's own lines name no run: a timeout, a process that was killed.
        let since = self.sent.map(|sent| format!(" --since {sent:.0}")).unwrap_or_default();
        self.next.push(format!("{logs} --errors{since}"));
    }

    /// An invocation that failed.
    fn read_invocation(&mut self, time: Option<String>, environment: &str) {
        match time.as_deref().and_then(|time| Some((time, RunId::scheduled(time).ok()?))) {
            Some((time, run)) => {
                self.run = Some(run.to_string());
                self.next.push(format!("fanggen invoke --env {environment} --at {time}"));
            }
            None => self.unreadable = Some("it has no scheduled time".to_owned()),
        }
    }
}

/// Whether a failed invocation is one of the notifier, by a message of SNS.
fn is_alarm(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body.pointer("/requestPayload/Records/0/Sns").is_some()
}

/// The scheduled time of a failed invocation.
fn invoked_at(queue: &DeadLetterQueue, message: &ReceivedMessage) -> Option<String> {
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let time = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    match queue.origin {
        // https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        LetterOrigin::Function => time("/requestPayload/scheduled_time"),
        // https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
        _ => message
            .attributes
            .get("SCHEDULED_TIME")
            .and_then(|value| value.text.clone())
            .or_else(|| time("/scheduled_time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::aws::sqs::messages::AttributeValue;
    use fanggen_runtime::model::run::Chunk;
    use std::collections::BTreeMap;

    fn queue(origin: LetterOrigin) -> DeadLetterQueue {
        let of = match origin {
            LetterOrigin::Queue(_) => "worker",
            LetterOrigin::Function => "producer",
            LetterOrigin::Schedule => "schedule",
        };
        DeadLetterQueue { of: of.into(), name: format!("fang-dev-{of}-dead"), origin }
    }

    fn message(body: &str, attributes: &[(&str, &str)]) -> ReceivedMessage {
        let value = |text: &str| AttributeValue { kind: "String".into(), text: Some(text.into()), bytes: None };
        ReceivedMessage {
            id: "m-1".into(),
            receipt: "r".into(),
            body: body.into(),
            attributes: attributes.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect(),
            sent: "2026-11-22T09:00:07.5Z".parse().ok(),
            first_received: None,
            receives: 3,
            moved_from: None,
            trace: None,
        }
    }

    #[test]
    fn a_reason_is_recorded_or_the_logs_are_pointed_to() {
        let own = queue(LetterOrigin::Queue("fang-dev-worker".into()));
        let letter =
            DeadLetter::of(&own, &message("no JSON", &[("reason", "message_unreadable"), ("detail", "d")]), "dev");
        assert_eq!((letter.reason.as_deref(), letter.detail.as_deref()), (Some("message_unreadable"), Some("d")));
        assert!(letter.unreadable.is_some());
        assert_eq!(letter.next, ["fanggen dlq redrive --env dev --queue worker --reason message_unreadable"]);

        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let chunk = Chunk::new(&run, 0, &[]);
        let id = chunk.id.clone();
        let body = Message::new(chunk, vec![]).to_wire().expect("a body");
        let moved = ReceivedMessage { moved_from: Some("arn".into()), ..message(&body, &[("reason", "old")]) };
        let letter = DeadLetter::of(&own, &moved, "dev");
        assert_eq!((letter.reason, letter.earlier_reason.as_deref(), letter.records), (None, Some("old"), Some(0)));
        assert_eq!(
            letter.next,
            [
                format!("fanggen logs --env dev --function worker --run 20261122T090000Z --chunk {id}"),
                "fanggen logs --env dev --function worker --errors --since 2026-11-22T09:00:07Z".into(),
            ]
        );
        assert_eq!(LetterReason::of(&own, &moved).word(), NOT_RECORDED);
    }

    #[test]
    fn a_failed_invocation_is_invoked_again() {
        // https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        let record = r#"{"version":"1.0","timestamp":"2026-11-22T09:03:00.000Z","requestContext":{"requestId":"r","functionArn":"arn:x:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"first_run":"","scheduled_time":"2026-11-22T09:00:00Z"},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorType":"table_unreadable","errorMessage":"no"}}"#;
        let letter = DeadLetter::of(&queue(LetterOrigin::Function), &message(record, &[]), "prod");
        assert_eq!((letter.reason.as_deref(), letter.detail.as_deref()), (Some("table_unreadable"), Some("no")));
        assert_eq!(letter.run.as_deref(), Some("20261122T090000Z"));
        assert_eq!(letter.next, ["fanggen invoke --env prod --at 2026-11-22T09:00:00Z"]);
        let alarm = r#"{"requestPayload":{"Records":[{"Sns":{"MessageId":"m","Message":"{}"}}]},"responsePayload":{"errorType":"post_refused","errorMessage":"no_service"}}"#;
        let letter = DeadLetter::of(&queue(LetterOrigin::Function), &message(alarm, &[]), "prod");
        assert_eq!((letter.reason.as_deref(), letter.unreadable), (Some("post_refused"), None));
        assert_eq!(letter.next, ["fanggen status --env prod"]);
        let expired = r#"{"requestContext":{"condition":"EventAgeExceeded"},"requestPayload":{}}"#;
        let letter = DeadLetter::of(&queue(LetterOrigin::Function), &message(expired, &[]), "prod");
        assert_eq!(
            (letter.reason.as_deref(), letter.unreadable.as_deref()),
            (Some("EventAgeExceeded"), Some("it has no scheduled time"))
        );

        let attributes = [
            ("ERROR_CODE", "AWS.Lambda.TooManyRequestsException"),
            ("ERROR_MESSAGE", "Rate"),
            ("SCHEDULED_TIME", "2026-11-22T10:00:00Z"),
        ];
        let letter = DeadLetter::of(&queue(LetterOrigin::Schedule), &message("{}", &attributes), "dev");
        assert_eq!(letter.reason.as_deref(), Some("AWS.Lambda.TooManyRequestsException"));
        assert_eq!(letter.next, ["fanggen invoke --env dev --at 2026-11-22T10:00:00Z"]);
        let input = message(r#"{"scheduled_time":"2026-11-22T11:00:00Z"}"#, &[]);
        let letter = DeadLetter::of(&queue(LetterOrigin::Schedule), &input, "dev");
        assert_eq!(letter.next, ["fanggen invoke --env dev --at 2026-11-22T11:00:00Z"]);
        for body in ["", "[]", "null", "7", "{\"requestPayload\":7}"] {
            let letter = DeadLetter::of(&queue(LetterOrigin::Function), &message(body, &[]), "dev");
            assert!(letter.unreadable.is_some() && letter.next.is_empty(), "{body}");
        }
        assert_eq!(BTreeMap::from([(letter.queue, letter.receives)]), BTreeMap::from([("schedule".to_owned(), 3)]));
    }
}
