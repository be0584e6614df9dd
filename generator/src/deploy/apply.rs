//! From what is deployed to what was rendered: always by a change set that was shown, always to a named state.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change_set::{Proposal, Runtime};
use super::deployment::Deployment;
use super::diff::Changes;
use super::error::DeployError;
use super::events::{cause, left_behind, seconds};
use super::follow::Ended;
use super::pending_sets::Mark;
use super::stack_state::{Described, Standing};

/// How an apply is wanted.
#[derive(Clone, Debug, Default)]
pub struct Order<'a> {
    /// The runtime of this machine, where one was built.
    pub runtime: Option<&'a Runtime>,
    /// Why there is none.
    pub no_runtime: String,
    /// Whether CloudFormation does not wait for resources to settle.
    pub express: bool,
    /// Whether to come back before CloudFormation is done.
    pub no_wait: bool,
    /// Names within the template of data that may be lost.
    pub replace: &'a [String],
    /// A change set that was saved.
    pub saved: Option<&'a str>,
}

/// What became of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It already was what was rendered.
    Unchanged,
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// CloudFormation is at it.
    Started,
}

/// What an apply did to the stack.
#[derive(Clone, Debug, Serialize)]
pub struct Applied {
    /// What became of it.
    pub outcome: Outcome,
    /// How it stands now.
    pub stack: Option<Described>,
    /// What was changed.
    pub changes: Option<Changes>,
    /// Seconds that each resource took.
    pub seconds: BTreeMap<String, f64>,
}

impl Applied {
    /// Nothing was done to a stack.
    #[must_use]
    pub fn unchanged(stack: Described) -> Self {
        Self { outcome: Outcome::Unchanged, stack: Some(stack), changes: None, seconds: BTreeMap::new() }
    }
}

