//! Creates, reads and deletes the change sets of an environment, and explains what each would change.

use std::collections::BTreeMap;

use super::applied_regions::AppliedRegions;
use super::artifacts::{ensure_bucket, upload_template};
use super::aws::account::{Account, CallerIdentity};
use super::aws::call_error::CallError;
use super::aws::cloudformation::{ChangeSet, ChangeSetRequest, INLINE_BYTES, TemplateBody};
use super::aws::s3::artifacts::ArtifactBucket;
use super::diff::{Changes, Side, compare};
use super::environment_stack::{CHANGE_SET_PREFIX, EnvironmentStack};
use super::error::DeployError;
use super::generated::Generated;
use super::imports;
use super::operation::Operations;
use super::pending_sets::{PendingSet, PendingSets};
use super::resource_tags::ResourceTags;
use super::stack_state::{ARTIFACT_BUCKET, ARTIFACT_KEY, StackDescription, StackState};
use crate::metadata::READY;

/// Polls in a row for which a change set that was just requested may not be visible yet.
const MAX_ABSENT_POLLS: u32 = 20;
/// Minutes after which an unsaved change set must be the rest of an interrupted command.
const ABANDONED_MIN: i64 = 10;

/// A change set that is ready to be executed.
#[derive(Debug)]
pub struct PreparedChangeSet {
    /// CloudFormation's change set.
    pub set: ChangeSet,
    /// What it would change.
    pub changes: Changes,
    /// The record that it has to be executed or deleted; none for a saved one.
    pub pending: Option<PendingSet>,
}

/// The change sets of an environment's stack.
#[derive(Clone)]
pub struct ChangeSets<'a> {
    /// Operations on the stack.
    pub operations: Operations<'a>,
    /// What was rendered.
    pub generated: &'a Generated,
    /// The SDK's configuration.
    pub account: &'a Account,
    /// Who is calling.
    pub caller: &'a CallerIdentity,
    /// Where the runtime and large templates are.
    pub bucket: &'a ArtifactBucket,
    /// The change sets that this machine has to execute or delete.
    pub pending: PendingSets,
    /// The regions to which this machine has applied the stack.
    pub regions: AppliedRegions,
}

/// The description of a change set: what it was created from, so that a stack that has changed since is noticed.
fn origin(render_sha: &str, found: Option<&StackDescription>) -> String {
    let from = found.filter(|found| found.state() != StackState::Empty).map_or_else(
        || "nothing".to_owned(),
        |found| {
            let at = found.updated.or(found.created).map(|at| at.to_string()).unwrap_or_default();
            format!("{} of {at}", found.id.rsplit('/').next().unwrap_or_default())
        },
    );
    format!("fanggen: {render_sha} from {from}")
}

