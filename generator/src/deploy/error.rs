//! Why a deployment stopped: what was found, and which command to run next.

use std::fmt;

use super::aws::call_error::CallError;
use super::aws::s3::artifacts::ArtifactBucketError;
use super::events::StackEvent;
use super::first_run::FirstRunError;
use super::items::AppliedStateError;
use super::lock::LockError;
use crate::not_deployed::NotDeployed;

/// Why a deployment stopped.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The artifact bucket cannot be used.
    #[error(transparent)]
    Bucket(#[from] ArtifactBucketError),
    /// The lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What was applied last to the items cannot be read.
    #[error("`s3://{place}`: {error}")]
    ItemsState {
        /// The bucket and the key.
        place: String,
        /// What is wrong with it.
        error: AppliedStateError,
    },
    /// The first run cannot be started.
    #[error(transparent)]
    FirstRun(#[from] FirstRunError),
    /// A table of the stack does not exist.
    #[error(
        "the table `{table}` does not exist\n  run `fanggen drift --env {environment}` to see what else is missing"
    )]
    NoTable {
        /// The table.
        table: String,
        /// The environment.
        environment: String,
    },
    /// The environment retains its data.
    #[error(
        "environment `{0}` retains its data (`[data] retain`, or the stack is protected): nothing was changed\n  to delete \
         it with its data: `fanggen destroy --env {0} --delete-data`"
    )]
    Retained(String),
    /// Deleted resources that still exist.
    #[error(
        "the stack is deleted, but these resources still exist:{}\n  run the same command again in a minute; if they are \
         still there, somebody else created them", listed(.0)
    )]
    StillThere(Vec<String>),
    /// Other stacks use the artifact bucket.
    #[error(
        "the artifact bucket `{bucket}` is still used by:{}\n  it was not deleted; destroy these first", listed(.stacks)
    )]
    InUse {
        /// The bucket.
        bucket: String,
        /// The stacks.
        stacks: Vec<String>,
    },
    /// The bucket was deleted during an apply.
    #[error(
        "the artifact bucket `{0}` was deleted in the meantime: the stack is unchanged\n  run the same command again"
    )]
    NoBucket(String),
    /// The lock expired, or somebody else has it.
    #[error(
        "the lock of stack `{0}` was lost, since it could not be renewed: another deployment may be running\n  `fanggen \
         status` shows who runs it; run the same command again to continue"
    )]
    LockLost(String),
    /// Somebody else applied items at the same time.
    #[error("somebody else has applied items in the meantime\n  run the same command again")]
    ItemsChanged,
    /// The caller's account is not the one that the file names.
    #[error(
        "the credentials belong to account {found}, and `[aws] account` is {wanted}: nothing was changed\n  use other \
         credentials than {caller}, or another environment"
    )]
    WrongAccount {
        /// The account of the credentials.
        found: String,
        /// The account of the file.
        wanted: String,
        /// The caller.
        caller: String,
    },
    /// The stack belongs to somebody else.
    #[error(
        "stack `{0}` exists in this account and region but belongs to another pipeline or environment, as its tags \
         `fanggen:pipeline` and `fanggen:environment` show: it was not changed\n  rename the pipeline or the environment"
    )]
    ForeignStack(String),
    /// There is no runtime.
    #[error(
        "there is no binary to deploy: {0}\n  run `fanggen build`, or `fanggen build --runtime FILE` with a prebuilt one"
    )]
    NoRuntime(String),
    /// The change set would import resources that are not ours.
    #[error(
        "these resources exist already and do not belong to this environment:{}\n  the stack is unchanged: rename the \
         pipeline or the environment; or, if an earlier deployment of this environment left them, tag them with {tags}",
        listed(.foreign)
    )]
    ForeignImports {
        /// Each resource, with its tags.
        foreign: Vec<String>,
        /// The tags of this environment.
        tags: String,
    },
    /// The key of retained data is left from an earlier stack.
    #[error(
        "{alias} is the key of an earlier stack, which encrypts the data that was retained: a new stack would make a key of \
         its own, and could not read that data\n  the stack is unchanged: to keep the data, import the key into a new stack \
         as `Key` first (docs/deploy.md, `A key of an earlier stack`); to delete the data and the key, run \
         `fanggen destroy --env {environment} --delete-data`"
    )]
    KeyOfEarlierStack {
        /// The alias of the key.
        alias: String,
        /// The environment.
        environment: String,
    },
    /// Data would be lost.
    #[error("this would replace or delete data:{}\n  the stack is unchanged; to lose this data, add {}", .0.list(), .0.flags())]
    DataLoss(DataLosses),
    /// The user declined the changes.
    #[error("the stack is unchanged")]
    Declined,
    /// The user confirmed the stack and declined its items.
    #[error("the rows of this table are unchanged")]
    DeclinedItems,
    /// There is no terminal for a prompt.
    #[error("there is no terminal to ask on: nothing was changed\n  add `--yes` to go on without a prompt")]
    NoTerminal,
    /// CloudFormation could not create the change set.
    #[error("CloudFormation cannot make these changes: {reason}{help}")]
    NoChangeSet {
        /// CloudFormation's reason.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A saved change set does not exist.
    #[error(
        "there is no change set `{name}` of stack `{stack}`: it never existed, or a later change of the stack deleted \
         it\n  create one with `fanggen plan --env {environment} --save`"
    )]
    NoSuchChangeSet {
        /// The change set.
        name: String,
        /// The stack.
        stack: String,
        /// The environment.
        environment: String,
    },
    /// A saved change set is out of date.
    #[error(
        "the change set `{name}` was not applied: {reason}\n  create a new one with `fanggen plan --env {environment} --save`"
    )]
    Outdated {
        /// The change set.
        name: String,
        /// What has changed.
        reason: String,
        /// The environment.
        environment: String,
    },
    /// An operation of CloudFormation failed.
    #[error("{0}")]
    Failed(Box<FailedOperation>),
    /// A stack that was complete once is in the state of a failed creation.
    #[error(
        "stack `{stack}` is in {status} but was complete before, so it is not cleaned up automatically\n  look at it in the \
         CloudFormation console, or run `fanggen destroy --env {environment}`"
    )]
    WasComplete {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// The environment.
        environment: String,
    },
    /// The state of the stack allows no plan.
    #[error(
        "stack `{stack}` is in {status}: changes to it cannot be planned\n  run `fanggen apply --env {environment}`, which \
         resolves that first"
    )]
    NotPlannable {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// The environment.
        environment: String,
    },
    /// The state of the stack allows no changes.
    #[error(
        "stack `{stack}` is in {status}: CloudFormation accepts no changes to it{}\n  see its events in the CloudFormation \
         console, resolve that there, then run the same command again", because(.reason)
    )]
    Unchangeable {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// Why, where CloudFormation says so.
        reason: Option<String>,
    },
    /// A failed rollback, and no terminal to ask whether to continue it.
    #[error(
        "the rollback of stack `{stack}` failed{reason}: the stack is unchanged\n  fix the cause, then continue it with \
         `fanggen apply --env {environment} --yes`"
    )]
    RollbackFailed {
        /// The stack.
        stack: String,
        /// Why, in brackets, where CloudFormation says so.
        reason: String,
        /// The environment.
        environment: String,
    },
    /// An update failed, and was not rolled back.
    #[error(
        "an update of stack `{stack}` failed{reason} and was not rolled back: the stack is partly updated\n  fix the cause, \
         then roll it back with `fanggen apply --env {environment} --yes`"
    )]
    UpdateFailed {
        /// The stack.
        stack: String,
        /// Why, in brackets, where CloudFormation says so.
        reason: String,
        /// The environment.
        environment: String,
    },
    /// The last deletion of the stack failed.
    #[error("the last deletion of stack `{stack}` failed{}\n  run `fanggen destroy --env {environment}` first", because(.reason))]
    DeleteFailed {
        /// The stack.
        stack: String,
        /// Why, where CloudFormation says so.
        reason: Option<String>,
        /// The environment.
        environment: String,
    },
    /// Interrupted before anything was changed.
    #[error("interrupted: the stack is unchanged")]
    Interrupted,
    /// Interrupted during an operation of CloudFormation.
    #[error(
        "interrupted: CloudFormation continues to work on stack `{0}`\n  `fanggen status` shows its state; the same command \
         waits for it to finish"
    )]
    WaitInterrupted(String),
    /// Interrupted between two steps.
    #[error("interrupted: {0}\n  run the same command again to continue")]
    InterruptedBetweenSteps(&'static str),
    /// A file on this machine cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Disk {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Nothing is deployed.
    #[error(transparent)]
    NotDeployed(#[from] NotDeployed),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  - {line}")).collect()
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(": {}", reason.trim())).unwrap_or_default()
}

