//! Uploads files of items to the buckets of their sources.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::resources::Target;

calls! {
    "s3":
    PUT = "PutObject" on Target::ItemFiles,
}

/// The client, for the buckets of one account.
#[derive(Clone, Debug)]
pub struct ItemFilesClient {
    client: Client,
    owner: String,
}

impl ItemFilesClient {
    /// Creates the client for the buckets of an account, without a call.
    #[must_use]
    pub fn open(account: &Account, owner: &str) -> Self {
        Self { client: Client::new(&account.sdk), owner: owner.to_owned() }
    }

    /// Uploads a file, which is read while it is sent.
    ///
    /// # Errors
    /// A file that cannot be read, and a failed call.
    pub async fn put(&self, bucket: &str, key: &str, path: &Path) -> Result<(), CallError> {
        let unreadable =
            |error: &dyn std::fmt::Display| CallError::Unreachable { action: PUT, reason: format!("`{key}`: {error}") };
        let body = ByteStream::from_path(path).await.map_err(|error| unreadable(&error))?;
        let call = self.client.put_object().bucket(bucket).key(key).expected_bucket_owner(&self.owner);
        call.body(body).send().await.map(drop).map_err(|error| CallError::of(PUT, error))
    }
}
