//! From a running environment to nothing: shown first, emptied, deleted, and looked for afterwards.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::count::Count;
use super::deployment::Deployment;
use super::doors::bucket::State;
use super::doors::contents::{Contents, Held};
use super::doors::logs::Logs;
use super::doors::table::Tables;
use super::error::DeployError;
use super::generated::{Manifest, Resource};
use super::remains::{self, Found};
use super::standing::{Described, Standing};

/// How often a deletion is tried whose buckets were written to in between.
const TRIES: usize = 3;
/// Seconds for which what was deleted may still be seen: SQS takes a minute to forget a queue
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>).
const SEEN_S: u64 = 90;
/// Milliseconds between two looks.
const LOOK_MS: u64 = 500;

const BUCKET: &str = "AWS::S3::Bucket";
const TABLE: &str = "AWS::DynamoDB::Table";
const LOGS: &str = "AWS::Logs::LogGroup";

/// What will go.
#[derive(Clone, Debug, Serialize)]
pub struct Doomed {
    /// The stack, where there is one.
    pub stack: Option<Described>,
    /// What is there, of what the stack has and the file asks for.
    pub resources: Vec<Doom>,
    #[serde(skip)]
    everything: Option<Manifest>,
}

/// One resource that will go.
#[derive(Clone, Debug, Serialize)]
pub struct Doom {
    /// The resource.
    #[serde(flatten)]
    pub found: Found,
    /// What it holds, in words, where that is worth a count.
    pub holds: Option<String>,
}

impl Doomed {
    /// Whether nothing is there.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.stack.is_none() && self.resources.is_empty()
    }
}

impl fmt::Display for Doomed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stack {
            Some(stack) => writeln!(f, "This will go, with all that it holds (the stack is in {}):", stack.status)?,
            None => writeln!(f, "There is no stack, but this is left of it, and will go:")?,
        }
        for Doom { found, holds } in &self.resources {
            let holds = holds.as_ref().map(|holds| format!("  \x1b[1;31m{holds}\x1b[0m")).unwrap_or_default();
            writeln!(f, "  - {found}{holds}")?;
        }
        Ok(())
    }
}

