//! `fanggen outputs`: the outputs of the stack.

use clap::Args;

use super::args::GlobalArgs;
use super::aws_session::AwsSession;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::deploy::stack_state::StackDescription;

/// Show the outputs of the stack: the names of tables and buckets
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen outputs
  fanggen outputs --env prod --json | jq -r .ArchiveBucket")]
pub struct OutputsArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

impl OutputsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&file, global, None)?;
        let work = async {
            let session = AwsSession::open(&file, &environment, &rendered).await?;
            let deployment = session.deployment(false, global.json)?;
            Ok::<StackDescription, CommandError>(deployment.stack().require(deployment.caller).await?)
        };
        let stack = block_on(work)??;
        if global.json {
            print(&to_json(&stack.outputs));
        } else {
            for (key, value) in stack.named() {
                print(&format!("{key:<24} {value}"));
            }
        }
        Ok(())
    }
}
