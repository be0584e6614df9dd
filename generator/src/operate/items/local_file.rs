//! A file of items on this machine: read, edited, and replaced as a whole.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fanggen_runtime::model::file_format::ItemFileFormat;

use super::error::ItemsEditError;
use super::file_edit::{FileEdit, RowsChange, edit_file};

/// A file below the folder of `pipeline.toml`.
pub struct LocalItemsFile {
    path: PathBuf,
    format: ItemFileFormat,
}

impl LocalItemsFile {
    /// The file of a source.
    #[must_use]
    pub fn of(root: &Path, format: &ItemFileFormat) -> Self {
        Self { path: root.join(&format.path), format: format.clone() }
    }

    /// Its content.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn content(&self) -> Result<Vec<u8>, ItemsEditError> {
        std::fs::read(&self.path).map_err(|error| ItemsEditError::Unreadable {
            name: self.path.display().to_string(),
            reason: error.to_string(),
        })
    }

    /// Edits it, unless this is a dry run. A command that is killed leaves the old file or the new one.
    ///
    /// # Errors
    /// A file that cannot be edited or written.
    pub fn edit(&self, change: RowsChange<'_>, dry_run: bool) -> Result<Vec<FileEdit>, ItemsEditError> {
        let before = self.content()?;
        let (after, done) = edit_file(&before, &self.format, change)?;
        if !dry_run && after != before {
            self.replace(&after)
                .map_err(|source| ItemsEditError::Unwritable { name: self.path.display().to_string(), source })?;
        }
        Ok(done)
    }

    fn replace(&self, content: &[u8]) -> std::io::Result<()> {
        // A link stays a link: the file behind it is replaced.
        let path = self.path.canonicalize()?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }
}
