//! The queues of a test, as SQS delivers from them: at least once, hidden while they are worked on, and at last dead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::services::MessageQueue;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use serde_json::{Value, json};
use tokio::time::Instant;

/// All queues of a pipeline.
#[derive(Clone, Default)]
pub struct Queues(Arc<Mutex<Vec<WaitingMessage>>>);

/// A message that waits in a queue.
#[derive(Clone, Debug)]
pub struct WaitingMessage {
    /// The function that reads the queue.
    pub function: String,
    /// Its number, which serves as id and receipt.
    pub number: usize,
    /// Its body.
    pub body: String,
    /// How often it was received.
    pub receives: u64,
    /// When it can be received next.
    pub visible_at: Instant,
    /// Whether it was deleted.
    pub deleted: bool,
}

impl WaitingMessage {
    /// The event of SQS with this message.
    pub fn event(&self) -> Value {
        let id = self.number.to_string();
        let attributes = json!({ "ApproximateReceiveCount": self.receives.to_string() });
        json!({ "Records": [{ "messageId": id, "receiptHandle": id, "body": self.body, "attributes": attributes }] })
    }
}

impl Queues {
    fn messages(&self) -> MutexGuard<'_, Vec<WaitingMessage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a function.
    pub fn of(&self, function: &str) -> TestQueue {
        TestQueue { queues: self.clone(), function: function.to_owned() }
    }

    /// Puts a message into the queue of a function.
    pub fn put(&self, function: &str, body: String) {
        let mut messages = self.messages();
        let number = messages.len();
        let function = function.to_owned();
        messages.push(WaitingMessage {
            function,
            number,
            body,
            receives: 0,
            visible_at: Instant::now(),
            deleted: false,
        });
    }

    /// The message that is visible first.
    pub fn next(&self) -> Option<WaitingMessage> {
        let messages = self.messages();
        let waiting = messages.iter().filter(|message| !message.deleted);
        waiting.min_by_key(|message| (message.visible_at, message.number)).cloned()
    }

    /// Hides a message until this time, as received once more.
    pub fn receive(&self, number: usize, until: Instant) -> Option<WaitingMessage> {
        self.change(number, |message| {
            message.receives += 1;
            message.visible_at = until;
            message.clone()
        })
    }

    /// Makes a message visible again.
    pub fn show(&self, number: usize) {
        self.change(number, |message| message.visible_at = Instant::now());
    }

    /// Deletes a message.
    pub fn delete(&self, number: usize) {
        self.change(number, |message| message.deleted = true);
    }

    fn change<T>(&self, number: usize, change: impl FnOnce(&mut WaitingMessage) -> T) -> Option<T> {
        self.messages().get_mut(number).map(change)
    }
}

/// The queue of one function.
pub struct TestQueue {
    queues: Queues,
    function: String,
}

#[async_trait]
impl MessageQueue for TestQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            self.queues.put(&self.function, message.to_wire()?);
        }
        Ok(())
    }

    async fn hide(&self, receipt: &str, wait: Duration) -> Result<(), Error> {
        let number = receipt.parse().ok();
        let hidden =
            number.and_then(|number| self.queues.change(number, |message| message.visible_at = Instant::now() + wait));
        hidden.ok_or_else(|| Error::permanent(ErrorCode::NotFound, format!("there is no message `{receipt}`")))
    }
}
