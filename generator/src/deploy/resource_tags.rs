//! Whose a resource is, by its tags: fanggen tags everything that it creates with its pipeline and environment.

use std::collections::BTreeMap;

use super::aws::account::{Account, CallerIdentity};
use super::aws::call_error::CallError;
use super::aws::dynamodb::DynamoDbClient;
use super::aws::kms::KmsClient;
use super::aws::logs::LogsClient;
use super::aws::s3::buckets::BucketsClient;
use crate::resources::{dynamodb, kms, logs, s3};

/// Reads the tags of the resources that a stack may leave behind.
#[derive(Clone, Copy)]
pub struct ResourceTags<'a> {
    /// The SDK's configuration.
    pub account: &'a Account,
    /// Who is calling.
    pub caller: &'a CallerIdentity,
}

impl ResourceTags<'_> {
    /// The tags of a resource, by its physical name; nothing for a type that never outlives its stack.
    ///
    /// # Errors
    /// A failed call.
    pub async fn read(&self, kind: &str, name: &str) -> Result<Option<BTreeMap<String, String>>, CallError> {
        const BUCKET: &str = s3::BUCKET.name;
        const KEY: &str = kms::ALIAS.name;
        const LOGS: &str = logs::LOG_GROUP.name;
        const TABLE: &str = dynamodb::TABLE.name;
        Ok(Some(match kind {
            BUCKET => BucketsClient::open(self.account, &self.caller.account).tags(name).await?,
            TABLE => DynamoDbClient::open(self.account).tags(name).await?,
            LOGS => LogsClient::open(self.account).tags(&self.log_group_arn(name)).await?,
            KEY => KmsClient::open(self.account).tags(name).await?,
            _ => return Ok(None),
        }))
    }

    fn log_group_arn(&self, group: &str) -> String {
        let (partition, region) = (self.caller.partition(), &self.account.region);
        format!("arn:{partition}:logs:{region}:{}:log-group:{group}", self.caller.account)
    }
}

/// Whether a resource has all tags of an environment.
#[must_use]
pub fn are_ours(tags: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) -> bool {
    ours.iter().all(|(key, value)| tags.get(key) == Some(value))
}
