//! SQS: messages stay in their queue until the code that drives the workers receives them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{FakeBackend, FakeServiceError, FakeServiceResult, locked};

/// Maximum messages per call, and bytes of all of them
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const BATCH: usize = 10;
const BATCH_BYTES: usize = 1 << 20;

/// A message in a queue.
pub struct QueuedMessage {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// How often it was received.
    pub receives: u64,
}

/// All queues, by name.
#[derive(Default)]
pub struct FakeQueues {
    queues: BTreeMap<String, VecDeque<QueuedMessage>>,
    sent: u64,
}

impl FakeQueues {
    /// Receives the next message of a queue.
    pub fn receive(&mut self, queue: &str) -> Option<QueuedMessage> {
        let mut next = self.queues.get_mut(queue)?.pop_front()?;
        next.receives += 1;
        Some(next)
    }

    /// Puts a message back that was not processed.
    pub fn put_back(&mut self, queue: &str, message: QueuedMessage) {
        self.queues.entry(queue.to_owned()).or_default().push_back(message);
    }

    /// How many messages are in a queue.
    pub fn len(&self, queue: &str) -> usize {
        self.queues.get(queue).map_or(0, VecDeque::len)
    }

    fn send(&mut self, queue: &str, body: &str) -> String {
        self.sent += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.sent);
        let message = QueuedMessage { id: id.clone(), body: body.to_owned(), receives: 0 };
        self.queues.entry(queue.to_owned()).or_default().push_back(message);
        id
    }
}

/// Responds to a call.
pub fn respond(backend: &FakeBackend, operation: &str, request: &Value) -> FakeServiceResult {
    let url = request["QueueUrl"].as_str().unwrap_or_default();
    let queue = url.rsplit('/').next().unwrap_or_default();
    let body = |message: &Value| message["MessageBody"].as_str().unwrap_or_default().to_owned();
    match operation {
        "SendMessage" => {
            let id = locked(&backend.queues).send(queue, &body(request));
            Ok(json!({ "MessageId": id }))
        }
        "SendMessageBatch" => {
            let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            if entries.len() > BATCH {
                let message = format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
                return Err(FakeServiceError::new("com.amazonaws.sqs#TooManyEntriesInBatchRequest", message));
            }
            if entries.iter().map(|entry| body(entry).len()).sum::<usize>() > BATCH_BYTES {
                let message = format!("Batch requests cannot be longer than {BATCH_BYTES} bytes.");
                return Err(FakeServiceError::new("com.amazonaws.sqs#BatchRequestTooLong", message));
            }
            let mut queues = locked(&backend.queues);
            let sent: Vec<Value> = entries
                .iter()
                .map(|entry| json!({ "Id": entry["Id"], "MessageId": queues.send(queue, &body(entry)) }))
                .collect();
            Ok(json!({ "Successful": sent, "Failed": [] }))
        }
        // The code that drives the workers decides when a message is delivered again.
        "ChangeMessageVisibility" | "DeleteMessage" => Ok(json!({})),
        other => Err(FakeServiceError::unknown(other)),
    }
}
