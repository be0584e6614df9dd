//! Messages: those of dead-letter queues, counted, received, made visible again, sent to another queue and deleted, and those
//! of replays, sent.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName as System, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry,
};
use jiff::Timestamp;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::ApiCall;
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::Target;

const ATTRIBUTES: &str = "sqs:GetQueueAttributes";
const URL: &str = "sqs:GetQueueUrl";
const RECEIVE: &str = "sqs:ReceiveMessage";
const HIDE: &str = "sqs:ChangeMessageVisibility";
const DELETE: &str = "sqs:DeleteMessage";
const SEND: &str = "sqs:SendMessage";

/// The IAM actions of this client's calls. A batch needs the permission of its single call. What is encrypted with a
/// customer key is read and sent by SQS with the caller's permissions for the key
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>).
pub const CALLS: &[ApiCall] = &[
    ApiCall::new(ATTRIBUTES, Target::DeadLetterQueues).operate_only(),
    ApiCall::new(URL, Target::DeadLetterQueues).operate_only(),
    ApiCall::new(URL, Target::SourceQueues).operate_only(),
    ApiCall::new(RECEIVE, Target::DeadLetterQueues).operate_only(),
    ApiCall::new(HIDE, Target::DeadLetterQueues).operate_only(),
    ApiCall::new(DELETE, Target::DeadLetterQueues).operate_only(),
    ApiCall::new(SEND, Target::SourceQueues).operate_only(),
    ApiCall::new("kms:Decrypt", Target::KeyThroughQueues).operate_only(),
    ApiCall::new("kms:GenerateDataKey", Target::KeyThroughQueues).operate_only(),
];

/// The most messages of one call.
pub const BATCH: usize = 10;
/// The most bytes of one call that sends, attributes included
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
pub const BATCH_BYTES: usize = 1_048_576;

/// How many messages a queue has, as far as SQS knows at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct QueueCounts {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that somebody is reading.
    pub hidden: u64,
}

impl QueueCounts {
    /// All messages.
    #[must_use]
    pub const fn all(self) -> u64 {
        self.visible + self.hidden
    }
}

/// The value of a message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeValue {
    /// Its type, such as `String` or `Number.int`.
    pub kind: String,
    /// Its text, unless it is binary.
    pub text: Option<String>,
    /// Its bytes, if it is binary.
    pub bytes: Option<Vec<u8>>,
}

/// A message, as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Its id.
    pub id: String,
    /// By which it is made visible again or deleted.
    pub receipt: String,
    /// Its body.
    pub body: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// When it was sent. A message that SQS itself moved keeps the time at which it was sent to the source queue.
    pub sent: Option<Timestamp>,
    /// When it was first received.
    pub first_received: Option<Timestamp>,
    /// How often it was received, this time included.
    pub receives: u64,
    /// The queue that SQS itself moved it from, by its ARN.
    pub moved_from: Option<String>,
    /// The X-Ray trace that it belongs to.
    pub trace: Option<String>,
}

impl ReceivedMessage {
    /// Bytes that count against the limit of a call: the body, and the names, types and values of the attributes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let attribute = |(name, value): (&String, &AttributeValue)| {
            let bytes = value.bytes.as_ref().map_or(0, Vec::len) + value.text.as_ref().map_or(0, String::len);
            name.len() + value.kind.len() + bytes
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// An entry of a batch that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// Its position in the batch.
    pub index: usize,
    /// Why.
    pub reason: String,
    /// Whether the same entry may succeed later.
    pub is_passing: bool,
    /// Whether its receipt is no longer valid: the message is deleted, or somebody else may have it.
    pub is_outdated: bool,
}

/// The client.
#[derive(Clone, Debug)]
pub struct MessagesClient(Client);

