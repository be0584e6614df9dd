//! `fanggen apply`: deploys what was rendered.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::GlobalArgs;
use super::aws_session::{AwsSession, with_location};
use super::block_on::block_on;
use super::build::compile;
use super::desired_items;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, print, to_json};
use super::pipeline_file::PipelineFile;
use super::rendered::Rendered;
use crate::artifact;
use crate::config::mistake::Severity;
use crate::deploy::apply::{Applied, Order, Outcome};
use crate::deploy::change_set::Runtime;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::items::files::Files;
use crate::deploy::seed::{Contents, Filled, Filling};
use crate::deploy::stack_state::Described;
use crate::render::disk;

/// Deploy what was rendered
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen render && fanggen apply          deploy the default environment: show the changes, ask, apply
  fanggen apply --env prod --yes           without a prompt, for CI
  fanggen plan --env prod --save           save a change set, and after a review apply exactly that:
  fanggen apply --env prod --change-set fanggen-saved-..

Exit codes: 0 done or nothing to do, 1 stopped. The message says in which state the stack is and what to run next.")]
pub struct ApplyArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Answer yes to every prompt
    #[arg(short, long)]
    yes: bool,
    /// Use CloudFormation's express mode, which does not wait for resources to stabilize: faster, for development
    #[arg(long)]
    express: bool,
    /// Return as soon as CloudFormation has started; the next apply continues from there
    #[arg(long)]
    no_wait: bool,
    /// Do not write items
    #[arg(long, conflicts_with_all = ["prune", "only"])]
    no_items: bool,
    /// Also delete from the table the items that were removed from the file
    #[arg(long)]
    prune: bool,
    /// Do not start a run after the first apply
    #[arg(long)]
    no_run: bool,
    /// Render first
    #[arg(long)]
    render: bool,
    /// Allow this resource to be replaced or deleted, and its data to be lost (can be repeated)
    #[arg(long, value_name = "LOGICAL_ID")]
    replace: Vec<String>,
    /// Apply exactly this change set, created by `fanggen plan --save`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["render", "express"])]
    change_set: Option<String>,
    /// Do only one part
    #[arg(long, value_name = "PART", conflicts_with_all = ["express", "no_wait", "replace", "change_set"])]
    only: Option<ApplyPart>,
    /// The folder for generated files [default: `generated` beside the file]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ApplyPart {
    /// The artifact bucket of this account and region
    Bucket,
    /// The items of the file, in an existing stack
    Items,
}

impl ApplyArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = PipelineFile::load(global, Severity::Warning)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&file, global, self.out.clone())?;
        if rendered.is_stale(&environment) {
            if !self.render {
                return Err(CommandError::Stale(rendered.folder.join(&environment)));
            }
            disk::write(&rendered.changes)?;
            message(&format!("rendered into {}", rendered.folder.display()));
        }
        let value = block_on(self.apply(&file, &environment, &rendered, global))??;
        if global.json {
            print(&to_json(&value));
        }
        Ok(())
    }

    async fn apply(
        &self,
        file: &PipelineFile,
        environment: &str,
        rendered: &Rendered,
        global: &GlobalArgs,
    ) -> Result<serde_json::Value, CommandError> {
        let session = AwsSession::open(file, environment, rendered).await?;
        let deployment = session.deployment(self.yes, global.json)?;
        if self.only == Some(ApplyPart::Bucket) {
            return create_bucket(&deployment).await;
        }
        let filling = Filling {
            wanted: if self.no_items { Contents::new() } else { desired_items::rows(file, &deployment).await? },
            files: if self.no_items { Files::new() } else { desired_items::files(file, &deployment)? },
            prune: self.prune,
            run: !self.no_run && !self.no_items && self.only.is_none(),
            agreed: false,
        };
        let done = self.all(&deployment, file, &filling).await;
        let (applied, filled) = done.map_err(|error| with_location(error, file, environment))?;
        report(&applied, &deployment, filled.is_some());
        filled.as_ref().inspect(|filled| report_items(filled));
        Ok(json!({ "stack": applied, "items": filled }))
    }

    /// The stack, the items, the first run. The lock is taken only if there is something to do.
    async fn all(
        &self,
        deployment: &Deployment<'_>,
        file: &PipelineFile,
        filling: &Filling,
    ) -> Result<(Applied, Option<Filled>), DeployError> {
        let found = match self.only {
            Some(_) => Some(deployment.found().await?),
            None => deployment.find().await?,
        };
        let (runtime, no_runtime) = match (self.only, &self.change_set) {
            // The runtime of a saved change set is in the bucket already.
            (Some(_), _) | (_, Some(_)) => (None, String::new()),
            (None, None) => runtime_to_deploy(file, deployment, found.as_ref(), true)?,
        };
        let order = Order {
            runtime: runtime.as_ref(),
            no_runtime,
            express: self.express,
            no_wait: self.no_wait,
            replace: &self.replace,
            saved: self.change_set.as_deref(),
        };
        let settled = self.only.is_some() || order.saved.is_none() && deployment.carried(found.as_ref(), order.runtime);
        if settled && let Some(stack) = &found {
            if self.only.is_none() {
                deployment.protect(stack).await?;
            }
            let applied = Applied::unchanged(stack.clone());
            deployment.remove_left("apply").await?;
            if self.no_items {
                return Ok((applied, None));
            }
            let known = deployment.remembered(&stack.id, filling).await?;
            if known.settled {
                if known.left {
                    message("items that were removed from the file are still in their table: `--prune` deletes them");
                }
                return Ok((applied, None));
            }
        } else if order.saved.is_none() && deployment.runtime_key(order.runtime, found.as_ref()).is_none() {
            return Err(DeployError::NoRuntime(order.no_runtime));
        }
        deployment.ensure_bucket().await?;
        let lock = deployment.lock("apply").await?;
        let done = self.locked(deployment, &order, filling).await;
        let released = lock.release().await;
        // A failed apply matters more than a lock that could not be released.
        let done = done?;
        released?;
        Ok(done)
    }

    /// What is done under the lock. The stack is read again: another apply may have changed it in between.
    async fn locked(
        &self,
        deployment: &Deployment<'_>,
        order: &Order<'_>,
        filling: &Filling,
    ) -> Result<(Applied, Option<Filled>), DeployError> {
        let applied = match self.only {
            Some(_) => Applied::unchanged(deployment.found().await?),
            None => deployment.apply_stack(deployment.find().await?, order).await?,
        };
        let Some(stack) = applied.stack.clone().filter(|_| applied.outcome != Outcome::Started && !self.no_items)
        else {
            return Ok((applied, None));
        };
        let known = deployment.remembered(&stack.id, filling).await?;
        if known.settled {
            return Ok((applied, None));
        }
        if deployment.interrupt.raised() {
            return Err(DeployError::Halfway("the stack is deployed, the items are not written"));
        }
        let agreed = applied.outcome != Outcome::Unchanged;
        let filled = deployment.fill(&stack, known, &Filling { agreed, ..filling.clone() }).await?;
        Ok((applied, Some(filled)))
    }
}

