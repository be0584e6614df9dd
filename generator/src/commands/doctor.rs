//! `fanggen doctor`: is everything there that this machine and account need?

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, to_json};
use super::pipeline_file::{self, LoadedPipeline};
use super::rendered::Rendered;
use crate::config::mistake::tidy;
use crate::doctor::{Check, CheckOutcome, pipeline};

/// Check this machine, your credentials and your AWS account, and explain how to fix any problems
#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing. Without a pipeline file, only fanggen itself is checked. The exit code is 1 if there
is a problem. Warnings, about what you may need later, do not affect it.

Examples:
  fanggen doctor
  fanggen doctor --env prod    check the account and architecture of prod only
  fanggen doctor --offline     check without calling AWS"
)]
pub struct DoctorArgs {
    /// The environment to check [default: all]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Skip the checks that need AWS
    #[arg(long)]
    offline: bool,
}

impl DoctorArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let mut checks = vec![pipeline::fanggen()];
        match self.pipeline(global, &mut checks)? {
            Some(file) => match Rendered::of(&file, global, None) {
                Err(error) => {
                    checks.push(Check::failed("generated", CheckOutcome::Problem, &error));
                    checks.push(Check::skipped("AWS", "needs generated files"));
                }
                Ok(rendered) => {
                    let folder = rendered.folder.display().to_string();
                    checks.push(pipeline::generated(&folder, rendered.changes.len()));
                    self.environments(&file, &rendered, &mut checks)?;
                }
            },
            None => checks.push(Check::skipped("AWS", "needs a valid pipeline")),
        }
        let problems = checks.iter().filter(|check| check.outcome == CheckOutcome::Problem).count();
        let warnings = checks.iter().filter(|check| check.outcome == CheckOutcome::Warning).count();
        if global.json {
            print(&to_json(&json!({ "problems": problems, "warnings": warnings, "checks": checks })));
        } else {
            checks.iter().for_each(show);
            message(&format!("{}, {}", plural(problems, "problem"), plural(warnings, "warning")));
        }
        if problems > 0 { Err(CommandError::Exit(1)) } else { Ok(()) }
    }

    /// The pipeline, if there is one without errors.
    fn pipeline(&self, global: &GlobalArgs, checks: &mut Vec<Check>) -> Result<Option<LoadedPipeline>, CommandError> {
        let text = match pipeline_file::read(&global.file) {
            Ok(text) => text,
            Err(error) => {
                let name = global.file.display().to_string();
                let unnamed = global.file == Path::new("pipeline.toml") && self.env.is_none();
                let mend = "change to your pipeline's folder, or create a pipeline with `fanggen init`";
                checks.push(match global.file.symlink_metadata() {
                    Err(absent) if unnamed && absent.kind() == std::io::ErrorKind::NotFound => {
                        Check::bad(name, CheckOutcome::Warning, "not found in this folder", mend)
                    }
                    _ => Check::failed(name, CheckOutcome::Problem, &error),
                });
                return Ok(None);
            }
        };
        let (config, loaded) = LoadedPipeline::of(global, &text);
        checks.push(pipeline::file(&config));
        Ok(loaded)
    }

    #[cfg(feature = "aws")]
    fn environments(&self, file: &LoadedPipeline, rendered: &Rendered, checks: &mut Vec<Check>) -> CommandResult {
        use super::block_on::block_on;
        use super::build::TOOLS;
        use crate::doctor::{account, toolchain};

        let environments = file.environments(self.env.as_deref())?;
        let mut architectures = Vec::new();
        for environment in &environments {
            let architecture = file.pipeline(environment)?.functions.architecture;
            if !architectures.contains(&architecture) {
                architectures.push(architecture);
                checks.extend(toolchain::checks(&file.root, &file.root.join(TOOLS), architecture));
            }
        }
        if self.offline {
            checks.push(Check::skipped("AWS", "`--offline` was given"));
            return Ok(());
        }
        let calls = async {
            let mut found = Vec::new();
            for environment in &environments {
                let (account, manifest) = super::aws_session::account_of(file, environment, rendered).await?;
                found.extend(account::checks(environment, &account, &manifest).await);
            }
            Ok::<_, CommandError>(found)
        };
        checks.extend(block_on(calls)??);
        Ok(())
    }

    #[cfg(not(feature = "aws"))]
    fn environments(&self, file: &LoadedPipeline, _: &Rendered, checks: &mut Vec<Check>) -> CommandResult {
        file.environment(self.env.as_deref())?;
        checks.push(Check::skipped("AWS", "this build has no AWS support"));
        Ok(())
    }
}

/// Prints a check: its name and what was found on a line, and below it what to do.
fn show(check: &Check) {
    let (style, word) = match check.outcome {
        CheckOutcome::Ok => (Style::SUCCESS, "ok"),
        CheckOutcome::Skipped => ("", "skipped"),
        CheckOutcome::Warning => (Style::WARNING, "warning"),
        CheckOutcome::Problem => (Style::ERROR, "problem"),
    };
    print(&format!("{style}{word:<8}{} {}: {}", Style::END, tidy(&check.name), tidy(&check.found)));
    for line in check.mend.iter().flat_map(|mend| mend.lines()) {
        print(&format!("         {}", tidy(line)));
    }
}
