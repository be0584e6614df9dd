//! The archive of a sink in S3.

use async_trait::async_trait;

use super::archive::{ArchivedChunk, ResultArchive, ResultsError};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::s3::result_objects::ResultObjectsClient;

/// The objects of a sink.
#[derive(Clone, Debug)]
pub struct S3Archive {
    /// The client.
    pub client: ResultObjectsClient,
    /// The bucket.
    pub bucket: String,
    /// The first part of the keys, without a trailing slash.
    pub prefix: String,
}

impl From<CallError> for ResultsError {
    fn from(error: CallError) -> Self {
        Self::Account(error.to_string())
    }
}

#[async_trait]
impl ResultArchive for S3Archive {
    async fn days(&self) -> Result<Vec<String>, ResultsError> {
        let start = format!("{}/dt=", self.prefix);
        let folders = self.client.folders(&self.bucket, &start).await?;
        let day = |folder: &String| Some(folder.strip_prefix(&start)?.strip_suffix('/')?.to_owned());
        Ok(folders.iter().filter_map(day).collect())
    }

    async fn chunks(&self, day: &str) -> Result<Vec<ArchivedChunk>, ResultsError> {
        let keys = self.client.keys(&self.bucket, &format!("{}/dt={day}/", self.prefix)).await?;
        Ok(keys.iter().filter_map(|key| ArchivedChunk::of(key)).collect())
    }

    async fn read(&self, chunk: &ArchivedChunk) -> Result<Vec<u8>, ResultsError> {
        Ok(self.client.read(&self.bucket, &chunk.key).await?)
    }
}