/// The runtime on this machine, or why there is none: the one that was built last; or, where `build` is set and nothing
/// is deployed yet, one that is built now. A deployed runtime stays where none was built here.
///
/// # Errors
/// A runtime that Lambda could not run.
pub fn runtime_to_deploy(
    file: &PipelineFile,
    deployment: &Deployment<'_>,
    found: Option<&Described>,
    build: bool,
) -> Result<(Option<Runtime>, String), DeployError> {
    let ready = || -> Result<_, CommandError> {
        let architecture = file.pipeline(deployment.environment())?.functions.architecture;
        let artifact = match artifact::artifact(&file.root, architecture)? {
            None if !build => return Ok(None),
            None if deployment.runtime_key(None, found).is_some() => {
                message("no runtime was built here: the deployed one stays");
                return Ok(None);
            }
            None => compile(file, architecture, None, None)?.artifact,
            Some(artifact) => artifact,
        };
        let runtime = Runtime::new(artifact.path.clone(), architecture.word(), &artifact.sha256);
        let deployed = deployment.runtime_key(None, found).as_ref() == Some(&runtime.key);
        let flaw = if deployed { None } else { artifact.check(architecture).err() };
        Ok(Some((runtime, flaw)))
    };
    match ready() {
        // It was built to be deployed: do not silently fall back to the deployed one.
        Ok(Some((_, Some(flaw)))) => Err(DeployError::NoRuntime(flaw.to_string())),
        Ok(runtime) => Ok((runtime.map(|(runtime, _)| runtime), String::new())),
        Err(error) => Ok((None, error.to_string())),
    }
}

async fn create_bucket(deployment: &Deployment<'_>) -> Result<serde_json::Value, CommandError> {
    let made = deployment.ensure_bucket().await?;
    let name = &deployment.bucket.name;
    message(&format!("{}ready{}: artifact bucket `{name}`", Style::SUCCESS, Style::END));
    Ok(json!({ "bucket": name, "made": made }))
}

/// Reports the items and the first run.
fn report_items(filled: &Filled) {
    for (table, agenda) in &filled.tables {
        message(&format!("items of table `{table}`: {agenda}"));
    }
    for file in &filled.files {
        message(&format!("uploaded `s3://{file}`"));
    }
    if let Some(run) = &filled.run {
        message(&format!(
            "started the first run, {}, with function `{}`: follow it in the log group `/aws/lambda/{}`",
            run.scheduled_time, run.function, run.function
        ));
    }
}

/// Reports the stack; `more` tells that items were written too.
fn report(applied: &Applied, deployment: &Deployment<'_>, more: bool) {
    let name = &deployment.stack.name;
    let (success, end) = (Style::SUCCESS, Style::END);
    match applied.outcome {
        Outcome::Unchanged if more => message(&format!("unchanged: stack `{name}` is up to date")),
        Outcome::Unchanged => message(&format!("{success}nothing to do{end}: stack `{name}` is up to date")),
        Outcome::Created => message(&format!("{success}created{end}: stack `{name}`")),
        Outcome::Updated => message(&format!("{success}updated{end}: stack `{name}`")),
        Outcome::Started => message(&format!(
            "started: CloudFormation is deploying stack `{name}`; `fanggen apply --env {}` waits for it, then writes the \
             items, starts the first run and sets the protection",
            deployment.environment()
        )),
    }
    if let Some(stack) = applied.stack.as_ref().filter(|_| applied.outcome != Outcome::Unchanged) {
        for (key, value) in stack.named() {
            message(&format!("  {key:<24} {value}"));
        }
    }
}
