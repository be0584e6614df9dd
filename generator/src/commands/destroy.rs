//! `fanggen destroy`: deletes everything that apply created.

use clap::Args;
use serde_json::json;

use super::args::GlobalArgs;
use super::aws_session::{AwsSession, with_location};
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::deploy::aws::s3::artifacts::BucketStatus;
use crate::deploy::deployment::Deployment;
use crate::deploy::destroy_plan::DestroyPlan;
use crate::deploy::error::DeployError;

/// Delete everything that apply created
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen destroy                             the default environment: show the resources, ask, delete
  fanggen destroy --env prod --delete-data    an environment that retains its data
  fanggen destroy --yes --artifacts           also the artifact bucket, if no other stack uses it")]
pub struct DestroyArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Answer yes to every prompt
    #[arg(short, long)]
    yes: bool,
    /// Also delete the data that `[data] retain` keeps
    #[arg(long)]
    delete_data: bool,
    /// Also delete the artifact bucket, if no other stack uses it
    #[arg(long)]
    artifacts: bool,
}

impl DestroyArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&file, global, None)?;
        let value = block_on(self.destroy(&file, &environment, &rendered, global))??;
        if global.json {
            print(&to_json(&value));
        }
        Ok(())
    }

    async fn destroy(
        &self,
        file: &LoadedPipeline,
        environment: &str,
        rendered: &Rendered,
        global: &GlobalArgs,
    ) -> Result<serde_json::Value, CommandError> {
        let session = AwsSession::open(file, environment, rendered).await?;
        let deployment = session.deployment(self.yes, global.json)?;
        let plan = self.all(&deployment, global).await.map_err(|error| with_location(error, file, environment))?;
        let (success, end, region) = (Style::SUCCESS, Style::END, &session.account.region);
        message(&match plan.is_empty() {
            true => format!("{success}nothing to do{end}: nothing is left of environment `{environment}` in {region}"),
            false => format!("{success}deleted{end}: nothing is left of environment `{environment}` in {region}"),
        });
        deployment.regions().remove();
        if let Some(warning) = deployment.regions().warning() {
            message(&format!("{}warning{}: {warning}", Style::WARNING, end));
        }
        Ok(json!({ "gone": plan }))
    }

    async fn all(&self, deployment: &Deployment<'_>, global: &GlobalArgs) -> Result<DestroyPlan, DeployError> {
        let destroyer = deployment.destroyer();
        let plan = destroyer.plan(self.delete_data).await?;
        if !plan.is_empty() {
            if !global.json {
                message(plan.to_string().trim_end());
            }
            deployment.operator().confirm("Delete all of this? This cannot be undone.").await?;
        }
        // Without the bucket there is no lock, and no apply can be running: it would have created the bucket first.
        let lock = match deployment.bucket.status().await? {
            BucketStatus::Absent => None,
            _ => Some(deployment.lock("destroy").await?),
        };
        let mut done = destroyer.run(&plan, lock.as_ref()).await;
        if self.artifacts && done.is_ok() {
            done = destroyer.delete_artifact_bucket().await;
        }
        let released = match lock {
            Some(lock) => lock.release().await,
            None => Ok(()),
        };
        // A failed destroy matters more than a lock that could not be released.
        done?;
        released?;
        Ok(plan)
    }
}
