//! `fanggen validate`: is the file valid, and what is derived from it?

use clap::Args;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::CommandResult;
use super::output::{Style, message, print, to_json};
use super::pipeline_file::{LoadedPipeline, mistakes_json};
use crate::config::mistake::Severity;
use crate::show::explain::Explanation;

/// Check the file and report every mistake at once
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen validate
  fanggen validate --explain --env prod   show every derived value of prod, its reason and the AWS page behind it
  fanggen validate --json                 print the mistakes for an editor or a script")]
pub struct ValidateArgs {
    /// Print every derived value with its reason
    #[arg(long)]
    explain: bool,
    /// The environment to explain [default: all]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

impl ValidateArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Warning)?;
        let environments: Vec<&str> = match &self.env {
            Some(asked) => vec![file.environment(Some(asked))?],
            None => file.config.environments.iter().map(String::as_str).collect(),
        };
        if global.json {
            let mistakes = mistakes_json(&file.config);
            let mut result = json!({ "valid": true, "mistakes": mistakes, "environments": environments });
            if self.explain {
                for environment in &environments {
                    result["derived"][*environment] = json!(file.plan(environment)?.reasons);
                }
            }
            print(&to_json(&result));
            return Ok(());
        }
        if self.explain {
            for environment in &environments {
                print(&Explanation { environment, reasons: &file.plan(environment)?.reasons }.to_string());
            }
        }
        message(&format!("{}valid{}: {}", Style::SUCCESS, Style::END, summary(&file)));
        Ok(())
    }
}

/// The pipeline in one line: its name, environments and components.
fn summary(file: &LoadedPipeline) -> String {
    let names = file.config.environments.join(", ");
    let Some(pipeline) = file.config.pipelines.values().next() else { return names };
    let flow = [&pipeline.sources, &pipeline.stages, &pipeline.sinks]
        .map(|list| list.iter().map(|component| component.name.as_str()).collect::<Vec<_>>().join(", "));
    format!("{} for {names}: {} -> {} -> {}", pipeline.head.name, flow[0], flow[1], flow[2])
}
