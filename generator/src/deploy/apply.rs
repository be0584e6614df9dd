//! Deploys what was rendered: always by a change set that was shown, always to a named state.

use std::collections::BTreeMap;

use serde::Serialize;

use super::artifacts::{RuntimeZip, is_up_to_date, runtime_key, usage_key};
use super::change_set::{ChangeSets, PreparedChangeSet};
use super::diff::{Changes, Danger, Loss};
use super::error::{DataLosses, DeployError};
use super::events::{durations, not_deleted, root_cause};
use super::operation::OperationResult;
use super::pending_sets::PendingSet;
use super::recover::Recovery;
use super::stack_state::{StackDescription, StackState};

/// How to apply.
#[derive(Clone, Debug, Default)]
pub struct ApplyOptions<'a> {
    /// The runtime on this machine, if one was built.
    pub runtime: Option<&'a RuntimeZip>,
    /// Why there is none.
    pub no_runtime: String,
    /// Whether to use CloudFormation's express mode.
    pub express: bool,
    /// Whether to return before CloudFormation is done.
    pub no_wait: bool,
    /// Logical ids of resources whose data may be lost.
    pub replace: &'a [String],
    /// The name of a saved change set.
    pub saved: Option<&'a str>,
}

/// What an apply did to the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was up to date.
    Unchanged,
    /// It was created.
    Created,
    /// It was updated.
    Updated,
    /// CloudFormation is still deploying it.
    Started,
}

/// The result of an apply.
#[derive(Clone, Debug, Serialize)]
pub struct AppliedStack {
    /// What was done.
    pub outcome: Outcome,
    /// The stack afterwards.
    pub stack: Option<StackDescription>,
    /// What was changed.
    pub changes: Option<Changes>,
    /// Seconds that each resource took.
    pub seconds: BTreeMap<String, f64>,
}

impl AppliedStack {
    /// Nothing was done.
    #[must_use]
    pub fn unchanged(stack: StackDescription) -> Self {
        Self { outcome: Outcome::Unchanged, stack: Some(stack), changes: None, seconds: BTreeMap::new() }
    }
}

/// Applies changes to the stack of an environment, under the lock.
#[derive(Clone)]
pub struct StackApply<'a> {
    /// The change sets of the stack.
    pub sets: ChangeSets<'a>,
    /// Brings the stack into a state that can be changed.
    pub recovery: Recovery<'a>,
}

