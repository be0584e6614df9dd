//! The door to IAM: whether a role is there.

use aws_sdk_iam::Client;

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

/// What the calls of this door need.
pub const CALLS: &[Call] = &[Call::new("iam:GetRole", Target::Each(&resources::iam::ROLE))];

/// The door.
#[derive(Clone, Debug)]
pub struct Roles(Client);

impl Roles {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(Client::new(&account.sdk))
    }

    /// Whether the role is there.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn there(&self, role: &str) -> Result<bool, CallError> {
        let answer = self.0.get_role().role_name(role).send().await;
        CallError::there(answer.map_err(|error| CallError::of("iam:GetRole", error)))
    }
}
