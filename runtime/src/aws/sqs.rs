//! Sends messages to SQS in batches of up to 10 messages and 1 MiB, with retries of the entries that failed.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry as Entry};

use super::call::{build_error, call_error, service_error};
use super::retry::Retry;
use crate::component::services::{MessageQueue, OutboundMessage, Publisher};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::{MAX_MESSAGE_BYTES, Message};
use crate::model::run::MAX_BATCH_MESSAGES;

const SEND: &str = "sqs:SendMessage";

/// Maximum visibility timeout of a message, in seconds.
const MAX_VISIBILITY_S: u64 = 43_200;

/// A queue.
pub struct SqsQueue {
    /// The client.
    pub client: Client,
    /// The URL of the queue.
    pub url: String,
}

/// A message to send, with its size as SQS counts it.
struct PreparedMessage {
    body: String,
    attributes: Vec<(&'static str, String)>,
    bytes: usize,
}

impl PreparedMessage {
    fn new(body: String, attributes: Vec<(&'static str, String)>) -> Result<Self, Error> {
        // SQS rejects attributes without a value.
        let attributes: Vec<_> = attributes.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let sizes = attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
        let bytes = body.len() + sizes.sum::<usize>();
        if bytes > MAX_MESSAGE_BYTES {
            let message =
                format!("the message and its attributes have {bytes} bytes; the limit of SQS is {MAX_MESSAGE_BYTES}");
            return Err(Error::permanent(ErrorCode::MessageTooLong, message));
        }
        Ok(Self { body, attributes, bytes })
    }

    fn entry(&self, id: usize) -> Result<Entry, Error> {
        let mut entry = Entry::builder().id(id.to_string()).message_body(&self.body);
        for (name, value) in &self.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(replace_invalid(value));
            entry = entry.message_attributes(*name, value.build().map_err(|error| build_error(SEND, &error))?);
        }
        entry.build().map_err(|error| build_error(SEND, &error))
    }
}

/// Replaces the characters that SQS rejects
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
fn replace_invalid(text: &str) -> String {
    let is_invalid = |c: char| c < ' ' && !"\t\n\r".contains(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.replace(is_invalid, "\u{fffd}")
}

/// Splits messages into batches, in order.
fn batches(messages: Vec<PreparedMessage>) -> Vec<Vec<PreparedMessage>> {
    let (mut batches, mut bytes): (Vec<Vec<PreparedMessage>>, usize) = (Vec::new(), 0);
    for message in messages {
        bytes += message.bytes;
        match batches.last_mut().filter(|batch| batch.len() < MAX_BATCH_MESSAGES && bytes <= MAX_MESSAGE_BYTES) {
            Some(batch) => batch.push(message),
            None => {
                bytes = message.bytes;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

impl SqsQueue {
    /// The name of the queue: the last part of its URL.
    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }

    async fn send_all(&self, messages: Vec<PreparedMessage>) -> Result<(), Error> {
        for batch in batches(messages) {
            self.send_batch(batch).await?;
        }
        Ok(())
    }

    /// Sends one batch, and retries the entries that failed on the side of SQS.
    async fn send_batch(&self, messages: Vec<PreparedMessage>) -> Result<(), Error> {
        let (mut pending, mut retry): (Vec<usize>, _) = ((0..messages.len()).collect(), Retry::default());
        loop {
            let entries = pending.iter().map(|index| messages[*index].entry(*index)).collect::<Result<_, _>>()?;
            let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let response = call.send().await.map_err(|error| call_error(SEND, self.name(), error))?;
            let before = pending.len();
            pending = response.failed().iter().filter_map(|failed| failed.id().parse().ok()).collect();
            let Some(first) = response.failed().first() else { return Ok(()) };
            if let Some(invalid) = response.failed().iter().find(|failed| failed.sender_fault()) {
                return Err(service_error(SEND, self.name(), 400, Some(invalid.code()), invalid.message()));
            }
            if !retry.wait(pending.len() < before).await {
                return Err(service_error(SEND, self.name(), 500, Some(first.code()), first.message()));
            }
        }
    }
}

#[async_trait]
impl MessageQueue for SqsQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        let messages = messages.iter().map(|message| PreparedMessage::new(message.to_wire()?, Vec::new()));
        self.send_all(messages.collect::<Result<_, _>>()?).await
    }

    async fn hide(&self, receipt: &str, wait: Duration) -> Result<(), Error> {
        // SQS takes whole seconds; rounded up, so that the wait is never too short.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let seconds = i32::try_from(seconds.min(MAX_VISIBILITY_S)).unwrap_or(0);
        let call = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let response = call.visibility_timeout(seconds).send().await;
        response.map(|_| ()).map_err(|error| call_error("sqs:ChangeMessageVisibility", self.name(), error))
    }
}

#[async_trait]
impl Publisher for SqsQueue {
    async fn publish(&self, messages: Vec<OutboundMessage>) -> Result<(), Error> {
        let to_sqs = |message: OutboundMessage| {
            let mut attributes = message.attributes;
            if !attributes.iter().any(|(name, _)| *name == "key") {
                attributes.push(("key", message.key));
            }
            PreparedMessage::new(message.body, attributes)
        };
        self.send_all(messages.into_iter().map(to_sqs).collect::<Result<_, _>>()?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_at_most_ten_messages_and_a_mebibyte() {
        let message = |bytes: usize| PreparedMessage::new("x".repeat(bytes), vec![]).expect("fits");
        let sizes_of = |sizes: &[usize]| {
            let batches = batches(sizes.iter().copied().map(message).collect());
            batches.iter().map(|batch| batch.iter().map(|message| message.bytes).collect()).collect::<Vec<Vec<_>>>()
        };
        assert_eq!(sizes_of(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes_of(&[1; 21]), [vec![1; 10], vec![1; 10], vec![1]]);
        let max = MAX_MESSAGE_BYTES;
        assert_eq!(sizes_of(&[max - 1, 1, 1, max]), [vec![max - 1, 1], vec![1], vec![max]]);
    }

    #[test]
    fn attributes_count_and_those_without_a_value_are_dropped() {
        let attributes = || vec![("reason", "x".to_owned()), ("key", String::new())];
        let message = PreparedMessage::new("body".into(), attributes()).expect("fits");
        assert_eq!((message.bytes, message.attributes.len()), (4 + 6 + 6 + 1, 1));
        let error = PreparedMessage::new("x".repeat(MAX_MESSAGE_BYTES), attributes()).err().expect("too long");
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("message_too_long", "the message and its attributes have 1048589 bytes; the limit of SQS is 1048576")
        );
        assert_eq!(replace_invalid("a\u{1}\tb\u{ffff}"), "a\u{fffd}\tb\u{fffd}");
    }
}
