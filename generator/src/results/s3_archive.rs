//! The archive of a sink in S3.

use async_trait::async_trait;

use super::archive::{ArchivedChunk, ResultArchive, ResultsError};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::s3::result_objects::ResultObjectsClient;
use crate::not_deployed::NotDeployed;

/// The objects of a sink.
#[derive(Clone, Debug)]
pub struct S3Archive {
    /// The client.
    pub client: ResultObjectsClient,
    /// The bucket.
    pub bucket: String,
    /// The first part of the keys, without a trailing slash.
    pub prefix: String,
    /// The environment that has it.
    pub environment: String,
}

impl S3Archive {
    fn failed(&self, error: CallError) -> ResultsError {
        match error.is_absent() {
            true => NotDeployed::new(&self.environment, "bucket", &self.bucket).into(),
            false => ResultsError::Account(error.to_string()),
        }
    }
}

#[async_trait]
impl ResultArchive for S3Archive {
    async fn days(&self) -> Result<Vec<String>, ResultsError> {
        let start = format!("{}/dt=", self.prefix);
        let folders = self.client.folders(&self.bucket, &start).await;
        let folders = folders.map_err(|error| self.failed(error))?;
        let day = |folder: &String| Some(folder.strip_prefix(&start)?.strip_suffix('/')?.to_owned());
        Ok(folders.iter().filter_map(day).collect())
    }

    async fn chunks(&self, day: &str) -> Result<Vec<ArchivedChunk>, ResultsError> {
        let keys = self.client.keys(&self.bucket, &format!("{}/dt={day}/", self.prefix)).await;
        let keys = keys.map_err(|error| self.failed(error))?;
        Ok(keys.iter().filter_map(|key| ArchivedChunk::of(key)).collect())
    }

    async fn read(&self, chunk: &ArchivedChunk) -> Result<Vec<u8>, ResultsError> {
        // One that was deleted since it was listed is reported, and not taken for an environment without a bucket.
        self.client.read(&self.bucket, &chunk.key).await.map_err(|error| ResultsError::Account(error.to_string()))
    }
}
