//! CloudWatch Logs: whether a log group exists, its tags, its deletion, and its events.

pub mod events;

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;

use super::account::Account;
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[
    ApiCall::new("logs:DeleteLogGroup", Target::Each(&resources::logs::LOG_GROUP)),
    ApiCall::new("logs:DescribeLogGroups", Target::Everything("LogGroupsAreListedWithoutAResource")),
    ApiCall::new("logs:ListTagsForResource", Target::Each(&resources::logs::LOG_GROUP)).plan(),
];

/// The client.
#[derive(Clone, Debug)]
pub struct LogsClient(Client);

impl LogsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_cloudwatchlogs, account))
    }

    /// Whether the log group exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn exists(&self, group: &str) -> Result<bool, CallError> {
        // Groups are sorted by name, so the group whose name is the prefix is on the first page.
        let answer = self.0.describe_log_groups().log_group_name_prefix(group).send().await;
        let answer = answer.map_err(|error| CallError::of("logs:DescribeLogGroups", error))?;
        Ok(answer.log_groups().iter().any(|found| found.log_group_name() == Some(group)))
    }

    /// The tags of a log group, by its ARN; none if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let answer = self.0.list_tags_for_resource().resource_arn(arn).send().await;
        match answer.map_err(|error| CallError::of("logs:ListTagsForResource", error)) {
            Ok(answer) => Ok(answer.tags.unwrap_or_default().into_iter().collect()),
            Err(error) if error.is_absent() => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Deletes a log group with all its events; one that does not exist is no error.
    ///
    /// # Errors
    /// A failed call.
    pub async fn delete(&self, group: &str) -> Result<(), CallError> {
        let answer = self.0.delete_log_group().log_group_name(group).send().await;
        CallError::exists(answer.map_err(|error| CallError::of("logs:DeleteLogGroup", error))).map(|_| ())
    }
}
