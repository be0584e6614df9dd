//! `fanggen outputs`: what the stack gives to others.

use clap::Args;

use super::open::{Cloud, wait_for};
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Failure, Global, pretty, print};
use crate::config::mistake::Severity;
use crate::deploy::stack_state::Described;

/// Show the outputs of the stack: names of tables and buckets
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen outputs
  fanggen outputs --env prod --json | jq -r .ArchiveBucket")]
pub struct Outputs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

impl Outputs {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Error)?;
        let environment = opened.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&opened, global, None)?;
        let work = async {
            let cloud = Cloud::open(&opened, &environment, &rendered).await?;
            Ok::<Described, Failure>(cloud.deployment(false, global.json)?.found().await?)
        };
        let stack = wait_for(work)??;
        if global.json {
            print(&pretty(&stack.outputs));
        } else {
            for (key, value) in stack.named() {
                print(&format!("{key:<24} {value}"));
            }
        }
        Ok(())
    }
}