impl Deployment<'_> {
    /// Whether the stack is what was rendered already, as far as that is known without a change set.
    #[must_use]
    pub fn carried(&self, found: Option<&Described>, runtime: Option<&Runtime>) -> bool {
        let sha = &self.generated.manifest.render_sha;
        let key = self.runtime_key(runtime, found);
        key.is_some() && found.is_some_and(|found| found.carries(sha, key.as_deref()))
    }

    /// Brings the stack to what was rendered. The lock is held by the caller, and `found` was seen under it.
    ///
    /// # Errors
    /// See [`DeployError`]; each ends in a state from which the same command goes on.
    pub async fn apply_stack(&self, found: Option<Described>, order: &Order<'_>) -> Result<Applied, DeployError> {
        let found = self.settle(found).await?;
        if order.saved.is_none()
            && self.carried(found.as_ref(), order.runtime)
            && let Some(found) = found
        {
            self.protect(&found).await?;
            return Ok(Applied::unchanged(found));
        }
        // A saved change set has its runtime in the bucket already.
        let key = self.runtime_key(order.runtime, found.as_ref()).or_else(|| order.saved.map(|_| String::new()));
        let Some(key) = key else {
            return Err(DeployError::NoRuntime(order.no_runtime.clone()));
        };
        let proposal = match order.saved {
            Some(name) => Some(self.saved(name, found.as_ref()).await?),
            None => self.propose(&self.set_name("apply"), found.as_ref(), &key, order.express).await?,
        };
        let Some(proposal) = proposal else {
            // Nothing that CloudFormation would call a change.
            let found = self.found().await?;
            self.protect(&found).await?;
            return Ok(Applied::unchanged(found));
        };
        if let Err(stop) = self.agreed(&proposal, order).await {
            if order.saved.is_none() {
                self.give_up_aloud(proposal).await;
            }
            return Err(stop);
        }
        let fresh = found.is_none_or(|found| found.standing() == Standing::Shell);
        self.carry_out(proposal, order, fresh).await
    }

    /// Gives a proposal up; where that fails, why it was given up is still what matters more.
    async fn give_up_aloud(&self, proposal: Proposal) {
        if let Err(error) = self.give_up(proposal).await {
            self.audience.say(&format!("note: the change set cannot be removed: {error}"));
        }
    }

    async fn agreed(&self, proposal: &Proposal, order: &Order<'_>) -> Result<(), DeployError> {
        self.audience.show(&proposal.changes);
        for id in order.replace.iter().filter(|id| !proposal.changes.dangers().any(|danger| danger.id == **id)) {
            self.audience.say(&format!("note: `--replace {id}` gives up nothing: no data of that name would be lost"));
        }
        Self::guard(&proposal.changes, order.replace)?;
        self.agree("Apply these changes?").await?;
        // Known to whoever would remove the bucket, before there is anything that uses it.
        // What an interrupted destroy noted of an earlier life is not true of this one.
        match self.bucket.put(&self.user_key(), b"{}".to_vec()).await {
            Err(error) if error.is_absent() => return Err(DeployError::NoBucket(self.bucket.name.clone())),
            other => other?,
        }
        match order.runtime {
            Some(runtime) => self.upload(runtime).await,
            None => Ok(()),
        }
    }

    async fn carry_out(&self, proposal: Proposal, order: &Order<'_>, fresh: bool) -> Result<Applied, DeployError> {
        let begin = self.mark(&proposal.set.stack).await?;
        // The last moment in which nothing is changed yet.
        if self.interrupt.raised() {
            if order.saved.is_none() {
                self.give_up_aloud(proposal).await;
            }
            return Err(DeployError::Interrupted);
        }
        let Proposal { set, changes, mark } = proposal;
        self.holds_lock()?;
        self.stack.execute(&set.name).await?;
        mark.into_iter().for_each(Mark::erase);
        if order.no_wait {
            let applied = Applied {
                outcome: Outcome::Started,
                stack: self.stack.describe(Some(&set.stack)).await?,
                changes: Some(changes),
                seconds: BTreeMap::new(),
            };
            return Ok(applied);
        }
        let what = if fresh { "creating" } else { "updating" };
        let ended = self.watch(what, set.listed.len(), &set.stack, begin.as_deref()).await?;
        if !ended.well() {
            return Err(self.stopped(self.validated(ended, &set.stack).await).await?);
        }
        let found = self.found().await?;
        self.protect(&found).await?;
        // Data that is no longer retained, as was shown and agreed to, needs no protection.
        if found.protected && changes.retains_no_more() {
            self.stack.protect(false).await?;
        }
        let left = left_behind(&ended.events);
        for event in &left {
            self.audience.say(&format!(
                "note: {} ({}) is still there, and no longer managed: {}",
                event.physical.as_deref().unwrap_or(&event.resource),
                event.kind,
                event.reason.as_deref().unwrap_or("CloudFormation could not delete it")
            ));
        }
        let seconds = seconds(&ended.events).into_iter().map(|(id, seconds)| (id.to_owned(), seconds)).collect();
        let outcome = if fresh { Outcome::Created } else { Outcome::Updated };
        Ok(Applied { outcome, stack: Some(found), changes: Some(changes), seconds })
    }

    /// An operation that failed, with what CloudFormation's validation found where the reason only points at that.
    async fn validated(&self, mut ended: Ended, stack: &str) -> Ended {
        if cause(&ended.events)
            .and_then(|event| event.reason.as_ref())
            .is_some_and(|text| text.contains("DescribeEvents"))
        {
            // Whoever may not ask, or a service that has no answer, leaves the reason as it is.
            let findings = self.stack.findings(stack, None).await.unwrap_or_default();
            ended.events.splice(0..0, findings);
        }
        ended
    }

    /// What is left of an operation that failed: a broken first creation is cleaned up.
    async fn stopped(&self, ended: Ended) -> Result<DeployError, DeployError> {
        let ended = &ended;
        let error = match Standing::of(&ended.status) {
            // The first cause comes first, also where its rest cannot be cleaned up.
            Standing::NeverMade => match self.clean_up_found().await {
                Ok(()) => self.failed(ended, &self.again("what was made of it is cleaned up; ")),
                Err(error) => {
                    let next = format!("what was made of it is still there ({error}); {}", self.again(""));
                    self.failed(ended, &next)
                }
            },
            Standing::RollbackStuck => {
                self.failed(ended, &format!("{}, which offers to continue the rollback", self.again("")))
            }
            _ if ended.status.ends_with("_ROLLBACK_COMPLETE") => {
                self.failed(ended, &self.again("the stack is what it was before; "))
            }
            _ => self.failed(ended, &self.again("")),
        };
        Ok(error)
    }

    async fn clean_up_found(&self) -> Result<(), DeployError> {
        match self.find().await? {
            Some(found) => self.clean_up(&found).await,
            None => Ok(()),
        }
    }

    /// Protects what retains its data. A protection that somebody else put on stays.
    ///
    /// # Errors
    /// A failed call.
    pub async fn protect(&self, found: &Described) -> Result<(), DeployError> {
        if self.generated.manifest.retain && !found.protected {
            self.stack.protect(true).await?;
        }
        Ok(())
    }
}
