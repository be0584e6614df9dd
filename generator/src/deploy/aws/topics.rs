//! The door to SNS: whether a topic is there.

use aws_sdk_sns::Client;

use super::account::{Account, Identity};
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

/// What the calls of this door need.
pub const CALLS: &[Call] = &[Call::new("sns:GetTopicAttributes", Target::Each(&resources::sns::TOPIC))];

/// The door.
#[derive(Clone, Debug)]
pub struct Topics {
    client: Client,
    /// The start of the ARNs of the account's topics.
    start: String,
}

impl Topics {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account, caller: &Identity) -> Self {
        let start = format!("arn:{}:sns:{}:{}", caller.partition(), account.region, caller.account);
        Self { client: Client::new(&account.sdk), start }
    }

    /// Whether the topic is there.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn there(&self, topic: &str) -> Result<bool, CallError> {
        let answer = self.client.get_topic_attributes().topic_arn(format!("{}:{topic}", self.start)).send().await;
        CallError::there(answer.map_err(|error| CallError::of("sns:GetTopicAttributes", error)))
    }
}
