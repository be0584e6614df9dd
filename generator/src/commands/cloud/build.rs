//! `fanggen build`: the functions' one binary as a Lambda artifact, compiled here or given.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::artifact::{self, BuildError, Built, OWN_BYTES, ZIP_BYTES};
use crate::commands::{Done, Global, Opened, Style, pretty, print, words};
use crate::config::mistake::Severity;
use crate::config::sections::Architecture;

/// Where `make setup` puts the tools, from the folder of the pipeline's file.
const TOOLS: &str = ".fanggen/tools";

/// Build the functions' one binary, as a Lambda artifact
#[derive(Debug, Args)]
#[command(after_help = "cargo-lambda and zig are taken from the PATH, else from the folder of tools, where \
`make -f generated/Makefile setup` puts them. The artifact is .fanggen/<architecture>/bootstrap.zip beside the \
pipeline's file: the same source gives the same bytes.

Examples:
  fanggen build                         compile fanggen's runtime for the environment's architecture
  fanggen build --source ~/src/fanggen  where the pipeline is not in a checkout of fanggen
  fanggen build --runtime bootstrap     take a program, or a zip with one, that is there already")]
pub struct Build {
    /// The environment, whose architecture it is built for
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// A ready program, or a zip with one called `bootstrap`: nothing is compiled
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    runtime: Option<PathBuf>,
    /// The root of fanggen's source [default: above the pipeline's file, then above this folder]
    #[arg(long, value_name = "FOLDER")]
    source: Option<PathBuf>,
    /// The folder of tools [default: `.fanggen/tools` beside the pipeline's file]
    #[arg(long, value_name = "FOLDER")]
    tools: Option<PathBuf>,
}

impl Build {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Error)?;
        let environment = opened.environment(self.env.as_deref())?;
        let architecture = opened.pipeline(environment)?.functions.architecture;
        let built = match &self.runtime {
            Some(given) => artifact::keep(&opened.root, architecture, given)?,
            None => compiled(&opened, architecture, self.source.as_deref(), self.tools)?,
        };
        let Built { artifact, unpacked, changed } = &built;
        if global.json {
            print(&pretty(&json!({
                "path": artifact.path, "architecture": architecture, "bytes": artifact.bytes, "unpacked": unpacked,
                "sha256": artifact.sha256, "changed": changed,
            })));
        }
        words(&told(&built, &artifact.path));
        if let Some(warning) = large(artifact.bytes) {
            words(&format!("{}warning{}: {warning}", Style::WARNING, Style::END));
        }
        Ok(())
    }
}

/// Compiles fanggen's own runtime, and keeps it as the artifact.
pub fn compiled(
    opened: &Opened,
    architecture: Architecture,
    source: Option<&Path>,
    tools: Option<PathBuf>,
) -> Result<Built, BuildError> {
    let tools = tools.unwrap_or_else(|| opened.root.join(TOOLS));
    words(&format!("compiling fanggen-runtime for {} (the first time takes minutes)", architecture.word()));
    let program = artifact::compile(source, &opened.root, &tools, architecture)?;
    artifact::keep(&opened.root, architecture, &program.path())
}

/// The artifact in words.
fn told(built: &Built, path: &Path) -> String {
    let state = if built.changed { "built" } else { "unchanged" };
    format!(
        "{}{state}{}: {}, {} ({} unpacked)\n   sha256 {}",
        Style::GOOD,
        Style::END,
        path.display(),
        megabytes(built.artifact.bytes),
        megabytes(built.unpacked),
        built.artifact.sha256
    )
}

/// What is to be said of a zip that is larger than it should be.
fn large(bytes: u64) -> Option<String> {
    let size = megabytes(bytes);
    if bytes > ZIP_BYTES {
        Some(format!("{size} is more than the {} that Lambda takes as a zip", megabytes(ZIP_BYTES)))
    } else if bytes > OWN_BYTES {
        Some(format!("{size} is more than {}, and every cold start loads all of it", megabytes(OWN_BYTES)))
    } else {
        None
    }
}

/// So many bytes, in MB of 1,048,576 bytes as Lambda counts them.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_zip_is_told_from_one_that_is_too_large() {
        assert_eq!(large(OWN_BYTES), None);
        assert_eq!(
            large(6 * 1_048_576).as_deref(),
            Some("6.00 MB is more than 5.00 MB, and every cold start loads all of it")
        );
        assert_eq!(
            large(ZIP_BYTES + 1).as_deref(),
            Some("50.00 MB is more than the 50.00 MB that Lambda takes as a zip")
        );
    }
}