impl MessagesClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_sqs, account))
    }

    /// The URL of a queue; none if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn url(&self, queue: &str) -> Result<Option<String>, CallError> {
        let answer = self.0.get_queue_url().queue_name(queue).send().await;
        match answer.map_err(|error| CallError::of(URL, error)) {
            Ok(answer) => Ok(answer.queue_url),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many messages a queue has.
    ///
    /// # Errors
    /// A failed call.
    pub async fn counts(&self, url: &str) -> Result<QueueCounts, CallError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let call = self.0.get_queue_attributes().queue_url(url).attribute_names(Visible).attribute_names(Hidden);
        let answer = call.send().await.map_err(|error| CallError::of(ATTRIBUTES, error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default();
        Ok(QueueCounts { visible: count(Visible), hidden: count(Hidden) })
    }

    /// Receives up to ten messages, and hides them from others for so many seconds. It asks all servers of SQS, and waits a
    /// second where there is nothing: without waiting, SQS asks some of its servers only
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
    ///
    /// # Errors
    /// A failed call.
    pub async fn receive(&self, url: &str, most: usize, hidden_s: i32) -> Result<Vec<ReceivedMessage>, CallError> {
        let call = self.0.receive_message().queue_url(url).message_attribute_names("All");
        let call = call.message_system_attribute_names(System::All).visibility_timeout(hidden_s).wait_time_seconds(1);
        let most = i32::try_from(most.clamp(1, BATCH)).unwrap_or(1);
        let answer = call.max_number_of_messages(most).send().await;
        let answer = answer.map_err(|error| CallError::of(RECEIVE, error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Makes up to ten messages visible again.
    ///
    /// # Errors
    /// A failed call.
    pub async fn show_again(&self, url: &str, receipts: &[&str]) -> Result<Vec<RefusedEntry>, CallError> {
        let entry = |(index, receipt): (usize, &&str)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(*receipt).visibility_timeout(0).build()
        };
        let entries = receipts.iter().enumerate().map(entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| unsendable(HIDE, &error))?;
        let answer = self.0.change_message_visibility_batch().queue_url(url).set_entries(Some(entries)).send().await;
        Ok(refused(&answer.map_err(|error| CallError::of(HIDE, error))?.failed))
    }

    /// Deletes up to ten messages.
    ///
    /// # Errors
    /// A failed call.
    pub async fn delete(&self, url: &str, receipts: &[&str]) -> Result<Vec<RefusedEntry>, CallError> {
        let entry = |(index, receipt): (usize, &&str)| {
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(*receipt).build()
        };
        let entries = receipts.iter().enumerate().map(entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| unsendable(DELETE, &error))?;
        let answer = self.0.delete_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
        Ok(refused(&answer.map_err(|error| CallError::of(DELETE, error))?.failed))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// A failed call.
    pub async fn send_body(&self, url: &str, body: &str) -> Result<(), CallError> {
        let sent = self.0.send_message().queue_url(url).message_body(body).send().await;
        sent.map(drop).map_err(|error| CallError::of(SEND, error))
    }

    /// Sends up to ten messages as they were received, with their attributes and their trace.
    ///
    /// # Errors
    /// A failed call.
    pub async fn send(&self, url: &str, messages: &[&ReceivedMessage]) -> Result<Vec<RefusedEntry>, CallError> {
        let entries = messages.iter().enumerate().map(|(index, message)| outgoing(index, message));
        let entries = entries.collect::<Result<_, _>>().map_err(|error| unsendable(SEND, &error))?;
        let answer = self.0.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
        Ok(refused(&answer.map_err(|error| CallError::of(SEND, error))?.failed))
    }
}

fn received(message: Message) -> ReceivedMessage {
    let system = message.attributes.unwrap_or_default();
    let time = |name| system.get(&name).and_then(|time| Timestamp::from_millisecond(time.parse().ok()?).ok());
    let value = |value: MessageAttributeValue| AttributeValue {
        kind: value.data_type,
        text: value.string_value,
        bytes: value.binary_value.map(Blob::into_inner),
    };
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    ReceivedMessage {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: attributes.map(|(name, one)| (name, value(one))).collect(),
        sent: time(System::SentTimestamp),
        first_received: time(System::ApproximateFirstReceiveTimestamp),
        receives: system.get(&System::ApproximateReceiveCount).and_then(|count| count.parse().ok()).unwrap_or(1),
        moved_from: system.get(&System::DeadLetterQueueSourceArn).cloned(),
        trace: system.get(&System::AwsTraceHeader).cloned(),
    }
}

fn outgoing(index: usize, message: &ReceivedMessage) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(&message.body);
    for (name, value) in &message.attributes {
        let attribute = MessageAttributeValue::builder()
            .data_type(&value.kind)
            .set_string_value(value.text.clone())
            .set_binary_value(value.bytes.clone().map(Blob::new));
        entry = entry.message_attributes(name, attribute.build()?);
    }
    if let Some(trace) = &message.trace {
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build()?;
        entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
    }
    entry.build()
}

fn refused(failed: &[BatchResultErrorEntry]) -> Vec<RefusedEntry> {
    let entry = |entry: &BatchResultErrorEntry| {
        let words = entry.message.as_deref().filter(|words| !words.is_empty());
        Some(RefusedEntry {
            index: entry.id.parse().ok()?,
            reason: words.map_or_else(|| entry.code.clone(), |words| format!("{words} ({})", entry.code)),
            is_passing: !entry.sender_fault,
            is_outdated: entry.code == "ReceiptHandleIsInvalid",
        })
    };
    failed.iter().filter_map(entry).collect()
}

/// A request that the SDK does not build, which only an incomplete response of SQS can cause.
fn unsendable(action: &'static str, error: &BuildError) -> CallError {
    CallError::Refused { action, code: "InvalidRequest".to_owned(), message: error.to_string(), status: 400 }
}
