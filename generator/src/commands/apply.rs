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
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::artifact;
use crate::config::mistake::Severity;
use crate::deploy::apply::{AppliedStack, ApplyOptions, Outcome};
use crate::deploy::artifacts::{RuntimeZip, ensure_bucket, is_up_to_date, runtime_key};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::items::source_files::SourceFiles;
use crate::deploy::lock::DeployLock;
use crate::deploy::seed::{NO_ITEMS, SeedOptions, SeedResult, WantedTables};
use crate::deploy::stack_state::StackDescription;
use crate::metadata::FirstRun;
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
    /// Do not start a run after the first apply, nor after a later one
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
        let file = LoadedPipeline::load(global, Severity::Warning)?;
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
        file: &LoadedPipeline,
        environment: &str,
        rendered: &Rendered,
        global: &GlobalArgs,
    ) -> Result<serde_json::Value, CommandError> {
        let session = AwsSession::open(file, environment, rendered).await?;
        let deployment = session.deployment(self.yes, global.json)?;
        if self.only == Some(ApplyPart::Bucket) {
            return create_bucket(&deployment).await;
        }
        let options = SeedOptions {
            wanted: if self.no_items { WantedTables::new() } else { desired_items::rows(file, &deployment).await? },
            files: if self.no_items { SourceFiles::new() } else { desired_items::files(file, &deployment)? },
            prune: self.prune,
            run: !self.no_run,
            confirmed: false,
        };
        let done = self.all(&deployment, file, &options).await;
        let (applied, seeded) = done.map_err(|error| with_location(error, file, environment))?;
        report(&applied, &deployment, seeded.is_some());
        if let Some(warning) = deployment.regions().warning() {
            message(&format!("{}warning{}: {warning}", Style::WARNING, Style::END));
        }
        seeded.as_ref().inspect(|seeded| report_items(seeded, &deployment));
        if seeded.is_none() && applied.stack.as_ref().is_some_and(|stack| !stack.is_ready()) {
            message(&format!(
                "the schedule is not enabled yet: `fanggen apply --env {environment}` writes the items and enables it"
            ));
        }
        Ok(json!({ "stack": applied, "items": seeded }))
    }

    /// The stack, the items, the first run. The lock is taken only if there is something to do.
    async fn all(
        &self,
        deployment: &Deployment<'_>,
        file: &LoadedPipeline,
        seed_options: &SeedOptions,
    ) -> Result<(AppliedStack, Option<SeedResult>), DeployError> {
        let manifest = &deployment.generated.manifest;
        let found = match self.only {
            Some(_) => Some(deployment.stack().require(deployment.caller).await?),
            None => deployment.stack().find().await?,
        };
        let (runtime, no_runtime) = match (self.only, &self.change_set) {
            // The runtime of a saved change set is in the bucket already.
            (Some(_), _) | (_, Some(_)) => (None, String::new()),
            (None, None) => runtime_to_deploy(file, deployment, found.as_ref(), true)?,
        };
        let options = ApplyOptions {
            runtime: runtime.as_ref(),
            no_runtime,
            express: self.express,
            no_wait: self.no_wait,
            replace: &self.replace,
            saved: self.change_set.as_deref(),
        };
        let up_to_date =
            self.only.is_some() || options.saved.is_none() && is_up_to_date(manifest, options.runtime, found.as_ref());
        if up_to_date && let Some(stack) = &found {
            if self.only.is_none() {
                deployment.stack().protect_if_retained(stack).await?;
            }
            let applied = AppliedStack::unchanged(stack.clone());
            deployment.clean_up_abandoned("apply").await?;
            if self.no_items {
                return Ok((applied, None));
            }
            let state = deployment.seeder().load_state(Some(stack), seed_options).await?;
            if state.is_done {
                if state.has_removed_rows {
                    message("items that were removed from the file are still in their table: `--prune` deletes them");
                }
                return Ok((applied, None));
            }
        } else if options.saved.is_none() && runtime_key(manifest, options.runtime, found.as_ref()).is_none() {
            return Err(DeployError::NoRuntime(options.no_runtime));
        }
        if !up_to_date {
            deployment.warn_if_throttled().await;
        }
        ensure_bucket(&deployment.bucket, deployment.operator()).await?;
        let lock = deployment.lock("apply").await?;
        let done = self.locked(deployment, &options, seed_options, &lock).await;
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
        options: &ApplyOptions<'_>,
        seed_options: &SeedOptions,
        lock: &DeployLock,
    ) -> Result<(AppliedStack, Option<SeedResult>), DeployError> {
        let applied = match self.only {
            Some(_) => AppliedStack::unchanged(deployment.stack().require(deployment.caller).await?),
            None => deployment.stack_apply(lock).run(deployment.stack().find().await?, options).await?,
        };
        let Some(stack) = applied.stack.clone().filter(|_| applied.outcome != Outcome::Started && !self.no_items)
        else {
            return Ok((applied, None));
        };
        let seeder = deployment.seeder();
        let state = seeder.load_state(Some(&stack), seed_options).await?;
        if state.is_done {
            return Ok((applied, None));
        }
        if deployment.operator().interrupt.raised() {
            return Err(DeployError::InterruptedBetweenSteps(NO_ITEMS));
        }
        let confirmed = applied.outcome != Outcome::Unchanged;
        let seeded = seeder.write(&stack, state, &SeedOptions { confirmed, ..seed_options.clone() }, lock).await?;
        Ok((applied, Some(seeded)))
    }
}

