//! `fanggen apply`: what was rendered, made true in the account.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CloudFailure;
use super::build::compiled;
use super::items;
use super::open::{Cloud, placed, wait_for};
use crate::artifact;
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Failure, Global, Opened, Style, pretty, print, words};
use crate::config::mistake::Severity;
use crate::deploy::apply::{Applied, Order, Outcome};
use crate::deploy::change_set::Runtime;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::items::files::Files;
use crate::deploy::seed::{Contents, Filled, Filling};
use crate::deploy::stack_state::Described;
use crate::render::disk;

/// Make what was rendered true in the account
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen render && fanggen apply          the default environment: shown, asked, done
  fanggen apply --env prod --yes           without a question, as in CI
  fanggen plan --env prod --save           now, and after a review exactly that:
  fanggen apply --env prod --change-set fanggen-saved-..

Exit codes: 0 done or nothing to do, 1 stopped; the words say where it stands and which command goes on.")]
pub struct Apply {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Say yes to every question
    #[arg(short, long)]
    yes: bool,
    /// Let CloudFormation not wait for resources to settle: quicker, for development
    #[arg(long)]
    express: bool,
    /// Come back once CloudFormation has begun; the next apply goes on from there
    #[arg(long)]
    no_wait: bool,
    /// Leave the items alone
    #[arg(long, conflicts_with_all = ["prune", "only"])]
    no_items: bool,
    /// Also delete from the table the items that left the file
    #[arg(long)]
    prune: bool,
    /// Start no run after the first apply
    #[arg(long)]
    no_run: bool,
    /// Render first
    #[arg(long)]
    render: bool,
    /// Give up the data of this resource, which has to be replaced or deleted (again for more)
    #[arg(long, value_name = "LOGICAL_ID")]
    replace: Vec<String>,
    /// Carry out exactly this change set, made by `fanggen plan --save`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["render", "express"])]
    change_set: Option<String>,
    /// Do only one part
    #[arg(long, value_name = "PART", conflicts_with_all = ["express", "no_wait", "replace", "change_set"])]
    only: Option<Part>,
    /// The folder for generated files [default: `generated` beside the file]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The bucket of artifacts of this account and region
    Bucket,
    /// The items of the file, in a stack that is there
    Items,
}

impl Apply {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Warning)?;
        let environment = opened.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&opened, global, self.out.clone())?;
        if rendered.is_stale(&environment) {
            if !self.render {
                return Err(Failure::Cloud(CloudFailure::Stale(rendered.folder.join(&environment))).into());
            }
            disk::write(&rendered.changes)?;
            words(&format!("rendered into {}", rendered.folder.display()));
        }
        let value = wait_for(self.work(&opened, &environment, &rendered, global))??;
        if global.json {
            print(&pretty(&value));
        }
        Ok(())
    }

    async fn work(
        &self,
        opened: &Opened,
        environment: &str,
        rendered: &Rendered,
        global: &Global,
    ) -> Result<serde_json::Value, Failure> {
        let cloud = Cloud::open(opened, environment, rendered).await?;
        let deployment = cloud.deployment(self.yes, global.json)?;
        if self.only == Some(Part::Bucket) {
            return bucket(&deployment).await;
        }
        let filling = Filling {
            wanted: if self.no_items { Contents::new() } else { items::wanted(opened, &deployment).await? },
            files: if self.no_items { Files::new() } else { items::files(opened, &deployment)? },
            prune: self.prune,
            run: !self.no_run && !self.no_items && self.only.is_none(),
            agreed: false,
        };
        let done = self.all(&deployment, opened, &filling).await;
        let (applied, filled) = done.map_err(|error| placed(error, opened, environment))?;
        report(&applied, &deployment, filled.is_some());
        filled.as_ref().inspect(|filled| report_items(filled));
        Ok(json!({ "stack": applied, "items": filled }))
    }

    /// The stack, the items, the first run. The lock is taken only once there is something to do.
    async fn all(
        &self,
        deployment: &Deployment<'_>,
        opened: &Opened,
        filling: &Filling,
    ) -> Result<(Applied, Option<Filled>), DeployError> {
        let found = match self.only {
            Some(_) => Some(deployment.found().await?),
            None => deployment.find().await?,
        };
        let (runtime, no_runtime) = match (self.only, &self.change_set) {
            // A saved change set has its runtime in the bucket already.
            (Some(_), _) | (_, Some(_)) => (None, String::new()),
            (None, None) => order_of(opened, deployment, found.as_ref(), true)?,
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
                    words("items that left the file are still in their table: `--prune` deletes them");
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
        // The first cause comes first.
        let done = done?;
        released?;
        Ok(done)
    }

    /// What is done under the lock, beginning with another look: somebody else may have been at work until now.
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
            return Err(DeployError::Halfway("the stack is done, the items are not"));
        }
        let agreed = applied.outcome != Outcome::Unchanged;
        let filled = deployment.fill(&stack, known, &Filling { agreed, ..filling.clone() }).await?;
        Ok((applied, Some(filled)))
    }
}