impl Deployment<'_> {
    /// What a destroy would take away; data that is retained is refused, unless it is given up.
    ///
    /// # Errors
    /// Data that is retained, and failed calls.
    pub async fn doomed(&self, delete_data: bool) -> Result<Doomed, DeployError> {
        let stack = self.find().await?;
        let retained = self.generated.manifest.retain || stack.as_ref().is_some_and(|stack| stack.protected);
        if retained && !delete_data {
            return Err(DeployError::Retained(self.environment().to_owned()));
        }
        let mut everything = self.generated.manifest.clone();
        if stack.is_some() {
            self.deployed_too(&mut everything).await?;
        }
        let mut resources = Vec::new();
        for found in remains::look(&everything, self.caller, self.account).await? {
            if found.there {
                resources.push(Doom { holds: self.holds(&found).await?, found });
            }
        }
        Ok(Doomed { stack, resources, everything: Some(everything) })
    }

    /// Adds what the stack has and the file no longer asks for.
    async fn deployed_too(&self, manifest: &mut Manifest) -> Result<(), DeployError> {
        for resource in self.stack.resources().await? {
            let Some(physical) = resource.physical.filter(|_| !resource.status.starts_with("DELETE_COMPLETE")) else {
                continue;
            };
            // The physical id of a queue is its address, which ends in its name.
            let name = physical.rsplit('/').next().filter(|_| resource.kind == "AWS::SQS::Queue");
            let name = Some(Value::String(name.unwrap_or(&physical).to_owned()));
            let path = || format!("stack {}", self.stack.name);
            manifest.resources.entry(resource.resource).or_insert_with(|| Resource {
                kind: resource.kind,
                name,
                path: path(),
            });
        }
        Ok(())
    }

    async fn holds(&self, found: &Found) -> Result<Option<String>, DeployError> {
        Ok(match found.kind.as_str() {
            BUCKET => {
                let held = Contents::open(self.account, &self.caller.account).count(&found.name).await?;
                held.filter(|held| !held.versions.is_none())
                    .map(|Held { objects, versions }| format!("{objects} objects, {versions} versions"))
            }
            TABLE => {
                let rows: Option<Count> = Tables::open(self.account).count(&found.name).await?;
                rows.filter(|rows| !rows.is_none()).map(|rows| format!("{rows} rows"))
            }
            _ => None,
        })
    }

    /// Takes everything away, and looks whether it is gone. The lock is held by the caller, where there is a bucket for it.
    ///
    /// # Errors
    /// A deletion that fails, what is left, an interruption, failed calls; the same command again goes on.
    pub async fn destroy(&self, doomed: &Doomed) -> Result<(), DeployError> {
        let everything = doomed.everything.as_ref().unwrap_or(&self.generated.manifest);
        let mut tries = 0;
        while let Some(stack) = self.find().await? {
            match stack.standing() {
                Standing::Absent => break,
                Standing::Moving | Standing::Going => {
                    self.audience.say(&format!("stack `{}` is in {}: following it", self.stack.name, stack.status));
                    self.watch("what is at work already", 0, &stack.id, None).await?;
                    continue;
                }
                _ => {}
            }
            self.stop_if_interrupted()?;
            self.empty_buckets(everything).await?;
            if stack.protected {
                self.stack.protect(false).await?;
            }
            let count = everything.resources.len();
            let mark = self.mark(&stack.id).await?;
            self.stack.delete(&stack.id).await?;
            let ended = self.watch("deleting", count, &stack.id, mark.as_deref()).await?;
            tries += 1;
            if !ended.well() && tries >= TRIES {
                let next = format!("mend the cause, then run `fanggen destroy --env {}` again", self.environment());
                return Err(self.failed(&ended, &next));
            }
        }
        self.stop_if_interrupted()?;
        self.gone(everything).await?;
        for key in [self.memory_key(), self.user_key()] {
            self.bucket.remove(&key).await?;
        }
        Ok(())
    }

    fn stop_if_interrupted(&self) -> Result<(), DeployError> {
        let words = "what is gone is gone, the rest is as it was";
        if self.interrupt.raised() { Err(DeployError::Halfway(words)) } else { Ok(()) }
    }

    /// CloudFormation deletes only empty buckets.
    async fn empty_buckets(&self, everything: &Manifest) -> Result<(), DeployError> {
        let contents = Contents::open(self.account, &self.caller.account);
        for (_, bucket) in everything.named(BUCKET, self.caller) {
            self.audience.begin(&format!("emptying {bucket}"), 0);
            let mut told = |gone: u64| self.audience.progress(&format!("emptying {bucket}"), gone, gone);
            let emptied = contents.empty(&bucket, &mut told).await;
            self.audience.end();
            emptied?;
        }
        Ok(())
    }

    /// Looks until nothing is left, and deletes what outlives its stack and was given up: by a deletion policy, by an
    /// earlier life, or because a function that was still at work wrote a last line of its log.
    async fn gone(&self, everything: &Manifest) -> Result<(), DeployError> {
        let start = Instant::now();
        loop {
            let left: Vec<Found> = remains::look(everything, self.caller, self.account).await?;
            let left: Vec<Found> = left.into_iter().filter(|found| found.there).collect();
            if left.is_empty() {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(SEEN_S) {
                return Err(DeployError::StillThere(left.iter().map(ToString::to_string).collect()));
            }
            for found in &left {
                self.retained(found).await?;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
                () = self.interrupt.wait() => return Err(DeployError::Halfway("the stack is gone, what it left is not")),
            }
        }
    }

    /// Deletes what CloudFormation has let go of.
    async fn retained(&self, found: &Found) -> Result<(), DeployError> {
        match found.kind.as_str() {
            TABLE => Tables::open(self.account).delete(&found.name).await?,
            LOGS => Logs::open(self.account).delete(&found.name).await?,
            BUCKET => {
                let contents = Contents::open(self.account, &self.caller.account);
                contents.empty(&found.name, &mut |_| {}).await?;
                contents.delete(&found.name).await?;
            }
            // The others go with the stack, and are only seen for a while.
            _ => return Ok(()),
        }
        self.audience.say(&format!("deleted {found}"));
        Ok(())
    }

    /// Removes the bucket of artifacts, when no stack of ours uses it.
    ///
    /// # Errors
    /// A stack that uses it, and failed calls.
    pub async fn destroy_artifacts(&self) -> Result<(), DeployError> {
        if self.bucket.state().await? == State::Absent {
            return Ok(());
        }
        let mut users = Vec::new();
        for key in self.bucket.keys("stacks/").await? {
            let stack = key.trim_start_matches("stacks/").trim_end_matches(".json");
            if stack != self.stack.name {
                users.push(stack.to_owned());
            }
        }
        if !users.is_empty() {
            return Err(DeployError::InUse { bucket: self.bucket.name.clone(), stacks: users });
        }
        let contents = Contents::open(self.account, &self.caller.account);
        contents.empty(&self.bucket.name, &mut |_| {}).await?;
        contents.delete(&self.bucket.name).await?;
        self.audience.say(&format!("deleted the bucket of artifacts `{}`", self.bucket.name));
        Ok(())
    }

    /// Where it is noted that a stack uses the bucket of artifacts.
    pub(super) fn user_key(&self) -> String {
        format!("stacks/{}.json", self.stack.name)
    }
}
