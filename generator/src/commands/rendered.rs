//! What the pipeline's file renders to, and how it differs from the files on disk.

use std::path::{Path, PathBuf};

use super::args::GlobalArgs;
use super::error::CommandError;
use super::pipeline_file::LoadedPipeline;
use crate::render::disk::{self, FileChange};
use crate::render::{RenderPaths, RenderedFile, render};

/// The folder for generated files, unless another is named.
const GENERATED: &str = "generated";

/// What the file renders to.
pub struct Rendered {
    /// The folder that it belongs in.
    pub folder: PathBuf,
    /// All files.
    pub artifacts: Vec<RenderedFile>,
    /// What differs on disk.
    pub changes: Vec<FileChange>,
}

impl Rendered {
    /// Renders, and compares with the folder: `generated` beside the file, unless `out` names another.
    pub fn of(file: &LoadedPipeline, global: &GlobalArgs, out: Option<PathBuf>) -> Result<Self, CommandError> {
        let folder = out.unwrap_or_else(|| file.root.join(GENERATED));
        // In a folder beside the file, the Makefile works from any current folder.
        let last = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
        let (name, shown, root) = if folder.parent().map(plain) == Some(plain(&file.root)) {
            (last(&global.file), last(&folder), Some(".."))
        } else {
            (global.file.display().to_string(), folder.display().to_string(), None)
        };
        let artifacts = render(&file.plans, &RenderPaths { file: &name, folder: &shown, root })?;
        let changes = disk::changes(&folder, &artifacts)?;
        Ok(Self { folder, artifacts, changes })
    }

    /// Whether the files of an environment on disk differ from what the pipeline's file renders to.
    #[cfg(feature = "aws")]
    pub fn is_stale(&self, environment: &str) -> bool {
        let inside = self.folder.join(environment);
        self.changes.iter().any(|change| change.path.starts_with(&inside))
    }

    /// The text of one file of an environment.
    #[cfg(feature = "aws")]
    pub fn text(&self, environment: &str, name: &str) -> &str {
        let path = format!("{environment}/{name}");
        self.artifacts.iter().find(|artifact| artifact.path == path).map_or("", |artifact| &artifact.text)
    }
}
