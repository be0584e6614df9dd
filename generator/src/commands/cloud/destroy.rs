//! `fanggen destroy`: everything that apply made, gone.

use clap::Args;
use serde_json::json;

use super::open::{Cloud, placed, wait_for};
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Failure, Global, Opened, Style, pretty, print, words};
use crate::config::mistake::Severity;
use crate::deploy::aws::bucket::State;
use crate::deploy::deployment::Deployment;
use crate::deploy::destroy::Doomed;
use crate::deploy::error::DeployError;

/// Take away everything that apply made
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen destroy                             the default environment: shown, asked, gone
  fanggen destroy --env prod --delete-data    an environment whose data is retained
  fanggen destroy --yes --artifacts           also the bucket of artifacts, when nothing else uses it")]
pub struct Destroy {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Say yes to every question
    #[arg(short, long)]
    yes: bool,
    /// Also delete data that `[data] retain` keeps
    #[arg(long)]
    delete_data: bool,
    /// Also remove the bucket of artifacts, when no other stack uses it
    #[arg(long)]
    artifacts: bool,
}

impl Destroy {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Error)?;
        let environment = opened.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&opened, global, None)?;
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
        let doomed = self.all(&deployment, global).await.map_err(|error| placed(error, opened, environment))?;
        let (good, end) = (Style::GOOD, Style::END);
        words(&match doomed.is_nothing() {
            true => format!("{good}nothing to do{end}: nothing is left of environment `{environment}`"),
            false => format!("{good}gone{end}: nothing is left of environment `{environment}`"),
        });
        Ok(json!({ "gone": doomed }))
    }

    async fn all(&self, deployment: &Deployment<'_>, global: &Global) -> Result<Doomed, DeployError> {
        let doomed = deployment.doomed(self.delete_data).await?;
        if !doomed.is_nothing() {
            if !global.json {
                words(doomed.to_string().trim_end());
            }
            deployment.agree("Destroy all of it? This cannot be undone.").await?;
        }
        // Without the bucket there is no lock; and nobody could be at work who had not made it first.
        let lock = match deployment.bucket.state().await? {
            State::Absent => None,
            _ => Some(deployment.lock("destroy").await?),
        };
        let mut done = deployment.destroy(&doomed).await;
        if self.artifacts && done.is_ok() {
            done = deployment.destroy_artifacts().await;
        }
        let released = match lock {
            Some(lock) => lock.release().await,
            None => Ok(()),
        };
        // The first cause comes first.
        done?;
        released?;
        Ok(doomed)
    }
}
