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
use crate::doctor::{Check, Outcome, pipeline};

/// Check this machine, the credentials and the account, and say how to fix what is missing
#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing. Without a pipeline file, only what every pipeline needs is checked. The exit code is 1 if there is
a problem; warnings are about what you may need later.

Examples:
  fanggen doctor
  fanggen doctor --env prod    the account and architecture of prod only
  fanggen doctor --offline     without a call to AWS"
)]
pub struct DoctorArgs {
    /// The environment to check [default: all]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Leave out what needs AWS
    #[arg(long)]
    offline: bool,
}

impl DoctorArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let mut checks = vec![pipeline::fanggen()];
        match self.pipeline(global, &mut checks)? {
            Some(file) => {
                let rendered = Rendered::of(&file, global, None)?;
                let folder = rendered.folder.display().to_string();
                checks.push(pipeline::generated(&folder, rendered.changes.len()));
                self.environments(&file, &rendered, &mut checks)?;
            }
            None => checks.push(Check::skipped("AWS", "needs a pipeline that is valid")),
        }
        let problems = checks.iter().filter(|check| check.outcome == Outcome::Problem).count();
        let warnings = checks.iter().filter(|check| check.outcome == Outcome::Warning).count();
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
                let is_there = global.file.exists();
                let outcome = if is_there || self.env.is_some() { Outcome::Problem } else { Outcome::Warning };
                let mut check = Check::failed(global.file.display().to_string(), outcome, &error);
                if !is_there && global.file == Path::new("pipeline.toml") {
                    check.found = "there is none in this folder".to_owned();
                    check.mend = Some("change to its folder, or run `fanggen init` for a new one".to_owned());
                }
                checks.push(check);
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
            checks.push(Check::skipped("AWS", "left out by `--offline`"));
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
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the signature with AWS")]
    fn environments(&self, _: &LoadedPipeline, _: &Rendered, checks: &mut Vec<Check>) -> CommandResult {
        checks.push(Check::skipped("AWS", "this build has no AWS support"));
        Ok(())
    }
}

/// Prints a check: its name and what was found on a line, and below it what to do.
fn show(check: &Check) {
    let (style, word) = match check.outcome {
        Outcome::Ok => (Style::SUCCESS, "ok"),
        Outcome::Skipped => ("", "skipped"),
        Outcome::Warning => (Style::WARNING, "warning"),
        Outcome::Problem => (Style::ERROR, "problem"),
    };
    print(&format!("{style}{word:<8}{} {}: {}", Style::END, tidy(&check.name), tidy(&check.found)));
    for line in check.mend.iter().flat_map(|mend| mend.lines()) {
        print(&format!("         {}", tidy(line)));
    }
}
