//! KMS: whether the key of an environment exists, its tags, and its deletion.

use std::collections::BTreeMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::KeyState;

use super::account::Account;
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[
    ApiCall::new("kms:DescribeKey", Target::Keys).plan(),
    ApiCall::new("kms:ListResourceTags", Target::Keys).plan(),
    ApiCall::new("kms:ScheduleKeyDeletion", Target::Keys),
    ApiCall::new("kms:DeleteAlias", Target::Keys),
    ApiCall::new("kms:DeleteAlias", Target::Each(&resources::kms::ALIAS)),
];

/// Days for which the deletion of a key can be cancelled, as in the template.
const WAITING_DAYS: i32 = 30;

/// The client.
#[derive(Clone, Debug)]
pub struct KmsClient(Client);

impl KmsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_kms, account))
    }

    /// Whether the key of an alias exists and is not scheduled for deletion.
    ///
    /// # Errors
    /// A failed call.
    pub async fn exists(&self, alias: &str) -> Result<bool, CallError> {
        Ok(self.find(alias).await?.is_some_and(|(_, scheduled)| !scheduled))
    }

    /// The tags of the key of an alias; none if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn tags(&self, alias: &str) -> Result<BTreeMap<String, String>, CallError> {
        let Some((key, _)) = self.find(alias).await? else { return Ok(BTreeMap::new()) };
        let answer = self.0.list_resource_tags().key_id(key).send().await;
        let tags = answer.map_err(|error| CallError::of("kms:ListResourceTags", error))?.tags.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
    }

    /// Schedules the deletion of the key of an alias in thirty days, and deletes the alias now; one that does not exist is no error.
    ///
    /// # Errors
    /// A failed call.
    pub async fn delete(&self, alias: &str) -> Result<(), CallError> {
        let Some((key, scheduled)) = self.find(alias).await? else { return Ok(()) };
        if !scheduled {
            let answer = self.0.schedule_key_deletion().key_id(key).pending_window_in_days(WAITING_DAYS).send().await;
            CallError::exists(answer.map_err(|error| CallError::of("kms:ScheduleKeyDeletion", error)))?;
        }
        let answer = self.0.delete_alias().alias_name(alias).send().await;
        CallError::exists(answer.map_err(|error| CallError::of("kms:DeleteAlias", error))).map(|_| ())
    }

    /// The key of an alias, and whether it is scheduled for deletion.
    async fn find(&self, alias: &str) -> Result<Option<(String, bool)>, CallError> {
        let answer = self.0.describe_key().key_id(alias).send().await;
        match answer.map_err(|error| CallError::of("kms:DescribeKey", error)) {
            Ok(answer) => Ok(answer
                .key_metadata
                .map(|key| (key.key_id, matches!(key.key_state, Some(KeyState::PendingDeletion))))),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
