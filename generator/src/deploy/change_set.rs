//! What would change: a change set of CloudFormation, and the same in the pipeline's words.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::aws::call::CallError;
use super::aws::stack::{Body, ChangeSet, Draft, INLINE_BYTES};
use super::deployment::{Deployment, SETS};
use super::diff::{Changes, Danger, Fate, Side, compare};
use super::error::{DeployError, Losses};
use super::pending_sets::Mark;
use super::stack_state::{ARTIFACT_BUCKET, ARTIFACT_KEY, Described, Standing};

/// Milliseconds between two looks at a change set that is being made.
const LOOK_MS: u64 = 250;
/// Looks in a row for which a change set that was just asked for may not be seen yet.
const ABSENT_LOOKS: u32 = 20;

/// A runtime on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Its zip.
    pub path: PathBuf,
    /// Its key in the bucket of artifacts: a hash of its content.
    pub key: String,
}

impl Runtime {
    /// The runtime of an instruction set, by the hash of its zip.
    #[must_use]
    pub fn new(path: PathBuf, architecture: &str, sha256: &str) -> Self {
        Self { path, key: format!("runtime/{architecture}/{sha256}.zip") }
    }
}

/// Changes that could be made.
#[derive(Debug)]
pub struct Proposal {
    /// CloudFormation's change set.
    pub set: ChangeSet,
    /// What it means.
    pub changes: Changes,
    /// That it is there, and neither carried out nor removed; none for one that was saved.
    pub mark: Option<Mark>,
}

/// What a change set says of itself: what it was made from, so that a stack that has moved since is seen.
fn origin(sha: &str, found: Option<&Described>) -> String {
    let from = found.filter(|found| found.standing() != Standing::Shell).map_or_else(
        || "nothing".to_owned(),
        |found| {
            let at = found.updated.or(found.created).map(|at| at.to_string()).unwrap_or_default();
            format!("{} of {at}", found.id.rsplit('/').next().unwrap_or_default())
        },
    );
    format!("fanggen: {sha} from {from}")
}

