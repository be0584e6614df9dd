//! The files of items in the buckets of their sources.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::Target;

calls! {
    "s3":
    [operate] GET = "GetObject" on Target::ItemFiles,
    [operate] PUT = "PutObject" on Target::ItemFiles,
    // Without it, S3 says of an object that does not exist that access is denied.
    [operate] LIST = "ListBucket" on Target::ItemBuckets,
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
        Self { client: logged_client!(aws_sdk_s3, account), owner: owner.to_owned() }
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

    /// Reads a file, with the entity tag of its version; nothing if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn read(&self, bucket: &str, key: &str) -> Result<Option<(Vec<u8>, String)>, CallError> {
        let call = self.client.get_object().bucket(bucket).key(key).expected_bucket_owner(&self.owner);
        let answer = match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        let tag = answer.e_tag.clone().unwrap_or_default();
        let body = answer.body.collect().await;
        let body = body.map_err(|error| CallError::Unreachable { action: GET, reason: error.to_string() })?;
        Ok(Some((body.into_bytes().to_vec(), tag)))
    }

    /// Replaces a version of a file; `false` if it is no longer this version.
    ///
    /// # Errors
    /// A failed call.
    pub async fn replace(&self, bucket: &str, key: &str, content: Vec<u8>, tag: &str) -> Result<bool, CallError> {
        let call = self.client.put_object().bucket(bucket).key(key).expected_bucket_owner(&self.owner);
        let sent = call.if_match(tag).body(ByteStream::from(content)).send().await;
        match sent.map_err(|error| CallError::of(PUT, error)) {
            Ok(_) => Ok(true),
            // Somebody else has written it, is writing it, or has deleted it.
            Err(error) if error.is("PreconditionFailed") || error.is("ConditionalRequestConflict") => Ok(false),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
