//! One environment of a pipeline in one account: everything that the jobs of a deployment borrow.

use std::path::PathBuf;
use std::sync::Arc;

use super::applied_regions::AppliedRegions;
use super::apply::StackApply;
use super::aws::account::{Account, CallerIdentity};
use super::aws::cloudformation::StackClient;
use super::aws::s3::artifacts::ArtifactBucket;
use super::change_set::ChangeSets;
use super::concurrency::warn_if_throttled;
use super::destroy::Destroyer;
use super::environment_stack::EnvironmentStack;
use super::error::DeployError;
use super::generated::Generated;
use super::interrupt::Interrupt;
use super::lock::{DeployLock, LockError};
use super::operation::Operations;
use super::pending_sets::PendingSets;
use super::recover::Recovery;
use super::seed::Seeder;
use super::ui::{Operator, UserInterface};

/// One environment of a pipeline, in one account.
pub struct Deployment<'a> {
    /// The SDK's configuration.
    pub account: &'a Account,
    /// Who is calling.
    pub caller: &'a CallerIdentity,
    /// What was rendered.
    pub generated: &'a Generated,
    /// CloudFormation's API for its stack.
    pub client: StackClient,
    /// The artifact bucket.
    pub bucket: ArtifactBucket,
    /// Where messages and questions go.
    ui: Arc<dyn UserInterface>,
    /// Raised when the user wants to stop.
    interrupt: &'a Interrupt,
    /// The folder of this machine's locks.
    locks: PathBuf,
}

impl<'a> Deployment<'a> {
    /// Compares the caller with the pipeline's file before anything is changed.
    ///
    /// # Errors
    /// Another account than the file names.
    pub fn new(
        account: &'a Account,
        caller: &'a CallerIdentity,
        generated: &'a Generated,
        ui: Arc<dyn UserInterface>,
        interrupt: &'a Interrupt,
        locks: PathBuf,
    ) -> Result<Self, DeployError> {
        let manifest = &generated.manifest;
        if let Some(wanted) = manifest.account.as_ref().filter(|wanted| **wanted != caller.account) {
            return Err(DeployError::WrongAccount {
                found: caller.account.clone(),
                wanted: wanted.clone(),
                caller: caller.arn.clone(),
            });
        }
        Ok(Self {
            account,
            caller,
            generated,
            client: StackClient::new(account, &manifest.stack),
            bucket: ArtifactBucket::new(account, caller),
            ui,
            interrupt,
            locks,
        })
    }

    /// The name of the environment.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.generated.manifest.environment
    }

    /// The environment's stack.
    #[must_use]
    pub fn stack(&self) -> EnvironmentStack<'_> {
        EnvironmentStack { client: &self.client, manifest: &self.generated.manifest }
    }

    /// The user who runs the deployment.
    #[must_use]
    pub fn operator(&self) -> Operator<'_> {
        Operator { ui: &self.ui, interrupt: self.interrupt }
    }

    fn operations(&self) -> Operations<'_> {
        Operations { stack: self.stack(), operator: self.operator() }
    }

    /// The regions to which this machine has applied the stack.
    #[must_use]
    pub fn regions(&self) -> AppliedRegions {
        let manifest = &self.generated.manifest;
        let (account, region) = (&self.caller.account, &self.account.region);
        AppliedRegions::new(&self.locks, account, &manifest.stack, region, &manifest.environment)
    }

    /// Warns if the account may not run as many functions at once as the environment asks for.
    pub async fn warn_if_throttled(&self) {
        warn_if_throttled(self.account, &self.generated.manifest, self.operator()).await;
    }

    /// The change sets of the stack.
    #[must_use]
    pub fn change_sets(&self) -> ChangeSets<'_> {
        ChangeSets {
            operations: self.operations(),
            generated: self.generated,
            account: self.account,
            caller: self.caller,
            bucket: &self.bucket,
            pending: PendingSets::new(&self.locks, &self.bucket.name, &self.client.name),
            regions: self.regions(),
        }
    }

    /// Applies changes to the stack, under the lock.
    #[must_use]
    pub fn stack_apply<'b>(&'b self, lock: &'b DeployLock) -> StackApply<'b> {
        StackApply { sets: self.change_sets(), recovery: Recovery { operations: self.operations(), lock } }
    }

    /// Writes items and starts the first run.
    #[must_use]
    pub fn seeder(&self) -> Seeder<'_> {
        Seeder {
            account: self.account,
            caller: self.caller,
            manifest: &self.generated.manifest,
            bucket: &self.bucket,
            sets: self.change_sets(),
            operator: self.operator(),
        }
    }

    /// Deletes the environment.
    #[must_use]
    pub fn destroyer(&self) -> Destroyer<'_> {
        Destroyer {
            account: self.account,
            caller: self.caller,
            bucket: &self.bucket,
            sets: self.change_sets(),
            operations: self.operations(),
        }
    }

    /// Takes the lock of the environment.
    ///
    /// # Errors
    /// See [`LockError`].
    pub async fn lock(&self, command: &str) -> Result<DeployLock, DeployError> {
        let lock = DeployLock::take(&self.bucket, &self.client.name, &self.caller.arn, command, &self.locks).await?;
        if let Some(expired) = lock.expired() {
            self.operator().message(&format!("note: {expired}"));
        }
        Ok(lock)
    }

    /// Cleans up after processes of this machine that were killed: deletes their change sets and releases their lock.
    /// Makes no call if there is nothing to clean up, and leaves a lock that somebody else holds.
    ///
    /// # Errors
    /// A failed call.
    pub async fn clean_up_abandoned(&self, command: &str) -> Result<(), DeployError> {
        self.change_sets().delete_abandoned().await;
        if !DeployLock::is_abandoned(&self.bucket, &self.client.name, &self.locks) {
            return Ok(());
        }
        match self.lock(command).await {
            Ok(lock) => Ok(lock.release().await?),
            Err(DeployError::Lock(LockError::Held { .. } | LockError::Here(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
