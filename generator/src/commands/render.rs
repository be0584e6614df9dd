//! `fanggen render`: the plan, written as CloudFormation, Makefile and schema.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Done, Ended, Global, Style, plural, pretty, print, words};
use crate::config::mistake::Severity;
use crate::render::{Artifact, Names, disk, render};

/// The folder for generated files, unless another is named.
const GENERATED: &str = "generated";

/// Write CloudFormation templates, the Makefile and the schema
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen render            write what changed below generated/
  fanggen render --check    write nothing; fail and show what differs, for CI")]
pub struct Render {
    /// Write nothing: fail when the files on disk are stale, and show what differs
    #[arg(long)]
    check: bool,
    /// The folder for generated files [default: `generated` beside the file]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Render {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Warning)?;
        let folder = self.out.unwrap_or_else(|| opened.root.join(GENERATED));
        // Beside the file, the Makefile finds its way there from wherever it is called.
        let last = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
        let (file, shown, root) = if folder.parent().map(plain) == Some(plain(&opened.root)) {
            (last(&global.file), last(&folder), Some(".."))
        } else {
            (global.file.display().to_string(), folder.display().to_string(), None)
        };
        let names = Names { file: &file, folder: &shown, root };
        let artifacts = render(&opened.plans, &names)?;
        let changes = disk::changes(&folder, &artifacts)?;
        if !self.check {
            disk::write(&changes)?;
        }
        if global.json {
            let changed: Vec<&Path> = changes.iter().map(|change| change.path.as_path()).collect();
            let all: Vec<&str> = artifacts.iter().map(|artifact: &Artifact| artifact.path.as_str()).collect();
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
            (_, 0) => words(&format!("{good}: {} in {}", plural(artifacts.len(), "file"), folder.display())),
            (false, changed) => {
                words(&format!("{changed} of {} files written in {}", artifacts.len(), folder.display()))
            }
            (true, stale) => {
                let red = format!("{}stale{}", Style::ERROR, Style::END);
                words(&format!("{red}: {} in {}; run `fanggen render`", plural(stale, "file"), folder.display()));
                return Err(Ended(1).into());
            }
        }
        Ok(())
    }
}
