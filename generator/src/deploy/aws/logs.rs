//! The door to CloudWatch Logs: whether a log group is there, and deleting one that outlived its stack.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

/// What the calls of this door need.
pub const CALLS: &[Call] = &[
    Call::new("logs:DeleteLogGroup", Target::Each(&resources::logs::LOG_GROUP)),
    Call::new("logs:DescribeLogGroups", Target::Everything("LogGroupsAreListedWithoutAResource")),
    Call::new("logs:ListTagsForResource", Target::Each(&resources::logs::LOG_GROUP)),
];

/// The door.
#[derive(Clone, Debug)]
pub struct Logs(Client);

impl Logs {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(Client::new(&account.sdk))
    }

    /// Whether the log group is there.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn there(&self, group: &str) -> Result<bool, CallError> {
        // Groups come in the order of their names, so the one that is its own prefix is on the first page.
        let answer = self.0.describe_log_groups().log_group_name_prefix(group).send().await;
        let answer = answer.map_err(|error| CallError::of("logs:DescribeLogGroups", error))?;
        Ok(answer.log_groups().iter().any(|found| found.log_group_name() == Some(group)))
    }

    /// The tags of a log group, by its ARN; none where there is no such group.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let answer = self.0.list_tags_for_resource().resource_arn(arn).send().await;
        match answer.map_err(|error| CallError::of("logs:ListTagsForResource", error)) {
            Ok(answer) => Ok(answer.tags.unwrap_or_default().into_iter().collect()),
            Err(error) if error.is_absent() => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Deletes a log group with all its events; an absent one is gone already.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn delete(&self, group: &str) -> Result<(), CallError> {
        let answer = self.0.delete_log_group().log_group_name(group).send().await;
        CallError::there(answer.map_err(|error| CallError::of("logs:DeleteLogGroup", error))).map(|_| ())
    }
}
