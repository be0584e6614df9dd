//! The door to S3 for files of items that functions read: puts each into the bucket of its source.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use super::account::Account;
use super::allow::{Call, calls};
use super::call::CallError;
use crate::resources::Target;

calls! {
    "s3":
    PUT = "PutObject" on Target::ItemFiles,
}

/// The door, for buckets of one owner.
#[derive(Clone, Debug)]
pub struct Files {
    client: Client,
    owner: String,
}

impl Files {
    /// Opens the door for the buckets of an account, given by its 12 digits; nothing is called.
    #[must_use]
    pub fn open(account: &Account, owner: &str) -> Self {
        Self { client: Client::new(&account.sdk), owner: owner.to_owned() }
    }

    /// Puts a file, read as it is sent.
    ///
    /// # Errors
    /// A file that cannot be read any more, and a failed call.
    pub async fn put(&self, bucket: &str, key: &str, path: &Path) -> Result<(), CallError> {
        let unreadable =
            |error: &dyn std::fmt::Display| CallError::Unreachable { action: PUT, reason: format!("`{key}`: {error}") };
        let body = ByteStream::from_path(path).await.map_err(|error| unreadable(&error))?;
        let call = self.client.put_object().bucket(bucket).key(key).expected_bucket_owner(&self.owner);
        call.body(body).send().await.map(drop).map_err(|error| CallError::of(PUT, error))
    }
}