impl<'a> ChangeSets<'a> {
    /// The stack that they belong to.
    #[must_use]
    pub fn stack(&self) -> EnvironmentStack<'a> {
        self.operations.stack
    }

    /// A new name for a change set.
    #[must_use]
    pub fn new_name(&self, purpose: &str) -> String {
        let now = jiff::Timestamp::now().as_millisecond();
        let sha: String = self.generated.manifest.render_sha.chars().take(8).collect();
        format!("{CHANGE_SET_PREFIX}{purpose}-{sha}-{now:x}")
    }

    /// Creates a change set; nothing if there is nothing to change.
    ///
    /// # Errors
    /// What CloudFormation refuses, an interruption, failed calls. The change set is then deleted.
    pub async fn create(
        &self,
        name: &str,
        found: Option<&StackDescription>,
        runtime_key: &str,
        express: bool,
    ) -> Result<Option<PreparedChangeSet>, DeployError> {
        let deployed = found.filter(|found| found.state() != StackState::Empty);
        let parameters = BTreeMap::from([
            (ARTIFACT_BUCKET.to_owned(), self.bucket.name.clone()),
            (ARTIFACT_KEY.to_owned(), runtime_key.to_owned()),
            (READY.to_owned(), deployed.map_or_else(String::new, StackDescription::ready_time)),
        ]);
        let request = ChangeSetRequest {
            name,
            description: &origin(&self.generated.manifest.render_sha, found),
            body: self.body().await?,
            parameters: &parameters,
            tags: &self.stack().tags(),
            creates: deployed.is_none(),
            express,
        };
        self.delete_abandoned().await;
        let pending = self.pending.add(name)?;
        if let Err(error) = self.request(request, found).await {
            // A refusal leaves nothing to delete.
            if matches!(error, DeployError::Unchangeable { .. } | DeployError::Call(CallError::Denied { .. })) {
                pending.finish();
            }
            return Err(error);
        }
        match self.created(name, deployed).await {
            Ok(Some((set, changes))) => Ok(Some(PreparedChangeSet { set, changes, pending: Some(pending) })),
            other => {
                let deleted = self.delete(name).await;
                if deleted.is_ok() {
                    pending.finish();
                }
                // Why there is no change set matters more than a failed deletion.
                other.and_then(|_| deleted.map(|()| None))
            }
        }
    }

    /// Waits for a requested change set, and explains it.
    async fn created(
        &self,
        name: &str,
        deployed: Option<&StackDescription>,
    ) -> Result<Option<(ChangeSet, Changes)>, DeployError> {
        let set = self.wait_until_created(name).await?;
        if set.is_empty() {
            return Ok(None);
        }
        if !set.is_ready() {
            return Err(self.refusal(&set).await);
        }
        let changes = self.explain(&set, deployed).await?;
        Ok(Some((set, changes)))
    }

    /// Requests a change set; without express mode if this CloudFormation does not know it.
    pub(super) async fn request(
        &self,
        request: ChangeSetRequest<'_>,
        found: Option<&StackDescription>,
    ) -> Result<(), DeployError> {
        let client = self.stack().client;
        let asked = match client.create_change_set(&request).await {
            Err(CallError::Refused { message, .. }) if request.express && message.contains("eploymentConfig") => {
                let text = "note: this CloudFormation has no express mode and waits for resources to stabilize";
                self.operations.operator.message(text);
                client.create_change_set(&ChangeSetRequest { express: false, ..request }).await
            }
            other => other,
        };
        asked.map_err(|error| match (error, found) {
            (CallError::Refused { message, .. }, Some(found)) if message.contains("can not be updated") => {
                DeployError::Unchangeable {
                    stack: client.name.clone(),
                    status: found.status.clone(),
                    reason: found.reason.clone(),
                }
            }
            (error, _) => error.into(),
        })
    }

    async fn body(&self) -> Result<TemplateBody, DeployError> {
        let template = &self.generated.template;
        if template.len() <= INLINE_BYTES {
            return Ok(TemplateBody::Inline(template.clone()));
        }
        Ok(TemplateBody::Url(
            upload_template(self.bucket, self.stack().name(), template, self.operations.operator).await?,
        ))
    }

    pub(super) async fn wait_until_created(&self, name: &str) -> Result<ChangeSet, DeployError> {
        let mut absent = 0;
        loop {
            match self.stack().client.change_set(name).await? {
                Some(set) if !set.is_pending() => return Ok(set),
                Some(_) => absent = 0,
                None if absent >= MAX_ABSENT_POLLS => {
                    let reason = "the change set was deleted by somebody else".to_owned();
                    return Err(DeployError::NoChangeSet { reason, help: "\n  run the same command again".to_owned() });
                }
                None => absent += 1,
            }
            tokio::select! {
                () = tokio::time::sleep(self.stack().client.shortest_poll) => {}
                () = self.operations.operator.interrupt.wait() => return Err(DeployError::Interrupted),
            }
        }
    }

    /// What a change set would change, in terms of the pipeline.
    ///
    /// # Errors
    /// Resources that it would import and that are not ours, and failed calls.
    async fn explain(&self, set: &ChangeSet, deployed: Option<&StackDescription>) -> Result<Changes, DeployError> {
        let tags = ResourceTags { account: self.account, caller: self.caller };
        imports::check(&set.listed, &self.generated.manifest, &self.stack().tags(), tags).await?;
        let template = match deployed {
            Some(_) => Some(self.stack().client.template().await?),
            None => None,
        };
        let before = template.as_deref().zip(deployed);
        let before = before.map(|(template, stack)| Side { template, parameters: &stack.parameters });
        let after = Side { template: &self.generated.template, parameters: &set.parameters };
        compare(before, after, &set.listed, &self.generated.manifest, self.caller)
            .map_err(|error| DeployError::Other(error.to_string()))
    }

    /// A saved change set, if it is still up to date.
    ///
    /// # Errors
    /// A change set that does not exist, or was created from another stack or file; failed calls.
    pub async fn load_saved(
        &self,
        name: &str,
        found: Option<&StackDescription>,
    ) -> Result<PreparedChangeSet, DeployError> {
        let stack = self.stack();
        let set = stack.client.change_set(name).await?.ok_or_else(|| DeployError::NoSuchChangeSet {
            name: name.to_owned(),
            stack: stack.name().to_owned(),
            environment: stack.environment().to_owned(),
        })?;
        let outdated = |reason: &str| DeployError::Outdated {
            name: name.to_owned(),
            reason: reason.to_owned(),
            environment: stack.environment().to_owned(),
        };
        if set.execution == "OBSOLETE" {
            return Err(outdated("the stack has changed since it was created"));
        }
        if set.execution == "EXECUTE_COMPLETE" {
            return Err(outdated("it was applied before"));
        }
        if !set.is_ready() {
            return Err(outdated(&format!("it is in {}, {}", set.status, set.execution)));
        }
        let now = origin(&self.generated.manifest.render_sha, found);
        if set.description != now {
            let render = |text: &str| text.split(" from ").next().map(str::to_owned);
            return Err(outdated(if render(&set.description) == render(&now) {
                "the stack has changed since it was created"
            } else {
                "it was created from another `pipeline.toml` than the rendered one"
            }));
        }
        let deployed = found.filter(|found| found.state() != StackState::Empty);
        let changes = self.explain(&set, deployed).await?;
        Ok(PreparedChangeSet { set, changes, pending: None })
    }

    /// The error for a change set that CloudFormation could not create, with what helps.
    pub(super) async fn refusal(&self, set: &ChangeSet) -> DeployError {
        let mut reason = set.reason.clone().unwrap_or_else(|| format!("{}, without a reason", set.status));
        let stack = self.stack();
        let help = if reason.contains("already exist in your account") || reason.contains("already exists") {
            self.name_conflict()
        } else if reason.contains("DescribeEvents") {
            // A caller who may not ask, and a service without this call, leave the reason as it is.
            for finding in stack.client.findings(stack.name(), Some(&set.name)).await.unwrap_or_default() {
                let resource = self.generated.manifest.resources.get(&finding.resource);
                let path = resource.map(|resource| format!(", declared by `{}`", resource.path)).unwrap_or_default();
                reason += &format!("\n  - {}{path}: {}", finding.resource, finding.reason.unwrap_or(finding.status));
            }
            let again = format!("\n  fix that, then run `fanggen apply --env {}` again", stack.environment());
            if reason.contains("already exists") { self.name_conflict() + &again } else { again }
        } else {
            String::new()
        };
        DeployError::NoChangeSet { reason, help }
    }

    /// What helps where resources with our names exist already.
    fn name_conflict(&self) -> String {
        let manifest = &self.generated.manifest;
        if !manifest.retain {
            return format!(
                "\n  resources with these names exist already: if an earlier deployment of this environment left them, \
                 `fanggen destroy --env {} --delete-data` deletes them; `[data] retain = true` imports them",
                manifest.environment
            );
        }
        match manifest.account {
            None => "\n  resources with these names exist already: with `[aws] account` in the file, bucket names are \
                     literals, and CloudFormation imports the buckets"
                .to_owned(),
            Some(_) => {
                "\n  resources with these names exist already, and CloudFormation cannot import them: rename or \
                        delete them"
                    .to_owned()
            }
        }
    }

    /// Deletes a prepared change set.
    ///
    /// # Errors
    /// A failed call.
    pub async fn discard(&self, prepared: PreparedChangeSet) -> Result<(), DeployError> {
        self.delete(&prepared.set.name).await?;
        prepared.pending.into_iter().for_each(PendingSet::finish);
        Ok(())
    }

    /// Deletes the change sets that processes of this machine abandoned. Makes no call if there are none.
    pub async fn delete_abandoned(&self) {
        self.pending.delete_abandoned(self.stack().client, self.operations.operator).await;
    }

    /// Deletes a change set, and the stack if it has neither resources nor another change set.
    pub(super) async fn delete(&self, name: &str) -> Result<(), DeployError> {
        let stack = self.stack();
        stack.client.delete_change_set(name).await?;
        let Some(found) = stack.find().await? else { return Ok(()) };
        if found.state() == StackState::Empty && self.delete_old().await?.is_empty() {
            let last = self.operations.last_event(&found.id).await?;
            match stack.client.delete(&found.id).await {
                // Who may only plan may not delete stacks.
                Err(CallError::Denied { .. }) => self.operations.operator.message(&format!(
                    "note: the stack `{}`, which has no resources yet, stays for the next plan or apply",
                    stack.name()
                )),
                deleted => {
                    deleted?;
                    self.operations.wait_uninterrupted(&found.id, last.as_deref()).await?;
                }
            }
        }
        Ok(())
    }

    /// Deletes unsaved change sets that an interrupted command left behind, and gives the names of the others.
    async fn delete_old(&self) -> Result<Vec<String>, DeployError> {
        let oldest = jiff::Timestamp::now().as_millisecond() - ABANDONED_MIN * 60_000;
        let client = self.stack().client;
        let mut kept = Vec::new();
        for name in client.change_sets().await? {
            let unsaved =
                name.starts_with(CHANGE_SET_PREFIX) && !name.starts_with(&format!("{CHANGE_SET_PREFIX}saved-"));
            let at = name.rsplit('-').next().and_then(|digits| i64::from_str_radix(digits, 16).ok());
            if unsaved && at.is_some_and(|at| at < oldest) {
                client.delete_change_set(&name).await?;
            } else {
                kept.push(name);
            }
        }
        Ok(kept)
    }

    /// Creates the artifact bucket if it does not exist.
    ///
    /// # Errors
    /// See [`ensure_bucket`].
    pub async fn ensure_bucket(&self) -> Result<bool, DeployError> {
        ensure_bucket(self.bucket, self.operations.operator).await
    }
}
