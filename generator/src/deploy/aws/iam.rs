//! IAM: whether a role exists.

use aws_sdk_iam::Client;

use super::account::Account;
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[ApiCall::new("iam:GetRole", Target::Each(&resources::iam::ROLE))];

/// The client.
#[derive(Clone, Debug)]
pub struct IamClient(Client);

impl IamClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_iam, account))
    }

    /// Whether the role exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn exists(&self, role: &str) -> Result<bool, CallError> {
        let answer = self.0.get_role().role_name(role).send().await;
        CallError::exists(answer.map_err(|error| CallError::of("iam:GetRole", error)))
    }
}
