//! The door to KMS: whether the key of an environment is there, whose it is, and the end of it.

use std::collections::BTreeMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::KeyState;

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

/// What the calls of this door need.
pub const CALLS: &[Call] = &[
    Call::new("kms:DescribeKey", Target::Keys),
    Call::new("kms:ListResourceTags", Target::Keys),
    Call::new("kms:ScheduleKeyDeletion", Target::Keys),
    Call::new("kms:DeleteAlias", Target::Keys),
    Call::new("kms:DeleteAlias", Target::Each(&resources::kms::ALIAS)),
];

/// Days for which a key can still be called back: as long as the template has it.
const WAITING_DAYS: i32 = 30;

/// The door.
#[derive(Clone, Debug)]
pub struct Keys(Client);

impl Keys {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(Client::new(&account.sdk))
    }

    /// Whether the key of an alias is there, and not about to go.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn there(&self, alias: &str) -> Result<bool, CallError> {
        Ok(self.find(alias).await?.is_some_and(|(_, going)| !going))
    }

    /// The tags of the key of an alias; none where it is absent.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn tags(&self, alias: &str) -> Result<BTreeMap<String, String>, CallError> {
        let Some((key, _)) = self.find(alias).await? else { return Ok(BTreeMap::new()) };
        let answer = self.0.list_resource_tags().key_id(key).send().await;
        let tags = answer.map_err(|error| CallError::of("kms:ListResourceTags", error))?.tags.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
    }

    /// Has the key of an alias deleted in thirty days, and the alias at once; an absent one is gone already.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn delete(&self, alias: &str) -> Result<(), CallError> {
        let Some((key, going)) = self.find(alias).await? else { return Ok(()) };
        if !going {
            let answer = self.0.schedule_key_deletion().key_id(key).pending_window_in_days(WAITING_DAYS).send().await;
            CallError::there(answer.map_err(|error| CallError::of("kms:ScheduleKeyDeletion", error)))?;
        }
        let answer = self.0.delete_alias().alias_name(alias).send().await;
        CallError::there(answer.map_err(|error| CallError::of("kms:DeleteAlias", error))).map(|_| ())
    }

    /// The key of an alias, and whether it is about to go.
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
