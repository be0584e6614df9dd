//! `fanggen render`: the plan as CloudFormation templates, Makefile, schema and, on request, a CI workflow.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::render::{RenderedFile, ci, disk};
use crate::source;

/// The folder of workflows, from the root of a repository.
const WORKFLOWS: &str = ".github/workflows";

/// Write the CloudFormation templates, the Makefile and the schema
#[derive(Debug, Args)]
#[command(
    after_help = "With `--ci github`, also write the workflow .github/workflows/<pipeline>.yml, at the root of the \
repository (the nearest folder above the pipeline's file that has a `.git`), or beside the file if there is none. The \
top of the workflow lists the repository settings that it needs.

Examples:
  fanggen render                write what changed below generated/
  fanggen render --check        write nothing; fail and show the differences, for CI
  fanggen render --ci github    also write the workflow that checks, plans and applies"
)]
pub struct RenderArgs {
    /// Write nothing: fail if the files on disk are stale, and show the differences
    #[arg(long)]
    check: bool,
    /// The folder for generated files [default: `generated` beside the file]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Also write a workflow for this CI service
    #[arg(long, value_name = "NAME")]
    ci: Option<CiService>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum CiService {
    Github,
}

impl RenderArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Warning)?;
        let workflow = self.ci.map(|CiService::Github| workflow(&file, &global.file)).transpose()?;
        let Rendered { folder, artifacts, mut changes } = Rendered::of(&file, global, self.out)?;
        let mut shown = folder.display().to_string();
        let mut all: Vec<String> = artifacts.iter().map(|artifact: &RenderedFile| artifact.path.clone()).collect();
        let mut count = artifacts.len();
        if let Some((folder, artifact)) = workflow {
            let path = folder.join(&artifact.path).display().to_string();
            shown = format!("{shown} and {}", folder.display());
            all.push(path);
            count += 1;
            changes.extend(disk::renamed(&folder, &artifact)?);
            changes.extend(disk::changes(&folder, &[artifact])?);
        }
        if !self.check {
            disk::write(&changes)?;
        }
        if global.json {
            let changed: Vec<&Path> = changes.iter().map(|change| change.path.as_path()).collect();
            print(&to_json(&json!({ "fresh": changes.is_empty(), "changed": changed, "artifacts": all })));
        }
        for change in &changes {
            if self.check && !global.json {
                print(change.diff().trim_end());
            } else if !self.check {
                let what = match (&change.before, &change.after) {
                    (None, _) => "new",
                    (_, None) => "deleted",
                    _ => "changed",
                };
                message(&format!("{what:>8} {}", change.path.display()));
            }
        }
        let up_to_date = format!("{}up to date{}", Style::SUCCESS, Style::END);
        match (self.check, changes.len()) {
            (_, 0) => message(&format!("{up_to_date}: {} in {shown}", plural(count, "file"))),
            (false, changed) => message(&format!("{changed} of {count} files written in {shown}")),
            (true, stale) => {
                let red = format!("{}stale{}", Style::ERROR, Style::END);
                let option = self.ci.map_or("", |CiService::Github| " --ci github");
                message(&format!("{red}: {} in {shown}; run `fanggen render{option}`", plural(stale, "file")));
                return Err(CommandError::Exit(1));
            }
        }
        Ok(())
    }
}

/// The workflow, and the folder that it belongs to.
fn workflow(file: &LoadedPipeline, path: &Path) -> Result<(PathBuf, RenderedFile), CommandError> {
    let beside = Path::new(".").join(&file.root);
    let fail = |error| CommandError::System("the folder of the pipeline's file cannot be found", error);
    let root = std::fs::canonicalize(&beside).map_err(fail)?;
    let repository = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&root);
    let from = |folder: &Path| match folder.strip_prefix(repository) {
        Ok(inside) if inside.as_os_str().is_empty() => Some(".".to_owned()),
        Ok(inside) => Some(inside.to_string_lossy().into_owned()),
        Err(_) => None,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let inside = from(&root).unwrap_or_else(|| ".".into());
    let source = source::above(&root).and_then(from);
    let places = ci::RepositoryPaths { folder: &inside, file: &name, source: source.as_deref() };
    let artifact = ci::github(&file.config.pipelines, &file.plans, &places)?;
    // The printed path starts with what the user typed, where the repository is the folder of the file.
    let folder = if repository == root { file.root.join(WORKFLOWS) } else { repository.join(WORKFLOWS) };
    Ok((folder, artifact))
}