impl Deployment<'_> {
    /// The key of the runtime to deploy: that of this machine, or the one that is deployed already.
    #[must_use]
    pub fn runtime_key(&self, runtime: Option<&Runtime>, found: Option<&Described>) -> Option<String> {
        let deployed = || {
            let key = found?.parameters.get(ARTIFACT_KEY)?;
            // That of another instruction set does not run.
            key.contains(&format!("/{}/", self.generated.manifest.architecture)).then(|| key.clone())
        };
        runtime.map(|runtime| runtime.key.clone()).or_else(deployed)
    }

    /// Uploads a runtime, unless it is there.
    ///
    /// # Errors
    /// A file that cannot be read, and failed calls.
    pub async fn upload(&self, runtime: &Runtime) -> Result<(), DeployError> {
        let disk = |source| DeployError::Disk { path: runtime.path.display().to_string(), source };
        let bytes = fs::read(&runtime.path).map_err(disk)?;
        if self.bucket.holds(&runtime.key, &bytes).await? {
            return Ok(());
        }
        self.audience.say(&format!("uploading the runtime ({:.1} MB)", bytes.len() as f64 / 1e6));
        Ok(self.bucket.put(&runtime.key, bytes).await?)
    }

    /// A new name for a change set.
    #[must_use]
    pub fn set_name(&self, what: &str) -> String {
        let now = jiff::Timestamp::now().as_millisecond();
        let sha: String = self.generated.manifest.render_sha.chars().take(8).collect();
        format!("{SETS}{what}-{sha}-{now:x}")
    }

    /// Asks CloudFormation what would change; nothing if nothing would.
    ///
    /// # Errors
    /// What CloudFormation refuses, an interruption, failed calls. No change set is left behind.
    pub async fn propose(
        &self,
        name: &str,
        found: Option<&Described>,
        key: &str,
        express: bool,
    ) -> Result<Option<Proposal>, DeployError> {
        let settled = found.filter(|found| found.standing() != Standing::Shell);
        let parameters = BTreeMap::from([
            (ARTIFACT_BUCKET.to_owned(), self.bucket.name.clone()),
            (ARTIFACT_KEY.to_owned(), key.to_owned()),
        ]);
        let draft = Draft {
            name,
            description: &origin(&self.generated.manifest.render_sha, found),
            body: self.body().await?,
            parameters: &parameters,
            tags: &self.tags(),
            creates: settled.is_none(),
            express,
        };
        self.remove_left_sets().await?;
        let mark = self.set_mark(name)?;
        if let Err(error) = self.draft(draft, found).await {
            // A plain no leaves nothing that would have to be removed.
            if matches!(error, DeployError::Unchangeable { .. } | DeployError::Call(CallError::Denied { .. })) {
                mark.erase();
            }
            return Err(error);
        }
        match self.proposed(name, settled).await {
            Ok(Some((set, changes))) => Ok(Some(Proposal { set, changes, mark: Some(mark) })),
            other => {
                let gone = self.discard(name).await;
                if gone.is_ok() {
                    mark.erase();
                }
                // Why there is no proposal matters more than why its rest cannot be removed.
                other.and_then(|_| gone.map(|()| None))
            }
        }
    }

    /// What became of a change set that was asked for, and what it means.
    async fn proposed(
        &self,
        name: &str,
        settled: Option<&Described>,
    ) -> Result<Option<(ChangeSet, Changes)>, DeployError> {
        let set = self.thought_over(name).await?;
        if set.empty() {
            return Ok(None);
        }
        if !set.ready() {
            return Err(self.refused(&set).await);
        }
        let changes = self.explain(&set, settled, &self.generated.template).await?;
        Ok(Some((set, changes)))
    }

    /// Asks for a change set; without what this CloudFormation does not have, if it says so.
    async fn draft(&self, draft: Draft<'_>, found: Option<&Described>) -> Result<(), DeployError> {
        let asked = match self.stack.draft(&draft).await {
            Err(CallError::Refused { message, .. }) if draft.express && message.contains("eploymentConfig") => {
                self.audience.say("this CloudFormation has no express mode: it waits for resources to settle");
                self.stack.draft(&Draft { express: false, ..draft }).await
            }
            other => other,
        };
        asked.map_err(|error| self.not_taken(error, found))
    }

    /// A stack whose state takes no changes, in words that say what to do about it.
    fn not_taken(&self, error: CallError, found: Option<&Described>) -> DeployError {
        match (error, found) {
            (CallError::Refused { message, .. }, Some(found)) if message.contains("can not be updated") => {
                DeployError::Unchangeable {
                    stack: self.stack.name.clone(),
                    status: found.status.clone(),
                    reason: found.reason.clone(),
                }
            }
            (error, _) => error.into(),
        }
    }

    async fn body(&self) -> Result<Body, DeployError> {
        let template = &self.generated.template;
        if template.len() <= INLINE_BYTES {
            return Ok(Body::Inline(template.clone()));
        }
        self.ensure_bucket().await?;
        let hash: String = Sha256::digest(template).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("templates/{hash}.yaml");
        if !self.bucket.holds(&key, template.as_bytes()).await? {
            self.bucket.put(&key, template.clone().into_bytes()).await?;
        }
        Ok(Body::At(self.bucket.address(&key)))
    }

    /// Waits until CloudFormation has made up its mind.
    async fn thought_over(&self, name: &str) -> Result<ChangeSet, DeployError> {
        let mut absent = 0;
        loop {
            match self.stack.change_set(name).await? {
                Some(set) if !set.pending() => return Ok(set),
                Some(_) => absent = 0,
                None if absent >= ABSENT_LOOKS => {
                    let reason = "somebody has removed the change set".to_owned();
                    return Err(DeployError::NoChangeSet { reason, help: "\n  run the same command again".to_owned() });
                }
                None => absent += 1,
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
                () = self.interrupt.wait() => return Err(DeployError::Interrupted),
            }
        }
    }

    /// A change set in the pipeline's words.
    async fn explain(
        &self,
        set: &ChangeSet,
        settled: Option<&Described>,
        template: &str,
    ) -> Result<Changes, DeployError> {
        let deployed = match settled {
            Some(_) => Some(self.stack.template().await?),
            None => None,
        };
        let before = deployed.as_deref().zip(settled);
        let before = before.map(|(template, stack)| Side { template, parameters: &stack.parameters });
        let after = Side { template, parameters: &set.parameters };
        compare(before, after, &set.listed, &self.generated.manifest, self.caller)
            .map_err(|error| DeployError::Other(error.to_string()))
    }

    /// A change set that was saved, if it still is what it was.
    ///
    /// # Errors
    /// A change set that is gone, or of another stack than there is now; failed calls.
    pub async fn saved(&self, name: &str, found: Option<&Described>) -> Result<Proposal, DeployError> {
        let set = self.stack.change_set(name).await?.ok_or_else(|| DeployError::NoSuchChangeSet {
            name: name.to_owned(),
            stack: self.stack.name.clone(),
            environment: self.environment().to_owned(),
        })?;
        let outdated = |reason: &str| DeployError::Outdated {
            name: name.to_owned(),
            reason: reason.to_owned(),
            environment: self.environment().to_owned(),
        };
        if set.execution == "OBSOLETE" {
            return Err(outdated("the stack has changed since it was made"));
        }
        if set.execution == "EXECUTE_COMPLETE" {
            return Err(outdated("it was carried out before"));
        }
        if !set.ready() {
            return Err(outdated(&format!("it is in {}, {}", set.status, set.execution)));
        }
        let now = origin(&self.generated.manifest.render_sha, found);
        if set.description != now {
            let render = |text: &str| text.split(" from ").next().map(str::to_owned);
            return Err(outdated(if render(&set.description) == render(&now) {
                "the stack has changed since it was made"
            } else {
                "it was made of another `pipeline.toml` than the one that is rendered"
            }));
        }
        let settled = found.filter(|found| found.standing() != Standing::Shell);
        let changes = self.explain(&set, settled, &self.generated.template).await?;
        Ok(Proposal { set, changes, mark: None })
    }

    /// A change set that CloudFormation would not make: why, and what helps.
    async fn refused(&self, set: &ChangeSet) -> DeployError {
        let mut reason = set.reason.clone().unwrap_or_else(|| format!("{}, without a reason", set.status));
        let environment = self.environment();
        let help = if reason.contains("already exist in your account") || reason.contains("already exists") {
            self.in_the_way()
        } else if reason.contains("DescribeEvents") {
            // A service that has no such answer, or a caller who may not ask: the reason stands for itself.
            for finding in self.stack.findings(&self.stack.name, Some(&set.name)).await.unwrap_or_default() {
                let asked = self.generated.manifest.resources.get(&finding.resource);
                let asked = asked.map(|resource| format!(", asked for by `{}`", resource.path)).unwrap_or_default();
                reason += &format!("\n  - {}{asked}: {}", finding.resource, finding.reason.unwrap_or(finding.status));
            }
            let again = format!("\n  mend that, then run `fanggen apply --env {environment}` again");
            if reason.contains("already exists") { self.in_the_way() + &again } else { again }
        } else {
            String::new()
        };
        DeployError::NoChangeSet { reason, help }
    }

    /// Removes what was proposed.
    ///
    /// # Errors
    /// A failed call.
    pub async fn give_up(&self, proposal: Proposal) -> Result<(), DeployError> {
        self.discard(&proposal.set.name).await?;
        proposal.mark.into_iter().for_each(Mark::erase);
        Ok(())
    }

    /// What helps where something has a name of ours already.
    fn in_the_way(&self) -> String {
        let manifest = &self.generated.manifest;
        if !manifest.retain {
            return format!(
                "\n  something has these names already: if an earlier life of this environment left it, \
                 `fanggen destroy --env {} --delete-data` removes it; `[data] retain = true` takes it over",
                manifest.environment
            );
        }
        match manifest.account {
            None => {
                "\n  something has these names already: with `[aws] account` in the file the name of a bucket is a \
                     literal, and CloudFormation takes it over"
                    .to_owned()
            }
            Some(_) => "\n  something has these names already, and CloudFormation does not take it over: move it away"
                .to_owned(),
        }
    }

    /// Stops where data would be lost that nobody has given up by name.
    ///
    /// # Errors
    /// All such data at once.
    pub fn guard(changes: &Changes, given_up: &[String]) -> Result<(), DeployError> {
        let losses: Vec<(String, String)> = changes
            .dangers()
            .filter(|danger| !danger.kept && !given_up.contains(&danger.id))
            .map(|danger| (danger.id.clone(), lost(danger)))
            .collect();
        if losses.is_empty() { Ok(()) } else { Err(DeployError::DataLoss(Losses(losses))) }
    }
}

fn lost(danger: &Danger) -> String {
    let fate = match danger.fate {
        Fate::Deleted => "deleted",
        Fate::Replaced => "replaced by an empty one",
    };
    let name = danger.physical.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    format!("{}{name} would be {fate}, and its {} lost", danger.words, danger.holds)
}
