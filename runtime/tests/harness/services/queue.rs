//! The stand-in's queues: what is sent is there to be taken by whoever drives the workers.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{Refusal, Told, World, held};

/// Messages of one call, and bytes of all of them
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const BATCH: usize = 10;
const BATCH_BYTES: usize = 1 << 20;

/// A message that waits.
pub struct Waiting {
    /// Its id.
    pub id: String,
    /// What it says.
    pub body: String,
    /// How often it was taken before.
    pub taken: u64,
}

/// All queues, by name.
#[derive(Default)]
pub struct Queues {
    queues: BTreeMap<String, VecDeque<Waiting>>,
    sent: u64,
}

impl Queues {
    /// The next message of a queue.
    pub fn take(&mut self, queue: &str) -> Option<Waiting> {
        let mut next = self.queues.get_mut(queue)?.pop_front()?;
        next.taken += 1;
        Some(next)
    }

    /// Puts a message back that was not dealt with.
    pub fn back(&mut self, queue: &str, message: Waiting) {
        self.queues.entry(queue.to_owned()).or_default().push_back(message);
    }

    /// How many wait in a queue.
    pub fn waiting(&self, queue: &str) -> usize {
        self.queues.get(queue).map_or(0, VecDeque::len)
    }

    fn send(&mut self, queue: &str, body: &str) -> String {
        self.sent += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.sent);
        let message = Waiting { id: id.clone(), body: body.to_owned(), taken: 0 };
        self.queues.entry(queue.to_owned()).or_default().push_back(message);
        id
    }
}

/// Answers a call.
pub fn answer(world: &World, operation: &str, request: &Value) -> Told {
    let url = request["QueueUrl"].as_str().unwrap_or_default();
    let queue = url.rsplit('/').next().unwrap_or_default();
    let body = |message: &Value| message["MessageBody"].as_str().unwrap_or_default().to_owned();
    match operation {
        "SendMessage" => {
            let id = held(&world.queues).send(queue, &body(request));
            Ok(json!({ "MessageId": id }))
        }
        "SendMessageBatch" => {
            let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            if entries.len() > BATCH {
                let words = format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
                return Err(Refusal::new("com.amazonaws.sqs#TooManyEntriesInBatchRequest", words));
            }
            if entries.iter().map(|entry| body(entry).len()).sum::<usize>() > BATCH_BYTES {
                let words = format!("Batch requests cannot be longer than {BATCH_BYTES} bytes.");
                return Err(Refusal::new("com.amazonaws.sqs#BatchRequestTooLong", words));
            }
            let mut queues = held(&world.queues);
            let sent: Vec<Value> = entries
                .iter()
                .map(|entry| json!({ "Id": entry["Id"], "MessageId": queues.send(queue, &body(entry)) }))
                .collect();
            Ok(json!({ "Successful": sent, "Failed": [] }))
        }
        // Whoever drives the workers decides when a message comes again.
        "ChangeMessageVisibility" | "DeleteMessage" => Ok(json!({})),
        other => Err(Refusal::unknown(other)),
    }
}
