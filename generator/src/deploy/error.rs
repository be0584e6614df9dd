//! Why a deployment stopped: what was found, and the next command.

use std::fmt;

use super::aws::bucket::BucketError;
use super::aws::call::CallError;
use super::events::Event;
use super::items::MemoryError;
use super::lock::LockError;
use super::start::StartError;

/// Why a deployment stopped.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The bucket of artifacts.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What was applied last to the items.
    #[error("`s3://{place}`: {error}")]
    Memory {
        /// The bucket and the key.
        place: String,
        /// What is wrong with it.
        error: MemoryError,
    },
    /// The first run.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A table that should be there.
    #[error("the table `{table}` is not there\n  run `fanggen drift --env {environment}` to see what else is missing")]
    NoTable {
        /// The table.
        table: String,
        /// The environment.
        environment: String,
    },
    /// Data that is to outlive its stack.
    #[error(
        "environment `{0}` retains its data (`[data] retain`, or the stack is protected): nothing was touched\n  to delete it with its data: `fanggen destroy --env {0} --delete-data`"
    )]
    Retained(String),
    /// Resources that are there after they were deleted.
    #[error("the stack is gone, but this is still there:{}\n  run the same command again in a minute; what is there then, somebody else made", listed(.0))]
    StillThere(Vec<String>),
    /// Stacks that use the bucket of artifacts.
    #[error("the bucket of artifacts `{bucket}` is still used by:{}\n  it was left as it is; destroy these first", listed(.stacks))]
    InUse {
        /// The bucket.
        bucket: String,
        /// The stacks.
        stacks: Vec<String>,
    },
    /// The bucket went away under an apply.
    #[error(
        "the bucket of artifacts `{0}` was removed in between: the stack is as it was\n  run the same command again"
    )]
    NoBucket(String),
    /// The lock was lost on the way.
    #[error(
        "the lock of stack `{0}` was lost, for want of a renewal: somebody else may be at work\n  `fanggen status` says who; run the same command again to go on"
    )]
    LockLost(String),
    /// Somebody else wrote the memory of the items in between.
    #[error("somebody else has applied items in between\n  run the same command again")]
    Overtaken,
    /// The caller is not who the file asks for.
    #[error(
        "the credentials are those of account {found}, and `[aws] account` says {wanted}: nothing was touched\n  use other \
         credentials ({caller}), or another environment"
    )]
    WrongAccount {
        /// The account of the credentials.
        found: String,
        /// The account of the file.
        wanted: String,
        /// The caller.
        caller: String,
    },
    /// The stack's name is somebody else's.
    #[error(
        "there is a stack `{0}` in this account and region that is not of this pipeline and environment (its tags \
         `fanggen:pipeline` and `fanggen:environment` say so): it was not touched\n  rename the pipeline or the environment"
    )]
    Foreign(String),
    /// Nothing to run was built.
    #[error(
        "there is no runtime to deploy: {0}\n  run `fanggen build`, or `fanggen build --runtime FILE` with a ready one"
    )]
    NoRuntime(String),
    /// Data would be lost.
    #[error("this would {} data:{}\n  the stack is as it was; if that is what you want, add {}", .0.verb(), .0.list(), .0.flags())]
    DataLoss(Losses),
    /// Someone said no.
    #[error("the stack is as it was")]
    Declined,
    /// Someone said yes to the stack, and no to its items.
    #[error("the stack is done; rows that were not agreed to are as they were")]
    DeclinedItems,
    /// Nobody was there to say yes.
    #[error("there is no terminal to ask on: the stack is as it was\n  say yes with `--yes`")]
    NobodyToAsk,
    /// The change set could not be made.
    #[error("CloudFormation cannot make these changes: {reason}{help}")]
    NoChangeSet {
        /// CloudFormation's reason.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A saved change set is not there.
    #[error(
        "there is no change set `{name}` of stack `{stack}`: it never was, or the stack has changed since, which removes \
         it\n  make one with `fanggen plan --env {environment} --save`"
    )]
    NoSuchChangeSet {
        /// The change set.
        name: String,
        /// The stack.
        stack: String,
        /// The environment.
        environment: String,
    },
    /// A saved change set is not what would be made now.
    #[error(
        "the change set `{name}` was not carried out: {reason}\n  make a new one with `fanggen plan --env {environment} --save`"
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
    Failed(Box<Failed>),
    /// A stack that was whole once stands as if it never had been.
    #[error(
        "stack `{stack}` is in {status}, though it once was whole: it is not cleaned up by itself\n  look at it in the CloudFormation console, or run `fanggen destroy --env {environment}`"
    )]
    WasWhole {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// The environment.
        environment: String,
    },
    /// A look at a stack that is not at rest.
    #[error(
        "stack `{stack}` is in {status}, and nothing can be planned on it\n  run `fanggen apply --env {environment}`, which brings it to rest first"
    )]
    NotNow {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// The environment.
        environment: String,
    },
    /// A stack in a state that takes no changes.
    #[error(
        "stack `{stack}` is in {status}, and CloudFormation takes no changes to it{}\n  {}", because(.reason), to_rest(.stack, .status)
    )]
    Unchangeable {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// Why, where CloudFormation says so.
        reason: Option<String>,
    },
    /// A rollback that failed, and nobody to say whether it is to be continued.
    #[error(
        "a rollback of stack `{stack}` failed{reason}: the stack is as it was\n  mend the cause, then continue it with `fanggen apply --env {environment} --yes`"
    )]
    RollbackStuck {
        /// The stack.
        stack: String,
        /// Why, in brackets, where CloudFormation says so.
        reason: String,
        /// The environment.
        environment: String,
    },
    /// A deletion did not go through.
    #[error("stack `{stack}` could not be deleted the last time{}\n  run `fanggen destroy --env {environment}` first", because(.reason))]
    DeletionStuck {
        /// The stack.
        stack: String,
        /// Why, where CloudFormation says so.
        reason: Option<String>,
        /// The environment.
        environment: String,
    },
    /// Interrupted before anything was changed.
    #[error("interrupted: the stack is as it was")]
    Interrupted,
    /// Interrupted while CloudFormation was at work.
    #[error(
        "interrupted: CloudFormation goes on with stack `{0}` by itself\n  `fanggen status` says how far it is; the same command again follows it to its end"
    )]
    Left(String),
    /// Interrupted between two steps.
    #[error("interrupted: {0}\n  run the same command again to go on")]
    Halfway(&'static str),
    /// A file of this machine.
    #[error("`{path}` cannot be read: {source}")]
    Disk {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing is deployed.
    #[error(
        "there is no stack `{stack}` in {region} of account {account}\n  make it with `fanggen apply --env {environment}`"
    )]
    NoStack {
        /// The stack.
        stack: String,
        /// The region.
        region: String,
        /// The account.
        account: String,
        /// The environment.
        environment: String,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  - {line}")).collect()
}

