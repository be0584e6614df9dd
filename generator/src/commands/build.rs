//! `fanggen build`: the functions' binary as a Lambda artifact, compiled here or taken from a file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::CommandResult;
use super::output::{Style, message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use crate::artifact::{self, BuildError, BuildResult, OWN_BYTES, ZIP_BYTES};
use crate::config::mistake::Severity;
use crate::config::sections::Architecture;

/// Where `make setup` installs the tools, from the folder of the pipeline's file.
pub const TOOLS: &str = ".fanggen/tools";

/// Build the functions' binary as a Lambda artifact
#[derive(Debug, Args)]
#[command(after_help = "Compiling needs cargo-lambda and zig, on the PATH or in the tools folder, where \
`make -f generated/Makefile setup` installs them. The artifact is .fanggen/<architecture>/bootstrap.zip beside the \
pipeline's file. The same source gives the same bytes.

Examples:
  fanggen build                         compile fanggen's runtime for the environment's architecture
  fanggen build --source ~/src/fanggen  for a pipeline outside a checkout of fanggen
  fanggen build --runtime bootstrap     use a ready program, or a zip that contains one")]
pub struct BuildArgs {
    /// The environment to build for: it determines the architecture [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// A prebuilt program, or a zip that contains one named `bootstrap`: nothing is compiled
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    runtime: Option<PathBuf>,
    /// The root of fanggen's source [default: above the pipeline's file, then above this folder]
    #[arg(long, value_name = "FOLDER")]
    source: Option<PathBuf>,
    /// The folder of tools [default: `.fanggen/tools` beside the pipeline's file]
    #[arg(long, value_name = "FOLDER")]
    tools: Option<PathBuf>,
}

impl BuildArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?;
        let architecture = file.pipeline(environment)?.functions.architecture;
        let built = match &self.runtime {
            Some(given) => artifact::keep(&file.root, architecture, given)?,
            None => compile(&file, architecture, self.source.as_deref(), self.tools)?,
        };
        let BuildResult { artifact, unpacked, changed } = &built;
        if global.json {
            print(&to_json(&json!({
                "path": artifact.path, "architecture": architecture, "bytes": artifact.bytes, "unpacked": unpacked,
                "sha256": artifact.sha256, "changed": changed,
            })));
        }
        message(&summary(&built, &artifact.path));
        if let Some(warning) = size_warning(artifact.bytes) {
            message(&format!("{}warning{}: {warning}", Style::WARNING, Style::END));
        }
        Ok(())
    }
}

/// Compiles fanggen's runtime, and keeps it as the artifact.
pub fn compile(
    file: &LoadedPipeline,
    architecture: Architecture,
    source: Option<&Path>,
    tools: Option<PathBuf>,
) -> Result<BuildResult, BuildError> {
    let tools = tools.unwrap_or_else(|| file.root.join(TOOLS));
    message(&format!("compiling fanggen-runtime for {} (the first time takes minutes)", architecture.word()));
    let program = artifact::compile(source, &file.root, &tools, architecture)?;
    artifact::keep(&file.root, architecture, &program.path())
}

/// The result in one message.
fn summary(built: &BuildResult, path: &Path) -> String {
    let state = if built.changed { "built" } else { "unchanged" };
    format!(
        "{}{state}{}: {}, {} ({} unpacked)\n   sha256 {}",
        Style::SUCCESS,
        Style::END,
        path.display(),
        megabytes(built.artifact.bytes),
        megabytes(built.unpacked),
        built.artifact.sha256
    )
}

/// A warning about a zip that is larger than it should be.
fn size_warning(bytes: u64) -> Option<String> {
    let size = megabytes(bytes);
    if bytes > ZIP_BYTES {
        Some(format!("{size} exceeds the {} that Lambda accepts as a zip", megabytes(ZIP_BYTES)))
    } else if bytes > OWN_BYTES {
        Some(format!("{size} is more than {}, and every cold start loads all of it", megabytes(OWN_BYTES)))
    } else {
        None
    }
}

/// A size in MB of 1,048,576 bytes, as Lambda counts them.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_zip_and_one_that_is_too_large_have_their_own_warnings() {
        assert_eq!(size_warning(OWN_BYTES), None);
        assert_eq!(
            size_warning(6 * 1_048_576).as_deref(),
            Some("6.00 MB is more than 5.00 MB, and every cold start loads all of it")
        );
        assert_eq!(
            size_warning(ZIP_BYTES + 1).as_deref(),
            Some("50.00 MB exceeds the 50.00 MB that Lambda accepts as a zip")
        );
    }
}