/// The runtime of this machine, or why there is none: the one that was built last, or one that is built now where
/// nothing is deployed yet. Where something is, it stays.
///
/// # Errors
/// A runtime that Lambda could not run.
pub fn order_of(
    opened: &Opened,
    deployment: &Deployment<'_>,
    found: Option<&Described>,
    build: bool,
) -> Result<(Option<Runtime>, String), DeployError> {
    let ready = || -> Result<_, Failure> {
        let architecture = opened.pipeline(deployment.environment())?.functions.architecture;
        let artifact = match artifact::artifact(&opened.root, architecture)? {
            None if !build => return Ok(None),
            None if deployment.runtime_key(None, found).is_some() => {
                words("no runtime was built here: the deployed one stays");
                return Ok(None);
            }
            None => compiled(opened, architecture, None, None)?.artifact,
            Some(artifact) => artifact,
        };
        let runtime = Runtime::new(artifact.path.clone(), architecture.word(), &artifact.sha256);
        let known = deployment.runtime_key(None, found).as_ref() == Some(&runtime.key);
        let flaw = if known { None } else { artifact.check(architecture).err() };
        Ok(Some((runtime, flaw)))
    };
    match ready() {
        // What lies there was meant to be deployed: the one that is deployed must not pass for it.
        Ok(Some((_, Some(flaw)))) => Err(DeployError::NoRuntime(flaw.to_string())),
        Ok(runtime) => Ok((runtime.map(|(runtime, _)| runtime), String::new())),
        Err(error) => Ok((None, error.to_string())),
    }
}

async fn bucket(deployment: &Deployment<'_>) -> Result<serde_json::Value, Failure> {
    let made = deployment.ensure_bucket().await?;
    let name = &deployment.bucket.name;
    words(&format!("{}ready{}: the bucket of artifacts `{name}`", Style::GOOD, Style::END));
    Ok(json!({ "bucket": name, "made": made }))
}

/// What became of the items and the first run, in words.
fn report_items(filled: &Filled) {
    for (table, agenda) in &filled.tables {
        words(&format!("items of table `{table}`: {agenda}"));
    }
    for file in &filled.files {
        words(&format!("put `s3://{file}`"));
    }
    if let Some(run) = &filled.run {
        words(&format!(
            "started a first run, {}: function `{}` has the event; what becomes of it is in the log group `/aws/lambda/{}`",
            run.scheduled_time, run.function, run.function
        ));
    }
}

/// What became of the stack, in words; `more` follows about the items.
fn report(applied: &Applied, deployment: &Deployment<'_>, more: bool) {
    let name = &deployment.stack.name;
    let (good, end) = (Style::GOOD, Style::END);
    match applied.outcome {
        Outcome::Unchanged if more => words(&format!("unchanged: stack `{name}` is what was rendered")),
        Outcome::Unchanged => words(&format!("{good}nothing to do{end}: stack `{name}` is what was rendered")),
        Outcome::Created => words(&format!("{good}created{end}: stack `{name}`")),
        Outcome::Updated => words(&format!("{good}updated{end}: stack `{name}`")),
        Outcome::Started => words(&format!(
            "started: CloudFormation is at work on stack `{name}`; `fanggen apply --env {}` follows it to its end, and does \
             what comes after: items, the first run, protection",
            deployment.environment()
        )),
    }
    if let Some(stack) = applied.stack.as_ref().filter(|_| applied.outcome != Outcome::Unchanged) {
        for (key, value) in stack.named() {
            words(&format!("  {key:<24} {value}"));
        }
    }
}