/// What brings a stack out of a state that takes no changes.
fn to_rest(stack: &str, status: &str) -> String {
    if status == "UPDATE_FAILED" {
        // Only for stacks that somebody changed with rollback switched off.
        format!(
            "go back with `aws cloudformation rollback-stack --stack-name {stack}`, then run the same command again"
        )
    } else {
        "look at its events in the CloudFormation console, bring it to rest there, then run the same command again"
            .into()
    }
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(": {}", reason.trim())).unwrap_or_default()
}

/// Data that would be lost: what, and by its name within the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losses(pub Vec<(String, String)>);

impl Losses {
    fn verb(&self) -> &'static str {
        "replace or delete"
    }

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
pub struct Failed {
    /// The stack.
    pub stack: String,
    /// Where it stands now.
    pub status: String,
    /// The first real cause.
    pub cause: Option<Event>,
    /// What asked for the resource, in the pipeline's file: its path, and its place once somebody has found it.
    pub asked: Option<String>,
    /// The path of it.
    pub path: Option<String>,
    /// The next command.
    pub next: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stack `{}` is in {}", self.stack, self.status)?;
        if let Some(cause) = &self.cause {
            write!(
                f,
                "\n  first cause: {} ({}): {}",
                cause.resource,
                cause.kind,
                cause.reason.as_deref().unwrap_or(&cause.status)
            )?;
        }
        if let Some(asked) = self.asked.as_ref().or(self.path.as_ref()) {
            write!(f, "\n  asked for by {asked}")?;
        }
        write!(f, "\n  {}", self.next)
    }
}
