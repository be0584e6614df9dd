//! The door to SQS: whether a queue is there.

use aws_sdk_sqs::Client;

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

/// What the calls of this door need.
pub const CALLS: &[Call] = &[Call::new("sqs:GetQueueUrl", Target::Each(&resources::sqs::QUEUE))];

/// The door.
#[derive(Clone, Debug)]
pub struct Queues(Client);

impl Queues {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(Client::new(&account.sdk))
    }

    /// Whether the queue is there. SQS may say so for up to a minute after it was deleted.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn there(&self, queue: &str) -> Result<bool, CallError> {
        let answer = self.0.get_queue_url().queue_name(queue).send().await;
        CallError::there(answer.map_err(|error| CallError::of("sqs:GetQueueUrl", error)))
    }
}