/// The runtime on this machine, or why there is none: the one that was built last; or, where `build` is set and nothing
/// is deployed yet, one that is built now. A deployed runtime stays where none was built here.
///
/// # Errors
/// A runtime that Lambda could not run.
pub fn runtime_to_deploy(
    file: &LoadedPipeline,
    deployment: &Deployment<'_>,
    found: Option<&StackDescription>,
    build: bool,
) -> Result<(Option<RuntimeZip>, String), DeployError> {
    let manifest = &deployment.generated.manifest;
    let ready = || -> Result<_, CommandError> {
        let architecture = file.pipeline(deployment.environment())?.functions.architecture;
        let artifact = match artifact::artifact(&file.root, architecture)? {
            None if !build => return Ok(None),
            None if runtime_key(manifest, None, found).is_some() => {
                message("no binary was built here: the deployed one is kept");
                return Ok(None);
            }
            None => compile(file, architecture, None, None)?.artifact,
            Some(artifact) => artifact,
        };
        let runtime = RuntimeZip::new(artifact.path.clone(), &manifest.stack, architecture.word(), &artifact.sha256);
        let deployed = runtime_key(manifest, None, found).as_ref() == Some(&runtime.key);
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
    let made = ensure_bucket(&deployment.bucket, deployment.operator()).await?;
    let name = &deployment.bucket.name;
    message(&format!("{}ready{}: artifact bucket `{name}`", Style::SUCCESS, Style::END));
    Ok(json!({ "bucket": name, "made": made }))
}

/// Reports the items, the schedule and the first run.
fn report_items(seeded: &SeedResult, deployment: &Deployment<'_>) {
    for (table, rows) in &seeded.tables {
        message(&format!("items of table `{table}`: {rows}"));
    }
    for file in &seeded.files {
        message(&format!("uploaded `s3://{file}`"));
    }
    match deployment.generated.manifest.first_run {
        _ if !seeded.enabled_schedule => {}
        FirstRun::Apply => message("enabled the schedule"),
        FirstRun::Schedule => message("enabled the schedule, which starts the first run within minutes"),
        FirstRun::Never => message("the schedule is disabled, as `[schedule] enabled` says: nothing runs by itself"),
    }
    if let Some(run) = &seeded.run {
        message(&format!(
            "started the first run, {}, with function `{}`: follow it in the log group `/aws/lambda/{}`",
            run.scheduled_time, run.function, run.function
        ));
    }
}

/// Reports the stack; `more` tells that items were written too.
fn report(applied: &AppliedStack, deployment: &Deployment<'_>, more: bool) {
    let name = &deployment.client.name;
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
