//! The objects of a sink's bucket, read back.

use aws_sdk_s3::Client;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

calls! {
    "s3":
    [operate_only] GET = "GetObject" on Target::Objects,
    [operate_only] LIST = "ListBucket" on Target::Each(&resources::s3::BUCKET),
}

/// The client, for the buckets of one account.
#[derive(Clone, Debug)]
pub struct ResultObjectsClient {
    client: Client,
    owner: String,
}

impl ResultObjectsClient {
    /// Creates the client for the buckets of an account, without a call.
    #[must_use]
    pub fn open(account: &Account, owner: &str) -> Self {
        Self { client: logged_client!(aws_sdk_s3, account), owner: owner.to_owned() }
    }

    /// The common prefixes below a prefix, up to the next slash; one call per thousand.
    ///
    /// # Errors
    /// A failed call, or a bucket that does not exist.
    pub async fn folders(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, CallError> {
        let call = self.client.list_objects_v2().bucket(bucket).prefix(prefix).delimiter("/");
        let mut pages = call.expected_bucket_owner(&self.owner).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of(LIST, error))?;
            found.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|one| one.prefix));
        }
        Ok(found)
    }

    /// The keys below a prefix; one call per thousand.
    ///
    /// # Errors
    /// A failed call, or a bucket that does not exist.
    pub async fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, CallError> {
        let call = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = call.expected_bucket_owner(&self.owner).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of(LIST, error))?;
            found.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(found)
    }

    /// The content of an object.
    ///
    /// # Errors
    /// A failed call.
    pub async fn read(&self, bucket: &str, key: &str) -> Result<Vec<u8>, CallError> {
        let call = self.client.get_object().bucket(bucket).key(key).expected_bucket_owner(&self.owner);
        let answer = call.send().await.map_err(|error| CallError::of(GET, error))?;
        let body = answer.body.collect().await;
        let body = body.map_err(|error| CallError::Unreachable { action: GET, reason: error.to_string() })?;
        Ok(body.into_bytes().to_vec())
    }
}
