//! `fanggen render`: the plan, written as CloudFormation, Makefile and schema, and as a workflow where one is asked for.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::rendered::Rendered;
use super::{Done, Ended, Failure, Global, Opened, Style, plural, pretty, print, words};
use crate::config::mistake::Severity;
use crate::render::{Artifact, ci, disk};
use crate::source;

/// The folder of workflows, from the root of a repository.
const WORKFLOWS: &str = ".github/workflows";

/// Write CloudFormation templates, the Makefile and the schema
#[derive(Debug, Args)]
#[command(
    after_help = "With `--ci github`, the workflow .github/workflows/<pipeline>.yml too: in the folder above the \
pipeline's file that has a `.git`, and beside the file where there is none. What it takes of the repository's settings \
is written at its top.

Examples:
  fanggen render                write what changed below generated/
  fanggen render --check        write nothing; fail and show what differs, for CI
  fanggen render --ci github    also the workflow that checks, plans and applies"
)]
pub struct Render {
    /// Write nothing: fail when the files on disk are stale, and show what differs
    #[arg(long)]
    check: bool,
    /// The folder for generated files [default: `generated` beside the file]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Also write the workflow of a continuous integration
    #[arg(long, value_name = "NAME")]
    ci: Option<Ci>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Ci {
    Github,
}

impl Render {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Warning)?;
        let workflow = self.ci.map(|Ci::Github| workflow(&opened, &global.file)).transpose()?;
        let Rendered { folder, artifacts, mut changes } = Rendered::of(&opened, global, self.out)?;
        let mut shown = folder.display().to_string();
        let mut all: Vec<String> = artifacts.iter().map(|artifact: &Artifact| artifact.path.clone()).collect();
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
            print(&pretty(&json!({ "fresh": changes.is_empty(), "changed": changed, "artifacts": all })));
        }
        for change in &changes {
            if self.check && !global.json {
                print(change.diff().trim_end());
            } else if !self.check {
                let what = match (&change.before, &change.after) {
                    (None, _) => "new",
                    (_, None) => "gone",
                    _ => "changed",
                };
                words(&format!("{what:>8} {}", change.path.display()));
            }
        }
        let good = format!("{}fresh{}", Style::GOOD, Style::END);
        match (self.check, changes.len()) {
            (_, 0) => words(&format!("{good}: {} in {shown}", plural(count, "file"))),
            (false, changed) => words(&format!("{changed} of {count} files written in {shown}")),
            (true, stale) => {
                let red = format!("{}stale{}", Style::ERROR, Style::END);
                let how = self.ci.map_or("", |Ci::Github| " --ci github");
                words(&format!("{red}: {} in {shown}; run `fanggen render{how}`", plural(stale, "file")));
                return Err(Ended(1).into());
            }
        }
        Ok(())
    }
}

/// The workflow, and the folder that it belongs to.
fn workflow(opened: &Opened, file: &Path) -> Result<(PathBuf, Artifact), Failure> {
    let beside = Path::new(".").join(&opened.root);
    let fail = |error| Failure::System("the folder of the pipeline's file cannot be found", error);
    let root = std::fs::canonicalize(&beside).map_err(fail)?;
    let repository = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&root);
    let from = |folder: &Path| match folder.strip_prefix(repository) {
        Ok(inside) if inside.as_os_str().is_empty() => Some(".".to_owned()),
        Ok(inside) => Some(inside.to_string_lossy().into_owned()),
        Err(_) => None,
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let inside = from(&root).unwrap_or_else(|| ".".into());
    let source = source::above(&root).and_then(from);
    let places = ci::Places { folder: &inside, file: &name, source: source.as_deref() };
    let artifact = ci::github(&opened.config.pipelines, &opened.plans, &places)?;
    // In words that start with what the user knows, where it is the folder of the file.
    let folder = if repository == root { opened.root.join(WORKFLOWS) } else { repository.join(WORKFLOWS) };
    Ok((folder, artifact))
}
