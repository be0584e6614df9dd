//! From a running environment to nothing: shown first, emptied, deleted, and looked for afterwards.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::aws::bucket::State;
use super::aws::contents::{Contents, Held};
use super::aws::keys::Keys;
use super::aws::logs::Logs;
use super::aws::table::Tables;
use super::count::Count;
use super::deployment::Deployment;
use super::error::DeployError;
use super::generated::{Manifest, Resource};
use super::leftovers::{self, Found};
use super::stack_state::{Described, Standing};
use crate::resources::{self, dynamodb, kms, logs, s3};

/// How often a deletion is tried whose buckets were written to in between.
const TRIES: usize = 3;
/// Seconds for which what was deleted may still be seen: SQS takes a minute to forget a queue
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>).
const SEEN_S: u64 = 90;
/// Milliseconds between two looks.
const LOOK_MS: u64 = 500;

const BUCKET: &str = s3::BUCKET.name;
const KEY: &str = kms::ALIAS.name;
const TABLE: &str = dynamodb::TABLE.name;
const LOGS: &str = logs::LOG_GROUP.name;

/// What is noted in the bucket of artifacts of a stack that uses it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Note {
    /// Physical names of what it has, once a destroy has begun.
    names: BTreeSet<String>,
}

/// What will go.
#[derive(Clone, Debug, Serialize)]
pub struct Doomed {
    /// The stack, where there is one.
    pub stack: Option<Described>,
    /// What is there, of what the stack has and the file asks for.
    pub resources: Vec<Doom>,
    /// All that has a name of ours, with its physical name; whether it is of the stack.
    #[serde(skip)]
    everything: Option<Manifest>,
    /// Physical names of what the stack has.
    #[serde(skip)]
    managed: BTreeSet<String>,
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
        if retained && !delete_data && stack.is_some() {
            return Err(DeployError::Retained(self.environment().to_owned()));
        }
        let mut everything = self.generated.manifest.clone();
        let mut managed = if stack.is_some() { self.deployed_too(&mut everything).await? } else { BTreeSet::new() };
        // A destroy that was interrupted after the stack had gone wrote down what the stack had.
        let note = self.bucket.read(&self.user_key()).await?;
        let noted = note.and_then(|note| serde_json::from_str::<Note>(&note.text).ok()).unwrap_or_default();
        managed.extend(noted.names);
        let mut resources = Vec::new();
        for found in leftovers::look(&everything, self.caller, self.account).await? {
            if !found.there {
                continue;
            }
            if self.is_ours(&found, &managed).await? {
                resources.push(Doom { holds: self.holds(&found).await?, found });
            } else {
                self.audience
                    .say(&format!("note: {found} is not of this environment, as its tags say: it is left alone"));
                everything.resources.retain(|_, known| self.physical_of(known) != Some(found.name.clone()));
            }
        }
        if retained && !delete_data && !resources.is_empty() {
            return Err(DeployError::Retained(self.environment().to_owned()));
        }
        Ok(Doomed { stack, resources, everything: Some(everything), managed })
    }

    fn physical_of(&self, resource: &Resource) -> Option<String> {
        self.generated.manifest.physical(resource, self.caller)
    }

    /// Whether something is of this environment: of its stack, or marked so. What nobody can mark goes with the stack.
    async fn is_ours(&self, found: &Found, managed: &BTreeSet<String>) -> Result<bool, DeployError> {
        if managed.contains(&found.name) {
            return Ok(true);
        }
        let tags = match found.kind.as_str() {
            BUCKET => Contents::open(self.account, &self.caller.account).tags(&found.name).await?,
            TABLE => Tables::open(self.account).tags(&found.name).await?,
            LOGS => Logs::open(self.account).tags(&self.log_arn(&found.name)).await?,
            KEY => Keys::open(self.account).tags(&found.name).await?,
            _ => return Ok(true),
        };
        Ok(self.tags().iter().all(|(key, value)| tags.get(key) == Some(value)))
    }

    fn log_arn(&self, group: &str) -> String {
        let (partition, region) = (self.caller.partition(), &self.account.region);
        format!("arn:{partition}:logs:{region}:{}:log-group:{group}", self.caller.account)
    }

    /// Adds what the stack has and the file no longer asks for, or asks for under another name; gives the names of all
    /// that the stack has.
    async fn deployed_too(&self, manifest: &mut Manifest) -> Result<BTreeSet<String>, DeployError> {
        let mut managed = BTreeSet::new();
        for resource in self.stack.resources().await? {
            let Some(physical) = resource.physical.filter(|_| !resource.status.starts_with("DELETE_COMPLETE")) else {
                continue;
            };
            let card = resources::find(&resource.kind);
            let name = card.map_or(physical.as_str(), |card| card.name_in(&physical)).to_owned();
            managed.insert(name.clone());
            let known = manifest.resources.get(&resource.resource);
            if known.is_some_and(|known| known.name.is_none() || self.physical_of(known).as_ref() == Some(&name)) {
                continue;
            }
            let id = if known.is_some() { format!("{} (deployed)", resource.resource) } else { resource.resource };
            let path = known.map_or_else(|| format!("stack {}", self.stack.name), |known| known.path.clone());
            manifest.resources.insert(id, Resource { kind: resource.kind, name: Some(Value::String(name)), path });
        }
        Ok(managed)
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
            KEY => Some("can be called back for 30 days".to_owned()),
            _ => None,
        })
    }

    /// Takes everything away, and looks whether it is gone. The lock is held by the caller, where there is a bucket for it.
    ///
    /// # Errors
    /// A deletion that fails, what is left, an interruption, failed calls; the same command again goes on.
    pub async fn destroy(&self, doomed: &Doomed) -> Result<(), DeployError> {
        let everything = doomed.everything.as_ref().unwrap_or(&self.generated.manifest);
        if doomed.stack.is_some() && self.bucket.has(&self.user_key()).await? {
            let note = serde_json::to_vec(&Note { names: doomed.managed.clone() }).unwrap_or_default();
            self.bucket.put(&self.user_key(), note).await?;
        }
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
            self.holds_lock()?;
            self.empty_buckets(everything, &doomed.managed).await?;
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
    async fn empty_buckets(&self, everything: &Manifest, managed: &BTreeSet<String>) -> Result<(), DeployError> {
        let contents = Contents::open(self.account, &self.caller.account);
        for (_, bucket) in everything.named(BUCKET, self.caller).filter(|(_, bucket)| managed.contains(bucket)) {
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
        let mut start = Instant::now();
        loop {
            let left: Vec<Found> = leftovers::look(everything, self.caller, self.account).await?;
            let left: Vec<Found> = left.into_iter().filter(|found| found.there).collect();
            if left.is_empty() {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(SEEN_S) {
                return Err(DeployError::StillThere(left.iter().map(ToString::to_string).collect()));
            }
            for found in &left {
                self.stop_if_interrupted()?;
                if self.retained(found).await? {
                    // What was just deleted may be seen for as long again.
                    start = Instant::now();
                }
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
                () = self.interrupt.wait() => return Err(DeployError::Halfway("the stack is gone, what it left is not")),
            }
        }
    }

    /// Deletes what CloudFormation has let go of.
    async fn retained(&self, found: &Found) -> Result<bool, DeployError> {
        match found.kind.as_str() {
            TABLE => Tables::open(self.account).delete(&found.name).await?,
            LOGS => Logs::open(self.account).delete(&found.name).await?,
            KEY => Keys::open(self.account).delete(&found.name).await?,
            BUCKET => {
                let contents = Contents::open(self.account, &self.caller.account);
                contents.empty(&found.name, &mut |_| {}).await?;
                contents.delete(&found.name).await?;
            }
            // The others go with the stack, and are only seen for a while.
            _ => return Ok(false),
        }
        self.audience.say(&format!("deleted {found}"));
        Ok(true)
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
        for key in self.bucket.keys("locks/").await? {
            let stack = key.trim_start_matches("locks/").trim_end_matches(".json");
            if stack != self.stack.name && !users.iter().any(|user| user == stack) {
                users.push(format!("{stack}, where somebody is at work"));
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
