//! The copy of a file of items that the functions read: edited under the condition that nobody else changed it.

use fanggen_runtime::model::file_format::ItemFileFormat;

use super::error::ItemsEditError;
use super::file_edit::{FileEdit, RowsChange, edit_file};
use super::table::TableEditError;
use crate::deploy::aws::s3::item_files::ItemFilesClient;
use crate::deploy::error::DeployError;

/// How often an edit is tried while others change the object.
const ATTEMPTS: u32 = 5;

/// The object of a source.
pub struct UploadedItemsFile {
    /// The client.
    pub client: ItemFilesClient,
    /// Its bucket.
    pub bucket: String,
    /// Its format; its path is the key of the object.
    pub format: ItemFileFormat,
}

impl UploadedItemsFile {
    /// The object in messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.format.path)
    }

    /// Its content; nothing if the bucket or the object does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn content(&self) -> Result<Option<Vec<u8>>, TableEditError> {
        let found = self.client.read(&self.bucket, &self.format.path).await.map_err(DeployError::from)?;
        Ok(found.map(|(content, _)| content))
    }

    /// Edits it, unless this is a dry run; nothing if it does not exist.
    ///
    /// # Errors
    /// A file that cannot be edited, others who change it all the time, and failed calls.
    pub async fn edit(&self, change: RowsChange<'_>, dry_run: bool) -> Result<Option<Vec<FileEdit>>, TableEditError> {
        let mut format = self.format.clone();
        format.path = self.place();
        for _ in 0..ATTEMPTS {
            let found = self.client.read(&self.bucket, &self.format.path).await.map_err(DeployError::from)?;
            let Some((before, tag)) = found else { return Ok(None) };
            let (after, done) = edit_file(&before, &format, change)?;
            if dry_run || after == before {
                return Ok(Some(done));
            }
            let put = self.client.replace(&self.bucket, &self.format.path, after, &tag).await;
            if put.map_err(DeployError::from)? {
                return Ok(Some(done));
            }
        }
        Err(ItemsEditError::Contended(self.place()).into())
    }
}
