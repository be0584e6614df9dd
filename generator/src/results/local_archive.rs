//! The archive of a sink on this machine, as `fanggen run` writes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::archive::{ArchivedChunk, ResultArchive, ResultsError};

/// How the folder of a day begins, as the key of an object does.
const DAY: &str = "dt=";

/// The folder of a sink.
#[derive(Clone, Debug)]
pub struct LocalArchive {
    /// The folder in which the folders of days are, or the files themselves.
    pub folder: PathBuf,
}

impl LocalArchive {
    /// Whether there is anything.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    /// The chunks of a folder, those of all its files or of one day.
    fn files(&self, folder: &Path) -> Result<Vec<ArchivedChunk>, ResultsError> {
        let files = names(folder)?.into_iter();
        let path = |name: String| ArchivedChunk::of(&folder.join(name).to_string_lossy());
        Ok(files.filter_map(path).collect())
    }
}

#[async_trait]
impl ResultArchive for LocalArchive {
    async fn days(&self) -> Result<Vec<String>, ResultsError> {
        let names = names(&self.folder)?;
        let mut days: Vec<String> =
            names.iter().filter_map(|name| name.strip_prefix(DAY)).map(ToOwned::to_owned).collect();
        // The files of a sink without days tell theirs by their names.
        days.extend(self.files(&self.folder)?.into_iter().map(|chunk| chunk.run.date()));
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    async fn chunks(&self, day: &str) -> Result<Vec<ArchivedChunk>, ResultsError> {
        let mut chunks = self.files(&self.folder.join(format!("{DAY}{day}")))?;
        chunks.extend(self.files(&self.folder)?.into_iter().filter(|chunk| chunk.run.date() == day));
        Ok(chunks)
    }

    async fn read(&self, chunk: &ArchivedChunk) -> Result<Vec<u8>, ResultsError> {
        fs::read(&chunk.key).map_err(|source| ResultsError::Disk { path: chunk.key.clone(), source })
    }
}

/// The names in a folder; none if there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>, ResultsError> {
    let failed = |source| ResultsError::Disk { path: folder.display().to_string(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(failed)).collect()
}
