//! `fanggen plan`: what an apply would change; or, offline, all resources of an environment.

use clap::Args;

use super::{Done, Global, pretty, print};
use crate::config::mistake::Severity;

/// Show what apply would change
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen plan --env prod              what an apply would change in the account
  fanggen plan --env prod --save       the same, kept for `fanggen apply --change-set`
  fanggen plan --offline               all resources from the file alone, as a tree

Exit codes: 0 nothing to do, 2 changes, 1 error.")]
pub struct PlanCommand {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Plan from the file alone, without asking AWS what is deployed
    #[arg(long)]
    #[cfg_attr(not(feature = "aws"), arg(required = true))]
    offline: bool,
    /// Keep the change set, to be carried out after a review
    #[cfg(feature = "aws")]
    #[arg(long, conflicts_with = "offline")]
    save: bool,
    /// The folder for generated files [default: `generated` beside the file]
    #[cfg(feature = "aws")]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<std::path::PathBuf>,
}

impl PlanCommand {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Warning)?;
        let environment = opened.environment(self.env.as_deref())?;
        #[cfg(feature = "aws")]
        if !self.offline {
            let wish = super::cloud::plan::Wish { save: self.save, out: self.out };
            return super::cloud::plan::plan(&opened, environment, wish, global);
        }
        let plan = opened.plan(environment)?;
        print(&if global.json { pretty(plan) } else { plan.to_string() });
        Ok(())
    }
}
