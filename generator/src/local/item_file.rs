//! A file of items below the pipeline's own folder. A change while it is read is noticed, as it is in an account.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fanggen_runtime::component::services::{OpenFile, PipelineFile};
use fanggen_runtime::model::error::{Error, ErrorCode};

use super::inputs::edition_of;

/// A file below a folder.
pub struct LocalItemFile {
    root: PathBuf,
    path: String,
}

impl LocalItemFile {
    pub fn new(root: &Path, path: &str) -> Self {
        Self { root: root.to_owned(), path: path.to_owned() }
    }
}

#[async_trait]
impl PipelineFile for LocalItemFile {
    async fn open(&self) -> Result<OpenFile, Error> {
        let unreadable = |error| Error::permanent(ErrorCode::FileUnreadable, format!("`{}`: {error}", self.path));
        let file = File::open(self.root.join(&self.path)).map_err(unreadable)?;
        let edition = edition_of(&file.metadata().map_err(unreadable)?);
        let unchanged = UnchangedFile { file, edition: edition.clone(), path: self.path.clone() };
        Ok(OpenFile { reader: Box::new(unchanged), version: edition })
    }
}

/// A file that fails to be read once it was changed: rows after the change would not follow those before it.
struct UnchangedFile {
    file: File,
    edition: String,
    path: String,
}

impl Read for UnchangedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        if edition_of(&self.file.metadata()?) != self.edition {
            return Err(io::Error::other(Error::source_changed(&self.path)));
        }
        Ok(bytes)
    }
}
