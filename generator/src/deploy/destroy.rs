//! Deletes an environment: shows what will be deleted, empties the buckets, deletes the stack, and checks that nothing is left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artifacts::{items_state_key, usage_key};
use super::aws::account::{Account, CallerIdentity};
use super::aws::call_error::CallError;
use super::aws::dynamodb::DynamoDbClient;
use super::aws::kms::KmsClient;
use super::aws::logs::LogsClient;
use super::aws::s3::artifacts::{ArtifactBucket, BucketStatus};
use super::aws::s3::buckets::{BucketsClient, ObjectCounts};
use super::change_set::ChangeSets;
use super::count::Count;
use super::destroy_plan::{DestroyPlan, ResourceToDelete};
use super::error::DeployError;
use super::generated::{Manifest, ManifestResource};
use super::leftovers::{self, Found};
use super::lock::DeployLock;
use super::operation::Operations;
use super::resource_tags::{ResourceTags, are_ours};
use super::stack_state::{StackDescription, StackState};
use crate::metadata::READY;
use crate::resources::{self, dynamodb, kms, logs, s3};

/// How often a deletion is tried whose buckets were written to in between.
const MAX_TRIES: usize = 3;
/// Seconds for which a deleted resource may still be visible: SQS takes a minute to forget a queue
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>).
const VISIBLE_S: u64 = 90;
/// Milliseconds between two polls.
const POLL_MS: u64 = 500;

const BUCKET: &str = s3::BUCKET.name;
const KEY: &str = kms::ALIAS.name;
const TABLE: &str = dynamodb::TABLE.name;
const LOGS: &str = logs::LOG_GROUP.name;

/// What the artifact bucket records about a stack that uses it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct UsageRecord {
    /// The physical names of its resources, once a destroy has started.
    names: BTreeSet<String>,
}

/// Deletes one environment.
#[derive(Clone)]
pub struct Destroyer<'a> {
    /// The SDK's configuration.
    pub account: &'a Account,
    /// Who is calling.
    pub caller: &'a CallerIdentity,
    /// The artifact bucket.
    pub bucket: &'a ArtifactBucket,
    /// The change sets of the stack.
    pub sets: ChangeSets<'a>,
    /// Operations on the stack.
    pub operations: Operations<'a>,
}

