//! SQS: whether a queue exists, and its messages.

pub mod messages;

use aws_sdk_sqs::Client;

use super::account::Account;
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[ApiCall::new("sqs:GetQueueUrl", Target::Each(&resources::sqs::QUEUE))];

/// The client.
#[derive(Clone, Debug)]
pub struct SqsClient(Client);

impl SqsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_sqs, account))
    }

    /// Whether the queue exists. A deleted queue may be visible for up to a minute.
    ///
    /// # Errors
    /// A failed call.
    pub async fn exists(&self, queue: &str) -> Result<bool, CallError> {
        let answer = self.0.get_queue_url().queue_name(queue).send().await;
        CallError::exists(answer.map_err(|error| CallError::of("sqs:GetQueueUrl", error)))
    }
}
