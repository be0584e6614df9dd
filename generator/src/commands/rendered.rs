//! What the file renders to, beside what is on the disk.

use std::path::{Path, PathBuf};

use super::{Failure, Global, Opened};
use crate::render::disk::{self, Change};
use crate::render::{Artifact, Names, render};

/// The folder for generated files, unless another is named.
const GENERATED: &str = "generated";

/// What the file renders to.
pub struct Rendered {
    /// The folder that it belongs to.
    pub folder: PathBuf,
    /// All of it.
    pub artifacts: Vec<Artifact>,
    /// What differs on the disk.
    pub changes: Vec<Change>,
}

impl Rendered {
    /// Renders, and compares with the folder: `generated` beside the file, unless another is named.
    pub fn of(opened: &Opened, global: &Global, out: Option<PathBuf>) -> Result<Self, Failure> {
        let folder = out.unwrap_or_else(|| opened.root.join(GENERATED));
        // Beside the file, the Makefile finds its way there from wherever it is called.
        let last = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
        let (file, shown, root) = if folder.parent().map(plain) == Some(plain(&opened.root)) {
            (last(&global.file), last(&folder), Some(".."))
        } else {
            (global.file.display().to_string(), folder.display().to_string(), None)
        };
        let artifacts = render(&opened.plans, &Names { file: &file, folder: &shown, root })?;
        let changes = disk::changes(&folder, &artifacts)?;
        Ok(Self { folder, artifacts, changes })
    }

    /// Whether what is on the disk for an environment is not what the file renders to.
    #[cfg(feature = "aws")]
    pub fn is_stale(&self, environment: &str) -> bool {
        let inside = self.folder.join(environment);
        self.changes.iter().any(|change| change.path.starts_with(&inside))
    }

    /// One file of an environment.
    #[cfg(feature = "aws")]
    pub fn text(&self, environment: &str, name: &str) -> &str {
        let path = format!("{environment}/{name}");
        self.artifacts.iter().find(|artifact| artifact.path == path).map_or("", |artifact| &artifact.text)
    }
}
