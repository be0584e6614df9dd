//! SNS: whether a topic exists.

use aws_sdk_sns::Client;

use super::account::{Account, CallerIdentity};
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[ApiCall::new("sns:GetTopicAttributes", Target::Each(&resources::sns::TOPIC))];

/// The client.
#[derive(Clone, Debug)]
pub struct SnsClient {
    client: Client,
    /// The prefix of the ARNs of the account's topics.
    prefix: String,
}

impl SnsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account, caller: &CallerIdentity) -> Self {
        let prefix = format!("arn:{}:sns:{}:{}", caller.partition(), account.region, caller.account);
        Self { client: logged_client!(aws_sdk_sns, account), prefix }
    }

    /// Whether the topic exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn exists(&self, topic: &str) -> Result<bool, CallError> {
        let answer = self.client.get_topic_attributes().topic_arn(format!("{}:{topic}", self.prefix)).send().await;
        CallError::exists(answer.map_err(|error| CallError::of("sns:GetTopicAttributes", error)))
    }
}