/// Data that would be lost: the logical id of each resource, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLosses(pub Vec<(String, String)>);

impl DataLosses {
    fn list(&self) -> String {
        self.0.iter().map(|(id, what)| format!("\n  {id}: {what}")).collect()
    }

    fn flags(&self) -> String {
        let flags: Vec<String> = self.0.iter().map(|(id, _)| format!("`--replace {id}`")).collect();
        flags.join(" ")
    }
}

/// An operation of CloudFormation that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedOperation {
    /// The stack.
    pub stack: String,
    /// Its status now.
    pub status: String,
    /// The root cause.
    pub cause: Option<StackEvent>,
    /// What asked for the resource: its path and line in the pipeline's file, once the command has looked that up.
    pub asked: Option<String>,
    /// The path in the pipeline's file.
    pub path: Option<String>,
    /// The next command.
    pub next: String,
}

impl fmt::Display for FailedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stack `{}` is in {}", self.stack, self.status)?;
        if let Some(cause) = &self.cause {
            write!(
                f,
                "\n  cause: {} ({}): {}",
                cause.resource,
                cause.kind,
                cause.reason.as_deref().unwrap_or(&cause.status)
            )?;
        }
        if let Some(asked) = self.asked.as_ref().or(self.path.as_ref()) {
            write!(f, "\n  declared by {asked}")?;
        }
        write!(f, "\n  {}", self.next)
    }
}
