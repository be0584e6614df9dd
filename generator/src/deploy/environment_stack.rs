//! The CloudFormation stack of one environment: found by its name, recognised by its tags.

use std::collections::BTreeMap;

use super::aws::account::CallerIdentity;
use super::aws::cloudformation::StackClient;
use super::error::DeployError;
use super::generated::Manifest;
use super::stack_state::{ENVIRONMENT_TAG, PIPELINE_TAG, StackDescription, StackState};
use crate::not_deployed::NotDeployed;

/// The prefix of all change sets that fanggen creates.
pub const CHANGE_SET_PREFIX: &str = "fanggen-";

/// The stack of an environment, whether it exists or not.
#[derive(Clone, Copy)]
pub struct EnvironmentStack<'a> {
    /// CloudFormation's API for this stack.
    pub client: &'a StackClient,
    /// What was rendered for it.
    pub manifest: &'a Manifest,
}

impl EnvironmentStack<'_> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.client.name
    }

    /// The name of the environment.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.manifest.environment
    }

    /// The tags of the stack.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = [(PIPELINE_TAG, &self.manifest.pipeline), (ENVIRONMENT_TAG, &self.manifest.environment)];
        tags.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// Describes the stack; nothing where there is none.
    ///
    /// # Errors
    /// A stack of this name that is not ours, and failed calls.
    pub async fn find(&self) -> Result<Option<StackDescription>, DeployError> {
        let Some(found) = self.client.describe(None).await? else { return Ok(None) };
        let ours = match found.state() {
            StackState::Absent => return Ok(None),
            // A stack whose first change set was never executed may not show its tags yet.
            StackState::Empty if found.tags.is_empty() => {
                self.client.change_sets().await?.iter().all(|name| name.starts_with(CHANGE_SET_PREFIX))
            }
            _ => found.is_of(&self.manifest.pipeline, &self.manifest.environment),
        };
        if ours { Ok(Some(found)) } else { Err(DeployError::ForeignStack(self.client.name.clone())) }
    }

    /// Describes the stack, which must be deployed.
    ///
    /// # Errors
    /// No such stack, and all errors of [`Self::find`].
    pub async fn require(&self, caller: &CallerIdentity) -> Result<StackDescription, DeployError> {
        let found = self.find().await?.filter(|found| found.state() != StackState::Empty);
        found.ok_or_else(|| {
            let (stack, region, account) = (&self.client.name, &self.manifest.region, &caller.account);
            let missing = format!("stack `{stack}` in {region} of account {account}");
            NotDeployed { environment: self.environment().to_owned(), missing }.into()
        })
    }

    /// Protects the stack from deletion where its data is retained. A protection that somebody else enabled stays.
    ///
    /// # Errors
    /// A failed call.
    pub async fn protect_if_retained(&self, found: &StackDescription) -> Result<(), DeployError> {
        if self.manifest.retain && !found.protected {
            self.client.protect(true).await?;
        }
        Ok(())
    }
}
