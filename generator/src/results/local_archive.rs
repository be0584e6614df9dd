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
    /// The folder with a folder for each day.
    pub folder: PathBuf,
}

#[async_trait]
impl ResultArchive for LocalArchive {
    async fn days(&self) -> Result<Vec<String>, ResultsError> {
        let names = names(&self.folder)?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(DAY)).map(ToOwned::to_owned).collect())
    }

    async fn chunks(&self, day: &str) -> Result<Vec<ArchivedChunk>, ResultsError> {
        let folder = self.folder.join(format!("{DAY}{day}"));
        let names = names(&folder)?;
        Ok(names.iter().filter_map(|name| ArchivedChunk::of(&folder.join(name).to_string_lossy())).collect())
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
