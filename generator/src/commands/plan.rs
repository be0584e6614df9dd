//! `fanggen plan --offline`: all resources of an environment, without asking AWS.

use clap::Args;

use super::{Done, Global, pretty, print};
use crate::config::mistake::Severity;

/// Show all resources of an environment
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen plan --offline               the default environment, as a tree
  fanggen plan --offline --env prod --json")]
pub struct PlanCommand {
    /// The environment
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Plan from the file alone, without asking AWS what is deployed
    #[arg(long, required = true)]
    offline: bool,
}

impl PlanCommand {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Warning)?;
        let plan = opened.plan(opened.environment(self.env.as_deref())?)?;
        print(&if global.json { pretty(plan) } else { plan.to_string() });
        Ok(())
    }
}
