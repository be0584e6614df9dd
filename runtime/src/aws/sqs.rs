//! Queues: ten messages a call and no more than a mebibyte; what SQS did not take of a batch is sent again.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry as Entry};

use super::call::{failed, refused};
use super::retry::Retry;
use crate::component::services::{MessageQueue, OutboundMessage, Publisher};
use crate::model::error::{Error, ErrorCode};
use crate::model::message::{MESSAGE_BYTES, Message};
use crate::model::run::SEND_MESSAGES;

const SEND: &str = "sqs:SendMessage";

/// The longest that SQS hides a message, in seconds.
const HIDDEN: u64 = 43_200;

/// A queue, by its URL.
pub struct Sqs {
    /// The client.
    pub client: Client,
    /// The URL.
    pub url: String,
}

/// A message to be sent, with its length as SQS counts it.
struct Sending {
    body: String,
    attributes: Vec<(&'static str, String)>,
    bytes: usize,
}

impl Sending {
    fn of(body: String, attributes: Vec<(&'static str, String)>) -> Result<Self, Error> {
        // SQS refuses an attribute without a value.
        let attributes: Vec<_> = attributes.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let words = attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
        let bytes = body.len() + words.sum::<usize>();
        if bytes > MESSAGE_BYTES {
            let words =
                format!("a message takes {bytes} bytes with its attributes, and SQS takes {MESSAGE_BYTES} at most");
            return Err(Error::permanent(ErrorCode::MessageTooLong, words));
        }
        Ok(Self { body, attributes, bytes })
    }

    fn entry(&self, id: usize) -> Result<Entry, Error> {
        let unmade =
            |error: &dyn std::fmt::Display| Error::permanent(ErrorCode::AwsRefused, format!("`{SEND}`: {error}"));
        let mut entry = Entry::builder().id(id.to_string()).message_body(&self.body);
        for (name, value) in &self.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(fit(value));
            entry = entry.message_attributes(*name, value.build().map_err(|error| unmade(&error))?);
        }
        entry.build().map_err(|error| unmade(&error))
    }
}

/// A text without the characters that SQS refuses
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
fn fit(text: &str) -> String {
    let refused = |c: char| c < ' ' && !"\t\n\r".contains(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.replace(refused, "\u{fffd}")
}

/// Messages by calls, in their order.
fn batches(messages: Vec<Sending>) -> Vec<Vec<Sending>> {
    let (mut calls, mut bytes): (Vec<Vec<Sending>>, usize) = (Vec::new(), 0);
    for message in messages {
        bytes += message.bytes;
        match calls.last_mut().filter(|call| call.len() < SEND_MESSAGES && bytes <= MESSAGE_BYTES) {
            Some(call) => call.push(message),
            None => {
                bytes = message.bytes;
                calls.push(vec![message]);
            }
        }
    }
    calls
}

impl Sqs {
    /// The queue as people know it: the URL's last part.
    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }

    async fn send_all(&self, messages: Vec<Sending>) -> Result<(), Error> {
        for call in batches(messages) {
            self.send_some(call).await?;
        }
        Ok(())
    }

    /// Sends one batch. What SQS takes no blame for is its own trouble, and passes.
    async fn send_some(&self, messages: Vec<Sending>) -> Result<(), Error> {
        let (mut waiting, mut tries): (Vec<usize>, _) = ((0..messages.len()).collect(), Retry::default());
        loop {
            let entries = waiting.iter().map(|place| messages[*place].entry(*place)).collect::<Result<_, _>>()?;
            let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = call.send().await.map_err(|error| failed(SEND, self.name(), error))?;
            let before = waiting.len();
            waiting = answer.failed().iter().filter_map(|failed| failed.id().parse().ok()).collect();
            let Some(first) = answer.failed().first() else { return Ok(()) };
            if let Some(wrong) = answer.failed().iter().find(|failed| failed.sender_fault()) {
                return Err(refused(SEND, self.name(), 400, Some(wrong.code()), wrong.message()));
            }
            if !tries.next(waiting.len() < before).await {
                return Err(refused(SEND, self.name(), 500, Some(first.code()), first.message()));
            }
        }
    }
}

#[async_trait]
impl MessageQueue for Sqs {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        let messages = messages.iter().map(|message| Sending::of(message.wire()?, Vec::new()));
        self.send_all(messages.collect::<Result<_, _>>()?).await
    }

    async fn hide(&self, receipt: &str, wait: Duration) -> Result<(), Error> {
        // Whole seconds, and rather one more than one less.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let seconds = i32::try_from(seconds.min(HIDDEN)).unwrap_or(0);
        let call = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let answer = call.visibility_timeout(seconds).send().await;
        answer.map(|_| ()).map_err(|error| failed("sqs:ChangeMessageVisibility", self.name(), error))
    }
}

#[async_trait]
impl Publisher for Sqs {
    async fn publish(&self, posts: Vec<OutboundMessage>) -> Result<(), Error> {
        let sending = |post: OutboundMessage| {
            let mut attributes = post.attributes;
            if !attributes.iter().any(|(name, _)| *name == "key") {
                attributes.push(("key", post.key));
            }
            Sending::of(post.body, attributes)
        };
        self.send_all(posts.into_iter().map(sending).collect::<Result<_, _>>()?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_ten_messages_and_a_mebibyte_at_most() {
        let sending = |bytes: usize| Sending::of("x".repeat(bytes), vec![]).expect("fits");
        let lengths = |sizes: &[usize]| {
            let calls = batches(sizes.iter().copied().map(sending).collect());
            calls.iter().map(|call| call.iter().map(|message| message.bytes).collect()).collect::<Vec<Vec<_>>>()
        };
        assert_eq!(lengths(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(lengths(&[1; 21]), [vec![1; 10], vec![1; 10], vec![1]]);
        let most = MESSAGE_BYTES;
        assert_eq!(lengths(&[most - 1, 1, 1, most]), [vec![most - 1, 1], vec![1], vec![most]]);
    }

    #[test]
    fn attributes_count_and_those_without_a_value_are_none() {
        let attributes = || vec![("reason", "x".to_owned()), ("key", String::new())];
        let sending = Sending::of("body".into(), attributes()).expect("fits");
        assert_eq!((sending.bytes, sending.attributes.len()), (4 + 6 + 6 + 1, 1));
        let error = Sending::of("x".repeat(MESSAGE_BYTES), attributes()).err().expect("too long");
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("message_too_long", "a message takes 1048589 bytes with its attributes, and SQS takes 1048576 at most")
        );
        assert_eq!(fit("a\u{1}\tb\u{ffff}"), "a\u{fffd}\tb\u{fffd}");
    }
}