impl StackApply<'_> {
    /// Deploys what was rendered. `found` was read under the lock.
    ///
    /// # Errors
    /// See [`DeployError`]; after each, the same command continues.
    pub async fn run(
        &self,
        found: Option<StackDescription>,
        options: &ApplyOptions<'_>,
    ) -> Result<AppliedStack, DeployError> {
        let found = self.recovery.recover(found).await?;
        let (stack, manifest) = (self.sets.stack(), &self.sets.generated.manifest);
        if options.saved.is_none()
            && is_up_to_date(manifest, options.runtime, found.as_ref())
            && let Some(found) = found
        {
            stack.protect_if_retained(&found).await?;
            return Ok(AppliedStack::unchanged(found));
        }
        // The runtime of a saved change set is in the bucket already.
        let key = runtime_key(manifest, options.runtime, found.as_ref());
        let Some(key) = key.or_else(|| options.saved.map(|_| String::new())) else {
            return Err(DeployError::NoRuntime(options.no_runtime.clone()));
        };
        let prepared = match options.saved {
            Some(name) => Some(self.sets.load_saved(name, found.as_ref()).await?),
            None => self.sets.create(&self.sets.new_name("apply"), found.as_ref(), &key, options.express).await?,
        };
        let Some(prepared) = prepared else {
            // The template differs, but nothing that CloudFormation calls a change.
            let found = stack.require(self.sets.caller).await?;
            stack.protect_if_retained(&found).await?;
            return Ok(AppliedStack::unchanged(found));
        };
        if let Err(stop) = self.confirm(&prepared, options).await {
            if options.saved.is_none() {
                self.discard(prepared).await;
            }
            return Err(stop);
        }
        let creates = found.is_none_or(|found| found.state() == StackState::Empty);
        self.execute(prepared, options, creates).await
    }

    /// Deletes a change set that will not be executed. A failure is only a note: why it is not executed matters more.
    async fn discard(&self, prepared: PreparedChangeSet) {
        if let Err(error) = self.sets.discard(prepared).await {
            self.sets.operations.operator.message(&format!("note: cannot delete the change set: {error}"));
        }
    }

    /// Shows the changes, asks, and uploads the runtime.
    async fn confirm(&self, prepared: &PreparedChangeSet, options: &ApplyOptions<'_>) -> Result<(), DeployError> {
        let (operator, bucket) = (self.sets.operations.operator, self.sets.bucket);
        operator.ui.show_changes(&prepared.changes);
        for id in options.replace.iter().filter(|id| !prepared.changes.dangers().any(|danger| danger.id == **id)) {
            operator.message(&format!("note: `--replace {id}` has no effect: no data of `{id}` would be lost"));
        }
        check_data_loss(&prepared.changes, options.replace)?;
        operator.confirm("Apply these changes?").await?;
        // Before the stack uses the bucket, so that a destroy of another stack does not delete it. This also resets what
        // an interrupted destroy of an earlier stack recorded.
        match bucket.put(&usage_key(self.sets.stack().name()), b"{}".to_vec()).await {
            Err(error) if error.is_absent() => return Err(DeployError::NoBucket(bucket.name.clone())),
            other => other?,
        }
        match options.runtime {
            Some(runtime) => runtime.upload(bucket, operator).await,
            None => Ok(()),
        }
    }

    async fn execute(
        &self,
        prepared: PreparedChangeSet,
        options: &ApplyOptions<'_>,
        creates: bool,
    ) -> Result<AppliedStack, DeployError> {
        let (operations, stack) = (self.sets.operations, self.sets.stack());
        let last = operations.last_event(&prepared.set.stack).await?;
        // The last moment before anything changes.
        if operations.operator.interrupt.raised() {
            if options.saved.is_none() {
                self.discard(prepared).await;
            }
            return Err(DeployError::Interrupted);
        }
        let PreparedChangeSet { set, changes, pending } = prepared;
        self.recovery.lock.check()?;
        self.sets.regions.add();
        stack.client.execute_change_set(&set.name).await?;
        pending.into_iter().for_each(PendingSet::finish);
        if options.no_wait {
            return Ok(AppliedStack {
                outcome: Outcome::Started,
                stack: stack.client.describe(Some(&set.stack)).await?,
                changes: Some(changes),
                seconds: BTreeMap::new(),
            });
        }
        let what = if creates { "creating" } else { "updating" };
        let result = operations.wait(what, set.listed.len(), &set.stack, last.as_deref()).await?;
        if !result.succeeded() {
            return Err(self.failure(self.with_findings(result, &set.stack).await).await);
        }
        let found = stack.require(self.sets.caller).await?;
        stack.protect_if_retained(&found).await?;
        // Data that is no longer retained needs no protection; the user saw and confirmed that change.
        if found.protected && changes.releases_data() {
            stack.client.protect(false).await?;
        }
        for event in &not_deleted(&result.events) {
            operations.operator.message(&format!(
                "note: {} ({}) still exists but no longer belongs to the stack: {}",
                event.physical.as_deref().unwrap_or(&event.resource),
                event.kind,
                event.reason.as_deref().unwrap_or("CloudFormation could not delete it")
            ));
        }
        let seconds = durations(&result.events).into_iter().map(|(id, seconds)| (id.to_owned(), seconds)).collect();
        let outcome = if creates { Outcome::Created } else { Outcome::Updated };
        Ok(AppliedStack { outcome, stack: Some(found), changes: Some(changes), seconds })
    }

    /// Adds what CloudFormation's validation found to a failure whose reason only points there.
    async fn with_findings(&self, mut result: OperationResult, stack: &str) -> OperationResult {
        if root_cause(&result.events)
            .and_then(|event| event.reason.as_ref())
            .is_some_and(|text| text.contains("DescribeEvents"))
        {
            // A caller who may not ask, and a service without this call, leave the reason as it is.
            let findings = self.sets.stack().client.findings(stack, None).await.unwrap_or_default();
            result.events.splice(0..0, findings);
        }
        result
    }

    /// The error for a failed operation; what a failed creation left is deleted first.
    async fn failure(&self, result: OperationResult) -> DeployError {
        let operations = self.sets.operations;
        let next = match StackState::of(&result.status) {
            // The root cause comes first, even if the clean-up fails too.
            StackState::CreateFailed => match self.clean_up().await {
                Ok(()) => operations.retry_hint("what was created is deleted again; "),
                Err(error) => {
                    format!("what was created could not be deleted ({error}); {}", operations.retry_hint(""))
                }
            },
            StackState::RollbackFailed => {
                format!("{}, which offers to continue the rollback", operations.retry_hint(""))
            }
            _ if result.status.ends_with("_ROLLBACK_COMPLETE") => operations.retry_hint("the stack was rolled back; "),
            _ => operations.retry_hint(""),
        };
        operations.failure(&result, &next)
    }

    async fn clean_up(&self) -> Result<(), DeployError> {
        match self.sets.stack().find().await? {
            Some(found) => self.recovery.clean_up(&found).await,
            None => Ok(()),
        }
    }
}

/// Stops where data would be lost that the user has not given up by name.
///
/// # Errors
/// All such data at once.
pub fn check_data_loss(changes: &Changes, given_up: &[String]) -> Result<(), DeployError> {
    let losses: Vec<(String, String)> = changes
        .dangers()
        .filter(|danger| !danger.kept && !given_up.contains(&danger.id))
        .map(|danger| (danger.id.clone(), loss(danger)))
        .collect();
    if losses.is_empty() { Ok(()) } else { Err(DeployError::DataLoss(DataLosses(losses))) }
}

fn loss(danger: &Danger) -> String {
    let fate = match danger.loss {
        Loss::Deleted => "deleted",
        Loss::Replaced => "replaced by an empty one",
    };
    let name = danger.physical.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    format!("{}{name} would be {fate}, and its {} lost", danger.words, danger.holds)
}