impl Destroyer<'_> {
    fn manifest(&self) -> &Manifest {
        self.operations.stack.manifest
    }

    /// Finds what a destroy would delete.
    ///
    /// # Errors
    /// Retained data, unless `delete_data` gives it up, and failed calls.
    pub async fn plan(&self, delete_data: bool) -> Result<DestroyPlan, DeployError> {
        let stack = self.operations.stack.find().await?;
        let retained = self.manifest().retain || stack.as_ref().is_some_and(|stack| stack.protected);
        let refused = || DeployError::Retained(self.manifest().environment.clone());
        if retained && !delete_data && stack.is_some() {
            return Err(refused());
        }
        let states = [StackState::InProgress, StackState::Deleting];
        let is_moving = stack.as_ref().is_some_and(|stack| states.contains(&stack.state()));
        let mut everything = self.manifest().clone();
        let mut in_stack = match stack {
            Some(_) => self.add_stack_resources(&mut everything).await?,
            None => BTreeSet::new(),
        };
        // A destroy that was interrupted after the stack was deleted recorded what the stack had.
        let record = self.bucket.read(&usage_key(self.operations.stack.name())).await?;
        let record = record.and_then(|object| serde_json::from_str::<UsageRecord>(&object.text).ok());
        in_stack.extend(record.unwrap_or_default().names);
        let mut resources = Vec::new();
        for found in leftovers::look(&everything, self.caller, self.account).await? {
            if !found.there && !found.elsewhere {
                continue;
            }
            match self.why_foreign(&found, &in_stack, is_moving).await? {
                None => resources.push(ResourceToDelete { holds: self.holds(&found).await?, found }),
                Some(why) => {
                    self.operations.operator.message(&format!("note: {found} is kept: {why}"));
                    everything.resources.retain(|_, known| self.physical(known) != Some(found.name.clone()));
                }
            }
        }
        if retained && !delete_data && !resources.is_empty() {
            return Err(refused());
        }
        Ok(DestroyPlan { stack, resources, everything: Some(everything), in_stack })
    }

    fn physical(&self, resource: &ManifestResource) -> Option<String> {
        self.manifest().physical(resource, self.caller)
    }

    /// Why a resource does not belong to this environment, if it does not: it is not in the stack, and has not our tags. What
    /// has no data is deleted with its stack, so one that is not in it was never ours, unless the stack is changing meanwhile.
    async fn why_foreign(
        &self,
        found: &Found,
        in_stack: &BTreeSet<String>,
        is_moving: bool,
    ) -> Result<Option<&'static str>, DeployError> {
        if found.elsewhere {
            return Ok(Some("it belongs to another account"));
        }
        if in_stack.contains(&found.name) {
            return Ok(None);
        }
        let tags = ResourceTags { account: self.account, caller: self.caller };
        Ok(match tags.read(&found.kind, &found.name).await {
            Ok(Some(tags)) if are_ours(&tags, &self.operations.stack.tags()) => None,
            Ok(Some(_)) => Some("its tags say that it does not belong to this environment"),
            Ok(None) if is_moving => None,
            Ok(None) => Some("it does not belong to the stack"),
            Err(CallError::Denied { .. }) => Some("it does not belong to the stack, and its tags cannot be read"),
            Err(error) => return Err(error.into()),
        })
    }

    /// Adds the resources of the stack that the file no longer asks for, or asks for under another name. Gives the names of
    /// all resources of the stack.
    async fn add_stack_resources(&self, manifest: &mut Manifest) -> Result<BTreeSet<String>, DeployError> {
        let mut in_stack = BTreeSet::new();
        for resource in self.operations.stack.client.resources().await? {
            let Some(physical) = resource.physical.filter(|_| !resource.status.starts_with("DELETE_COMPLETE")) else {
                continue;
            };
            let card = resources::find(&resource.kind);
            let name = card.map_or(physical.as_str(), |card| card.name_in(&physical)).to_owned();
            in_stack.insert(name.clone());
            let known = manifest.resources.get(&resource.resource);
            if known.is_some_and(|known| known.name.is_none() || self.physical(known).as_ref() == Some(&name)) {
                continue;
            }
            let id = if known.is_some() { format!("{} (deployed)", resource.resource) } else { resource.resource };
            let stack = self.operations.stack.name();
            let path = known.map_or_else(|| format!("stack {stack}"), |known| known.path.clone());
            let added = ManifestResource {
                kind: resource.kind,
                name: Some(Value::String(name)),
                path,
                service: None,
                concurrency: None,
                dead_letters_of: None,
            };
            manifest.resources.insert(id, added);
        }
        Ok(in_stack)
    }

    async fn holds(&self, found: &Found) -> Result<Option<String>, DeployError> {
        Ok(match found.kind.as_str() {
            BUCKET => {
                let counts = BucketsClient::open(self.account, &self.caller.account).count(&found.name).await?;
                counts
                    .filter(|counts| !counts.versions.is_none())
                    .map(|ObjectCounts { objects, versions }| format!("{objects} objects, {versions} versions"))
            }
            TABLE => {
                let rows: Option<Count> = DynamoDbClient::open(self.account).count(&found.name).await?;
                rows.filter(|rows| !rows.is_none()).map(|rows| format!("{rows} rows"))
            }
            KEY => Some("its deletion can be cancelled for 30 days".to_owned()),
            _ => None,
        })
    }

    /// Deletes everything, and checks that nothing is left. The lock is held unless there is no bucket for it.
    ///
    /// # Errors
    /// A failed deletion, resources that are left, an interruption, failed calls; the same command continues.
    pub async fn run(&self, plan: &DestroyPlan, lock: Option<&DeployLock>) -> Result<(), DeployError> {
        let Operations { stack, operator } = self.operations;
        let everything = plan.everything.as_ref().unwrap_or(self.manifest());
        let usage_key = usage_key(stack.name());
        if plan.stack.is_some() && self.bucket.has(&usage_key).await? {
            let record = serde_json::to_vec(&UsageRecord { names: plan.in_stack.clone() }).unwrap_or_default();
            self.bucket.put(&usage_key, record).await?;
        }
        let mut tries = 0;
        while let Some(found) = stack.find().await? {
            match found.state() {
                StackState::Absent => break,
                StackState::InProgress | StackState::Deleting => {
                    operator.message(&format!("stack `{}` is in {}: waiting", stack.name(), found.status));
                    self.operations.wait("waiting for the running operation", 0, &found.id, None).await?;
                    continue;
                }
                _ => {}
            }
            self.stop_if_interrupted()?;
            lock.map_or(Ok(()), DeployLock::check)?;
            self.disable_schedule(&found, lock).await?;
            self.empty_buckets(everything, &plan.in_stack).await?;
            if found.protected {
                stack.client.protect(false).await?;
            }
            let count = everything.resources.len();
            let last = self.operations.last_event(&found.id).await?;
            stack.client.delete(&found.id).await?;
            let result = self.operations.wait("deleting", count, &found.id, last.as_deref()).await?;
            tries += 1;
            if !result.succeeded() && tries >= MAX_TRIES {
                let next = format!("fix the cause, then run `fanggen destroy --env {}` again", stack.environment());
                return Err(self.operations.failure(&result, &next));
            }
        }
        self.stop_if_interrupted()?;
        self.delete_leftovers(everything).await?;
        for key in [items_state_key(stack.name()), usage_key] {
            self.bucket.remove(&key).await?;
        }
        Ok(())
    }

    /// Disables the schedule, so that no run starts while the environment is being deleted. A stack that cannot be changed
    /// can still be deleted.
    async fn disable_schedule(&self, found: &StackDescription, lock: Option<&DeployLock>) -> Result<(), DeployError> {
        let has_schedule = found.parameters.get(READY).is_some_and(|time| !time.is_empty());
        if !has_schedule || found.state() != StackState::Stable {
            return Ok(());
        }
        match self.sets.set_ready(found, "", lock).await {
            Err(error @ (DeployError::Interrupted | DeployError::WaitInterrupted(_) | DeployError::Lock(_))) => {
                Err(error)
            }
            Err(error) => {
                let text = format!("note: a run may still start until the stack is deleted: {error}");
                self.operations.operator.message(&text);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn stop_if_interrupted(&self) -> Result<(), DeployError> {
        let state = "some resources are deleted, the others are unchanged";
        if self.operations.operator.interrupt.raised() {
            Err(DeployError::InterruptedBetweenSteps(state))
        } else {
            Ok(())
        }
    }

    /// Empties the stack's buckets, since CloudFormation deletes only empty ones.
    async fn empty_buckets(&self, everything: &Manifest, in_stack: &BTreeSet<String>) -> Result<(), DeployError> {
        let client = BucketsClient::open(self.account, &self.caller.account);
        let ui = self.operations.operator.ui;
        for (_, bucket) in everything.named(BUCKET, self.caller).filter(|(_, bucket)| in_stack.contains(bucket)) {
            ui.start_progress(&format!("emptying {bucket}"), 0);
            let mut progress = |deleted: u64| ui.set_progress(&format!("emptying {bucket}"), deleted, deleted);
            let emptied = client.empty(&bucket, &mut progress).await;
            ui.finish_progress();
            emptied?;
        }
        Ok(())
    }

    /// Deletes what is left of the stack until nothing is: what a deletion policy retained, what an earlier stack left, and
    /// log groups that a function wrote to after their deletion.
    async fn delete_leftovers(&self, everything: &Manifest) -> Result<(), DeployError> {
        let mut start = Instant::now();
        loop {
            let left: Vec<Found> = leftovers::look(everything, self.caller, self.account).await?;
            let left: Vec<Found> = left.into_iter().filter(|found| found.there).collect();
            if left.is_empty() {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(VISIBLE_S) {
                return Err(DeployError::StillThere(left.iter().map(ToString::to_string).collect()));
            }
            for found in &left {
                self.stop_if_interrupted()?;
                if self.delete_leftover(found).await? {
                    // What was just deleted may be visible for as long again.
                    start = Instant::now();
                }
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(POLL_MS)) => {}
                () = self.operations.operator.interrupt.wait() => {
                    return Err(DeployError::InterruptedBetweenSteps("the stack is deleted, some resources that it left are not"));
                }
            }
        }
    }

    /// Deletes a resource outside of the stack; false for a type that is deleted with the stack.
    async fn delete_leftover(&self, found: &Found) -> Result<bool, DeployError> {
        match found.kind.as_str() {
            TABLE => DynamoDbClient::open(self.account).delete(&found.name).await?,
            LOGS => LogsClient::open(self.account).delete(&found.name).await?,
            KEY => KmsClient::open(self.account).delete(&found.name).await?,
            BUCKET => {
                let client = BucketsClient::open(self.account, &self.caller.account);
                client.empty(&found.name, &mut |_| {}).await?;
                client.delete(&found.name).await?;
            }
            // Deleted with the stack, and only visible for a while.
            _ => return Ok(false),
        }
        self.operations.operator.message(&format!("deleted {found}"));
        Ok(true)
    }

    /// Deletes the artifact bucket, if no other stack uses it.
    ///
    /// # Errors
    /// A stack that uses it, and failed calls.
    pub async fn delete_artifact_bucket(&self) -> Result<(), DeployError> {
        if self.bucket.status().await? == BucketStatus::Absent {
            return Ok(());
        }
        let own = self.operations.stack.name();
        let mut users = Vec::new();
        for key in self.bucket.keys("stacks/").await? {
            let stack = key.trim_start_matches("stacks/").trim_end_matches(".json");
            if stack != own {
                users.push(stack.to_owned());
            }
        }
        for key in self.bucket.keys("locks/").await? {
            let stack = key.trim_start_matches("locks/").trim_end_matches(".json");
            if stack != own && !users.iter().any(|user| user == stack) {
                users.push(format!("{stack} (a deployment is running)"));
            }
        }
        if !users.is_empty() {
            return Err(DeployError::InUse { bucket: self.bucket.name.clone(), stacks: users });
        }
        let client = BucketsClient::open(self.account, &self.caller.account);
        let arn = format!("arn:{}:s3:::{}", self.caller.partition(), self.bucket.name);
        client.empty(&self.bucket.name, &mut |_| {}).await.map_err(|error| error.on(&arn))?;
        client.delete(&self.bucket.name).await.map_err(|error| error.on(&arn))?;
        self.operations.operator.message(&format!("deleted the artifact bucket `{}`", self.bucket.name));
        Ok(())
    }
}
